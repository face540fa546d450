/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A virial theorem of the bonds between beads: what a configuration says about the temperature that sampled it.

#ifndef BACKMAP_MOLECULE_BOND_VIRIAL_H
#define BACKMAP_MOLECULE_BOND_VIRIAL_H

#include "molecule/molecule_spec.h"

#include <array>
#include <vector>

namespace BACKMAP_NS {

/**
   For any vector field B and positions with density exp(-U/kT), <B . grad U> = kT <div B>
   (hypervirial theorem; Jepps, Ayton and Evans, Phys. Rev. E 62, 4757 (2000)). Here B
   stretches one bond of length r: both its beads move along it by (r - r0)/2, away from each other.
   No second derivative of U is needed, r0 may be any constant, and a stiff bond weighs as much as a
   soft one: for a harmonic bond the virial is (r - r0)^2 / variance, less than its ideal value if
   the bond is too narrow for kT.
*/
class BondVirial {
 public:
  struct Terms {
    double virial = 0.0;    ///< sum over bonds of B . grad U, energy units
    double ideal = 0.0;     ///< sum over bonds of div B; without unit
  };

  BondVirial() = default;
  /// bonds: pairs of beads; lengths: r0 of each, > 0
  BondVirial(const std::vector<std::array<int, 2>> &bonds, const std::vector<double> &lengths) :
      bonds_(bonds), lengths_(lengths)
  {
  }

  bool empty() const { return bonds_.empty(); }
  /// z [beads][3], a whole molecule, and the forces -grad U on its beads
  Terms operator()(const double *z, const double *force) const;

 private:
  std::vector<std::array<int, 2>> bonds_;
  std::vector<double> lengths_;
};

/// Pairs of beads with bonded atoms, see Mapping::bead_bonds().
std::vector<std::array<int, 2>> bead_bonds(const MoleculeSpec &molecule);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_ISOMER_H
#define BACKMAP_MOLECULE_ISOMER_H

// What makes a molecule this isomer: amide and ester bonds cis or trans, and the handedness of centres.

#include "molecule/mapping.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct Isomer {
  struct Bond {
    std::array<int, 4> atoms;    // torsion about the second and third
    bool trans;
  };
  struct Centre {
    std::array<int, 4> atoms;    // three neighbors, then the centre
    int sign;                    // of their torsion
  };
  std::vector<Bond> bonds;
  std::vector<Centre> centres;

  /** From the bonds, masses and coordinates x [natoms][3] of the whole molecule, bonds by the atom of their carbon, centres by
      their number. Bonds: from a carbon atom with three neighbors, one of them a lone oxygen atom, to a nitrogen atom with
      three neighbors or an oxygen atom with two, in no ring of up to eight atoms. Centres: atoms with four neighbors, at least
      three of them heavy. Throws std::runtime_error if such a bond is neither cis nor trans within 60 degrees, or a centre is
      flat: x must be a relaxed structure. */
  static Isomer of(const Topology &topology, const std::vector<double> &x);

  /** LAMMPS commands with atom IDs (from 1): a wall that keeps the bonds as they are (fix *trans*), torsions of all bonds and
      centres (compute *isomer*), and a variable *changed* that is 1 when one of them has changed. Bonds and centres with atoms
      that are not in `present` [natoms] are left out. The wall is W [(1 - cos d)/2]^4 at the distance d from cis or trans,
      W = 200 kcal/mol: 0.0002 at 20 degrees, 0.004 at 30, 12 on the top of the barrier. kcal: one kcal/mol in the units of
      the script. */
  std::string commands(const std::vector<char> &present, double kcal) const;
};

}    // namespace BACKMAP_NS

#endif

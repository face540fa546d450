/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_BEAD_TORSIONS_H
#define BACKMAP_MOLECULE_BEAD_TORSIONS_H

// The torsions by which people describe the shape of a molecule, where beads carry them.

#include "molecule/mapping.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct BeadTorsion {
  std::string name;
  std::array<int, 4> atoms;
};

/** One torsion of four bonded atoms that are beads for each bond that turns: in no ring of up to eight atoms, and not between
    two atoms with three neighbors each (an amide). Order of the beads; each runs along the backbone where it can.

    Names: phi, psi and chi about the bonds N-CA, CA-C and CA-CB of an amino acid, with the number of the residue
    if there are several; t for all others, numbered from 1 if there are several. Empty for beads of several atoms. */
std::vector<BeadTorsion> bead_torsions(const Topology &topology, const Mapping &mapping);

}    // namespace BACKMAP_NS

#endif

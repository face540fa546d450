/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_MAP_PROPOSAL_H
#define BACKMAP_MOLECULE_MAP_PROPOSAL_H

// Maps from atoms to beads for any molecule, from its bonds.

#include "molecule/mapping.h"

#include <string>

namespace BACKMAP_NS {

struct MapRule {
  enum Sort {
    Backbone,    // atoms of the backbone, the first one or two atoms of each side chain
    Every,       // every k-th inner atom of the backbone
    Centers,     // centres of mass of about k heavy atoms, with all that hangs on them
    Units        // centres of mass of residues, monomers and caps
  };
  Sort sort = Backbone;
  int k = 1;
};

/** The path of heavy atoms through the molecule that a chemist calls its backbone, from end to end:
    of the shortest paths between atoms with one heavy neighbor the one with most amide and ester
    bonds, then most other N, O and S atoms within, then the longest. */
std::vector<int> find_backbone(const Topology &topology);

/** Rings of more than eight atoms belong to the backbone. Its end atoms are no beads where the bond
    behind their neighbor holds them (planar at both ends, an amide). A side chain is what hangs on
    the backbone, heavy atoms that are bonded to nothing else (a carbonyl oxygen, a halogen) excluded.
    Its second bead is the neighbor of the first with most heavy atoms behind it, of equals the
    heaviest; there is none if the first holds three equal groups.

    Beads follow the backbone, from the end with the lower ID. Names are elements; in a peptide N, CA,
    C, and B and G for the first and second atom of side chains, CB and OG.

    Throws std::runtime_error: not one connected molecule, fewer than three beads. */
Mapping propose_map(const Topology &topology, const MapRule &rule);

/** The map as users read and edit it: one bead or fragment a line. Beads of several atoms must be
    centres of mass. */
std::string map_text(const Mapping &mapping);

}    // namespace BACKMAP_NS

#endif

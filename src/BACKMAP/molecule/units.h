/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_UNITS_H
#define BACKMAP_MOLECULE_UNITS_H

// Residues, monomers and caps of a molecule, from its bonds alone.

#include "molecule/graph.h"
#include "molecule/mapping.h"

namespace BACKMAP_NS {

struct UnitOptions {
  int smallest = 6;               // atoms; smaller pieces join a neighbor
  int largest = 24;               // atoms; a larger piece is cut along its longest path
  int monomer = 8;                // atoms that such a part has at least
  int small_ring = SMALL_RING;    // rings up to this size are never cut
};

/** Unit of each atom, [natoms] from 0 on along the molecule. The rule:

    1. A linker is an atom of nitrogen, oxygen or sulfur with two or more heavy neighbors. It is cut
       off from one of those to which no small ring leads: from the one with the fewest bonds (the
       carbon of an amide or ester, not the carbon behind), and if they are equal from the one
       nearer to the start of the molecule. The start is one end of its longest path.
    2. A piece with more than `largest` atoms is cut along its longest path, from the end nearer to
       the start, after every k atoms of the path; k is the smallest even number with which parts
       have `monomer` atoms on average, so that chains of different lengths have the same parts.
    3. A piece without a bead or with fewer than `smallest` atoms joins the smaller one of its
       neighbors.

    So a capped peptide becomes cap | residue | ... | cap, poly(ethylene oxide) monomers,
    polyethylene parts of four carbon atoms, vinyl polymers with larger side groups monomers. */
std::vector<int> molecular_units(const Topology &topology, const Mapping &mapping,
                                 const UnitOptions &options = {});

/** Classes of atoms that element, charge, number of bonds and the bonds of the whole molecule tell
    apart, [natoms]; they do not depend on the IDs. */
std::vector<int> atom_classes(const Topology &topology);

/** A name of the sort of an atom: element, number of bonds and charge, as C4(-0.1825). */
std::string atom_label(const Topology &topology, const std::vector<std::vector<int>> &neighbors,
                       int atom);

/** An atom with three neighbors, one of them an oxygen atom that has no other, as the carbon of an amide. */
bool carbonyl(const Topology &topology, const std::vector<std::vector<int>> &neighbors, int atom);

/** Atoms by their classes, equal ones by number: decides between equivalent atoms. [natoms] */
std::vector<int> atom_ranks(const Topology &topology);

}    // namespace BACKMAP_NS

#endif

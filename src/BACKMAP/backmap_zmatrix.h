/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_ZMATRIX_H
#define BACKMAP_ZMATRIX_H

#include "backmap_flow_spec.h"
#include "backmap_mapping.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** How the atoms that the beads leave open are built one after another. */
struct ZMatrix {
  std::vector<std::array<int, 4>> rows;    // atom, bond, angle and torsion reference
  std::vector<FlowSpec::Rotor> rotors;     // sign 0: not known without data
};

/** Order and references from the bonds and the beads (each one atom). Every reference is a bead or
    an earlier row. An atom with two built neighbors is held by both (rings, gaps between beads);
    otherwise the angle is measured against a built neighbor of its parent, and the torsion against
    another one if there is one (siblings: a narrow, improper-like torsion), else over the next
    bond. Chains are built before the atoms at their sides, ends last.
    A rotor is a group of two or three end atoms of equal type, charge and bond type that have a
    parent with exactly one other neighbor.
    Throws std::runtime_error: fewer than three beads, beads of several atoms, an atom that no
    bond connects to a bead. */
ZMatrix derive_zmatrix(const Topology &topology, const Mapping &mapping);

/** Bond, angle and torsion of every row [3*nrows], torsions in [-pi,pi) and of rotor members
    relative to the first member as the rows say; x [natoms*3]. */
void raw_internal(const std::vector<std::array<int, 4>> &rows, const double *x, double *y);

/** What the data say about the torsions. */
struct TorsionClasses {
  std::vector<int> circular;                    // slots, ascending
  std::vector<double> centre;                   // [nrows], of the narrow ones, else 0
  std::vector<double> low, high;                // [nrows] the branch as deviations from centre
  std::vector<int> outliers;                    // [nrows] frames outside of the branch
  std::vector<std::vector<int>> outside;        // [nrows] numbers of these frames
};

/** Sorts the torsions of rows into narrow ones (all but a share `rare` of the frames leave an arc
    of more than `gap` radians free; a rare cis peptide bond does not make omega circular) and
    circular ones; sets the sign of the rotors.
    torsions [nframes][nrows]. Throws std::runtime_error if the members of a rotor change their
    order (handedness) in the data. */
TorsionClasses classify_torsions(ZMatrix &zmatrix, int nframes, const std::vector<double> &torsions,
                                 double gap = 2.1, double rare = 2.0e-3);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_ZMATRIX_H
#define BACKMAP_TRAINING_ZMATRIX_H

#include "flow/flow_spec.h"
#include "molecule/mapping.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** How the atoms that the beads leave open are built one after another. */
struct ZMatrix {
  std::vector<std::array<int, 4>> rows;    // atom, bond, angle and torsion reference
  std::vector<FlowSpec::Rotor> rotors;     // sign 0: not known without data
  std::vector<FlowSpec::Body> bodies;      // of beads of several atoms
  int body_rows = 0;                       // their rows, which come first
};

/** Order and references from the bonds and the beads. Every reference is a bead or an earlier row;
    beads of several atoms are built first, as bodies (see FlowSpec::Body), each oriented against a
    neighbor that stands already or against other beads; frames x [nframes][natoms*3] are needed for
    them, to know which points lie on a line. An atom with two built neighbors is held by both (rings, gaps between beads);
    otherwise the angle is measured against a built neighbor of its parent, and the torsion against
    another one if there is one (siblings: a narrow, improper-like torsion), else over the next
    bond. Chains are built before the atoms at their sides, ends last.
    A rotor is a group of two or three end atoms of equal type, charge and bond type that have a
    parent with exactly one other neighbor; all of it with equal weights in one bead of several atoms,
    or outside of them.
    Throws std::runtime_error: fewer than three beads, beads in a line, an atom that no bond connects
    to a bead. */
ZMatrix derive_zmatrix(const Topology &topology, const Mapping &mapping, int64_t nframes = 0,
                       const double *x = nullptr);

/** What the data say about the torsions. */
struct TorsionClasses {
  std::vector<int> circular;                // slots, ascending
  std::vector<double> centre;               // [nrows], of the narrow ones, else 0
  std::vector<double> low, high;            // [nrows] the branch as deviations from centre
  std::vector<int> outliers;                // [nrows] frames outside of the branch
  std::vector<std::vector<int>> outside;    // [nrows] numbers of these frames
};

/** Sorts the torsions of rows into narrow ones (all but a share `rare` of the frames leave an arc
    of more than `gap` radians free; a rare cis peptide bond does not make omega circular) and
    circular ones; a soft torsion (deviating by more than 0.35 radians, root mean square) is circular. Sets the sign of the rotors.
    torsions [nframes][nrows]. Throws std::runtime_error if the members of a rotor change their
    order (handedness) in the data. */
TorsionClasses classify_torsions(ZMatrix &zmatrix, int nframes, const std::vector<double> &torsions,
                                 double gap = 2.1, double rare = 2.0e-3);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_MAP_OPENINGS_H
#define BACKMAP_TRAINING_MAP_OPENINGS_H

// What a map leaves open, for people: how much a flow has to learn, and where another bead would
// help.

#include "molecule/mapping.h"

#include <string>
#include <vector>

namespace BACKMAP_NS {

/** A torsion is free if the atoms that stand when an atom is placed do not fix it: no neighbor of
    its parent stands, except the one that the angle is measured against. Torsions within rings of
    up to eight atoms and about bonds between two planar atoms (three neighbors each) are stiff and
    do not count, those of rotors (methyl groups and such, see ZMatrix) are counted apart. */
struct MapOpenings {
  struct Torsion {
    int atom, parent, axis;    // the first atom that turns, and the bond about which it does
  };
  /// A fragment, or a bead and the atoms next to it if beads have several atoms.
  struct Part {
    std::string name;
    int atoms = 0;    // whose coordinates the beads do not give
    int torsions = 0, rotors = 0, rings = 0;
    std::vector<Torsion> dividing;    // those of the free torsions that turn heavy atoms
  };
  std::vector<Part> parts;
  bool slicing;    // every bead is one atom

  MapOpenings(const Topology &topology, const Mapping &mapping, const std::vector<double> &x);

  /** A line for each part and the sum; equal lines are one with their number. */
  std::string table() const;
  /** What to do about torsions that turn heavy atoms; empty if there are none. */
  std::string advice() const;
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_FRAGMENTS_H
#define BACKMAP_MOLECULE_FRAGMENTS_H

// Groups of atoms that are drawn one after another, each given the points near it that stand.

#include "molecule/mapping.h"
#include "molecule/units.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct FragmentOptions {
  // bonds from a fragment to the points that it sees. With 3, a residue beside a cap looks like one
  // in the middle of a chain, so that short chains teach long ones; with more, the flow of one
  // molecule is better
  static constexpr int REACH = 3, FAR = 6;
  int reach = REACH;
  int apart = 3;    // more bonds than these are between fragments of one stage
  UnitOptions units;
};

/** A partition of the atoms that the beads leave open. Fragments of one stage do not see each other
    and are drawn at once; a fragment sees the points within `reach` bonds that are beads or
    atoms of earlier stages. Everything is in a canonical order, so atom k of one fragment
    corresponds to atom k of any other of its kind, in this molecule and in others, whatever their
    IDs. */
struct Fragments {
  struct Fragment {
    std::string name;
    std::vector<int> atoms;          // its own, in canonical order
    std::vector<int> environment;    // points that stand when it is drawn, in canonical order
    int stage = 0;
    int kind = 0;
  };

  /** Fragments with isomorphic surroundings. The signature says everything that they have in common
      and is the same in every molecule: own atoms with element, number of bonds and charge, points
      of the environment with their element, bonds among all of them, numbers of bonds between
      points where only atoms that are not there lead from one to the other, and the handedness.
      Points count from 1, own atoms first. */
  struct Kind {
    std::string name;    // of its first fragment; two kinds may share a name, not a signature
    std::string signature;
    int natoms = 0, nenvironment = 0;
    std::vector<std::array<int, 2>> bonds;    // among own atoms, then environment; from 0
  };

  std::vector<Fragment> fragments;    // by their lowest atom, or as the map names them
  std::vector<Kind> kinds;
  int nstages = 0;
  int reach = 0;    // that of the options

  /** The fragments that the map names, or else one for each unit (see molecular_units()): the atoms
      between beads that bonds connect stay together and belong to the unit that has most of them.
      The name of such a fragment is the formula of the unit.

      Stages: neighbors (within options.apart bonds) are never in the same. They are given
      along the chain of fragments from one of its ends, to each the first that is free: even ones,
      then odd ones, or the other way round (Mapping::odd_first).

      Environment: if it has fewer than three points that are not in a line, the reach grows for
      this fragment until it has.

      x [natoms][3]: a relaxed structure of the molecule, whole; it gives the handedness of centres,
      and the order of equivalent neighbors of one. Mirror images are different kinds.

      Throws std::runtime_error: beads of several atoms, fewer than three beads, no way by bonds to
      them, no reference coordinates. */
  static Fragments derive(const Topology &topology, const Mapping &mapping,
                          const std::vector<double> &x, const FragmentOptions &options = {});

  /** A fragment as a molecule of its own: its atoms, then the environment, which may be taken as
      beads. The same for all fragments of a kind but for rounding of charges and masses. Types tell
      all points apart except the members of rotors (see ZMatrix), because an atom whose neighbors
      are not all here looks like an end group. Points to which no bond leads are bonded to the
      nearest point of the environment. */
  static Topology local(const Topology &topology, const Fragment &fragment);
};

}    // namespace BACKMAP_NS

#endif

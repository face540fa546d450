/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_BEAD_WINDOWS_H
#define BACKMAP_MOLECULE_BEAD_WINDOWS_H

// Small connected sets of beads, of which a local coarse-grained energy is a sum.

#include "molecule/mapping.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** One window for each bead with two or more bonds, its centre: all beads within `reach` bonds of it.
    So every angle and every torsion of beads is in the window of an inner bead of it. Windows with
    the same surroundings share a kind, in this molecule and in others, whatever their IDs. */
struct BeadWindows {
  static constexpr int REACH =
      3;    // along a peptide with CB: six to nine beads, phi and psi whole

  /** orders: the beads of the window, in every order that the symmetries of the window make
      equivalent to the canonical one; bead 0 of each is the centre. */
  struct Window {
    int kind = 0;
    std::vector<std::vector<int>> orders;
  };

  /** The signature says all that windows of a kind have in common: for each bead the elements and
      bonds of its atoms and, by distance, of the atoms nearest to it, with the handedness of centres
      whose neighbors differ, then the number of its bonds to beads; the bonds within the window; and the
      handedness of branches. Charges are not in it. */
  struct Kind {
    std::string name;    // of the centre of its first window
    std::string signature;
    std::vector<std::string> beads;           // names in its first window
    std::vector<double> masses;               // of the beads
    std::vector<std::array<int, 2>> bonds;    // between its beads
    std::vector<int> degree;                  // bonds of its beads, to beads in the window or not
  };

  int reach = REACH;
  std::vector<std::array<int, 2>> bonds;    // of all beads
  std::vector<Window> windows;              // by their centres
  std::vector<Kind> kinds;

  /** Two beads are bonded if a bond joins atoms that are nearest to them, or an atom is as near to
      one as to the other (then Mapping::bead_bonds() takes the first, which depends on their order).
      x [natoms][3]: a relaxed structure of the molecule, whole, for the handedness. Throws
      std::runtime_error: no bond to a bead, no coordinates, too many symmetries. */
  static BeadWindows derive(const Topology &topology, const Mapping &mapping,
                            const std::vector<double> &x, int reach = REACH);
};

}    // namespace BACKMAP_NS

#endif

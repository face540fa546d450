/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_ZMATRIX_BUILDER_H
#define BACKMAP_TRAINING_ZMATRIX_BUILDER_H

// How atoms are added one after another. Private to zmatrix.cpp and zmatrix_bodies.cpp.

#include "training/zmatrix.h"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct ZMatrixBuilder {
  const std::vector<std::vector<int>> near;
  const std::vector<std::vector<int>> dist;
  std::vector<char> built, bead;
  std::vector<int> rotor;    // number of the rotor an atom belongs to, -1 = none
  std::vector<std::vector<int>> groups;

  explicit ZMatrixBuilder(const Topology &t) :
      near(t.neighbors()), dist(t.bond_distances()), built(t.natoms, 0), bead(t.natoms, 0),
      rotor(t.natoms, -1)
  {
  }

  bool end(int i) const { return near[i].size() <= 1; }

  // built atoms of a list, beads first, then inner atoms, then end atoms
  std::vector<int> preferred(const std::vector<int> &list, const std::vector<int> &without) const
  {
    std::vector<int> out;
    for (int i : list)
      if (built[i] && std::find(without.begin(), without.end(), i) == without.end())
        out.push_back(i);
    std::stable_sort(out.begin(), out.end(), [&](int i, int j) {
      const int a = bead[i] ? 0 : (end(i) ? 2 : 1), b = bead[j] ? 0 : (end(j) ? 2 : 1);
      return a != b ? a < b : i < j;
    });
    return out;
  }

  // built atoms by the number of bonds from i
  int nearest(int i, const std::vector<int> &without) const
  {
    int best = -1;
    for (size_t j = 0; j < built.size(); j++) {
      if (!built[j] || dist[i][j] < 0) continue;
      if (std::find(without.begin(), without.end(), (int) j) != without.end()) continue;
      if (best < 0 || dist[i][j] < dist[i][best]) best = j;
    }
    return best;
  }

  std::array<int, 4> row(int i) const
  {
    const auto own = preferred(near[i], {i});
    const int a = own.empty() ? nearest(i, {i}) : own[0];
    // a second built neighbor closes a ring or a gap between beads
    int b = own.size() > 1 ? own[1] : -1;
    if (b < 0) {
      const auto side = preferred(near[a], {i});
      b = side.empty() ? nearest(i, {i, a}) : side[0];
    }
    int c = -1;
    const auto sibling = preferred(near[a], {i, b});
    if (!sibling.empty())
      c = sibling[0];
    else {
      const auto next = preferred(near[b], {i, a, b});
      c = next.empty() ? nearest(i, {i, a, b}) : next[0];
    }
    if (b < 0 || c < 0)
      throw std::runtime_error("z-matrix: atom " + std::to_string(i + 1) +
                               " has fewer than three atoms to be placed against; expected at "
                               "least three beads in its part of the molecule");
    return {i, a, b, c};
  }

  /// Appends rows for all atoms of `wanted` that can be reached, and their rotors.
  void grow(const std::vector<char> &wanted, ZMatrix &out);
};

/** Rows of all beads of several atoms: the body in the middle of the molecule first, then its
    neighbors. x [nframes][natoms*3] tells which atoms lie on a line and cannot orient anything. */
void build_bodies(ZMatrixBuilder &b, const Topology &topology, const Mapping &mapping,
                  int64_t nframes, const double *x, ZMatrix &out);

}    // namespace BACKMAP_NS

#endif

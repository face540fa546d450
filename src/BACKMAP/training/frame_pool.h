/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FRAME_POOL_H
#define BACKMAP_TRAINING_FRAME_POOL_H

#include <cstdint>
#include <vector>

namespace BACKMAP_NS {

/** The training frames, from which every epoch takes some in turn: pass after pass, each with every frame once. */
class FramePool {
 public:
  /** Copies the marked frames of x [..][natoms][3]. */
  FramePool(int natoms, const double *x, const std::vector<std::int64_t> &which, std::int64_t seed);

  std::int64_t size() const { return (std::int64_t) order.size(); }
  /** The next n frames, or all if there are not so many, in an order drawn by the seed. No frame twice. */
  std::vector<std::int64_t> next(std::int64_t n);
  /** How often every frame had been taken before the last ones. */
  int passes() const { return passes_; }

  std::vector<double> x;    // [size][natoms][3]

 private:
  std::vector<std::int64_t> order;
  std::int64_t seed, at = 0;
  int passes_ = 0;

  void shuffle();
};

}    // namespace BACKMAP_NS

#endif

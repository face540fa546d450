/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/frame_pool.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

FramePool::FramePool(int natoms, const double *frames, const std::vector<std::int64_t> &which,
                     std::int64_t s) :
    order(which.size()),
    seed(s)
{
  const std::size_t stride = 3 * (std::size_t) natoms;
  x.resize(which.size() * stride);
  for (std::size_t i = 0; i < which.size(); i++)
    std::copy_n(frames + which[i] * stride, stride, &x[i * stride]);
  std::iota(order.begin(), order.end(), std::int64_t(0));
  shuffle();
}

/* ----------------------------------------------------------------------
   equal on every machine
------------------------------------------------------------------------- */

void FramePool::shuffle()
{
  std::mt19937_64 gen(0x9e3779b97f4a7c15ull * (std::uint64_t)(seed + 1) + passes_);
  for (std::int64_t i = size() - 1; i > 0; i--) std::swap(order[i], order[gen() % (i + 1)]);
  at = 0;
}

std::vector<std::int64_t> FramePool::next(std::int64_t n)
{
  n = std::min(n, size());
  std::vector<std::int64_t> out(order.begin() + at, order.begin() + std::min(at + n, size()));
  at += (std::int64_t) out.size();
  const std::int64_t left = n - (std::int64_t) out.size();
  if (left == 0) return out;
  // the last ones of a pass and the first ones of the next: those come late there
  passes_++;
  shuffle();
  std::vector<char> taken(size(), 0);
  for (const std::int64_t i : out) taken[i] = 1;
  std::stable_partition(order.begin(), order.end(), [&](std::int64_t i) { return !taken[i]; });
  at = left;
  out.insert(out.end(), order.begin(), order.begin() + left);
  return out;
}

}    // namespace BACKMAP_NS

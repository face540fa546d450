/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "cgnet/repulsion.h"

#include "molecule/features.h"
#include "molecule/graph.h"

#include <algorithm>
#include <cmath>
#include <limits>

using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

FarRepulsion::FarRepulsion(double kT, const std::vector<int> &sort,
                           const std::vector<double> &sigma,
                           const std::vector<std::array<int, 2>> &bonds, int apart) :
    kT(kT),
    nsorts((int) std::lround(std::sqrt((double) sigma.size()))), sort(sort), sigma(sigma),
    close(sort.size())
{
  for (const double s : sigma) cell = std::max(cell, CUTOFF * s);
  const Graph graph = graph_of((int) sort.size(), bonds);
  for (std::size_t i = 0; i < sort.size(); i++) {
    std::vector<int> found = {(int) i};
    std::size_t from = 0;
    for (int d = 1; d < apart; d++) {
      const std::size_t to = found.size();
      for (; from < to; from++)
        for (const int j : graph[found[from]])
          if (std::find(found.begin(), found.end(), j) == found.end()) found.push_back(j);
    }
    std::sort(found.begin(), found.end());
    close[i] = found;
  }
}

/* ----------------------------------------------------------------------
   beads go one by one into a hash table of cells, each compared with those that are there: every
   pair once, in an order that depends on nothing else
------------------------------------------------------------------------- */

double FarRepulsion::evaluate(const double *z, double *g, std::int64_t *compared) const
{
  if (!(cell > 0.0)) return 0.0;
  using Cell = std::array<std::int64_t, 3>;
  const int n = (int) sort.size();
  std::size_t size = 16;
  while (size < 2 * (std::size_t) n) size *= 2;
  thread_local std::vector<int> head, next;    // no step allocates
  thread_local std::vector<Cell> cells;
  head.assign(size, -1);
  next.assign(n, -1);
  cells.resize(n);
  const auto slot = [size](const Cell &c) {
    const std::uint64_t h = (std::uint64_t) c[0] * 0x9e3779b97f4a7c15ull ^
        (std::uint64_t) c[1] * 0xc2b2ae3d27d4eb4full ^ (std::uint64_t) c[2] * 0x165667b19e3779f9ull;
    return (std::size_t)((h ^ (h >> 29)) & (size - 1));
  };
  const double c12 = std::pow(CUTOFF, -12.0);

  double energy = 0.0;
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < 3; k++) {
      const double q = std::floor(z[3 * i + k] / cell);
      if (!(std::fabs(q) < 1.0e15)) return std::numeric_limits<double>::quiet_NaN();
      cells[i][k] = (std::int64_t) q;
    }
    for (int shift = 0; shift < 27; shift++) {
      const Cell c = {cells[i][0] + shift / 9 - 1, cells[i][1] + shift / 3 % 3 - 1,
                      cells[i][2] + shift % 3 - 1};
      for (int j = head[slot(c)]; j >= 0; j = next[j]) {
        if (cells[j] != c) continue;
        if (compared) ++*compared;
        const double s = sigma[sort[i] * nsorts + sort[j]];
        const double r = bead_distance(z + 3 * i, z + 3 * j);
        if (r >= CUTOFF * s) continue;
        if (std::binary_search(close[i].begin(), close[i].end(), j)) continue;
        const double steep = std::pow(s / r, 12.0), slope = 12.0 * c12 / (CUTOFF * s);
        energy += kT * (steep + slope * r - 13.0 * c12);
        if (g)
          bead_distance_gradient(z + 3 * i, z + 3 * j, kT * (slope - 12.0 * steep / r), g + 3 * i,
                                 g + 3 * j);
      }
    }
    const std::size_t mine = slot(cells[i]);
    next[i] = head[mine];
    head[mine] = i;
  }
  return energy;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_pieces.h"

#include <algorithm>
#include <numeric>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void FlowPiece::take(const double *x, double *local) const
{
  for (std::size_t a = 0; a < points.size(); a++) std::copy_n(x + 3 * points[a], 3, local + 3 * a);
}

void FlowPiece::give(const double *local, double *x) const
{
  for (const int a : drawn) std::copy_n(local + 3 * a, 3, x + 3 * points[a]);
}

/* ---------------------------------------------------------------------- */

std::vector<FlowPiece> flow_pieces(const FlowSpec &spec)
{
  std::vector<FlowPiece> pieces;
  const auto add = [&](int kind, std::vector<int> points) {
    FlowPiece piece{kind, std::move(points), {}};
    const auto drawn = spec.piece(kind).drawn_atoms();
    for (std::size_t a = 0; a < drawn.size(); a++)
      if (drawn[a]) piece.drawn.push_back((int) a);
    pieces.push_back(std::move(piece));
  };
  for (const auto &f : spec.fragments) add(f.kind, f.points);
  if (!spec.composed()) {
    std::vector<int> all(spec.natoms);
    std::iota(all.begin(), all.end(), 0);
    add(0, all);
  }
  return pieces;
}

void set_conditions(FlowSpec &spec, double temperature, const std::string &units)
{
  spec.temperature = temperature;
  spec.units = units;
  for (auto &kind : spec.kinds) set_conditions(kind, temperature, units);
}

}    // namespace BACKMAP_NS

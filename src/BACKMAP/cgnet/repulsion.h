/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_REPULSION_H
#define BACKMAP_CGNET_REPULSION_H

#include <array>
#include <cstdint>
#include <vector>

namespace BACKMAP_NS {

/**
   Soft spheres of the beads of a molecule that few bonds do not hold in place, so that the ends of a
   chain feel each other. With a cutoff of CUTOFF sigma, where energy and force vanish, and cells of
   its size: the cost grows with the number of beads, not of pairs.

   u(r) = kT [ (sigma/r)^12 + 12 C^-12 r / (C sigma) - 13 C^-12 ], r < C sigma
*/
class FarRepulsion {
 public:
  static constexpr double CUTOFF = 2.0;

  /// sort: of each bead; sigma [sorts][sorts]; bonds of beads; pairs less than `apart` bonds apart are left out
  FarRepulsion(double kT, const std::vector<int> &sort, const std::vector<double> &sigma,
               const std::vector<std::array<int, 2>> &bonds, int apart);

  /// Energy of z [beads][3], its gradient added to g unless it is null; NaN if z is not finite.
  /// compared: incremented by the number of pairs looked at, unless null.
  double evaluate(const double *z, double *g, std::int64_t *compared = nullptr) const;

 private:
  double kT, cell = 0.0;
  int nsorts;
  std::vector<int> sort;
  std::vector<double> sigma;
  std::vector<std::vector<int>> close;    // beads with fewer bonds between, sorted
};

}    // namespace BACKMAP_NS

#endif

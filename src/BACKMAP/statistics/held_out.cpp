/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/held_out.h"

#include <cmath>
#include <cstdint>
#include <limits>

namespace BACKMAP_NS {

static constexpr double INF = std::numeric_limits<double>::infinity();

/* ---------------------------------------------------------------------- */

void HeldOutFrames::add_frame(int m, const double *u, const double *logq, double own_u,
                              double own_logq)
{
  std::vector<double> logw(m);
  for (int j = 0; j < m; j++) logw[j] = logq[j] == INF || u[j] == INF ? -INF : -u[j] / kt - logq[j];
  set.add_frame({static_cast<std::int64_t>(logv.size()), 0, 1}, m, logw.data(), nullptr);
  for (double &l : logw)
    if (std::isnan(l)) l = -INF;
  // a frame with q = 0 makes 1/v = 0 and v infinite
  logv.push_back(-own_u / kt + free_energy(logw.data(), m).raw - own_logq);
}

double HeldOutFrames::forward_ess() const
{
  return BACKMAP_NS::forward_ess(logv.data(), logv.size());
}

}    // namespace BACKMAP_NS

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_STATISTICS_HELD_OUT_H
#define BACKMAP_STATISTICS_HELD_OUT_H

#include "statistics/weights.h"

#include <vector>

namespace BACKMAP_NS {

/** How good a flow is on all-atom frames that it has not seen: conditional ESS of the samples drawn for their
    beads, and forward ESS of the frames themselves, which shows a mode that the flow misses. Both unclipped. */
class HeldOutFrames {
 public:
  /** kt: kT in the unit of the energies. */
  explicit HeldOutFrames(double kt) : kt(kt) {}

  /** One frame. u, logq [m]: energies and log-densities of the samples drawn for its beads; energy +inf or
      density 0 (logq +inf, no geometry) is weight zero, NaN is weight zero and counted. own_u, own_logq: of the frame itself;
      own_logq -inf is a frame that the flow cannot draw. Throws std::runtime_error for an energy of -inf. */
  void add_frame(int m, const double *u, const double *logq, double own_u, double own_logq);

  double conditional_ess(double quantile = 0.5) const { return set.conditional_ess(quantile); }
  double forward_ess() const;
  const WeightSet &weights() const { return set; }
  /** log v of each frame, v = exp(-U/kT + F(z)/kT) / q. */
  const std::vector<double> &log_forward() const { return logv; }

 private:
  const double kt;
  WeightSet set;
  std::vector<double> logv;
};

}    // namespace BACKMAP_NS

#endif

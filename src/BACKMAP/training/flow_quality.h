/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_QUALITY_H
#define BACKMAP_TRAINING_FLOW_QUALITY_H

#include "flow/flow_spec.h"
#include "training/refresh.h"

#include <cstdint>

namespace BACKMAP_NS {

/** Effective sample sizes over frames, unclipped; see statistics/held_out.h. */
struct FlowQuality {
  double conditional = 0.0, conditional_q10 = 0.0;    // median and 10 % quantile over frames
  double forward = 0.0;                               // 0 if a frame has no density
};

/** How good a flow is on n frames x [n][natoms][3], with `samples` structures for the beads of each. The same
    random numbers for the same seed. kt in units of the model. */
FlowQuality flow_quality(const FlowSpec &flow, double kt, const EnergyFunction &energy,
                         std::int64_t n, const double *x, int samples, std::int64_t seed);

}    // namespace BACKMAP_NS

#endif

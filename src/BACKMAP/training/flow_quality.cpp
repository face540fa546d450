/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_quality.h"

#include "core/random_stream.h"
#include "flow/flow.h"
#include "statistics/held_out.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

namespace BACKMAP_NS {

FlowQuality flow_quality(const FlowSpec &flow, double kt, const EnergyFunction &energy,
                         std::int64_t n, const double *x, int samples, std::int64_t seed)
{
  static constexpr double INF = std::numeric_limits<double>::infinity();
  static constexpr std::int64_t CHUNK = 100;    // frames
  const std::size_t stride = 3 * (std::size_t) flow.natoms;
  const auto evaluator = Flow::create(flow, Flow::Precision::Double, "serial");
  HeldOutFrames held_out(kt);
  for (std::int64_t begin = 0; begin < n; begin += CHUNK) {
    const std::int64_t count = std::min(CHUNK, n - begin);
    const std::vector<double> z = flow.bead_positions(count, x + begin * stride);
    std::vector<double> y(count * samples * stride), logq(count * samples), own(count), u(samples);
    std::vector<std::int64_t> frame(count), none(count, 0);
    std::iota(frame.begin(), frame.end(), begin);
    FlowRequest request;
    request.nframes = (int) count;
    request.z = z.data();
    request.samples = samples;
    request.seed = (std::uint64_t) seed;
    request.stream = random_stream(0, "quality");
    request.timestep = frame.data();
    request.molecule = none.data();
    evaluator->sample(request, y.data(), logq.data());
    evaluator->log_prob((int) count, x + begin * stride, own.data());
    for (std::int64_t i = 0; i < count; i++) {
      const std::size_t first = (std::size_t) i * samples;
      for (int j = 0; j < samples; j++)
        u[j] = logq[first + j] < INF ? energy(&y[(first + j) * stride]) : INF;
      held_out.add_frame(samples, u.data(), &logq[first], energy(x + (begin + i) * stride), own[i]);
    }
  }
  FlowQuality q;
  q.conditional = held_out.conditional_ess();
  q.conditional_q10 = held_out.conditional_ess(0.1);
  q.forward = held_out.forward_ess();
  return q;
}

}    // namespace BACKMAP_NS

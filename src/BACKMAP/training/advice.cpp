/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/advice.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace BACKMAP_NS {

namespace {

constexpr double GOOD = 0.75, GOOD_Q10 = 0.5;    // ESS: more would help little
constexpr double SHARE = 0.1;                    // of what is missing: less is not worth a remedy
constexpr double SMALLEST = 1e-6;

double missing(const FlowQuality &q)
{
  return -0.5 * std::log(std::max(q.conditional, SMALLEST));
}

/* standard error of missing(): of a median, from the quantile for lack of the values themselves */

double error(const FlowQuality &q, std::int64_t n)
{
  const double sd = (q.conditional - q.conditional_q10) / 1.2816;
  return 0.5 * 1.2533 * sd / std::sqrt((double) n) / std::max(q.conditional, SMALLEST);
}

}    // namespace

/* ---------------------------------------------------------------------- */

TrainingAdvice::TrainingAdvice(const TrainingEvidence &e)
{
  const double lack = missing(e.held_back), frames = lack - missing(e.training),
               noise = std::hypot(error(e.held_back, e.frames), error(e.training, e.frames));
  char line[256];
  std::snprintf(line, sizeof line,
                "%.3f nats a frame are missing to a perfect flow; %.3f +- %.3f fewer on training "
                "frames; the second half of the training brought %.3f",
                lack, frames, noise, e.second_half);
  evidence = line;

  const bool by_frames = frames > 2.0 * noise && frames > SHARE * lack,
             by_time = e.second_half > SHARE * lack;
  if (e.held_back.conditional >= GOOD && e.held_back.conditional_q10 >= GOOD_Q10) {
    remedy = Remedy::None;
    text = "the flow is good; more would help little";
  } else if (by_frames && (!by_time || frames > e.second_half)) {
    remedy = Remedy::Frames;
    text = "more frames would help most, of other beads: a longer run, or umbrella windows";
  } else if (by_time) {
    remedy = Remedy::Time;
    text = "more time would help most (keyword minutes)";
  } else if (!e.openings.empty()) {
    remedy = Remedy::Beads;
    text = "another bead would help most: " + e.openings;
  } else {
    remedy = Remedy::Networks;
    text = "larger networks would help most (keywords hidden, couplings), with more time";
  }
}

}    // namespace BACKMAP_NS

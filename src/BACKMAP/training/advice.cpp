/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/advice.h"

#include "molecule/fragments.h"

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
  } else if (e.reach > 0 && e.reach < FragmentOptions::FAR) {
    remedy = Remedy::Reach;
    text = "fragments that see more would help most (keyword reach, here " +
        std::to_string(e.reach) + "), if they need not fit into other molecules";
  } else if (!e.openings.empty()) {
    remedy = Remedy::Beads;
    text = "another bead would help most: " + e.openings;
  } else {
    remedy = Remedy::Networks;
    text = "larger networks would help most (keywords hidden, couplings), with more time";
  }
}

/* ---------------------------------------------------------------------- */

FitAdvice::FitAdvice(const FitEvidence &e)
{
  static constexpr double GOOD_ENERGY = 0.35, SHARE_OF_VARIANCE = 0.25, SHARE_OF_LOSS = 0.05;
  const double variance = e.held_back * e.held_back,
               energy = std::sqrt(std::max(0.0, variance - e.error * e.error)),
               frames = 1.0 - e.training * e.training / std::max(variance, SMALLEST);
  char line[256];
  std::snprintf(line, sizeof line,
                "U_CG - F: %.3f kT on training frames, %.3f kT on held-back frames, of which %.3f "
                "kT are the error of F; the second half of the training took %.0f %% off the loss",
                e.training, e.held_back, e.error, 100.0 * e.second_half);
  evidence = line;

  const bool by_frames = frames > SHARE_OF_VARIANCE, by_time = e.second_half > SHARE_OF_LOSS;
  if (energy < GOOD_ENERGY) {
    remedy = Remedy::None;
    text = "the energy is good; more would help little";
  } else if (by_frames && (!by_time || frames > e.second_half)) {
    remedy = Remedy::Frames;
    text = "free energies of more frames would help most";
  } else if (by_time) {
    remedy = Remedy::Time;
    text = "more time would help most (keyword minutes)";
  } else if (e.error > energy) {
    remedy = Remedy::Samples;
    text = "more samples a frame would help most, or a better flow";
  } else {
    remedy = Remedy::Networks;
    text = "larger networks would help most (keyword hidden), with more time";
  }
}

/* ----------------------------------------------------------------------
   each coordinate that is nearly harmonic has kT/2 of the energy
------------------------------------------------------------------------- */

Diagnoses diagnose_drift(const FrameRefresh::Drift &d, int ndof, double temperature)
{
  static constexpr double ERRORS = 5.0, SHARE_OF_T = 0.02;
  const double change = 2.0 * d.mean / ndof;    // of the temperature
  if (d.error <= 0.0 || std::fabs(d.mean) < ERRORS * d.error || std::fabs(change) < SHARE_OF_T)
    return {};
  char text[512];
  std::snprintf(text, sizeof text,
                "with new atoms for the same beads, the energies of %lld frames have changed by "
                "%.2f +- %.2f kT on average, expected 0; frames of another temperature, %.0f "
                "instead of %.0f, would do that. Remedy: compare temperature, force field and "
                "units with those of the run that wrote the frames; leave its equilibration out; "
                "try a smaller time step",
                (long long) d.frames, d.mean, d.error, temperature * (1.0 - change), temperature);
  return {{"another energy", text}};
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace BACKMAP_NS {

namespace {

using Limits = DiagnosisLimits;

__attribute__((format(printf, 1, 2))) std::string text(const char *format, ...)
{
  char buffer[800];
  va_list list;
  va_start(list, format);
  std::vsnprintf(buffer, sizeof(buffer), format, list);
  va_end(list);
  return buffer;
}

}    // namespace

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_weights(const WeightSet &w)
{
  Diagnoses out;
  const std::size_t n = w.samples();
  if (n == 0) return out;

  const double joint = w.joint_ess(), marginal = w.marginal_ess(),
               conditional = w.conditional_ess();
  const double frames = marginal * static_cast<double>(w.frames());
  if (joint < Limits::JOINT_ESS) {
    // the marginal ESS without the variance within frames, which is the flow's
    const char *remedy = !(w.marginal_ess_corrected() >= conditional)
        ? "the CG energy fits worse than the flow: correct it with train_cgnet ... correct"
        : "the flow fits worse than the CG energy: train it longer, or on more all-atom frames";
    out.push_back({"low_ess",
                   text("low effective sample size: joint ESS %.3g (below %.2g), marginal %.3g, "
                        "conditional %.3g; means and "
                        "their errors rest on few samples. Remedy: %s",
                        joint, Limits::JOINT_ESS, marginal, conditional, remedy)});
  } else if (frames < Limits::EFFECTIVE_FRAMES)
    out.push_back({"low_ess",
                   text("few effective frames: marginal ESS %.3g of %zu CG frames is %.1f (below "
                        "%.0f); the errors of means "
                        "are uncertain themselves. Remedy: a longer CG run",
                        marginal, w.frames(), frames, Limits::EFFECTIVE_FRAMES)});

  const ParetoTail tail = w.khat();
  if (n >= Limits::KHAT_SAMPLES && tail.khat > tail.threshold)
    out.push_back({"high_khat",
                   text("Pareto k-hat %.2f (above %.2f): the weights have so heavy a tail that "
                        "means and errors of this run "
                        "cannot be trusted, however small they look. Remedy: correct the CG energy "
                        "(train_cgnet ... correct) "
                        "if k-hat of the frames, %.2f, is high as well, else train the flow "
                        "longer; more samples alone do "
                        "not help",
                        tail.khat, tail.threshold, w.khat_marginal().khat)});

  const auto &logw = w.log_weights();
  const double top = *std::max_element(logw.begin(), logw.end());
  if (std::isfinite(top)) {
    const double largest = std::exp(top - log_sum_exp(logw.data(), n));
    if (largest >
        std::max(Limits::LARGEST_WEIGHT, Limits::LARGEST_OF_EQUAL / static_cast<double>(n)))
      out.push_back({"dominating_sample",
                     text("one sample of %zu has %.0f %% of the total weight: every mean is "
                          "largely its value. Remedy: look at "
                          "it (largest logweight in the table); if it is an ordinary structure, "
                          "the CG energy or the flow "
                          "misses its region: add all-atom frames of it to the training",
                          n, 100.0 * largest)});
  }

  const auto uncertain = static_cast<std::int64_t>(w.uncertain_frames(Limits::F_ERROR));
  for (auto &d : diagnose_free_energies(uncertain, static_cast<std::int64_t>(w.frames()),
                                        w.samples_per_frame()))
    out.push_back(d);
  return out;
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_free_energies(std::int64_t uncertain, std::int64_t frames, int m)
{
  if (m == 1 || frames == 0) return {};
  const double share = static_cast<double>(uncertain) / static_cast<double>(frames);
  if (share <= Limits::F_SHARE) return {};
  return {{"uncertain_free_energies",
           text("F(z) is uncertain: of %lld CG frames, %.0f %% (more than %.0f %%) have a "
                "jackknife error above %.1f kT or "
                "fewer than two samples with weight. Remedy: more samples a frame (the error falls "
                "with their square root), "
                "or train the flow longer",
                static_cast<long long>(frames), 100.0 * share, 100.0 * Limits::F_SHARE,
                Limits::F_ERROR)}};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_range(std::int64_t outside, std::int64_t frames)
{
  if (frames == 0) return {};
  const double share = static_cast<double>(outside) / static_cast<double>(frames);
  if (share <= Limits::RANGE_SHARE) return {};
  return {{"outside_training_range",
           text("%.1f %% of %lld CG frames (more than %.0f %%) are outside the range of the "
                "all-atom frames that the flow was "
                "trained on; its samples there are guesses. Remedy: all-atom frames of that region "
                "in train_flow (umbrella "
                "windows, higher temperatures), or a CG energy that keeps away from it",
                100.0 * share, static_cast<long long>(frames), 100.0 * Limits::RANGE_SHARE)}};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_flow(const std::vector<double> &logv, double conditional)
{
  if (logv.empty()) return {};
  std::size_t none = 0, low = 0;
  for (double v : logv) {
    if (!(v < HUGE_VAL))
      none++;
    else if (v > std::log(Limits::MISSED_RATIO))
      low++;
  }
  const double n = static_cast<double>(logv.size());
  const double forward = none ? 0.0 : forward_ess(logv.data(), logv.size());
  if (none == 0 && !(forward < Limits::FORWARD_ESS) &&
      static_cast<double>(low) <= Limits::MISSED_SHARE * n)
    return {};
  return {{"missed_mode",
           text("the flow misses configurations that the all-atom molecule has: forward ESS %.3g "
                "(conditional ESS %.3g, which "
                "does not see them); of %zu held-out frames %zu have no density and %zu less than "
                "1/%.0f of theirs. Averages "
                "leave these out. Remedy: all-atom frames of every mode in train_flow; check "
                "isomers and mirror images of "
                "the held-out frames",
                forward, conditional, logv.size(), none, low, Limits::MISSED_RATIO)}};
}

}    // namespace BACKMAP_NS

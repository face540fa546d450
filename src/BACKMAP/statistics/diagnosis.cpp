/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/diagnosis.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>
#include <map>

namespace BACKMAP_NS {

namespace {

using Limits = DiagnosisLimits;

__attribute__((format(printf, 1, 2))) std::string text(const char *format, ...)
{
  char buffer[1200];
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

  if (static_cast<double>(w.nan_energies()) > Limits::NAN_SHARE * static_cast<double>(n))
    out.push_back(
        {"nan_energies",
         text("the all-atom energy of %zu of %zu samples (%.2g %%, more than %.1g %%) is not a "
              "number. They count as weight zero, so that the part of the configurations that "
              "they lie in vanishes from all means. Remedy: find out which term of the fine "
              "script gives NaN there (rows with U nan in the table; run 0 on such a structure)",
              w.nan_energies(), n, 100.0 * static_cast<double>(w.nan_energies()) / n,
              100.0 * Limits::NAN_SHARE)});

  const double joint = w.joint_ess(), marginal = w.marginal_ess(),
               conditional = w.conditional_ess();
  const double frames = marginal * static_cast<double>(w.frames());
  if (joint < Limits::JOINT_ESS) {
    // the marginal ESS without the variance within frames, which is the flow's
    const char *remedy = !(w.marginal_ess_corrected() >= conditional)
        ? "the CG energy fits worse than the flow: correct it with train_cgnet ... correct"
        : "the flow fits worse than the CG energy: train it longer, or on more all-atom frames";
    out.push_back(
        {"low_ess",
         text("low effective sample size: joint ESS %.3g (below %.2g), marginal ESS %.3g, "
              "conditional ESS %.3g. Only a few samples determine the means and their "
              "errors. Remedy: %s",
              joint, Limits::JOINT_ESS, marginal, conditional, remedy)});
  } else if (frames < Limits::EFFECTIVE_FRAMES)
    out.push_back(
        {"low_ess",
         text("few effective frames: marginal ESS %.3g times %zu CG frames is %.1f (below "
              "%.0f). The errors of means are uncertain. Remedy: a longer CG run",
              marginal, w.frames(), frames, Limits::EFFECTIVE_FRAMES)});

  const ParetoTail tail = w.khat();
  if (n >= Limits::KHAT_SAMPLES && tail.khat > tail.threshold)
    out.push_back(
        {"high_khat",
         text("Pareto k-hat %.2f (above %.2f): the tail of the weights is too heavy. Means "
              "and errors of this run cannot be trusted, even if the errors look small. "
              "Remedy: if k-hat of the frames (%.2f) is also high, correct the CG energy "
              "(train_cgnet ... correct), otherwise train the flow longer. More samples "
              "alone do not help",
              tail.khat, tail.threshold, w.khat_marginal().khat)});

  const auto &logw = w.log_weights();
  const double top = *std::max_element(logw.begin(), logw.end());
  if (std::isfinite(top)) {
    const double largest = std::exp(top - log_sum_exp(logw.data(), n));
    if (largest >
        std::max(Limits::LARGEST_WEIGHT, Limits::LARGEST_OF_EQUAL / static_cast<double>(n)))
      out.push_back(
          {"dominating_sample",
           text("one sample of %zu has %.0f %% of the total weight, so every mean is "
                "mostly the value of this sample. Remedy: look at its structure (largest "
                "logweight in the table). If it is an ordinary structure, the CG energy or "
                "the flow misses its region: add all-atom frames of this region to the "
                "training",
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
  return {
      {"uncertain_free_energies",
       text("F(z) is uncertain: of %lld CG frames, %.0f %% (more than %.0f %%) have a "
            "jackknife error above %.1f kT, or fewer than two samples with weight. Remedy: more "
            "samples per frame (four times as many halve the error), or train the flow longer",
            static_cast<long long>(frames), 100.0 * share, 100.0 * Limits::F_SHARE,
            Limits::F_ERROR)}};
}

/* ----------------------------------------------------------------------
   a longer run helps only where the state is entered and left now and then
------------------------------------------------------------------------- */

namespace {

Diagnosis diagnose_state(const std::string &name, const ObservableEstimate &e)
{
  const char *const CROSS = "independent runs that start in the state and out of it, and sampling "
                            "that crosses more often (replica exchange, a bias)";
  const char *what = name.c_str();
  const Visits &v = e.visits;
  if (e.state == StateMark::Unseen)
    return {
        "unseen_state",
        text("%s was %s in all of %.0f frames. If it is the indicator of a state, this run never "
             "saw %s = %s: the population is not known and has no error; a basin that is never "
             "visited has no weight. Remedy: %s",
             what, e.mean.value > 0.5 ? "1" : "0", v.frames(), what, e.mean.value > 0.5 ? "0" : "1",
             CROSS)};
  const std::string visits =
      text("the state %s = 1 was entered %.0f and left %.0f time(s) in %.0f frames", what,
           v.entries, v.exits, v.frames());
  if (e.state == StateMark::OneVisit)
    return {"one_visit",
            text("%s: it, or the rest, was seen in one stretch or in one run only. How often this "
                 "happens cannot be told, so its population %.3g has no error. Remedy: %s, and a "
                 "longer run",
                 visits.c_str(), e.mean.value, CROSS)};
  if (v.crossings() < FEW_ENTRIES)
    return {"few_entries",
            text("%s, fewer than %.0f. Its population %.3g and the error of it rest on these few "
                 "visits. Remedy: a run about %.0f times as long, or %s",
                 visits.c_str(), FEW_ENTRIES, e.mean.value,
                 std::ceil(2.0 * FEW_ENTRIES / v.crossings()), CROSS)};
  return {"few_entries",
          text("%s, but the error of its log-odds is %.2g, above %.2f: as if there were fewer than "
               "five visits. Its population %.3g and the error of it are uncertain. Remedy: a "
               "longer run, or %s",
               visits.c_str(), e.delta_f.error, LOG_ODDS_ERROR, e.mean.value, CROSS)};
}

}    // namespace

Diagnoses diagnose_states(const std::vector<std::string> &names,
                          const std::vector<ObservableEstimate> &estimates)
{
  Diagnoses out;
  for (std::size_t k = 0; k < estimates.size(); k++)
    if (estimates[k].indicator && estimates[k].state != StateMark::None)
      out.push_back(diagnose_state(names[k], estimates[k]));
  return out;
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_range(std::int64_t outside, std::int64_t frames)
{
  if (frames == 0) return {};
  const double share = static_cast<double>(outside) / static_cast<double>(frames);
  if (share <= Limits::RANGE_SHARE) return {};
  return {
      {"outside_training_range",
       text("%.1f %% of %lld CG frames (more than %.0f %%) are outside the range of the flow's "
            "training data. The samples of these frames are guesses. Remedy: add all-atom frames "
            "of that region to train_flow (umbrella windows, higher temperatures), or use a CG "
            "energy that avoids it",
            100.0 * share, static_cast<long long>(frames), 100.0 * Limits::RANGE_SHARE)}};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_ensemble(const std::vector<Unity> &temperatures,
                            const std::vector<Unity> &fluctuations, double kelvin)
{
  const char *const REMEDY =
      "The weights believe that the beads have the Boltzmann distribution of U_CG at the "
      "temperature of the model, so all means are wrong. Remedy: fix langevin ... gjf (or fix gjf) "
      "at that temperature, a shorter time step, no constraints, and only frames of that "
      "temperature";
  Diagnoses out;
  const auto bad = [](const std::vector<Unity> &runs, double least) {
    std::size_t n = 0;
    for (const Unity &u : runs) n += u.differs(least, runs.size());
    return n;
  };
  const Unity t = Unity::combine(temperatures), f = Unity::combine(fluctuations);
  const std::size_t hot = bad(temperatures, Limits::TEMPERATURE),
                    narrow = bad(fluctuations, Limits::FLUCTUATION);
  if (t.differs(Limits::TEMPERATURE) || hot > 0)
    out.push_back(
        {"wrong_ensemble",
         text("the beads are not at the temperature of the model: their configurational "
              "temperature is %.1f +- %.1f K, expected %.1f (%zu of %zu run(s) off by more than "
              "%.0f %%). %s",
              t.value * kelvin, t.error * kelvin, kelvin, hot, temperatures.size(),
              100.0 * Limits::TEMPERATURE, REMEDY)});
  else if (f.differs(Limits::FLUCTUATION) || narrow > 0)
    out.push_back(
        {"wrong_ensemble",
         text("the energy of the beads does not fluctuate as at constant temperature: %.2f +- "
              "%.2f of what it should (%zu of %zu run(s) off by more than %.0f %%). %s",
              f.value, f.error, narrow, fluctuations.size(), 100.0 * Limits::FLUCTUATION, REMEDY)});
  return out;
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_starts(const std::vector<std::vector<double>> &starts)
{
  for (const auto &s : starts)
    for (std::size_t k = 0; k < s.size() && s.size() == starts[0].size(); k++)
      if (std::fabs(std::remainder(s[k] - starts[0][k], 360.0)) > Limits::START) return {};
  if (starts.empty()) return {};
  std::string torsions;
  for (double v : starts[0]) torsions += text(" %.0f", v);
  return {{"one_start",
           text("all %zu run(s) start from one place (torsions of the beads%s degrees, all within "
                "%.0f). A basin that was never visited has no weight, and no figure shows it. "
                "Remedy: a second run from another basin, both in one report",
                starts.size(), torsions.c_str(), Limits::START)}};
}

/* ----------------------------------------------------------------------
   one header a partition and run: each partition as often as the others
------------------------------------------------------------------------- */

Diagnoses diagnose_partitions(const std::vector<FrameRecord> &records)
{
  std::map<int, std::map<int, int>> tables;    // of each number of partitions: how many of each
  for (const auto &r : records)
    if (r.partitions > 1) tables[r.partitions][r.partition]++;
  for (const auto &t : tables) {
    int most = 0, found = 0;
    for (const auto &p : t.second) {
      most = std::max(most, p.second);
      found += p.second;
    }
    if (found < most * t.first)
      return {{"missing_partitions",
               text("%d table(s) of replica exchanges of %d partitions, expected %d: without the "
                    "others the frames at this temperature are incomplete, and those that are "
                    "there are no fair part. Remedy: give the tables of all partitions",
                    found, t.first, most * t.first)}};
  }
  return {};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_unchecked(const std::vector<FrameRecord> &records)
{
  for (const auto &r : records)
    if (std::isfinite(r.temperature.error) || !r.warnings.empty()) return {};
  return {{"unchecked_ensemble",
           "nothing tells whether the beads have the Boltzmann distribution of U_CG: the tables "
           "hold no configurational temperature (the run was cut off early, or is of an older "
           "version). Remedy: run or rerun the frames once more"}};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_estimates(const std::vector<std::string> &names,
                             const std::vector<ObservableEstimate> &estimates)
{
  std::string few, apart;
  for (std::size_t k = 0; k < estimates.size(); k++) {
    if (estimates[k].mean.too_short) few += " " + names[k];
    if (estimates[k].mean.disagree) apart += " " + names[k];
  }
  Diagnoses out;
  if (!few.empty())
    out.push_back({"short_run",
                   "the run is too short for" + few +
                       ": fewer than 5 blocks of 20 autocorrelation times, so that error and "
                       "interval are lower bounds. Remedy: a longer run, or sampling that "
                       "decorrelates faster (replica exchange, a bias)"});
  if (!apart.empty())
    out.push_back(
        {"walkers_disagree",
         "independent runs or molecules disagree about" + apart +
             " by more than their blocks tell (by chance for one in a hundred figures); "
             "the error is that between them. Remedy: longer runs that cross more often"});
  return out;
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
  return {
      {"missed_mode",
       text("the flow misses configurations of the all-atom molecule: forward ESS %.3g (the "
            "conditional ESS, %.3g, cannot show this). Of %zu held-out frames, the flow gives %zu "
            "no density, and %zu less than 1/%.0f of their true density. Averages leave out such "
            "configurations. Remedy: add all-atom frames of every mode to train_flow; check the "
            "held-out frames for isomers and mirror images",
            forward, conditional, logv.size(), none, low, Limits::MISSED_RATIO)}};
}

/* ---------------------------------------------------------------------- */

Diagnoses diagnose_annealing(double alone, double annealed, int energies, int m)
{
  const bool known = alone * m >= Limits::ANNEAL_SAMPLES;
  if (energies == 1) {
    if (!(alone < Limits::ANNEAL_ESS) || m < Limits::ANNEAL_SAMPLES / Limits::ANNEAL_ESS / 2.0)
      return {};
    return {{"anneal",
             text("conditional ESS %.3g (M = %d%s): annealing may give more effective samples an "
                  "energy (keyword anneal K)",
                  alone, m, known ? "" : ", which is an upper bound")}};
  }
  const bool pays = annealed / energies > alone;
  if (!pays && !known) return {};
  return {{"anneal",
           text("annealing %s: %.3g effective samples an energy, %s%.3g without (conditional ESS "
                "%.3g with %d energies a sample, and %.3g; M = %d)%s",
                pays ? "pays" : "does not pay", annealed / energies, known ? "" : "at most ", alone,
                annealed, energies, alone, m,
                pays ? "" : ". Remedy: more samples instead, or a better flow")}};
}

}    // namespace BACKMAP_NS

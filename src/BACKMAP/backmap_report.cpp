/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_report.h"

#include "lammps/io.h"
#include "lammps/partitions.h"
#include "statistics/diagnosis.h"
#include "statistics/sample_table.h"
#include "statistics/summary.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "utils.h"

#include <map>
#include <stdexcept>
#include <string>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

const char *const WHAT = "Command backmap_report";

/* all tables must speak of the same ensemble and the same observables */

void check_same(const SampleTable &a, const SampleTable &b, const std::string &file)
{
  const auto fail = [&](const std::string &what) {
    throw std::runtime_error("sample table " + file + ": " + what +
                             " differ(s) from the first table");
  };
  if (a.units != b.units) fail("units");
  if (a.temperature != b.temperature) fail("temperature");
  if (a.samples != b.samples) fail("samples per frame");
  if (a.name != b.name) fail("molecule");
  if (a.observables != b.observables) fail("observables");
}

bool is_keyword(const std::string &word)
{
  return word == "json" || word == "blocks" || word == "include" || word == "runs";
}

/* marks of an estimate: what its error does not hold */

std::string marks(const Estimate &e)
{
  return std::string(e.too_short ? " short" : "") + (e.disagree ? " disagree" : "");
}

/* the report for the screen; an empty list of observables is allowed */

std::string text_of(const WeightSet &weights, const std::vector<ObservableEstimate> &estimates,
                    std::size_t tables, const SampleTable &first, const BlockRule &rule)
{
  const auto tail = weights.khat();
  const auto mean = weights.weight_estimate(rule);
  std::string out =
      fmt::format("BACKMAP report: {} table(s), {} frames, {} samples, {} K\n"
                  "  effective samples, of 1: joint {:.4f}, marginal {:.4f} (corrected {:.4f}), "
                  "conditional {:.4f} (M = {}), entropy {:.4f}\n"
                  "  Pareto k-hat {:.3f} (trust below {:.3f}); weight zero {}, energy NaN {}\n"
                  "  {} run(s), {} walker(s); log of the mean weight {:.4f} +- {:.3g}, "
                  "autocorrelation time {:.3g} frames, {} blocks{}\n",
                  tables, weights.frames(), weights.samples(), first.temperature,
                  weights.joint_ess(), weights.marginal_ess(), weights.marginal_ess_corrected(),
                  weights.conditional_ess(), weights.samples_per_frame(), weights.entropy(),
                  tail.khat, tail.threshold, weights.zero_weights(), weights.nan_energies(),
                  weights.runs(), weights.walkers(), mean.log_mean.value, mean.log_mean.error,
                  mean.log_mean.tau, mean.log_mean.blocks, marks(mean.log_mean));
  if (estimates.empty()) return out;
  out += fmt::format("  {:<24} {:>14} {:>14} {:>14} {:>14} {:>14} {:>10} {:>10} {:>7}\n",
                     "observable", "reweighted", "error", "unweighted", "95% from", "to", "samples",
                     "frames/tau", "blocks");
  bool marked[2] = {mean.log_mean.too_short, mean.log_mean.disagree};
  for (std::size_t k = 0; k < estimates.size(); k++) {
    const auto &e = estimates[k];
    out += fmt::format(
        "  {:<24} {:>14.6g} {:>14.3g} {:>14.6g} {:>14.6g} {:>14.6g} {:>10.4g} {:>10.4g} {:>7}{}\n",
        first.observables[k], e.mean.value, e.mean.error, e.unweighted, e.mean.lower, e.mean.upper,
        e.neff, static_cast<double>(weights.frames()) / e.mean.tau, e.mean.blocks, marks(e.mean));
    marked[0] = marked[0] || e.mean.too_short;
    marked[1] = marked[1] || e.mean.disagree;
  }
  for (std::size_t k = 0; k < estimates.size(); k++)
    if (estimates[k].indicator)
      out +=
          fmt::format("  Delta F of {} = 1: {:.4g} +- {:.3g}, 95 % from {:.4g} to {:.4g} ({:.4g} "
                      "+- {:.3g} kT)\n",
                      first.observables[k], estimates[k].delta_f.value * first.kt,
                      estimates[k].delta_f.error * first.kt, estimates[k].delta_f.lower * first.kt,
                      estimates[k].delta_f.upper * first.kt, estimates[k].delta_f.value,
                      estimates[k].delta_f.error);
  if (marked[0])
    out += fmt::format("  short: the run is shorter than {} blocks of {} autocorrelation times; "
                       "the error is a lower bound\n",
                       rule.fewest, rule.length);
  if (marked[1])
    out += "  disagree: independent runs or molecules differ by more than their blocks; the error "
           "is that between them\n";
  return out;
}

/* ----------------------------------------------------------------------
   words of the command
------------------------------------------------------------------------- */

struct Options {
  std::vector<std::string> files, includes;
  std::string json;
  int runs = 0;
  BlockRule rule;
};

Options parse(LAMMPS *lmp, int narg, char **arg)
{
  Error *error = lmp->error;
  Options o;
  int iarg = 0;
  for (; iarg < narg; iarg++) {
    const std::string word = arg[iarg];
    if (is_keyword(word)) break;
    o.files.push_back(word);
  }
  if (o.files.empty()) error->all(FLERR, "{}: expected at least one sample table", WHAT);
  for (; iarg < narg; iarg += 2) {
    const std::string key = arg[iarg];
    if (!is_keyword(key)) error->all(FLERR, "{}: unknown keyword {}", WHAT, key);
    if (iarg + 1 >= narg) error->all(FLERR, "{}: keyword {}, expected a value after it", WHAT, key);
    if (key == "json")
      o.json = arg[iarg + 1];
    else if (key == "include")
      o.includes.emplace_back(arg[iarg + 1]);
    else if (key == "runs")
      o.runs = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
    else
      o.rule.fixed = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
    if (key == "blocks" && o.rule.fixed < 4)
      error->all(FLERR, "{}: blocks, expected at least 4, got {}", WHAT, o.rule.fixed);
    if (key == "runs" && (o.runs < 1 || o.files.size() % o.runs != 0))
      error->all(FLERR, "{}: runs, expected a divisor of the number of tables, {}, got {}", WHAT,
                 o.files.size(), o.runs);
  }
  return o;
}

/* ----------------------------------------------------------------------
   one series of all frames: a partition that held another temperature at a step has no frame there
------------------------------------------------------------------------- */

struct Series {
  SampleTable first;    // header of the first table, no rows
  WeightSet weights;
  double seconds = 0.0;
};

Series merge(const Options &o, std::vector<std::string> bytes)
{
  Series all;
  for (std::size_t i = 0; i < o.files.size(); i++) {
    SampleTable table = SampleTable::parse(bytes[i], o.files[i]);
    all.seconds += table.seconds;
    if (i == 0)
      all.weights = table.weights(0);
    else {
      check_same(all.first, table, o.files[i]);
      all.weights.merge(table.weights(static_cast<std::int64_t>(i)));
    }
    table.rows.clear();
    table.values.clear();
    if (i == 0) all.first = table;
    bytes[i].clear();
  }
  if (o.runs > 0) {
    std::map<std::int64_t, std::int64_t> run_of;
    for (std::size_t i = 0; i < o.files.size(); i++)
      run_of[static_cast<std::int64_t>(i)] =
          static_cast<std::int64_t>(i / (o.files.size() / o.runs));
    all.weights.set_runs(run_of);
  }
  return all;
}

/* ----------------------------------------------------------------------
   the report, for the screen and as JSON; included: the JSON of each file of o.includes
------------------------------------------------------------------------- */

struct Report {
  std::string text, json;
};

Report report_of(const Series &all, const Options &o, const std::vector<std::string> &included)
{
  Summary summary;
  summary.set("molecule", all.first.name);
  summary.set("units", all.first.units);
  summary.set("temperature", all.first.temperature);
  summary.set("tables", static_cast<std::int64_t>(o.files.size()));
  summary.set_weights(all.weights, o.rule);
  summary.set("kT", all.first.kt);
  summary.set("weighted_samples_per_s",
              all.seconds > 0.0 ? static_cast<double>(all.weights.samples()) / all.seconds
                                : std::stod("nan"));
  const auto estimates = all.weights.estimates(o.rule);
  for (std::size_t k = 0; k < estimates.size(); k++)
    summary.set_observable(all.first.observables[k], estimates[k], all.first.kt);
  std::string text = text_of(all.weights, estimates, o.files.size(), all.first, o.rule);
  std::vector<std::string> warnings;
  for (const auto &d : diagnose_weights(all.weights)) {
    warnings.push_back(d.text);
    text += fmt::format("WARNING: {}: {}\n", WHAT, d.text);
  }
  summary.set_warnings(warnings);
  for (std::size_t i = 0; i < included.size(); i++) summary.include(included[i], o.includes[i]);
  return {text, summary.json()};
}

}    // namespace

/* ---------------------------------------------------------------------- */

void BackmapReport::command(int narg, char **arg)
{
  std::vector<char *> args(arg, arg + narg);
  const bool whole = backmap_universe_keyword(lmp, WHAT, args);
  backmap_universe_run(lmp, whole,
                       [&] { report(static_cast<int>(args.size()), args.data(), whole); });
}

/* ---------------------------------------------------------------------- */

void BackmapReport::report(int narg, char **arg, bool whole)
{
  const Options o = parse(lmp, narg, arg);
  std::vector<std::string> tables, included;
  for (const auto &f : o.files) tables.push_back(backmap_read_file(lmp, f, WHAT));
  for (const auto &f : o.includes) included.push_back(backmap_read_file(lmp, f, WHAT));
  std::string trouble;
  Report result;
  if (comm->me == 0) {
    try {
      result = report_of(merge(o, std::move(tables)), o, included);
    } catch (const std::exception &e) {
      trouble = fmt::format("{}: {}", WHAT, e.what());
    }
  }
  backmap_agree(lmp, trouble);
  backmap_universe_print(lmp, whole, result.text);
  if (!o.json.empty()) backmap_write_file(lmp, o.json, result.json, WHAT);
}

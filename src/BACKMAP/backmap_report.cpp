/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_report.h"

#include "lammps/file_patterns.h"
#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"
#include "statistics/report.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"

#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

const char *const WHAT = "Command backmap_report";

/* marks of the log of the mean weight; those of an observable are its own */

std::string marks(const Estimate &e)
{
  return std::string(e.too_short ? " short" : "") + (e.disagree ? " disagree" : "");
}

/* a number with so many digits; "-" where there is none */

std::string shown(double v, int digits)
{
  return std::isnan(v) ? "-" : fmt::format("{:.{}g}", v, digits);
}

/* what the marks mean that some line of the report has */

std::string meaning(const std::string &marks, const BlockRule &rule)
{
  const std::pair<std::string, std::string> all[] = {
      {"short",
       fmt::format("the run is shorter than {} blocks of {} autocorrelation times; the error is a "
                   "lower bound",
                   rule.fewest, rule.length)},
      {"disagree",
       "independent runs or molecules differ by more than their blocks; the error is that between "
       "them"},
      {"few-entries", "too few visits of the state to trust its population and the error of it"},
      {"one-visit", "the state, or the rest, was seen in one stretch or run only: no error"},
      {"unseen", "the state, or the rest, was never seen: its population is not known"},
      {"constant", "the same number in all frames: no error"}};
  std::string text;
  for (const auto &m : all)
    if (marks.find(m.first) != std::string::npos) text += "  " + m.first + ": " + m.second + "\n";
  return text;
}

/* weights, and the ensemble of the beads */

std::string text_of_weights(const MergedTables &tables, const Report &report,
                            const Estimate &log_mean)
{
  const WeightSet &weights = tables.weights;
  const double kelvin = tables.head.temperature;
  const auto tail = weights.khat();
  std::string out = fmt::format(
      "BACKMAP report: {} table(s), {} frames, {} samples, {} K\n"
      "  effective samples, of 1: joint {:.4f}, marginal {:.4f} (corrected {:.4f}), "
      "conditional {:.4f} (M = {}), entropy {:.4f}\n"
      "  Pareto k-hat {:.3f} (trust below {:.3f}); weight zero {}, energy NaN {}\n"
      "  {} run(s), {} walker(s); log of the mean weight {:.4f} +- {:.3g}, "
      "autocorrelation time {:.3g} frames, {} blocks{}\n",
      tables.count, weights.frames(), weights.samples(), kelvin, weights.joint_ess(),
      weights.marginal_ess(), weights.marginal_ess_corrected(), weights.conditional_ess(),
      weights.samples_per_frame(), weights.entropy(), tail.khat, tail.threshold,
      weights.zero_weights(), weights.nan_energies(), weights.runs(), weights.walkers(),
      log_mean.value, log_mean.error, log_mean.tau, log_mean.blocks, marks(log_mean));
  const auto runs = tables.tables_of_runs();
  for (std::size_t r = 0; tables.count > 1 && r < runs.size(); r++) {
    out += fmt::format("  run {}:", r + 1);
    for (const auto &table : runs[r]) out += " " + table;
    out += "\n";
  }
  const Unity &t = report.temperature, &f = report.fluctuation;
  if (!std::isfinite(t.error))
    return out + "  beads: no figure tells whether they have the Boltzmann distribution of U_CG\n";
  return out +
      fmt::format("  beads: configurational temperature {:.4g} +- {:.2g} K (model {:.4g}), energy "
                  "fluctuation {:.3g} +- {:.2g} of the canonical one\n",
                  t.value * kelvin, t.error * kelvin, kelvin, f.value, f.error);
}

/* a line for each observable, and the free energies of states; marks: those that were used */

std::string text_of_observables(const MergedTables &tables, const Report &report, std::string &used)
{
  const SampleTable &first = tables.head;
  const auto &estimates = report.estimates;
  std::string out =
      fmt::format("  {:<24} {:>14} {:>14} {:>14} {:>14} {:>14} {:>10} {:>10} {:>8} {:>7}\n",
                  "observable", "reweighted", "error", "unweighted", "95% from", "to", "samples",
                  "frames/tau", "entries", "blocks");
  for (std::size_t k = 0; k < estimates.size(); k++) {
    const auto &e = estimates[k];
    std::string own;
    for (const auto &m : e.marks()) own += " " + m;
    used += own;
    out += fmt::format(
        "  {:<24} {:>14.6g} {:>14} {:>14.6g} {:>14} {:>14} {:>10} {:>10} {:>8} {:>7}{}\n",
        first.observables[k], e.mean.value, shown(e.mean.error, 3), e.unweighted,
        shown(e.mean.lower, 6), shown(e.mean.upper, 6), shown(e.neff, 4),
        shown(static_cast<double>(tables.weights.frames()) / e.mean.tau, 4),
        e.indicator ? fmt::format("{:.0f}", e.visits.entries) : "-", e.mean.blocks, own);
  }
  for (std::size_t k = 0; k < estimates.size(); k++) {
    const Estimate &f = estimates[k].delta_f;
    if (!estimates[k].indicator) continue;
    if (estimates[k].state == StateMark::Unseen)
      out += fmt::format("  Delta F of {} = 1: not known\n", first.observables[k]);
    else
      out += fmt::format(
          "  Delta F of {} = 1: {:.4g} +- {}, 95 % from {} to {} ({:.4g} +- {} kT)\n",
          first.observables[k], f.value * first.kt, shown(f.error * first.kt, 3),
          shown(f.lower * first.kt, 4), shown(f.upper * first.kt, 4), f.value, shown(f.error, 3));
  }
  return out;
}

/* the report for the screen; an empty list of observables is allowed */

std::string text_of(const MergedTables &tables, const Report &report, const BlockRule &rule)
{
  const Estimate log_mean = tables.weights.weight_estimate(rule).log_mean;
  std::string out = text_of_weights(tables, report, log_mean);
  if (report.estimates.empty()) return out;
  std::string used = marks(log_mean);
  out += text_of_observables(tables, report, used);
  return out + meaning(used, rule);
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
  std::vector<std::string> files, includes;
  std::string json;
  int runs = 0;
  BlockRule rule;
  const auto add = [&](std::vector<std::string> &to, const char *name, const std::string &who) {
    const auto found = backmap_files(lmp, name, who);
    to.insert(to.end(), found.begin(), found.end());
  };
  BackmapKeywords keywords(lmp, WHAT);
  keywords.text("json", json)
      .integer("runs", runs, 1)
      .integer("blocks", rule.fixed, 4)
      .add("include", [&](int, char **values) {
        add(includes, values[0], std::string(WHAT) + ": keyword include");
        return 1;
      });
  int iarg = 0;
  for (; iarg < narg && !keywords.known(arg[iarg]); iarg++)
    add(files, arg[iarg], std::string(WHAT) + ": tables");
  if (files.empty()) backmap_error(lmp, "{}: expected at least one sample table", WHAT);
  while (iarg < narg) iarg += keywords.take(narg, arg, iarg);

  std::vector<std::string> bytes, more;
  for (const auto &f : files) bytes.push_back(backmap_read_file(lmp, f, WHAT));
  for (const auto &f : includes) more.push_back(backmap_read_file(lmp, f, WHAT));
  std::string trouble, text, output;
  if (comm->me == 0) {
    try {
      MergedTables tables;
      for (std::size_t i = 0; i < files.size(); i++) {
        tables.add(SampleTable::parse(bytes[i], files[i]), files[i]);
        bytes[i].clear();
      }
      if (keywords.given("runs")) tables.set_runs(runs);
      Report report(tables, rule);
      output = text_of(tables, report, rule);
      for (const auto &d : report.warnings)
        output += fmt::format("WARNING: {}: {}\n", WHAT, d.text);
      for (std::size_t i = 0; i < includes.size(); i++)
        report.summary.include(more[i], includes[i]);
      text = report.summary.json();
    } catch (const std::exception &e) {
      trouble = fmt::format("{}: {}", WHAT, e.what());
    }
  }
  backmap_agree(lmp, trouble);
  backmap_universe_print(lmp, whole, output);
  if (!json.empty()) backmap_write_file(lmp, json, text, WHAT);
}

/* ----------------------------------------------------------------------
   LAMMPS - Large-scale Atomic/Molecular Massively Parallel Simulator
   https://www.lammps.org/

   This software is distributed under the GNU General Public License.
   See the LICENSE file in the top-level directory.
------------------------------------------------------------------------- */

#include "backmap_report.h"

#include "lammps/io.h"
#include "lammps/partitions.h"
#include "statistics/report.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "utils.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

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

std::string text_of(const MergedTables &tables, const std::vector<ObservableEstimate> &estimates,
                    const BlockRule &rule)
{
  const WeightSet &weights = tables.weights;
  const SampleTable &first = tables.head;
  const auto tail = weights.khat();
  const auto mean = weights.weight_estimate(rule);
  std::string out =
      fmt::format("BACKMAP report: {} table(s), {} frames, {} samples, {} K\n"
                  "  effective samples, of 1: joint {:.4f}, marginal {:.4f} (corrected {:.4f}), "
                  "conditional {:.4f} (M = {}), entropy {:.4f}\n"
                  "  Pareto k-hat {:.3f} (trust below {:.3f}); weight zero {}, energy NaN {}\n"
                  "  {} run(s), {} walker(s); log of the mean weight {:.4f} +- {:.3g}, "
                  "autocorrelation time {:.3g} frames, {} blocks{}\n",
                  tables.count, weights.frames(), weights.samples(), first.temperature,
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

}    // namespace

/* ---------------------------------------------------------------------- */

void BackmapReport::command(int narg, char **arg)
{
  std::vector<char *> args(arg, arg + narg);
  const bool whole = backmap_universe_keyword(lmp, "Command backmap_report", args);
  backmap_universe_run(lmp, whole,
                       [&] { report(static_cast<int>(args.size()), args.data(), whole); });
}

/* ---------------------------------------------------------------------- */

void BackmapReport::report(int narg, char **arg, bool whole)
{
  const std::string what = "Command backmap_report";
  std::vector<std::string> files, includes;
  std::string json;
  std::optional<int> runs;
  int iarg = 0;
  BlockRule rule;
  for (; iarg < narg; iarg++) {
    const std::string word = arg[iarg];
    if (is_keyword(word)) break;
    files.push_back(word);
  }
  if (files.empty()) error->all(FLERR, "{}: expected at least one sample table", what);
  for (; iarg < narg; iarg += 2) {
    const std::string key = arg[iarg];
    if (!is_keyword(key)) error->all(FLERR, "{}: unknown keyword {}", what, key);
    if (iarg + 1 >= narg) error->all(FLERR, "{}: keyword {}, expected a value after it", what, key);
    if (key == "json")
      json = arg[iarg + 1];
    else if (key == "include")
      includes.emplace_back(arg[iarg + 1]);
    else if (key == "runs")
      runs = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
    else
      rule.fixed = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
    if (key == "blocks" && rule.fixed < 4)
      error->all(FLERR, "{}: blocks, expected at least 4, got {}", what, rule.fixed);
  }

  std::string trouble, text, output;
  std::vector<std::string> bytes;
  for (const auto &f : files) bytes.push_back(backmap_read_file(lmp, f, what));
  std::vector<std::string> more;
  for (const auto &f : includes) more.push_back(backmap_read_file(lmp, f, what));
  if (comm->me == 0) {
    try {
      MergedTables tables;
      for (std::size_t i = 0; i < files.size(); i++) {
        tables.add(SampleTable::parse(bytes[i], files[i]), files[i]);
        bytes[i].clear();
      }
      if (runs) tables.set_runs(*runs);
      Report report(tables, rule);
      output = text_of(tables, report.estimates, rule);
      for (const auto &d : report.warnings)
        output += fmt::format("WARNING: {}: {}\n", what, d.text);
      for (std::size_t i = 0; i < includes.size(); i++)
        report.summary.include(more[i], includes[i]);
      text = report.summary.json();
    } catch (const std::exception &e) {
      trouble = fmt::format("{}: {}", what, e.what());
    }
  }
  backmap_agree(lmp, trouble);
  backmap_universe_print(lmp, whole, output);
  if (!json.empty()) backmap_write_file(lmp, json, text, what);
}

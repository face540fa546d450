/* ----------------------------------------------------------------------
   LAMMPS - Large-scale Atomic/Molecular Massively Parallel Simulator
   https://www.lammps.org/

   This software is distributed under the GNU General Public License.
   See the LICENSE file in the top-level directory.
------------------------------------------------------------------------- */

#include "backmap_report.h"

#include "backmap_diagnosis.h"
#include "backmap_io.h"
#include "backmap_sample_table.h"
#include "backmap_summary.h"
#include "backmap_universe.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "utils.h"

#include <stdexcept>
#include <string>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

/* all tables must speak of the same ensemble and the same observables */

void check_same(const SampleTable &a, const SampleTable &b, const std::string &file)
{
  const auto fail = [&](const std::string &what) {
    throw std::runtime_error("sample table " + file + ": " + what + " differ(s) from the first table");
  };
  if (a.units != b.units) fail("units");
  if (a.temperature != b.temperature) fail("temperature");
  if (a.samples != b.samples) fail("samples per frame");
  if (a.name != b.name) fail("molecule");
  if (a.observables != b.observables) fail("observables");
}

}    // namespace

/* ---------------------------------------------------------------------- */

void BackmapReport::command(int narg, char **arg)
{
  std::vector<char *> args(arg, arg + narg);
  const bool whole = backmap_universe_keyword(lmp, "Command backmap_report", args);
  backmap_universe_run(lmp, whole, [&] { report(static_cast<int>(args.size()), args.data(), whole); });
}

/* ---------------------------------------------------------------------- */

void BackmapReport::report(int narg, char **arg, bool whole)
{
  const std::string what = "Command backmap_report";
  std::vector<std::string> files, includes;
  std::string json;
  int blocks = 32, iarg = 0;
  for (; iarg < narg; iarg++) {
    const std::string word = arg[iarg];
    if (word == "json" || word == "blocks" || word == "include") break;
    files.push_back(word);
  }
  if (files.empty()) error->all(FLERR, "{}: expected at least one sample table", what);
  for (; iarg < narg; iarg += 2) {
    const std::string key = arg[iarg];
    if (key != "json" && key != "blocks" && key != "include")
      error->all(FLERR, "{}: unknown keyword {}", what, key);
    if (iarg + 1 >= narg) error->all(FLERR, "{}: keyword {}, expected a value after it", what, key);
    if (key == "json") json = arg[iarg + 1];
    else if (key == "include") includes.emplace_back(arg[iarg + 1]);
    else blocks = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
  }
  if (blocks < 4) error->all(FLERR, "{}: blocks, expected at least 4, got {}", what, blocks);

  std::string trouble, text, output;
  std::vector<std::string> bytes;
  for (const auto &f : files) bytes.push_back(backmap_read_file(lmp, f, what));
  std::vector<std::string> more;
  for (const auto &f : includes) more.push_back(backmap_read_file(lmp, f, what));
  if (comm->me == 0) {
    try {
      // one series of all frames: a partition that held another temperature at a step has no frame there
      SampleTable first;
      WeightSet weights;
      double seconds = 0.0;
      for (std::size_t i = 0; i < files.size(); i++) {
        SampleTable table = SampleTable::parse(bytes[i], files[i]);
        seconds += table.seconds;
        if (i == 0) weights = table.weights(0);
        else {
          check_same(first, table, files[i]);
          weights.merge(table.weights(static_cast<std::int64_t>(i)));
        }
        table.rows.clear();
        table.values.clear();
        if (i == 0) first = table;
        bytes[i].clear();
      }

      Summary summary;
      summary.set("molecule", first.name);
      summary.set("units", first.units);
      summary.set("temperature", first.temperature);
      summary.set("tables", static_cast<std::int64_t>(files.size()));
      summary.set_weights(weights);
      summary.set("weighted_samples_per_s",
                  seconds > 0.0 ? static_cast<double>(weights.samples()) / seconds : std::stod("nan"));
      const auto means = weights.means(blocks);
      output = fmt::format("BACKMAP report: {} table(s), {} frames, {} samples, {} K\n"
                           "  effective samples, of 1: joint {:.4f}, marginal {:.4f} (corrected {:.4f}), conditional "
                           "{:.4f} (M = {}), entropy {:.4f}\n"
                           "  Pareto k-hat {:.3f} (trust below {:.3f}); weight zero {}, energy NaN {}\n",
                           files.size(), weights.frames(), weights.samples(), first.temperature, weights.joint_ess(),
                           weights.marginal_ess(), weights.marginal_ess_corrected(), weights.conditional_ess(),
                           weights.samples_per_frame(), weights.entropy(), weights.khat().khat,
                           weights.khat().threshold, weights.zero_weights(), weights.nan_energies());
      if (!means.empty())
        output += fmt::format("  {:<24} {:>14} {:>14} {:>14}\n", "observable", "reweighted", "error", "unweighted");
      for (std::size_t k = 0; k < means.size(); k++) {
        summary.set_observable(first.observables[k], means[k]);
        output += fmt::format("  {:<24} {:>14.6g} {:>14.3g} {:>14.6g}\n", first.observables[k], means[k].mean,
                              means[k].error, means[k].unweighted);
      }
      std::vector<std::string> warnings;
      for (const auto &d : diagnose_weights(weights)) {
        warnings.push_back(d.text);
        output += fmt::format("WARNING: {}: {}\n", what, d.text);
      }
      summary.set_warnings(warnings);
      for (std::size_t i = 0; i < includes.size(); i++) summary.include(more[i], includes[i]);
      text = summary.json();
    } catch (const std::exception &e) {
      trouble = fmt::format("{}: {}", what, e.what());
    }
  }
  backmap_agree(lmp, trouble);
  backmap_universe_print(lmp, whole, output);
  if (!json.empty()) backmap_write_file(lmp, json, text, what);
}

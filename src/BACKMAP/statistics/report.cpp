/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/report.h"

#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   one series of all frames: a partition that held another temperature at a step has no frame there
------------------------------------------------------------------------- */

void MergedTables::add(SampleTable table, const std::string &origin)
{
  const auto same = [&](bool equal, const std::string &what) {
    if (!equal)
      throw std::runtime_error("sample table " + origin + ": " + what +
                               " differ(s) from the first table");
  };
  if (count > 0) {
    same(table.units == head.units, "units");
    same(table.temperature == head.temperature, "temperature");
    same(table.samples == head.samples, "samples per frame");
    same(table.name == head.name, "molecule");
    same(table.observables == head.observables, "observables");
    weights.merge(table.weights(count));
  } else
    weights = table.weights(0);
  seconds += table.seconds;
  if (count++ > 0) return;
  table.rows = std::vector<SampleTable::Row>();    // with its memory, which clear() would keep
  table.values = std::vector<double>();
  head = std::move(table);
}

/* ---------------------------------------------------------------------- */

void MergedTables::set_runs(int runs)
{
  if (runs < 1 || count % runs != 0)
    throw std::runtime_error("runs, expected a divisor of the number of tables, " +
                             std::to_string(count) + ", got " + std::to_string(runs));
  std::map<std::int64_t, std::int64_t> run_of;
  for (int i = 0; i < count; i++) run_of[i] = i / (count / runs);
  weights.set_runs(run_of);
}

/* ---------------------------------------------------------------------- */

Report::Report(const MergedTables &tables, const BlockRule &rule) :
    estimates(tables.weights.estimates(rule)), warnings(diagnose_weights(tables.weights))
{
  const SampleTable &head = tables.head;
  summary.set("molecule", head.name);
  summary.set("units", head.units);
  summary.set("temperature", head.temperature);
  summary.set("tables", static_cast<std::int64_t>(tables.count));
  summary.set_weights(tables.weights, rule);
  summary.set("kT", head.kt);
  summary.set("weighted_samples_per_s",
              tables.seconds > 0.0 ? static_cast<double>(tables.weights.samples()) / tables.seconds
                                   : std::numeric_limits<double>::quiet_NaN());
  for (const auto &d : diagnose_states(head.observables, estimates)) warnings.push_back(d);
  for (std::size_t k = 0; k < estimates.size(); k++)
    summary.set_observable(head.observables[k], estimates[k], head.kt);
  std::vector<std::string> texts;
  for (const auto &d : warnings) texts.push_back(d.text);
  summary.set_warnings(texts);
}

}    // namespace BACKMAP_NS

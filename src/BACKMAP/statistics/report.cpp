/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/report.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
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
    const std::string difference = table.provenance.difference(head.provenance);
    if (!difference.empty())
      throw std::runtime_error("sample table " + origin +
                               " does not belong to the first one: " + difference);
  }
  refuse_repeated(table, origin);
  add_to_exchange(table);
  if (count > 0)
    weights.merge(table.weights(count));
  else
    weights = table.weights(0);
  weights.set_parts(exchange_of_);
  records.insert(records.end(), table.records.begin(), table.records.end());
  seconds += table.seconds;
  if (count++ > 0) return;
  table.rows = std::vector<SampleTable::Row>();    // with its memory, which clear() would keep
  table.values = std::vector<double>();
  head = std::move(table);
}

/* ----------------------------------------------------------------------
   independent samples never have 15 digits in common, and independent frames not those of their energy
------------------------------------------------------------------------- */

void MergedTables::refuse_repeated(const SampleTable &table, const std::string &origin)
{
  origins_.push_back(origin);
  const auto fail = [&](const SampleTable::Row &row, const std::string &what, int other,
                        const std::string &why) {
    throw std::runtime_error("sample table " + origin + ": " + what + " at step " +
                             std::to_string(row.step) + ", molecule " +
                             std::to_string(row.molecule) + " are " +
                             (other == count ? "in this table twice"
                                             : "those of table " + origins_[other] + " once more") +
                             "; " + why);
  };
  // beads without energy have the same one everywhere
  const bool varies = std::any_of(table.rows.begin(), table.rows.end(),
                                  [&](const auto &row) { return row.ucg != table.rows[0].ucg; });
  for (const auto &row : table.rows) {
    if (row.sample != 0 || !std::isfinite(row.logweight)) continue;
    const auto sample =
        samples_.emplace(Seen{row.step, row.molecule, row.logweight, row.logq}, count);
    if (!sample.second)
      fail(row, "the samples", sample.first->second,
           "the same samples, counted twice, would make the error too small");
    if (!varies) continue;
    const auto frame = frames_.emplace(Seen{row.step, row.molecule, row.ucg, 0.0}, count);
    if (!frame.second)
      fail(row, "the beads", frame.first->second,
           "other samples of the same frames are no independent run. Expected one table with more "
           "samples a frame, or another CG run");
  }
}

/* ----------------------------------------------------------------------
   of two exchanges, tables of some partitions alone may have no timestep in common, by chance: so the partition counts too
------------------------------------------------------------------------- */

void MergedTables::add_to_exchange(const SampleTable &table)
{
  if (table.records.empty() || table.records[0].partitions < 2) return;
  const FrameRecord &record = table.records[0];
  std::unordered_set<std::int64_t> steps;
  for (const auto &row : table.rows) steps.insert(row.step);
  const auto fits = [&](const Exchange &e) {
    return e.partitions == record.partitions && e.found.count(record.partition) == 0 &&
        std::none_of(steps.begin(), steps.end(),
                     [&](std::int64_t step) { return e.steps.count(step) > 0; });
  };
  auto exchange = std::find_if(exchanges_.begin(), exchanges_.end(), fits);
  if (exchange == exchanges_.end())
    exchange = exchanges_.insert(exchange, {count, record.partitions, {}, {}});
  exchange->found.insert(record.partition);
  exchange->steps.insert(steps.begin(), steps.end());
  exchange_of_[count] = exchange->first;
}

/* ----------------------------------------------------------------------
   a table without frames, of a partition that never had the temperature, is where the others of its exchange are
------------------------------------------------------------------------- */

std::vector<std::vector<std::string>> MergedTables::tables_of_runs() const
{
  const auto run_of = weights.run_of_series();
  std::map<std::int64_t, std::int64_t> run_of_exchange;
  for (const auto &e : exchange_of_)
    if (const auto r = run_of.find(e.first); r != run_of.end())
      run_of_exchange[e.second] = r->second;
  std::map<std::int64_t, std::vector<std::string>> tables;
  for (int i = 0; i < count; i++) {
    const auto run = run_of.find(i);
    const auto exchange = exchange_of_.find(i);
    if (run != run_of.end())
      tables[run->second].push_back(origins_[i]);
    else if (exchange != exchange_of_.end() && run_of_exchange.count(exchange->second) > 0)
      tables[run_of_exchange[exchange->second]].push_back(origins_[i]);
  }
  std::vector<std::vector<std::string>> list;
  for (auto &t : tables) list.push_back(std::move(t.second));
  return list;
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
  summary.set_lists("tables_of_runs", tables.tables_of_runs());
  summary.set("kT", head.kt);
  summary.set("weighted_samples_per_s",
              tables.seconds > 0.0 ? static_cast<double>(tables.weights.samples()) / tables.seconds
                                   : std::numeric_limits<double>::quiet_NaN());
  for (const auto &d : diagnose_states(head.observables, estimates)) warnings.push_back(d);
  for (std::size_t k = 0; k < estimates.size(); k++)
    summary.set_observable(head.observables[k], estimates[k], head.kt);
  set_records(tables);
  std::vector<std::string> texts;
  for (const auto &d : warnings) texts.push_back(d.text);
  summary.set_warnings(texts);
}

/* ----------------------------------------------------------------------
   what the runs knew of their frames
------------------------------------------------------------------------- */

void Report::set_records(const MergedTables &tables)
{
  const SampleTable &head = tables.head;
  std::vector<Unity> temperatures, fluctuations;
  std::vector<std::string> dynamics;
  std::int64_t outside = 0, looked = 0;
  for (const FrameRecord &r : tables.records) {
    temperatures.push_back(r.temperature);
    fluctuations.push_back(r.fluctuation);
    outside += r.outside;
    looked += r.looked;
    const std::string &d = r.dynamics;
    if (!d.empty() && std::find(dynamics.begin(), dynamics.end(), d) == dynamics.end())
      dynamics.push_back(d);
  }
  temperature = Unity::combine(temperatures);
  fluctuation = Unity::combine(fluctuations);

  summary.set("flow", head.provenance.flow);
  summary.set("coarse", head.provenance.coarse);
  summary.set("script", head.provenance.script);
  summary.set_list("probe_energies", head.provenance.probe);
  if (!head.provenance.anneal.empty()) summary.set("anneal", head.provenance.anneal);
  summary.set_list("dynamics", dynamics);
  summary.set_list("configurational_temperature",
                   {temperature.value * head.temperature, temperature.error * head.temperature});
  summary.set_list("energy_fluctuation", {fluctuation.value, fluctuation.error});
  summary.set("outside_training_range",
              looked > 0 ? static_cast<double>(outside) / static_cast<double>(looked)
                         : std::numeric_limits<double>::quiet_NaN());

  const auto append = [&](const Diagnoses &more) {
    warnings.insert(warnings.end(), more.begin(), more.end());
  };
  append(diagnose_range(outside, looked));
  append(diagnose_ensemble(temperatures, fluctuations, head.temperature));
  std::vector<std::vector<double>> places;
  for (const FrameRecord &r : tables.records)
    places.insert(places.end(), r.starts.begin(), r.starts.end());
  append(diagnose_starts(places));
  append(diagnose_partitions(tables.records));
  append(diagnose_estimates(head.observables, estimates));
  append(diagnose_unchecked(tables.records));
  std::set<std::string> said;
  for (const FrameRecord &r : tables.records)
    for (const auto &w : r.warnings)
      if (said.insert(w).second) warnings.push_back({"run", w});
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/summary.h"

#include "statistics/sample_table.h"

#include <nlohmann/json.hpp>

#include <cmath>
#include <set>
#include <stdexcept>

namespace BACKMAP_NS {

struct Summary::Data {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
};

namespace {
nlohmann::ordered_json number(double v)
{
  return std::isfinite(v) ? nlohmann::ordered_json(v) : nlohmann::ordered_json();
}

std::string plain_name(const std::string &name)
{
  return name.size() > 2 && name[1] == '_' ? name.substr(2) : name;
}

/* an estimate in units of `unit` */

nlohmann::ordered_json estimate(const Estimate &e, double unit = 1.0)
{
  return {{"value", number(e.value * unit)},
          {"error", number(e.error * unit)},
          {"interval_95", {number(e.lower * unit), number(e.upper * unit)}},
          {"autocorrelation_time", number(e.tau)},
          {"blocks", e.blocks},
          {"walkers", e.walkers},
          {"too_short", e.too_short},
          {"walkers_disagree", e.disagree}};
}

/* what says which flow and energy a summary is of */

const std::set<std::string> PROVENANCE{"flow", "script", "probe_energies"};

Provenance provenance_of(const nlohmann::ordered_json &summary)
{
  Provenance p;
  const auto text = [&](const char *key) {
    const auto found = summary.find(key);
    if (found == summary.end()) return std::string();
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  p.flow = text("flow");
  p.script = text("script");
  if (const auto found = summary.find("probe_energies"); found != summary.end())
    for (const auto &v : *found) p.probe.push_back(v.is_number() ? v.get<double>() : NAN);
  return p;
}

/* the rule of tables; what the tables do not tell is not asked for */

void check_provenance(const nlohmann::ordered_json &other, const nlohmann::ordered_json &mine,
                      const std::string &origin)
{
  for (const char *key : {"flow", "probe_energies"})
    if (!other.contains(key))
      throw std::runtime_error("summary " + origin + ": expected the member \"" + key +
                               "\" of a summary of backmap_validate");
  const Provenance tables = provenance_of(mine);
  Provenance validation = provenance_of(other);
  if (tables.flow.empty()) validation.flow.clear();
  if (tables.probe.empty()) validation.probe.clear();
  const std::string difference = validation.difference(tables);
  if (!difference.empty())
    throw std::runtime_error("summary " + origin +
                             " does not belong to the sample tables: " + difference);
}
}    // namespace

/* ---------------------------------------------------------------------- */

Summary::Summary() : data_(std::make_unique<Data>()) {}

Summary::~Summary() = default;

/* ---------------------------------------------------------------------- */

void Summary::set(const std::string &name, double value)
{
  data_->json[name] = number(value);
}

void Summary::set(const std::string &name, std::int64_t value)
{
  data_->json[name] = value;
}

void Summary::set(const std::string &name, const std::string &value)
{
  data_->json[name] = value;
}

/* ---------------------------------------------------------------------- */

void Summary::set_list(const std::string &name, const std::vector<double> &values)
{
  auto &list = data_->json[name] = nlohmann::ordered_json::array();
  for (double v : values) list.push_back(number(v));
}

void Summary::set_list(const std::string &name, const std::vector<std::string> &texts)
{
  data_->json[name] = texts;
}

void Summary::set_lists(const std::string &name, const std::vector<std::vector<std::string>> &lists)
{
  data_->json[name] = lists;
}

/* ---------------------------------------------------------------------- */

void Summary::set_observable(const std::string &name, const ReweightedMean &m)
{
  data_->json["observables"][plain_name(name)] = {number(m.mean), number(m.error),
                                                  number(m.unweighted)};
}

void Summary::set_observable(const std::string &name, const ObservableEstimate &o, double kt)
{
  set_observable(name, o.short_form());
  auto &entry = data_->json["estimates"][plain_name(name)];
  entry = estimate(o.mean);
  entry["variance"] = number(o.variance);
  entry["effective_samples"] = number(o.neff);
  entry["marks"] = o.marks();
  if (!o.indicator) return;
  entry["entries"] = number(o.visits.entries);
  entry["exits"] = number(o.visits.exits);
  entry["delta_f"] = estimate(o.delta_f, kt);
  entry["delta_f_kT"] = {number(o.delta_f.value), number(o.delta_f.error)};
}

/* ---------------------------------------------------------------------- */

void Summary::set_weights(const WeightSet &w, const BlockRule &rule)
{
  const WeightEstimate mean = w.weight_estimate(rule);
  const ParetoTail tail = w.khat();
  set("frames", static_cast<std::int64_t>(w.frames()));
  set("samples", static_cast<std::int64_t>(w.samples()));
  set("samples_per_frame", static_cast<std::int64_t>(w.samples_per_frame()));
  set("joint_ess", w.joint_ess());
  set("entropy_ess", w.entropy());
  set("marginal_ess", w.marginal_ess());
  set("marginal_ess_corrected", w.marginal_ess_corrected());
  set("conditional_ess_cg", w.conditional_ess());
  set("conditional_ess_cg_q10", w.conditional_ess(0.1));
  set("khat", tail.khat);
  set("khat_threshold", tail.threshold);
  set("khat_marginal", w.khat_marginal().khat);
  set("log_mean_weight", w.log_mean_weight());
  set("zero_weights", static_cast<std::int64_t>(w.zero_weights()));
  set("nan_energies", static_cast<std::int64_t>(w.nan_energies()));
  set("khat_tail", static_cast<std::int64_t>(tail.tail));
  set("khat_r_eff", tail.r_eff);
  set("runs", static_cast<std::int64_t>(w.runs()));
  set("walkers", static_cast<std::int64_t>(w.walkers()));
  set("effective_frames", mean.neff);
  data_->json["log_mean_weight_estimate"] = estimate(mean.log_mean);
}

/* ---------------------------------------------------------------------- */

void Summary::set_warnings(const std::vector<std::string> &texts)
{
  data_->json["warnings"] = texts;
}

/* ---------------------------------------------------------------------- */

void Summary::include(const std::string &text, const std::string &origin)
{
  nlohmann::ordered_json other;
  try {
    other = nlohmann::ordered_json::parse(text);
  } catch (const nlohmann::json::exception &e) {
    throw std::runtime_error("summary " + origin + ": expected JSON, got " + e.what());
  }
  if (!other.is_object())
    throw std::runtime_error("summary " + origin + ": expected a JSON object");
  check_provenance(other, data_->json, origin);
  for (auto it = other.begin(); it != other.end(); ++it) {
    if (PROVENANCE.count(it.key())) continue;
    auto &mine = data_->json[it.key()];
    if (it.key() == "warnings" && mine.is_array() && it.value().is_array())
      mine.insert(mine.end(), it.value().begin(), it.value().end());
    else if (!mine.is_null())
      throw std::runtime_error("summary " + origin + ": the figure " + it.key() +
                               " is there already; give each validation a name of its own "
                               "(backmap_validate ... name NAME)");
    else
      mine = it.value();
  }
}

/* ---------------------------------------------------------------------- */

std::string Summary::json() const
{
  // names of a damaged table may be no UTF-8
  return data_->json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}    // namespace BACKMAP_NS

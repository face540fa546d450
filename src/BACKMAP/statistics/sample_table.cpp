/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/sample_table.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <sstream>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {
const char *const TITLE = "# backmap sample table 1";
const char *const COLUMNS = "# step molecule sample logweight U U_CG logq";

std::string number(double v)
{
  char text[40];
  snprintf(text, sizeof(text), "%.15g", v);
  return text;
}

std::string numbers(const std::vector<double> &list)
{
  std::string text;
  for (double v : list) text += (text.empty() ? "" : " ") + number(v);
  return text;
}

bool same_numbers(const std::vector<double> &a, const std::vector<double> &b)
{
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); i++)
    if (!(std::fabs(a[i] - b[i]) <= 1e-8 * (1.0 + std::fabs(b[i])))) return false;
  return true;
}

/* one number of a row; inf and nan are numbers here */

double parse_number(const char *&at, const std::string &where)
{
  char *end = nullptr;
  const double v = std::strtod(at, &end);
  if (end == at)
    throw std::runtime_error(where + ": expected another number, got end of line or text");
  at = end;
  return v;
}

/* a conversion of what does not fit is undefined */

template <class T> T whole_number(double v, const std::string &where)
{
  const double most = sizeof(T) > 4 ? 0x1p53 : 0x1p31 - 1.0;
  if (!(std::fabs(v) <= most) || v != std::floor(v))
    throw std::runtime_error(where + ": expected a whole number, got " + number(v));
  return static_cast<T>(v);
}
}    // namespace

/* ----------------------------------------------------------------------
   rounding differs between machines and compilers, another force field by much more
------------------------------------------------------------------------- */

std::string Provenance::difference(const Provenance &o) const
{
  const auto differ = [](const std::string &what, const std::string &a, const std::string &b) {
    return what + ", expected " + (b.empty() ? "none" : b) + ", got " + (a.empty() ? "none" : a);
  };
  if (flow != o.flow) return differ("model of the flow", flow, o.flow);
  if (coarse != o.coarse) return differ("coarse-grained potential", coarse, o.coarse);
  if (!same_numbers(probe, o.probe))
    return differ("all-atom energy of the fine script (energies of two fixed structures)",
                  numbers(probe) + " of " + script, numbers(o.probe) + " of " + o.script);
  if (!same_numbers(probe_observables, o.probe_observables))
    return differ("observables of these names (their values at two fixed structures)",
                  numbers(probe_observables) + " of " + script,
                  numbers(o.probe_observables) + " of " + o.script);
  if (anneal != o.anneal)
    return differ("annealing (steps, then lambda and size of moves of each)", anneal, o.anneal);
  return "";
}

/* ---------------------------------------------------------------------- */

std::string SampleTable::header() const
{
  std::string text = std::string(TITLE) + "\n# units " + units + "\n# temperature " +
      number(temperature) + "\n# kT " + number(kt) + "\n# samples " + std::to_string(samples) +
      "\n# molecule " + name + "\n";
  const auto add = [&](const std::string &key, const std::string &value) {
    if (!value.empty()) text += "# " + key + " " + value + "\n";
  };
  add("flow", provenance.flow);
  add("coarse", provenance.coarse);
  add("script", provenance.script);
  add("probe_energies", numbers(provenance.probe));
  add("probe_observables", numbers(provenance.probe_observables));
  text += anneal_line();
  if (partitions > 1)
    add("partition", std::to_string(partition) + " " + std::to_string(partitions));
  text += COLUMNS;
  for (const auto &o : observables) text += " " + o;
  return text + "\n";
}

/* ---------------------------------------------------------------------- */

std::string SampleTable::anneal_line() const
{
  return provenance.anneal.empty() ? "" : "# anneal " + provenance.anneal + "\n";
}

/* ---------------------------------------------------------------------- */

std::string SampleTable::trailer(const FrameRecord &r, double time) const
{
  std::string text;
  if (time > 0.0) text += "# seconds " + number(time) + "\n";
  if (r.looked > 0)
    text += "# outside " + std::to_string(r.outside) + " " + std::to_string(r.looked) + "\n";
  const auto unity = [&](const char *key, const Unity &u, double unit) {
    if (std::isfinite(u.error))
      text += std::string("# ") + key + " " +
          numbers({u.value * unit, u.error * unit, u.dof, u.frames}) + "\n";
  };
  if (!r.dynamics.empty()) text += "# dynamics " + r.dynamics + "\n";
  for (const auto &s : r.starts) text += "# start " + numbers(s) + "\n";
  unity("configurational_temperature", r.temperature, temperature);
  unity("energy_fluctuation", r.fluctuation, 1.0);
  for (const auto &w : r.warnings) text += "# warning " + w + "\n";
  return text;
}

/* ---------------------------------------------------------------------- */

std::string SampleTable::line(const Row &row, const double *obs) const
{
  char text[200];
  snprintf(text, sizeof(text), "%lld %lld %d %.15g %.15g %.15g %.15g",
           static_cast<long long>(row.step), static_cast<long long>(row.molecule), row.sample,
           row.logweight, row.u, row.ucg, row.logq);
  std::string all = text;
  for (std::size_t k = 0; k < observables.size(); k++) all += " " + number(obs[k]);
  return all + "\n";
}

/* ----------------------------------------------------------------------
   a table line by line; tables one after another must have the same header
------------------------------------------------------------------------- */

namespace {
struct Reader {
  SampleTable table;
  std::string origin;
  int number_of_line = 0;
  bool titled = false, columns = false;    // headers so far, whole ones
  bool first = true;                       // header sets the table, others must agree with it
  bool cut_off = false;                    // the last line has no end

  std::string where() const
  {
    return "sample table " + origin + ", line " + std::to_string(number_of_line);
  }

  template <class T> void set(T &ours, const T &value, const std::string &what) const
  {
    if (first && !columns)    // after its last line a header cannot change what rows were read with
      ours = value;
    else if (!(ours == value))
      throw std::runtime_error(where() + ": " + what + " differs from that of the first header");
  }

  void line(const std::string &text);
  void read_columns(const std::string &text);
  void read_key(const std::string &text);
  void read_provenance(const std::string &key, const std::string &value);
  void read_record(const std::string &key, const std::string &value);
  std::vector<double> read_numbers(const std::string &value, std::size_t expected) const;
  void read_row(const char *at);
  void drop_part_of_frame();
  void finish();
};

/* ---------------------------------------------------------------------- */

void Reader::line(const std::string &text)
{
  if (text == TITLE) {
    first = !titled;
    titled = true;
    table.records.emplace_back();
    return;
  }
  if (!titled)
    throw std::runtime_error(where() + ": expected \"" + TITLE + "\", got \"" + text.substr(0, 60) +
                             "\"");
  if (text[0] != '#')
    read_row(text.c_str());
  else if (text.compare(0, std::string(COLUMNS).size(), COLUMNS) == 0)
    read_columns(text.substr(std::string(COLUMNS).size()));
  else
    read_key(text);
}

/* ---------------------------------------------------------------------- */

void Reader::read_columns(const std::string &text)
{
  std::istringstream words(text);
  std::vector<std::string> names;
  for (std::string w; words >> w;) names.push_back(w);
  set(table.observables, names, "list of observables");
  columns = true;
}

/* ---------------------------------------------------------------------- */

void Reader::read_key(const std::string &text)
{
  std::istringstream words(text);
  std::string hash, key, value;
  words >> hash >> key;
  std::getline(words >> std::ws, value);
  const double v = std::strtod(value.c_str(), nullptr);
  if (key == "seconds")
    table.seconds += v;
  else if (key == "units")
    set(table.units, value, key);
  else if (key == "temperature")
    set(table.temperature, v, key);
  else if (key == "kT")
    set(table.kt, v, key);
  else if (key == "samples")
    set(table.samples, whole_number<int>(v, where()), key);
  else if (key == "constant" && first)
    table.constant = v;
  else if (key == "molecule")
    set(table.name, value, key);
  else {
    read_provenance(key, value);
    read_record(key, value);
  }
}

/* ---------------------------------------------------------------------- */

void Reader::read_provenance(const std::string &key, const std::string &value)
{
  Provenance &p = table.records.back().provenance;
  if (key == "flow")
    p.flow = value;
  else if (key == "coarse")
    p.coarse = value;
  else if (key == "script")
    p.script = value;
  else if (key == "probe_energies")
    p.probe = read_numbers(value, 2);
  else if (key == "probe_observables")
    p.probe_observables = read_numbers(value, 0);
  else if (key == "anneal")
    p.anneal = value;
}

/* ---------------------------------------------------------------------- */

void Reader::read_record(const std::string &key, const std::string &value)
{
  FrameRecord &r = table.records.back();
  if (key == "warning" &&
      std::find(r.warnings.begin(), r.warnings.end(), value) == r.warnings.end())
    r.warnings.push_back(value);
  if (key == "dynamics") r.dynamics = value;
  if (key == "partition") {
    const auto v = read_numbers(value, 2);
    r.partition = whole_number<int>(v[0], where());
    r.partitions = whole_number<int>(v[1], where());
  }
  if (key == "start") r.starts.push_back(read_numbers(value, 0));
  if (key == "outside") {
    const auto v = read_numbers(value, 2);
    r.outside += whole_number<std::int64_t>(v[0], where());
    r.looked += whole_number<std::int64_t>(v[1], where());
  }
  if (key == "configurational_temperature") {
    const auto v = read_numbers(value, 4);
    r.temperature = {v[0] / table.temperature, v[1] / table.temperature, v[2], v[3]};
  }
  if (key == "energy_fluctuation") {
    const auto v = read_numbers(value, 4);
    r.fluctuation = {v[0], v[1], v[2], v[3]};
  }
}

/* ---------------------------------------------------------------------- */

std::vector<double> Reader::read_numbers(const std::string &value, std::size_t expected) const
{
  std::vector<double> list;
  const char *at = value.c_str();
  while (*at) {
    list.push_back(parse_number(at, where()));
    while (*at == ' ') at++;
  }
  if (expected > 0 && list.size() != expected)
    throw std::runtime_error(where() + ": expected " + std::to_string(expected) + " numbers, got " +
                             std::to_string(list.size()));
  return list;
}

/* ---------------------------------------------------------------------- */

void Reader::read_row(const char *at)
{
  if (!columns) throw std::runtime_error(where() + ": row before the line of column names");
  const std::string here = where();
  SampleTable::Row row;
  row.step = whole_number<std::int64_t>(parse_number(at, here), here);
  row.molecule = whole_number<std::int64_t>(parse_number(at, here), here);
  row.sample = whole_number<int>(parse_number(at, here), here);
  row.logweight = parse_number(at, here);
  row.u = parse_number(at, here);
  row.ucg = parse_number(at, here);
  row.logq = parse_number(at, here);
  for (std::size_t k = 0; k < table.observables.size(); k++)
    table.values.push_back(parse_number(at, here));
  while (*at == ' ') at++;
  if (*at)
    throw std::runtime_error(here + ": too many columns, expected " +
                             std::to_string(7 + table.observables.size()));
  table.rows.push_back(row);
}

/* ---------------------------------------------------------------------- */

/* ----------------------------------------------------------------------
   a run that was killed may have written a part of its last frame
------------------------------------------------------------------------- */

void Reader::drop_part_of_frame()
{
  auto &rows = table.rows;
  std::size_t part = 0;
  while (part < rows.size() && rows[rows.size() - 1 - part].step == rows.back().step &&
         rows[rows.size() - 1 - part].molecule == rows.back().molecule)
    part++;
  part %= static_cast<std::size_t>(table.samples);
  if (part == 0 && !cut_off) return;
  rows.resize(rows.size() - part);
  table.values.resize(rows.size() * table.observables.size());
  table.records.back().warnings.push_back(
      "the table ends inside a frame, because the run was cut off; " +
      std::to_string(part + (cut_off ? 1 : 0)) + " lines at its end are left out");
}

/* ---------------------------------------------------------------------- */

void Reader::finish()
{
  if (!titled || !columns)
    throw std::runtime_error("sample table " + origin + ": expected a header that starts with \"" +
                             TITLE + "\"");
  if (!(table.temperature > 0.0) || !(table.kt > 0.0) || table.samples < 1)
    throw std::runtime_error("sample table " + origin +
                             ": temperature, kT and samples, expected numbers above 0");
  for (const auto &r : table.records)
    if (const std::string difference = r.provenance.difference(table.records[0].provenance);
        !difference.empty())
      throw std::runtime_error("sample table " + origin + ": " + difference);
  drop_part_of_frame();
}
}    // namespace

/* ---------------------------------------------------------------------- */

SampleTable SampleTable::parse(const std::string &text, const std::string &origin)
{
  Reader reader;
  reader.origin = origin;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    reader.number_of_line++;
    if (in.eof()) {    // without its end: it was being written, numbers may lack digits
      reader.cut_off = true;
      break;
    }
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) reader.line(line);
  }
  reader.finish();
  reader.table.provenance = reader.table.records[0].provenance;
  return std::move(reader.table);
}

/* ----------------------------------------------------------------------
   a frame is a run of rows with the same step and molecule, and must be whole
------------------------------------------------------------------------- */

WeightSet SampleTable::weights(std::int64_t series) const
{
  const int nobs = static_cast<int>(observables.size());
  WeightSet set(nobs);
  std::vector<double> logw;
  for (std::size_t i = 0; i < rows.size();) {
    std::size_t end = i;
    logw.clear();
    while (end < rows.size() && rows[end].step == rows[i].step &&
           rows[end].molecule == rows[i].molecule && rows[end].sample == static_cast<int>(end - i))
      logw.push_back(rows[end++].logweight);
    if (static_cast<int>(end - i) != samples)
      throw std::runtime_error("sample table: frame at step " + std::to_string(rows[i].step) +
                               ", molecule " + std::to_string(rows[i].molecule) +
                               ": samples 0, 1, ..., expected " + std::to_string(samples) +
                               ", got " + std::to_string(end - i));
    set.add_frame({rows[i].step, series, rows[i].molecule}, samples, logw.data(),
                  nobs ? &values[i * observables.size()] : nullptr);
    i = end;
  }
  return set;
}

}    // namespace BACKMAP_NS

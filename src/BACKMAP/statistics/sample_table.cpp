/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/sample_table.h"

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

/* one number of a row; inf and nan are numbers here */

double parse_number(const char *&at, const std::string &where)
{
  char *end;
  const double v = std::strtod(at, &end);
  if (end == at)
    throw std::runtime_error(where + ": expected another number, got end of line or text");
  at = end;
  return v;
}
}    // namespace

/* ---------------------------------------------------------------------- */

std::string SampleTable::header() const
{
  std::string text = std::string(TITLE) + "\n# units " + units + "\n# temperature " +
      number(temperature) + "\n# kT " + number(kt) + "\n# samples " + std::to_string(samples) +
      "\n# molecule " + name + "\n" + COLUMNS;
  for (const auto &o : observables) text += " " + o;
  return text + "\n";
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

/* ---------------------------------------------------------------------- */

SampleTable SampleTable::parse(const std::string &text, const std::string &origin)
{
  SampleTable table;
  bool titled = false, columns = false;
  int number_of_line = 0;
  std::istringstream in(text);
  std::string line;
  const auto where = [&] {
    return "sample table " + origin + ", line " + std::to_string(number_of_line);
  };
  const auto same = [&](bool equal, const std::string &what) {
    if (!equal)
      throw std::runtime_error(where() + ": " + what + " differs from that of the first header");
  };
  bool first = true;
  while (std::getline(in, line)) {
    number_of_line++;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty()) continue;
    if (line == TITLE) {
      first = !titled;
      titled = true;
      continue;
    }
    if (!titled)
      throw std::runtime_error(where() + ": expected \"" + TITLE + "\", got \"" +
                               line.substr(0, 60) + "\"");
    if (line[0] == '#') {
      if (line.compare(0, std::string(COLUMNS).size(), COLUMNS) == 0) {
        std::istringstream words(line.substr(std::string(COLUMNS).size()));
        std::vector<std::string> names;
        for (std::string w; words >> w;) names.push_back(w);
        if (first)
          table.observables = names;
        else
          same(names == table.observables, "list of observables");
        columns = true;
        continue;
      }
      std::istringstream words(line);
      std::string hash, key, value;
      words >> hash >> key;
      std::getline(words >> std::ws, value);
      const double v = std::atof(value.c_str());
      if (key == "seconds")
        table.seconds += v;
      else if (key == "units")
        first ? (void) (table.units = value) : same(value == table.units, key);
      else if (key == "temperature")
        first ? (void) (table.temperature = v) : same(v == table.temperature, key);
      else if (key == "kT")
        first ? (void) (table.kt = v) : same(v == table.kt, key);
      else if (key == "samples")
        first ? (void) (table.samples = static_cast<int>(v)) : same(v == table.samples, key);
      else if (key == "constant" && first)
        table.constant = v;
      else if (key == "molecule")
        first ? (void) (table.name = value) : same(value == table.name, key);
      continue;
    }
    if (!columns) throw std::runtime_error(where() + ": row before the line of column names");
    const char *at = line.c_str();
    Row row;
    row.step = static_cast<std::int64_t>(parse_number(at, where()));
    row.molecule = static_cast<std::int64_t>(parse_number(at, where()));
    row.sample = static_cast<int>(parse_number(at, where()));
    row.logweight = parse_number(at, where());
    row.u = parse_number(at, where());
    row.ucg = parse_number(at, where());
    row.logq = parse_number(at, where());
    for (std::size_t k = 0; k < table.observables.size(); k++)
      table.values.push_back(parse_number(at, where()));
    while (*at == ' ') at++;
    if (*at)
      throw std::runtime_error(where() + ": too many columns, expected " +
                               std::to_string(7 + table.observables.size()));
    table.rows.push_back(row);
  }
  if (!titled || !columns)
    throw std::runtime_error("sample table " + origin + ": expected a header that starts with \"" +
                             TITLE + "\"");
  if (!(table.temperature > 0.0) || !(table.kt > 0.0) || table.samples < 1)
    throw std::runtime_error("sample table " + origin +
                             ": temperature, kT and samples, expected numbers above 0");
  return table;
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

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/keywords.h"

#include "lammps/partitions.h"

#include "error.h"
#include "fmt/format.h"
#include "utils.h"

#include <algorithm>

using namespace LAMMPS_NS;
using BACKMAP_NS::backmap_error;

/* ---------------------------------------------------------------------- */

int BackmapKeywords::to_integer(const std::string &key, const char *value, int low)
{
  const int v = utils::inumeric(FLERR, value, false, lmp);
  if (v < low) fail(key, fmt::format("at least {}", low), value);
  return v;
}

BackmapKeywords &BackmapKeywords::integer(const std::string &key, int &to, int low)
{
  return add(key, [this, key, &to, low](int, char **values) {
    to = to_integer(key, values[0], low);
    return 1;
  });
}

BackmapKeywords &BackmapKeywords::integer(const std::string &key, int64_t &to, int64_t low)
{
  return add(key, [this, key, &to, low](int, char **values) {
    const bigint v = utils::bnumeric(FLERR, values[0], false, lmp);
    if (v < low) fail(key, fmt::format("at least {}", low), values[0]);
    to = v;
    return 1;
  });
}

BackmapKeywords &BackmapKeywords::real(const std::string &key, double &to, double low, double high)
{
  return add(key, [this, key, &to, low, high](int, char **values) {
    const double v = utils::numeric(FLERR, values[0], false, lmp);
    if (!(v >= low && v <= high)) fail(key, fmt::format("{} to {}", low, high), values[0]);
    to = v;
    return 1;
  });
}

BackmapKeywords &BackmapKeywords::yes(const std::string &key, bool &to)
{
  return add(key, [this, key, &to](int, char **values) {
    const std::string v = values[0];
    if (v != "yes" && v != "no") fail(key, "yes or no", v);
    to = v == "yes";
    return 1;
  });
}

BackmapKeywords &BackmapKeywords::text(const std::string &key, std::string &to)
{
  return add(key, [&to](int, char **values) {
    to = values[0];
    return 1;
  });
}

BackmapKeywords &BackmapKeywords::choice(const std::string &key, std::string &to,
                                         const std::vector<std::string> &choices)
{
  return add(key, [this, key, &to, choices](int, char **values) {
    to = values[0];
    if (std::find(choices.begin(), choices.end(), to) != choices.end()) return 1;
    std::string all = choices[0];
    for (std::size_t i = 1; i < choices.size(); i++) all += " or " + choices[i];
    fail(key, all, to);
  });
}

BackmapKeywords &BackmapKeywords::pairs(const std::string &key, std::vector<std::string> &to)
{
  return add(key, [this, key, &to](int left, char **values) {
    if (left < 2) fail(key, "2 values after it", std::to_string(left));
    to.insert(to.end(), {values[0], values[1]});
    return 2;
  });
}

/* ---------------------------------------------------------------------- */

BackmapKeywords &BackmapKeywords::add(const std::string &key, const Reader &reader)
{
  readers[key] = reader;
  return *this;
}

int BackmapKeywords::take(int narg, char **arg, int iarg)
{
  const std::string key = arg[iarg];
  const auto reader = readers.find(key);
  if (reader == readers.end()) backmap_error(lmp, what + ": unknown keyword " + key);
  const int left = narg - iarg - 1;
  if (left < 1) fail(key, "a value after it", "none");
  seen.insert(key);
  return 1 + reader->second(left, arg + iarg + 1);
}

/* ---------------------------------------------------------------------- */

void BackmapKeywords::fail(const std::string &key, const std::string &expected,
                           const std::string &got)
{
  backmap_error(lmp, what + ": keyword " + key + ", expected " + expected + ", got " + got);
}

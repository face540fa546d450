/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/fix_backmap_options.h"

#include "lammps/partitions.h"

#include "atom.h"
#include "error.h"
#include "lammps.h"
#include "utils.h"

#include <cstring>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   what no single word tells
------------------------------------------------------------------------- */

static void check(LAMMPS *lmp, const std::string &what, const BackmapOptions &o)
{
  if (o.sampler.samples < 1)
    backmap_error(lmp, "{}: samples, expected at least 1, got {}", what, o.sampler.samples);
  if (o.batch < 1) backmap_error(lmp, "{}: batch, expected at least 1, got {}", what, o.batch);
  if (o.blocks != 0 && o.blocks < 4)
    backmap_error(lmp, "{}: blocks, expected at least 4, got {}", what, o.blocks);
  if (o.sampler.script.empty() && !o.observables.empty())
    backmap_error(lmp, "{}: observables need a fine script, got NONE", what);
  if (!o.thermostat.empty() && o.temperature > 0.0)
    backmap_error(lmp, "{}: thermostat and temp exclude each other", what);
  if (!o.sampler.script.empty() && o.thermostat.empty() && !(o.temperature > 0.0))
    backmap_error(
        lmp, "{}: expected thermostat FIXID, or temp T where there is none to ask, as with rerun",
        what);
}

/* ---------------------------------------------------------------------- */

BackmapOptions BackmapOptions::parse(LAMMPS *lmp, const std::string &what, int narg, char **arg)
{
  BackmapOptions o;
  if (narg < 6)
    backmap_error(
        lmp,
        "{}: expected fix ID group backmap N FLOW IN.FINE|NONE keyword value ..., got {} words",
        what, narg);
  o.interval = utils::inumeric(FLERR, arg[3], false, lmp);
  if (o.interval <= 0)
    backmap_error(lmp, "{}: interval N, expected at least 1, got {}", what, o.interval);
  o.flow = arg[4];
  o.sampler.what = what;
  o.sampler.script = strcmp(arg[5], "NONE") == 0 ? "" : arg[5];
  const auto need = [&](int iarg, int n) {
    if (iarg + n >= narg)
      backmap_error(lmp, "{}: keyword {}, expected {} value(s) after it", what, arg[iarg], n);
  };
  const auto yes = [&](const char *key, const std::string &value) {
    if (value != "yes" && value != "no")
      backmap_error(lmp, "{}: {}, expected yes or no, got {}", what, key, value);
    return value == "yes";
  };
  o.sampler.backend = lmp->kokkos ? "kokkos" : "serial";

  for (int iarg = 6; iarg < narg;) {
    const std::string key = arg[iarg];
    if (key == "observables") {
      for (iarg++; iarg < narg && strlen(arg[iarg]) > 2 && arg[iarg][1] == '_'; iarg++)
        o.observables.emplace_back(arg[iarg]);
      continue;
    }
    if (key == "beads") {
      need(iarg, lmp->atom->ntypes);
      o.beads.assign(1, "");
      for (int i = 1; i <= lmp->atom->ntypes; i++) o.beads.emplace_back(arg[iarg + i]);
      iarg += 1 + lmp->atom->ntypes;
      continue;
    }
    if (key == "var") {
      need(iarg, 2);
      o.sampler.variables.insert(o.sampler.variables.end(), {arg[iarg + 1], arg[iarg + 2]});
      iarg += 3;
      continue;
    }
    need(iarg, 1);
    const char *value = arg[iarg + 1];
    if (key == "samples")
      o.sampler.samples = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "thermostat")
      o.thermostat = value;
    else if (key == "temp")
      o.temperature = utils::numeric(FLERR, value, false, lmp);
    else if (key == "seed")
      o.sampler.seed = static_cast<std::uint64_t>(utils::bnumeric(FLERR, value, false, lmp));
    else if (key == "table")
      o.table = value;
    else if (key == "xyz")
      o.xyz = value;
    else if (key == "append")
      o.append = yes("append", value);
    else if (key == "batch")
      o.batch = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "blocks")
      o.blocks = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "histogram")
      o.histogram = utils::numeric(FLERR, value, false, lmp);
    else if (key == "precision") {
      if (strcmp(value, "single") != 0 && strcmp(value, "double") != 0)
        backmap_error(lmp, "{}: precision, expected single or double, got {}", what, value);
      o.sampler.single = strcmp(value, "single") == 0;
    } else if (key == "backend") {
      if (strcmp(value, "serial") != 0 && strcmp(value, "kokkos") != 0)
        backmap_error(lmp, "{}: backend, expected serial or kokkos, got {}", what, value);
      o.sampler.backend = value;
    } else
      backmap_error(lmp, "{}: unknown keyword {}", what, key);
    iarg += 2;
  }

  check(lmp, what, o);
  return o;
}

}    // namespace BACKMAP_NS

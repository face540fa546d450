/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/fix_backmap_options.h"

#include "lammps/keywords.h"
#include "lammps/partitions.h"

#include "atom.h"
#include "lammps.h"
#include "universe.h"
#include "utils.h"

#include <cstring>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   what no single word tells
------------------------------------------------------------------------- */

static void check(LAMMPS *lmp, const std::string &what, const BackmapOptions &o)
{
  if (o.sampler.script.empty() && !o.observables.empty())
    backmap_error(lmp, "{}: observables need a fine script, got NONE", what);
  if (o.sampler.script.empty() && !o.forces.empty())
    backmap_error(lmp, "{}: forces needs a fine script, got NONE", what);
  if (!o.forces.empty() && o.sampler.samples < 2)
    backmap_error(lmp, "{}: forces needs an error, expected samples of at least 2, got {}", what,
                  o.sampler.samples);
  if (o.sampler.script.empty() && o.sampler.annealed())
    backmap_error(lmp, "{}: anneal needs energies, expected a fine script, got NONE", what);
  if (o.sampler.anneal > 0 && lmp->universe->nworlds > 1)
    backmap_error(lmp,
                  "{}: anneal with several partitions, expected a file with the schedule for all "
                  "(schedule FILE of backmap_validate, or a sample table), got {} steps",
                  what, o.sampler.anneal);
  if (!o.thermostat.empty() && o.temperature > 0.0)
    backmap_error(lmp, "{}: thermostat and temp exclude each other", what);
  if (!o.sampler.script.empty() && o.thermostat.empty() && !(o.temperature > 0.0))
    backmap_error(lmp,
                  "{}: expected thermostat FIXID, or temp T if no fix controls the temperature, as "
                  "with rerun",
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
  BackmapKeywords keywords(lmp, what);
  std::string ensemble = "boltzmann";
  o.interval = utils::inumeric(FLERR, arg[3], false, lmp);
  if (o.interval < 1)
    backmap_error(lmp, "{}: interval N, expected at least 1, got {}", what, o.interval);
  o.flow = arg[4];
  o.sampler.what = what;
  o.sampler.script = strcmp(arg[5], "NONE") == 0 ? "" : arg[5];

  sampler_keywords(lmp, keywords, o.sampler);
  anneal_keyword(keywords, o.sampler);
  structure_keywords(keywords, o.structures);
  keywords.text("thermostat", o.thermostat)
      .real("temp", o.temperature, 0.0, 1.0e6)
      .text("table", o.table)
      .text("forces", o.forces)
      .yes("append", o.append)
      .choice("ensemble", ensemble, {"boltzmann", "none"})
      .integer("batch", o.batch, 1)
      .integer("blocks", o.blocks, 4)
      .real("histogram", o.histogram, -1.0e300, 1.0e300)
      .add("observables",
           [&](int left, char **values) {
             int n = 0;
             for (; n < left && strlen(values[n]) > 2 && values[n][1] == '_'; n++)
               o.observables.emplace_back(values[n]);
             return n;
           })
      .add("beads", [&](int left, char **values) {
        const int ntypes = lmp->atom->ntypes;
        if (left < ntypes)
          keywords.fail("beads", std::to_string(ntypes) + " value(s) after it",
                        std::to_string(left));
        o.beads.assign(1, "");
        o.beads.insert(o.beads.end(), values, values + ntypes);
        return ntypes;
      });
  for (int iarg = 6; iarg < narg;) iarg += keywords.take(narg, arg, iarg);
  o.boltzmann = ensemble == "boltzmann";
  o.sampler.forces = !o.forces.empty();
  check(lmp, what, o);
  return o;
}

}    // namespace BACKMAP_NS

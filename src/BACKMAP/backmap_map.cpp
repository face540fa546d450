/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_map.h"

#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"
#include "lammps/trajectory.h"
#include "molecule/fragments.h"
#include "training/map_openings.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"

#include <algorithm>
#include <exception>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

void BackmapMap::command(int narg, char **arg)
{
  read_arguments(narg, arg);
  BackmapTrajectory system(lmp, what);
  const Topology topology = system.topology();
  const std::vector<double> x = system.positions();
  // people edit maps, and models depend on them
  backmap_check_new_file(lmp, file, overwrite, what);

  // all ranks have the molecule and find the same map
  std::string trouble, text, table, advice;
  int nbeads = 0;
  try {
    Mapping mapping = propose_map(topology, rule);
    if (!name.empty()) mapping.molecule = name;
    // so that beads may have the IDs of their atoms
    if (order == "ids")
      std::sort(mapping.beads.begin(), mapping.beads.end(),
                [](const auto &a, const auto &b) { return a.atoms[0] < b.atoms[0]; });
    nbeads = mapping.nbeads();
    const MapOpenings openings(topology, mapping, x);
    table = openings.table();
    advice = openings.advice();
    if (fragments)
      for (const auto &f : Fragments::derive(topology, mapping, x).fragments) {
        mapping.fragments.push_back({f.name, f.atoms});
        std::sort(mapping.fragments.back().atoms.begin(), mapping.fragments.back().atoms.end());
      }
    text = map_text(mapping);
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  backmap_write_file(lmp, file, text, what);
  if (comm->me) return;
  utils::logmesg(
      lmp,
      "BACKMAP map {}: {} beads for {} atoms; it leaves open (torsions: free ones; heavy: "
      "those of them that turn heavy atoms)\n{}",
      file, nbeads, topology.natoms, table);
  if (!advice.empty()) error->warning(FLERR, "{}: {}", what, advice);
}

/* ---------------------------------------------------------------------- */

void BackmapMap::read_arguments(int narg, char **arg)
{
  if (narg < 1) backmap_error(lmp, "{}: expected backmap_map FILE keyword value ...", what);
  file = arg[0];
  BackmapKeywords keywords(lmp, what);
  keywords.integer("every", rule.k, 1)
      .add("centers",
           [&](int, char **values) {
             const std::string value = values[0];
             if (value == "unit") {
               rule.sort = MapRule::Units;
               return 1;
             }
             rule.sort = MapRule::Centers;
             if (value.empty() || value.find_first_not_of("0123456789") != std::string::npos)
               keywords.fail("centers", "unit or a number of heavy atoms", value);
             rule.k = keywords.to_integer("centers", values[0], 1);
             return 1;
           })
      .text("name", name)
      .choice("order", order, {"chain", "ids"})
      .yes("fragments", fragments)
      .yes("overwrite", overwrite);
  for (int iarg = 1; iarg < narg;) iarg += keywords.take(narg, arg, iarg);

  if (keywords.given("every") && keywords.given("centers"))
    backmap_error(lmp, "{}: keywords every and centers, expected one rule", what);
  if (keywords.given("every")) rule.sort = MapRule::Every;
  if (keywords.given("centers") && order == "ids")
    backmap_error(lmp, "{}: keyword order ids, expected beads of one atom, got centers", what);
  if (keywords.given("centers") && fragments)
    backmap_error(lmp, "{}: keyword fragments, expected beads of one atom, got centers", what);
}

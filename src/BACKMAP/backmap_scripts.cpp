/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_scripts.h"

#include "cgnet/cgnet.h"
#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"
#include "lammps/trajectory.h"
#include "molecule/bead_torsions.h"
#include "molecule/isomer.h"
#include "molecule/map_proposal.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "update.h"

#include <exception>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

/// Observables for the fine script: torsions, radius of gyration, energy.
std::string observables_text(const Topology &topology, const Mapping &mapping)
{
  // beads of several atoms have no torsions that people know; those of the backbone are observables all the same
  const auto torsions =
      bead_torsions(topology, mapping.slicing() ? mapping : propose_map(topology, {}));
  std::string compute, variables;
  for (std::size_t k = 0; k < torsions.size(); k++) {
    const auto &a = torsions[k].atoms;
    compute += fmt::format(" &\n  dihedral {} {} {} {}", a[0] + 1, a[1] + 1, a[2] + 1, a[3] + 1);
    variables += fmt::format("variable {} equal c_torsions[{}]\n", torsions[k].name, k + 1);
  }
  std::string out = "# torsions in degrees, radius of gyration, energy\n";
  if (!torsions.empty())
    out += "compute torsions all backmap/internal" + compute + "\n" + variables;
  return out +
      "compute rg all gyration\nvariable rg equal c_rg\nvariable energy equal pe\nthermo_style "
      "custom step pe\n";
}

}    // namespace

/* ---------------------------------------------------------------------- */

void BackmapScripts::command(int narg, char **arg)
{
  read_arguments(narg, arg);
  BackmapTrajectory system(lmp, what);
  const Topology topology = system.topology();
  const std::vector<double> x = system.positions();
  const std::string map = backmap_read_file(lmp, map_file, what + ": map");
  for (const auto &file : {isomer, coarse, observables})
    if (!file.empty()) backmap_check_new_file(lmp, file, overwrite, what);

  // all ranks have the molecule and find the same
  std::string trouble, of_atoms, of_beads, to_see;
  std::size_t nbonds = 0, ncentres = 0;
  try {
    const Mapping mapping = Mapping::parse(map, topology, map_file);
    if (!isomer.empty() || !coarse.empty()) {
      const Isomer found = Isomer::of(topology, x);
      nbonds = found.bonds.size();
      ncentres = found.centres.size();
      const double kcal = boltzmann_constant(update->unit_style) / boltzmann_constant("real");
      std::vector<char> present(topology.natoms, 1);
      of_atoms = found.commands(present, kcal);
      const auto bead = mapping.bead_of_atom(topology.natoms);
      for (int i = 0; i < topology.natoms; i++) present[i] = mapping.slicing() && bead[i] >= 0;
      of_beads = found.commands(present, kcal);
    }
    to_see = observables_text(topology, mapping);
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  std::string written;
  const auto write = [&](const std::string &file, const std::string &text) {
    if (file.empty()) return;
    backmap_write_file(lmp, file, text, what);
    written += " " + file;
  };
  write(isomer, of_atoms);
  write(coarse, of_beads);
  write(observables, to_see);
  if (comm->me == 0)
    utils::logmesg(lmp, "BACKMAP scripts{}: {} amide and ester bonds, {} centres\n", written,
                   nbonds, ncentres);
}

/* ---------------------------------------------------------------------- */

void BackmapScripts::read_arguments(int narg, char **arg)
{
  if (narg < 1) backmap_error(lmp, "{}: expected backmap_scripts MAP keyword value ...", what);
  map_file = arg[0];
  BackmapKeywords keywords(lmp, what);
  keywords.text("isomer", isomer)
      .text("coarse_isomer", coarse)
      .text("observables", observables)
      .yes("overwrite", overwrite);
  for (int iarg = 1; iarg < narg;) iarg += keywords.take(narg, arg, iarg);
  if (isomer.empty() && coarse.empty() && observables.empty())
    backmap_error(lmp, "{}: expected isomer, coarse_isomer or observables with a file, got none",
                  what);
}

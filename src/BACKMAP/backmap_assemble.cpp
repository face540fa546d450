/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_assemble.h"

#include "core/model_file.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/trajectory.h"
#include "molecule/fragments.h"
#include "training/flow_data.h"

#include "comm.h"
#include "fmt/format.h"
#include "update.h"

#include <exception>
#include <stdexcept>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

void BackmapAssemble::command(int narg, char **arg)
{
  if (narg < 3)
    backmap_error(lmp, "{}: expected backmap_assemble MAP OUT MODEL ..., got {} arguments", what,
                  narg);
  BackmapTrajectory system(lmp, what);
  const Topology topology = system.topology();
  const std::vector<double> x = system.positions();
  const std::string map = backmap_read_file(lmp, arg[0], what + ": map");
  std::vector<std::string> bytes;
  for (int i = 2; i < narg; i++) bytes.push_back(backmap_read_file(lmp, arg[i], what + ": model"));

  // all ranks have everything and make the same model
  std::string trouble, text, table;
  try {
    const Mapping mapping = Mapping::parse(map, topology, arg[0]);
    const Fragments fragments = Fragments::derive(topology, mapping, x);
    std::vector<FlowSpec> models;
    for (int i = 2; i < narg; i++) {
      models.push_back(FlowSpec::from_model(ModelFile::parse(bytes[i - 2], arg[i])));
      if (!models.back().composed())
        throw std::runtime_error(fmt::format(
            "model {}: expected a flow that is composed of fragments, got one of one piece; train "
            "it with the keyword fragments yes",
            arg[i]));
      if (models.back().units != update->unit_style)
        throw std::runtime_error(fmt::format("model {}: units, expected {}, got {}", arg[i],
                                             update->unit_style, models.back().units));
    }
    const FlowSpec spec = assemble_flow(topology, mapping, fragments, models);
    for (const auto &kind : spec.kinds) {
      int copies = 0;
      for (const auto &f : spec.fragments) copies += &spec.kinds[f.kind] == &kind;
      table += fmt::format("  {:4d} {}\n", copies, kind.molecule);
    }
    text = spec.to_model().serialize();
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  backmap_write_file(lmp, arg[1], text, what);
  if (comm->me == 0) utils::logmesg(lmp, "BACKMAP model {}: fragments\n{}", arg[1], table);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_assemble.h"

#include "cgnet/cgnet.h"
#include "core/model_file.h"
#include "lammps/file_patterns.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/trajectory.h"
#include "molecule/fragments.h"
#include "training/cgnet_windows.h"
#include "training/flow_data.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "update.h"

#include <algorithm>
#include <exception>
#include <stdexcept>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

struct Assembled {
  std::string model, table;
  std::vector<std::string> warnings;
};

void check_units(const MoleculeSpec &model, const ModelFile &file, const std::string &units)
{
  if (model.units != units)
    throw std::runtime_error(
        fmt::format("model {}: units, expected {}, got {}", file.origin(), units, model.units));
}

/* flows: fragments by their kinds */

Assembled flow_of(const Topology &topology, const Mapping &mapping, const std::vector<double> &x,
                  const std::vector<ModelFile> &files, const std::string &units)
{
  std::vector<FlowSpec> models;
  for (const auto &file : files) {
    models.push_back(FlowSpec::from_model(file));
    check_units(models.back(), file, units);
    if (!models.back().composed())
      throw std::runtime_error(fmt::format(
          "model {}: expected a flow that is composed of fragments, got one of one piece; train it "
          "with the keyword fragments yes",
          file.origin()));
  }
  FragmentOptions options;
  options.reach = models[0].reach;
  const auto assembled = [&](bool odd_first) {
    Mapping map = mapping;
    map.odd_first = odd_first;
    return assemble_flow(topology, map, Fragments::derive(topology, map, x, options), models);
  };
  FlowSpec spec;
  try {
    spec = assembled(mapping.odd_first);
  } catch (const std::exception &missing) {
    try {    // the order of drawing is free: the models may have all fragments in the other one
      spec = assembled(!mapping.odd_first);
    } catch (const std::exception &) {
      throw std::runtime_error(missing.what());
    }
  }
  Assembled out;
  for (std::size_t k = 0; k < spec.kinds.size(); k++) {
    const auto copies =
        std::count_if(spec.fragments.begin(), spec.fragments.end(),
                      [&](const FlowSpec::Fragment &f) { return f.kind == (int) k; });
    out.table += fmt::format("  {:4d} {}\n", copies, spec.kinds[k].molecule);
  }
  out.model = spec.to_model().serialize();
  return out;
}

/* CG energies: windows by their kinds */

Assembled cgnet_of(const Topology &topology, const Mapping &mapping, const std::vector<double> &x,
                   const std::vector<ModelFile> &files, const std::string &units)
{
  std::vector<CgnetSpec> models;
  for (const auto &file : files) {
    models.push_back(CgnetSpec::from_model(file));
    check_units(models.back(), file, units);
  }
  Assembled out;
  const CgnetSpec spec = assemble_cgnet(topology, mapping, x, models, &out.warnings);
  out.table = fmt::format("  {} windows of {} kinds\n", spec.windows.size(), spec.kinds.size());
  out.model = spec.to_model().serialize();
  return out;
}

}    // namespace

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
  std::vector<std::string> names, bytes;
  for (int i = 2; i < narg; i++) {
    const auto found = backmap_files(lmp, arg[i], what + ": models");
    names.insert(names.end(), found.begin(), found.end());
  }
  for (const auto &name : names) bytes.push_back(backmap_read_file(lmp, name, what + ": model"));

  // all ranks have everything and make the same model
  std::string trouble;
  Assembled made;
  try {
    const Mapping mapping = Mapping::parse(map, topology, arg[0]);
    std::vector<ModelFile> files;
    for (std::size_t i = 0; i < names.size(); i++) {
      files.push_back(ModelFile::parse(bytes[i], names[i]));
      if (files.back().meta("format") != files[0].meta("format"))
        throw std::runtime_error(fmt::format("model {}: expected one of {} as {}, got {}", names[i],
                                             files[0].meta("format"), names[0],
                                             files.back().meta("format")));
    }
    const auto &assemble = files[0].meta("format") == "backmap.cgnet" ? cgnet_of : flow_of;
    made = assemble(topology, mapping, x, files, update->unit_style);
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  backmap_write_file(lmp, arg[1], made.model, what);
  if (comm->me) return;
  utils::logmesg(lmp, "BACKMAP model {}:\n{}", arg[1], made.table);
  for (const auto &w : made.warnings) error->warning(FLERR, "{}: {}", what, w);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_flow.h"

#ifndef BACKMAP_TORCH
void LAMMPS_NS::TrainFlow::train(int, char **) {
}    // not reached: TrainCommand says what is missing
#else

#include "core/model_file.h"
#include "flow/flow_spec.h"
#include "lammps/fine_check.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "libtorch/flow_trainer.h"
#include "training/flow_data.h"
#include "training/flow_quality.h"
#include "training/frame_pool.h"
#include "training/frames.h"
#include "training/refresh.h"

#include "fmt/format.h"
#include "force.h"
#include "update.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

/* ----------------------------------------------------------------------
   the model to go on from must be of this molecule, map and temperature
------------------------------------------------------------------------- */

FlowSpec read_start(const std::string &bytes, const std::string &name, double temperature,
                    const MoleculeSpec &molecule, const std::string &units)
{
  FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, name));
  const auto differ = [&](bool same, const std::string &what) {
    if (!same)
      throw std::runtime_error("model " + name + ": " + what + " differ from those of this run");
  };
  differ(spec.natoms == molecule.natoms,
         "numbers of atoms (" + std::to_string(spec.natoms) + ", expected " +
             std::to_string(molecule.natoms) + ")");
  differ(spec.bead_names() == molecule.bead_names(), "the beads");
  for (int b = 0; b < spec.nbeads(); b++)
    differ(spec.beads[b].atoms == molecule.beads[b].atoms,
           "the atoms of bead " + std::to_string(b + 1));
  if (std::fabs(spec.temperature - temperature) > 1.0e-6 * temperature)
    throw std::runtime_error("model " + name + ": temperature, expected " +
                             std::to_string(temperature) + ", got " +
                             std::to_string(spec.temperature));
  if (spec.units != units)
    throw std::runtime_error("model " + name + ": units, expected " + units + ", got " +
                             spec.units);
  return spec;
}

}    // namespace

/* ----------------------------------------------------------------------
   keywords of train_flow alone
------------------------------------------------------------------------- */

void TrainFlow::read_arguments(int narg, char **arg)
{
  shared_keywords(options);
  keywords.integer("hidden", design.hidden, 1)
      .integer("couplings", design.couplings, 1)
      .integer("bins", design.bins, 2)
      .text("energy", script)
      .integer("samples", chains.proposals, 2)
      .integer("frames", count, 10)
      .yes("fragments", fragments)
      .pairs("var", variables);
  parse(narg, arg);
  design.seed = chains.seed = options.seed;
  chains.threads = options.threads;
}

/* ---------------------------------------------------------------------- */

void TrainFlow::train(int narg, char **arg)
{
  read_arguments(narg, arg);
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, map_file, "train_flow: map");
  const std::string model = init.empty() ? "" : backmap_read_file(lmp, init, "train_flow: init");
  Mapping mapping;
  FlowSpec start;
  std::unique_ptr<FineEngine> engine;
  std::string problem;
  try {
    mapping = Mapping::parse(map_text, topology, map_file);
    const MoleculeSpec molecule = describe_molecule(topology, mapping);
    if (!init.empty()) start = read_start(model, init, temperature, molecule, update->unit_style);
    if (!script.empty()) {
      engine = std::make_unique<FineEngine>(script, FineEngine::Role::Silent, variables, lmp);
      check_fine_engine(*engine, script, molecule, update->unit_style);
    }
  } catch (const std::exception &err) {
    problem = std::string("train_flow: ") + err.what();
  }
  backmap_agree(lmp, problem);
  const auto reference = trajectory.positions();
  trajectory.read(false);

  on_first_rank([&] {
    auto &fr = trajectory.frames();
    line(fmt::format("train_flow: {} frames read", fr.n));
    TrainingFigures figures;
    DataCheck check({fr.natoms, fr.n, fr.x.data(), fr.source, fr.names});
    check.isomers(topology, reference);
    const std::size_t isomers = check.found().size();
    tell(check.found(), 0);
    FlowData data = prepare(topology, mapping, reference, start);
    if (!data.spec.composed()) check.torsions(data.spec);
    tell(check.found(), isomers);
    if (check.found().empty())
      line(fmt::format("  {} files looked at: the isomer of the system, no second peak, no frozen "
                       "torsion",
                       fr.names.size()));
    std::vector<std::string> warnings;
    for (const auto &w : check.found()) warnings.push_back(w.name + ": " + w.text);
    figures.add("warnings", warnings);

    EnergyFunction energy;
    if (engine) {
      energy = [&](const double *x) { return engine->evaluate(x, nullptr); };
      const double u = energy(fr.x.data());
      if (std::isfinite(u))
        check_equivalent_atoms(*engine, data.spec.equivalent_atoms(), fr.x.data(), u);
    }
    fit(data.spec, data, energy, figures);
    add_figures(figures, options);
    data.spec.training = figures.json();
    write_model(data.spec.to_model().serialize());
  });
}

void TrainFlow::tell(const Diagnoses &found, std::size_t told)
{
  for (std::size_t i = told; i < found.size(); i++) warn(found[i].name + ": " + found[i].text);
}

/* ----------------------------------------------------------------------
   the flow and the frames that it can draw
------------------------------------------------------------------------- */

FlowData TrainFlow::prepare(const Topology &topology, const Mapping &mapping,
                            const std::vector<double> &reference, FlowSpec &start)
{
  const auto &fr = trajectory.frames();
  const auto valid = validation_tail(fr.block, fr.file, validation);
  FlowData data;
  if (!init.empty()) {
    data.spec = start;
    data.valid = valid;
    data.train = opposite(valid);
    if (!data.spec.range.known())
      data.spec.range = feature_range(data.spec, fr.x.data(), marked(data.train), marked(valid));
  } else if (fragments || !mapping.fragments.empty()) {
    const Fragments parts = Fragments::derive(topology, mapping, reference);
    data = prepare_flow(topology, mapping, design, fr.n, fr.x.data(), valid, &parts);
  } else
    data = prepare_flow(topology, mapping, design, fr.n, fr.x.data(), valid);
  for (auto *spec : {&data.spec}) {
    spec->temperature = temperature;
    spec->units = update->unit_style;
    for (auto &kind : spec->kinds) {
      kind.temperature = temperature;
      kind.units = update->unit_style;
    }
  }
  return data;
}

/* ----------------------------------------------------------------------
   maximum likelihood on the frames; with the energy, from the second pass on the frames get new atoms
------------------------------------------------------------------------- */

void TrainFlow::fit(FlowSpec &spec, FlowData &data, const EnergyFunction &energy,
                    TrainingFigures &figures)
{
  static constexpr int64_t ROWS = 50000;    // of an epoch, of the kind that has most
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  auto &fr = trajectory.frames();
  FramePool pool(spec.natoms, fr.x.data(), marked(data.train), options.seed);
  FramePool held_back(spec.natoms, fr.x.data(), marked(data.valid), options.seed);
  fr = BackmapTrajectory::Frames();

  for (const auto &note : data.notes) line("  " + note);
  tell_frames(pool.size(), held_back.size(),
              "the flow will fit noise. Remedy: a longer run, or more frames of it (independent "
              "ones, not every step)");
  figures.add("notes", data.notes);

  int copies = 1;
  const auto shapes = net_shapes(spec);
  for (const auto &s : shapes) copies = std::max(copies, s.copies);
  const int64_t plain = count ? count : std::max<int64_t>(1, ROWS / copies),
                chained = count ? count : std::max<int64_t>(1, plain / (chains.proposals + 1));

  FlowTrainer trainer(shapes, options, flow_rows(spec, pool.x.data(), pool.next(plain)),
                      flow_rows(spec, held_back.x.data(), held_back.next(ROWS / copies)));
  if (!init.empty()) trainer.start_from(get_weights(spec));

  const double kt = force->boltz * temperature;
  FrameRefresh refresh(kt, energy, chains);
  FlowSpec now = spec;
  Table table;
  table.head = fmt::format("{:>14} {:>12} {:>12}", "train (nats)", "validation", "best");
  if (energy) table.head += fmt::format(" {:>7} {:>7}", "moved", "ess");
  table.columns = [&](const Epoch &e) {
    auto text = fmt::format("{:14.4f} {:12.4f} {:12.4f}", e.train, e.valid, e.best);
    if (energy) text += fmt::format(" {:7.3f} {:7.3f}", refresh.moved(), refresh.ess());
    return text;
  };
  table.before = [&](int done) {
    if (done == 0) return;
    if (!energy || (init.empty() && pool.passes() == 0 && done < 6)) {
      trainer.set_training(flow_rows(spec, pool.x.data(), pool.next(plain)));
      return;
    }
    set_weights(now, trainer.average());
    trainer.set_training(refresh(now, pool.next(chained), done, pool.x));
  };
  const Epoch e = run_epochs(trainer, table);
  set_weights(spec, trainer.best());
  figures.add("frames", pool.size())
      .add("validation_frames", held_back.size())
      .add("validation_nats", e.best)
      .add("best_epoch", e.best_epoch)
      .add("epochs", e.epoch);
  if (!energy) return;

  const auto check = spread_frames(held_back.x, stride, 200);
  const FlowQuality q =
      flow_quality(spec, kt, energy, check.size() / stride, check.data(), 200, options.seed);
  line(fmt::format("  {} held-back frames, 200 samples each: conditional ESS {:.3f} (10 % quantile "
                   "{:.3f}), forward ESS {:.3f}",
                   check.size() / stride, q.conditional, q.conditional_q10, q.forward));
  figures.add("conditional_ess", q.conditional)
      .add("conditional_ess_q10", q.conditional_q10)
      .add("forward_ess", q.forward);
}

#endif

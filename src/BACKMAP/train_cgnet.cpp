/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_cgnet.h"

#ifndef BACKMAP_TORCH
void LAMMPS_NS::TrainCgnet::train(int, char **) {
}    // not reached: TrainCommand says what is missing
#else

#include "core/model_file.h"
#include "lammps/file_patterns.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "statistics/diagnosis.h"
#include "statistics/sample_table.h"
#include "statistics/weights.h"
#include "training/advice.h"
#include "training/frames.h"

#include "fmt/format.h"
#include "update.h"

#include <cmath>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {
constexpr double MINUTES = 10.0;
constexpr int PATIENCE = 20;
}    // namespace

/* ----------------------------------------------------------------------
   keywords of train_cgnet alone
------------------------------------------------------------------------- */

void TrainCgnet::read_arguments(int narg, char **arg)
{
  shared_keywords(options);
  keywords.real("forces", options.force_weight, 0.0, 1.0e6)
      .real("energies", options.energy_weight, 0.0, 1.0e6)
      .real("mean_forces", mean_forces, 0.0, 1.0e6)
      .real("guard", options.guard, 0.0, 1.0e6)
      .yes("local", local)
      .integer("reach", reach, 2)
      .add("correct",
           [this](int left, char **values) {
             if (left < 2)
               keywords.fail("correct", "a sample table and a dump", std::to_string(left));
             for (const auto &pair :
                  backmap_file_pairs(lmp, values[0], values[1], what + ": keyword correct"))
               tables.push_back({pair[0], pair[1], "", ""});
             return 2;
           })
      .add("hidden", [this](int left, char **values) {
        const int n = keywords.to_integer("hidden", values[0], 1);
        if (n >= left)
          keywords.fail("hidden", fmt::format("{} widths", n), std::to_string(left - 1));
        hidden.clear();
        for (int i = 1; i <= n; i++) hidden.push_back(keywords.to_integer("hidden", values[i], 1));
        return 1 + n;
      });
  parse(narg, arg);
  if (!trajectory.given() && tables.empty())
    backmap_error(lmp, "train_cgnet: nothing to learn from, expected keyword files or correct");
  if (!trajectory.given() && init.empty())
    backmap_error(
        lmp, "train_cgnet: expected keyword init: without files, the prior comes from a model");
  if (!local && keywords.given("reach"))
    backmap_error(lmp, "train_cgnet: keyword reach: expected local yes with it");
  if (!init.empty() && keywords.given("reach"))
    backmap_error(lmp, "train_cgnet: keyword reach: with init the windows are those of {}", init);
  if (!tables.empty() && !keywords.given("forces")) options.force_weight = 0.3;
  // how many epochs are best depends on the frames: the time is the limit, and validation
  limit_time(options, MINUTES);
  if (!keywords.given("patience") && !keywords.given("epochs")) options.patience = PATIENCE;
}

/* ---------------------------------------------------------------------- */

void TrainCgnet::train(int narg, char **arg)
{
  read_arguments(narg, arg);
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, map_file, "train_cgnet: map");
  const std::string start =
      init.empty() ? "" : backmap_read_file(lmp, init, "train_cgnet: model to start from");
  for (auto &t : tables) {
    t.table_text = backmap_read_file(lmp, t.table, "train_cgnet: sample table");
    t.dump_text = backmap_read_file(lmp, t.dump, "train_cgnet: dump of the beads");
  }
  const auto reference = trajectory.positions();
  if (trajectory.given()) trajectory.read(true);

  on_first_rank([&] {
    const Mapping mapping = Mapping::parse(map_text, topology, map_file);
    options.kT = boltzmann_constant(update->unit_style) * temperature;
    CgnetData data;
    if (!init.empty()) data.spec = read_start(start, mapping);
    if (trajectory.given()) take_forces(topology, mapping, reference, data);
    const FreeEnergies free = take_free_energies(mapping, data.spec);
    fit(data, free);
    write_model(data.spec.to_model().serialize());
  });
}

/* ----------------------------------------------------------------------
   the model to go on from must be of this map and temperature
------------------------------------------------------------------------- */

CgnetSpec TrainCgnet::read_start(const std::string &bytes, const Mapping &mapping) const
{
  CgnetSpec spec = CgnetSpec::from_model(ModelFile::parse(bytes, init));
  if (spec.nbeads() != mapping.nbeads())
    throw std::runtime_error(
        fmt::format("{} has {} beads, the map {}", init, spec.nbeads(), mapping.nbeads()));
  if (spec.temperature != temperature || spec.units != update->unit_style)
    throw std::runtime_error(
        fmt::format("{}: temperature and units, expected {} K and {}, got {} K and {}", init,
                    temperature, update->unit_style, spec.temperature, spec.units));
  if (keywords.given("local") && local != spec.composed())
    throw std::runtime_error(fmt::format("keyword local: {} is {}, expected local {} or none", init,
                                         spec.composed() ? "a sum of windows" : "of one piece",
                                         spec.composed() ? "yes" : "no"));
  return spec;
}

/* ----------------------------------------------------------------------
   forces of the all-atom frames as targets; without a model to start from also prior and features
------------------------------------------------------------------------- */

void TrainCgnet::take_forces(const Topology &topology, const Mapping &mapping,
                             const std::vector<double> &reference, CgnetData &data)
{
  const auto &fr = trajectory.frames();
  line(fmt::format("train_cgnet: {} frames read", fr.n));
  const auto tail = validation_tail(fr.block, fr.file, validation);
  if (init.empty() && local)
    data = prepare_local_cgnet(topology, mapping, reference, reach, update->unit_style, temperature,
                               hidden, fr.n, fr.x.data(), fr.f.data(), tail);
  else if (init.empty())
    data = prepare_cgnet(topology, mapping, update->unit_style, temperature, hidden, fr.n,
                         fr.x.data(), fr.f.data(), tail);
  else {
    data.train =
        force_targets(data.spec, topology, mapping, fr.n, fr.x.data(), fr.f.data(), opposite(tail));
    data.valid = force_targets(data.spec, topology, mapping, fr.n, fr.x.data(), fr.f.data(), tail);
  }
  trajectory.frames() = BackmapTrajectory::Frames();
  for (const auto &note : data.notes) line("  " + note);
  tell_frames(data.train.n, data.valid.n,
              "mapped forces are noisy. Remedy: a longer run, or more frames of it");
}

/* ----------------------------------------------------------------------
   free energies of backmapped frames
------------------------------------------------------------------------- */

FreeEnergies TrainCgnet::take_free_energies(const Mapping &mapping, const CgnetSpec &spec)
{
  FreeEnergies free;
  if (tables.empty()) return free;
  std::vector<Provenance> energy_of_table;
  for (size_t t = 0; t < tables.size(); t++) {
    const auto &from = tables[t];
    const auto table = SampleTable::parse(from.table_text, from.table);
    if (std::fabs(table.temperature - temperature) > 1.0e-6 * temperature ||
        table.units != update->unit_style)
      throw std::runtime_error(
          fmt::format("{}: temperature and units, expected {} K and {}, got {} K and {}",
                      from.table, temperature, update->unit_style, table.temperature, table.units));
    // F(z) is that of the all-atom energy alone: flow, CG potential and observables may differ from table to table
    energy_of_table.push_back(table.provenance);
    energy_of_table.back().flow = energy_of_table.back().coarse = "";
    energy_of_table.back().probe_observables.clear();
    const std::string other = energy_of_table.back().difference(energy_of_table[0]);
    if (!other.empty())
      throw std::runtime_error(
          fmt::format("{} does not belong to {}: {}", from.table, tables[0].table, other));
    const auto beads = BeadFrames::parse(from.dump_text, mapping.nbeads(), from.dump);
    free.append(free_energies(table, beads, (int) t, from.table));
  }
  if (free.n < 100)
    throw std::runtime_error(
        fmt::format("correction: {} frames with a free energy, expected at least 100", free.n));
  line(fmt::format(
      "  {} free energies from {} tables ({} frames left out: fewer than two samples with weight)",
      free.n, tables.size(), free.without));
  if (free.forces.size() && mean_forces > 0.0)
    line(fmt::format("  {} mean forces, median error {:.3f} (energy/length)", free.forces.size(),
                     quantile(free.forces.error, 0.5)));
  int64_t uncertain = free.without;
  for (double e : free.error) uncertain += e > DiagnosisLimits::F_ERROR;
  for (const auto &d : diagnose_free_energies(uncertain, free.n + free.without, 0)) warn(d.text);
  if (!init.empty()) tell_spread("before", spread_of_difference(spec, free, options.kT).all);
  return free;
}

void TrainCgnet::tell_spread(const char *when, const Spread &s)
{
  line(fmt::format("  U_CG - F {} the correction: {:.3f} kT (robust {:.3f} kT)", when, s.plain,
                   s.robust));
}

/* ----------------------------------------------------------------------
   robust figures: frames with overlapping beads have an energy that no weight can see
------------------------------------------------------------------------- */

void TrainCgnet::advise(const CgnetSpec &spec, const FreeEnergies &free, const Epoch &e)
{
  const SpreadOfDifference s = spread_of_difference(spec, free, options.kT);
  tell_spread("after", s.all);
  const FitAdvice advice({s.training.robust, s.held_back.robust, quantile(free.error, 0.5),
                          (e.halfway - e.best) / e.halfway});
  line("  " + advice.evidence);
  line("  " + advice.text);
}

/* ---------------------------------------------------------------------- */

void TrainCgnet::fit(CgnetData &data, const FreeEnergies &free)
{
  CgnetEnergies train_energies, valid_energies;
  if (free.n) energy_targets(data.spec, free, options.kT, train_energies, valid_energies);
  if (free.forces.size() && mean_forces > 0.0)
    mean_force_targets(data.spec, free, mean_forces, data.train, data.valid);
  // a typical distance of neighboring beads sets the displacements of the guard
  std::vector<double> lengths;
  for (int k = 0; k < data.spec.npieces(); k++) {
    const auto &prior = data.spec.piece(k).prior;
    lengths.insert(lengths.end(), prior.mean.begin(), prior.mean.begin() + prior.bonds.size());
  }
  if (!lengths.empty()) {
    options.length = 0.0;
    for (const double length : lengths) options.length += length / lengths.size();
  }
  TrainingFigures figures;
  figures.add("frames", data.train.n)
      .add("validation_frames", data.valid.n)
      .add("free_energies", free.n);

  CgnetTrainer trainer(cgnet_shape(data.spec), options, std::move(data.train),
                       std::move(data.valid), std::move(train_energies), std::move(valid_energies),
                       init.empty() ? NetworkWeights() : get_weights(data.spec));
  Table table;
  table.matrices = true;
  table.head = fmt::format("{:>12} {:>12}  {:>12} {:>11} {:>12}", "train force", "validation",
                           "train free e", "validation", "best");
  table.columns = [&](const Epoch &e) {
    const auto &r = trainer.errors();
    return fmt::format("{:12.4f} {:12.4f}  {:12.5f} {:11.5f} {:12.6f}", r.train_force,
                       r.valid_force, r.train_energy, r.valid_energy, e.best);
  };
  const Epoch e = run_epochs(trainer, table);
  set_weights(data.spec, trainer.best());
  figures.add("validation_loss", e.best).add("best_epoch", e.best_epoch).add("epochs", e.epoch);
  add_figures(figures, options);
  data.spec.training = figures.json();
  if (free.n) advise(data.spec, free, e);
  line(fmt::format("  best epoch {}, {:.0f} seconds of training", e.best_epoch, e.seconds));
}

#endif

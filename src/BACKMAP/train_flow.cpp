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
#include "lammps/fine_engine.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/sampler.h"
#include "libtorch/flow_trainer.h"
#include "training/flow_data.h"
#include "training/flow_energy.h"
#include "training/frames.h"
#include "training/refresh.h"

#include "fmt/format.h"
#include "force.h"
#include "update.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <random>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

/* frames that training may use and frames that it is judged by, in time order */

struct Split {
  std::vector<double> train, valid;
};

Split split(const BackmapTrajectory::Frames &fr, double share)
{
  Split s;
  const auto tail = validation_tail(fr.block, fr.file, share);
  const std::size_t m = 3 * (std::size_t) fr.natoms;
  for (std::size_t i = 0; i < tail.size(); i++) {
    auto &to = tail[i] ? s.valid : s.train;
    to.insert(to.end(), fr.x.begin() + i * m, fr.x.begin() + (i + 1) * m);
  }
  return s;
}

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
      .integer("samples", energy.samples, 2)
      .integer("frames", count, 10)
      .real("likelihood", options.likelihood, 0.0, 1.0)
      .integer("proposals", proposals, 0)
      .integer("control", control, 0)
      .integer("delay", delay, 0)
      .real("reverse", energy.reverse, 0.0, 1.0)
      .pairs("var", variables);
  parse(narg, arg);
  design.seed = energy.seed = options.seed;
  if (!tuning() || init.empty()) return;
  if (!keywords.given("rate")) options.rate = 3.0e-4;
  if (!keywords.given("ema")) options.ema = 0.995;
  options.clip = 2.0;
  options.surprise = 2.0;
  options.warmup = 100;
}

/* ---------------------------------------------------------------------- */

void TrainFlow::train(int narg, char **arg)
{
  read_arguments(narg, arg);
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, map_file, "train_flow: map");
  const std::string start = init.empty() ? "" : backmap_read_file(lmp, init, "train_flow: init");
  Mapping mapping;
  FlowSpec spec;
  std::string problem;
  try {
    mapping = Mapping::parse(map_text, topology, map_file);
    if (!init.empty())
      spec = read_start(start, init, temperature, describe_molecule(topology, mapping),
                        update->unit_style);
  } catch (const std::exception &err) {
    problem = std::string("train_flow: ") + err.what();
  }
  backmap_agree(lmp, problem);

  // the second LAMMPS instance is one of every rank, its checks are collective

  std::unique_ptr<BackmapSampler> sampler;
  std::unique_ptr<FineEngine> engine;
  if (tuning() && init.empty())
    engine = std::make_unique<FineEngine>(script, FineEngine::Role::Silent, variables, lmp);
  if (tuning() && !init.empty()) {
    SamplerOptions o;
    o.what = "train_flow";
    o.script = script;
    o.variables = variables;
    o.backend = "serial";
    sampler = std::make_unique<BackmapSampler>(lmp, spec, o);
  }
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
    FlowData data;
    if (init.empty()) {
      data = prepare_flow(topology, mapping, design, fr.n, fr.x.data(),
                          validation_tail(fr.block, fr.file, validation));
      spec = data.spec;
    }
    check.torsions(spec);
    tell(check.found(), isomers);
    if (check.found().empty())
      line(fmt::format("  {} files looked at: the isomer of the system, no second peak, no frozen "
                       "torsion",
                       fr.names.size()));
    std::vector<std::string> warnings;
    for (const auto &w : check.found()) warnings.push_back(w.name + ": " + w.text);
    figures.add("warnings", warnings);

    if (init.empty())
      fit_new(
          spec, data, figures, [&](const double *x, double *f) { (void) f; return engine->evaluate(x, nullptr); });
    else if (tuning())
      fit_energy(
          spec, [&](const double *x, double *f) { return sampler->energy(x, f); }, figures);
    else
      fit_further(spec, figures);
    spec.temperature = temperature;
    spec.units = update->unit_style;
    add_figures(figures, options);
    spec.training = figures.json();
    write_model(spec.to_model().serialize());
  });
}

void TrainFlow::tell(const Diagnoses &found, std::size_t told)
{
  for (std::size_t i = told; i < found.size(); i++) warn(found[i].name + ": " + found[i].text);
}

/* ----------------------------------------------------------------------
   maximum likelihood on frames in the variables of the flow
------------------------------------------------------------------------- */

void TrainFlow::fit_likelihood(FlowSpec &spec, const FlowFrames &train, const FlowFrames &valid,
                               TrainingFigures &figures)
{
  FlowTrainer trainer(net_shape(spec), options, train, valid);
  if (!init.empty()) trainer.start_from(get_weights(spec));
  Table table;
  table.head = fmt::format("{:>14} {:>12} {:>12}", "train (nats)", "validation", "best");
  table.columns = [](const Epoch &e) {
    return fmt::format("{:14.4f} {:12.4f} {:12.4f}", e.train, e.valid, e.best);
  };
  const Epoch e = run_epochs(trainer, table);
  set_weights(spec, trainer.best());
  figures.add("frames", train.n)
      .add("validation_frames", valid.n)
      .add("validation_nats", e.best)
      .add("best_epoch", e.best_epoch)
      .add("epochs", e.epoch);
}

void TrainFlow::fit_new(FlowSpec &spec, const FlowData &data, TrainingFigures &figures,
                        const EnergyFunction &function)
{
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  std::vector<double> pool, check;
  if (tuning()) {
    for (const auto i : data.train.frame)
      pool.insert(pool.end(), &trajectory.frames().x[i * stride], &trajectory.frames().x[(i + 1) * stride]);
    for (const auto i : data.valid.frame)
      check.insert(check.end(), &trajectory.frames().x[i * stride], &trajectory.frames().x[(i + 1) * stride]);
    check = spread_frames(check, stride, 400);
  }
  trajectory.frames() = BackmapTrajectory::Frames();
  for (const auto &note : data.notes) line("  " + note);
  tell_frames(data.train.n, data.valid.n,
              "the flow will fit noise. Remedy: a longer run, or more frames of it (independent "
              "ones, not every step)");
  figures.add("notes", data.notes);
  if (!tuning()) {
    fit_likelihood(spec, data.train, data.valid, figures);
    return;
  }
  FlowTrainer trainer(net_shape(spec), options, data.train, data.valid);
  FlowSpec now = spec;
  now.temperature = temperature;
  now.units = update->unit_style;
  const double kt = force->boltz * temperature;
  FrameRefresh::Options o;
  o.proposals = proposals;
  o.seed = options.seed;
  o.threads = options.threads;
  FrameRefresh refresh(kt, function, o);
  const FlowEnergy judge(spec, kt, function, energy);
  const int64_t n = pool.size() / stride;
  std::vector<int64_t> order(n);
  int64_t at = n;
  double took = 0.0;
  FlowQuality quality;
  Table table;
  table.head = fmt::format("{:>14} {:>12} {:>12} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}", "train (nats)", "validation", "best", "moved", "ess","took","cond","10%","forw");
  table.columns = [&](const Epoch &e) {
    set_weights(now, trainer.average());
    if (e.epoch % 5 == 0) quality = judge.quality(now, check.size() / stride, check.data(), 100);
    return fmt::format("{:14.4f} {:12.4f} {:12.4f} {:8.3f} {:8.3f} {:8.1f} {:8.3f} {:8.3f} {:8.3f}", e.train, e.valid, e.best, refresh.moved(), refresh.ess(), took, quality.conditional, quality.conditional_q10, quality.forward);
  };
  table.before = [&](int done) {
    if (done < delay) return;
    if (proposals == 0) return;
    const auto start = std::chrono::steady_clock::now();
    if (at + count > n) {
      for (int64_t i = 0; i < n; i++) order[i] = i;
      std::mt19937_64 gen(options.seed * 7919 + done);
      std::shuffle(order.begin(), order.end(), gen);
      at = 0;
    }
    const int64_t m = std::min<int64_t>(count, n);
    const std::vector<int64_t> which(order.begin() + at, order.begin() + at + m);
    at += m;
    set_weights(now, trainer.average());
    FlowFrames next = refresh(now, which, done, pool);
    if (!control) {
      std::vector<double> x;
      for (const auto i : which) x.insert(x.end(), &pool[i * stride], &pool[(i + 1) * stride]);
      next = flow_variables(spec, m, x.data());
    }
    trainer.set_training(next);
    took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  };
  const Epoch e = run_epochs(trainer, table);
  set_weights(spec, trainer.best());
  figures.add("frames", data.train.n).add("validation_nats", e.best).add("best_epoch", e.best_epoch).add("epochs", e.epoch);
}

void TrainFlow::fit_further(FlowSpec &spec, TrainingFigures &figures)
{
  const Split frames = split(trajectory.frames(), validation);
  trajectory.frames() = BackmapTrajectory::Frames();
  const int64_t stride = int64_t{3} * spec.natoms;
  const FlowFrames train = flow_variables(spec, frames.train.size() / stride, frames.train.data());
  const FlowFrames valid = flow_variables(spec, frames.valid.size() / stride, frames.valid.data());
  if (!spec.range.known()) spec.range = FeatureRange::build(train.f, valid.f, spec.nf());
  fit_likelihood(spec, train, valid, figures);
}

/* ----------------------------------------------------------------------
   on the energy: every epoch has new samples of the flow as it is; the best epoch is the one with
   the highest conditional ESS among those whose forward ESS is not below that of the start
------------------------------------------------------------------------- */

void TrainFlow::fit_energy(FlowSpec &spec, const EnergyFunction &function, TrainingFigures &figures)
{
  static constexpr std::size_t CHECKED = 400;
  static constexpr int CHECK_SAMPLES = 100;
  const Split frames = split(trajectory.frames(), validation);
  trajectory.frames() = BackmapTrajectory::Frames();
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  const int64_t n = frames.train.size() / stride, drawn = std::min<int64_t>(count, n);
  const auto check = spread_frames(frames.valid, stride, CHECKED);
  const int64_t ncheck = check.size() / stride;
  if (ncheck < 50)
    throw std::runtime_error("validation frames, expected at least 50, got " +
                             std::to_string(ncheck));
  if (!spec.range.known())
    spec.range = FeatureRange::build(
        flow_variables(spec, n, frames.train.data()).f,
        flow_variables(spec, frames.valid.size() / stride, frames.valid.data()).f, spec.nf());

  const FlowEnergy source(spec, force->boltz * spec.temperature, function, energy);
  FlowSpec now = spec;
  const FlowQuality start = source.quality(now, ncheck, check.data(), CHECK_SAMPLES);
  if (!(start.forward > 0.0))
    throw std::runtime_error(
        "the flow to start from has no density at one of the validation frames; "
        "train it by maximum likelihood on such frames first");
  FlowQuality quality = start;
  const auto samples = [&](int epoch) {
    return source.training(now, n, frames.train.data(), drawn, epoch);
  };

  FlowTrainer trainer(net_shape(spec), options, samples(0),
                      flow_variables(spec, ncheck, check.data()));
  trainer.start_from(get_weights(spec));
  trainer.set_criterion(
      [&](const NetworkWeights &weights) {
        set_weights(now, weights);
        quality = source.quality(now, ncheck, check.data(), CHECK_SAMPLES);
        return Trainer::Verdict{-quality.conditional, quality.forward >= start.forward};
      },
      -start.conditional, 0.01);

  Table table;
  table.head = fmt::format("{:>13} {:>13} {:>13} {:>13}", "conditional", "10 %", "forward", "best");
  table.columns = [&](const Epoch &e) {
    return fmt::format("{:13.4f} {:13.4f} {:13.4f} {:13.4f}", quality.conditional,
                       quality.conditional_q10, quality.forward, -e.best);
  };
  table.before = [&](int done) {
    if (done == 0) {
      Epoch zero;
      zero.best = -start.conditional;
      line(row(table, zero));
    } else {
      set_weights(now, trainer.average());
      trainer.set_training(samples(done));
    }
  };
  const Epoch e = run_epochs(trainer, table);
  set_weights(spec, trainer.best());
  if (e.best_epoch == 0)
    warn("no epoch was better than the flow to start from, which is kept. Remedy: a smaller "
         "rate, more samples a frame, or more training frames");
  figures.add("frames", n)
      .add("tuned_conditional_ess", -e.best)
      .add("tuned_best_epoch", e.best_epoch)
      .add("start_conditional_ess", start.conditional)
      .add("start_forward_ess", start.forward)
      .add("tuned_epochs", e.epoch)
      .add("samples", energy.samples)
      .add("reverse", energy.reverse);
}

#endif

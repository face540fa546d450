/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_flow.h"

#include "lammps/io.h"
#include "lammps/trajectory.h"

#include "comm.h"
#include "error.h"
#include "force.h"
#include "update.h"

#ifdef BACKMAP_TORCH
#include "core/model_file.h"
#include "flow/flow_spec.h"
#include "lammps/sampler.h"
#include "lammps/train_log.h"
#include "libtorch/flow_trainer.h"
#include "training/figures.h"
#include "training/flow_data.h"
#include "training/flow_energy.h"

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>
#endif

#include <string>

using namespace LAMMPS_NS;

#ifdef BACKMAP_TORCH
using namespace BACKMAP_NS;

namespace {

/* what the user types */

struct Settings {
  std::string map_file, out_file, init, script;
  std::vector<std::string> variables;
  FlowDesign design;
  FlowTrainOptions train;
  FlowEnergy::Options energy;
  double temperature = 0.0, validation = 0.1;
  int every = 1, frames = 20000;
  bool resume = false;

  bool tuning() const { return !script.empty(); }
};

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

/* n frames at equal distances */

std::vector<double> spread(const std::vector<double> &x, std::size_t stride, std::size_t n)
{
  const std::size_t all = x.size() / stride;
  std::vector<double> out;
  for (std::size_t i = 0; i < std::min(n, all); i++) {
    const auto from = x.begin() + (i * all / std::min(n, all)) * stride;
    out.insert(out.end(), from, from + stride);
  }
  return out;
}

/* ----------------------------------------------------------------------
   the model to go on from must be of this molecule, map and temperature
------------------------------------------------------------------------- */

FlowSpec read_start(const std::string &bytes, const Settings &set, const MoleculeSpec &molecule,
                    const std::string &units)
{
  FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, set.init));
  const auto differ = [&](bool same, const std::string &what) {
    if (!same)
      throw std::runtime_error("model " + set.init + ": " + what +
                               " differ from those of this run");
  };
  differ(spec.natoms == molecule.natoms,
         "numbers of atoms (" + std::to_string(spec.natoms) + ", expected " +
             std::to_string(molecule.natoms) + ")");
  differ(spec.bead_names() == molecule.bead_names(), "the beads");
  for (int b = 0; b < spec.nbeads(); b++)
    differ(spec.beads[b].atoms == molecule.beads[b].atoms,
           "the atoms of bead " + std::to_string(b + 1));
  if (std::fabs(spec.temperature - set.temperature) > 1.0e-6 * set.temperature)
    throw std::runtime_error("model " + set.init + ": temperature, expected " +
                             std::to_string(set.temperature) + ", got " +
                             std::to_string(spec.temperature));
  if (spec.units != units)
    throw std::runtime_error("model " + set.init + ": units, expected " + units + ", got " +
                             spec.units);
  return spec;
}

/* ----------------------------------------------------------------------
   epochs until the schedule ends, with checkpoints between
------------------------------------------------------------------------- */

template <class Before, class Row>
FlowEpoch run_epochs(FlowTrainer &trainer, const Settings &set, TrainLog &log, const Before &before,
                     const Row &row)
{
  const std::string checkpoint = set.out_file + ".checkpoint";
  FlowEpoch e;
  if (set.resume) {
    std::ifstream in(checkpoint, std::ios::binary);
    if (in) {
      std::ostringstream bytes;
      bytes << in.rdbuf();
      e.epoch = trainer.restore(bytes.str());
      log.line("train_flow: goes on from " + checkpoint);
    } else
      log.line("train_flow: no " + checkpoint + ", starts from the beginning");
  }
  double saved = -1.0e10;
  while (!trainer.finished()) {
    before(e.epoch);
    e = trainer.epoch();
    if (e.epoch % set.every == 0 || e.epoch == 1 || e.last) log.line(row(e));
    if (e.seconds - saved > 30.0 && !e.last) {
      TrainLog::write_file(checkpoint, trainer.checkpoint());
      saved = e.seconds;
    }
  }
  if (e.skipped)
    log.line("  " + std::to_string(e.skipped) + " steps left out: gradient not finite");
  return e;
}

std::string likelihood_row(const FlowEpoch &e)
{
  char text[200];
  snprintf(text, sizeof(text), "%9d %14.4f %12.4f %12.4f %9d %10.2e %10.0f %10.0f", e.epoch,
           e.train, e.valid, e.best, e.best_epoch, e.rate, e.seconds, e.seconds_left);
  return text;
}

/* ----------------------------------------------------------------------
   maximum likelihood on frames in the variables of the flow
------------------------------------------------------------------------- */

void fit_likelihood(FlowSpec &spec, const Settings &set, FlowFrames train, FlowFrames valid,
                    TrainLog &log, TrainingFigures &figures)
{
  const int64_t ntrain = train.n, nvalid = valid.n;
  FlowTrainer trainer(net_shape(spec), set.train, std::move(train), std::move(valid));
  if (!set.init.empty()) trainer.start_from(get_weights(spec));
  log.line("    epoch   train (nats)   validation         best   (epoch)       rate    "
           "seconds       left");
  const FlowEpoch e = run_epochs(
      trainer, set, log, [](int) {}, likelihood_row);
  set_weights(spec, trainer.best());
  figures.add("frames", ntrain)
      .add("validation_frames", nvalid)
      .add("validation_nats", e.best)
      .add("best_epoch", e.best_epoch)
      .add("epochs", e.epoch);
}

/* ----------------------------------------------------------------------
   on the energy: every epoch has new samples of the flow as it is; the best epoch is the one with
   the highest conditional ESS among those whose forward ESS is not below that of the start
------------------------------------------------------------------------- */

void fit_energy(FlowSpec &spec, const Settings &set, double kt, const Split &frames,
                const EnergyFunction &energy, TrainLog &log, TrainingFigures &figures)
{
  static constexpr std::size_t CHECKED = 400;
  static constexpr int CHECK_SAMPLES = 100;
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  const int64_t n = frames.train.size() / stride, count = std::min<int64_t>(set.frames, n);
  const auto check = spread(frames.valid, stride, CHECKED);
  const int64_t ncheck = check.size() / stride;
  if (ncheck < 50)
    throw std::runtime_error("validation frames, expected at least 50, got " +
                             std::to_string(ncheck));

  const FlowEnergy source(spec, kt, energy, set.energy);
  FlowSpec now = spec;
  const FlowQuality start = source.quality(now, ncheck, check.data(), CHECK_SAMPLES);
  if (!(start.forward > 0.0))
    throw std::runtime_error(
        "the flow to start from has no density at one of the validation frames; "
        "train it by maximum likelihood on such frames first");
  FlowQuality quality = start;

  FlowTrainer trainer(net_shape(spec), set.train,
                      source.training(now, n, frames.train.data(), count, 0),
                      FlowEnergy::variables(spec, ncheck, check.data()));
  trainer.start_from(get_weights(spec));
  trainer.set_criterion(
      [&](const FlowTrainer::Weights &weights) {
        set_weights(now, weights);
        quality = source.quality(now, ncheck, check.data(), CHECK_SAMPLES);
        return FlowTrainer::Verdict{-quality.conditional, quality.forward >= start.forward};
      },
      -start.conditional, 0.01);

  const auto row = [&](const FlowEpoch &e) {
    char text[200];
    snprintf(text, sizeof(text), "%9d %13.4f %13.4f %13.4f %13.4f %9d %10.2e %10.0f %10.0f",
             e.epoch, quality.conditional, quality.conditional_q10, quality.forward, -e.best,
             e.best_epoch, e.rate, e.seconds, e.seconds_left);
    return std::string(text);
  };
  log.line(
      "    epoch   conditional      10 %         forward          best   (epoch)       rate    "
      "seconds       left");
  FlowEpoch zero;
  zero.best = -start.conditional;
  log.line(row(zero));
  const FlowEpoch e = run_epochs(
      trainer, set, log,
      [&](int epoch) {
        if (epoch == 0) return;
        set_weights(now, trainer.average());
        trainer.set_training(source.training(now, n, frames.train.data(), count, epoch));
      },
      row);
  set_weights(spec, trainer.best());
  if (e.best_epoch == 0)
    log.line("WARNING: train_flow: no epoch was better than the flow to start from, which is kept. "
             "Remedy: a smaller "
             "rate, more samples a frame, or more training frames");
  figures.add("frames", n)
      .add("tuned_conditional_ess", -e.best)
      .add("tuned_best_epoch", e.best_epoch)
      .add("start_conditional_ess", start.conditional)
      .add("start_forward_ess", start.forward)
      .add("tuned_epochs", e.epoch)
      .add("samples", set.energy.samples)
      .add("reverse", set.energy.reverse);
}

}    // namespace
#endif

/* ---------------------------------------------------------------------- */

void TrainFlow::command(int narg, char **arg)
{
#ifndef BACKMAP_TORCH
  (void) narg;
  (void) arg;
  error->all(FLERR, "train_flow: this LAMMPS was built without LibTorch, which training needs");
#else
  std::vector<char *> args(arg, arg + narg);
  const bool whole = backmap_universe_keyword(lmp, "train_flow", args);
  backmap_universe_run(lmp, whole, [&] { train((int) args.size(), args.data(), whole); });
#endif
}

#ifdef BACKMAP_TORCH

/* ---------------------------------------------------------------------- */

void TrainFlow::train(int narg, char **arg, bool whole)
{
  if (narg < 4)
    error->all(FLERR, "Illegal train_flow command: expected map, output file, keywords");
  Settings set;
  set.map_file = arg[0];
  set.out_file = arg[1];
  BackmapTrajectory trajectory(lmp, "train_flow");
  bool rate_given = false, ema_given = false;

  TrainArguments args(lmp, "train_flow");
  for (int iarg = 2; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    if (used) {
      iarg += used;
      continue;
    }
    const std::string key = arg[iarg];
    if (key == "var") {
      if (iarg + 3 > narg) error->all(FLERR, "train_flow: keyword var, expected 2 values after it");
      set.variables.insert(set.variables.end(), {arg[iarg + 1], arg[iarg + 2]});
      iarg += 3;
      continue;
    }
    if (iarg + 2 > narg) error->all(FLERR, "train_flow: unknown keyword or no value: " + key);
    const char *k = arg[iarg], *v = arg[iarg + 1];
    if (key == "temperature")
      set.temperature = args.real(k, v, 1.0e-3, 1.0e6);
    else if (key == "seed")
      set.train.seed = set.design.seed = set.energy.seed = args.integer(k, v, 1);
    else if (key == "epochs")
      set.train.epochs = args.integer(k, v, 1);
    else if (key == "minutes")
      set.train.minutes = args.real(k, v, 0.0, 1.0e6);
    else if (key == "batch")
      set.train.batch = args.integer(k, v, 2);
    else if (key == "rate") {
      set.train.rate = args.real(k, v, 1.0e-8, 1.0);
      rate_given = true;
    } else if (key == "decay")
      set.train.decay = args.real(k, v, 0.0, 100.0);
    else if (key == "ema") {
      set.train.ema = args.real(k, v, 0.0, 0.999999);
      ema_given = true;
    } else if (key == "patience")
      set.train.patience = args.integer(k, v, 0);
    else if (key == "hidden")
      set.design.hidden = args.integer(k, v, 1);
    else if (key == "couplings")
      set.design.couplings = args.integer(k, v, 1);
    else if (key == "bins")
      set.design.bins = args.integer(k, v, 2);
    else if (key == "validation")
      set.validation = args.real(k, v, 0.001, 0.9);
    else if (key == "report")
      set.every = args.integer(k, v, 1);
    else if (key == "threads")
      set.train.threads = args.integer(k, v, 1);
    else if (key == "resume")
      set.resume = args.yes(k, v);
    else if (key == "init")
      set.init = v;
    else if (key == "energy")
      set.script = v;
    else if (key == "samples")
      set.energy.samples = args.integer(k, v, 2);
    else if (key == "frames")
      set.frames = args.integer(k, v, 10);
    else if (key == "likelihood")
      set.train.likelihood = args.real(k, v, 0.0, 1.0);
    else if (key == "reverse")
      set.energy.reverse = args.real(k, v, 0.0, 1.0);
    else
      error->all(FLERR, "train_flow: unknown keyword " + key);
    iarg += 2;
  }
  if (set.temperature == 0.0) error->all(FLERR, "train_flow: keyword temperature is missing");
  if (set.tuning() && set.init.empty())
    error->all(FLERR,
               "train_flow: keyword energy, expected init MODEL beside it: fine-tuning starts from "
               "a flow that "
               "maximum likelihood has trained");
  if (set.tuning()) {
    if (!rate_given) set.train.rate = 3.0e-4;
    if (!ema_given) set.train.ema = 0.995;
    set.train.clip = 2.0;
    set.train.surprise = 2.0;
    set.train.warmup = 100;
  }

  TrainLog log(lmp, "train_flow", whole);
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, set.map_file, "train_flow: map");
  const std::string start = set.init.empty() ? ""
                                             : backmap_read_file(lmp, set.init, "train_flow: init");
  Mapping mapping;
  FlowSpec spec;
  std::string problem;
  try {
    mapping = Mapping::parse(map_text, topology, set.map_file);
    if (!set.init.empty())
      spec = read_start(start, set, describe_molecule(topology, mapping), update->unit_style);
  } catch (const std::exception &err) {
    problem = std::string("train_flow: ") + err.what();
  }
  backmap_agree(lmp, problem);

  // the second LAMMPS instance is one of every rank, its checks are collective

  std::unique_ptr<BackmapSampler> sampler;
  if (set.tuning()) {
    SamplerOptions options;
    options.what = "train_flow";
    options.script = set.script;
    options.variables = set.variables;
    options.backend = "serial";
    sampler = std::make_unique<BackmapSampler>(lmp, spec, options);
  }
  trajectory.read(false);

  // rank 0 trains; all ranks learn of errors

  if (comm->me == 0) {
    try {
      auto &fr = trajectory.frames();
      if (comm->nprocs > 1)
        log.line("train_flow: uses one of " + std::to_string(comm->nprocs) +
                 " ranks; keyword threads sets its threads");
      log.line("train_flow: " + std::to_string(fr.n) + " frames read");
      TrainingFigures figures;
      if (set.init.empty()) {
        FlowData data = prepare_flow(topology, mapping, set.design, fr.n, fr.x.data(),
                                     validation_tail(fr.block, fr.file, set.validation));
        fr = BackmapTrajectory::Frames();
        for (const auto &note : data.notes) log.line("  " + note);
        log.line("  " + std::to_string(data.train.n) + " frames for training, " +
                 std::to_string(data.valid.n) + " for validation (the last of each series)");
        if (data.train.n < 20000)
          log.line(
              "WARNING: train_flow: fewer than 20000 training frames; the flow will fit noise. "
              "Remedy: a longer run, or more frames of it (independent ones, not every step)");
        spec = data.spec;
        figures.add("notes", data.notes);
        fit_likelihood(spec, set, std::move(data.train), std::move(data.valid), log, figures);
      } else {
        const Split frames = split(fr, set.validation);
        fr = BackmapTrajectory::Frames();
        const int64_t stride = 3 * spec.natoms;
        FlowFrames train, valid;
        if (!set.tuning() || !spec.range.known()) {
          train = FlowEnergy::variables(spec, frames.train.size() / stride, frames.train.data());
          valid = FlowEnergy::variables(spec, frames.valid.size() / stride, frames.valid.data());
        }
        if (!spec.range.known()) spec.range = FeatureRange::build(train.f, valid.f, spec.nf());
        if (set.tuning())
          fit_energy(
              spec, set, force->boltz * spec.temperature, frames,
              [&](const double *x, double *f) { return sampler->energy(x, f); }, log, figures);
        else
          fit_likelihood(spec, set, std::move(train), std::move(valid), log, figures);
      }
      spec.temperature = set.temperature;
      spec.units = update->unit_style;
      figures.add("seed", set.train.seed)
          .add("batch", set.train.batch)
          .add("rate", set.train.rate)
          .add("decay", set.train.decay)
          .add("ema", set.train.ema)
          .add("threads", set.train.threads);
      spec.training = figures.json();
      TrainLog::write_file(set.out_file, spec.to_model().serialize());
      std::remove((set.out_file + ".checkpoint").c_str());
      log.line("train_flow: wrote " + set.out_file);
    } catch (const std::exception &err) {
      problem = std::string("train_flow: ") + err.what();
    }
  }
  backmap_agree(lmp, problem);
}

#endif

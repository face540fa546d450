/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_cgnet.h"

#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/trajectory.h"

#include "comm.h"
#include "error.h"
#include "update.h"

#ifdef BACKMAP_TORCH
#include "core/model_file.h"
#include "lammps/train_log.h"
#include "statistics/diagnosis.h"
#include "statistics/sample_table.h"
#include "training/cgnet_data.h"
#include "training/correction.h"
#include "training/figures.h"
#include "training/flow_data.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <sstream>
#endif

#include <string>
#include <vector>

using namespace LAMMPS_NS;

#ifdef BACKMAP_TORCH

using namespace BACKMAP_NS;

/* ----------------------------------------------------------------------
   free energies of the frames as targets of the network: F/kT - prior/kT; the last tenth of every
   table for validation
------------------------------------------------------------------------- */

static void energy_targets(const CgnetSpec &spec, const FreeEnergies &f, double kT,
                           CgnetEnergies &train, CgnetEnergies &valid)
{
  const int m = 3 * spec.nbeads(), nf = spec.features.size();
  std::vector<double> prior(f.n), unused((size_t) f.n * m), feat(nf);
  Cgnet(prior_only(spec)).evaluate((int) f.n, f.z.data(), prior.data(), unused.data());
  std::vector<float> x((size_t) f.n * nf);
  for (int64_t i = 0; i < f.n; i++) {
    features(spec.features, &f.z[i * m], feat.data());
    for (int k = 0; k < nf; k++)
      x[i * nf + k] = (feat[k] - spec.feature_mean[k]) / spec.feature_std[k];
  }
  const auto weight = smoothed_weights(f, x, nf);
  const auto held = validation_tail(f.series, f.series, 0.1);
  for (int64_t i = 0; i < f.n; i++) {
    CgnetEnergies &to = held[i] ? valid : train;
    to.z.insert(to.z.end(), f.z.begin() + i * m, f.z.begin() + (i + 1) * m);
    to.energy.push_back(f.value[i] - prior[i] / kT);
    to.weight.push_back(weight[i]);
    to.n++;
  }
}

/* ----------------------------------------------------------------------
   U_CG - F of a model, in kT, at the frames
------------------------------------------------------------------------- */

static std::vector<double> difference(const CgnetSpec &spec, const FreeEnergies &free, double kT)
{
  std::vector<double> u(free.n), unused(free.z.size());
  Cgnet(spec).evaluate((int) free.n, free.z.data(), u.data(), unused.data());
  for (int64_t i = 0; i < free.n; i++) u[i] = u[i] / kT - free.value[i];
  return u;
}

/* ----------------------------------------------------------------------
   spread of U_CG - F, plain and robust (interquartile range / 1.349), in kT
------------------------------------------------------------------------- */

static std::string spread(const std::vector<double> &d)
{
  double mean = 0.0, var = 0.0;
  for (double v : d) mean += v / d.size();
  for (double v : d) var += (v - mean) * (v - mean) / d.size();
  const double iqr = quantile(d, 0.75) - quantile(d, 0.25);
  char text[80];
  snprintf(text, sizeof(text), "%.3f kT (robust %.3f kT)", std::sqrt(var), iqr / 1.349);
  return text;
}

#endif

/* ---------------------------------------------------------------------- */

void TrainCgnet::command(int narg, char **arg)
{
#ifndef BACKMAP_TORCH
  (void) narg;
  (void) arg;
  error->all(FLERR, "train_cgnet: this LAMMPS was built without LibTorch, which training needs");
#else
  std::vector<char *> args(arg, arg + narg);
  const bool whole = backmap_universe_keyword(lmp, "train_cgnet", args);
  backmap_universe_run(lmp, whole, [&] { train((int) args.size(), args.data(), whole); });
#endif
}

#ifdef BACKMAP_TORCH

/* ---------------------------------------------------------------------- */

void TrainCgnet::train(int narg, char **arg, bool whole)
{
  if (narg < 4)
    error->all(FLERR, "Illegal train_cgnet command: expected map, output file, keywords");
  const std::string map_file = arg[0], out_file = arg[1];
  CgnetTrainOptions opt;
  double temperature = 0.0, validation = 0.1;
  int every = 1;
  bool resume = false, files = false, force_weight = false;
  std::string init;
  std::vector<int> hidden = {128, 128, 128};
  std::vector<std::pair<std::string, std::string>> tables;
  BackmapTrajectory trajectory(lmp, "train_cgnet");
  TrainArguments args(lmp, "train_cgnet");

  for (int iarg = 2; iarg < narg;) {
    const std::string key = arg[iarg];
    const int used = trajectory.keyword(narg, arg, iarg);
    if (used) {
      if (key == "files") files = true;
      iarg += used;
      continue;
    }
    if (iarg + 2 > narg) error->all(FLERR, "train_cgnet: unknown keyword or no value: " + key);
    const char *k = arg[iarg], *v = arg[iarg + 1];
    if (key == "correct") {
      if (iarg + 3 > narg)
        error->all(FLERR, "train_cgnet: keyword correct, expected a sample table and a dump");
      tables.emplace_back(arg[iarg + 1], arg[iarg + 2]);
      iarg += 3;
      continue;
    }
    if (key == "hidden") {
      const int n = args.integer(k, v, 1);
      if (iarg + 2 + n > narg) error->all(FLERR, "train_cgnet: keyword hidden, too few widths");
      hidden.clear();
      for (int i = 0; i < n; i++) hidden.push_back(args.integer(k, arg[iarg + 2 + i], 1));
      iarg += 2 + n;
      continue;
    }
    if (key == "temperature")
      temperature = args.real(k, v, 1.0e-3, 1.0e6);
    else if (key == "init")
      init = v;
    else if (key == "seed")
      opt.seed = args.integer(k, v, 1);
    else if (key == "epochs")
      opt.epochs = args.integer(k, v, 1);
    else if (key == "minutes")
      opt.minutes = args.real(k, v, 0.0, 1.0e6);
    else if (key == "batch")
      opt.batch = args.integer(k, v, 2);
    else if (key == "rate")
      opt.rate = args.real(k, v, 1.0e-8, 1.0);
    else if (key == "decay")
      opt.decay = args.real(k, v, 0.0, 100.0);
    else if (key == "ema")
      opt.ema = args.real(k, v, 0.0, 0.999999);
    else if (key == "patience")
      opt.patience = args.integer(k, v, 0);
    else if (key == "forces") {
      opt.force_weight = args.real(k, v, 0.0, 1.0e6);
      force_weight = true;
    } else if (key == "energies")
      opt.energy_weight = args.real(k, v, 0.0, 1.0e6);
    else if (key == "guard")
      opt.guard = args.real(k, v, 0.0, 1.0e6);
    else if (key == "validation")
      validation = args.real(k, v, 0.001, 0.9);
    else if (key == "report")
      every = args.integer(k, v, 1);
    else if (key == "threads")
      opt.threads = args.integer(k, v, 1);
    else if (key == "resume")
      resume = args.yes(k, v);
    else
      error->all(FLERR, "train_cgnet: unknown keyword " + key);
    iarg += 2;
  }
  if (temperature == 0.0) error->all(FLERR, "train_cgnet: keyword temperature is missing");
  if (!files && tables.empty())
    error->all(FLERR, "train_cgnet: nothing to learn from, expected keyword files or correct");
  if (!files && init.empty())
    error->all(FLERR, "train_cgnet: without forces the prior must come from a model: keyword init");
  if (!tables.empty() && !force_weight) opt.force_weight = 0.3;

  TrainLog log(lmp, "train_cgnet", whole);
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, map_file, "train_cgnet: map");
  const std::string init_bytes =
      init.empty() ? "" : backmap_read_file(lmp, init, "train_cgnet: model to start from");
  std::vector<std::string> table_texts, dump_texts;
  for (const auto &t : tables) {
    table_texts.push_back(backmap_read_file(lmp, t.first, "train_cgnet: sample table"));
    dump_texts.push_back(backmap_read_file(lmp, t.second, "train_cgnet: dump of the beads"));
  }
  if (files) trajectory.read(true);

  // rank 0 trains; all ranks learn of errors

  std::string problem;
  if (comm->me == 0) {
    try {
      const Mapping mapping = Mapping::parse(map_text, topology, map_file);
      const double kT = boltzmann_constant(update->unit_style) * temperature;
      opt.kT = kT;
      if (comm->nprocs > 1)
        log.line("train_cgnet: uses one of " + std::to_string(comm->nprocs) +
                 " ranks; keyword threads sets its threads");

      CgnetData data;
      std::map<std::string, CgnetTensor> start;
      const auto &fr = trajectory.frames();
      if (!init_bytes.empty()) {
        data.spec = CgnetSpec::from_model(ModelFile::parse(init_bytes, init));
        if (data.spec.nbeads() != mapping.nbeads())
          throw std::runtime_error(init + " has " + std::to_string(data.spec.nbeads()) +
                                   " beads, the map " + std::to_string(mapping.nbeads()));
        if (data.spec.temperature != temperature || data.spec.units != update->unit_style)
          throw std::runtime_error(init + ": temperature or units differ from those given");
        start = get_weights(data.spec);
      }
      if (files) {
        log.line("train_cgnet: " + std::to_string(fr.n) + " frames read");
        const auto tail = validation_tail(fr.block, fr.file, validation);
        if (init_bytes.empty())
          data = prepare_cgnet(topology, mapping, update->unit_style, temperature, hidden, fr.n,
                               fr.x.data(), fr.f.data(), tail);
        else {
          std::vector<char> rest;
          for (char t : tail) rest.push_back(!t);
          data.train =
              force_targets(data.spec, topology, mapping, fr.n, fr.x.data(), fr.f.data(), rest);
          data.valid =
              force_targets(data.spec, topology, mapping, fr.n, fr.x.data(), fr.f.data(), tail);
        }
        for (const auto &note : data.notes) log.line("  " + note);
        log.line("  " + std::to_string(data.train.n) + " frames for training, " +
                 std::to_string(data.valid.n) + " for validation (the last of each series)");
        if (data.train.n < 20000)
          log.line("WARNING: train_cgnet: fewer than 20000 training frames; mapped forces are "
                   "noisy. Remedy: a longer run, or more frames of it");
      }

      FreeEnergies free;
      for (size_t t = 0; t < tables.size(); t++) {
        const auto table = SampleTable::parse(table_texts[t], tables[t].first);
        if (std::fabs(table.temperature - temperature) > 1.0e-6 * temperature ||
            table.units != update->unit_style)
          throw std::runtime_error(tables[t].first +
                                   ": temperature or units differ from those "
                                   "given");
        const auto beads = BeadFrames::parse(dump_texts[t], mapping.nbeads(), tables[t].second);
        free.append(free_energies(table, beads, (int) t, tables[t].first));
      }
      CgnetEnergies te, ve;
      if (!tables.empty()) {
        if (free.n < 100)
          throw std::runtime_error("correction: " + std::to_string(free.n) +
                                   " frames with a free energy, expected at least 100");
        energy_targets(data.spec, free, kT, te, ve);
        log.line("  " + std::to_string(free.n) + " free energies from " +
                 std::to_string(tables.size()) + " tables (" + std::to_string(free.without) +
                 " frames left out: fewer than two samples with weight)");
        int64_t uncertain = free.without;
        for (double e : free.error) uncertain += e > DiagnosisLimits::F_ERROR;
        for (const auto &d : diagnose_free_energies(uncertain, free.n + free.without, 0))
          log.line("WARNING: train_cgnet: " + d.text);
        if (!init.empty())
          log.line("  U_CG - F before the correction: " + spread(difference(data.spec, free, kT)));
      }
      // a typical distance of neighboring beads sets the displacements of the guard
      if (data.spec.prior.bonds.size()) {
        opt.length = 0.0;
        for (size_t b = 0; b < data.spec.prior.bonds.size(); b++)
          opt.length += data.spec.prior.mean[b] / data.spec.prior.bonds.size();
      }
      trajectory.frames() = BackmapTrajectory::Frames();
      const int64_t ntrain = data.train.n, nvalid = data.valid.n;

      CgnetTrainer trainer(cgnet_shape(data.spec), opt, std::move(data.train),
                           std::move(data.valid), te, ve, start);
      const std::string checkpoint = out_file + ".checkpoint";
      if (resume) {
        std::ifstream in(checkpoint, std::ios::binary);
        if (in) {
          std::ostringstream bytes;
          bytes << in.rdbuf();
          trainer.restore(bytes.str());
          log.line("train_cgnet: goes on from " + checkpoint);
        } else
          log.line("train_cgnet: no " + checkpoint + ", starts from the beginning");
      }
      log.line("    epoch  train force   validation  train free e  validation         best   "
               "(epoch)       rate    seconds       left");
      CgnetEpoch e;
      double saved = -1.0e10;
      while (!trainer.finished()) {
        e = trainer.epoch();
        if (e.epoch % every == 0 || e.epoch == 1 || e.last) {
          char row[240];
          snprintf(row, sizeof(row),
                   "%9d %12.4f %12.4f  %12.5f %11.5f %12.6f %9d %10.2e %10.0f %10.0f", e.epoch,
                   e.train_force, e.valid_force, e.train_energy, e.valid_energy, e.best,
                   e.best_epoch, e.rate, e.seconds, e.seconds_left);
          log.line(row);
        }
        if (e.seconds - saved > 30.0 && !e.last) {
          TrainLog::write_file(checkpoint, trainer.checkpoint());
          saved = e.seconds;
        }
      }
      set_weights(data.spec, trainer.best());
      TrainingFigures figures;
      figures.add("frames", ntrain)
          .add("validation_frames", nvalid)
          .add("free_energies", free.n)
          .add("validation_loss", e.best)
          .add("best_epoch", e.best_epoch)
          .add("epochs", e.epoch)
          .add("seed", opt.seed)
          .add("batch", opt.batch)
          .add("rate", opt.rate)
          .add("threads", opt.threads);
      data.spec.training = figures.json();
      if (free.n)
        log.line("  U_CG - F after the correction: " + spread(difference(data.spec, free, kT)));
      TrainLog::write_file(out_file, data.spec.to_model().serialize());
      std::remove(checkpoint.c_str());
      log.line("train_cgnet: wrote " + out_file + ", best epoch " + std::to_string(e.best_epoch) +
               ", " + std::to_string((int) e.seconds) + " seconds of training");
    } catch (const std::exception &err) {
      problem = std::string("train_cgnet: ") + err.what();
    }
  }
  backmap_wait(world);
  backmap_agree(lmp, problem);
}

#endif

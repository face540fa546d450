/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "train_flow.h"

#include "backmap_io.h"
#include "backmap_trajectory.h"

#include "comm.h"
#include "error.h"
#include "update.h"

#ifdef BACKMAP_TORCH
#include "backmap_flow_data.h"
#include "backmap_flow_spec.h"
#include "backmap_model_file.h"
#include "backmap_torch_flow.h"
#include "backmap_train_log.h"
#include "backmap_training_figures.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#endif

#include <string>

using namespace LAMMPS_NS;

/* ---------------------------------------------------------------------- */

void TrainFlow::command(int narg, char **arg)
{
#ifndef BACKMAP_TORCH
  (void) narg;
  (void) arg;
  error->all(FLERR, "train_flow: this LAMMPS was built without LibTorch, which training needs");
#else
  using namespace BACKMAP_NS;

  if (narg < 4) error->all(FLERR, "Illegal train_flow command: expected map, output file, keywords");
  const std::string map_file = arg[0], out_file = arg[1];
  FlowDesign design;
  FlowTrainOptions opt;
  double temperature = 0.0, validation = 0.1;
  int every = 1;
  bool resume = false;
  BackmapTrajectory trajectory(lmp, "train_flow");

  TrainArguments args(lmp, "train_flow");
  for (int iarg = 2; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    if (used) {
      iarg += used;
      continue;
    }
    const std::string key = arg[iarg];
    if (iarg + 2 > narg) error->all(FLERR, "train_flow: unknown keyword or no value: " + key);
    const char *k = arg[iarg], *v = arg[iarg + 1];
    if (key == "temperature")
      temperature = args.real(k, v, 1.0e-3, 1.0e6);
    else if (key == "seed")
      opt.seed = design.seed = args.integer(k, v, 1);
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
    else if (key == "hidden")
      design.hidden = args.integer(k, v, 1);
    else if (key == "couplings")
      design.couplings = args.integer(k, v, 1);
    else if (key == "bins")
      design.bins = args.integer(k, v, 2);
    else if (key == "validation")
      validation = args.real(k, v, 0.001, 0.9);
    else if (key == "report")
      every = args.integer(k, v, 1);
    else if (key == "threads")
      opt.threads = args.integer(k, v, 1);
    else if (key == "resume")
      resume = args.yes(k, v);
    else
      error->all(FLERR, "train_flow: unknown keyword " + key);
    iarg += 2;
  }
  if (temperature == 0.0) error->all(FLERR, "train_flow: keyword temperature is missing");

  TrainLog log(lmp, "train_flow");
  const Topology topology = trajectory.topology();
  const std::string map_text = backmap_read_file(lmp, map_file, "train_flow: map");
  trajectory.read(false);

  // rank 0 trains; all ranks learn of errors

  std::string problem, model;
  if (comm->me == 0) {
    try {
      const Mapping mapping = Mapping::parse(map_text, topology, map_file);
      const auto &fr = trajectory.frames();
      if (comm->nprocs > 1)
        log.line("train_flow: uses one of " + std::to_string(comm->nprocs) +
                 " ranks; keyword threads sets its threads");
      log.line("train_flow: " + std::to_string(fr.n) + " frames read");
      const auto tail = validation_tail(fr.block, fr.file, validation);
      FlowData data = prepare_flow(topology, mapping, design, fr.n, fr.x.data(), tail);
      for (const auto &note : data.notes) log.line("  " + note);
      log.line("  " + std::to_string(data.train.n) + " frames for training, " +
               std::to_string(data.valid.n) + " for validation (the last of each series)");
      if (data.train.n < 20000)
        log.line("WARNING: train_flow: fewer than 20000 training frames; the flow will fit noise. "
                 "Remedy: a longer run, or more frames of it (independent ones, not every step)");
      trajectory.frames() = BackmapTrajectory::Frames();
      const int64_t ntrain = data.train.n, nvalid = data.valid.n;

      FlowTrainer trainer(net_shape(data.spec), opt, std::move(data.train), std::move(data.valid));
      const std::string checkpoint = out_file + ".checkpoint";
      if (resume) {
        std::ifstream in(checkpoint, std::ios::binary);
        if (in) {
          std::ostringstream bytes;
          bytes << in.rdbuf();
          trainer.restore(bytes.str());
          log.line("train_flow: goes on from " + checkpoint);
        } else
          log.line("train_flow: no " + checkpoint + ", starts from the beginning");
      }
      log.line("    epoch   train (nats)   validation         best   (epoch)       rate    "
               "seconds       left");
      FlowEpoch e;
      double saved = -1.0e10;
      while (!trainer.finished()) {
        e = trainer.epoch();
        if (e.epoch % every == 0 || e.epoch == 1 || e.last) {
          char row[200];
          snprintf(row, sizeof(row), "%9d %14.4f %12.4f %12.4f %9d %10.2e %10.0f %10.0f", e.epoch,
                   e.train, e.valid, e.best, e.best_epoch, e.rate, e.seconds, e.seconds_left);
          log.line(row);
        }
        if (e.seconds - saved > 30.0 && !e.last) {
          TrainLog::write_file(checkpoint, trainer.checkpoint());
          saved = e.seconds;
        }
      }
      if (e.skipped)
        log.line("  " + std::to_string(e.skipped) + " steps left out: gradient not finite");
      set_weights(data.spec, trainer.best());
      data.spec.temperature = temperature;
      data.spec.units = update->unit_style;
      TrainingFigures figures;
      figures.add("frames", ntrain).add("validation_frames", nvalid)
          .add("validation_nats", e.best).add("best_epoch", e.best_epoch).add("epochs", e.epoch)
          .add("seed", opt.seed).add("batch", opt.batch).add("rate", opt.rate)
          .add("decay", opt.decay).add("ema", opt.ema).add("threads", opt.threads)
          .add("notes", data.notes);
      data.spec.training = figures.json();
      model = data.spec.to_model().serialize();
      TrainLog::write_file(out_file, model);
      std::remove(checkpoint.c_str());
      log.line("train_flow: wrote " + out_file + ", best epoch " + std::to_string(e.best_epoch) +
               ", " + std::to_string((int) e.seconds) + " seconds of training");
    } catch (const std::exception &err) {
      problem = std::string("train_flow: ") + err.what();
    }
  }
  backmap_agree(lmp, problem);
#endif
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/train_command.h"

#include "lammps/io.h"
#include "lammps/partitions.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"

#include <cstdio>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

TrainCommand::TrainCommand(LAMMPS *lmp, const std::string &name) :
    Command(lmp), what(name), keywords(lmp, name), trajectory(lmp, name)
{
}

/* ---------------------------------------------------------------------- */

void TrainCommand::command(int narg, char **arg)
{
#ifdef BACKMAP_TORCH
  std::vector<char *> args(arg, arg + narg);
  whole = backmap_universe_keyword(lmp, what, args);
  backmap_universe_run(lmp, whole, [&] { train((int) args.size(), args.data()); });
#else
  (void) narg;
  (void) arg;
  backmap_error(lmp, what + ": this LAMMPS was built without LibTorch, which training needs");
#endif
}

/* ---------------------------------------------------------------------- */

void TrainCommand::shared_keywords(TrainOptions &o)
{
  keywords.real("temperature", temperature, 1.0e-3, 1.0e6)
      .real("validation", validation, 0.001, 0.9)
      .integer("report", every, 1)
      .yes("resume", resume)
      .text("init", init);
  keywords.integer("seed", o.seed, 1)
      .integer("epochs", o.epochs, 1)
      .real("minutes", o.minutes, 0.0, 1.0e6)
      .integer("batch", o.batch, 2)
      .real("rate", o.rate, 1.0e-8, 1.0)
      .real("decay", o.decay, 0.0, 100.0)
      .real("ema", o.ema, 0.0, 0.999999)
      .integer("patience", o.patience, 0)
      .integer("threads", o.threads, 1);
}

void TrainCommand::limit_time(TrainOptions &o, double minutes) const
{
  if (keywords.given("epochs")) return;
  o.epochs = 1000000000;
  if (!keywords.given("minutes")) o.minutes = minutes;
}

/* ---------------------------------------------------------------------- */

void TrainCommand::parse(int narg, char **arg)
{
  if (narg < 4)
    backmap_error(lmp, "Illegal " + what + " command: expected map, output file, keywords");
  map_file = arg[0];
  out_file = arg[1];
  for (int iarg = 2; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    iarg += used ? used : keywords.take(narg, arg, iarg);
  }
  if (temperature == 0.0) backmap_error(lmp, what + ": keyword temperature is missing");
}

/* ---------------------------------------------------------------------- */

void TrainCommand::line(const std::string &text)
{
  backmap_universe_print(lmp, whole, text + "\n");
}

/* ---------------------------------------------------------------------- */

void TrainCommand::on_first_rank(const std::function<void()> &work)
{
  std::string problem;
  if (comm->me == 0) {
    try {
      if (comm->nprocs > 1)
        line(fmt::format("{}: uses one of {} ranks; keyword threads sets its threads", what,
                         comm->nprocs));
      work();
    } catch (const std::exception &err) {
      problem = what + ": " + err.what();
    }
  }
  backmap_wait(world);
  backmap_agree(lmp, problem);
}

/* ---------------------------------------------------------------------- */

void TrainCommand::tell_frames(int64_t train, int64_t valid, const std::string &why_more)
{
  line(fmt::format("  {} frames for training, {} for validation (the last of each series)", train,
                   valid));
  if (train < 20000) warn("fewer than 20000 training frames; " + why_more);
}

/* ---------------------------------------------------------------------- */

void TrainCommand::add_figures(TrainingFigures &figures, const TrainOptions &o)
{
  figures.add("seed", o.seed)
      .add("batch", o.batch)
      .add("rate", o.rate)
      .add("decay", o.decay)
      .add("ema", o.ema)
      .add("threads", o.threads);
}

/* ---------------------------------------------------------------------- */

std::string TrainCommand::heading(const Table &table)
{
  return fmt::format("{:>9} {} {:>9} {:>10} {:>10} {:>10}", "epoch", table.head, "(epoch)", "rate",
                     "seconds", "left");
}

std::string TrainCommand::row(const Table &table, const Epoch &e)
{
  return fmt::format("{:9d} {} {:9d} {:10.2e} {:10.0f} {:10.0f}", e.epoch, table.columns(e),
                     e.best_epoch, e.rate, e.seconds, e.seconds_left);
}

/* ----------------------------------------------------------------------
   on the rank that trains, whose errors are exceptions
------------------------------------------------------------------------- */

static void replace_file(const std::string &path, const std::string &bytes)
{
  const std::string reason = backmap_replace_file(path, bytes);
  if (!reason.empty()) throw std::runtime_error(reason);
}

void TrainCommand::write_model(const std::string &bytes)
{
  replace_file(out_file, bytes);
  std::remove(checkpoint().c_str());
  line(what + ": wrote " + out_file);
}

#ifdef BACKMAP_TORCH

/* ---------------------------------------------------------------------- */

Epoch TrainCommand::run_epochs(Trainer &trainer, const Table &table)
{
  Epoch e;
  if (resume) {
    std::ifstream in(checkpoint(), std::ios::binary);
    if (in) {
      std::ostringstream bytes;
      bytes << in.rdbuf();
      e.epoch = trainer.restore(bytes.str());
      line(what + ": goes on from " + checkpoint());
    } else
      line(what + ": no " + checkpoint() + ", starts from the beginning");
  }
  const LinearAlgebra blas = table.matrices ? linear_algebra() : LinearAlgebra();
  line(fmt::format("{}: {} threads{}", what, trainer.options().threads,
                   table.matrices ? ", matrices by " + blas.name : ""));
  if (blas.reference)
    warn("the reference BLAS is correct but several times slower than others. Remedy: install "
         "OpenBLAS (Debian: libopenblas0-pthread)");
  line(heading(table));

  double saved = -1.0e10;
  while (!trainer.finished()) {
    e = trainer.epoch();
    if (e.epoch % every == 0 || e.epoch == 1 || e.last) line(row(table, e));
    if (e.seconds - saved > 30.0 && !e.last) {
      replace_file(checkpoint(), trainer.checkpoint());
      saved = e.seconds;
    }
  }
  if (e.skipped) line(fmt::format("  {} steps left out: gradient not finite", e.skipped));
  return e;
}

#endif

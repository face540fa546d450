/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_TRAIN_COMMAND_H
#define BACKMAP_LAMMPS_TRAIN_COMMAND_H

#include "lammps/keywords.h"
#include "lammps/trajectory.h"
#include "libtorch/trainer.h"
#include "training/figures.h"

#include "command.h"

#include <functional>
#include <string>

namespace LAMMPS_NS {

/** What train_flow and train_cgnet share: keywords, the table of epochs, checkpoints, the model file, and one
    rank that works while the others wait. */
class TrainCommand : public Command {
 public:
  TrainCommand(class LAMMPS *lmp, const std::string &name);
  void command(int, char **) override;

 protected:
  virtual void train(int narg, char **arg) = 0;

  /** Registers the keywords that all trainers have, for options that live as long as the command. */
  void shared_keywords(BACKMAP_NS::TrainOptions &options);
  /** Map, output file, then keywords of the frames and registered ones; error->all for anything else. */
  void parse(int narg, char **arg);
  /** Without the keyword epochs the time is the limit: that of the keyword minutes, or else this one. After parse(). */
  void limit_time(BACKMAP_NS::TrainOptions &options, double minutes) const;

  /** To screen and log file of rank 0, flushed: a training takes long and people watch it through pipes. */
  void line(const std::string &text);
  void warn(const std::string &text) { line("WARNING: " + what + ": " + text); }

  /** Collective: rank 0 does the work, the others wait asleep; what it throws ends all ranks. */
  void on_first_rank(const std::function<void()> &work);

  /** Columns of the table of epochs between the number of the epoch and that of the best one. */
  struct Table {
    std::string head;
    std::function<std::string(const BACKMAP_NS::Epoch &)> columns;
    bool matrices =
        false;    // the training spends its time on matrices of LibTorch, so that the BLAS matters
  };
  static std::string row(const Table &table, const BACKMAP_NS::Epoch &e);
  static std::string heading(const Table &table);

  /** Epochs until the schedule ends, from the checkpoint with `resume yes`, with checkpoints between. */
  BACKMAP_NS::Epoch run_epochs(BACKMAP_NS::Trainer &trainer, const Table &table);

  /** Frames read, and a warning where they are few. */
  void tell_frames(int64_t train, int64_t valid, const std::string &why_more);
  /** The figures that every model has. */
  static void add_figures(BACKMAP_NS::TrainingFigures &figures,
                          const BACKMAP_NS::TrainOptions &options);
  /** Writes the model beside the file and renames it; the checkpoint goes. Throws std::runtime_error. */
  void write_model(const std::string &bytes);

  const std::string what;
  BackmapKeywords keywords;
  BackmapTrajectory trajectory;
  std::string map_file, out_file, init;    // init: the model to go on from
  double temperature = 0.0, validation = 0.1;
  int every = 1;
  bool resume = false;

 private:
  bool whole = false;    // one partition trains for all
  std::string checkpoint() const { return out_file + ".checkpoint"; }
};

}    // namespace LAMMPS_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(train_flow,TrainFlow);
// clang-format on
#else

#ifndef LMP_TRAIN_FLOW_H
#define LMP_TRAIN_FLOW_H

#include "lammps/train_command.h"
#include "lammps/training_molecule.h"
#include "libtorch/flow_trainer.h"
#include "training/data_check.h"
#include "training/flow_data.h"
#include "training/frame_pool.h"
#include "training/refresh.h"

namespace LAMMPS_NS {

/** train_flow map.json out.safetensors keyword values ... : fits the conditional normalizing flow to an
    all-atom dump by maximum likelihood, and on the energy; see doc/src/train_flow.rst. */
class TrainFlow : public TrainCommand {
 public:
  explicit TrainFlow(class LAMMPS *lmp) : TrainCommand(lmp, "train_flow") {}

 protected:
  void train(int, char **) override;

 private:
  void read_arguments(int narg, char **arg);

  // all molecules: what they are, and the flows and frames that they get
  void describe();
  void start_engines();
  std::vector<BACKMAP_NS::Fragments> derive_fragments();
  void prepare();
  void fit();

  // what a look at the frames found, as warnings, but for the first ones that were told already
  void tell(const BACKMAP_NS::Diagnoses &found, std::size_t told);

  struct Molecule : BACKMAP_NS::TrainingMolecule {
    using TrainingMolecule::TrainingMolecule;
    BACKMAP_NS::FlowData data;
    std::unique_ptr<BACKMAP_NS::FramePool> pool, held_back;
    std::unique_ptr<BACKMAP_NS::FrameRefresh> chains;
  };
  std::vector<std::unique_ptr<Molecule>> molecules;    // the first is that of the input script

  std::string script;                             // of the energy; "none": maximum likelihood
  std::vector<std::string> variables;             // for the script
  std::unique_ptr<BACKMAP_NS::FlowSpec> start;    // the model to go on from
  BACKMAP_NS::FlowDesign design;
  BACKMAP_NS::FlowTrainOptions options;
  BACKMAP_NS::FrameRefresh::Options chain_options;
  BACKMAP_NS::TrainingFigures figures;
  std::vector<std::string> warnings;        // of the frames
  bool fragments = false, large = false;    // large: nobody said whether, so they are chosen
  BACKMAP_NS::FragmentOptions fragment_options;
  int count = 0;    // frames for each epoch, 0: chosen

  bool chained() const { return script != "none"; }

  // frames for one epoch of all molecules: plain ones, or with new atoms
  int64_t epoch_frames(bool structures) const;
  BACKMAP_NS::FlowSet plain_frames(std::unique_ptr<BACKMAP_NS::FramePool> Molecule::*pool) const;
  BACKMAP_NS::FlowSet chained_frames(const BACKMAP_NS::NetworkWeights &weights, int epoch);

  // how good the flow has become, and what would help most
  void judge(double second_half);
};

}    // namespace LAMMPS_NS

#endif
#endif

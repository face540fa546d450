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
#include "libtorch/flow_trainer.h"
#include "training/data_check.h"
#include "training/flow_data.h"
#include "training/flow_energy.h"

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
  bool tuning() const { return !script.empty(); }

  // what a look at the frames found, as warnings, but for the first ones that were told already
  void tell(const BACKMAP_NS::Diagnoses &found, std::size_t told);

  // three ways to a model: from nothing, further by likelihood, and on the energy
  void fit_new(BACKMAP_NS::FlowSpec &, const BACKMAP_NS::FlowData &, BACKMAP_NS::TrainingFigures &, const BACKMAP_NS::EnergyFunction &);
  void fit_further(BACKMAP_NS::FlowSpec &, BACKMAP_NS::TrainingFigures &);
  void fit_energy(BACKMAP_NS::FlowSpec &, const BACKMAP_NS::EnergyFunction &,
                  BACKMAP_NS::TrainingFigures &);
  void fit_likelihood(BACKMAP_NS::FlowSpec &, const BACKMAP_NS::FlowFrames &train,
                      const BACKMAP_NS::FlowFrames &valid, BACKMAP_NS::TrainingFigures &);

  std::string script;                    // of the energy; empty: maximum likelihood
  std::vector<std::string> variables;    // for the script
  BACKMAP_NS::FlowDesign design;
  BACKMAP_NS::FlowTrainOptions options;
  BACKMAP_NS::FlowEnergy::Options energy;
  int proposals = 4, delay = 1, control = 1;
  int count = 20000;    // frames for each epoch on the energy
};

}    // namespace LAMMPS_NS

#endif
#endif

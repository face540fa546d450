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

  // what a look at the frames found, as warnings, but for the first ones that were told already
  void tell(const BACKMAP_NS::Diagnoses &found, std::size_t told);

  BACKMAP_NS::FlowData prepare(const BACKMAP_NS::Topology &, const BACKMAP_NS::Mapping &,
                               const std::vector<double> &reference, BACKMAP_NS::FlowSpec &start);
  void fit(BACKMAP_NS::FlowSpec &, BACKMAP_NS::FlowData &, const BACKMAP_NS::EnergyFunction &,
           BACKMAP_NS::TrainingFigures &);

  std::string script;                    // of the energy; empty: maximum likelihood
  std::vector<std::string> variables;    // for the script
  BACKMAP_NS::FlowDesign design;
  BACKMAP_NS::FlowTrainOptions options;
  BACKMAP_NS::FrameRefresh::Options chains;
  bool fragments = false;
  int count = 0;    // frames for each epoch, 0: chosen
};

}    // namespace LAMMPS_NS

#endif
#endif

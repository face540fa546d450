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

#include "command.h"

namespace LAMMPS_NS {

/** train_flow map.json out.safetensors keyword values ... : fits the conditional flow q(x_R|z) to an
    all-atom dump by maximum likelihood, or goes on with one on the energy; see doc/src/train_flow.rst. */
class TrainFlow : public Command {
 public:
  TrainFlow(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  void train(int, char **, bool whole);
};

}    // namespace LAMMPS_NS

#endif
#endif

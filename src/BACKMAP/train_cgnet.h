/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(train_cgnet,TrainCgnet);
// clang-format on
#else

#ifndef LMP_TRAIN_CGNET_H
#define LMP_TRAIN_CGNET_H

#include "command.h"

namespace LAMMPS_NS {

/** train_cgnet map.json out.safetensors keyword values ... : fits the CG network to an all-atom dump
    by force matching, and to free energies of backmapped frames; see doc/src/train_cgnet.rst. */
class TrainCgnet : public Command {
 public:
  TrainCgnet(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  void train(int, char **, bool whole);
};

}    // namespace LAMMPS_NS

#endif
#endif

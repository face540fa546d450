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

#include "lammps/train_command.h"
#include "libtorch/cgnet_trainer.h"
#include "molecule/bead_windows.h"
#include "training/correction.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/** train_cgnet map.json out.safetensors keyword values ... : fits the CG network to an all-atom dump
    by force matching, and to free energies of backmapped frames; see doc/src/train_cgnet.rst. */
class TrainCgnet : public TrainCommand {
 public:
  explicit TrainCgnet(class LAMMPS *lmp) : TrainCommand(lmp, "train_cgnet") {}

 protected:
  void train(int, char **) override;

 private:
  void read_arguments(int narg, char **arg);
  BACKMAP_NS::CgnetSpec read_start(const std::string &bytes, const BACKMAP_NS::Mapping &) const;
  void take_forces(const BACKMAP_NS::Topology &, const BACKMAP_NS::Mapping &,
                   const std::vector<double> &reference, BACKMAP_NS::CgnetData &);
  BACKMAP_NS::FreeEnergies take_free_energies(const BACKMAP_NS::Mapping &,
                                              const BACKMAP_NS::CgnetSpec &);
  void fit(BACKMAP_NS::CgnetData &, const BACKMAP_NS::FreeEnergies &);
  void tell_spread(const char *when, const BACKMAP_NS::Spread &);
  void advise(const BACKMAP_NS::CgnetSpec &, const BACKMAP_NS::FreeEnergies &,
              const BACKMAP_NS::Epoch &);

  BACKMAP_NS::CgnetTrainOptions options;
  std::vector<int> hidden = {128, 128, 128};
  double mean_forces = 10.0;    // weight of a mean force beside a frame of the all-atom run
  bool local = false;
  int reach = BACKMAP_NS::BeadWindows::REACH;
  struct Backmapped {
    std::string table, dump;    // files
    std::string table_text, dump_text;
  };
  std::vector<Backmapped> tables;
};

}    // namespace LAMMPS_NS

#endif
#endif

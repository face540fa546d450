/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_validate,BackmapValidate);
// clang-format on
#else

#ifndef LMP_BACKMAP_VALIDATE_H
#define LMP_BACKMAP_VALIDATE_H

#include "lammps/sampler.h"
#include "lammps/trajectory.h"
#include "statistics/held_out.h"

#include "command.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Conditional and forward ESS of a flow on held-out all-atom frames; see doc/src/backmap_validate.rst.
class BackmapValidate : public Command {
 public:
  explicit BackmapValidate(class LAMMPS *lmp) : Command(lmp), trajectory(lmp, what) {}
  void command(int, char **) override;

 private:
  const std::string what = "Command backmap_validate", unnamed = "fg";
  BACKMAP_NS::SamplerOptions options;
  BackmapTrajectory trajectory;
  int wanted = 200;    // frames
  double temperature = 0.0;
  std::string json, name = unnamed, flow_sum, schedule_file;

  void read_arguments(int narg, char **arg);
  BACKMAP_NS::FlowSpec read_flow(const std::string &file);
  std::vector<double> read_frames(const BACKMAP_NS::FlowSpec &);
  void report(const BACKMAP_NS::HeldOutFrames &, const BACKMAP_NS::WeightSet &starts,
              const BACKMAP_NS::BackmapSampler &, const std::vector<double> &probe);
  void write_schedule(const BACKMAP_NS::AnnealingSchedule &);
};

}    // namespace LAMMPS_NS

#endif
#endif

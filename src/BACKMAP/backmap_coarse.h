/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_coarse,BackmapCoarse);
// clang-format on
#else

#ifndef LMP_BACKMAP_COARSE_H
#define LMP_BACKMAP_COARSE_H

#include "lammps/keywords.h"
#include "lammps/trajectory.h"
#include "molecule/coarse_system.h"

#include "command.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Writes the beads of the molecule in the box as a data file, or those of all-atom frames as a dump;
/// see doc/src/backmap_coarse.rst.
class BackmapCoarse : public Command {
 public:
  explicit BackmapCoarse(class LAMMPS *lmp) :
      Command(lmp), keywords(lmp, what), trajectory(lmp, what)
  {
  }
  void command(int, char **) override;

 private:
  const std::string what = "Command backmap_coarse";
  BackmapKeywords keywords;
  BackmapTrajectory trajectory;
  std::string map_file, kind, file, style = "molecular", steps = "frames";
  BACKMAP_NS::CoarseRule rule;
  BACKMAP_NS::CoarseSystem::Layout layout;
  int copies = 1, seed = 0;
  bool overwrite = false;

  void read_arguments(int narg, char **arg);
  int read_mass(const char *value);
  int read_torsion(int left, char **values);
  std::vector<double> starts(const BACKMAP_NS::Mapping &, const std::vector<double> &x) const;
  std::vector<int64_t> chosen_frames(int64_t n) const;
  std::string write_data(const BACKMAP_NS::CoarseSystem &, const std::vector<double> &z);
  std::string write_dump(const BACKMAP_NS::CoarseSystem &, const BACKMAP_NS::Mapping &);
};

}    // namespace LAMMPS_NS

#endif
#endif

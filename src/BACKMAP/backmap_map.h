/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_map,BackmapMap);
// clang-format on
#else

#ifndef LMP_BACKMAP_MAP_H
#define LMP_BACKMAP_MAP_H

#include "molecule/map_proposal.h"

#include "command.h"

#include <string>

namespace LAMMPS_NS {

/// Proposes a map of the molecule in the box and says what it leaves open; see
/// doc/src/backmap_map.rst.
class BackmapMap : public Command {
 public:
  explicit BackmapMap(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  const std::string what = "Command backmap_map";
  std::string file, name, order = "chain";
  BACKMAP_NS::MapRule rule;
  bool fragments = false, overwrite = false;

  void read_arguments(int narg, char **arg);
};

}    // namespace LAMMPS_NS

#endif
#endif

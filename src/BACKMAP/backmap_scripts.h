/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_scripts,BackmapScripts);
// clang-format on
#else

#ifndef LMP_BACKMAP_SCRIPTS_H
#define LMP_BACKMAP_SCRIPTS_H

#include "command.h"

#include <string>

namespace LAMMPS_NS {

/// Writes the parts of LAMMPS scripts that follow from the molecule in the box and a map; see doc/src/backmap_scripts.rst.
class BackmapScripts : public Command {
 public:
  explicit BackmapScripts(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  const std::string what = "Command backmap_scripts";
  std::string map_file, isomer, coarse, observables;    // files, empty: not asked for
  bool overwrite = false;

  void read_arguments(int narg, char **arg);
};

}    // namespace LAMMPS_NS

#endif
#endif

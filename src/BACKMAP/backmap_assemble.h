/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_assemble,BackmapAssemble);
// clang-format on
#else

#ifndef LMP_BACKMAP_ASSEMBLE_H
#define LMP_BACKMAP_ASSEMBLE_H

#include "command.h"

#include <string>

namespace LAMMPS_NS {

/// Makes a model of the molecule in the box out of fragments of other models; see
/// doc/src/backmap_assemble.rst.
class BackmapAssemble : public Command {
 public:
  explicit BackmapAssemble(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  const std::string what = "Command backmap_assemble";
};

}    // namespace LAMMPS_NS

#endif
#endif

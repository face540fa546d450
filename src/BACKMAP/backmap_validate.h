/* -*- c++ -*- ----------------------------------------------------------
   LAMMPS - Large-scale Atomic/Molecular Massively Parallel Simulator
   https://www.lammps.org/

   This software is distributed under the GNU General Public License.
   See the LICENSE file in the top-level directory.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_validate,BackmapValidate);
// clang-format on
#else

#ifndef LMP_BACKMAP_VALIDATE_H
#define LMP_BACKMAP_VALIDATE_H

#include "command.h"

namespace LAMMPS_NS {

/// Conditional and forward ESS of a flow on held-out all-atom frames; see doc/src/backmap_validate.rst.
class BackmapValidate : public Command {
 public:
  explicit BackmapValidate(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;
};

}    // namespace LAMMPS_NS

#endif
#endif

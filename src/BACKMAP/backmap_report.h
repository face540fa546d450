/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMMAND_CLASS
// clang-format off
CommandStyle(backmap_report,BackmapReport);
// clang-format on
#else

#ifndef LMP_BACKMAP_REPORT_H
#define LMP_BACKMAP_REPORT_H

#include "command.h"

namespace LAMMPS_NS {

/// Merges sample tables by timestep and reports weights and observables; see doc/src/backmap_report.rst.
class BackmapReport : public Command {
 public:
  explicit BackmapReport(class LAMMPS *lmp) : Command(lmp) {}
  void command(int, char **) override;

 private:
  void report(int, char **, bool whole);
};

}    // namespace LAMMPS_NS

#endif
#endif

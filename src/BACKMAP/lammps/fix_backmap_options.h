/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What a user may write after fix ID group backmap, with the checks that need no simulation.

#ifndef BACKMAP_LAMMPS_FIX_BACKMAP_OPTIONS_H
#define BACKMAP_LAMMPS_FIX_BACKMAP_OPTIONS_H

#include "lammps/sampler.h"
#include "lammps/structure_output.h"

#include <limits>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct BackmapOptions {
  int interval = 1;            // N
  std::string flow;            // model file
  SamplerOptions sampler;      // with the fine script, empty: NONE
  std::string thermostat;      // ID of a fix, or empty
  double temperature = 0.0;    // stated with temp, or 0
  std::string table;           // file, or empty
  std::string forces;          // file of mean forces, or empty
  StructureOptions structures;
  bool append = false;
  bool boltzmann = true;    // frames have the Boltzmann distribution of U_CG, and that is checked
  int batch = 1, blocks = 0;    // 0: number of blocks by the rule
  double histogram = std::numeric_limits<
      double>::quiet_NaN();    // constant of the histogram weights, NaN: not given
  std::vector<std::string> observables;
  std::vector<std::string> beads;    // [types + 1], or empty

  /// with a fine script there are energies, and weights
  bool weighted() const { return !sampler.script.empty(); }

  /// error->all for what is wrong; what names the fix. Collective over world.
  static BackmapOptions parse(LAMMPS_NS::LAMMPS *lmp, const std::string &what, int narg,
                              char **arg);
};

}    // namespace BACKMAP_NS
#endif

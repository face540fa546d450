/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What the fixes of a CG run do to the distribution of the beads, by their names. EnsembleSeries needs no names.

#ifndef BACKMAP_LAMMPS_DYNAMICS_H
#define BACKMAP_LAMMPS_DYNAMICS_H

#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

struct Dynamics {
  std::string summary;                  ///< styles that move the beads, and the time step
  std::vector<std::string> errors;      ///< with these the beads are certainly not canonical
  std::vector<std::string> warnings;    ///< with these they are not, or it is not known
};

/// Of the fixes that are defined now, collective. temperature: that of the model, compared with every target that a fix
/// tells unless temperatures are swapped between partitions. groupbit: the beads, which must be moved and thermostatted.
Dynamics look_at_dynamics(LAMMPS_NS::LAMMPS *lmp, double temperature, int groupbit);

/// Fixes whose energy is part of the potential energy: a static bias, if it does not change with time.
bool is_bias(const LAMMPS_NS::LAMMPS *lmp, int ifix);

}    // namespace BACKMAP_NS
#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Observables of a fine script: found in its LAMMPS instance, and refused with the reason if they are no function of the
// coordinates.  Everything here is local to the rank; errors are std::runtime_error or LAMMPS's own.

#ifndef BACKMAP_LAMMPS_OBSERVABLES_H
#define BACKMAP_LAMMPS_OBSERVABLES_H

#include <string>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/// Internal-style variables that label a sample for output.
constexpr const char *SAMPLE_LABELS[] = {"logweight", "cgstep", "molecule", "sample"};

struct Observable {
  std::string text, name;    ///< as asked for; for messages, with the script
  int variable;    ///< its index if it is an equal-style variable, else -1: the text is a formula
  bool checked;    ///< by check_observable()
};

/// v_NAME, c_ID, c_ID[i], f_ID, ... of the instance of this script; an error if it does not exist.
Observable find_observable(LAMMPS_NS::LAMMPS *lmp, const std::string &script,
                           const std::string &text);

/// Its value at the current timestep.
double value_of(LAMMPS_NS::LAMMPS *lmp, const Observable &observable);

/// An error if the value is none: not finite, or what compute reduce gives for the extremum of an empty list.
void check_value(const Observable &observable, double value);

/// An error with the reason if it changes with anything but the coordinates: random numbers, time, velocities, labels of the
/// sample.  Energy and forces are those of the current timestep; before: its value at the timestep before, of the same
/// coordinates.  Leaves all but the computes as it was.
void check_observable(LAMMPS_NS::LAMMPS *lmp, const Observable &observable, double energy,
                      double before);

/// True if a compute that needs the virial was asked for its value at the current timestep.
bool virial_used(LAMMPS_NS::LAMMPS *lmp);

/// Values of fixes that come from moving atoms, such as averages over time, are an error for whoever asks.
void hide_fixes_of_motion(LAMMPS_NS::LAMMPS *lmp);

/// After an exception: variables count as being evaluated ("circular dependency" for ever), and no run as being under way.
void recover(LAMMPS_NS::LAMMPS *lmp);

}    // namespace BACKMAP_NS
#endif

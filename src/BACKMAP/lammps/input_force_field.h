/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_INPUT_FORCE_FIELD_H
#define BACKMAP_LAMMPS_INPUT_FORCE_FIELD_H

#include <string>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/** The system of the input script and its force field as an all-atom script that FineEngine can run: a restart file
    and a few lines, which exist as long as this object. Constructor and destructor are collective. */
class InputForceField {
 public:
  /// A pair style or bonded style that computes something.
  static bool present(const LAMMPS_NS::LAMMPS *lmp);

  /** Files are named after `base`. What a restart file does not hold (long-range styles, energies of fixes) is an
      error->all that begins with `what`. */
  InputForceField(LAMMPS_NS::LAMMPS *lmp, const std::string &base, const std::string &what);
  ~InputForceField();
  InputForceField(const InputForceField &) = delete;
  InputForceField &operator=(const InputForceField &) = delete;

  const std::string &script() const { return script_; }

  /** The energy by the script must be that of the system; throws std::runtime_error. For what nobody thought of: other
      settings that a restart file does not hold. */
  void check(double by_script) const;

 private:
  LAMMPS_NS::LAMMPS *lmp;
  const std::string restart_, script_;
  double energy = 0.0;    // of the system, with the positions of the restart file

  void refuse(const std::string &what) const;
  std::string commands() const;
  double potential_energy() const;
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_FINE_CHECK_H
#define BACKMAP_LAMMPS_FINE_CHECK_H

#include "lammps/fine_engine.h"
#include "molecule/molecule_spec.h"

#include <string>
#include <vector>

namespace BACKMAP_NS {

/// The fine script must be about this molecule, in these units. Throws std::runtime_error that says what differs.
void check_fine_engine(const FineEngine &engine, const std::string &script,
                       const MoleculeSpec &molecule, const std::string &units);

/// Exchanging the atoms of a group, each for the next, must not change the energy of x [natoms][3]. Throws
/// std::runtime_error.
void check_equivalent_atoms(FineEngine &engine, const std::vector<std::vector<int>> &groups,
                            const double *x, double energy);

/// The forces of the script at x [natoms][3] must be minus the gradient of its energy: they are not if a fix acts on the
/// atoms without an energy, as a thermostat does. Throws std::runtime_error.
void check_forces(FineEngine &engine, const double *x);

}    // namespace BACKMAP_NS

#endif

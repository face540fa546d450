/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Keeps a LAMMPS instance from writing files.

#ifndef BACKMAP_LAMMPS_FINE_ENGINE_SILENT_H
#define BACKMAP_LAMMPS_FINE_ENGINE_SILENT_H

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/// To be called before the script runs. Dumps are taken but write nothing, the commands write_data, write_dump and
/// write_restart do nothing, and the file arguments of fix print, fix vector and fix ave/... are dropped.
void silence_output(LAMMPS_NS::LAMMPS *lmp);

}    // namespace BACKMAP_NS
#endif

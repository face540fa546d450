/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMPUTE_CLASS
// clang-format off
ComputeStyle(backmap/internal,ComputeBackmapInternal);
// clang-format on
#else

#ifndef LMP_COMPUTE_BACKMAP_INTERNAL_H
#define LMP_COMPUTE_BACKMAP_INTERNAL_H

#include "compute.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Distances, angles and torsions of given atoms; see doc/src/compute_backmap_internal.rst.
class ComputeBackmapInternal : public Compute {
 public:
  ComputeBackmapInternal(class LAMMPS *, int, char **);
  ~ComputeBackmapInternal() override;
  void init() override;
  void compute_vector() override;

 private:
  // one element of the vector; its atoms stand one after another in ids, from first on
  struct Entry {
    std::string text;    // as the user wrote it, for errors
    int natoms, first;
  };

  std::vector<Entry> entries;
  std::vector<tagint> ids;
  std::vector<double> mine,
      all;    // [ids][4]: position of the atom, and 1 from the rank that owns it

  void gather();
  double value(const Entry &);
};

}    // namespace LAMMPS_NS

#endif
#endif

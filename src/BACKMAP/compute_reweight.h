/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef COMPUTE_CLASS
// clang-format off
ComputeStyle(reweight,ComputeReweight);
// clang-format on
#else

#ifndef LMP_COMPUTE_REWEIGHT_H
#define LMP_COMPUTE_REWEIGHT_H

#include "compute.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Reweighted means of observables of the fine script of a fix backmap; see doc/src/compute_reweight.rst.
class ComputeReweight : public Compute {
 public:
  ComputeReweight(class LAMMPS *, int, char **);
  ~ComputeReweight() override;
  void init() override;
  void compute_array() override;

 private:
  std::string id_fix;
  std::vector<std::string> observables;
  std::vector<int> rows;
  class FixBackmap *find_fix();
};

}    // namespace LAMMPS_NS

#endif
#endif

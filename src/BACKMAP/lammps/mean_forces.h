/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The file of the keyword forces: mean forces on the beads, -grad F(z), of every frame, in the form of a dump custom.

#ifndef BACKMAP_LAMMPS_MEAN_FORCES_H
#define BACKMAP_LAMMPS_MEAN_FORCES_H

#include "lammps/line_file.h"
#include "lammps/sampler.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// For rank 0. Columns: see BeadFrames, which reads the file.
class MeanForces {
 public:
  using Box = std::array<double, 6>;    // lo and hi of x, y, z

  /// As LineFile::open(). Throws std::runtime_error, as all methods.
  std::string open(const std::string &file, bool append, const LineMark &mark)
  {
    return file_.open(file, append, mark);
  }
  bool opened() const { return file_.is_open(); }

  /// logw [m]: log-weights of the samples of the frame; force [m][nbeads][3]: all-atom forces on the beads.
  void add(const CoarseFrame &frame, const std::vector<double> &logw, const double *force,
           const Box &box);
  /// Writes what is left, so that a run that is killed keeps it.
  void flush();
  LineMark mark();

 private:
  LineFile file_;
  std::int64_t step_ = 0;
  int beads_ = 0;
  Box box_{};
  std::string rows_;    // of the molecules of one step

  void write_step();
};

}    // namespace BACKMAP_NS
#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/mean_forces.h"

#include "statistics/weights.h"

#include "fmt/format.h"

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   U_CG is the same for all samples of a frame, so that their log-weights are those of F
------------------------------------------------------------------------- */

void MeanForces::add(const CoarseFrame &frame, const std::vector<double> &logw, const double *force,
                     const Box &box)
{
  if (frame.step != step_) write_step();
  step_ = frame.step;
  box_ = box;
  const int nb = static_cast<int>(frame.z.size() / 3);
  for (int b = 0; b < nb; b++) {
    const double *z = &frame.z[3 * static_cast<std::size_t>(b)];
    rows_ += fmt::format("{} {} {:.10g} {:.10g} {:.10g}", (frame.molecule - 1) * nb + b + 1,
                         frame.molecule, z[0], z[1], z[2]);
    std::string errors;
    for (int d = 0; d < 3; d++) {
      const FrameMean mean = frame_mean(logw.data(), logw.size(), force + 3 * b + d, 3 * nb);
      rows_ += fmt::format(" {:.7g}", mean.value);
      errors += fmt::format(" {:.4g}", mean.error);
    }
    rows_ += errors + "\n";
  }
  beads_ += nb;
}

/* ---------------------------------------------------------------------- */

void MeanForces::write_step()
{
  if (beads_ == 0) return;
  // molecules are whole, whatever the boundaries of the run are
  file_.write(
      fmt::format("ITEM: TIMESTEP\n{}\nITEM: NUMBER OF ATOMS\n{}\nITEM: BOX BOUNDS ff ff ff\n"
                  "{:.10g} {:.10g}\n{:.10g} {:.10g}\n{:.10g} {:.10g}\n"
                  "ITEM: ATOMS id mol x y z mean_fx mean_fy mean_fz error_fx error_fy error_fz\n{}",
                  step_, beads_, box_[0], box_[1], box_[2], box_[3], box_[4], box_[5], rows_),
      false);
  beads_ = 0;
  rows_.clear();
}

/* ---------------------------------------------------------------------- */

void MeanForces::flush()
{
  write_step();
  file_.write("");
}

/* ---------------------------------------------------------------------- */

LineMark MeanForces::mark()
{
  write_step();
  return file_.mark();
}

}    // namespace BACKMAP_NS

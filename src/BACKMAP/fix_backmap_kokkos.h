/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef FIX_CLASS
// clang-format off
FixStyle(backmap/kk,FixBackmapKokkos);
FixStyle(backmap/kk/device,FixBackmapKokkos);
FixStyle(backmap/kk/host,FixBackmapKokkos);
// clang-format on
#else

#ifndef LMP_FIX_BACKMAP_KOKKOS_H
#define LMP_FIX_BACKMAP_KOKKOS_H

#include "fix_backmap.h"

namespace LAMMPS_NS {

/// fix backmap in a run whose atoms are on a device: their data come to the host at a frame and only then. What costs,
/// the samples, are drawn on the device by either style (keyword backend).
class FixBackmapKokkos : public FixBackmap {
 public:
  FixBackmapKokkos(class LAMMPS *, int, char **);
  void init() override;
  void setup_pre_reverse(int, int) override;
  void pre_reverse(int, int) override;
  void end_of_step() override;

 private:
  void fetch_forces();
};

}    // namespace LAMMPS_NS

#endif
#endif

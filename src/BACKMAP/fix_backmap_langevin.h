/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef FIX_CLASS
// clang-format off
FixStyle(backmap/langevin,FixBackmapLangevin);
// clang-format on
#else

#ifndef LMP_FIX_BACKMAP_LANGEVIN_H
#define LMP_FIX_BACKMAP_LANGEVIN_H

#include "fix.h"

#include <cstdint>
#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Langevin dynamics for sampling positions, with random numbers in every Nth step; see doc/src/fix_backmap_langevin.rst.
class FixBackmapLangevin : public Fix {
 public:
  FixBackmapLangevin(class LAMMPS *, int, char **);
  int setmask() override;
  void init() override;
  void initial_integrate(int) override;
  void final_integrate() override;
  void reset_target(double) override;
  void reset_dt() override;
  void *extract(const char *, int &) override;
  void write_restart(FILE *) override;
  void restart(char *) override;

 private:
  const std::string what;
  double target, damp;
  std::uint64_t seed;
  int every = 1;
  std::uint64_t stream;
  std::int64_t step = 0;                      // of this fix, whatever becomes of the timestep
  double dtv = 0.0, dtf = 0.0, kept = 0.0;    // kept: of a velocity, where random numbers act
  std::vector<int> moved;
  std::vector<double> numbers;    // three for each atom in moved, in rows of one pack

  double mass_of(int i) const;
  void kick();
  void draw();
};

}    // namespace LAMMPS_NS

#endif
#endif

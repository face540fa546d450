/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef FIX_CLASS
// clang-format off
FixStyle(backmap/bias,FixBackmapBias);
// clang-format on
#else

#ifndef LMP_FIX_BACKMAP_BIAS_H
#define LMP_FIX_BACKMAP_BIAS_H

#include "fix.h"

#include "lammps/molecules.h"
#include "molecule/torsion_bias.h"

#include <array>
#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Finds a bias along torsions by well-tempered metadynamics of all molecules together; see doc/src/fix_backmap_bias.rst.
class FixBackmapBias : public Fix {
 public:
  FixBackmapBias(class LAMMPS *, int, char **);
  int setmask() override;
  void init() override;
  void setup(int) override;
  void min_setup(int) override;
  void post_force(int) override;
  void post_force_respa(int, int, int) override;
  void min_post_force(int) override;
  void end_of_step() override;
  void post_run() override;
  double compute_scalar() override;
  double compute_vector(int) override;
  void write_restart(FILE *) override;
  void restart(char *) override;

 private:
  struct Torsion {
    std::string name;
    std::array<int, 4> beads;    // places in the molecule, from 0
    BACKMAP_NS::TorsionBias bias;
  };

  const std::string what;
  std::string file, start;
  double temperature = 0.0, height = 0.5, width = 10.0, factor = 20.0, keep = 0.0;
  bool overwrite = false;
  double kT = 0.0;
  std::vector<Torsion> torsions;
  std::unique_ptr<BACKMAP_NS::BackmapMolecules> molecules;
  std::vector<double> forces, deposit;
  class Respa *respa = nullptr;
  double energy_mine = 0.0;    // of the molecules of this rank
  double growth = 1.0;         // mean of the heights of the last hills over that of the first ones

  void read_torsion(int left, char **words);
  int beads_of_a_molecule() const;
  double angle(const Torsion &t, int molecule) const;
  std::string table() const;
};

}    // namespace LAMMPS_NS

#endif
#endif

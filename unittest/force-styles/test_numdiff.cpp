/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// LAMMPS's own fix numdiff, compiled from its source, against the forces of pair style cgnet: alone and in a hybrid style,
// newton on and off, molecules cut by the box and by ranks.
// ranks: 1 2

#include "cgnet/cgnet_support.h"
#include "lammps/fix_test_support.h"

#include "fix_numdiff.h"
#include "modify.h"

#include <string>
#include <vector>

using namespace LAMMPS_NS;
using namespace fix_test;

namespace {

Fix *make_numdiff(LAMMPS *lmp, int narg, char **arg)
{
  return new FixNumDiff(lmp, narg, arg);
}

std::string beads()
{
  std::string text = "beads\n\n12 atoms\n6 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\n"
                     "Masses\n\n1 12\n2 14\n3 12\n4 12\n5 12\n6 14\n\nAtoms\n\n";
  const auto z = cgnet_support::configurations(2, 8, 0.1);
  char line[200];
  for (int i = 0; i < 12; i++) {
    const double *x = &z[3 * i], shift = i < 6 ? 8.5 : 4.0;
    snprintf(line, sizeof(line), "%d %d %d %.15g %.15g %.15g\n", i + 1, 1 + i / 6, 1 + i % 6,
             x[0] + shift, x[1] + shift, x[2] + shift);
    text += line;
  }
  return text;
}

}    // namespace

TEST(Numdiff, ForcesOfPairCgnet)
{
  const auto data = from_rank_0(write_file("beads.data", beads()));
  const auto model = from_rank_0(
      write_file("numdiff.safetensors", cgnet_support::make_cgnet().to_model().serialize()));
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string network = model + " C N CA CB C N\n";
  const std::vector<std::string> styles = {
      "pair_style cgnet precision double\npair_coeff * * " + network,
      "pair_style hybrid/overlay cgnet precision double soft 2.5\npair_coeff * * soft 3.0\n"
      "pair_coeff * * cgnet " +
          network};
  for (const std::string newton : {"on", "off"})
    for (const std::string &style : styles) {
      SCOPED_TRACE("newton " + newton + ", " + style);
      PlainLammps lmp("units real\nnewton " + newton +
                          "\natom_style molecular\natom_modify map array\ncomm_modify cutoff 4.0\n"
                          "neighbor 1.0 bin\nread_data " +
                          data + "\n" + style,
                      MPI_COMM_WORLD);
      (*lmp.lmp->modify->fix_map)["numdiff"] = &make_numdiff;
      lmp.commands(
          "fix nd all numdiff 1 1.0e-4\nvariable wrong atom "
          "sqrt((f_nd[1]-fx)^2+(f_nd[2]-fy)^2+(f_nd[3]-fz)^2)\nvariable size atom "
          "sqrt(fx*fx+fy*fy+fz*fz)\ncompute wrong all reduce max v_wrong\n"
          "compute size all reduce min v_size\nthermo_style custom step pe c_wrong c_size\n"
          "run 0");
      const double wrong = lmp.value("c_wrong"), size = lmp.value("c_size");
      EXPECT_GT(size, 1.0) << "every bead feels a force";
      EXPECT_LT(wrong, 1e-4);
    }
}

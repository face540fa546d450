/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// backmap_scripts: LAMMPS runs what it writes; the wall, the isomer and the mirror image; errors.
// ranks: 1 2

#include "fix_test_support.h"

#include <cmath>

using namespace fix_test;

namespace {

const std::vector<std::string> FILES = {"tmp_scripts.map", "tmp_scripts.isomer",
                                        "tmp_scripts.coarse", "tmp_scripts.observables"};

class BackmapScripts : public testing::Test {
 protected:
  PlainLammps lmp{ala2_script(), MPI_COMM_WORLD};

  void SetUp() override
  {
    remove();
    lmp.commands("backmap_map " + FILES[0]);
  }
  void TearDown() override { remove(); }

  void remove() { remove_files(FILES); }

  void write(const std::string &more = "")
  {
    lmp.commands("backmap_scripts " + FILES[0] + " isomer " + FILES[1] + " coarse_isomer " +
                 FILES[2] + " observables " + FILES[3] + more);
    MPI_Barrier(MPI_COMM_WORLD);
  }

  double value(const std::string &variable) { return lmp.value("v_" + variable); }
};

}    // namespace

TEST_F(BackmapScripts, LammpsRunsThem)
{
  write();
  lmp.commands(std::string("uncompute torsions\nuncompute rg\ninclude ") + FILES[1] + "\ninclude " +
               FILES[3] +
               "\nvariable wall equal f_trans\n"
               "thermo_style custom step pe v_changed v_wall v_phi v_psi v_rg\nrun 0");
  EXPECT_EQ(value("changed"), 0.0);
  // LAMMPS counts a constant: K (1 + cos) of the even cosines, at two bonds that are trans
  const double trans = 2 * 2 * (43.75 + 1.5625);
  EXPECT_NEAR(value("wall"), trans, 0.02);
  EXPECT_GT(value("rg"), 1.0);
  for (const char *torsion : {"phi", "psi"}) EXPECT_LE(std::abs(value(torsion)), 180.0);
  const double phi = value("phi");

  // of the mirror image the amides are trans, and the alpha carbon is another
  lmp.commands("variable image atom -x\nset group all x v_image\nrun 0");
  EXPECT_EQ(value("changed"), 1.0);
  EXPECT_NEAR(value("phi"), -phi, 1e-9);
  EXPECT_NEAR(value("wall"), trans, 0.02);
  EXPECT_NE(read_file(FILES[2]).find("dihedral"), std::string::npos);
}

TEST_F(BackmapScripts, CentresOfMassHaveTheTorsionsOfTheBackbone)
{
  lmp.commands("backmap_map " + FILES[0] + " overwrite yes centers unit");
  write();
  EXPECT_NE(read_file(FILES[3]).find("variable psi equal c_torsions[2]"), std::string::npos);
  EXPECT_NE(read_file(FILES[1]).find("dihedral"), std::string::npos);
  EXPECT_EQ(read_file(FILES[2]).find("dihedral"), std::string::npos) << "no bead is one atom";
}

TEST_F(BackmapScripts, KeepsFilesAndNamesWhatIsWrong)
{
  write();
  const std::string start = "backmap_scripts " + FILES[0];
  EXPECT_NE(lmp.error_of(start + " isomer " + FILES[1]).find("exists, expected a new one"),
            std::string::npos);
  write(" overwrite yes");
  EXPECT_NE(lmp.error_of("backmap_scripts").find("expected backmap_scripts MAP"),
            std::string::npos);
  EXPECT_NE(lmp.error_of(start).find("got none"), std::string::npos);
  EXPECT_NE(lmp.error_of(start + " movie x").find("movie"), std::string::npos);
  EXPECT_NE(lmp.error_of("backmap_scripts none.json isomer x").find("none.json"),
            std::string::npos);
}

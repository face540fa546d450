/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// compute backmap/internal: closed-form values, periodic images, LAMMPS's own torsions, and its errors.
// ranks: 1 2 4

#include "fix_test_support.h"

#include "compute.h"
#include "modify.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;
using namespace fix_test;

namespace {

const char *const BOX = "units real\natom_style atomic\natom_modify map yes\n";
const std::string ATOMS = "mass 1 1.0\npair_style zero 2.0\npair_coeff * *\n";

/* a molecule of four atoms whose torsion is the argument, at (x, y, z); cell: its region */

std::string four_atoms(double degrees, double x, double y, double z,
                       const std::string &cell = "block -5 5 -5 5 -5 5")
{
  const double at[4][3] = {
      {1.0, 0.0, 0.0},
      {0.0, 0.0, 0.0},
      {0.0, 0.0, 1.5},
      {2.0 * std::cos(degrees * M_PI / 180.0), 2.0 * std::sin(degrees * M_PI / 180.0), 1.5}};
  std::string text = BOX + ("region r " + cell) + "\ncreate_box 1 r\n";
  char line[200];
  for (const auto &p : at) {
    snprintf(line, sizeof(line), "create_atoms 1 single %.15g %.15g %.15g\n", p[0], p[1], p[2]);
    text += line;
  }
  // the atoms that leave the box come back on the other side
  snprintf(line, sizeof(line), "displace_atoms all move %.15g %.15g %.15g units box\n", x, y, z);
  return text + ATOMS + line;
}

std::vector<double> values(const PlainLammps &lmp, const char *id)
{
  Compute *compute = lmp.lmp->modify->compute[lmp.lmp->modify->find_compute(id)];
  compute->compute_vector();
  return std::vector<double>(compute->vector, compute->vector + compute->size_vector);
}

const std::string ALL = "compute c all backmap/internal distance 1 2 angle 1 2 3 dihedral 1 2 3 4 "
                        "distance 4 1 angle 3 2 1 dihedral 4 3 2 1\n";

void expect_values(const PlainLammps &lmp, double degrees)
{
  const auto v = values(lmp, "c");
  ASSERT_EQ(v.size(), 6u);
  const double x = 2.0 * std::cos(degrees * M_PI / 180.0) - 1.0,
               y = 2.0 * std::sin(degrees * M_PI / 180.0);
  EXPECT_NEAR(v[0], 1.0, 1e-12);
  EXPECT_NEAR(v[1], 90.0, 1e-10);
  EXPECT_NEAR(v[2], degrees, 1e-10);
  EXPECT_NEAR(v[3], std::sqrt(x * x + y * y + 1.5 * 1.5), 1e-12);
  EXPECT_NEAR(v[4], 90.0, 1e-10);
  EXPECT_NEAR(v[5], degrees, 1e-10);
}

}    // namespace

TEST(ComputeInternal, ClosedForm)
{
  for (double degrees : {-179.0, -135.5, -90.0, -60.0, -1e-6, 0.0, 30.0, 90.0, 120.0, 179.999}) {
    PlainLammps lmp(four_atoms(degrees, 0.0, 0.0, 0.0) + ALL + "run 0 post no", MPI_COMM_WORLD);
    expect_values(lmp, degrees);
  }
}

TEST(ComputeInternal, PeriodicImages)
{
  const double moves[][3] = {{4.5, 0, 0}, {5.0, 5.0, 4.0}, {-0.5, 4.9, -5.5}, {-17.3, 23.1, 14.2}};
  for (const char *cell : {"block -5 5 -5 5 -5 5", "prism -5 5 -5 5 -5 5 2.0 -1.5 3.0"})
    for (const auto &m : moves) {
      PlainLammps lmp(four_atoms(-75.0, m[0], m[1], m[2], cell) + ALL + "run 0 post no",
                      MPI_COMM_WORLD);
      expect_values(lmp, -75.0);
    }
}

// the distance is that of the nearest images, also where it is longer along the molecule
TEST(ComputeInternal, NearestImageNotTheWholeMolecule)
{
  PlainLammps lmp(BOX +
                      std::string("region r block 0 10 0 10 0 10\ncreate_box 1 r\n"
                                  "create_atoms 1 single 1 5 5\ncreate_atoms 1 single 4 5 5\n"
                                  "create_atoms 1 single 8 5 5\n") +
                      ATOMS +
                      "compute c all backmap/internal distance 1 3 distance 1 2 distance 2 3\n"
                      "run 0 post no",
                  MPI_COMM_WORLD);
  const auto v = values(lmp, "c");
  EXPECT_DOUBLE_EQ(v[0], 3.0);
  EXPECT_DOUBLE_EQ(v[1], 3.0);
  EXPECT_DOUBLE_EQ(v[2], 4.0);
}

// what LAMMPS itself says of the same torsions
TEST(ComputeInternal, AsDihedralLocal)
{
  PlainLammps lmp("processors * 1 1\n" +
                      ala2_script("group g id 5 7 9 15\ncompute local g dihedral/local phi\n"),
                  MPI_COMM_WORLD);
  for (const Frame &frame : oracle("vacuum")) {
    lmp.set(frame.x);
    // which also sends atoms that moved far to their new ranks
    lmp.commands("displace_atoms all move 0.0 0.0 0.0\nrun 0 post no");
    Compute *local = lmp.lmp->modify->compute[lmp.lmp->modify->find_compute("local")];
    local->compute_local();
    double mine = -1000.0, phi = mine;
    for (int i = 0; i < local->size_local_rows; i++) mine = std::max(mine, local->vector_local[i]);
    MPI_Allreduce(&mine, &phi, 1, MPI_DOUBLE, MPI_MAX, MPI_COMM_WORLD);
    const auto v = values(lmp, "torsions");
    EXPECT_NEAR(v[0], phi, 1e-9);
    EXPECT_NEAR(std::remainder(v[1] - frame.psi, 360.0), 0.0, 1e-6);
  }
}

// an output of a run, on atoms that move between the ranks, and ranks that move over the atoms
TEST(ComputeInternal, InThermoAndVariables)
{
  for (const std::string balance : {"", "fix bal all balance 5 1.0 shift xyz 5 1.01\n",
                                    "comm_style tiled\nfix bal all balance 5 1.0 rcb\n"}) {
    SCOPED_TRACE(balance);
    PlainLammps lmp(four_atoms(40.0, 4.7, 4.9, -4.0) + ALL + balance +
                        "variable cosine equal cos(c_c[3]*PI/180.0)\n"
                        "fix move all move linear 0.1 -0.2 0.3\ntimestep 1.0\n"
                        "thermo_style custom step c_c[3] v_cosine\nthermo 10\nrun 100",
                    MPI_COMM_WORLD);
    EXPECT_NEAR(lmp.value("c_c[3]"), 40.0, 1e-9);
    EXPECT_NEAR(lmp.value("v_cosine"), std::cos(40.0 * M_PI / 180.0), 1e-9);
  }
}

TEST(ComputeInternal, LargeAtomIds)
{
  if (sizeof(tagint) < 8) GTEST_SKIP() << "atom IDs of 32 bits";
  const auto data = write_file("big.data",
                               "big IDs\n\n2 atoms\n1 atom types\n0 10 xlo xhi\n0 10 ylo yhi\n"
                               "0 10 zlo zhi\n\nAtoms # atomic\n\n5000000001 1 1 1 1\n"
                               "7000000001 1 9 1 1\n");
  char name[200] = {0};
  snprintf(name, sizeof(name), "%s", data.c_str());
  MPI_Bcast(name, sizeof(name), MPI_CHAR, 0, MPI_COMM_WORLD);
  PlainLammps lmp(BOX + ("read_data " + std::string(name) + "\n") + ATOMS +
                      "compute c all backmap/internal distance 5000000001 7000000001\nrun 0",
                  MPI_COMM_WORLD);
  EXPECT_DOUBLE_EQ(values(lmp, "c")[0], 2.0);
}

TEST(ComputeInternal, Errors)
{
  const auto error = [](const std::string &words, const std::string &then = "") {
    PlainLammps lmp(four_atoms(40.0, 0.0, 0.0, 0.0), MPI_COMM_WORLD);
    return lmp.error_of("compute tor all backmap/internal " + words + "\n" + then);
  };
  const auto expect = [&](const std::string &text, const std::vector<const char *> &parts) {
    for (const char *part : parts) EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  expect(error(""), {"backmap/internal tor: expected entries", "distance, angle or dihedral"});
  expect(error("distance 1 2 torsion 1 2 3 4"),
         {"tor: entry 2, expected distance, angle or dihedral, got torsion"});
  expect(error("dihedral 1 2 3 angle 1 2 3"),
         {"tor: entry 1, dihedral: expected 4 atom IDs, got 3 and then angle"});
  expect(error("distance 1"),
         {"tor: entry 1, distance: expected 2 atom IDs, got 1 and then nothing"});
  expect(error("angle 1 2 3 4"), {"tor: entry 2, expected distance, angle or dihedral, got 4"});
  expect(error("angle 1 2.5 3"), {"expected 3 atom IDs, got 1 and then 2.5"});
  expect(error("distance 1 0"), {"distance: expected positive atom IDs, got 0"});
  expect(error("distance -1 1"), {"distance: expected positive atom IDs, got -1"});
  expect(error("angle 1 2 1"), {"angle 1 2 1: expected different atoms, got atom 1 twice"});
  // found when a run starts, on every rank
  for (const char *id : {"5", "70000", "2000000000"})
    expect(error("distance 1 2 angle 1 2 " + std::string(id), "run 0"),
           {"tor: angle 1 2", "there is no atom with ID", id});
  expect(error("distance 1 4", "delete_atoms group all compress no\nrun 0"),
         {"distance 1 4: there is no atom with ID 1"});
  expect(error("distance 1 2 dihedral 4 1 2 3",
               "set atom 1 x 0 y 0 z 1.0\nset atom 4 x 0 y 0 z 4.0\n"
               "thermo_style custom step c_tor[1] c_tor[2]\nrun 0"),
         {"dihedral 4 1 2 3 is undefined at step 0", "straight line"});
  expect(error("angle 1 2 3", "set atom 1 x 0 y 0 z 0\nthermo_style custom step c_tor[1]\nrun 0"),
         {"angle 1 2 3 is undefined at step 0", "same place"});
  {
    PlainLammps lmp("units real\natom_style atomic\nregion r block 0 1 0 1 0 1\ncreate_box 1 r\n",
                    MPI_COMM_WORLD);
    expect(lmp.error_of("compute tor all backmap/internal distance 1 2"),
           {"expected: atom_modify map yes"});
  }
}

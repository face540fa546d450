/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// pair_style cgnet inside LAMMPS: molecules over ranks and periodic boundaries, newton, virial,
// hybrid, NULL types, bad input. The expected numbers come from Cgnet on the unwrapped molecules,
// on every number of ranks the same. All of it also for cgnet/kk, as -k on -sf kk gives it.
// ranks: 1 2 4

#include "cgnet/cgnet.h"
#include "cgnet_support.h"
#include "windows_support.h"

#include "library.h"
#include "lmptype.h"

#include <mpi.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

using namespace BACKMAP_NS;
using namespace cgnet_support;

namespace {

constexpr double NKTV2P = 68568.415;    // real units: kcal/mol/A^3 to atmospheres
const char *const MODEL = "test.cgnet.safetensors";
const char *const NAMES = "C N CA CB C N";

int rank()
{
  int me;
  MPI_Comm_rank(MPI_COMM_WORLD, &me);
  return me;
}

void write_file(const std::string &path, const std::string &bytes)
{
  MPI_Barrier(MPI_COMM_WORLD);
  if (rank() == 0) std::ofstream(path, std::ios::binary) << bytes;
  MPI_Barrier(MPI_COMM_WORLD);
}

// molecules near the faces and edges of the box, so that several are cut by it
struct System {
  int nmol;
  double box;
  std::vector<double> z;    // whole molecules [nmol][6][3]
  std::vector<double> e, f;
  double virial[6] = {0, 0, 0, 0, 0, 0};

  System(int n, double length, const Cgnet &net) :
      nmol(n), box(length), z(configurations(n, 21, 0.1)), e(n), f(18 * n)
  {
    Numbers random(4);
    for (int m = 0; m < n; m++)
      for (int c = 0; c < 3; c++) {
        const double shift = (m + c) % 2 ? 0.0 : box * random.uniform();
        for (int b = 0; b < 6; b++) z[18 * m + 3 * b + c] += shift;
      }
    net.evaluate(n, z.data(), e.data(), f.data());
    const int first[6] = {0, 1, 2, 0, 0, 1}, second[6] = {0, 1, 2, 1, 2, 2};
    for (int m = 0; m < n; m++)
      for (int b = 0; b < 6; b++)
        for (int k = 0; k < 6; k++)
          virial[k] += z[18 * m + 3 * b + first[k]] * f[18 * m + 3 * b + second[k]];
  }
  double energy() const
  {
    double sum = 0.0;
    for (double x : e) sum += x;
    return sum;
  }
  // IDs of the molecules are interleaved: atom b of molecule m is b*nmol + m + 1
  int atom(int m, int b) const { return b * nmol + m; }
};

// data file; edit may change molecule-ID and type of an atom; extra atoms of type 7 and molecule 0
std::string data_file(const System &s, int extra = 0,
                      const std::function<void(int m, int b, int &mol, int &type)> &edit = nullptr)
{
  std::string text = "test\n\n" + std::to_string(6 * s.nmol + extra) + " atoms\n7 atom types\n\n";
  for (const char *axis : {"x", "y", "z"})
    text += "0.0 " + std::to_string(s.box) + " " + axis + "lo " + axis + "hi\n";
  text += "\nMasses\n\n1 12\n2 14\n3 12\n4 12\n5 12\n6 14\n7 40\n\nAtoms\n\n";
  char line[200];
  for (int m = 0; m < s.nmol; m++)
    for (int b = 0; b < 6; b++) {
      int mol = m + 1, type = b + 1;
      if (edit) edit(m, b, mol, type);
      const double *x = &s.z[18 * m + 3 * b];
      snprintf(line, sizeof(line), "%d %d %d %.17g %.17g %.17g\n", s.atom(m, b) + 1, mol, type,
               x[0], x[1], x[2]);
      text += line;
    }
  for (int i = 0; i < extra; i++) {
    snprintf(line, sizeof(line), "%d 0 7 %.17g %.17g %.17g\n", 6 * s.nmol + i + 1, 1.0 + 3.1 * i,
             2.0, 3.0);
    text += line;
  }
  return text;
}

// one LAMMPS instance over all ranks
class Lammps {
 public:
  static bool kokkos;    // whether they start with it

  explicit Lammps(const std::string &partition = "")
  {
    std::vector<const char *> args = {"test", "-log", "none", "-screen", "none", "-nocite"};
    if (kokkos) args.insert(args.end(), {"-k", "on", "t", "1", "-sf", "kk"});
    if (!partition.empty())
      args.insert(args.end(),
                  {"-in", "/dev/null", "-plog", "none", "-pscreen", "none", "-partition",
                   partition.c_str()});
    handle =
        lammps_open((int) args.size(), const_cast<char **>(args.data()), MPI_COMM_WORLD, nullptr);
  }
  ~Lammps() { lammps_close(handle); }

  // the error text, or nothing; the rest of the commands is not run after an error
  std::string run(const std::vector<std::string> &commands)
  {
    for (const auto &c : commands) {
      lammps_command(handle, c.c_str());
      if (lammps_has_error(handle)) {
        char text[1000];
        lammps_get_last_error_message(handle, text, sizeof(text));
        return text;
      }
    }
    return "";
  }
  double thermo(const char *what) { return lammps_get_thermo(handle, what); }
  double *vector(const char *id)
  {
    return (double *) lammps_extract_compute(handle, id, LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR);
  }
  // vectors of all atoms by ID; lammps_gather_atoms() has no 64-bit IDs
  std::vector<double> gather(const char *what)
  {
    const auto natoms = static_cast<int>(lammps_get_natoms(handle));
    const int nlocal = lammps_extract_setting(handle, "nlocal");
    const auto *id = (const LAMMPS_NS::tagint *) lammps_extract_atom(handle, "id");
    const auto *const *mine = (const double *const *) lammps_extract_atom(handle, what);
    std::vector<double> out(3 * (std::size_t) natoms, 0.0);
    for (int i = 0; i < nlocal; i++) std::copy_n(mine[i], 3, &out[3 * (id[i] - 1)]);
    MPI_Allreduce(MPI_IN_PLACE, out.data(), 3 * natoms, MPI_DOUBLE, MPI_SUM,
                  MPI_Comm_f2c(lammps_get_mpi_comm(handle)));
    return out;
  }

  void *handle;
};

bool Lammps::kokkos = false;

std::vector<std::string> start(const std::string &data, const std::string &newton = "on",
                               const std::string &style = "cgnet precision double",
                               const std::string &coeff = "")
{
  const std::string model = coeff.empty() ? std::string(MODEL) + " " + NAMES + " NULL" : coeff;
  return {"units real",
          "newton " + newton,
          "atom_style molecular",
          "boundary p p p",
          "read_data " + data,
          "pair_style " + style,
          "pair_coeff * * " + std::string(style.find("hybrid") == 0 ? "cgnet " : "") + model};
}

const std::vector<std::string> MEASURE = {
    "compute p all pressure NULL virial",
    "compute ea all pe/atom",
    "compute sa all stress/atom NULL pair",
    ("compute sum all reduce sum c_ea c_sa[1] c_sa[2] c_sa[3] "
     "c_sa[4] c_sa[5] c_sa[6]"),
    "thermo_style custom step pe c_p[1] c_sum[1]",
    "run 0"};

class PairCgnetTest : public ::testing::TestWithParam<const char *> {
 protected:
  void SetUp() override
  {
    Lammps::kokkos = std::string(GetParam()).find("kokkos") != std::string::npos;
    if (Lammps::kokkos && !lammps_config_has_package("KOKKOS"))
      GTEST_SKIP() << "this LAMMPS has no package KOKKOS";
    write_file(MODEL, spec.to_model().serialize());
    write_file("test.data", data_file(system));
  }
  const CgnetSpec spec = std::string(GetParam()).find("windows") == 0 ? windows_support::dipeptide()
                                                                      : make_cgnet();
  const Cgnet net{spec};
  const System system{5, 13.0, net};

  void expect_all(Lammps &lmp, const System &s)
  {
    EXPECT_NEAR(lmp.thermo("pe"), s.energy(), 1e-10 * (1 + std::fabs(s.energy())));
    const auto f = lmp.gather("f");
    for (int m = 0; m < s.nmol; m++)
      for (int b = 0; b < 6; b++)
        for (int c = 0; c < 3; c++)
          EXPECT_NEAR(f[3 * s.atom(m, b) + c], s.f[18 * m + 3 * b + c], 1e-9) << m << " " << b;
  }

  std::string error_of(const std::vector<std::string> &commands)
  {
    Lammps lmp;
    return lmp.run(commands);
  }
  void expect_error(const std::vector<std::string> &commands, const std::string &part)
  {
    const std::string text = error_of(commands);
    EXPECT_NE(text.find(part), std::string::npos) << "got: " << text << "\nexpected: " << part;
  }
};

}    // namespace

TEST_P(PairCgnetTest, EnergyForcesVirial)
{
  int cut = 0;    // molecules that leave the box and come back: the test is about those
  for (int m = 0; m < system.nmol; m++)
    for (int c = 0; c < 3; c++) {
      int in = 0;
      for (int b = 0; b < 6; b++)
        in += (int) std::floor(system.z[18 * m + 3 * b + c] / system.box) ==
            (int) std::floor(system.z[18 * m + c] / system.box);
      if (in < 6) cut++;
    }
  ASSERT_GE(cut, 4);

  for (const char *newton : {"on", "off"})
    for (const char *grid : {"* * *", "* 1 1", "1 * 1", "1 1 *"}) {
      SCOPED_TRACE(std::string("newton ") + newton + " processors " + grid);
      Lammps lmp;
      auto commands = start("test.data", newton);
      commands.insert(commands.begin(), std::string("processors ") + grid);
      ASSERT_EQ(lmp.run(commands), "");
      ASSERT_EQ(lmp.run(MEASURE), "");
      expect_all(lmp, system);
      const double volume = std::pow(system.box, 3);
      for (int k = 0; k < 6; k++) {
        EXPECT_NEAR(lmp.vector("p")[k] * volume / NKTV2P, system.virial[k], 1e-8);
        EXPECT_NEAR(-lmp.vector("sum")[1 + k] / NKTV2P, system.virial[k], 1e-8);
      }
      EXPECT_NEAR(lmp.vector("sum")[0], system.energy(), 1e-9);
    }
}

TEST_P(PairCgnetTest, PerAtomEnergyIsSplitEquallyInsideAMolecule)
{
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("test.data")), "");
  ASSERT_EQ(
      lmp.run({"compute ea all pe/atom", "compute c all chunk/atom molecule",
               "compute m all reduce/chunk c sum c_ea", "compute hi all reduce/chunk c max c_ea",
               "thermo_style custom step pe c_m[1] c_hi[1]", "run 0"}),
      "");
  for (int m = 0; m < system.nmol; m++) {
    EXPECT_NEAR(lmp.vector("m")[m], system.e[m], 1e-10);
    EXPECT_NEAR(lmp.vector("hi")[m], system.e[m] / 6, 1e-10);
  }
}

// the pair virial is minus the derivative of the energy by a homogeneous strain, shear through a
// tilted box
TEST_P(PairCgnetTest, VirialIsStrainDerivative)
{
  const double h = 1e-5;
  const auto energy_at = [&](const std::string &change) {
    Lammps lmp;
    EXPECT_EQ(lmp.run(start("test.data")), "");
    EXPECT_EQ(lmp.run({"change_box all triclinic", change, "run 0"}), "");
    return lmp.thermo("pe");
  };
  const char *scale[3] = {"x", "y", "z"}, *tilt[3] = {"xy", "xz", "yz"};
  char text[200];
  for (int k = 0; k < 6; k++) {
    double e[2];
    for (int s = 0; s < 2; s++) {
      const double step = s ? h : -h;
      if (k < 3)
        snprintf(text, sizeof(text), "change_box all %s scale %.15g remap units box", scale[k],
                 1 + step);
      else
        snprintf(text, sizeof(text), "change_box all %s delta %.15g remap units box", tilt[k - 3],
                 step * system.box);
      e[s] = energy_at(text);
    }
    EXPECT_NEAR(-(e[1] - e[0]) / (2 * h), system.virial[k],
                1e-4 * (1 + std::fabs(system.virial[k])))
        << k;
  }
}

TEST_P(PairCgnetTest, ForcesAgainstCentralDifferences)
{
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("test.data")), "");
  ASSERT_EQ(lmp.run({"run 0"}), "");
  const auto f = lmp.gather("f");
  double largest = 0.0;
  for (double x : f) largest = std::max(largest, std::fabs(x));
  const double h = 1e-4;
  for (const int atom : {1, 7, 13, 20, 30})
    for (const char *axis : {"x", "y", "z"}) {
      double v[4];
      const double at[4] = {-2 * h, -h, h, 2 * h};
      double now = 0.0;
      for (int k = 0; k < 4; k++) {
        char text[200];
        snprintf(text, sizeof(text), "displace_atoms one move %.15g %.15g %.15g units box",
                 axis[0] == 'x' ? at[k] - now : 0.0, axis[0] == 'y' ? at[k] - now : 0.0,
                 axis[0] == 'z' ? at[k] - now : 0.0);
        ASSERT_EQ(
            lmp.run({"group one id " + std::to_string(atom), text, "run 0", "group one delete"}),
            "");
        v[k] = lmp.thermo("pe");
        now = at[k];
      }
      char back[200];
      snprintf(back, sizeof(back), "displace_atoms one move %.15g %.15g %.15g units box",
               axis[0] == 'x' ? -now : 0.0, axis[0] == 'y' ? -now : 0.0,
               axis[0] == 'z' ? -now : 0.0);
      ASSERT_EQ(lmp.run({"group one id " + std::to_string(atom), back, "group one delete"}), "");
      const double slope = (v[0] - 8 * v[1] + 8 * v[2] - v[3]) / (12 * h);
      EXPECT_NEAR(-slope, f[3 * (atom - 1) + (axis[0] - 'x')], 1e-6 * largest) << atom << axis;
    }
}

// beads cross the boundary and change ranks; the neighbor list is built again many times
TEST_P(PairCgnetTest, EnergyConservation)
{
  for (const char *newton : {"on", "off"}) {
    Lammps lmp;
    ASSERT_EQ(lmp.run(start("test.data", newton)), "");
    ASSERT_EQ(lmp.run({"minimize 0 1e-3 50 200", "reset_timestep 0",
                       "velocity all create 300 4711 loop geom",
                       "velocity all set 0.02 0.015 0.01 sum yes units box", "neighbor 0.5 bin",
                       "timestep 0.5", "fix 1 all nve", "run 0"}),
              "");
    const double before = lmp.thermo("etotal");
    ASSERT_EQ(lmp.run({"thermo 500", "run 2000"}), "");
    const double ke = lmp.thermo("ke");
    EXPECT_GT(lammps_get_thermo(lmp.handle, "step"), 1999.0);
    EXPECT_NEAR(lmp.thermo("etotal"), before, 2e-3 * ke);
  }
}

// atoms change their ranks while they move, in boxes of all kinds; the energy is that of one rank for these positions
TEST_P(PairCgnetTest, LoadBalancingAndBoxes)
{
  System wide(5, 100.0, net);
  for (double &x : wide.z) x += 10.0;    // nothing is cut by a face
  wide.box = 120.0;
  write_file("wide.data", data_file(wide));
  const std::vector<std::string> tilt = {
      "change_box all triclinic", "change_box all xy final 3 xz final -2 yz final 1 units box"};
  const struct {
    std::string data, boundary;
    std::vector<std::string> change;
  } boxes[] = {
      {"test.data", "p p p", {}}, {"test.data", "p p p", tilt}, {"wide.data", "s s s", {}}};
  for (const auto &box : boxes)
    for (const std::string balance : {"shift xyz 5 1.01", "rcb"}) {
      SCOPED_TRACE(balance + ", " + box.boundary + (box.change.empty() ? "" : ", triclinic"));
      const auto begin = [&](const std::string &data) {
        auto commands = start(data);
        commands[3] = "boundary " + box.boundary;
        return commands;
      };
      Lammps lmp, again;
      auto commands = begin(box.data);
      commands.insert(commands.end(), box.change.begin(), box.change.end());
      if (balance == "rcb") commands.emplace_back("comm_style tiled");
      commands.insert(commands.end(),
                      {"minimize 0 1e-3 50 200", "velocity all create 300 4711 loop geom",
                       "timestep 0.5", "neighbor 0.5 bin", "fix 1 all nve",
                       "fix bal all balance 10 1.0 " + balance, "run 100"});
      ASSERT_EQ(lmp.run(commands), "");
      const double moved = lmp.thermo("pe");
      ASSERT_EQ(lmp.run({"write_data moved.data nocoeff"}), "");
      commands = begin("moved.data");
      commands.emplace_back("run 0");
      ASSERT_EQ(again.run(commands), "");
      EXPECT_GT(std::fabs(moved), 0.1);
      EXPECT_NEAR(again.thermo("pe"), moved, 1e-9 * (1 + std::fabs(moved)));
    }
}

TEST_P(PairCgnetTest, OneMoleculeFourRanksMostWithoutAtoms)
{
  const System one(1, 200.0, net);
  write_file("one.data", data_file(one));
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("one.data")), "");
  ASSERT_EQ(lmp.run(MEASURE), "");
  expect_all(lmp, one);
}

TEST_P(PairCgnetTest, NullTypesFeelNothing)
{
  write_file("extra.data", data_file(system, 3));
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("extra.data")), "");
  ASSERT_EQ(lmp.run(MEASURE), "");
  expect_all(lmp, system);
  const auto f = lmp.gather("f");
  for (std::size_t i = 18 * system.nmol; i < f.size(); i++) EXPECT_EQ(f[i], 0.0);
}

TEST_P(PairCgnetTest, HybridOverlay)
{
  write_file("extra.data", data_file(system, 3));
  // soft spheres between everything, alone and with the network on top
  auto soft = start("extra.data", "on", "soft 3.0");
  soft.pop_back();
  soft.push_back("pair_coeff * * 1.5");
  Lammps a;
  ASSERT_EQ(a.run(soft), "");
  ASSERT_EQ(a.run(MEASURE), "");

  for (const char *newton : {"on", "off"}) {
    auto both = start("extra.data", newton, "hybrid/overlay cgnet precision double soft 3.0");
    both.push_back("pair_coeff * * soft 1.5");
    Lammps b;
    ASSERT_EQ(b.run(both), "");
    ASSERT_EQ(b.run(MEASURE), "");
    EXPECT_NEAR(b.thermo("pe"), a.thermo("pe") + system.energy(), 1e-9);
    const auto fa = a.gather("f"), fb = b.gather("f");
    for (int m = 0; m < system.nmol; m++)
      for (int k = 0; k < 6; k++)
        for (int c = 0; c < 3; c++) {
          const int i = 3 * system.atom(m, k) + c;
          EXPECT_NEAR(fb[i], fa[i] + system.f[18 * m + 3 * k + c], 1e-9);
        }
    const double volume = std::pow(system.box, 3);
    for (int k = 0; k < 6; k++) {
      const double expected = a.vector("p")[k] * volume / NKTV2P + system.virial[k];
      EXPECT_NEAR(b.vector("p")[k] * volume / NKTV2P, expected, 1e-7);
      EXPECT_NEAR(b.vector("sum")[1 + k], a.vector("sum")[1 + k] - system.virial[k] * NKTV2P,
                  1e-7 * NKTV2P);
    }
  }
}

TEST_P(PairCgnetTest, RerunOfWrappedFramesGivesTheSameEnergies)
{
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("test.data")), "");
  ASSERT_EQ(lmp.run({"velocity all create 300 4711 loop geom", "timestep 0.5", "fix 1 all nve",
                     "dump 1 all custom 10 rerun.dump id mol type x y z",
                     "dump_modify 1 format float %20.15g", "thermo 10",
                     "fix pe all ave/time 10 1 10 c_thermo_pe file run.txt", "run 50", "undump 1",
                     "unfix pe", "unfix 1", "reset_timestep 0",
                     "fix pe all ave/time 10 1 10 c_thermo_pe file rerun.txt",
                     "rerun rerun.dump dump x y z", "unfix pe"}),
            "");
  if (rank() != 0) return;
  std::ifstream a("run.txt"), b("rerun.txt");
  std::string la, lb;
  int lines = 0;
  while (std::getline(a, la) && std::getline(b, lb)) {
    if (la[0] == '#') continue;
    const double ea = std::stod(la.substr(la.find(' '))), eb = std::stod(lb.substr(lb.find(' ')));
    EXPECT_NEAR(ea, eb, 1e-3 * 1e-3 * (1 + std::fabs(ea)));
    lines++;
  }
  EXPECT_EQ(lines, 6);
}

// replica exchange with one rank a partition: each reads the model itself, temperatures are swapped
TEST_P(PairCgnetTest, Temper)
{
  int ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks < 2) GTEST_SKIP();
  Lammps lmp(std::to_string(ranks) + "x1");
  std::string temperatures = "variable t world";
  for (int i = 0; i < ranks; i++) temperatures += " " + std::to_string(300 + 20 * i);
  auto commands = start("test.data");
  commands.insert(commands.end(),
                  {temperatures, "velocity all create $t 4711 loop geom", "fix 1 all nve",
                   "fix 2 all langevin $t $t 50 99", "temper 200 20 $t 2 11 12"});
  ASSERT_EQ(lmp.run(commands), "");
  EXPECT_TRUE(std::isfinite(lmp.thermo("pe")));
  EXPECT_EQ(lmp.thermo("step"), 200.0);
}

TEST_P(PairCgnetTest, Minimize)
{
  Lammps lmp;
  ASSERT_EQ(lmp.run(start("test.data")), "");
  ASSERT_EQ(lmp.run({"min_style cg", "minimize 0 1e-4 500 2000"}), "");
  EXPECT_LT(lmp.thermo("pe"), system.energy());
  for (double x : lmp.gather("f")) EXPECT_LT(std::fabs(x), 0.5);
}

// on one rank only: the error is raised on the rank that owns the molecule, which ends a parallel
// run
TEST_P(PairCgnetTest, NotFiniteEnergyStops)
{
  int ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  if (ranks > 1) GTEST_SKIP();
  System collapsed = system;
  for (int c = 0; c < 3; c++) collapsed.z[18 * 3 + c] = collapsed.z[18 * 3 + 3 + c];
  write_file("collapsed.data", data_file(collapsed));
  auto commands = start("collapsed.data");
  commands.push_back("run 0");
  expect_error(commands, "energy or force of molecule-ID 4 is not finite at step 0");
}

TEST_P(PairCgnetTest, BadCommands)
{
  auto with = [&](const std::string &coeff) {
    auto c = start("test.data", "on", "cgnet", coeff);
    c.push_back("run 0");
    return c;
  };
  expect_error(start("test.data", "on", "cgnet cutoff 5"), "cutoff");
  expect_error(start("test.data", "on", "cgnet precision"), "precision");
  expect_error(start("test.data", "on", "cgnet precision half"), "half");
  expect_error(with(std::string(MODEL) + " C N CA CB C N"), "for each of 7 atom types");
  expect_error(with(std::string(MODEL) + " C N CA CB C N NULL verbose"),
               "for each of 7 atom types");
  expect_error(with(std::string(MODEL) + " C N CA CG C N NULL"),
               "bead name of atom type 4, expected one of C N CA CB C N");
  expect_error(with(std::string(MODEL) + " C N CA C C N NULL"), "no atom type has the name CB");
  expect_error(with("missing.safetensors C N CA CB C N NULL"), "cannot read missing.safetensors");
  auto other = start("test.data");
  other[0] = "units metal";
  expect_error(other, "units of test.cgnet.safetensors, expected metal as in this input, got real");
  auto none = start("test.data");
  none.pop_back();
  none.push_back("run 0");
  expect_error(none, "All pair coeffs are not set");
}

TEST_P(PairCgnetTest, BadModels)
{
  const std::string bytes = spec.to_model().serialize();
  auto with = [&](const std::string &content) {
    write_file("bad.safetensors", content);
    return start("test.data", "on", "cgnet", std::string("bad.safetensors ") + NAMES + " NULL");
  };
  EXPECT_EQ(error_of(with(bytes)), "");
  expect_error(with(bytes.substr(0, bytes.size() - 100)), "bad.safetensors");
  expect_error(with(""), "bad.safetensors");
  expect_error(with("units real\n"), "bad.safetensors");
  std::string flipped = bytes;
  flipped[bytes.size() - 9] ^= 1;
  expect_error(with(flipped), "bad.safetensors");
  ModelFile flow = spec.to_model();
  flow.set_meta("format", "backmap.flow");
  expect_error(with(flow.serialize()), "format, expected backmap.cgnet, got backmap.flow");
  // a directory instead of a file
  expect_error(start("test.data", "on", "cgnet", std::string(". ") + NAMES + " NULL"),
               "cannot read .");
#ifndef BACKMAP_TORCH
  expect_error(start("test.data", "on", "cgnet", std::string("net.pt ") + NAMES + " NULL"),
               "built without LibTorch");
#else
  // not even read unless the user says so
  const std::string program = std::string("net.pt ") + NAMES + " NULL";
  for (const char *style : {"cgnet", "cgnet run_code no", "cgnet precision double"})
    expect_error(start("test.data", "on", style, program), "net.pt is a program");
  write_file("net.pt", "no archive");
  expect_error(start("test.data", "on", "cgnet run_code yes", program),
               "TorchScript model net.pt: cannot be loaded");
  expect_error(start("test.data", "on", "cgnet run_code maybe", program), "run_code");
#endif
}

TEST_P(PairCgnetTest, BadMolecules)
{
  auto with = [&](const std::function<void(int, int, int &, int &)> &edit) {
    write_file("bad.data", data_file(system, 0, edit));
    auto c = start("bad.data");
    c.push_back("run 0");
    return c;
  };
  EXPECT_EQ(error_of(with([](int, int, int &, int &) {})), "");
  // a bead too few and one too many
  expect_error(with([](int m, int b, int &mol, int &) {
                 if (m == 2 && b == 3) mol = 2;
               }),
               "number of beads of molecule-ID 2, expected 6, got 7");
  expect_error(with([](int m, int b, int &, int &type) {
                 if (m == 4 && b == 0) type = 7;
               }),
               "number of beads of molecule-ID 5, expected 6, got 5");
  // two molecules with one ID
  expect_error(with([](int m, int, int &mol, int &) {
                 if (m == 3) mol = 1;
               }),
               "number of beads of molecule-ID 1, expected 6, got 12");
  expect_error(with([](int m, int b, int &mol, int &) {
                 if (m == 1 && b == 5) mol = 0;
               }),
               "expected a molecule-ID above 0, got 0");
  // wrong order
  expect_error(with([](int m, int b, int &, int &type) {
                 if (m == 2 && b == 2) type = 4;
                 if (m == 2 && b == 3) type = 3;
               }),
               "bead 3 of molecule-ID 3 (atom 13, type 4), expected CA, got CB");

  std::string atomic =
      "test\n\n6 atoms\n7 atom types\n\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n";
  for (int i = 1; i <= 7; i++) atomic += std::to_string(i) + " 12\n";
  atomic += "\nAtoms\n\n";
  for (int i = 1; i <= 6; i++)
    atomic += std::to_string(i) + " " + std::to_string(i) + " 1 " + std::to_string(i) + " 1\n";
  write_file("atomic.data", atomic);
  auto c = start("atomic.data");
  c[2] = "atom_style atomic";
  c.push_back("run 0");
  expect_error(c, "atoms have no molecule-IDs");
}

INSTANTIATE_TEST_SUITE_P(Models, PairCgnetTest,
                         ::testing::Values("one_piece", "windows", "one_piece_kokkos",
                                           "windows_kokkos"),
                         [](const auto &one) { return std::string(one.param); });

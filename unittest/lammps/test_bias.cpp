/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap/bias: the bias that it finds against the torsion energy that is there, its force, its file as a LAMMPS style,
// any number of ranks, and its errors.
// ranks: 1 2

#include "fix_test_support.h"

#include "fix.h"
#include "modify.h"

#include <algorithm>
#include <cmath>
#include <fstream>

using namespace LAMMPS_NS;
using namespace fix_test;

namespace {

constexpr double KT = 0.0019872067 * 300.0;

/* chains of four beads in a periodic box of a cube each */

std::string chains(int n)
{
  MPI_Barrier(MPI_COMM_WORLD);    // nobody reads the one before any more
  const double z[4][3] = {{1.4, 0.0, 0.0}, {0.0, 0.0, 0.0}, {0.0, 1.5, 0.0}, {-0.8, 1.9, 1.1}};
  std::ofstream data(world_rank() == 0 ? "tmp_chains.data" : "/dev/null");
  data << "chains\n\n"
       << 4 * n << " atoms\n"
       << 3 * n << " bonds\n"
       << 2 * n << " angles\n"
       << n << " dihedrals\n1 atom types\n1 bond types\n1 angle types\n1 dihedral types\n\n0 "
       << 20 * n
       << " xlo xhi\n-10 10 ylo yhi\n-10 10 zlo zhi\n\nMasses\n\n1 12.0\n\nAtoms # molecular\n\n";
  for (int m = 0; m < n; m++)
    for (int k = 0; k < 4; k++)
      data << 4 * m + k + 1 << " " << m + 1 << " 1 " << z[k][0] + 20 * m + 10 << " " << z[k][1]
           << " " << z[k][2] << "\n";
  const auto section = [&](const char *name, int size, int each) {
    data << "\n" << name << "\n\n";
    for (int m = 0, id = 1; m < n; m++)
      for (int k = 0; k < each; k++, id++) {
        data << id << " 1";
        for (int a = 0; a < size; a++) data << " " << 4 * m + k + a + 1;
        data << "\n";
      }
  };
  section("Bonds", 2, 3);
  section("Angles", 3, 2);
  section("Dihedrals", 4, 1);
  data.close();
  MPI_Barrier(MPI_COMM_WORLD);
  return "units real\natom_style molecular\ncomm_modify cutoff 10\npair_style zero 2.0\nbond_style "
         "harmonic\n"
         "angle_style harmonic\nread_data tmp_chains.data\npair_coeff * *\nbond_coeff 1 100.0 1.5\n"
         "angle_coeff 1 50.0 110.0\n";
}

/* the files of a test are those of rank 0 */

std::string bias(const std::string &more = "")
{
  return "fix b all backmap/bias 20 tmp_bias.table torsion phi 1 2 3 4 temp 300 overwrite yes " +
      more + "\nfix_modify b energy yes\n";
}

double potential(const PlainLammps &lmp)
{
  lmp.lmp->input->one("variable pe equal pe");
  return std::stod(lmp.lmp->input->variable->retrieve("pe"));
}

/* the bias in kT at whole degrees from -180 on, from the file */

std::vector<double> table()
{
  std::ifstream in("tmp_bias.table");
  std::string line;
  while (std::getline(in, line) && line.find("N 360") != 0) {}
  std::vector<double> e(360);
  int number, degree;
  for (double &v : e) {
    in >> number >> degree >> v;
    v /= KT;
  }
  EXPECT_TRUE(in.good());
  return e;
}

/* root mean square of a difference, its mean taken off */

double distance(const std::vector<double> &a, const std::vector<double> &b)
{
  double sum = 0.0, squares = 0.0;
  for (std::size_t i = 0; i < a.size(); i++) {
    sum += a[i] - b[i];
    squares += (a[i] - b[i]) * (a[i] - b[i]);
  }
  const auto n = static_cast<double>(a.size());
  return std::sqrt(squares / n - sum * sum / (n * n));
}

void clean()
{
  remove_files({"tmp_chains.data", "tmp_bias.table"});
}

std::string error_of_script(const std::string &script)
{
  return PlainLammps("", MPI_COMM_WORLD).error_of(script);
}

}    // namespace

/* well-tempered metadynamics ends at -(1 - 1/factor) F, and F is the energy of the torsion: bonds and angles do not change with
   it. A barrier of 8 kT, which 20 ps at 300 K never cross. */

TEST(Bias, FindsTheEnergyOfTheTorsion)
{
  {
    PlainLammps lmp(
        chains(24) + "dihedral_style fourier\ndihedral_coeff 1 2 2.4 1 0.0 0.6 3 0.0\n" +
            bias("height 0.5 factor 10 width 12") +
            "velocity all create 300.0 7 loop geom\nfix t all langevin 300.0 300.0 200.0 11\n"
            "fix m all nve\ntimestep 1.0\nthermo 100000\nrun 30000\n",
        MPI_COMM_WORLD);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  std::vector<double> expected;
  for (int i = 0; i < 360; i++) {
    const double phi = (i - 180) * M_PI / 180.0;
    expected.push_back(-0.9 * (2.4 * (1 + std::cos(phi)) + 0.6 * (1 + std::cos(3 * phi))) / KT);
  }
  EXPECT_LT(distance(table(), expected), 0.5);
  // the control: without the factor, and the mirror image
  for (double &e : expected) e /= 0.9;
  EXPECT_GT(distance(table(), std::vector<double>(360, 0.0)), 2.0);
  for (double &e : expected) e = -e;
  EXPECT_GT(distance(table(), expected), 4.0);
  clean();
}

TEST(Bias, ForceIsTheDerivativeOfItsEnergy)
{
  // also where atoms change their ranks all the time
  for (const std::string balance :
       {"", "fix bal all balance 10 1.0 shift x 5 1.01\n",
        "comm_style tiled\nfix bal all balance 10 1.0 rcb\n", "change_box all triclinic\n"}) {
    SCOPED_TRACE(balance);
    PlainLammps lmp(chains(3) + "dihedral_style zero\ndihedral_coeff 1\n" + balance + bias() +
                        "displace_atoms all random 0.2 0.2 0.2 3\nfix m all nve\n"
                        "velocity all create 300.0 7 loop geom\nrun 200\nunfix m\n",
                    MPI_COMM_WORLD);
    const auto moved = [&](const char *by) {
      lmp.commands(std::string("group one id 7\ndisplace_atoms one move ") + by +
                   " units box\nrun 0 post no\n");
      return potential(lmp);
    };
    const double low = moved("0 -0.0005 0");
    lmp.commands("run 0 post no\n");
    const double high = moved("0 0.001 0");
    moved("0 -0.0005 0");
    lmp.commands("variable fy equal fcm(one,y)\n");
    const double force = std::stod(lmp.lmp->input->variable->retrieve("fy"));
    EXPECT_NEAR(force, -(high - low) / 0.001, 1e-4 * std::max(1.0, std::fabs(force)));
    clean();
  }
}

/* what LAMMPS makes of the file is the bias that the fix has */

TEST(Bias, TableIsTheSameEnergy)
{
  {
    PlainLammps lmp(chains(6) + "dihedral_style zero\ndihedral_coeff 1\n" + bias() +
                        "velocity all create 300.0 7 loop geom\nfix m all nve\nrun 500\n",
                    MPI_COMM_WORLD);
  }
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string place = "displace_atoms all random 0.4 0.4 0.4 3\n";
  PlainLammps by_fix(chains(6) + "dihedral_style zero\ndihedral_coeff 1\n" +
                         bias("read tmp_bias.table") + place + "run 0 post no\n",
                     MPI_COMM_WORLD);
  PlainLammps by_table(chains(6) +
                           "dihedral_style table spline 360\n"
                           "dihedral_coeff 1 tmp_bias.table phi\n" +
                           place + "run 0 post no\n",
                       MPI_COMM_WORLD);
  EXPECT_NEAR(potential(by_fix), potential(by_table), 1e-4);
  PlainLammps without(chains(6) + "dihedral_style zero\ndihedral_coeff 1\n" + place +
                          "run 0 post no\n",
                      MPI_COMM_WORLD);
  EXPECT_GT(std::fabs(potential(without) - potential(by_table)), 0.1);
  clean();
}

/* a file that keeps the wells has the whole bias as well, from which a run goes on */

TEST(Bias, KeepsWells)
{
  const std::string start = chains(6) + "dihedral_style zero\ndihedral_coeff 1\n";
  const auto text = [&](const std::string &more) {
    {
      PlainLammps lmp(start + bias(more) +
                          "velocity all create 300.0 7 loop geom\nfix m all nve\nrun 500\n",
                      MPI_COMM_WORLD);
    }
    MPI_Barrier(MPI_COMM_WORLD);
    std::string read = read_file("tmp_bias.table");
    MPI_Barrier(MPI_COMM_WORLD);
    return read;
  };
  const std::string whole = text(""), cut = text("keep 1.5");
  const std::string values = whole.substr(whole.find("N 360"));
  EXPECT_EQ(cut.find(values), cut.find("phi.whole\n") + 10);
  EXPECT_NE(cut.find("\nphi\nN 360"), std::string::npos);
  PlainLammps from_cut(start + bias("keep 1.5 read tmp_bias.table") + "run 0 post no\n",
                       MPI_COMM_WORLD);
  const double energy = potential(from_cut);
  text("");
  PlainLammps from_whole(start + bias("read tmp_bias.table") + "run 0 post no\n", MPI_COMM_WORLD);
  EXPECT_NEAR(energy, potential(from_whole), 1e-9);
  clean();
}

/* a run that a restart file cuts goes on as if nothing had happened, also where more was written to the table since */

TEST(Bias, RestartGoesOn)
{
  const std::string styles = "pair_style zero 2.0\npair_coeff * *\ndihedral_style zero\n"
                             "dihedral_coeff 1\n",
                    move = "velocity all create 300.0 7 loop geom\n", nve = "fix m all nve\n";
  const std::string first = chains(6) + styles + bias() + move + nve,
                    again = "read_restart tmp_bias.restart\n" + styles;
  PlainLammps whole(first + "run 400\nrun 200\n", MPI_COMM_WORLD);
  {
    const PlainLammps begun(first + "run 400\nwrite_restart tmp_bias.restart\nrun 100\n",
                            MPI_COMM_WORLD);
  }
  PlainLammps going_on(again + bias() + nve + "run 200\n", MPI_COMM_WORLD);
  for (const char *figure : {"f_b", "f_b[1]", "f_b[2]"}) {
    const double expected = whole.value(figure);
    EXPECT_NEAR(going_on.value(figure), expected, 1e-6 * std::fabs(expected)) << figure;
  }
  // the control: a fix of another ID has nothing to go on with
  std::string other = bias();
  other.replace(0, 5, "fix c").replace(other.find("modify b") + 7, 1, "c");
  PlainLammps anew(again + other + nve + "run 200\n", MPI_COMM_WORLD);
  EXPECT_LT(anew.value("f_c[2]"), 0.8 * whole.value("f_b[2]"));
  EXPECT_NE(error_of_script(again + bias("torsion psi 2 3 4 1")).find("of the restart file"),
            std::string::npos);
  EXPECT_NE(error_of_script(again + bias("width 20")).find("width of the hills"),
            std::string::npos);
  remove_files({"tmp_bias.restart"});
  clean();
}

TEST(Bias, Errors)
{
  const std::string start = chains(2) + "dihedral_style zero\ndihedral_coeff 1\n";
  const auto of = [&](const std::string &fix) { return error_of_script(start + fix); };
  EXPECT_NE(of("fix b all backmap/bias 20 tmp_x.table torsion phi 1 2 3 4\n")
                .find("expected keyword temp"),
            std::string::npos);
  EXPECT_NE(of("fix b all backmap/bias 20 tmp_x.table temp 300\n").find("expected keyword torsion"),
            std::string::npos);
  EXPECT_NE(of("fix b all backmap/bias 0 tmp_x.table temp 300\n").find("steps between hills"),
            std::string::npos);
  EXPECT_NE(of("fix b all backmap/bias 20 tmp_x.table temp 300 torsion phi 1 2 2 4\n")
                .find("four different beads"),
            std::string::npos);
  EXPECT_NE(
      of("fix b all backmap/bias 20 tmp_x.table temp 300 torsion phi 1 2 3\n").find("torsion"),
      std::string::npos);
  const std::string good = "fix b all backmap/bias 20 tmp_x.table temp 300 torsion phi 1 2 3 ";
  EXPECT_NE(of(good + "4\nrun 0\n").find("fix_modify b energy yes"), std::string::npos);
  EXPECT_NE(of(good + "5\nfix_modify b energy yes\nrun 0\n")
                .find("expected beads 1 to 4 of a molecule, got 5"),
            std::string::npos);
  EXPECT_NE(of(good + "4 wide 3\n").find("wide"), std::string::npos);
  EXPECT_NE(of(good + "4 read tmp_absent.table\n").find("tmp_absent.table"), std::string::npos);
  clean();
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap/langevin: atoms on springs, whose distribution is known at any time step; any number of ranks, restarts,
// other temperatures, and its errors.
// ranks: 1 2

#include "fix_test_support.h"

#include "fix.h"
#include "modify.h"

#include <cmath>
#include <cstdio>

using namespace LAMMPS_NS;
using namespace fix_test;

namespace {

constexpr double KT = 0.0019872067 * 300.0, MASS = 20.0, STIFF = 100.0, FORCE = 4.184e-4;
// time step at which a spring moves by one radian: half of what Verlet can do
const double LONG = std::sqrt(MASS / (STIFF * FORCE));

/* atoms on a lattice, each with a spring to its place */

std::string springs()
{
  char text[1000];
  snprintf(text, sizeof(text),
           "units real\natom_style atomic\natom_modify map array\nlattice sc 5.0\nregion box block "
           "0 8 0 8 0 8\n"
           "create_box 1 box\ncreate_atoms 1 box\nmass 1 %g\npair_style zero 1.0\npair_coeff * *\n"
           "comm_modify cutoff 6.0\nfix spring all spring/self %g\ncompute msd all msd\n"
           "velocity all create 300 4711 dist gaussian\ntimestep %.10g\nthermo 0\nthermo_style "
           "custom step temp c_msd[4]\n",
           MASS, STIFF, LONG);
  return text;
}

/* mean square of displacements over kT/k, and the kinetic temperature over 300 */

struct Widths {
  double positions = 0.0, velocities = 0.0;
};

Widths widths(const std::string &dynamics)
{
  PlainLammps lmp(springs() + dynamics + "run 200\n", MPI_COMM_WORLD);
  Widths w;
  const int times = 40;
  for (int i = 0; i < times; i++) {
    lmp.commands("run 50 post no\n");
    w.positions += lmp.value("c_msd[4]") / 3.0 * STIFF / KT / times;
    w.velocities += lmp.value("temp") / 300.0 / times;
  }
  return w;
}

std::string here(const std::string &name)
{
  return "tmp_langevin." + name;
}

}    // namespace

/* ---------------------------------------------------------------------- */

// 512 atoms, 3 directions, 40 times: a standard error of 0.6 %
TEST(Langevin, positions_are_right_at_any_time_step)
{
  const std::string damp = std::to_string(10.0 * LONG);
  for (const char *every : {"1", "10"}) {
    const Widths w =
        widths("fix th all backmap/langevin 300 " + damp + " 4711 every " + every + "\n");
    EXPECT_NEAR(w.positions, 1.0, 0.025) << every;
    // known: velocities at the time of the positions are colder by (omega dt / 2)^2
    EXPECT_NEAR(w.velocities, 0.75, 0.02) << every;
  }
  // the control: the plain thermostat with Verlet is wrong by a third
  const Widths plain = widths("fix th all langevin 300 300 " + damp + " 4711\nfix mv all nve\n");
  EXPECT_GT(plain.positions, 1.2);
}

TEST(Langevin, numbers_do_not_depend_on_ranks)
{
  const std::string script = springs() +
      "fix th all backmap/langevin 300 50 4711 every 3\nrun 100\n"
      "variable sum atom id*(x+2*y+3*z)\n"
      "compute sum all reduce sum v_sum\nthermo_style custom step c_sum\nrun 0\n";
  PlainLammps one(script), all(script, MPI_COMM_WORLD);
  const double here = one.value("c_sum"), there = all.value("c_sum");
  EXPECT_NEAR(here, there, 1e-9 * std::fabs(here));
  PlainLammps other(springs() +
                    "fix th all backmap/langevin 300 50 4712 every 3\nrun 100\n"
                    "variable sum atom id*(x+2*y+3*z)\n"
                    "compute sum all reduce sum v_sum\nthermo_style custom step c_sum\nrun 0\n");
  EXPECT_GT(std::fabs(other.value("c_sum") - here), 1e-6 * std::fabs(here));
}

// neither a restart nor another number of the timestep repeats random numbers
TEST(Langevin, goes_on_after_a_restart)
{
  const std::string fix = "fix th all backmap/langevin 300 50 4711 every 3\n",
                    sum = "variable sum atom id*(x+2*y+3*z)\ncompute sum all reduce sum "
                          "v_sum\nthermo_style custom step c_sum\nrun 0\n";
  PlainLammps whole(springs() + fix + "run 10\nreset_timestep 0\nrun 7\n" + sum, MPI_COMM_WORLD);
  {
    PlainLammps first(springs() + fix + "run 10\nwrite_restart " + here("restart") + "\n",
                      MPI_COMM_WORLD);
  }
  char text[300];
  snprintf(text, sizeof(text), "timestep %.10g\nthermo 0\nrun 7\n", LONG);
  PlainLammps second("atom_modify map array\nread_restart " + here("restart") +
                         "\npair_style zero 1.0\npair_coeff * *\ncomm_modify cutoff 6.0\nfix "
                         "spring all spring/self 100\n" +
                         fix + text + sum,
                     MPI_COMM_WORLD);
  const double a = whole.value("c_sum");
  EXPECT_NEAR(second.value("c_sum"), a, 1e-9 * std::fabs(a));
  MPI_Barrier(MPI_COMM_WORLD);
  std::remove(here("restart").c_str());
}

TEST(Langevin, temperature_is_told_and_changed)
{
  PlainLammps lmp(springs() + "fix th all backmap/langevin 300 50 4711\n");
  Fix *fix = lmp.lmp->modify->fix[lmp.lmp->modify->find_fix("th")];
  int dim = -1;
  const auto target = [&] { return *static_cast<double *>(fix->extract("t_target", dim)); };
  EXPECT_DOUBLE_EQ(target(), 300.0);
  EXPECT_EQ(dim, 0);
  fix->reset_target(450.0);
  EXPECT_DOUBLE_EQ(target(), 450.0);
}

TEST(Langevin, errors)
{
  const auto of = [&](const std::string &words, const std::string &more = "") {
    PlainLammps lmp(springs());
    return lmp.error_of("fix th all backmap/langevin " + words + "\n" + more);
  };
  const auto says = [](const std::string &text, const std::string &part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  says(of("300 50"), "expected T damp seed");
  says(of("-1 50 1"), "temperature, expected a positive number");
  says(of("300 0 1"), "damp, expected a positive time");
  says(of("300 50 1 every 0"), "every");
  says(of("300 50 1 often 3"), "often");
  says(of("300 50 1", "run_style respa 2 2 pair 1\nrun 1\n"), "expected run_style verlet");
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Models and scripts that go wrong while they run: a fine script that diverges, a flow that overflows, CG dynamics that
// blow up. An error with its reason on every rank, or samples without a weight; never a hang.
// ranks: 1 3

#include "lammps/backmap_test_models.h"

#include <cmath>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

struct Models : public ::testing::Test {
  const Toy toy{};
  const std::string flow = from_rank_0(write_model("toy.flow", toy.flow())),
                    fine = from_rank_0(write_file("toy.in", toy.fine_script())),
                    data = from_rank_0(write_file("toy.lmp", toy.coarse_script(3)));
  const std::string start = "processors * 1 1\ninclude " + data + "\n";

  std::string fix(const std::string &model, const std::string &script) const
  {
    return "fix bm all backmap 1 " + model + " " + script + " samples 4 temp 300\n";
  }

  /* text of the error on this rank; that of rank 0 must be the same */
  std::string error_of(const std::string &script) const
  {
    PlainLammps lmp("", MPI_COMM_WORLD);
    std::string text = lmp.error_of(start + script);
    EXPECT_EQ(text, from_rank_0(text));
    return text;
  }
};

void expect_in(const std::string &text, const std::string &part)
{
  EXPECT_NE(text.find(part), std::string::npos) << "expected: " << part << "\ngot: " << text;
}

}    // namespace

// its own dynamics lose the atoms before there is any sample
TEST_F(Models, FineScriptThatDiverges)
{
  const std::string run = "velocity all create 300 7 loop geom\nfix 1 all nve\ntimestep 1000.0\n"
                          "run 100\nunfix 1\n";
  const auto diverges = from_rank_0(write_file("diverges.in", toy.fine_script(run)));
  MPI_Barrier(MPI_COMM_WORLD);
  expect_in(error_of(fix(flow, diverges)), "diverges.in");
  EXPECT_EQ(error_of(fix(flow, fine) + "run 1"), "") << "the control";
}

// the fine script has an energy that overflows for every structure: no weight, and the figures say so
TEST_F(Models, FineEnergiesThatOverflow)
{
  const auto huge = from_rank_0(write_file(
      "huge.in", toy.fine_script("bond_coeff 3 1.0e308 0.5\nbond_coeff 1 1.0e308 0.5\n")));
  MPI_Barrier(MPI_COMM_WORLD);
  PlainLammps lmp("", MPI_COMM_WORLD);
  ASSERT_EQ(lmp.error_of(start + fix(flow, huge) + "rerun " +
                         from_rank_0(write_file(
                             "one.dump", dump_frame(1, {0,  0, 0, 1.5,  0, 0, 2,  1.4, 0,
                                                        30, 0, 0, 31.5, 0, 0, 32, 1.4, 0,
                                                        60, 0, 0, 61.5, 0, 0, 62, 1.4, 0}))) +
                         " dump x y z box no"),
            "");
  EXPECT_EQ(lmp.value("f_bm[2]"), 12.0);
  EXPECT_EQ(lmp.value("f_bm[10]") + lmp.value("f_bm[11]"), 12.0);
}

// parameters of a flow that are numbers, but make none
TEST_F(Models, FlowThatOverflows)
{
  for (const double width : {1e30, 1e300}) {
    FlowSpec spec = toy.flow();
    spec.linear_chol = {width, 0.0, 0.0, width};
    for (auto &layer : spec.affine)
      for (auto &w : layer.weight) w = 1e30;
    const auto wild = from_rank_0(write_model("wild.flow", spec));
    MPI_Barrier(MPI_COMM_WORLD);
    for (const char *precision : {"single", "double"}) {
      PlainLammps lmp("", MPI_COMM_WORLD);
      ASSERT_EQ(lmp.error_of(start + "fix bm all backmap 1 " + wild + " " + fine +
                             " samples 40 temp 300 precision " + precision +
                             "\nfix 1 all nve\nrun 2"),
                "");
      EXPECT_EQ(lmp.value("f_bm[2]"), 240.0);
      EXPECT_EQ(lmp.value("f_bm[10]") + lmp.value("f_bm[11]"), 240.0) << "none has a weight";
    }
  }
}

// beads that fly apart, farther than LAMMPS can count boxes. Newer LAMMPS finds it first, by an error of one rank alone: that
// ends a program, but not the other ranks of one that catches it
TEST_F(Models, CoarseRunThatBlowsUp)
{
  const bool newer = PlainLammps("").lmp->num_ver > 20220101;
  for (const std::string step : {"1e4", "1e200", "1e308"}) {
    PlainLammps lmp("", newer ? MPI_COMM_SELF : MPI_COMM_WORLD);
    const std::string text = lmp.error_of(
        start + fix(flow, fine) +
        "velocity all create 300 4711 loop geom\nfix 1 all nve\ntimestep " + step + "\nrun 20");
    if (newer)
      expect_in(text, step == "1e4" ? "has 0 of 9 atoms" : "Non-numeric atom coords");
    else
      expect_in(text,
                step == "1e4" ? "Lost atoms"
                              : "CG energy of molecule 1 at step 1, expected a finite");
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap on several ranks: the same numbers, and one error for all.
// ranks: 4

#include "backmap_test_models.h"

#include "lammps.h"
#include "statistics/sample_table.h"
#include "training/bead_frames.h"

#include <algorithm>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

// all ranks write the same files; one of them would do, but then the others would have to wait

/* a communicator of the first n ranks; the others get MPI_COMM_NULL */

MPI_Comm first_ranks(int n)
{
  MPI_Comm comm;
  MPI_Comm_split(MPI_COMM_WORLD, world_rank() < n ? 0 : MPI_UNDEFINED, world_rank(), &comm);
  return comm;
}

}    // namespace

TEST(Ranks, SamplesAreBitwiseTheSame)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto fine = from_rank_0(write_file("fine.in", ala2_script()));
  const struct {
    int molecules, steps;    // of annealing
  } cases[] = {{1, 0}, {3, 0}, {3, 3}};
  std::string reference[3];
  for (int n : {1, 2, 4}) {
    const MPI_Comm comm = first_ranks(n);
    for (int i = 0; i < 3; i++) {
      const int molecules = cases[i].molecules, steps = cases[i].steps;
      const auto dump =
          from_rank_0(write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 9, molecules)));
      const auto table = from_rank_0(scratch_file("table")),
                 forces = from_rank_0(scratch_file("forces"));
      std::string text;
      if (comm != MPI_COMM_NULL) {
        {
          PlainLammps lmp("", comm);
          lmp.commands("processors * 1 1\n" + ala2_coarse_script(molecules) +
                       "fix bm all backmap 10 " + flow + " " + fine +
                       " samples 5 temp 300 batch 4 observables v_phi c_rg anneal " +
                       std::to_string(steps) + " table " + table + " forces " + forces +
                       "\nrerun " + dump + " dump x y z box no");
        }
        if (world_rank() == 0) text = read_file(forces) + read_file(table);
      }
      if (world_rank() == 0) {
        text.resize(std::min(text.size(), text.find("# seconds")));
        std::string &expected = reference[i];
        if (n == 1) expected = text;
        EXPECT_EQ(text, expected) << n << " ranks, " << molecules << " molecules, " << steps;
        EXPECT_EQ(text.find("# anneal 3 ") != std::string::npos, steps == 3);
        EXPECT_EQ(BeadFrames::parse(text.substr(0, text.find('#')), 6, forces).force.size(),
                  9u * molecules);
        EXPECT_EQ(SampleTable::parse(text.substr(text.find('#')), table).rows.size(),
                  45u * molecules);
      }
      MPI_Barrier(MPI_COMM_WORLD);
    }
    if (comm != MPI_COMM_NULL) {
      MPI_Comm copy = comm;
      MPI_Comm_free(&copy);
    }
  }
}

TEST(Ranks, StatisticsAreTheSameOnEveryRank)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  PlainLammps lmp("", MPI_COMM_WORLD);
  lmp.commands("processors * 1 1\n" + toy.coarse_script(3) +
               "velocity all create 300 4711\nfix 1 all nve\nfix 2 all langevin 300 300 100 "
               "99\nfix bm all backmap 10 " +
               flow + " " + fine +
               " samples 3 thermostat 2\ncompute rw all reweight bm v_b v_r\n"
               "thermo_style custom step temp pe f_bm[3] c_rw[1][1]\nthermo 0\nrun 50");
  double mine[2] = {lmp.value("f_bm[3]"), lmp.value("c_rw[1][1]")}, zero[2] = {mine[0], mine[1]};
  MPI_Bcast(zero, 2, MPI_DOUBLE, 0, MPI_COMM_WORLD);
  EXPECT_EQ(mine[0], zero[0]);
  EXPECT_EQ(mine[1], zero[1]);
  EXPECT_GT(mine[0], 0.0);
  EXPECT_EQ(lmp.value("f_bm[1]"), 15.0);
}

// forces of the beads, some of them on ghost atoms, gathered from all ranks: the figures of one rank
TEST(Ranks, ConfigurationalTemperature)
{
  const Toy toy;
  const auto flow = from_rank_0(write_model("toy.flow", toy.flow())),
             fine = from_rank_0(write_file("toy.in", toy.fine_script()));
  std::mt19937_64 engine(11);
  std::string dump;
  for (int i = 0; i < 200; i++) {
    std::vector<double> z;
    for (int m = 0; m < 3; m++) {
      auto one = toy.draw(engine, toy.coarse_k);
      for (int k = 0; k < 9; k += 3)
        one[k] += 30.0 * m - 31.0;    // across the borders of the ranks
      z.insert(z.end(), one.begin(), one.end());
    }
    dump += dump_frame(i + 1, z);
  }
  const auto frames = from_rank_0(write_file("toy.dump", dump));
  const auto figures = [&](MPI_Comm comm) {
    const auto table = from_rank_0(scratch_file("table"));
    {
      PlainLammps lmp("", comm);
      lmp.commands("processors * 1 1\n" + toy.coarse_script(3) + "fix bm all backmap 1 " + flow +
                   " " + fine + " samples 1 temp 300 table " + table + "\nrerun " + frames +
                   " dump x y z box no");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    FrameRecord r = SampleTable::parse(read_file(table), table).records.at(0);
    MPI_Barrier(MPI_COMM_WORLD);
    return r;
  };
  FrameRecord one;
  if (world_rank() == 0) {
    PlainLammps lmp(toy.coarse_script(3) + "fix bm all backmap 1 " + flow + " " + fine +
                    " samples 1 temp 300 table " + scratch_file("one"));
    lmp.commands("rerun " + frames + " dump x y z box no");
    one = SampleTable::parse(read_file(scratch_file("one")), "one").records.at(0);
  }
  const FrameRecord all = figures(MPI_COMM_WORLD);
  if (world_rank() != 0) return;
  EXPECT_EQ(one.temperature.frames, 600.0);
  EXPECT_NEAR(one.temperature.value, 1.0, 4.0 * one.temperature.error);
  EXPECT_NEAR(all.temperature.value, one.temperature.value, 1e-9);
  EXPECT_NEAR(all.temperature.error, one.temperature.error, 1e-9);
  EXPECT_NEAR(all.fluctuation.value, one.fluctuation.value, 1e-9);
}

// the script fails on rank 1 alone; every rank must stop with its text
TEST(Ranks, ErrorOfTheFineScriptOnOneRank)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto fine =
      write_file("one.in", ala2_script(world_rank() == 1 ? "nonsense on one rank\n" : ""));
  PlainLammps lmp("", MPI_COMM_WORLD);
  lmp.commands("processors * 1 1\n" + ala2_coarse_script(1));
  const auto text =
      lmp.error_of("fix bm all backmap 10 " + flow + " " + fine + " samples 5 temp 300");
  EXPECT_NE(text.find("Unknown command: nonsense on one rank"), std::string::npos) << text;
}

// an error while energies are evaluated: one rank's samples alone
TEST(Ranks, ErrorOfASampleOnOneRank)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const std::string bad = world_rank() == 2 ? "variable bad equal 1.0/(1.0+0.0*v_phi)*ln(-1.0)\n"
                                            : "variable bad equal v_phi\n";
  const auto fine = write_file("sample.in",
                               ala2_script(bad +
                                           "variable zero atom 0.0\nvariable ea atom v_bad*0.0\n"
                                           "group one id 1\nfix f one addforce v_zero 0.0 0.0 "
                                           "energy v_ea\nfix_modify f energy yes\n"));
  PlainLammps lmp("", MPI_COMM_WORLD);
  lmp.commands("processors * 1 1\n" + ala2_coarse_script(1));
  const auto text = lmp.error_of("fix bm all backmap 1 " + flow + " " + fine +
                                 " samples 8 temp 300\nfix 1 all nve\nrun 1");
  EXPECT_FALSE(text.empty());
  EXPECT_NE(text.find("Log of zero/negative value"), std::string::npos) << text;
}

// two partitions swap 300 K and 320 K: at every step exactly one of them has the temperature of the model
TEST(Ranks, TemperTakesFramesAtTheTemperatureOfTheModel)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const char *words[] = {"test",    "-partition", "2x2",  "-in",  "none",
                         "-screen", "none",       "-log", "none", "-nocite"};
  auto *lmp = new LAMMPS_NS::LAMMPS(10, const_cast<char **>(words), MPI_COMM_WORLD);
  const int partition = world_rank() / 2;
  std::istringstream s("processors * 1 1\n" + toy.coarse_script(2) +
                       "variable t world 300 320\nvelocity all create $t 4711\nfix 1 all nve\n"
                       "fix 2 all langevin $t $t 100 99\nfix bm all backmap 10 " +
                       flow + " " + fine +
                       " samples 3 thermostat 2\nthermo 0\ntemper 400 10 $t 2 11 12");
  for (std::string line; std::getline(s, line);) lmp->input->one(line);
  double frames = lmp->input->variable->compute_equal("f_bm[1]"), other;
  MPI_Allreduce(&frames, &other, 1, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
  EXPECT_EQ(other, 2.0 * 2.0 * 40.0) << "two molecules, 40 steps, each counted on two ranks";
  EXPECT_GT(frames, 0.0) << "partition " << partition << " never swapped";
  EXPECT_LT(frames, 80.0);
  delete lmp;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap in all kinds of runs: boxes, integrators, load balancing, runs in pieces, several fixes, systems and instances.
// Whatever the run, a rerun of its dump on one rank in a plain box gives the same samples.
// ranks: 1 3

#include "backmap_test_models.h"
#include "cgnet/cgnet_support.h"

#include "cgnet/cgnet.h"
#include "lammps.h"
#include "statistics/sample_table.h"

#include <algorithm>
#include <cmath>
#include <iterator>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

/* rows alone, as words: comments come with batches and runs */

using Row = std::vector<std::string>;

std::vector<Row> rows(const std::string &table)
{
  MPI_Barrier(MPI_COMM_WORLD);
  std::istringstream in(read_file(table));
  std::vector<Row> all;
  for (std::string line; std::getline(in, line);) {
    if (line[0] == '#') continue;
    std::istringstream words(line);
    all.emplace_back(std::istream_iterator<std::string>(words),
                     std::istream_iterator<std::string>());
  }
  MPI_Barrier(MPI_COMM_WORLD);
  return all;
}

/* the sum in U_CG has another order on other ranks, and so has the log-weight; all else is the same to the last digit
   where positions are the same bits, which wrapping changes */

void expect_same(const std::vector<Row> &a, const std::vector<Row> &b, bool exact)
{
  ASSERT_EQ(a.size(), b.size());
  ASSERT_FALSE(a.empty());
  for (std::size_t i = 0; i < a.size(); i++) {
    ASSERT_EQ(a[i].size(), b[i].size());
    for (std::size_t k = 0; k < a[i].size(); k++)
      if (k < 3 || (exact && k != 3 && k != 5)) {
        ASSERT_EQ(a[i][k], b[i][k]) << "row " << i << ", column " << k;
      } else {
        ASSERT_NEAR(std::stod(a[i][k]), std::stod(b[i][k]),
                    1e-7 * (1 + std::fabs(std::stod(b[i][k]))))
            << "row " << i << ", column " << k;
      }
  }
}

struct RunStyles : public ::testing::Test {
  const Toy toy{};
  const std::string flow = from_rank_0(write_model("toy.flow", toy.flow())),
                    fine = from_rank_0(write_file("toy.in", toy.fine_script())),
                    data = from_rank_0(write_file("toy.lmp", toy.coarse_script(4))),
                    table = from_rank_0(scratch_file("table")),
                    again = from_rank_0(scratch_file("again")),
                    dump = from_rank_0(scratch_file("dump"));

  std::string start(const std::string &before = "", const std::string &box = "") const
  {
    return "processors * 1 1\n" + before + "include " + data + "\n" + box;
  }

  std::string dynamics() const
  {
    return "velocity all create 300 4711 loop geom\nfix 1 all nve\nfix 2 all langevin 300 300 100 "
           "99\n";
  }

  std::string fix(const std::string &file, const std::string &more = "",
                  const std::string &id = "bm", int every = 10) const
  {
    return "fix " + id + " all backmap " + std::to_string(every) + " " + flow + " " + fine +
        " samples 3 temp 300 observables v_b v_r table " + file + " " + more + "\n";
  }

  std::string rerun(const std::string &more = "first 10") const
  {
    return "rerun " + dump + " " + more + " dump x y z box no\n";
  }

  std::string write_dump() const
  {
    return "dump d all custom 10 " + dump + " id x y z\ndump_modify d sort id format float %.17g\n";
  }

  void TearDown() override { remove_files({table, again, dump}); }
};

}    // namespace

TEST_F(RunStyles, ARerunGivesTheSamplesOfAnyRun)
{
  const std::string small =
                        "change_box all x final -19 21 y final -3 37 z final -12 10 units box\n",
                    balance = "fix bal all balance 10 1.0 ";
  const struct {
    std::string name, before, box, more, run;
    bool exact;
  } cases[] = {
      {"plain", "", "", "", "run 100", true},
      {"newton off", "newton off\n", "", "", "run 100", true},
      {"fixed boundaries", "boundary f f f\n", "", "", "run 100", true},
      {"shrinking boundaries", "boundary s s s\n", "", "", "run 100", true},
      {"small box", "", small, "", "run 100", false},
      {"triclinic box", "",
       small +
           "change_box all triclinic\nchange_box all xy final 7 xz final -5 yz final 6 units box\n",
       "", "run 100", false},
      {"respa", "", "", "run_style respa 2 4 bond 1\n", "run 100", true},
      {"load balancing", "", "", balance + "shift x 10 1.01\n", "run 100", true},
      {"load balancing in bricks", "comm_style tiled\n", "", balance + "rcb\n", "run 100", true},
      {"load balancing in a small box", "comm_style tiled\n", small, balance + "rcb\n", "run 100",
       false},
      {"sorted atoms", "", "", "atom_modify sort 7 3.0\n", "run 100", true},
      {"in pieces", "", "", "", "run 35\nrun 35 pre no post no\nrun 100 upto\n", true},
      {"in many pieces", "", "", "", "run 100 every 25 NULL\n", true},
      {"after a minimization", "", "",
       "minimize 0 1e-4 20 40\nreset_timestep 0\nrun_style verlet\n", "run 100", true},
  };
  for (const auto &c : cases)
    for (const std::string batch : {"", "batch 7"}) {
      SCOPED_TRACE(c.name + " " + batch);
      {
        PlainLammps lmp("", MPI_COMM_WORLD);
        ASSERT_EQ(lmp.error_of(start(c.before, c.box) + dynamics() + c.more + fix(table, batch) +
                               write_dump() + c.run),
                  "");
        EXPECT_EQ(lmp.value("f_bm[1]"), 40.0);
      }
      const auto run = rows(table);
      if (world_rank() == 0) {
        PlainLammps lmp("");
        ASSERT_EQ(lmp.error_of(start("", c.box) + fix(again) + rerun()), "");
      }
      expect_same(run, rows(again), c.exact);
      EXPECT_EQ(run.back()[0], "100");
    }
}

// the control of the test above: the samples are those of the beads, and of nothing else
TEST_F(RunStyles, OtherBeadsHaveOtherSamples)
{
  PlainLammps lmp("", MPI_COMM_WORLD);
  ASSERT_EQ(lmp.error_of(start() + dynamics() + fix(table) + write_dump() +
                         "run 20\nunfix bm\ndisplace_atoms all random 1e-6 1e-6 1e-6 3\n" +
                         fix(again) + "run 20\n"),
            "");
  const auto a = rows(table), b = rows(again);
  ASSERT_EQ(a.size(), b.size());
  for (std::size_t i = 0; i < a.size(); i++) EXPECT_NE(a[i][6], b[i][6]);
}

// one fix does not know of another, nor do two instances of LAMMPS, nor what came before clear
TEST_F(RunStyles, TwoFixesTwoInstancesTwoSystems)
{
  const std::string other = from_rank_0(scratch_file("other"));
  const std::string both = fix(table, "seed 5") + fix(other, "seed 6 batch 3", "two", 20);
  {
    PlainLammps lmp("", MPI_COMM_WORLD);
    ASSERT_EQ(lmp.error_of(start() + dynamics() + both + write_dump() + "run 100\n"), "");
    EXPECT_EQ(lmp.value("f_two[1]"), 20.0);
  }
  const auto one = rows(table), two = rows(other);
  EXPECT_EQ(one.size(), 120u);
  EXPECT_EQ(two.size(), 60u);
  {
    PlainLammps lmp("", MPI_COMM_WORLD), neighbor("", MPI_COMM_WORLD);
    // the first system of this instance is another one; the other instance runs in between
    ASSERT_EQ(neighbor.error_of(start("boundary f f f\n") + dynamics() + fix(other + ".n")), "");
    ASSERT_EQ(lmp.error_of("processors * 1 1\n" + ala2_coarse_script(2) + "fix 1 all nve\nrun 5\n" +
                           "clear\n" + start() + fix(again, "seed 5") + rerun("first 10 last 50")),
              "");
    ASSERT_EQ(neighbor.error_of("run 30"), "");
    ASSERT_EQ(lmp.error_of(rerun("first 60") + "unfix bm\n"), "");
    expect_same(one, rows(again), true);
    ASSERT_EQ(neighbor.error_of("run 30"), "");
    ASSERT_EQ(lmp.error_of(fix(again, "seed 6", "two", 20) + rerun("first 20")), "");
    EXPECT_EQ(neighbor.value("f_bm[1]"), 24.0);
  }
  expect_same(two, rows(again), true);
  remove_files({other, other + ".n"});
}

// fix halt ends a run when there are enough effective samples; everything is written
TEST_F(RunStyles, HaltOnTheEffectiveSampleSize)
{
  for (const std::string batch : {"1", "6"}) {
    PlainLammps lmp("", MPI_COMM_WORLD);
    ASSERT_EQ(lmp.error_of(start() + dynamics() + fix(table, "batch " + batch) +
                           "variable enough equal f_bm[2]*f_bm[3]\n"
                           "fix h all halt 50 v_enough > 300 error continue\nrun 100000\n"),
              "");
    const double effective = lmp.value("f_bm[2]*f_bm[3]"), step = lmp.value("step");
    EXPECT_GT(effective, 300.0);
    EXPECT_LT(effective, 400.0);
    EXPECT_LT(step, 2000.0);
    MPI_Barrier(MPI_COMM_WORLD);
    const auto t = SampleTable::parse(read_file(table), table);
    EXPECT_EQ(static_cast<double>(t.rows.size()), 12.0 * step / 10.0);
    EXPECT_GT(t.seconds, 0.0) << "the end of the run is in the table";
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

// weights and averages of frames in one part and in two, on all ranks and on one: the same bits with pair style cgnet.
// LAMMPS sums the energies of bonded styles in an order that depends on the ranks.
TEST_F(RunStyles, AveragesOfPartsAreBitwiseThoseOfTheWhole)
{
  const auto figures = [](PlainLammps &&lmp) {
    std::vector<double> v;
    for (const char *what :
         {"f_bm[1]", "f_bm[2]", "f_bm[3]", "f_bm[4]", "f_bm[5]", "f_bm[6]", "f_bm[8]", "f_bm[12]",
          "f_bm[13]", "f_bm[14]", "c_rw[1][1]", "c_rw[1][2]", "c_rw[2][1]", "c_rw[2][2]"})
      v.push_back(lmp.value(what));
    return v;
  };
  const auto compare = [&](const std::string &system, const std::string &models,
                           const std::string &observables, const std::string &trajectory,
                           double tolerance) {
    const auto sample = [&](const std::string &parts, const std::string &more = "") {
      return system + "fix bm all backmap 10 " + models + " samples 3 temp 300 table " + table +
          " " + more + "\ncompute rw all reweight bm " + observables +
          "\nthermo_style custom step pe c_rw[1][1]\nthermo 0\n" + parts;
    };
    const auto read = [&](const std::string &part) {
      return "rerun " + trajectory + " " + part + " dump x y z box no\n";
    };
    std::vector<double> one(14, 0.0);
    if (world_rank() == 0) one = figures(PlainLammps(sample(read("first 10"))));
    MPI_Bcast(one.data(), 14, MPI_DOUBLE, 0, MPI_COMM_WORLD);
    EXPECT_GE(one[0], 80.0);
    EXPECT_GT(one[3], 0.0);
    EXPECT_GT(one[11], 0.0) << "an error of a mean";
    const auto whole = figures(PlainLammps(sample(read("first 10"), "batch 9"), MPI_COMM_WORLD));
    const auto parts =
        figures(PlainLammps(sample(read("first 10 last 130") + read("first 140")), MPI_COMM_WORLD));
    EXPECT_EQ(parts, whole);
    for (std::size_t i = 0; i < one.size(); i++)
      EXPECT_LE(std::fabs(whole[i] - one[i]), tolerance * std::fabs(one[i])) << i;
  };

  {
    const PlainLammps lmp(start() + dynamics() + write_dump() + "run 400", MPI_COMM_WORLD);
  }
  compare(start(), flow + " " + fine, "v_b v_r", dump, 1e-11);

  const auto cgnet = from_rank_0(
      write_file("cgnet.safetensors", cgnet_support::make_cgnet().to_model().serialize()));
  const auto peptide = from_rank_0(write_model("ala2.flow", ala2_flow())),
             atoms = from_rank_0(write_file("ala2.in", ala2_script()));
  const auto beads = from_rank_0(write_file("ala2.lmp", ala2_coarse_script(4)));
  const auto frames =
      from_rank_0(write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 30, 4)));
  MPI_Barrier(MPI_COMM_WORLD);
  compare("processors * 1 1\ninclude " + beads + "\npair_style cgnet\npair_coeff * * " + cgnet +
              " C N CA CB C N\n",
          peptide + " " + atoms, "v_phi c_rg", frames, 0.0);
}

TEST_F(RunStyles, FixModifyHasNothingToSay)
{
  PlainLammps lmp("", MPI_COMM_WORLD);
  for (const char *option : {"energy yes", "virial yes", "temp thermo_temp", "bodyforces early"})
    EXPECT_NE(lmp.error_of("clear\n" + start() + fix(table) + "fix_modify bm " + option), "")
        << option;
}

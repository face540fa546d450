/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Is the ensemble of the beads checked? Molecular dynamics of the toy (two harmonic bonds, periods of 153 and 75 fs) with
// right and wrong thermostats. The wrong ones are refused by name in the run itself; here their frames come through
// rerun, where nobody knows what made them, and the configurational temperature and the fluctuation of the energy must
// tell. Every seed is fixed. A healthy run is warned about by chance in 2 of 1,000 runs (two figures, 0.1 % each).

#include "backmap_test_models.h"

#include "statistics/diagnosis.h"
#include "statistics/sample_table.h"

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

/* the thermostat is a style of its own since 2025 */

std::string canonical(PlainLammps &lmp, int seed)
{
  const std::string words = " 300 300 100 " + std::to_string(1000 + seed);
  return lmp.value("version") < 20250612.0
      ? "fix th all langevin" + words + " gjf vhalf\nfix mv all nve\n"
      : "group nobody empty\nfix th all gjf" + words + " vel vhalf\nfix mv nobody nve\n";
}

struct Lab {
  const Toy toy{};
  const std::string flow = write_model("toy.flow", toy.flow()),
                    fine = write_file("toy.in", toy.fine_script());

  std::string start(int seed, double dt) const
  {
    return toy.coarse_script() + "velocity all create 300 " + std::to_string(seed) +
        " mom yes rot yes dist gaussian\ntimestep " + std::to_string(dt) + "\nthermo 0\n";
  }
  std::string backmap(const std::string &more) const
  {
    return "fix bm all backmap 25 " + flow + " " + fine + " samples 1 batch 512 table " +
        scratch_file("t.txt") + " " + more + "\n";
  }
  static FrameRecord record()
  {
    return SampleTable::parse(read_file(scratch_file("t.txt")), "t.txt").records.at(0);
  }

  /* frames of some dynamics, then what fix backmap says of them in a rerun with the same energy or another */
  FrameRecord frames_of(const std::string &dynamics, double dt, int seed = 4711, int steps = 200000,
                        const std::string &energy_of_rerun = "") const
  {
    {
      PlainLammps lmp(start(seed, dt));
      lmp.commands(dynamics.empty() ? canonical(lmp, seed) : dynamics);
      lmp.commands("run 5000\n");
      if (dynamics.find("fix gone") != std::string::npos) lmp.commands("unfix gone\n");
      lmp.commands("reset_timestep 0\ndump d all custom 25 " + scratch_file("d") +
                   " id x y z\ndump_modify d sort id format float %.10g\nrun " +
                   std::to_string(steps));
    }
    PlainLammps lmp(toy.coarse_script() + energy_of_rerun + backmap("temp 300"));
    lmp.commands("rerun " + scratch_file("d") + " dump x y z box no");
    return record();
  }
};

bool wrong(const FrameRecord &r)
{
  return !diagnose_ensemble({r.temperature}, {r.fluctuation}, 300.0).empty();
}

std::string text(const FrameRecord &r)
{
  char line[200];
  snprintf(line, sizeof(line), "%.1f +- %.1f K, fluctuation %.3f +- %.3f",
           300.0 * r.temperature.value, 300.0 * r.temperature.error, r.fluctuation.value,
           r.fluctuation.error);
  return line;
}

}    // namespace

/* ---------------------------------------------------------------------- */

// 24 runs of 1,600 frames: the errors are what they should be, and none is warned about
TEST(Ensemble, canonical_dynamics_pass)
{
  const Lab lab;
  double square[2] = {0.0, 0.0};
  const int runs = 24;
  for (int i = 0; i < runs; i++) {
    const FrameRecord r = lab.frames_of("", 4.0, 100 + i, 40000);
    EXPECT_FALSE(wrong(r)) << text(r);
    square[0] += std::pow((r.temperature.value - 1.0) / r.temperature.error, 2) / runs;
    square[1] += std::pow((r.fluctuation.value - 1.0) / r.fluctuation.error, 2) / runs;
  }
  printf("mean square of deviation over error: temperature %.2f, fluctuation %.2f\n", square[0],
         square[1]);
  // chi-square of 24, of which 0.1 % is below 0.36 and 0.1 % above 2.13
  for (double s : square) {
    EXPECT_GT(s, 0.36);
    EXPECT_LT(s, 2.13);
  }
}

TEST(Ensemble, each_wrong_dynamics_is_caught)
{
  const Lab lab;
  const std::string nve = "fix mv all nve\n";
  const struct {
    const char *name;
    std::string dynamics;
    double dt;
    int steps = 200000;
  } controls[] = {
      // chaotic enough for a small molecule only over a long time
      {"nvt of one molecule", "fix th all nvt temp 300 300 400\n", 4.0, 800000},
      {"Berendsen", "fix th all temp/berendsen 300 300 100\n" + nve, 4.0},
      {"velocity rescaling", "fix th all temp/rescale 10 300 300 0.02 1.0\n" + nve, 4.0},
      {"no thermostat", "fix gone all langevin 300 300 100 77\n" + nve, 4.0},
      {"330 K", "fix th all langevin 330 330 100 77\n" + nve, 1.0},
      {"time step too long", "fix th all langevin 300 300 100 77\n" + nve, 12.0},
      {"SHAKE", "fix th all langevin 300 300 100 77\n" + nve + "fix s all shake 1e-4 20 0 b 1\n",
       1.0},
  };
  for (const auto &c : controls) {
    const FrameRecord r = lab.frames_of(c.dynamics, c.dt, 4711, c.steps);
    printf("%s: %s\n", c.name, text(r).c_str());
    EXPECT_TRUE(wrong(r)) << c.name << ": " << text(r);
  }
}

// every figure with its own energy: frames of a bias are wrong without it, and right with it
TEST(Ensemble, a_static_bias_belongs_to_the_energy)
{
  const Lab lab;
  const std::string bias =
      "fix bias all restrain bond 1 2 6.0 6.0 1.9\nfix_modify bias energy yes\n";
  PlainLammps lmp(lab.start(5, 4.0) + bias);
  lmp.commands(canonical(lmp, 5) + "run 5000\nreset_timestep 0\ndump d all custom 25 " +
               scratch_file("biased") + " id x y z\ndump_modify d sort id format float %.10g\n" +
               lab.backmap("thermostat th") + "run 200000\n");
  const FrameRecord run = Lab::record();
  EXPECT_FALSE(wrong(run)) << text(run);
  EXPECT_LT(run.temperature.error, 0.03);
  EXPECT_EQ(run.dynamics.find("restrain langevin nve, timestep 4") == 0 ||
                run.dynamics.find("restrain gjf") == 0,
            true)
      << run.dynamics;
  EXPECT_TRUE(run.warnings.empty());
  lmp.commands("unfix bm\n");    // the file is free again

  const auto again = [&](const std::string &energy) {
    PlainLammps other(lab.toy.coarse_script() + energy + lab.backmap("temp 300"));
    other.commands("rerun " + scratch_file("biased") + " dump x y z box no");
    return Lab::record();
  };
  const FrameRecord with = again(bias), without = again("");
  EXPECT_NEAR(with.temperature.value, run.temperature.value, 1e-3);
  EXPECT_NEAR(with.fluctuation.value, run.fluctuation.value, 1e-2);
  EXPECT_EQ(with.dynamics, "frames from outside (rerun)");
  EXPECT_TRUE(wrong(without)) << text(without);
}

TEST(Ensemble, what_is_never_canonical_is_refused_by_name)
{
  const Lab lab;
  const std::string nve = "fix mv all nve\n", langevin = "fix th all langevin 300 300 100 7\n";
  const struct {
    std::string dynamics, expected;
  } cases[] = {
      {"fix th all temp/berendsen 300 300 100\n" + nve, "sets the kinetic energy"},
      {"fix th all temp/rescale 1 300 300 0.1 1.0\n" + nve, "sets the kinetic energy"},
      {"fix th all npt temp 300 300 100 iso 0 0 1000\n", "changes the box"},
      {langevin + nve + "fix s all shake 1e-4 20 0 b 1\n", "holds distances fixed"},
      {langevin + "fix r all rigid molecule\n", "holds distances fixed"},
      {langevin + nve + "fix d all deform 1 x erate 1e-6\n", "changes the box"},
      {"fix th all langevin 400 400 100 7\n" + nve, "holds 400 K, expected the temperature"},
  };
  for (const auto &c : cases) {
    PlainLammps lmp(lab.start(1, 1.0) + c.dynamics + lab.backmap("temp 300"));
    const auto said = lmp.error_of("run 1");
    EXPECT_NE(said.find(c.expected), std::string::npos) << c.dynamics << said;
    // F(z) of such frames is right
    PlainLammps none(lab.start(1, 1.0) + c.dynamics + lab.backmap("temp 300 ensemble none"));
    EXPECT_EQ(none.error_of("run 25"), "") << c.dynamics;
    EXPECT_NE(Lab::record().warnings.at(0).find("declared to be no sample"), std::string::npos);
  }
}

TEST(Ensemble, what_is_doubtful_is_told_by_name)
{
  const Lab lab;
  const std::string nve = "fix mv all nve\n", langevin = "fix th all langevin 300 300 100 7\n";
  const struct {
    std::string dynamics, expected;
  } cases[] = {
      {"fix th all nvt temp 300 300 100\n", "keeps the angular momentum"},
      {nve, "no fix of this run holds a temperature"},
      {langevin + "fix mv all nve/limit 0.1\n", "shortens steps"},
      {langevin + nve + "fix v all viscous 0.1\n", "style viscous is not known"},
  };
  for (const auto &c : cases) {
    PlainLammps lmp(lab.start(1, 1.0) + c.dynamics + lab.backmap("temp 300") + "run 25");
    const FrameRecord r = Lab::record();
    ASSERT_EQ(r.warnings.size(), 1u) << c.dynamics;
    EXPECT_NE(r.warnings[0].find(c.expected), std::string::npos) << r.warnings[0];
  }
  PlainLammps ours(lab.start(1, 1.0) + "fix th all backmap/langevin 300 100 7 every 10\n" +
                   lab.backmap("thermostat th") + "run 25");
  EXPECT_TRUE(Lab::record().warnings.empty());
  EXPECT_EQ(Lab::record().dynamics.find("backmap/langevin, timestep 1"), 0u);
  ours.commands("unfix bm");
  PlainLammps lmp(lab.start(1, 1.0) + langevin + nve + lab.backmap("thermostat th") + "run 25");
  EXPECT_TRUE(Lab::record().warnings.empty());
  lmp.commands("unfix th\nunfix mv\nfix mv all nve\n");
  EXPECT_NE(lmp.error_of("run 25").find("there is no fix th"), std::string::npos);
  lmp.commands("unfix bm\n");    // the file is free again

  // what is true of some of the beads, and what comes with a later run
  const std::string some = "group some id 1 2\n";
  const struct {
    std::string dynamics, expected;
  } parts[] = {
      {some + "fix th some langevin 300 300 100 7\n" + nve, "temperature for 1 of the beads"},
      {langevin, "no fix of this run moves 3 of the beads"},
      {langevin + some + "fix mv some nve\n", "no fix of this run moves 1 of the beads"},
  };
  for (const auto &c : parts) {
    PlainLammps one(lab.start(1, 1.0) + c.dynamics + lab.backmap("temp 300") + "run 25");
    const FrameRecord r = Lab::record();
    ASSERT_EQ(r.warnings.size(), 1u) << c.dynamics;
    EXPECT_NE(r.warnings[0].find(c.expected), std::string::npos) << r.warnings[0];
  }
  PlainLammps two(lab.start(1, 1.0) + langevin + nve + lab.backmap("temp 300") +
                  "run 25\nunfix th\nrun 25\n");
  ASSERT_EQ(Lab::record().warnings.size(), 1u);
  EXPECT_NE(Lab::record().warnings[0].find("holds a temperature"), std::string::npos);
}

// a run that is killed keeps what was known: it is in the table before the run ends
TEST(Ensemble, what_is_known_is_written_at_once)
{
  const Lab lab;
  PlainLammps lmp(lab.start(1, 4.0) + "fix th all nvt temp 300 300 400\n" +
                  lab.backmap("temp 300 batch 10") + "run 20000\n");
  const std::string table = read_file(scratch_file("t.txt"));
  const std::size_t end = table.rfind("\n20000 1 0 ");
  ASSERT_NE(end, std::string::npos);
  for (const char *key : {"# dynamics nvt", "# warning fix th", "# configurational_temperature",
                          "# energy_fluctuation"})
    EXPECT_LT(table.find(key), end) << key;
}

// frames that are all the same have figures without an error, and are wrong
TEST(Ensemble, beads_that_do_not_move)
{
  const Lab lab;
  PlainLammps lmp(lab.start(1, 1.0) + "fix th all langevin 300 300 100 7\n" +
                  lab.backmap("thermostat th") + "run 10000\n");
  EXPECT_TRUE(wrong(Lab::record()));
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The same numbers from the plugin as from the built-in styles, also after unfix and clear: deleting the second
// LAMMPS instance must not take our code away from the first.

#include "backmap_test_models.h"

#include "lammps.h"
#include "statistics/sample_table.h"

#include <cmath>
#include <cstdlib>

using namespace fix_test;

TEST(Plugin, SameNumbersAndSurvivesUnfixAndClear)
{
  const std::string plain = BACKMAP_LMP_PLAIN, built_in = BACKMAP_LMP, plugin = BACKMAP_PLUGIN;
  if (plain.empty() || !exists(plain) || !exists(plugin))
    GTEST_SKIP() << "no LAMMPS without the styles, or no plugin";
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  // the compute of ours must be known to both instances of the fine script: the silent one and the one that writes
  const auto fine =
      write_file("toy.in",
                 toy.fine_script("compute i all backmap/internal distance 1 2 dihedral 1 2 3 4\n"
                                 "dump d all xyz 1 " +
                                 scratch_file("toy.xyz") + "\n"));
  std::mt19937_64 engine(3);
  std::string frames;
  for (int i = 0; i < 20; i++) frames += dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
  const auto dump = write_file("toy.dump", frames);
  std::string table[2], again[2];
  for (int k = 0; k < 2; k++) {
    const std::string load = k ? "plugin load " + plugin + "\n" : "";
    const auto run = [&](const std::string &name) {
      return "fix bm all backmap 1 " + flow + " " + fine +
          " samples 4 temp 300 observables v_b c_i[1] c_i[2] table " + scratch_file(name) +
          "\nrerun " + dump + " dump x y z box no\nunfix bm\n";
    };
    const auto script = write_file("both.in",
                                   load + toy.coarse_script() + run("first") + run("second") +
                                       "clear\n" + load + toy.coarse_script() + run("third"));
    const std::string command =
        (k ? plain : built_in) + " -in " + script + " -log none -screen none";
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
    table[k] = read_file(scratch_file("first"));
    table[k] = table[k].substr(0, table[k].find("# seconds"));
    for (const char *name : {"second", "third"})
      EXPECT_EQ(read_file(scratch_file(name)).substr(0, table[k].size()), table[k]) << name;
  }
  EXPECT_GT(table[0].size(), 80u * 20u);
  EXPECT_EQ(table[0], table[1]);
  const auto rows = BACKMAP_NS::SampleTable::parse(table[1], "table");
  ASSERT_EQ(rows.observables.size(), 3u);
  for (std::size_t i = 0; i < rows.rows.size(); i++) {
    const double *obs = &rows.values[3 * i];
    EXPECT_NEAR(obs[0], obs[1], 1e-6 * obs[0]);
    EXPECT_LE(std::fabs(obs[2]), 180.0);
  }
}

// styles that are unloaded take what uses them with them, and nothing else; then they can come back
TEST(Plugin, UnloadAndLoadAgain)
{
  const std::string plain = BACKMAP_LMP_PLAIN, plugin = BACKMAP_PLUGIN;
  if (plain.empty() || !exists(plain) || !exists(plugin))
    GTEST_SKIP() << "no LAMMPS without the styles, or no plugin";
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto out = scratch_file("unload.out");
  const auto fix = [&](const std::string &table) {
    return "fix bm all backmap 10 " + flow + " " + fine +
        " samples 4 temp 300 observables v_b table " + table + "\n";
  };
  std::string unload;
  for (const char *style : {"compute backmap/internal", "fix backmap/bias", "fix backmap",
                            "pair cgnet", "command backmap_report"})
    unload += std::string("plugin unload ") + style + "\n";
  const auto script = write_file(
      "unload.in",
      "plugin load " + plugin + "\n" + toy.coarse_script(2) +
          "velocity all create 300 4711\nfix 1 all nve\n" + fix("first.txt") +
          "compute rw all reweight bm v_b\nthermo_style custom step pe c_rw[1][1]\nrun 50\n"
          "thermo_style custom step pe\nplugin unload compute reweight\nrun 20\n" +
          unload + "run 50\nplugin load " + plugin + "\n" + fix("second.txt") +
          "run 30\nprint \"the end\"\n");
  const std::string command = plain + " -in " + script + " -log none > " + out + " 2>&1";
  ASSERT_EQ(std::system(command.c_str()), 0) << read_file(out);
  EXPECT_NE(read_file(out).find("\nthe end"), std::string::npos) << read_file(out);
  const auto rows = [](const std::string &table) {
    return BACKMAP_NS::SampleTable::parse(read_file(table), table).rows.size();
  };
  EXPECT_EQ(rows("first.txt"), 2u * 7u * 4u);
  EXPECT_EQ(rows("second.txt"), 2u * 3u * 4u);
}

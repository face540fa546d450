/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The second LAMMPS instance: energies and forces against another program's, everything else against `run 0`.

#include "fix_test_support.h"
#include "lammps/fine_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

const auto SILENT = FineEngine::Role::Silent;
const auto WRITER = FineEngine::Role::Writer;

/* the engine and `run 0` of an ordinary instance must agree on the energy and on every observable, in every frame,
   whatever was evaluated before */

void compare_with_run0(const std::string &script, const std::vector<std::string> &observables,
                       const std::vector<Frame> &frames, double tolerance = 1e-9)
{
  FineEngine engine(write_file("compare.in", script), SILENT);
  for (const auto &o : observables) engine.request(o);
  std::string columns;
  for (const auto &o : observables) columns += " " + o;
  PlainLammps plain(script + "\nthermo_style custom step pe" + columns + "\n");
  std::vector<double> seen(observables.size());
  for (const Frame &frame : frames) {
    const double energy = engine.evaluate(frame.x.data(), seen.data());
    plain.set(frame.x);
    plain.commands("run 0 post no");
    EXPECT_NEAR(energy, plain.value("pe"), tolerance * (1.0 + std::fabs(energy)));
    for (std::size_t k = 0; k < seen.size(); k++)
      EXPECT_NEAR(seen[k], plain.value(observables[k]), tolerance * (1.0 + std::fabs(seen[k])))
          << observables[k];
  }
}

}    // namespace

TEST(Engine, OracleFrames)
{
  for (const char *name : {"vacuum", "dielectric80"}) {
    const auto frames = oracle(name);
    ASSERT_EQ(frames.size(), 64u);
    FineEngine engine(write_file("oracle.in", ala2_script("", name[0] == 'v' ? "1.0" : "80.0")),
                      SILENT);
    EXPECT_TRUE(engine.static_neighbors());
    EXPECT_EQ(engine.natoms(), 22);
    EXPECT_EQ(engine.bonds().size(), 21u);
    std::vector<double> f(66);
    double worst = 0.0, worst_force = 0.0;
    for (const Frame &frame : frames) {
      worst = std::max(worst, std::fabs(engine.evaluate(frame.x.data(), nullptr) - frame.energy));
      engine.forces(f.data());
      double top = 0.0, off = 0.0;
      for (int k = 0; k < 66; k++) {
        top = std::max(top, std::fabs(frame.f[k]));
        off = std::max(off, std::fabs(frame.f[k] - f[k]));
      }
      worst_force = std::max(worst_force, off / top);
    }
    printf("%s: energies within %.2g kcal/mol, forces within %.2g of the largest component\n", name,
           worst, worst_force);
    EXPECT_LT(worst, 1e-6);
    EXPECT_LT(worst_force, 1e-8);
  }
}

TEST(Engine, VariablesOnComputesLocalComputesAndThermo)
{
  const std::string extra =
      "variable r equal c_rg+c_rg[1]\nvariable bond equal bound(all,xmax)-pe\n"
      "compute pa all pe/atom\ncompute sum all reduce sum c_pa\ncompute pr all pressure NULL "
      "virial\n"
      "variable dist equal sqrt((x[5]-x[17])^2+(y[5]-y[17])^2+(z[5]-z[17])^2)\n";
  compare_with_run0(
      ala2_script(extra),
      {"v_phi", "v_psi", "c_rg", "c_rg[2]", "v_r", "v_bond", "c_sum", "v_dist", "c_pr", "c_pr[4]"},
      oracle("vacuum"));
}

TEST(Engine, TorsionsOfTheFrames)
{
  FineEngine engine(write_file("phi.in", ala2_script()), SILENT);
  engine.request("v_phi");
  engine.request("v_psi");
  double seen[2];
  for (const Frame &frame : oracle("vacuum")) {
    engine.evaluate(frame.x.data(), seen);
    EXPECT_NEAR(std::remainder(seen[0] - frame.phi, 360.0), 0.0, 1e-6);
    EXPECT_NEAR(std::remainder(seen[1] - frame.psi, 360.0), 0.0, 1e-6);
  }
}

TEST(Engine, RestraintIsPartOfTheEnergy)
{
  const std::string restrain =
      "fix r all restrain dihedral 5 7 9 15 10.0 10.0 60.0\nvariable er equal f_r\n";
  compare_with_run0(ala2_script(restrain + "fix_modify r energy yes\n"), {"f_r", "v_er", "v_phi"},
                    oracle("vacuum"));
  // control: the restraint does act
  const auto frames = oracle("vacuum");
  FineEngine with(write_file("a.in", ala2_script(restrain + "fix_modify r energy yes\n")), SILENT);
  FineEngine without(write_file("b.in", ala2_script()), SILENT);
  EXPECT_GT(std::fabs(with.evaluate(frames[0].x.data(), nullptr) -
                      without.evaluate(frames[0].x.data(), nullptr)),
            0.1);
  // and one that would be left out is refused
  const auto text =
      error_text([&] { FineEngine(write_file("c.in", ala2_script(restrain)), SILENT); });
  EXPECT_NE(text.find("fix_modify r energy yes"), std::string::npos) << text;
}

TEST(Engine, Cmap)
{
  std::string grid;
  for (int map = 0; map < 6; map++)
    for (int i = 0; i < 24; i++) {
      for (int j = 0; j < 24; j++)
        grid +=
            std::to_string(std::cos(i * M_PI / 12.0 + map) + 0.7 * std::sin(j * M_PI / 12.0)) + " ";
      grid += "\n";
    }
  const std::string cmap = write_file("cmap.txt", grid);
  std::string data = read_file(data_folder() + "/ala2/ala2.data");
  data.replace(data.find("0 impropers"), 11, "0 impropers\n1 crossterms");
  const std::string path = write_file("cmap.data", data + "\nCMAP\n\n1 1 5 7 9 15 17\n");
  const std::string before = "fix cm all cmap " + cmap + "\n";
  const std::string script =
      ala2_script("variable ec equal f_cm\n", "1.0", path, before, "fix cm crossterm CMAP");
  compare_with_run0(script, {"f_cm", "v_ec"}, oracle("vacuum"));
  FineEngine with(write_file("a.in", script), SILENT),
      without(write_file("b.in", ala2_script()), SILENT);
  with.request("f_cm");
  for (const Frame &frame : oracle("vacuum")) {
    double e;
    const double difference =
        with.evaluate(frame.x.data(), &e) - without.evaluate(frame.x.data(), nullptr);
    EXPECT_NEAR(difference, e, 1e-8 * (1.0 + std::fabs(frame.energy)));
  }
}

TEST(Engine, ListsThatMayMissPairsAreRebuilt)
{
  // a short cutoff: pairs come and go, so does a static list's right to exist
  std::string script = ala2_script();
  script.replace(script.find("coul/cut 100.0"), 14, "coul/cut 4.0  ");
  script.replace(script.find("neighbor 100.0"), 14, "neighbor 0.5  ");
  FineEngine engine(write_file("short.in", script), SILENT);
  EXPECT_FALSE(engine.static_neighbors());
  compare_with_run0(script, {"v_phi", "c_rg"}, oracle("vacuum"));
  // a periodic box with ghost atoms
  script = ala2_script();
  script.replace(script.find("s s s"), 5, "p p p");
  script.replace(script.find("coul/cut 100.0"), 14, "coul/cut 12.0 ");
  script.replace(script.find("neighbor 100.0"), 14, "neighbor 2.0  ");
  FineEngine periodic(write_file("periodic.in", script), SILENT);
  EXPECT_FALSE(periodic.static_neighbors());
  compare_with_run0(script, {"v_phi", "c_rg"}, oracle("vacuum"));
}

TEST(Engine, ClashesHaveLargeOrInfiniteEnergyAndDoNoHarm)
{
  const auto frames = oracle("vacuum");
  FineEngine engine(write_file("clash.in", ala2_script()), SILENT);
  engine.request("v_phi");
  double seen;
  const double before = engine.evaluate(frames[0].x.data(), &seen);
  auto x = frames[0].x;
  for (int d = 0; d < 3; d++) x[3 * 5 + d] = x[3 * 20 + d];
  EXPECT_FALSE(std::isfinite(engine.evaluate(x.data(), &seen)));
  EXPECT_TRUE(std::isnan(seen));
  EXPECT_EQ(engine.evaluate(frames[0].x.data(), &seen), before);
}

TEST(Engine, ErrorsOfTheScriptAreExceptions)
{
  const auto refused = [](const std::string &script, const std::string &expected) {
    const auto text = error_text([&] { FineEngine(write_file("bad.in", script), SILENT); });
    EXPECT_NE(text.find(expected), std::string::npos)
        << "expected: " << expected << "\ngot: " << text;
  };
  refused("units real\nnonsense 1 2\n", "Unknown command");
  refused("units real\n", "no simulation box");
  refused(ala2_script("fix s all shake 0.0001 20 0 b 1\n"), "constrains");
  refused(ala2_script("fix s all rigid/nve single\n"), "constrains");
  refused(ala2_script("run_style respa 2 2\n"), "run_style");
  refused(ala2_script("group h type 1\ndelete_atoms group h bond yes\n"), "atom-IDs");
  const auto missing = error_text([] { FineEngine("there-is-no-such-script", SILENT); });
  EXPECT_NE(missing.find("there-is-no-such-script"), std::string::npos) << missing;

  FineEngine engine(
      write_file("good.in", ala2_script("variable a atom x\nvariable bad equal c_none\n")), SILENT);
  const auto not_observable = [&](const std::string &name, const std::string &expected) {
    const auto text = error_text([&] { engine.request(name); });
    EXPECT_NE(text.find(expected), std::string::npos) << text;
  };
  not_observable("v_none", "does not exist");
  not_observable("c_none", "does not exist");
  not_observable("v_a", "equal-style");
  not_observable("phi", "expected v_NAME");
  not_observable("c_rg[9]", "out-of-range");
  not_observable("v_bad", "compute");
  EXPECT_EQ(engine.nobservables(), 0);
}

TEST(Engine, OnlyTheWriterWrites)
{
  const std::string dump = scratch_file("out.dump"), print = scratch_file("print.txt"),
                    histo = scratch_file("histo.txt"), data = scratch_file("out.data");
  const std::string script = write_file(
      "write.in",
      ala2_script("variable w equal v_logweight\nvariable lw atom v_logweight\n"
                  "dump d all custom 2 " +
                  dump +
                  " id x y z v_lw\ndump_modify d sort id format float %.15g\n"
                  "fix p all print 1 \"$(step) $(v_sample) $(v_logweight) $(pe)\" file " +
                  print +
                  " screen no\n"
                  "fix h all ave/histo 1 4 4 0.0 8.0 8 v_sample file " +
                  histo +
                  "\n"
                  "write_data " +
                  data + "\n"));
  const auto frames = oracle("vacuum");
  {
    FineEngine silent(script, SILENT);
    EXPECT_TRUE(silent.has_output());
    for (const Frame &frame : frames) silent.evaluate(frame.x.data(), nullptr);
  }
  EXPECT_FALSE(exists(dump));
  EXPECT_FALSE(exists(print));
  EXPECT_FALSE(exists(histo));
  EXPECT_FALSE(exists(data));
  {
    FineEngine writer(script, WRITER);
    for (int row = 0; row < 8; row++)
      writer.write(row, frames[row].x.data(), {-0.5 * row, 100, 1, row});
  }
  EXPECT_TRUE(exists(data));

  // every second sample, in order, with its own log-weight
  std::ifstream in(dump);
  std::string line;
  int snapshots = 0;
  while (std::getline(in, line)) {
    if (line != "ITEM: TIMESTEP") continue;
    std::getline(in, line);
    EXPECT_EQ(std::stoi(line), 2 * snapshots);
    while (std::getline(in, line) && line.find("ITEM: ATOMS") == std::string::npos) {}
    for (int i = 0; i < 22; i++) {
      std::getline(in, line);
      std::istringstream s(line);
      double v[5];
      for (double &a : v) s >> a;
      EXPECT_EQ(v[0], i + 1);
      for (int d = 0; d < 3; d++) EXPECT_NEAR(v[1 + d], frames[2 * snapshots].x[3 * i + d], 1e-12);
      EXPECT_NEAR(v[4], -1.0 * snapshots, 1e-12);
    }
    snapshots++;
  }
  EXPECT_EQ(snapshots, 4);

  std::istringstream lines(read_file(print));
  int printed = 0;
  while (std::getline(lines, line)) {
    if (line[0] == '#') continue;
    std::istringstream s(line);
    double step, sample, weight, pe;
    s >> step >> sample >> weight >> pe;
    EXPECT_EQ(step, printed);
    EXPECT_EQ(sample, printed);
    EXPECT_NEAR(weight, -0.5 * printed, 1e-12);
    EXPECT_NEAR(pe, frames[printed].energy, 1e-5 * (1.0 + std::fabs(frames[printed].energy)));
    printed++;
  }
  EXPECT_EQ(printed, 8);
  EXPECT_NE(read_file(histo).find("\n1 "), std::string::npos);
}

TEST(Engine, VariablesReachTheScript)
{
  const std::string script =
      write_file("var.in", ala2_script("variable start index 1.0\nvariable s equal ${start}\n"));
  FineEngine engine(script, SILENT, {"start", "4.5"});
  engine.request("v_s");
  double seen;
  engine.evaluate(oracle("vacuum")[0].x.data(), &seen);
  EXPECT_EQ(seen, 4.5);
}

TEST(Engine, Speed)
{
  const auto frames = oracle("vacuum");
  FineEngine engine(write_file("speed.in", ala2_script()), SILENT);
  const int n = 20000;
  double sum = 0.0;
  const auto t0 = std::clock();    // processor time: tests share their cores
  for (int i = 0; i < n; i++) sum += engine.evaluate(frames[i % 44].x.data(), nullptr);
  const double s = static_cast<double>(std::clock() - t0) / CLOCKS_PER_SEC;
  printf("%.0f all-atom energies per second and core (sum %g)\n", n / s, sum);
  EXPECT_GT(n / s, 10000.0) << "far below the 100,000 of a quiet core, see benchmarks";
}

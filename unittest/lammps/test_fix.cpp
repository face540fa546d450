/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap and compute reweight on one rank: closed forms, other CG potentials, outputs, restart, bad input.

#include "backmap_test_models.h"

#include "fix.h"
#include "lammps.h"
#include "modify.h"
#include "statistics/sample_table.h"
#include "training/bead_frames.h"

#include <cstdio>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

/* expect an error with a text in it */

void refused(PlainLammps &lmp, const std::string &script, const std::string &expected)
{
  const std::string text = lmp.error_of(script);
  EXPECT_NE(text.find(expected), std::string::npos)
      << script << "\nexpected: " << expected << "\ngot: " << text;
}

/* independent frames of the toy's CG model with bond constant k, as a dump */

std::string toy_dump(const Toy &toy, double k, int frames, int molecules, unsigned seed)
{
  std::mt19937_64 engine(seed);
  std::string text;
  for (int i = 0; i < frames; i++) {
    std::vector<double> z;
    for (int m = 0; m < molecules; m++) {
      auto one = toy.draw(engine, k);
      for (int a = 0; a < 3; a++) one[3 * a] += 30.0 * m;
      z.insert(z.end(), one.begin(), one.end());
    }
    text += dump_frame(i + 1, z);
  }
  return text;
}

const std::string COMMON = "compute rw all reweight bm v_b v_r\nthermo_style custom step pe "
                           "f_bm[1] c_rw[1][1]\nthermo 0\n";

std::string fix_line(const std::string &flow, const std::string &fine, const std::string &rest,
                     int every = 1)
{
  return "fix bm all backmap " + std::to_string(every) + " " + flow + " " + fine + " " + rest +
      "\n";
}

}    // namespace

// F of one configuration, 20,000 samples: 4 standard errors, false alarm 6e-5; control: half the volume element is seen.
TEST(FixBackmap, FreeEnergyOfAToyIsExact)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  PlainLammps lmp(toy.coarse_script() + fix_line(flow, fine, "samples 20000 temp 300 seed 5"));
  std::mt19937_64 engine(3);
  const auto z = toy.draw(engine, toy.coarse_k);
  lmp.commands("rerun " + write_file("one.dump", dump_frame(7, z)) + " dump x y z box no");
  const double b = std::hypot(z[3] - z[0], z[4] - z[1]), c = std::hypot(z[6] - z[3], z[7] - z[4]);
  const double expected = toy.free_energy(b, c);
  LAMMPS_NS::Fix *fix = lmp.lmp->modify->fix[lmp.lmp->modify->find_fix("bm")];
  const double f = fix->compute_array(0, 1), error = fix->compute_array(0, 2);
  EXPECT_NEAR(f, expected, 4.0 * error);
  EXPECT_LT(error, 0.005);
  EXPECT_GT(error, 1e-5);
  EXPECT_GT(std::fabs(f - expected - toy.kt * std::log(2.0)), 4.0 * error);
  EXPECT_NEAR(fix->compute_array(0, 3),
              toy.coarse_k * std::pow(b - toy.b0, 2) + toy.other_k * std::pow(c - toy.other_b, 2),
              1e-9);
  EXPECT_EQ(fix->compute_vector(0), 1.0);
  EXPECT_EQ(fix->compute_vector(1), 20000.0);
  // the weights are r^2 sin t: their Kish ESS is nearly 1
  EXPECT_GT(fix->compute_vector(2), 0.97);
  EXPECT_EQ(fix->compute_vector(9), 0.0);
}

namespace {

/* the toy with a spring between bead 1 and the drawn atom: means at fixed beads by a sum over r, theta and the torsion */

struct SprungToy {
  Toy toy;
  const double spring = 1.5, length = 2.2;

  std::string fine_script() const
  {
    return toy.fine_script("fix spring all restrain bond 1 4 " + std::to_string(spring) + " " +
                           std::to_string(spring) + " " + std::to_string(length) +
                           "\nfix_modify spring energy yes\n");
  }

  static double distance(const double *a, const double *b)
  {
    return std::sqrt(std::pow(a[0] - b[0], 2) + std::pow(a[1] - b[1], 2) +
                     std::pow(a[2] - b[2], 2));
  }

  double energy(const std::vector<double> &z, const double *x) const
  {
    const double r = distance(&z[6], x), c = distance(&z[3], &z[6]), d = distance(&z[3], x),
                 angle = std::acos((r * r + c * c - d * d) / (2.0 * r * c));
    return toy.fine_k * std::pow(distance(&z[0], &z[3]) - toy.b0, 2) +
        toy.other_k * std::pow(c - toy.other_b, 2) +
        0.5 * toy.kt * std::pow((r - toy.r0) / toy.sr, 2) +
        0.5 * toy.kt * std::pow((angle - toy.t0) / toy.st, 2) +
        spring * std::pow(distance(&z[0], x) - length, 2);
  }

  /* f(x, volume element): sum over a grid of atoms about the beads */
  template <class F> void grid(const std::vector<double> &z, F &&f) const
  {
    double e[3], n[3], out[3], size = 0.0;    // along the bond 3-2, and two directions across
    const double c = distance(&z[3], &z[6]);
    for (int d = 0; d < 3; d++) e[d] = (z[3 + d] - z[6 + d]) / c;
    n[0] = e[1];
    n[1] = -e[0];
    n[2] = 0.0;
    for (double v : n) size += v * v;
    for (double &v : n) v /= std::sqrt(size);
    for (int d = 0; d < 3; d++)
      out[d] = e[(d + 1) % 3] * n[(d + 2) % 3] - e[(d + 2) % 3] * n[(d + 1) % 3];
    for (int i = -20; i <= 20; i++)
      for (int j = -20; j <= 20; j++)
        for (int k = 0; k < 48; k++) {
          const double r = toy.r0 + 0.3 * toy.sr * i, t = toy.t0 + 0.3 * toy.st * j,
                       p = 2.0 * M_PI * k / 48;
          double x[3];
          for (int d = 0; d < 3; d++)
            x[d] = z[6 + d] +
                r *
                    (std::cos(t) * e[d] +
                     std::sin(t) * (std::cos(p) * n[d] + std::sin(p) * out[d]));
          f(x, r * r * std::sin(t));
        }
  }

  double free_energy(const std::vector<double> &z) const
  {
    double sum = 0.0;
    grid(z,
         [&](const double *x, double volume) { sum += volume * std::exp(-energy(z, x) / toy.kt); });
    return -toy.kt * std::log(sum);
  }

  /* -grad F by differences */
  std::vector<double> slope(std::vector<double> z) const
  {
    std::vector<double> f;
    for (double &at : z) {
      const double h = 1e-4, old = at;
      at = old + h;
      const double up = free_energy(z);
      at = old - h;
      f.push_back((free_energy(z) - up) / (2.0 * h));
      at = old;
    }
    return f;
  }

  /* mean of the force on the beads, bead 3 with its atom: with the weights, or over the samples of the flow */
  std::vector<double> mean(const std::vector<double> &z, bool weighted) const
  {
    std::vector<double> f(9);
    double norm = 0.0;
    grid(z, [&](const double *x, double volume) {
      // the flow is Gaussian in r and theta, without the volume element
      const double r = SprungToy::distance(&z[6], x), d = SprungToy::distance(&z[3], x),
                   c = SprungToy::distance(&z[3], &z[6]),
                   angle = std::acos((r * r + c * c - d * d) / (2.0 * r * c));
      const double w = weighted ? volume * std::exp(-energy(z, x) / toy.kt)
                                : std::exp(-0.5 * std::pow((r - toy.r0) / toy.sr, 2) -
                                           0.5 * std::pow((angle - toy.t0) / toy.st, 2));
      norm += w;
      for (int k = 0; k < 9; k++) {
        double u[2];
        for (int side : {0, 1}) {
          const double h = side ? -1e-4 : 1e-4;
          auto y = z;
          double a[3] = {x[0], x[1], x[2]};
          y[k] += h;
          if (k >= 6) a[k - 6] += h;
          u[side] = energy(y, a);
        }
        f[k] += w * (u[1] - u[0]) / 2e-4;
      }
    });
    for (double &v : f) v /= norm;
    return f;
  }
};

}    // namespace

// -grad F of one configuration, known from a sum over all positions of the drawn atom; 200,000 samples. Nine forces at 4.5
// standard errors, false alarm 6e-5. Controls: the mean without weights is seen, and so is F of the toy without spring.
TEST(FixBackmap, MeanForceOfAToyIsTheSlopeOfF)
{
  const SprungToy toy;
  const auto flow = write_model("toy.flow", toy.toy.flow());
  const auto fine = write_file("sprung.in", toy.fine_script());
  const auto file = scratch_file("mean.dump");
  const std::vector<double> z = {0.1, 0.2, -0.1, 1.5, 0.5, 0.3, 2.1, 1.6, 0.9};
  {
    PlainLammps lmp(toy.toy.coarse_script() +
                    fix_line(flow, fine, "samples 200000 temp 300 seed 5 forces " + file));
    lmp.commands("rerun " + write_file("one.dump", dump_frame(7, z)) + " dump x y z box no");
  }
  const BeadFrames beads = BeadFrames::parse(read_file(file), 3, file);
  const auto &f = beads.force.at({7, 1}), &error = beads.error.at({7, 1});
  EXPECT_EQ(beads.z.at({7, 1}), z);
  const auto slope = toy.slope(z), mean = toy.mean(z, true), wrong = toy.mean(z, false);
  int seen = 0, spring = 0;
  for (int k = 0; k < 9; k++) {
    EXPECT_NEAR(mean[k], slope[k], 1e-4 * (1.0 + std::fabs(slope[k]))) << k;
    EXPECT_NEAR(f[k], slope[k], 4.5 * error[k]) << k;
    EXPECT_LT(error[k], 0.1);
    EXPECT_GT(error[k], 1e-4);
    seen += std::fabs(f[k] - wrong[k]) > 9.0 * error[k];
    const double bond = k < 3
        ? -2.0 * toy.toy.fine_k * (SprungToy::distance(&z[0], &z[3]) - toy.toy.b0) *
            (z[k] - z[k + 3]) / SprungToy::distance(&z[0], &z[3])
        : NAN;
    spring += k < 3 && std::fabs(f[k] - bond) > 9.0 * error[k];
  }
  EXPECT_GE(seen, 3);
  EXPECT_GE(spring, 2);
}

// The file is the same with any batch, and its forces come from the engine that gives the energies: a thermostat in the
// fine script adds forces that no energy has.
TEST(FixBackmap, MeanForcesInAFile)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto fine = write_file("fine.in", ala2_script());
  const auto dump = write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 7, 3));
  std::string text[2];
  for (const int batch : {1, 5}) {
    const auto file = scratch_file("forces.dump");
    PlainLammps lmp(
        ala2_coarse_script(3) +
        fix_line(flow, fine,
                 "samples 3 temp 300 batch " + std::to_string(batch) + " forces " + file, 10));
    lmp.commands("rerun " + dump + " dump x y z box no");
    lmp.commands("unfix bm");
    text[batch == 5] = read_file(file);
  }
  EXPECT_EQ(text[0], text[1]);
  const BeadFrames beads = BeadFrames::parse(text[0], 6, "forces.dump");
  EXPECT_EQ(beads.z.size(), 21u);
  EXPECT_EQ(beads.force.size(), 21u);
  // LAMMPS reads it too
  PlainLammps again(ala2_coarse_script(3));
  again.commands("read_dump " + write_file("again.dump", text[0]) + " 70 x y z box no");

  const Toy toy;
  const auto hot = write_file("hot.in", toy.fine_script("fix 1 all langevin 300 300 100 99\n"));
  PlainLammps lmp(toy.coarse_script() +
                  fix_line(write_model("toy.flow", toy.flow()), hot,
                           "samples 3 temp 300 forces " + scratch_file("hot.dump")));
  refused(lmp,
          "rerun " + write_file("one.dump", toy_dump(toy, toy.coarse_k, 1, 1, 3)) +
              " dump x y z box no",
          "forces of the fine script");
  PlainLammps other(ala2_coarse_script(1));
  refused(other, fix_line(flow, "NONE", "forces f.dump"), "forces needs a fine script");
  refused(other, fix_line(flow, fine, "temp 300 forces f.dump"), "samples of at least 2, got 1");
}

// The CG model is a bonded one with another constant: reweighted means are those of the all-atom model, unweighted
// ones those of the CG model. 4 standard errors each; controls: the two means are not the same.
TEST(FixBackmap, BondedCoarsePotential)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const double target = toy.mean_bond(toy.fine_k), source = toy.mean_bond(toy.coarse_k);
  ASSERT_GT(std::fabs(target - source), 0.005);
  for (int molecules : {1, 3}) {
    const auto dump =
        write_file("bonded.dump", toy_dump(toy, toy.coarse_k, 3000 / molecules, molecules, 11));
    PlainLammps lmp(toy.coarse_script(molecules) +
                    fix_line(flow, fine, "samples 4 temp 300 batch 256") + COMMON);
    lmp.commands("rerun " + dump + " dump x y z box no");
    const double mean = lmp.value("c_rw[1][1]"), error = lmp.value("c_rw[1][2]"),
                 plain = lmp.value("c_rw[1][3]");
    EXPECT_NEAR(mean, target, 4.0 * error) << molecules << " molecules";
    EXPECT_NEAR(plain, source, 4.0 * error);
    EXPECT_LT(error, 0.25 * std::fabs(target - source));
    EXPECT_EQ(lmp.value("f_bm[1]"), 3000.0);
    EXPECT_NEAR(lmp.value("f_bm[4]"), lmp.value("f_bm[5]"), 0.01);
  }
}

// A static bias on the CG run is part of U_CG: the same all-atom mean comes out.
TEST(FixBackmap, StaticBiasOnTheCoarseRun)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto dump = write_file("biased.dump", toy_dump(toy, toy.coarse_k + 15.0, 3000, 1, 13));
  const std::string bias = "fix bias all restrain bond 1 2 15.0 15.0 1.6\n";
  {
    PlainLammps lmp(toy.coarse_script() + bias + "fix_modify bias energy yes\n" +
                    fix_line(flow, fine, "samples 4 temp 300 batch 256") + COMMON);
    lmp.commands("rerun " + dump + " dump x y z box no");
    EXPECT_NEAR(lmp.value("c_rw[1][1]"), toy.mean_bond(toy.fine_k), 4.0 * lmp.value("c_rw[1][2]"));
    EXPECT_NEAR(lmp.value("c_rw[1][3]"), toy.mean_bond(toy.coarse_k + 15.0),
                4.0 * lmp.value("c_rw[1][2]"));
  }
  // control: without the bias in U_CG the mean is wrong, and leaving it out is an error
  {
    PlainLammps lmp(toy.coarse_script() + fix_line(flow, fine, "samples 4 temp 300 batch 256") +
                    COMMON);
    lmp.commands("rerun " + dump + " dump x y z box no");
    EXPECT_GT(std::fabs(lmp.value("c_rw[1][1]") - toy.mean_bond(toy.fine_k)),
              4.0 * lmp.value("c_rw[1][2]"));
  }
  PlainLammps lmp(toy.coarse_script() + bias + fix_line(flow, fine, "samples 4 temp 300"));
  refused(lmp, "run 1", "fix_modify bias energy yes");
  // several molecules: an energy that belongs to no atom cannot be given to one of them
  PlainLammps two(toy.coarse_script(2) + bias + "fix_modify bias energy yes\n" +
                  fix_line(flow, fine, "samples 4 temp 300"));
  refused(two, "run 1", "some energy belongs to no atom");
  PlainLammps bonded(toy.coarse_script(2) + "create_bonds single/bond 1 3 4\n" +
                     fix_line(flow, fine, "samples 4 temp 300"));
  refused(bonded, "run 1", "got a bond between atoms");
}

TEST(FixBackmap, RunWithThermostatThermoAndHistogram)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto table = scratch_file("run.table"), histo = scratch_file("run.histo");
  PlainLammps lmp(
      toy.coarse_script(2) +
      "velocity all create 300 4711\nfix 1 all nve\nfix 2 all langevin 300 300 100 99\n" +
      fix_line(flow, fine, "samples 5 thermostat 2 table " + table, 10) +
      "compute rw all reweight bm v_b v_r\nthermo_style custom step temp pe f_bm[1] f_bm[3] "
      "c_rw[1][1] c_rw[2][2]\n"
      "thermo 20\nminimize 0 1e-3 10 10\n");
  EXPECT_EQ(lmp.value("f_bm[1]"), 0.0) << "minimize must not sample";
  lmp.commands("reset_timestep 0\nfix h all ave/histo/weight 10 1 10 1.0 2.0 20 f_bm[6] f_bm[2] "
               "mode vector kind local ave running file " +
               histo + "\nrun 100\nrun 100");
  EXPECT_EQ(lmp.value("f_bm[1]"), 40.0);
  EXPECT_EQ(lmp.value("f_bm[2]"), 200.0);
  const auto t = SampleTable::parse(read_file(table), table);
  EXPECT_EQ(t.rows.size(), 200u);
  EXPECT_EQ(t.observables, (std::vector<std::string>{"v_b", "v_r"}));
  EXPECT_EQ(t.rows[0].step, 10);
  EXPECT_EQ(t.rows[5].molecule, 2);
  EXPECT_GT(t.seconds, 0.0);
  const auto &r = t.rows[17];
  EXPECT_NEAR(r.logweight, -r.u / t.kt + r.ucg / t.kt - r.logq,
              1e-9 * std::fabs(r.logweight) + 1e-9);
  const auto weights = t.weights();
  EXPECT_NEAR(weights.joint_ess(), lmp.value("f_bm[3]"), 1e-9);
  EXPECT_NEAR(weights.means()[0].mean, lmp.value("c_rw[1][1]"), 1e-9);
  EXPECT_NE(read_file(histo).find("200 20"), std::string::npos)
      << "fix ave/histo/weight takes the local arrays";
}

TEST(FixBackmap, RestartCarriesTheSums)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const std::string restart = scratch_file("state.restart");
  const std::string rest = fix_line(flow, fine, "samples 5 temp 300", 10) + COMMON;
  double ess, mean, constant;
  {
    PlainLammps lmp(toy.coarse_script() + "velocity all create 300 4711\nfix 1 all nve\n" + rest +
                    "run 50\n");
    ess = lmp.value("f_bm[3]");
    mean = lmp.value("c_rw[1][1]");
    constant = lmp.value("f_bm[14]");
    lmp.commands("write_restart " + restart);
  }
  PlainLammps lmp("units real\natom_modify map array\ncomm_modify cutoff 20.0\nread_restart " +
                  restart + "\nfix 1 all nve\n" + rest + "run 0");
  EXPECT_EQ(lmp.value("f_bm[1]"), 5.0);
  EXPECT_EQ(lmp.value("f_bm[3]"), ess);
  EXPECT_EQ(lmp.value("c_rw[1][1]"), mean);
  lmp.commands("run 20");
  EXPECT_EQ(lmp.value("f_bm[1]"), 7.0);
  EXPECT_EQ(lmp.value("f_bm[14]"), constant);
  // other observables: the sums are of no use
  PlainLammps other("units real\natom_modify map array\ncomm_modify cutoff 20.0\nread_restart " +
                    restart + "\nfix 1 all nve\n" + fix_line(flow, fine, "samples 5 temp 300", 10));
  refused(other, "run 0", "differ from those of the restart file");
}

TEST(FixBackmap, StructuresOnly)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto dump = write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 3, 1));
  const auto xyz = scratch_file("out.xyz");
  PlainLammps lmp(ala2_coarse_script(1) + fix_line(flow, "NONE", "samples 4 xyz " + xyz, 10));
  lmp.commands("rerun " + dump + " dump x y z box no");
  std::istringstream in(read_file(xyz));
  std::string line;
  int structures = 0;
  const auto frames = oracle("vacuum");
  while (std::getline(in, line)) {
    ASSERT_EQ(line, "22");
    std::getline(in, line);
    for (int i = 0; i < 22; i++) {
      std::getline(in, line);
      if (i != 4) continue;
      std::istringstream s(line);
      std::string element;
      double x;
      s >> element >> x;
      EXPECT_EQ(element, "C");
      EXPECT_NEAR(x, frames[structures / 4].x[12], 1e-5) << "beads stay where they are";
    }
    structures++;
  }
  EXPECT_EQ(structures, 12);
}

TEST(FixBackmap, DumpsOfTheFineScriptInOrderOfTheTable)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto dump = write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 4, 1));
  const auto out = scratch_file("fine.dump"), table = scratch_file("fine.table");
  const auto fine =
      write_file("fine.in",
                 ala2_script("variable lw atom v_logweight\ndump d all custom 1 " + out +
                             " id x v_lw\ndump_modify d sort id format float %.15g\n"));
  PlainLammps lmp(ala2_coarse_script(1) +
                  fix_line(flow, fine, "samples 3 temp 300 batch 4 table " + table, 10));
  lmp.commands("rerun " + dump + " dump x y z box no\nunfix bm");
  const auto t = SampleTable::parse(read_file(table), table);
  ASSERT_EQ(t.rows.size(), 12u);
  std::istringstream in(read_file(out));
  std::string line;
  std::size_t n = 0;
  while (std::getline(in, line)) {
    if (line.find("ITEM: ATOMS") == std::string::npos) continue;
    std::getline(in, line);
    std::istringstream s(line);
    double id, x, lw;
    s >> id >> x >> lw;
    EXPECT_NEAR(lw, t.rows[n].logweight, 1e-9 * std::fabs(lw));
    n++;
  }
  EXPECT_EQ(n, 12u);
}

TEST(FixBackmap, BatchesDoNotChangeTheSamples)
{
  const auto flow = write_model("ala2.flow", ala2_flow());
  const auto dump = write_file("ala2.dump", ala2_coarse_dump(oracle("vacuum"), 12, 1));
  const auto fine = write_file("fine.in", ala2_script());
  std::string first;
  for (int batch : {1, 5, 64}) {
    const auto table = scratch_file("batch.table");
    PlainLammps lmp(ala2_coarse_script(1) +
                    fix_line(flow, fine,
                             "samples 3 temp 300 observables v_phi table " + table + " batch " +
                                 std::to_string(batch),
                             10));
    lmp.commands("rerun " + dump + " dump x y z box no");
    // the comment lines among the rows come with the batches
    std::istringstream in(read_file(table));
    std::string text;
    for (std::string line; std::getline(in, line);)
      if (line[0] != '#') text += line + "\n";
    if (first.empty()) first = text;
    EXPECT_EQ(text, first);
    EXPECT_NE(text.find("\n120 1 2 "), std::string::npos);
  }
}

TEST(FixBackmap, BadInput)
{
  FlowSpec spec = ala2_flow();
  const auto flow = write_model("ala2.flow", spec);
  const auto fine = write_file("fine.in", ala2_script());
  const std::string system = ala2_coarse_script(1);
  PlainLammps lmp(
      system +
      "fix 1 all nve\nfix 2 all langevin 300 300 100 99\nfix hot all langevin 350 350 100 99\n");
  const auto bad = [&](const std::string &line, const std::string &expected) {
    refused(lmp, line, expected);
  };

  bad("fix bm all backmap 10 " + flow, "expected fix ID group backmap N");
  bad(fix_line("no-such.flow", fine, "temp 300"), "no-such.flow");
  bad(fix_line(write_file("short.flow", read_file(flow).substr(0, 5000)), fine, "temp 300"),
      "short.flow");
  bad(fix_line(flow, "no-such.in", "temp 300"), "no-such.in");
  bad(fix_line(flow, fine, "temp 300", 0), "interval N");
  bad(fix_line(flow, fine, "temp 300 samples 0"), "samples, expected at least 1, got 0");
  bad(fix_line(flow, fine, "temp 300 smaples 5"), "unknown keyword smaples");
  bad(fix_line(flow, fine, "temp 300 samples"), "keyword samples");
  bad(fix_line(flow, fine, "temp 310"), "temperature of the model");
  bad(fix_line(flow, fine, ""), "expected thermostat FIXID, or temp T");
  bad(fix_line(flow, fine, "temp 300 thermostat 2"), "exclude each other");
  bad(fix_line(flow, fine, "temp 300 observables v_none"), "v_none does not exist");
  bad(fix_line(flow, write_file("hot.in", ala2_script("variable t equal temp\n")),
               "temp 300 observables v_t"),
      "v_t of the fine script");
  bad(fix_line(flow, "NONE", "observables v_phi"), "need a fine script");
  bad(fix_line(flow, fine, "temp 300 precision half"), "single or double");
  bad(fix_line(flow, fine, "temp 300 backend gpu"), "serial or kokkos");
  bad(fix_line(flow, write_file("shake.in", ala2_script("fix s all shake 0.0001 20 0 b 1\n")),
               "temp 300"),
      "constrains");
  bad(fix_line(flow, write_file("fails.in", ala2_script("nonsense\n")), "temp 300"),
      "Unknown command");

  const Toy toy;
  bad(fix_line(flow, write_file("toy.in", toy.fine_script()), "temp 300"),
      "number of atoms, expected 22, got 4");
  bad(fix_line(flow,
               write_file("lj.in",
                          "units lj\natom_style full\nregion b block 0 1 0 1 0 1\ncreate_box 1 b\n"
                          "create_atoms 1 random 22 5 NULL\nmass 1 1.0\n"),
               "temp 300"),
      "units");
  FlowSpec heavy = spec;
  heavy.masses[3] = 19.0;
  bad(fix_line(write_model("heavy.flow", heavy), fine, "temp 300"), "mass of atom 4");
  FlowSpec bonded = spec;
  bonded.bonds.back() = {{0, 21}};
  bad(fix_line(write_model("bonded.flow", bonded), fine, "temp 300"), "bonds differ");
  FlowSpec metal = spec;
  metal.units = "metal";
  bad(fix_line(write_model("metal.flow", metal), fine, "temp 300"), "units of the model");

  // found when a run starts or takes its first frame
  const auto bad_run = [&](const std::string &line, const std::string &run,
                           const std::string &expected) {
    PlainLammps one(system + "fix 1 all nve\nfix 2 all langevin 300 300 100 99\n" + line);
    refused(one, run, expected);
  };
  bad_run(fix_line(flow, fine, "thermostat none"), "run 0", "there is no fix none");
  bad_run(fix_line(flow, fine, "thermostat 1"), "run 0", "does not tell its target");
  const std::string hot = "fix hot all langevin 350 350 100 99\n";
  for (const char *how : {"thermostat hot", "thermostat 2", "temp 300"})
    bad_run(hot + fix_line(flow, fine, how), "run 1", "fix hot of style langevin holds 350 K");
  bad_run(hot + fix_line(flow, fine, "thermostat hot ensemble none"), "run 1",
          "the target of fix hot is 350");
  bad_run(fix_line(flow, fine, "temp 300 beads C N CA CB N C"), "run 1", "bead 5");
  bad_run("group some id 1 2 3 4 5\nfix bm some backmap 1 " + flow + " " + fine + " temp 300\n",
          "run 1", "expected 6, got 5");
  bad_run(fix_line(flow, fine, "temp 300 table no/such/folder/table"), "run 0", "cannot open file");
  bad_run(fix_line(flow, fine, "temp 300") + "fix r all restrain bond 1 2 1.0 1.0 2.0\n", "run 0",
          "fix_modify r energy yes");
  {
    PlainLammps one(system + fix_line(flow, fine, "temp 300"));
    refused(one, "compute rw all reweight no v_phi", "no fix backmap");
    refused(one, "compute rw all reweight bm v_nothing", "does not exist");
    refused(one, "compute rw all reweight bm", "expected compute ID group reweight");
  }
  {
    PlainLammps one(system + fix_line(flow, fine, "temp 300") + "run 2\n");
    refused(one, "compute rw all reweight bm v_phi", "before the first sample");
  }
  {
    PlainLammps two(
        "units real\natom_style bond\natom_modify map array\npair_style lj/cut 40.0\nread_data " +
        write_file("pair.data", coarse_data(2, 6, {}, test::ala2_bead_positions(1))) +
        "\npair_coeff * * 0.1 3.0\n" + fix_line(flow, fine, "temp 300"));
    refused(two, "run 1", "interactions between molecules");
  }
  {
    // not equivalent after all: a restraint on one hydrogen of a methyl group
    const auto uneven = write_file(
        "uneven.in",
        ala2_script("fix r all restrain bond 1 7 50.0 50.0 1.0\nfix_modify r energy yes\n"));
    PlainLammps one(system + fix_line(flow, uneven, "temp 300"));
    refused(one, "run 1", "are equivalent in the model");
  }
}

// a sample with an energy but without a value ends the run, and the rows before it are in the table
TEST(FixBackmap, ObservableWithoutAValue)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto table = scratch_file("novalue.txt");
  const auto rows = [&](const std::string &limit) {
    const auto fine =
        write_file("novalue.in", toy.fine_script("variable no equal 1e20*(v_r>" + limit + ")\n"));
    PlainLammps lmp(toy.coarse_script() +
                    fix_line(flow, fine, "samples 4 temp 300 observables v_no table " + table));
    const auto text = lmp.error_of(
        "rerun " + write_file("novalue.dump", toy_dump(toy, toy.coarse_k, 500, 1, 17)) +
        " dump x y z box no");
    for (const char *part :
         {": step ", ", molecule 1, sample ", ": observable v_no of the fine script ", "got 1e20"})
      EXPECT_EQ(text.find(part) == std::string::npos, text.empty()) << text;
    return std::make_pair(text.empty(), SampleTable::parse(read_file(table), table).rows.size());
  };
  EXPECT_EQ(rows("100.0"), std::make_pair(true, std::size_t(2000)));
  const auto some = rows("1.75");
  printf("%d rows before the sample without a value\n", static_cast<int>(some.second));
  EXPECT_FALSE(some.first);
  EXPECT_GT(some.second, 0u);
  EXPECT_LT(some.second, 2000u);
}

// energies that are not numbers are counted, not used
TEST(FixBackmap, NonFiniteEnergies)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  // the force of a NaN spring: sqrt(-1) where the atom is beyond r0
  const auto run = [&](const std::string &energy) {
    const auto fine = write_file(
        "nan.in",
        toy.fine_script("variable zero atom 0.0\nvariable ea atom " + energy +
                        "\ngroup one id 1\nfix f one addforce v_zero 0.0 0.0 energy v_ea\n"
                        "fix_modify f energy yes\n"));
    PlainLammps lmp(toy.coarse_script() + fix_line(flow, fine, "samples 400 temp 300"));
    const std::string text = lmp.error_of("run 1");
    if (!text.empty())
      return std::vector<double>{-1.0, text.find("-inf") != std::string::npos ? 1.0 : 0.0};
    return std::vector<double>{lmp.value("f_bm[10]"), lmp.value("f_bm[11]"), lmp.value("f_bm[3]")};
  };
  const auto infinite = run("(v_r>1.5)*1.0e308*10.0");
  if (infinite[0] >= 0.0) {
    EXPECT_GT(infinite[0] + infinite[1], 100.0);
    EXPECT_LT(infinite[0] + infinite[1], 300.0);
    EXPECT_GT(infinite[2], 0.2);
  } else
    ADD_FAILURE() << "LAMMPS refused the formula";
  EXPECT_EQ(run("-1.0e308*10.0")[1], 1.0) << "-inf is an error";
}

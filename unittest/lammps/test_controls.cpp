/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Controls that must fail. The right calculation passes statistical tests against closed forms, and the same tests
// catch it when one thing is wrong: the volume element of the internal coordinates, the temperature, the CG energy, the
// order of the beads, a mode that the flow leaves out. Everything through fix backmap and backmap_validate.
//
// Tests: z-scores of reweighted means and of F(z) against the exact values. 4.5 standard errors: a right calculation
// fails one with probability 7e-6 (normal), 1e-4 with Student's t of 31 degrees of freedom; a wrong one must be
// beyond 6. Seeds are fixed.

#include "backmap_test_models.h"

#include "lammps.h"
#include "statistics/sample_table.h"
#include "statistics/weights.h"

#include "json_beside_lammps.h"

#include <functional>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

constexpr double RIGHT = 4.5, WRONG = 6.0;

/* independent frames of the toy's CG model at kT scale * kT, beads in the order given */

std::string frames_of(const Toy &toy, int n, unsigned seed, double scale = 1.0,
                      const std::vector<int> &order = {0, 1, 2})
{
  std::mt19937_64 engine(seed);
  std::string text;
  for (int i = 0; i < n; i++) {
    const auto uniform = [&] { return ((engine() >> 11) + 0.5) * 0x1p-53; };
    const auto bond = [&](double k, double b0) {
      const double s = std::sqrt(0.5 * toy.kt * scale / k);
      for (;;) {
        const double b = b0 + 7.0 * s * (2.0 * uniform() - 1.0), top = b0 + 7.0 * s;
        if (b > 0.0 &&
            uniform() < b * b / (top * top) * std::exp(-0.5 * (b - b0) * (b - b0) / (s * s)))
          return b;
      }
    };
    const double a = bond(toy.coarse_k, toy.b0), c = bond(toy.other_k, toy.other_b),
                 cosine = 2.0 * uniform() - 1.0;
    const std::vector<double> bead{
        0.0, 0.0, 0.0, a, 0.0, 0.0, a - c * cosine, c * std::sqrt(1.0 - cosine * cosine), 0.0};
    std::vector<double> z;
    for (int k : order) z.insert(z.end(), bead.begin() + 3 * k, bead.begin() + 3 * k + 3);
    text += dump_frame(i + 1, z);
  }
  return text;
}

/* the table that fix backmap writes for these frames */

SampleTable sampled(const Toy &toy, const std::string &coarse, const std::string &dump, int samples)
{
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file(
      "toy.in",
      toy.fine_script(
          "variable c equal sqrt((x[2]-x[3])^2+(y[2]-y[3])^2+(z[2]-z[3])^2)\n"
          "variable t equal "
          "((x[2]-x[3])*(x[4]-x[3])+(y[2]-y[3])*(y[4]-y[3])+(z[2]-z[3])*(z[4]-z[3]))/(v_c*v_r)\n"));
  const auto table = scratch_file("controls.table");
  PlainLammps lmp(coarse + "fix bm all backmap 1 " + flow + " " + fine + " samples " +
                  std::to_string(samples) +
                  " temp 300 batch 256 observables v_b v_c v_r v_t table " + table + "\n");
  lmp.commands("rerun " + write_file("controls.dump", dump) + " dump x y z box no\nunfix bm");
  return SampleTable::parse(read_file(table), table);
}

/* largest z-score of the means of the three bonds and of their squared deviations, and that of F(z) */

struct Scores {
  double means = 0.0, f = 0.0;
};

Scores scores(const Toy &toy, const SampleTable &t)
{
  const double k[] = {toy.fine_k, toy.other_k, 0.5 * toy.kt / (toy.sr * toy.sr)},
               b0[] = {toy.b0, toy.other_b, toy.r0};
  SampleTable squares = t;
  for (std::size_t i = 0; i < t.values.size(); i++)
    if (i % 4 < 3) squares.values[i] = (t.values[i] - b0[i % 4]) * (t.values[i] - b0[i % 4]);
  const auto first = t.weights().estimates(), second = squares.weights().estimates();
  Scores s;
  for (int o = 0; o < 3; o++) {
    // exact: the density of a bond is b^2 exp(-k (b - b0)^2 / kT)
    double s0 = 0.0, s1 = 0.0, s2 = 0.0;
    for (double b = 0.3; b < 3.0; b += 1e-4) {
      const double w = b * b * std::exp(-k[o] * (b - b0[o]) * (b - b0[o]) / toy.kt);
      s0 += w;
      s1 += w * b;
      s2 += w * (b - b0[o]) * (b - b0[o]);
    }
    s.means = std::max({s.means, std::fabs(first[o].mean.value - s1 / s0) / first[o].mean.error,
                        std::fabs(second[o].mean.value - s2 / s0) / second[o].mean.error});
  }

  // F of every frame: its deviations average to zero
  double sum = 0.0, square = 0.0, frames = 0.0;
  for (std::size_t i = 0; i < t.rows.size(); i += t.samples) {
    std::vector<double> logf;
    for (int j = 0; j < t.samples; j++)
      logf.push_back(t.rows[i + j].logweight - t.rows[i + j].ucg / t.kt);
    const double d = free_energy(logf.data(), logf.size()).value -
        toy.free_energy(t.values[4 * i], t.values[4 * i + 1]) / t.kt;
    sum += d;
    square += d * d;
    frames += 1.0;
  }
  s.f = std::fabs(sum / frames) /
      std::sqrt((square - sum * sum / frames) / (frames * (frames - 1.0)));
  return s;
}

}    // namespace

TEST(Controls, RightPassesWrongDoesNot)
{
  const Toy toy;
  const int frames = 4000, samples = 8;
  const std::string coarse = toy.coarse_script(), dump = frames_of(toy, frames, 21);
  const SampleTable right = sampled(toy, coarse, dump, samples);
  const Scores good = scores(toy, right);
  EXPECT_LT(good.means, RIGHT);
  EXPECT_LT(good.f, RIGHT);
  const auto with =
      [&](const std::function<double(const SampleTable::Row &, const double *)> &logweight) {
        SampleTable t = right;
        for (std::size_t i = 0; i < t.rows.size(); i++)
          t.rows[i].logweight = logweight(t.rows[i], &t.values[4 * i]);
        return scores(toy, t);
      };
  // the weights are what the columns of the table say, so that a wrong formula can be put in their place
  const Scores same =
      with([&](const auto &r, const double *) { return (r.ucg - r.u) / toy.kt - r.logq; });
  EXPECT_NEAR(same.means, good.means, 1e-6);

  // wrong Jacobian: log q without - ln(r^2 sin t). Means of the atom's bond and F(z) are wrong
  const Scores jacobian = with([&](const auto &r, const double *o) {
    return (r.ucg - r.u) / toy.kt - (r.logq + std::log(o[2] * o[2] * std::sqrt(1.0 - o[3] * o[3])));
  });
  EXPECT_GT(jacobian.means, WRONG);
  EXPECT_GT(jacobian.f, WRONG);

  // wrong temperature in the weights, 315 K
  const Scores hot =
      with([&](const auto &r, const double *) { return (r.ucg - r.u) / (1.05 * toy.kt) - r.logq; });
  EXPECT_GT(hot.f, WRONG);

  // dropped CG energy: F(z) does not hold it, the means do
  const Scores dropped =
      with([&](const auto &r, const double *) { return -r.u / toy.kt - r.logq; });
  EXPECT_GT(dropped.means, WRONG);

  // a CG run at 390 K that was said to be at 300 K: the spread of the bonds is wrong
  const Scores other = scores(toy, sampled(toy, coarse, frames_of(toy, frames, 22, 1.3), samples));
  EXPECT_GT(other.means, WRONG);

  // swapped beads, 1 and 3: their bonds change places
  const Scores swapped =
      scores(toy, sampled(toy, coarse, frames_of(toy, frames, 23, 1.0, {2, 1, 0}), samples));
  EXPECT_GT(swapped.means, WRONG);
  printf("z of means and of F: right %.2f %.2f, Jacobian %.1f %.1f, weights at 315 K %.1f %.1f, no "
         "CG energy %.1f, run at 390 K "
         "%.1f, beads swapped %.1f\n",
         good.means, good.f, jacobian.means, jacobian.f, hot.means, hot.f, dropped.means,
         other.means, swapped.means);
}

// ---------------------------------------------------------------------- a mode that is not there

namespace {

/* two equal wells of the torsion of the atom, at 0 and 180 degrees, exp(-K (1 - cos 2p) / kT) */

constexpr double WELL = 6.0;    // K, kcal/mol

std::string two_wells(const Toy &toy, const std::string &extra = "")
{
  std::string script = toy.fine_script();
  const auto at = script.find("read_data ");
  script.insert(at, "dihedral_style harmonic\n");
  // the toy's data file with a torsion 4-3-2-1
  const auto name = script.substr(at + 24 + 10, script.find('\n', at + 24) - at - 34);
  std::string data = read_file(name);
  data.replace(data.find("1 angles\n"), 9, "1 angles\n1 dihedrals\n");
  data.replace(data.find("1 angle types\n"), 14, "1 angle types\n1 dihedral types\n");
  data += "\nDihedrals\n\n1 1 1 2 3 4\n";
  const auto own = write_file("wells.data", data);
  script.replace(script.find(name), name.size(), own);
  return script + "dihedral_coeff 1 " + std::to_string(WELL) + " -1 2\n" + extra;
}

/* the flow of the toy with a Gaussian torsion about the well at 180 degrees: half of the configurations cannot be drawn */

FlowSpec one_mode(const Toy &toy)
{
  FlowSpec s = toy.flow();
  s.circular.clear();
  s.linear = s.derive_linear();
  const double sp = std::sqrt(toy.kt / (4.0 * WELL));    // 1 - cos 2p is 2 (p - pi)^2
  s.linear_mean = {toy.r0, toy.t0, M_PI};
  s.linear_chol = {toy.sr, 0, 0, 0, toy.st, 0, 0, 0, sp};
  std::mt19937_64 random(1);
  s.affine[2] = BACKMAP_NS::test::random_layer(random, 6, 4, 0.0, 0.0);
  s.validate("flow of one mode");
  return s;
}

/* all-atom frames: torsion in either well with equal probability */

std::string all_atom(const Toy &toy, int n)
{
  std::mt19937_64 engine(5);
  const auto uniform = [&] { return ((engine() >> 11) + 0.5) * 0x1p-53; };
  const auto normal = [&] {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
  };
  std::string dump;
  for (int i = 0; i < n; i++) {
    auto x = toy.draw(engine, toy.fine_k);
    x.reserve(12);    // pointers into it stay
    double r, t, p;
    do r = toy.r0 + toy.sr * normal();
    while (uniform() > r * r / 4.0);
    do t = toy.t0 + toy.st * normal();
    while (uniform() > std::sin(t));
    do p = 2.0 * M_PI * uniform();
    while (uniform() > std::exp(-WELL * (1.0 - std::cos(2.0 * p)) / toy.kt));
    const double *a = &x[0], *b = &x[3], *c = &x[6];
    const double f[3] = {a[0] - b[0], a[1] - b[1], a[2] - b[2]};
    double e[3], n1[3], length = 0.0;
    for (int d = 0; d < 3; d++) length += (c[d] - b[d]) * (c[d] - b[d]);
    for (int d = 0; d < 3; d++) e[d] = (c[d] - b[d]) / std::sqrt(length);
    const double along = f[0] * e[0] + f[1] * e[1] + f[2] * e[2];
    length = 0.0;
    for (int d = 0; d < 3; d++) {
      n1[d] = f[d] - along * e[d];
      length += n1[d] * n1[d];
    }
    for (double &v : n1) v /= std::sqrt(length);    // p = 0 is cis to bead 1
    const double n2[3] = {e[1] * n1[2] - e[2] * n1[1], e[2] * n1[0] - e[0] * n1[2],
                          e[0] * n1[1] - e[1] * n1[0]};
    for (int d = 0; d < 3; d++)
      x.push_back(c[d] - r * std::cos(t) * e[d] +
                  r * std::sin(t) * (std::cos(p) * n1[d] + std::sin(p) * n2[d]));
    dump += dump_frame(i + 1, x);
  }
  return dump;
}

}    // namespace

// The flow that leaves out a well has a good Kish ESS, joint and conditional, and a good k-hat: they cannot see what was
// never drawn. Forward ESS and F(z), which is ln 2 too high, do.
TEST(Controls, MissingModeIsSeenByForwardEssAlone)
{
  const Toy toy;
  const auto fine = write_file("wells.in", two_wells(toy));
  const auto dump = write_file("wells.dump", all_atom(toy, 200));
  std::mt19937_64 engine(9);
  const auto z = toy.draw(engine, toy.coarse_k);
  const double b = std::hypot(z[3] - z[0], z[4] - z[1]), c = std::hypot(z[6] - z[3], z[7] - z[4]);
  // mean over the circle of exp(-K (1 - cos 2p) / kT), in place of 1 for a free torsion
  double well = 0.0;
  for (int i = 0; i < 100000; i++)
    well += std::exp(-WELL * (1.0 - std::cos(2.0 * M_PI * (i + 0.5) / 50000.0)) / toy.kt) / 100000;
  const double exact = toy.free_energy(b, c) - toy.kt * std::log(well);

  struct Result {
    double conditional, forward, joint, khat, threshold, z, shift;
  } result[2];
  for (int k = 0; k < 2; k++) {
    const auto flow = write_model("wells.flow", k == 0 ? toy.flow() : one_mode(toy));
    PlainLammps validate(two_wells(toy));
    const auto json = scratch_file("wells.json");
    validate.commands("backmap_validate " + flow + " " + fine +
                      " temp 300 samples 1000 frames 200 json " + json + " files " + dump +
                      " dump x y z box no");
    const auto j = nlohmann::json::parse(read_file(json));
    PlainLammps lmp(toy.coarse_script() + "fix bm all backmap 1 " + flow + " " + fine +
                    " samples 20000 temp 300 seed 5\n");
    lmp.commands("rerun " + write_file("one.dump", dump_frame(7, z)) + " dump x y z box no");
    const double f = lmp.value("f_bm[15]"), error = lmp.value("f_bm[16]");
    result[k] = {j["conditional_ess_fg_m1000"], j["forward_ess_fg"],  lmp.value("f_bm[3]"),
                 lmp.value("f_bm[8]"),          lmp.value("f_bm[9]"), std::fabs(f - exact) / error,
                 (f - exact) / toy.kt};
  }
  const Result &right = result[0], &missing = result[1];
  for (const auto &r : result)
    printf("%s: conditional ESS %.3f, joint %.3f, k-hat %.2f (%.2f), forward ESS %.2g, F(z) off by "
           "%.3f kT, z %.1f\n",
           &r == result ? "whole flow" : "one mode", r.conditional, r.joint, r.khat, r.threshold,
           r.forward, r.shift, r.z);
  EXPECT_LT(right.z, RIGHT);
  EXPECT_NEAR(right.shift, 0.0, 0.05);
  // not accused; both are the same number, but 200 frames hold few of the rare ones between the wells
  EXPECT_GT(right.forward, 0.8 * right.conditional);
  // blind: better than the right one in all of these
  EXPECT_GT(missing.conditional, 0.9);
  EXPECT_GT(missing.joint, 0.9);
  EXPECT_LT(missing.khat, missing.threshold);
  // caught
  EXPECT_LT(missing.forward, 1e-3);
  EXPECT_LT(missing.forward, 0.01 * missing.conditional);
  EXPECT_GT(missing.z, WRONG);
  EXPECT_NEAR(missing.shift, std::log(2.0), 0.05);
}

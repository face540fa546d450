/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator as a whole: density of samples, Jacobian of the whole map, backends, precisions,
// batches, normalisation.

#include "drawn_batch.h"
#include "dual.h"
#include "flow/backend.h"
#include "flow_test_support.h"

#include "gtest/gtest.h"

#include <cstring>

using namespace BACKMAP_NS;
using namespace BACKMAP_NS::test;

namespace {

using Precision = Flow::Precision;

struct Batch : DrawnBatch {
  Batch(int nframes, int nsamples, int nbeads = 6) : DrawnBatch(nframes, nsamples)
  {
    for (int i = 0; i < frames; i++) {
      const auto one = ala2_bead_positions(100 + i);
      z.insert(z.end(), one.begin(), one.begin() + 3 * nbeads);
    }
  }
};

FlowShape all_kinds()
{
  FlowShape shape;
  shape.free_torsion = true;
  shape.couplings = 5;
  return shape;
}

/* ----------------------------------------------------------------------
   base -> x of one sample on dual numbers; the layers are the ones of the evaluator
------------------------------------------------------------------------- */

void base_to_x(const FlowSpec &spec, const FlowParameters<double> &parameters, std::vector<Dual> l,
               std::vector<Dual> c, const std::vector<Dual> &shift, std::vector<Dual> &x)
{
  const auto couplings = parameters.couplings(parameters.ints.data(), parameters.weights.data());
  const FlowView<double> f =
      parameters.view(parameters.tables.ints.data(), parameters.tables.reals.data(),
                      parameters.weights.data(), couplings.data());
  const InternalView &g = f.geometry;
  const SerialMember member;
  const int h = f.hidden;

  std::vector<double> z(3 * g.nbeads), raw(f.nf);
  for (int i = 0; i < g.nbeads; i++)
    for (int d = 0; d < 3; d++) z[3 * i + d] = x[3 * g.bead_atom[i] + d].v;
  features(spec.features, z.data(), raw.data());
  std::vector<Dual> feature(f.nf), h1(h), h2(h), out(2 * g.nl), q(f.input_rows()),
      logdet(g.nl + g.nc);
  for (int i = 0; i < f.nf; i++) feature[i] = (raw[i] - spec.feature_mean[i]) / spec.feature_std[i];

  for (int k = f.ncouplings - 1; k >= 0; k--) {
    const CouplingView<double> &v = couplings[k];
    coupling_inputs(member, v, 1, l.data(), c.data(), q.data());
    dense<1>(member, v.cond_weight, v.in_bias, h, f.nf, 1, feature.data(), h1.data(), false);
    dense<1>(member, v.in_weight, (const double *) nullptr, h, v.inputs(), 1, q.data(), h1.data(),
             true);
    dense<1>(member, v.hidden_weight, v.hidden_bias, h, h, 1, h1.data(), h2.data(), true);
    coupling_transform<1>(member, v, f.splines, h, 1, h2.data(), true, l.data(), c.data(),
                          logdet.data());
  }
  dense<1>(member, f.affine_weight[0], f.affine_bias[0], h, f.nf, 1, feature.data(), h1.data(),
           true);
  dense<1>(member, f.affine_weight[1], f.affine_bias[1], h, h, 1, h1.data(), h2.data(), true);
  dense<1>(member, f.affine_weight[2], f.affine_bias[2], 2 * g.nl, h, 1, h2.data(), out.data(),
           false);
  for (int i = 0; i < g.nl; i++) l[i] = l[i] * p_exp(out[g.nl + i]) + out[i];
  std::vector<Dual> y(3 * g.nrows);
  Dual volume, bad;
  from_internal<Dual>(g, l.data(), c.data(), shift.data(), y.data(), x.data(), 1, &volume, &bad);
  EXPECT_EQ(bad.v, 0.0);
}

}    // namespace

// ----------------------------------------------------------------------

TEST(Flow, DensityOfSamplesIsTheDensity)
{
  for (const auto &shape : {FlowShape(), all_kinds()}) {
    const FlowSpec spec = random_flow(1, shape);
    const auto flow = make(spec);
    Batch run(20, 10);
    run.sample(*flow);
    std::vector<double> again(run.total());
    flow->log_prob(run.total(), run.x.data(), again.data());
    int finite = 0;
    for (int i = 0; i < run.total(); i++) {
      if (!std::isfinite(run.logq[i])) continue;
      finite++;
      ASSERT_NEAR(again[i], run.logq[i], 1e-9 * std::fmax(1.0, std::fabs(run.logq[i]))) << i;
    }
    EXPECT_GT(finite, run.total() * 9 / 10);
  }
}

TEST(Flow, BeadsStayWhereTheyAre)
{
  const FlowSpec spec = random_flow(1);
  const auto flow = make(spec, Precision::Single);
  Batch run(5, 3);
  run.sample(*flow);
  for (int i = 0; i < run.total(); i++)
    for (int b = 0; b < 6; b++)
      for (int d = 0; d < 3; d++)
        EXPECT_EQ(run.x[i * 66 + 3 * ala2_beads()[b] + d], run.z[(i / 3) * 18 + 3 * b + d]);
}

// log q of the evaluator against the determinant of the whole map by automatic differentiation.
// The evaluator's terms left out one at a time must be noticed.

TEST(Flow, JacobianOfTheWholeMap)
{
  for (const auto &shape : {FlowShape(), all_kinds()}) {
    const FlowSpec spec = random_flow(2, shape);
    const FlowParameters<double> parameters(spec);
    const auto flow = make(spec);
    const int nl = spec.nl(), nc = spec.nc(), n = nl + nc;
    std::mt19937_64 random(4);
    std::normal_distribution<double> normal;
    std::uniform_real_distribution<double> uniform(-BACKMAP_PI, BACKMAP_PI);
    for (int trial = 0; trial < 3; trial++) {
      std::vector<Dual> l(nl), c(nc), shift, x0(66, 0.0), x;
      double base = -0.5 * nl * std::log(2 * BACKMAP_PI) - nc * std::log(2 * BACKMAP_PI);
      for (auto &v : l) {
        v = 0.7 * normal(random);
        base -= 0.5 * v.v * v.v;
      }
      for (auto &v : c) v = uniform(random);
      for (std::size_t q = 0; q < spec.rotors.size(); q++) shift.push_back((double) (random() % 3));
      const auto z = ala2_bead_positions(trial);
      for (int i = 0; i < 18; i++) x0[3 * ala2_beads()[i / 3] + i % 3] = z[i];

      std::vector<double> jacobian(n * n), at(66);
      for (int k = 0; k < n; k++) {
        auto lk = l, ck = c;
        (k < nl ? lk[k] : ck[k - nl]).d = 1.0;
        x = x0;
        base_to_x(spec, parameters, lk, ck, shift, x);
        int i = 0;
        for (const auto &row : spec.zmatrix)
          for (int d = 0; d < 3; d++) jacobian[(i++) * n + k] = x[3 * row[0] + d].d;
      }
      for (int i = 0; i < 66; i++) at[i] = x[i].v;

      // labels of three rotors with three atoms each are drawn uniformly

      const double exact = base - log_abs_det(jacobian, n) - 3 * std::log(3.0);
      double logq = 0.0;
      flow->log_prob(1, at.data(), &logq);
      EXPECT_NEAR(logq, exact, 1e-9);

      const InternalCoords ic(spec);
      std::vector<double> dev(nl), cc(nc);
      double volume = 0.0;
      ASSERT_TRUE(ic.to_internal(at.data(), dev.data(), cc.data(), &volume));
      for (const double term : {volume, ic.view().log_chol, std::log(3.0), 1e-6})
        EXPECT_GT(std::fabs(logq + term - exact), 1e-8) << "would not be noticed";
    }
  }
}

// E_q[p/q] = 1 for every density p that lives where q does: here p has no networks, its density is
// written out below. 5 standard errors; for other seeds the false-alarm rate would be 6e-7 a check.

TEST(Flow, Normalisation)
{
  FlowShape shape;
  shape.strength = 0.1;
  const FlowSpec spec = random_flow(3, shape);
  const auto flow = make(spec, Precision::Single);
  Batch run(1, 100000);
  run.sample(*flow, 5);
  const InternalCoords ic(spec);
  const int nl = spec.nl(), nc = spec.nc();
  std::vector<double> l(nl), c(nc);
  const double width = 0.85;
  double sum = 0.0, square = 0.0;
  for (int i = 0; i < run.total(); i++) {
    double volume = 0.0;
    if (!std::isfinite(run.logq[i])) continue;
    ASSERT_TRUE(ic.to_internal(&run.x[i * 66], l.data(), c.data(), &volume));
    ic.whiten(l.data());
    double logp = -nc * std::log(2 * BACKMAP_PI) - volume - ic.view().log_chol;
    for (const double v : l)
      logp -= 0.5 * v * v / (width * width) + 0.5 * std::log(2 * BACKMAP_PI) + std::log(width);
    const double w = std::exp(logp - run.logq[i]);
    sum += w;
    square += w * w;
  }
  const double n = run.total(), mean = sum / n;
  const double error = std::sqrt((square / n - mean * mean) / n);
  ASSERT_LT(error, 0.01) << "the test would see nothing";
  EXPECT_NEAR(mean, 1.0, 5 * error);

  // control: a Jacobian that is wrong by a lost label factor or by the mean of one log-scale

  EXPECT_GT(std::fabs(mean * std::exp(-std::log(3.0)) - 1.0), 5 * error);
  EXPECT_GT(std::fabs(mean * std::exp(0.06) - 1.0), 5 * error);
}

TEST(Flow, IdentityFlowIsGaussian)
{
  FlowShape shape;
  shape.strength = 0.0;
  shape.couplings = 0;
  const FlowSpec spec = random_flow(3, shape);
  const auto flow = make(spec);
  Batch run(1, 20000);
  run.sample(*flow);
  const InternalCoords ic(spec);
  std::vector<double> l(spec.nl()), c(spec.nc()), m1(spec.nl()), m2(spec.nl());
  double cosine = 0.0, sine = 0.0;
  int labels[3] = {0, 0, 0};
  for (int i = 0; i < run.total(); i++) {
    double volume = 0.0;
    ASSERT_TRUE(ic.to_internal(&run.x[i * 66], l.data(), c.data(), &volume));
    ic.whiten(l.data());
    for (int k = 0; k < spec.nl(); k++) {
      m1[k] += l[k];
      m2[k] += l[k] * l[k];
    }
    cosine += std::cos(c[1]);
    sine += std::sin(c[1]);
    const auto at = [&](int a) {
      const double *p = &run.x[i * 66 + 3 * a];
      return Vec3<double>{p[0], p[1], p[2]};
    };
    const double turn = dihedral(at(11), at(10), at(8), at(6)) / (2 * BACKMAP_PI);
    labels[(int) (3 * (turn - std::floor(turn))) % 3]++;
  }

  // 96 checks at 5 standard errors: false alarm 6e-5 for another seed

  const double n = run.total(), five = 5.0 / std::sqrt(n);
  for (int k = 0; k < spec.nl(); k++) {
    EXPECT_NEAR(m1[k] / n, 0.0, five) << k;
    EXPECT_NEAR(m2[k] / n, 1.0, five * std::sqrt(2.0)) << k;
  }
  EXPECT_NEAR(cosine / n, 0.0, five * std::sqrt(0.5));
  EXPECT_NEAR(sine / n, 0.0, five * std::sqrt(0.5));
  for (const int k : labels) EXPECT_NEAR(k / n, 1.0 / 3.0, five * std::sqrt(2.0) / 3.0);
}

// ----------------------------------------------------------------------

class FlowBackends : public ::testing::TestWithParam<std::tuple<Precision, std::string>> {};

TEST_P(FlowBackends, BitwiseTheSameInAnyBatch)
{
  const Precision precision = std::get<0>(GetParam());
  const FlowSpec spec = random_flow(6, all_kinds());
  const auto flow = make(spec, precision, std::get<1>(GetParam()));
  Batch all(37, 23);
  all.sample(*flow);
  std::vector<double> density(all.total());
  flow->log_prob(all.total(), all.x.data(), density.data());

  // one frame, one sample at a time

  for (const int frame : {0, 5, 36})
    for (const int sample : {0, 1, 22}) {
      Batch one(1, 1);
      for (int i = 0; i < 18; i++) one.z[i] = all.z[18 * frame + i];
      one.timestep[0] = all.timestep[frame];
      one.molecule[0] = all.molecule[frame];
      one.sample(*flow, 17, sample);
      const std::size_t at = (std::size_t) frame * 23 + sample;
      EXPECT_TRUE(same_bits(one.x.data(), &all.x[66 * at], 66)) << frame << " " << sample;
      EXPECT_TRUE(same_bits(one.logq.data(), &all.logq[at], 1));
      double logq = 0.0;
      flow->log_prob(1, &all.x[66 * at], &logq);
      EXPECT_TRUE(same_bits(&logq, &density[at], 1));
    }

  // all sizes of batches that end inside tiles

  for (const int frames : {2, 3, 7, 12, 36}) {
    Batch some(frames, 23);
    some.sample(*flow);
    EXPECT_TRUE(same_bits(some.x.data(), all.x.data(), some.x.size())) << frames;
    EXPECT_TRUE(same_bits(some.logq.data(), all.logq.data(), some.logq.size())) << frames;
  }

  // the same again, with the same object

  Batch again(37, 23);
  again.sample(*flow);
  EXPECT_TRUE(same_bits(again.x.data(), all.x.data(), all.x.size()));
}

// what annealing needs: the points that were drawn give the same samples, others give others, labels stay random
TEST_P(FlowBackends, PointsOfTheBaseAreMapped)
{
  const Precision precision = std::get<0>(GetParam());
  const FlowSpec spec = random_flow(6, all_kinds());
  const auto flow = make(spec, precision, std::get<1>(GetParam()));
  ASSERT_EQ(flow->nlatent(), spec.nl() + spec.nc());
  const auto circular = flow->circular();
  for (int k = 0; k < flow->nlatent(); k++) EXPECT_EQ(circular[k], k >= spec.nl()) << k;

  Batch all(37, 23);
  all.sample(*flow);
  const std::size_t nu = flow->nlatent(), n3 = 66;
  for (std::size_t i = 0; i < all.drawn.size(); i++)
    EXPECT_LE(std::fabs(all.drawn[i]), circular[i % nu] ? BACKMAP_PI : 7.0) << i;

  Batch again(37, 23);
  again.latent = all.drawn;
  again.sample(*flow);
  EXPECT_TRUE(same_bits(again.x.data(), all.x.data(), all.x.size()));
  EXPECT_TRUE(same_bits(again.logq.data(), all.logq.data(), all.logq.size()));
  EXPECT_EQ(again.drawn, all.drawn);

  // random numbers of another seed: labels alone, of which log q does not depend

  again.sample(*flow, 18);
  for (std::size_t i = 0; i < all.logq.size(); i++)
    if (std::isfinite(all.logq[i])) { EXPECT_NEAR(again.logq[i], all.logq[i], 1.0e-9) << i; }
  EXPECT_FALSE(same_bits(again.x.data(), all.x.data(), all.x.size()));

  // a sample alone, and a point of our own whose density is the density

  Batch one(1, 1);
  const std::size_t at = 5 * 23 + 7;
  for (int i = 0; i < 18; i++) one.z[i] = all.z[18 * 5 + i];
  one.timestep[0] = all.timestep[5];
  one.molecule[0] = all.molecule[5];
  one.latent.assign(all.drawn.begin() + at * nu, all.drawn.begin() + (at + 1) * nu);
  one.sample(*flow, 17, 7);
  EXPECT_TRUE(same_bits(one.x.data(), &all.x[n3 * at], n3));
  for (std::size_t k = 0; k < nu; k++) one.latent[k] = 0.9 * one.latent[k] + 0.05;
  one.sample(*flow, 17, 7);
  EXPECT_FALSE(same_bits(one.x.data(), &all.x[n3 * at], n3));
  double logq = 0.0;
  flow->log_prob(1, one.x.data(), &logq);
  EXPECT_NEAR(logq, one.logq[0], precision == Precision::Single ? 1.0e-2 : 1.0e-8);
}

TEST_P(FlowBackends, AgreesWithSerialDouble)
{
  const Precision precision = std::get<0>(GetParam());
  const FlowSpec spec = random_flow(6, all_kinds());
  const auto flow = make(spec, precision, std::get<1>(GetParam()));
  const auto reference = make(spec);
  Batch a(20, 10), b(20, 10);
  a.sample(*flow);
  b.sample(*reference);
  const double tolerance = precision == Precision::Double ? 1e-12 : 1e-4;
  double worst = 0.0;
  for (int i = 0; i < a.total(); i++) {
    ASSERT_EQ(std::isfinite(a.logq[i]), std::isfinite(b.logq[i])) << i;
    if (!std::isfinite(a.logq[i])) continue;
    worst = std::fmax(worst, std::fabs(a.logq[i] - b.logq[i]) / std::fabs(b.logq[i]));
    for (int k = 0; k < 66; k++) ASSERT_NEAR(a.x[66 * i + k], b.x[66 * i + k], tolerance) << i;
  }

  // a sample moves a little with the precision; the density of the same point is the sharper test

  EXPECT_LT(worst, precision == Precision::Double ? 1e-12 : 1e-5);
  std::vector<double> p(a.total()), q(a.total());
  flow->log_prob(a.total(), b.x.data(), p.data());
  reference->log_prob(a.total(), b.x.data(), q.data());
  for (int i = 0; i < a.total(); i++) {
    if (!std::isfinite(q[i])) continue;
    ASSERT_NEAR(p[i], q[i], std::fabs(q[i]) * (precision == Precision::Double ? 1e-12 : 1e-5));
  }
}

INSTANTIATE_TEST_SUITE_P(All, FlowBackends,
                         ::testing::Combine(::testing::Values(Precision::Single, Precision::Double),
                                            ::testing::Values("serial", "kokkos")),
                         [](const auto &test) {
                           return std::get<1>(test.param) +
                               (std::get<0>(test.param) == Precision::Single ? "Single" : "Double");
                         });

TEST(Flow, SerialAndKokkosAreBitwiseEqualOnTheHost)
{
  if (!kokkos_is_on_host()) GTEST_SKIP() << "Kokkos computes on a device";
  for (const auto precision : {Precision::Single, Precision::Double}) {
    const FlowSpec spec = random_flow(6, all_kinds());
    const auto serial = make(spec, precision, "serial"), kokkos = make(spec, precision, "kokkos");
    Batch a(9, 31), b(9, 31);
    a.sample(*serial);
    b.sample(*kokkos);
    EXPECT_TRUE(same_bits(a.x.data(), b.x.data(), a.x.size()));
    EXPECT_TRUE(same_bits(a.logq.data(), b.logq.data(), a.logq.size()));
  }
}

// ----------------------------------------------------------------------

TEST(Flow, SamplesDependOnSeedStepMoleculeAndNumberOnly)
{
  const FlowSpec spec = random_flow(1);
  const auto flow = make(spec, Precision::Single);
  const auto first = [&](std::uint64_t seed, std::int64_t step, std::int64_t molecule, int sample) {
    Batch run(1, 1);
    run.timestep[0] = step;
    run.molecule[0] = molecule;
    run.sample(*flow, seed, sample);
    return run.x[3];
  };
  const double x = first(1, 2, 3, 4);
  EXPECT_EQ(first(1, 2, 3, 4), x);
  EXPECT_NE(first(2, 2, 3, 4), x);
  EXPECT_NE(first(1, 3, 3, 4), x);
  EXPECT_NE(first(1, 2, 4, 4), x);
  EXPECT_NE(first(1, 2, 3, 5), x);
  EXPECT_NE(first(1, 2 + (1ll << 40), 3, 4), x) << "steps are 64 bits";
}

TEST(Flow, DrawsWithoutAnImageHaveWeightZero)
{
  FlowSpec spec = random_flow(1);
  const int nl = spec.nl();
  for (int i = 0; i < nl; i++)
    if (spec.linear[i] == 2) spec.linear_chol[i * nl + i] = 1.0;    // a bond of 1.4 +- 1 A
  const auto flow = make(spec, Precision::Single);
  Batch run(1, 4000);
  run.sample(*flow);
  int zero = 0;
  for (int i = 0; i < run.total(); i++) {
    ASSERT_FALSE(std::isnan(run.logq[i]));
    ASSERT_NE(run.logq[i], -HUGE_VAL);
    zero += run.logq[i] == HUGE_VAL;
  }
  EXPECT_GT(zero, 0);
  EXPECT_LT(zero, run.total() / 2);
}

TEST(Flow, FrameWithoutAnImageIsOnlyItsOwn)
{
  const FlowSpec spec = random_flow(1);
  for (const char *backend : {"serial", "kokkos"}) {
    const auto flow = make(spec, Precision::Single, backend);
    Batch good(3, 20), bad(3, 20);
    for (int i = 0; i < 18; i++) bad.z[18 + i] = std::nan("");
    good.sample(*flow);
    bad.sample(*flow);
    for (int i = 0; i < 60; i++) {
      if (i / 20 == 1) {
        EXPECT_EQ(bad.logq[i], HUGE_VAL) << i;
      } else {
        EXPECT_TRUE(same_bits(&bad.x[66 * i], &good.x[66 * i], 66)) << i;
      }
    }
  }
}

TEST(Flow, DensityIsZeroWithoutAnImage)
{
  const FlowSpec spec = random_flow(1);
  const auto flow = make(spec);
  Batch run(1, 1);
  run.sample(*flow);
  for (int d = 0; d < 3; d++) run.x[3 * 5 + d] = run.x[3 * 4 + d];
  double logq = 0.0;
  flow->log_prob(1, run.x.data(), &logq);
  EXPECT_EQ(logq, -HUGE_VAL);
}

TEST(Flow, MovesWithTheMolecule)
{
  const FlowSpec spec = random_flow(1);
  const auto flow = make(spec);
  Batch a(2, 5), b(2, 5);
  for (int i = 0; i < 12; i++) {    // a quarter turn about z and a shift
    b.z[3 * i] = -a.z[3 * i + 1] + 3.0;
    b.z[3 * i + 1] = a.z[3 * i] - 7.0;
    b.z[3 * i + 2] = a.z[3 * i + 2] + 1.5;
  }
  a.sample(*flow);
  b.sample(*flow);
  for (int i = 0; i < a.total(); i++) {
    ASSERT_NEAR(a.logq[i], b.logq[i], 1e-9);
    for (int k = 0; k < 22; k++) {
      const double *p = &a.x[66 * i + 3 * k], *q = &b.x[66 * i + 3 * k];
      ASSERT_NEAR(q[0], -p[1] + 3.0, 1e-10);
      ASSERT_NEAR(q[1], p[0] - 7.0, 1e-10);
      ASSERT_NEAR(q[2], p[2] + 1.5, 1e-10);
    }
  }
}

TEST(Flow, CallErrors)
{
  const FlowSpec spec = random_flow(1);
  EXPECT_THROW(make(spec, Precision::Single, "cuda"), std::runtime_error);
  FlowSpec broken = spec;
  broken.linear_mean.pop_back();
  EXPECT_THROW(make(broken), std::runtime_error);
  const auto flow = make(spec);
  Batch none(1, 0);
  EXPECT_THROW(none.sample(*flow), std::runtime_error);
  Batch empty(0, 3);
  empty.sample(*flow);    // no frames: nothing happens
  flow->log_prob(0, nullptr, nullptr);
}

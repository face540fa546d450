/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Weights against closed forms.  Seeds are fixed, so a test that passes passes always; the stated false-alarm rate is
// the probability that a correct program would fail for a random seed.  Each statistical test has a control: the same
// check applied to a wrong quantity must fail.

#include "statistics/weights.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();

/* normal numbers that do not depend on the standard library's distributions */

class Normal {
 public:
  explicit Normal(std::uint64_t seed) : engine(seed) {}
  double operator()()
  {
    const double u = (engine() >> 11) * 0x1p-53 + 0x1p-54, v = (engine() >> 11) * 0x1p-53;
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
  }

 private:
  std::mt19937_64 engine;
};

/* log w_ij = a u_i + b v_ij: E w^2 / (E w)^2 = exp(a^2 + b^2).  Observables: u_i, whose reweighted mean is a, and 1 */

WeightSet hierarchy(double a, double b, int frames, int m, std::uint64_t seed, double rho = 0.0)
{
  Normal normal(seed);
  WeightSet set(2);
  double u = normal();
  for (int i = 0; i < frames; i++) {
    std::vector<double> l, o;
    for (int j = 0; j < m; j++) {
      l.push_back(a * u + b * normal() + 1000.0);
      o.insert(o.end(), {u, 1.0});
    }
    set.add_frame({i, 0, 1}, m, l.data(), o.data());
    u = rho * u + std::sqrt(1.0 - rho * rho) * normal();
  }
  return set;
}

}    // namespace

TEST(Weights, LogSumExpNeverOverflows)
{
  const double a[] = {1000.0, 1000.0 + std::log(3.0), -INF};
  EXPECT_NEAR(log_sum_exp(a, 3), 1000.0 + std::log(4.0), 1e-12);
  const double none[] = {-INF, -INF};
  EXPECT_EQ(log_sum_exp(none, 2), -INF);
  EXPECT_EQ(log_sum_exp(none, 0), -INF);
}

TEST(Weights, NormalizedWeightsAddUpToOne)
{
  const auto w = normalized_weights(
      {800.0, -INF, 800.0 + std::log(3.0), std::numeric_limits<double>::quiet_NaN()});
  ASSERT_EQ(w.size(), 4u);
  EXPECT_NEAR(w[0], 0.25, 1e-12);
  EXPECT_EQ(w[1], 0.0);
  EXPECT_NEAR(w[2], 0.75, 1e-12);
  EXPECT_EQ(w[3], 0.0);
  EXPECT_EQ(normalized_weights({-INF, -INF}), std::vector<double>(2, 0.0));
  EXPECT_TRUE(normalized_weights({}).empty());
}

TEST(Weights, KishAndEntropyOfKnownWeights)
{
  const double l[] = {std::log(1.0), std::log(2.0), std::log(3.0), -INF};
  EXPECT_NEAR(kish_ess(l, 4), 36.0 / (4.0 * 14.0), 1e-15);
  const double h =
      -(1. / 6. * std::log(1. / 6.) + 1. / 3. * std::log(1. / 3.) + 0.5 * std::log(0.5));
  EXPECT_NEAR(entropy_ess(l, 4), std::exp(h) / 4.0, 1e-15);
  const double equal[] = {-5.0, -5.0, -5.0};
  EXPECT_NEAR(kish_ess(equal, 3), 1.0, 1e-15);
  EXPECT_NEAR(entropy_ess(equal, 3), 1.0, 1e-15);
  const double dead[] = {-INF, -INF};
  EXPECT_EQ(kish_ess(dead, 2), 0.0);
}

TEST(Weights, QuantileInterpolates)
{
  EXPECT_NEAR(quantile({4.0, 1.0, 3.0, 2.0}, 0.5), 2.5, 1e-15);
  EXPECT_NEAR(quantile({4.0, 1.0, 3.0, 2.0}, 0.1), 1.3, 1e-15);
  EXPECT_TRUE(std::isnan(quantile({}, 0.5)));
}

// Spreads over 60 seeds of a numpy version: 0.0015, 0.0013, 0.0013, 0.0017 (in the order of the checks); bounds at four
// to five of them, so a false alarm below 1e-4 each.
TEST(Weights, HierarchicalLogNormalHasItsThreeSampleSizes)
{
  const double a = 0.4, b = 0.5;
  const int m = 16;
  const WeightSet set = hierarchy(a, b, 60000, m, 7);
  const double within = std::exp(b * b) - 1.0;
  EXPECT_NEAR(set.joint_ess() / std::exp(-a * a - b * b), 1.0, 0.007);
  const double raw = std::exp(-a * a) / (1.0 + within / m);
  EXPECT_NEAR(set.marginal_ess() / raw, 1.0, 0.006);
  EXPECT_NEAR(set.marginal_ess_corrected() / std::exp(-a * a), 1.0, 0.006);
  EXPECT_NEAR(set.log_mean_weight() - 1000.0, 0.5 * (a * a + b * b), 0.008);
  // control: the raw figure is not the corrected one, and the bound sees the difference
  EXPECT_GT(std::fabs(set.marginal_ess() / std::exp(-a * a) - 1.0), 0.012);
  EXPECT_TRUE(std::isnan(hierarchy(a, b, 10, 1, 3).marginal_ess_corrected()));
}

TEST(Weights, MarginalOfAPerfectCoarseModelStopsBelowOne)
{
  // 0.980 for M = 16 at a conditional ESS of 0.75, that is exp(b^2) = 1/0.75; spread over seeds 0.0002, false alarm 1e-6
  const WeightSet set = hierarchy(0.0, std::sqrt(std::log(1.0 / 0.75)), 40000, 16, 11);
  EXPECT_NEAR(set.marginal_ess(), 1.0 / (1.0 + (1.0 / 0.75 - 1.0) / 16), 0.001);
  EXPECT_NEAR(set.marginal_ess_corrected(), 1.0, 0.001);
}

TEST(Weights, ConditionalNeedsItsNumberOfSamples)
{
  const double b = std::sqrt(std::log(1.0 / 0.75));
  // medians at finite M from a numpy version, spreads 0.0005 and 0.0007: false alarm below 1e-5
  EXPECT_NEAR(hierarchy(0.7, b, 2000, 500, 5).conditional_ess(), 0.7528, 0.003);
  EXPECT_NEAR(hierarchy(0.7, b, 20000, 16, 5).conditional_ess(), 0.7946, 0.004);
  WeightSet set(0);
  const double even[] = {0.0, 0.0}, one[] = {0.0, -INF}, none[] = {-INF, -INF};
  set.add_frame({0, 0, 1}, 2, even, nullptr);
  set.add_frame({1, 0, 1}, 2, one, nullptr);
  set.add_frame({2, 0, 1}, 2, none, nullptr);
  EXPECT_NEAR(set.conditional_ess(), 0.5, 1e-15);
  EXPECT_NEAR(set.conditional_ess(0.0), 0.0, 1e-15);
  EXPECT_EQ(set.zero_weights(), 3u);
}

// reference values from a separate numpy implementation of the same two papers
TEST(Weights, ParetoFitAgainstReference)
{
  const struct {
    double k, khat, sigma;
  } reference[] = {{0.3, 0.31507124246076457, 0.9919964876956547},
                   {0.9, 0.876438590035224, 1.0014442239814647},
                   {-0.2, -0.15286048535037824, 0.9845880516923902}};
  for (const auto &r : reference) {
    std::vector<double> x;
    for (int i = 0; i < 200; i++)
      x.push_back((std::pow(1.0 - (i + 0.5) / 200.0, -r.k) - 1.0) / r.k);
    const ParetoShape fit = fit_generalized_pareto(x);
    EXPECT_NEAR(fit.k, r.khat, 1e-9);
    EXPECT_NEAR(fit.sigma, r.sigma, 1e-9);
  }
  std::vector<double> l;
  for (int i = 0; i < 1000; i++)
    l.push_back(2.0 * std::sin(i * 12.9898) * std::cos(i * 78.233) + (i % 37) / 9.);
  const ParetoTail tail = pareto_khat(l);
  EXPECT_EQ(tail.tail, 95);
  EXPECT_NEAR(tail.khat, 0.04584069150216599, 1e-9);
  EXPECT_NEAR(tail.threshold, 1.0 - 1.0 / 3.0, 1e-15);
  for (double &v : l) v += 12345.0;
  EXPECT_NEAR(pareto_khat(l).khat, tail.khat, 1e-8)
      << "k-hat must not depend on the constant of the weights";
}

TEST(Weights, KhatTellsTailsApart)
{
  // w = u^-k has a Pareto tail of shape k; false alarms below 1e-3 (standard error 0.04 and 0.06 with 300 tail values)
  std::mt19937_64 engine(3);
  for (double k : {0.3, 1.2}) {
    std::vector<double> l;
    for (int i = 0; i < 10000; i++) l.push_back(-k * std::log(((engine() >> 11) + 0.5) * 0x1p-53));
    const ParetoTail tail = pareto_khat(l);
    EXPECT_EQ(tail.tail, 300);
    EXPECT_NEAR(tail.khat, k, 0.25);
    EXPECT_EQ(tail.khat > tail.threshold, k > 0.7);
  }
  EXPECT_TRUE(std::isnan(pareto_khat(std::vector<double>(1000, 2.0)).khat));
  EXPECT_TRUE(std::isnan(pareto_khat(std::vector<double>(1000, -INF)).khat));
  EXPECT_TRUE(std::isnan(pareto_khat({1.0, 2.0, 3.0}).khat));
  EXPECT_EQ(pareto_khat(std::vector<double>(20, 0.0)).tail, 4);
}

TEST(Weights, FreeEnergyJackknifeRemovesTheLogBias)
{
  // f = exp(s v - s^2/2): E f = 1, F = 0; bias of the raw estimate (exp(s^2)-1)/(2m) = 0.0355 for s = 0.7, m = 9.
  // Mean over 40,000 repeats: standard error 0.0010; false alarm 1e-4 at four of them. Control: the raw one must fail.
  Normal normal(17);
  const double s = 0.7;
  const int m = 9, repeats = 40000;
  double raw = 0.0, value = 0.0;
  for (int r = 0; r < repeats; r++) {
    double l[m];
    for (double &v : l) v = s * normal() - 0.5 * s * s;
    const FreeEnergy f = free_energy(l, m);
    raw += f.raw / repeats;
    value += f.value / repeats;
  }
  EXPECT_NEAR(value, 0.0, 0.005);
  EXPECT_GT(raw, 0.02);
}

TEST(Weights, FreeEnergyOfFewSamples)
{
  const double equal[] = {2.0, 2.0, 2.0};
  EXPECT_NEAR(free_energy(equal, 3).value, -2.0, 1e-14);
  EXPECT_NEAR(free_energy(equal, 3).error, 0.0, 1e-14);
  const double one[] = {2.0, -INF};
  EXPECT_NEAR(free_energy(one, 2).value, -2.0 + std::log(2.0), 1e-14);
  EXPECT_TRUE(std::isnan(free_energy(one, 2).error));
  const double none[] = {-INF, -INF};
  EXPECT_EQ(free_energy(none, 2).value, INF);
  // two samples by hand: F = -log((1+3)/2); leave-one-out -log 3 and -log 1; jackknife 2F - mean
  const double two[] = {0.0, std::log(3.0)};
  EXPECT_NEAR(free_energy(two, 2).value, -2.0 * std::log(2.0) + 0.5 * std::log(3.0), 1e-14);
  EXPECT_NEAR(free_energy(two, 2).error, 0.5 * std::log(3.0), 1e-14);
}

TEST(Weights, FrameMeanOfFewSamples)
{
  const double nan = std::numeric_limits<double>::quiet_NaN();
  // equal weights: mean and standard error
  const double equal[] = {7.0, 7.0, 7.0, 7.0}, o[] = {1.0, 2.0, 4.0, 9.0};
  FrameMean m = frame_mean(equal, 4, o);
  EXPECT_NEAR(m.value, 4.0, 1e-14);
  EXPECT_NEAR(m.error, std::sqrt((9.0 + 4.0 + 0.0 + 25.0) / 3.0 / 4.0), 1e-14);
  // every second number of a list; what a sample without weight has does not count
  const double l[] = {std::log(1.0), nan, std::log(3.0)},
               strided[] = {2.0, 0.0, nan, 0.0, 6.0, 0.0};
  m = frame_mean(l, 3, strided, 2);
  // 5 of all, 6 and 2 without one, 5 without that of weight zero
  EXPECT_NEAR(m.value, 3.0 * 5.0 - 2.0 * (6.0 + 2.0 + 5.0) / 3.0, 1e-13);
  // one sample with nearly all of the weight
  const double heavy[] = {0.0, -40.0, -41.0}, p[] = {5.0, 1.0, 2.0};
  m = frame_mean(heavy, 3, p);
  const double others = (1.0 + 2.0 * std::exp(-1.0)) / (1.0 + std::exp(-1.0));
  EXPECT_NEAR(m.value, 15.0 - 2.0 / 3.0 * (others + 10.0), 1e-12);
  for (const auto &alone : {frame_mean(heavy, 1, p), frame_mean(heavy, 0, p)}) {
    EXPECT_TRUE(std::isnan(alone.value));
    EXPECT_TRUE(std::isnan(alone.error));
  }
  const double dead[] = {-INF, nan};
  EXPECT_TRUE(std::isnan(frame_mean(dead, 2, p).value));
}

// Samples x ~ N(0, 1) with weights exp(s x), mean s, twelve a frame, 20,000 frames: 4.5 standard errors, false alarm 7e-6;
// control: the plain ratio is off by more. The errors of the frames are right to 10 %.
TEST(Weights, FrameMeanHasNoBiasOfFirstOrder)
{
  const double s = 0.4;
  const int frames = 20000, m = 12;
  std::mt19937_64 gen(5);
  std::normal_distribution<double> normal;
  double sum = 0.0, square = 0.0, plain = 0.0, variance = 0.0;
  for (int i = 0; i < frames; i++) {
    double x[m], l[m], top = 0.0, bottom = 0.0;
    for (int j = 0; j < m; j++) {
      x[j] = normal(gen);
      l[j] = s * x[j];
      top += std::exp(l[j]) * x[j];
      bottom += std::exp(l[j]);
    }
    const FrameMean f = frame_mean(l, m, x);
    sum += f.value / frames;
    square += f.value * f.value / frames;
    variance += f.error * f.error / frames;
    plain += top / bottom / frames;
  }
  const double spread = square - sum * sum, error = std::sqrt(spread / frames);
  EXPECT_NEAR(sum, s, 4.5 * error);
  EXPECT_GT(std::fabs(plain - s), 9.0 * error);
  EXPECT_NEAR(variance / spread, 1.0, 0.1);
}

TEST(Weights, ForwardSeesAMissedMode)
{
  const double even[] = {3.0, 3.0, 3.0};
  EXPECT_NEAR(forward_ess(even, 3), 1.0, 1e-15);
  const double missed[] = {0.0, 0.0, 0.0, 20.0};    // q is e^20 too small for one of four frames
  EXPECT_LT(forward_ess(missed, 4), 1e-7);
}

// u_i follows an autoregressive chain, rho = 0.9; the reweighted mean of u is a.  Over 200 seeds the deviation in units
// of the block error must have a spread near 1 (it is 1.0 to 1.2); control: errors from independent samples
// would give about sqrt((1+rho)/(1-rho)) sqrt(m) = 12.  False alarm rate below 1e-4.
TEST(Weights, BlockErrorsCoverCorrelatedFrames)
{
  const double a = 0.3, rho = 0.9;
  const int seeds = 200, frames = 3000, m = 8;
  double spread = 0.0, naive = 0.0;
  for (int s = 0; s < seeds; s++) {
    const WeightSet set = hierarchy(a, 0.3, frames, m, 100 + s, rho);
    const auto mean = set.means();
    spread += std::pow((mean[0].mean - a) / mean[0].error, 2) / seeds;
    naive += std::pow((mean[0].mean - a) * std::sqrt(1.0 * frames * m), 2) / seeds;
    EXPECT_NEAR(mean[1].mean, 1.0, 1e-12);
    EXPECT_TRUE(std::isnan(mean[1].error));    // seen always: no error
  }
  EXPECT_GT(std::sqrt(spread), 0.8);
  EXPECT_LT(std::sqrt(spread), 1.35);
  EXPECT_GT(std::sqrt(naive), 5.0);
}

TEST(Weights, ReweightingIsNotTheUnweightedMean)
{
  const auto mean = hierarchy(0.5, 0.3, 20000, 4, 23).means();
  EXPECT_NEAR(mean[0].mean, 0.5, 5.0 * mean[0].error);
  EXPECT_NEAR(mean[0].unweighted, 0.0, 0.03);
  EXPECT_GT(std::fabs(mean[0].unweighted - 0.5), 5.0 * mean[0].error);
  EXPECT_LT(mean[0].error, 0.02);
}

TEST(Weights, MergedInAnyOrderIsTheWhole)
{
  const WeightSet whole = hierarchy(0.5, 0.4, 50, 3, 31);
  Normal normal(31);
  WeightSet parts[2] = {WeightSet(2), WeightSet(2)};
  double u = normal();
  for (int i = 0; i < 50; i++) {
    std::vector<double> l, o;
    for (int j = 0; j < 3; j++) {
      l.push_back(0.5 * u + 0.4 * normal() + 1000.0);
      o.insert(o.end(), {u, 1.0});
    }
    parts[(i / 3) % 2].add_frame({i, 0, 1}, 3, l.data(), o.data());
    u = normal();
  }
  parts[1].merge(parts[0]);
  EXPECT_EQ(parts[1].log_weights(), whole.log_weights());
  EXPECT_EQ(parts[1].joint_ess(), whole.joint_ess());
  EXPECT_EQ(parts[1].means()[0].mean, whole.means()[0].mean);
  EXPECT_EQ(parts[1].means()[0].error, whole.means()[0].error);
  WeightSet other(1);
  EXPECT_THROW(other.merge(whole), std::runtime_error);
  WeightSet copy;
  copy.unpack(whole.pack());
  EXPECT_EQ(copy.pack(), whole.pack());
  EXPECT_EQ(copy.means()[0].error, whole.means()[0].error);
  auto broken = whole.pack();
  broken.pop_back();
  EXPECT_THROW(copy.unpack(broken), std::runtime_error);
}

TEST(Weights, SamplesWithoutWeight)
{
  WeightSet set(1);
  const double l[] = {0.0, -INF, std::nan(""), 0.0}, o[] = {1.0, 1e300, std::nan(""), 3.0};
  set.add_frame({0, 0, 1}, 4, l, o);
  EXPECT_EQ(set.zero_weights(), 1u);
  EXPECT_EQ(set.nan_energies(), 1u);
  EXPECT_NEAR(set.means()[0].mean, 2.0, 1e-15);
  EXPECT_NEAR(set.means()[0].unweighted, 2.0, 1e-15);
  EXPECT_NEAR(set.joint_ess(), 0.5, 1e-15);
  EXPECT_NEAR(set.log_mean_weight(), std::log(0.5), 1e-15);
  const double infinite[] = {INF};
  EXPECT_THROW(set.add_frame({1, 0, 1}, 1, infinite, o), std::runtime_error);
  EXPECT_THROW(set.add_frame({1, 0, 1}, 0, l, o), std::runtime_error);
  EXPECT_TRUE(std::isnan(WeightSet(1).means()[0].mean));
  EXPECT_TRUE(std::isnan(WeightSet(1).joint_ess()));
}

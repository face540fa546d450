/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Autocorrelation time, block rule, quantiles: closed forms. Seeds are fixed; the stated false-alarm rate is the
// probability that a correct program would fail for a random seed. Coverage of the intervals: test_coverage.cpp.

#include "statistics/series.h"
#include "statistics/weights.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>

using namespace BACKMAP_NS;

namespace {

class Normal {
 public:
  explicit Normal(std::uint64_t seed) : engine(seed) {}
  double operator()()
  {
    const double u = ((engine() >> 11) + 0.5) * 0x1p-53, v = ((engine() >> 11) + 0.5) * 0x1p-53;
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
  }

 private:
  std::mt19937_64 engine;
};

/* first-order autoregressive chain with mean and variance 1; its tau is (1 + rho) / (1 - rho) */

std::vector<RatioTerm> chain(double rho, int n, std::uint64_t seed, double mean = 0.0)
{
  Normal normal(seed);
  std::vector<RatioTerm> terms;
  double x = normal();
  for (int i = 0; i < n; i++) {
    terms.push_back({mean + x, 1.0});
    x = rho * x + std::sqrt(1.0 - rho * rho) * normal();
  }
  return terms;
}

}    // namespace

// tables of Student's t and Fisher's F, and limits
TEST(Series, Quantiles)
{
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_NEAR(student_quantile(0.975, 1), 12.706204736432095, 1e-9);
  EXPECT_NEAR(student_quantile(0.975, 4), 2.7764451051977987, 1e-11);
  EXPECT_NEAR(student_quantile(0.975, 31), 2.0395134463964077, 1e-11);
  EXPECT_NEAR(student_quantile(0.025, 31), -2.0395134463964077, 1e-11);
  EXPECT_NEAR(student_quantile(0.975, inf), 1.959963984540054, 1e-11);
  EXPECT_NEAR(student_quantile(0.75, 1), 1.0, 1e-11);    // Cauchy
  EXPECT_TRUE(std::isnan(student_quantile(1.0, 3)));
  EXPECT_TRUE(std::isnan(student_quantile(0.5, 0)));
  EXPECT_NEAR(fisher_tail(4.964602743730711, 1, 10), 0.05, 1e-11);
  EXPECT_NEAR(fisher_tail(std::pow(student_quantile(0.975, 7), 2), 1, 7), 0.05,
              1e-11);                                       // t^2 is F(1, dof)
  EXPECT_NEAR(fisher_tail(2.0, 2, 2), 1.0 / 3.0, 1e-13);    // 1 / (1 + f)
  EXPECT_EQ(fisher_tail(0.0, 3, 5), 1.0);
}

// tau of 40 chains of 20,000 steps, mean: standard error about 2 %, bounds at four of it. Grouping (more than 20,000
// values) must not change it. Controls: tau of independent numbers is 1, and of constants.
TEST(Series, AutocorrelationTimeOfAChain)
{
  for (double rho : {0.5, 0.9, 0.97}) {
    const double expected = (1.0 + rho) / (1.0 - rho);
    double tau = 0.0, grouped = 0.0;
    for (int s = 0; s < 10; s++) {
      tau += ratio_autocorrelation({chain(rho, 20000, 10 + s)}) / 10;
      grouped += ratio_autocorrelation({chain(rho, 50000, 50 + s)}) / 10;
    }
    EXPECT_NEAR(tau / expected, 1.0, 0.12) << rho;
    EXPECT_NEAR(grouped / expected, 1.0, 0.12) << rho;
  }
  EXPECT_LT(ratio_autocorrelation({chain(0.0, 20000, 3)}), 1.1);
  EXPECT_EQ(autocorrelation_time({std::vector<double>(100, 0.0)}), 1.0);
  EXPECT_EQ(autocorrelation_time({}), 1.0);
  // numbers that alternate would give less than 1
  std::vector<double> alternate;
  for (int i = 0; i < 100; i++) alternate.push_back(i % 2 ? 1.0 : -1.0);
  EXPECT_EQ(autocorrelation_time({alternate}), 1.0);
}

TEST(Series, BlockRule)
{
  const BlockRule rule;
  // independent steps: as many blocks as allowed
  EXPECT_EQ(ratio_estimate({chain(0.0, 2000, 1)}, RatioOf::Mean).blocks, rule.most);
  // tau = 19: blocks of at least 10 tau each
  const auto slow = ratio_estimate({chain(0.9, 4000, 1)}, RatioOf::Mean);
  EXPECT_EQ(slow.blocks, static_cast<int>(4000 / (rule.length * slow.tau)));
  EXPECT_GE(slow.blocks, rule.fewest);
  EXPECT_FALSE(slow.too_short);
  EXPECT_NEAR(slow.upper - slow.value, student_quantile(0.975, slow.blocks - 1) * slow.error,
              1e-12);
  EXPECT_NEAR(slow.value - slow.lower, slow.upper - slow.value, 1e-12);
  // a run of a few tau is marked, and so is a number of blocks that makes them too short
  const auto brief = ratio_estimate({chain(0.97, 300, 1)}, RatioOf::Mean);
  EXPECT_TRUE(brief.too_short);
  EXPECT_EQ(brief.blocks, rule.fewest);
  BlockRule fixed;
  fixed.fixed = 200;
  const auto many = ratio_estimate({chain(0.9, 4000, 1)}, RatioOf::Mean, fixed);
  EXPECT_EQ(many.blocks, 200);
  EXPECT_TRUE(many.too_short);
  EXPECT_LT(many.error, slow.error);
  fixed.fixed = 6;
  EXPECT_EQ(ratio_estimate({chain(0.9, 4000, 1)}, RatioOf::Mean, fixed).blocks, 6);
  EXPECT_FALSE(ratio_estimate({chain(0.9, 4000, 1)}, RatioOf::Mean, fixed).too_short);
  // too little for any error; nothing at all
  EXPECT_TRUE(std::isnan(ratio_estimate({chain(0.0, 3, 1)}, RatioOf::Mean).error));
  EXPECT_TRUE(std::isnan(ratio_estimate({}, RatioOf::Mean).value));
  EXPECT_TRUE(std::isnan(ratio_estimate({{}}, RatioOf::Mean).value));
}

// The jackknife of four blocks of one step each, by hand.
TEST(Series, JackknifeByHand)
{
  const std::vector<RatioTerm> steps{{1.0, 1.0}, {2.0, 1.0}, {4.0, 1.0}, {5.0, 1.0}};
  BlockRule rule;
  rule.fixed = 4;
  const auto mean = ratio_estimate({steps}, RatioOf::Mean, rule);
  EXPECT_NEAR(mean.value, 3.0, 1e-14);
  EXPECT_NEAR(mean.error, std::sqrt((4.0 + 1.0 + 1.0 + 4.0) / 3.0 / 4.0),
              1e-14);    // that of a mean of 4
  EXPECT_EQ(mean.dof, 3.0);
  const auto log = ratio_estimate({steps}, RatioOf::Log, rule);
  double left[4], average = 0.0, spread = 0.0;
  for (int i = 0; i < 4; i++)
    average += (left[i] = std::log((12.0 - steps[i].numerator) / 3.0)) / 4.0;
  for (double l : left) spread += (l - average) * (l - average);
  EXPECT_NEAR(log.plain, std::log(3.0), 1e-14);
  EXPECT_NEAR(log.value, 4.0 * std::log(3.0) - 3.0 * average, 1e-13);
  EXPECT_NEAR(log.error, std::sqrt(0.75 * spread), 1e-14);
}

// Two runs from opposite starts that never met: the error is that between them, with one degree of freedom.
TEST(Series, RunsThatDisagree)
{
  const auto a = chain(0.5, 2000, 1, 0.0), b = chain(0.5, 2000, 2, 1.0);
  const auto one = ratio_estimate({a}, RatioOf::Mean), both = ratio_estimate({a, b}, RatioOf::Mean);
  EXPECT_TRUE(both.disagree);
  EXPECT_EQ(both.walkers, 2);
  EXPECT_EQ(both.dof, 1.0);
  EXPECT_NEAR(both.error, 0.5 * std::fabs(ratio_estimate({b}, RatioOf::Mean).value - one.value),
              1e-12);
  EXPECT_LE(both.lower, one.value);
  // control: blocks of both runs as if they were of one say an error that hides it
  BlockRule blind;
  blind.fixed = 32;
  blind.disagreement = 0.0;
  EXPECT_LT(ratio_estimate({a, b}, RatioOf::Mean, blind).error, 0.3 * both.error);
  // runs that agree: F test at 1 %; of 200 pairs no more than 8 may be found to differ (binomial: false alarm 1e-4)
  int alarms = 0;
  for (int s = 0; s < 200; s++)
    alarms += ratio_estimate({chain(0.5, 400, 100 + s), chain(0.5, 400, 500 + s)}, RatioOf::Mean)
                  .disagree;
  EXPECT_LE(alarms, 8);
}

// An offset of only 0.3 of the spread is far more than the blocks of two long runs allow.
TEST(Series, SmallDisagreementOfLongRuns)
{
  const auto a = chain(0.5, 4000, 1, 0.0), b = chain(0.5, 4000, 2, 0.3);
  const auto both = ratio_estimate({a, b}, RatioOf::Mean);
  EXPECT_GT(both.error, 0.1);
}

// ---------------------------------------------------------------------- walkers of a set of weights

namespace {

void frame(WeightSet &set, std::int64_t step, std::int64_t series, std::int64_t molecule,
           double value)
{
  const double logw = 0.0;
  set.add_frame({step, series, molecule}, 1, &logw, &value);
}

}    // namespace

TEST(Walkers, PartitionsAreOneRunAndOverlapsAreSeveral)
{
  WeightSet exchange(1), runs(1), both(1), again(1);
  for (int i = 0; i < 40; i++) {
    const int partition = (i / 7) % 3;
    for (int molecule : {1, 2}) {
      frame(exchange, i, partition, molecule, i);
      frame(both, i, partition, molecule, i);
      frame(both, i, 3 + (i / 5) % 3, molecule, i);
    }
    frame(runs, i, 0, 1, i);
    frame(runs, i, 1, 1, i);
    frame(again, i, 0, 1, i);
  }
  for (int i = 0; i < 40; i++)
    frame(again, i, 0, 1, i);    // the same steps once more, as in a table written on
  EXPECT_EQ(exchange.runs(), 1);
  EXPECT_EQ(exchange.walkers(), 2);
  EXPECT_EQ(runs.runs(), 2);
  EXPECT_EQ(runs.walkers(), 2);
  EXPECT_EQ(both.runs(), 2);
  EXPECT_EQ(both.walkers(), 4);
  EXPECT_EQ(again.walkers(), 2);
  runs.set_runs({{0, 0}, {1, 0}});
  EXPECT_EQ(runs.runs(), 1);
}

// The series of a replica exchange, merged by timestep, is the chain that was cut into it: same tau, same error.
TEST(Walkers, MergedExchangeIsTheChain)
{
  const auto values = chain(0.9, 2000, 5);
  WeightSet whole(1), parts[3] = {WeightSet(1), WeightSet(1), WeightSet(1)};
  for (int i = 0; i < 2000; i++) {
    frame(whole, i, 0, 1, values[i].numerator);
    frame(parts[(i / 11) % 3], i, (i / 11) % 3, 1, values[i].numerator);
  }
  parts[2].merge(parts[0]);
  parts[2].merge(parts[1]);
  const auto a = whole.estimates()[0], b = parts[2].estimates()[0];
  EXPECT_EQ(a.mean.tau, b.mean.tau);
  EXPECT_EQ(a.mean.error, b.mean.error);
  EXPECT_EQ(b.mean.walkers, 1);
  EXPECT_GT(a.mean.tau, 10.0);
  // effective number of samples: variance over error^2, about n / tau; the error of 10 blocks is good to 25 %
  EXPECT_NEAR(a.neff, a.variance / (a.mean.error * a.mean.error), 1e-9);
  EXPECT_GT(a.neff, 2000 / a.mean.tau / 3.0);
  EXPECT_LT(a.neff, 2000 / a.mean.tau * 3.0);
}

TEST(Walkers, IndicatorsHaveAFreeEnergy)
{
  WeightSet set(3);
  Normal normal(3);
  for (int i = 0; i < 400; i++) {
    const double logw = 0.3 * normal(), x = normal();
    const double obs[] = {x > 0.5 ? 1.0 : 0.0, x > 0.5 ? 1.0 : 0.5, x > 9.0 ? 1.0 : 0.0};
    set.add_frame({i, 0, 1}, 1, &logw, obs);
  }
  const auto e = set.estimates();
  EXPECT_TRUE(e[0].indicator);
  EXPECT_FALSE(e[1].indicator);
  EXPECT_TRUE(std::isnan(e[1].delta_f.value));
  const double p = e[0].mean.value;
  EXPECT_NEAR(e[0].delta_f.plain, -std::log(p / (1.0 - p)), 1e-12);
  // to first order the error is that of p over p (1 - p)
  EXPECT_NEAR(e[0].delta_f.error / (e[0].mean.error / (p * (1.0 - p))), 1.0, 0.05);
  EXPECT_EQ(e[0].delta_f.blocks, e[0].mean.blocks);
  // a state never seen: no number, no error
  EXPECT_TRUE(e[2].indicator);
  EXPECT_TRUE(std::isinf(e[2].delta_f.value));
  EXPECT_TRUE(std::isnan(e[2].delta_f.error));
}

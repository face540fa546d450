/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Annealed weights against closed forms, and controls that must fail. Estimates are compared in units of their
// standard errors: up to 4 is right, which chance alone exceeds in 1 of 16,000, so that of all seeds 1 in 300 would fail
// (50 comparisons); the seeds are fixed. Wrong controls must exceed 8.

#include "flow/annealing.h"

#include "core/rng.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double RIGHT = 4.0, WRONG = 8.0;

/// ln w of a point, as the test knows it.
struct Analytic : AnnealingTarget {
  using LogWeight = std::function<double(const double *u)>;
  LogWeight f;
  std::vector<bool> circular;
  long evaluations = 0;

  Analytic(std::vector<bool> c, LogWeight g) : f(std::move(g)), circular(std::move(c)) {}

  void evaluate(const std::vector<char> &wanted, const std::vector<double> &latent,
                std::vector<double> &logw) override
  {
    for (std::size_t i = 0; i < wanted.size(); i++) {
      logw[i] = wanted[i] ? f(&latent[i * circular.size()]) : -INF;
      evaluations += wanted[i];
    }
  }

  /// n samples of the base distribution, samples first.. of each of so many groups
  AnnealingChains start(int n, int groups = 1, std::uint64_t seed = 1, int first = 0)
  {
    AnnealingChains c;
    const std::size_t nu = circular.size();
    for (int i = 0; i < n; i++) {
      const int m = n / groups;
      c.names.push_back({i / m, 7, first + i % m});
      for (std::size_t k = 0; k < nu; k++) {
        const RandomBits b = random_bits(seed, 99, c.names[i].timestep, 7, c.names[i].sample, k);
        const double a = random_uniform(b.v[0]);
        double x, y;
        random_normals(a, random_uniform(b.v[1]), x, y);
        c.latent.push_back(circular[k] ? BACKMAP_PI * (2.0 * a - 1.0) : x);
      }
      c.logw.push_back(f(&c.latent[i * nu]));
    }
    return c;
  }
};

struct Estimate {
  double value, error;
  double sigmas(double truth) const { return std::fabs(value - truth) / error; }
};

/// Mean of w over independent chains.
Estimate mean_weight(const std::vector<double> &logweight)
{
  double s = 0.0, s2 = 0.0;
  const auto n = static_cast<double>(logweight.size());
  for (double l : logweight) {
    const double w = l > -INF ? std::exp(l) : 0.0;
    s += w / n;
    s2 += w * w / n;
  }
  return {s, std::sqrt((s2 - s * s) / n)};
}

/// Weighted mean of g over chains, with the error of a ratio.
Estimate weighted_mean(const AnnealingChains &c, const std::function<double(const double *)> &g)
{
  const std::size_t n = c.names.size(), nu = c.latent.size() / n;
  double s = 0.0, sg = 0.0, error2 = 0.0;
  std::vector<double> w(n), values(n);
  for (std::size_t i = 0; i < n; i++) {
    w[i] = c.logweight[i] > -INF ? std::exp(c.logweight[i]) : 0.0;
    values[i] = g(&c.latent[i * nu]);
    s += w[i];
    sg += w[i] * values[i];
  }
  for (std::size_t i = 0; i < n; i++) error2 += std::pow(w[i] * (values[i] - sg / s), 2);
  return {sg / s, std::sqrt(error2) / s};
}

double ess(const std::vector<double> &logweight)
{
  double s = 0.0, s2 = 0.0;
  for (double l : logweight) {
    const double w = l > -INF ? std::exp(l) : 0.0;
    s += w;
    s2 += w * w;
  }
  return s * s / s2 / static_cast<double>(logweight.size());
}

AnnealingSchedule equal_steps(int k, double step)
{
  AnnealingSchedule s;
  for (int i = 1; i <= k; i++) {
    s.lambda.push_back(i / (k + 1.0));
    s.step.push_back(step);
  }
  return s;
}

constexpr double SHIFT = 0.8, WIDTH = 0.6, KAPPA = 1.5, FACTOR = 3.0;
constexpr int NORMAL = 4;

/// Normal variables with another mean and width, one circular with a von Mises density, and a factor: Z is known.
Analytic gaussian()
{
  std::vector<bool> circular(NORMAL, false);
  circular.push_back(true);
  return {circular, [](const double *u) {
            double l = std::log(FACTOR) + KAPPA * std::cos(u[NORMAL] - 1.0);
            for (int k = 0; k < NORMAL; k++)
              l += 0.5 * u[k] * u[k] - 0.5 * std::pow((u[k] - SHIFT) / WIDTH, 2) - std::log(WIDTH);
            return l;
          }};
}

double gaussian_z()
{
  return FACTOR * std::cyl_bessel_i(0.0, KAPPA);
}

/// The flow has 5 % of a well that has half of the target, and is wrong about other variables.
Analytic two_wells()
{
  return {{false, false, false, false}, [](const double *u) {
            double l = u[0] > 1.6448536269514722 ? std::log(0.5 / 0.05) : std::log(0.5 / 0.95);
            for (int k = 1; k < 4; k++) l += SHIFT * u[k] - 0.5 * SHIFT * SHIFT;
            return l;
          }};
}

}    // namespace

// ----------------------------------------------------------------------

TEST(Annealing, WithoutStepsIsImportanceSampling)
{
  Analytic t = gaussian();
  AnnealingChains c = t.start(1000);
  const auto latent = c.latent, logw = c.logw;
  Annealing(t.circular, 1, 2).run({}, c, t);
  EXPECT_EQ(c.logweight, logw);
  EXPECT_EQ(c.latent, latent);
  EXPECT_EQ(t.evaluations, 0);
}

// normalisation, means and widths, whatever the steps are and however few
TEST(Annealing, Gaussian)
{
  for (int k : {1, 3, 12})
    for (double step : {0.2, 0.6, 1.0}) {
      Analytic t = gaussian();
      AnnealingChains c = t.start(40000);
      const double alone = ess(c.logw);
      Annealing(t.circular, 1, 2).run(equal_steps(k, step), c, t);
      const std::string what = std::to_string(k) + " steps of " + std::to_string(step);
      EXPECT_EQ(t.evaluations, 40000L * k) << what;
      EXPECT_LT(mean_weight(c.logweight).sigmas(gaussian_z()), RIGHT) << what;
      for (int i = 0; i < NORMAL; i += NORMAL - 1) {
        EXPECT_LT(weighted_mean(c, [&](const double *u) { return u[i]; }).sigmas(SHIFT), RIGHT)
            << what;
        EXPECT_LT(weighted_mean(c, [&](const double *u) { return std::pow(u[i] - SHIFT, 2); })
                      .sigmas(WIDTH * WIDTH),
                  RIGHT)
            << what;
      }
      EXPECT_LT(weighted_mean(c, [](const double *u) { return std::cos(u[NORMAL] - 1.0); })
                    .sigmas(std::cyl_bessel_i(1.0, KAPPA) / std::cyl_bessel_i(0.0, KAPPA)),
                RIGHT)
          << what;
      EXPECT_GT(ess(c.logweight), alone) << what;
      for (std::size_t i = NORMAL; i < c.latent.size(); i += NORMAL + 1) {
        ASSERT_GE(c.latent[i], -BACKMAP_PI);
        ASSERT_LT(c.latent[i], BACKMAP_PI);
      }
    }
}

// the same where parts of the point forget one by one
TEST(Annealing, Parts)
{
  for (int k : {3, 12}) {
    Analytic t = gaussian();
    AnnealingChains c = t.start(40000), at_once = c;
    Annealing(t.circular, 1, 2, {0, 1, 3}).run(equal_steps(k, 0.6), c, t);
    EXPECT_LT(mean_weight(c.logweight).sigmas(gaussian_z()), RIGHT) << k;
    for (int i = 0; i < NORMAL; i++)
      EXPECT_LT(weighted_mean(c, [&](const double *u) { return u[i]; }).sigmas(SHIFT), RIGHT)
          << k << " steps, variable " << i;
    EXPECT_LT(weighted_mean(c, [](const double *u) { return std::cos(u[NORMAL] - 1.0); })
                  .sigmas(std::cyl_bessel_i(1.0, KAPPA) / std::cyl_bessel_i(0.0, KAPPA)),
              RIGHT)
        << k;
    Annealing(t.circular, 1, 2).run(equal_steps(k, 0.6), at_once, t);
    EXPECT_NE(c.latent, at_once.latent);
  }
}

// six variables, each with a well that the flow has too rarely: no move of all at once is right about all of them
TEST(Annealing, PartsReachWellsThatAllAtOnceDoNot)
{
  constexpr int WELLS = 6;
  const double edge = 1.2815515655446004;    // a tenth of the base lies above
  Analytic t(std::vector<bool>(WELLS, false), [&](const double *u) {
    double l = 0.0;
    for (int i = 0; i < WELLS; i++) l += u[i] > edge ? std::log(0.5 / 0.1) : std::log(0.5 / 0.9);
    return l;
  });
  const auto annealed = [&](const std::vector<int> &parts) {
    AnnealingChains pilot = t.start(512, 1, 5), c = t.start(20000);
    const auto schedule = Annealing(t.circular, 5, 6, parts).pilot(48, 1, pilot, t).schedule;
    Annealing(t.circular, 1, 2, parts).run(schedule, c, t);
    EXPECT_LT(mean_weight(c.logweight).sigmas(1.0), RIGHT);
    EXPECT_LT(weighted_mean(c, [&](const double *u) { return u[2] > edge; }).sigmas(0.5), RIGHT);
    return ess(c.logweight);
  };
  const double at_once = annealed({0}), one_by_one = annealed({0, 1, 2, 3, 4, 5});
  EXPECT_GT(one_by_one, 2.0 * at_once);
  RecordProperty("at_once", std::to_string(at_once));
  RecordProperty("one_by_one", std::to_string(one_by_one));
}

// control: moves that leave another base distribution as it is (uniform instead of normal)
TEST(Annealing, MovesThatAreNotReversibleAreSeen)
{
  Analytic t = gaussian();
  AnnealingChains c = t.start(40000);
  Annealing(std::vector<bool>(NORMAL + 1, true), 1, 2).run(equal_steps(12, 0.6), c, t);
  EXPECT_GT(mean_weight(c.logweight).sigmas(gaussian_z()), WRONG);
}

// control: a density without one factor of the map (a missing Jacobian)
TEST(Annealing, MissingJacobianIsSeen)
{
  Analytic t = gaussian();
  Analytic wrong(t.circular, [&](const double *u) { return t.f(u) - 0.2 * u[0]; });
  AnnealingChains c = wrong.start(40000);
  Annealing(t.circular, 1, 2).run(equal_steps(12, 0.6), c, wrong);
  EXPECT_GT(weighted_mean(c, [](const double *u) { return u[0]; }).sigmas(SHIFT), WRONG);
}

TEST(Annealing, TwoWells)
{
  Analytic t = two_wells();
  Annealing::Pilot pilot;
  {
    AnnealingChains c = t.start(512, 1, 5);
    pilot = Annealing(t.circular, 5, 6).pilot(32, 1, c, t);
  }
  AnnealingChains c = t.start(40000);
  const double alone = ess(c.logw);
  Annealing(t.circular, 1, 2).run(pilot.schedule, c, t);
  EXPECT_LT(mean_weight(c.logweight).sigmas(1.0), RIGHT);
  EXPECT_LT(weighted_mean(c, [](const double *u) { return u[0] > 1.6448536269514722; }).sigmas(0.5),
            RIGHT);
  EXPECT_GT(ess(c.logweight), 3.0 * alone) << "moves that forget the point reach the other well";
}

// a part of the base distribution has no image, another has an energy that is not a number, a third a very high one
TEST(Annealing, StartsWithoutWeight)
{
  const double none = 0.2, nan = 0.1;    // parts of the circle
  Analytic t({true, false}, [&](const double *u) {
    const double part = 0.5 + u[0] / (2.0 * BACKMAP_PI);
    if (part < none) return -INF;
    if (part < none + nan) return std::nan("");
    if (part < 0.5) return -1.0e12 * (0.5 - part) - 1.0e6;
    return u[1] - 0.5;
  });
  AnnealingChains c = t.start(40000);
  const auto logw = c.logw;
  AnnealingSchedule s = equal_steps(6, 0.5);
  s.lambda.insert(s.lambda.begin(), {1.0e-12, 1.0e-8});
  s.step.insert(s.step.begin(), {1.0, 1.0});
  Annealing(t.circular, 1, 2).run(s, c, t);
  int kept = 0;
  for (std::size_t i = 0; i < logw.size(); i++) {
    if (logw[i] == -INF) {
      ASSERT_EQ(c.logweight[i], -INF);
    } else if (std::isnan(logw[i])) {
      ASSERT_TRUE(std::isnan(c.logweight[i])) << "counted, not hidden";
    } else {
      ASSERT_TRUE(std::isfinite(c.logweight[i]));
      ASSERT_GT(c.logw[i], -INF);
      kept += logw[i] < -1.0e5 && c.logweight[i] > -10.0;
    }
  }
  EXPECT_GT(kept, 1000) << "a start with a very high energy may get away";
  EXPECT_LT(mean_weight(c.logweight).sigmas(0.5), RIGHT);
  EXPECT_LT(weighted_mean(c, [](const double *u) { return u[1]; }).sigmas(1.0), RIGHT);
}

// of two schedules the one with the larger ESS: chosen on samples other than those that count it leaves the weights
// right; on the same samples it prefers those whose large weights are missing
TEST(Annealing, AdaptationOnTheSameSamplesIsSeen)
{
  Analytic t({false}, [](const double *u) { return 1.5 * u[0] - 1.125; });
  const int m = 4, repeats = 60000;
  const Annealing annealing(t.circular, 1, 2);
  const AnnealingSchedule candidates[] = {equal_steps(1, 0.5), equal_steps(1, 1.0)};
  const auto estimate = [&](bool same) {
    std::vector<double> logweight;
    for (int r = 0; r < repeats; r++) {
      double best = -1.0;
      std::vector<double> kept;
      for (const auto &schedule : candidates) {
        AnnealingChains c = t.start(m, 1, 1, r * m), other = t.start(m, 1, 9, r * m);
        annealing.run(schedule, c, t);
        annealing.run(schedule, other, t);
        const double figure = ess(same ? c.logweight : other.logweight);
        if (figure < best) continue;
        best = figure;
        kept = c.logweight;
      }
      logweight.push_back(std::log(mean_weight(kept).value));
    }
    return mean_weight(logweight);
  };
  EXPECT_LT(estimate(false).sigmas(1.0), RIGHT);
  EXPECT_GT(estimate(true).sigmas(1.0), WRONG);
}

// ----------------------------------------------------------------------

// w = exp(a u - a^2/2): ln w has the variance a^2 at every lambda, so the densities lie at equal lambda
TEST(AnnealingPilot, DistancesAreEqual)
{
  const double a = 3.0;
  Analytic t(std::vector<bool>(9, false), [&](const double *u) {
    double l = 0.0;
    for (int k = 0; k < 9; k++) l += a / 3.0 * u[k] - 0.5 * a * a / 9.0;
    return l;
  });
  AnnealingChains c = t.start(2048, 8);
  const auto pilot = Annealing(t.circular, 1, 2).pilot(8, 8, c, t);
  EXPECT_NEAR(pilot.length, a, 0.1 * a);
  for (int k = 0; k < 8; k++) {
    EXPECT_NEAR(pilot.schedule.lambda[k], (k + 1) / 9.0, 0.06) << k;
    EXPECT_GT(pilot.acceptance[k], 0.3) << k;
  }
  EXPECT_EQ(pilot.schedule.step[0] > pilot.schedule.step[7], true) << "farther where w is flat";
  AnnealingChains counted = t.start(20000, 1, 77);
  Annealing(t.circular, 7, 8).run(pilot.schedule, counted, t);
  const double best = std::exp(-a * a / 9.0);    // moves that forget everything
  EXPECT_GT(ess(counted.logweight), 20.0 * std::exp(-a * a));
  EXPECT_LT(ess(counted.logweight), best + 0.05);
}

TEST(AnnealingPilot, WhatHasNoWeightIsNoObstacle)
{
  Analytic t({false, false}, [](const double *u) {
    if (u[0] < -0.5) return -INF;
    if (u[0] < 0.0) return std::nan("");
    return u[0] < 0.5 ? -1.0e30 * (0.6 - u[0]) : u[1];
  });
  AnnealingChains c = t.start(512, 4);
  const auto pilot = Annealing(t.circular, 1, 2).pilot(8, 4, c, t);
  EXPECT_LT(pilot.schedule.lambda[0], 1.0e-20);
  EXPECT_GT(pilot.schedule.lambda[7], 0.1);
  AnnealingSchedule again = AnnealingSchedule::parse(pilot.schedule.text(), "here");
  EXPECT_EQ(again.lambda, pilot.schedule.lambda);
  EXPECT_EQ(again.step, pilot.schedule.step);
}

TEST(AnnealingPilot, FlowThatIsRightHasEqualSteps)
{
  Analytic t({false, true}, [](const double *) { return 5.0; });
  AnnealingChains c = t.start(64);
  const auto pilot = Annealing(t.circular, 1, 2).pilot(3, 1, c, t);
  EXPECT_EQ(pilot.length, 0.0);
  EXPECT_EQ(pilot.schedule.lambda, (std::vector<double>{0.25, 0.5, 0.75}));
}

TEST(AnnealingPilot, NoWeightAtAllIsAnError)
{
  Analytic t({false}, [](const double *) { return -INF; });
  AnnealingChains c = t.start(64);
  try {
    Annealing(t.circular, 1, 2).pilot(3, 1, c, t);
    FAIL();
  } catch (const std::runtime_error &e) {
    EXPECT_THAT(e.what(), testing::HasSubstr("none of 64 samples"));
  }
}

// ----------------------------------------------------------------------

// chains together or in parts, in any order of parts: the same bits
TEST(Annealing, PartsAreTheWhole)
{
  Analytic t = two_wells();
  const AnnealingSchedule s = equal_steps(5, 0.4);
  const Annealing annealing(t.circular, 1, 2);
  AnnealingChains all = t.start(100), first = t.start(37), rest = t.start(63, 1, 1, 37);
  annealing.run(s, all, t);
  annealing.run(s, rest, t);
  annealing.run(s, first, t);
  first.logweight.insert(first.logweight.end(), rest.logweight.begin(), rest.logweight.end());
  first.latent.insert(first.latent.end(), rest.latent.begin(), rest.latent.end());
  EXPECT_EQ(all.logweight, first.logweight);
  EXPECT_EQ(all.latent, first.latent);
  AnnealingChains other = t.start(100);
  Annealing(t.circular, 1, 3).run(s, other, t);
  EXPECT_NE(all.logweight, other.logweight) << "another stream";
}

TEST(AnnealingSchedule, TextIsReadBack)
{
  AnnealingSchedule s;
  s.lambda = {1.0 / 3.0, 2.0 / 3.0};
  s.step = {1.0, 0.1234567};
  const auto again = AnnealingSchedule::parse(s.text(), "here");
  EXPECT_EQ(again.lambda, s.lambda);
  EXPECT_EQ(again.step, s.step);
  EXPECT_EQ(again.text(), s.text());
  for (const char *bad :
       {"", "0", "x", "2 0.5 1", "1 0.5 1 0.5", "1 0 1", "1 1 1", "1 0.5 0", "1 0.5 1.5", "1 nan 1",
        "2 0.5 1 0.4 1", "-1 0.5 1", "99999999999 0.5 1", "1 0.5 1 x"}) {
    try {
      AnnealingSchedule::parse(bad, "here");
      ADD_FAILURE() << bad;
    } catch (const std::runtime_error &e) {
      EXPECT_THAT(e.what(), testing::HasSubstr("schedule of here: expected"));
    }
  }
}

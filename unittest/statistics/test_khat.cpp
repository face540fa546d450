/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Pareto k-hat against an independent implementation: arviz-stats 1.3.0.dev0 (commit ef043f4), the tail function
// of its diagnostics with log-weights, tail "right". Weights are closed formulas, reference values are its results.
// One rule differs: it takes floor, BACKMAP ceil (as Vehtari et al. write) of min(0.2 S, 3 sqrt(S / r_eff)) for the
// length of the tail, so its function was given our length; where both lengths are equal its own choice gives the same
// k-hat. Both use the prior of 10 observations at k = 0.5. It drops grid points with a weight below 10 epsilon.

#include "statistics/weights.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>

using namespace BACKMAP_NS;

namespace {

std::vector<double> recipe(const std::string &name, int n)
{
  std::vector<double> l;
  for (int i = 0; i < n; i++) {
    const double u = (i + 0.5) / n;
    if (name == "pareto0.4")
      l.push_back(-0.4 * std::log(u));
    else if (name == "pareto0.9")
      l.push_back(-0.9 * std::log(u));
    else if (name == "exponential")
      l.push_back(std::log(-std::log(u)));
    else if (name == "logistic")
      l.push_back(1.5 * std::log(u / (1.0 - u)));
    else if (name == "slow")
      l.push_back(1.5 * std::sin(0.013 * i) + 0.5 * std::sin(1.7 * i) + 0.3 * std::cos(0.37 * i));
    else if (name == "ties")
      l.push_back(std::nearbyint(8.0 * std::log(u / (1.0 - u))) / 4.0);
    else if (name == "zeros")
      l.push_back(i % 3 == 1 ? -std::numeric_limits<double>::infinity() : -0.7 * std::log(u));
  }
  return l;
}

}    // namespace

TEST(Khat, IndependentImplementation)
{
  const struct {
    const char *name;
    int n;
    double r_eff;
    int tail;
    double khat;
  } reference[] = {{"pareto0.4", 1000, 1, 95, 0.4103202088048251},
                   {"pareto0.9", 2500, 1, 150, 0.8629530465386986},
                   {"pareto0.9", 40, 1, 8, 0.6207853829888907},
                   {"exponential", 500, 1, 68, 0.08440805797958569},
                   {"logistic", 100, 1, 20, 1.0892133143301876},
                   {"logistic", 20000, 1, 425, 1.470620565592835},
                   {"slow", 3000, 1, 165, -0.34615430641939593},
                   {"slow", 3000, 0.05, 600, -0.25071942236343325},
                   {"ties", 4000, 1, 190, 1.9345219955164596},
                   {"ties", 4000, 0.2, 425, 1.996876734777858},
                   {"zeros", 900, 1, 90, 0.6852203795101448},
                   {"zeros", 900, 0.25, 180, 0.6926086720754115}};
  for (const auto &r : reference) {
    const ParetoTail tail = pareto_khat(recipe(r.name, r.n), r.r_eff);
    EXPECT_EQ(tail.tail, r.tail) << r.name << " " << r.n;
    EXPECT_NEAR(tail.khat, r.khat, 1e-6) << r.name << " " << r.n << " " << r.r_eff;
  }
  // control: a tail that is one weight longer is seen
  const auto l = recipe("pareto0.4", 1000);
  EXPECT_GT(std::fabs(pareto_khat(l, 1.0 / 1.05).khat - pareto_khat(l).khat), 1e-6);
}

// Frames that follow each other closely: the tail of k-hat is longer than that of independent weights, by the
// autocorrelation time. Independent frames, whose samples share the frame's part of the weight: between the two.
TEST(Khat, TailFollowsTheAutocorrelation)
{
  std::mt19937_64 engine(5);
  const auto normal = [&] {
    const double u = ((engine() >> 11) + 0.5) * 0x1p-53, v = ((engine() >> 11) + 0.5) * 0x1p-53;
    return std::sqrt(-2.0 * std::log(u)) * std::cos(2.0 * M_PI * v);
  };
  const int frames = 4000, m = 2;
  for (double rho : {0.0, 0.9}) {
    WeightSet set;
    double u = normal();
    for (int i = 0; i < frames; i++) {
      const double l[m] = {0.5 * u + 0.05 * normal(), 0.5 * u + 0.05 * normal()};
      set.add_frame({i, 0, 1}, m, l, nullptr);
      u = rho * u + std::sqrt(1.0 - rho * rho) * normal();
    }
    const auto w = set.weight_estimate();
    // sum over lags of (exp(0.25 rho^k) - 1) / (exp(0.25) - 1), a little below that of rho^k; frames are pairs of samples
    double expected = -1.0;
    for (int k = 0; k < 500; k++)
      expected += 2.0 * std::expm1(0.25 * std::pow(rho, k)) / std::expm1(0.25);
    EXPECT_NEAR(1.0 / w.r_eff_frames, expected, 0.25 * expected);
    EXPECT_NEAR(1.0 / w.r_eff_samples, 2.0 * expected, 0.5 * expected);
    EXPECT_EQ(set.khat().tail,
              std::ceil(std::min(0.2 * frames * m, 3.0 * std::sqrt(frames * m / w.r_eff_samples))));
    EXPECT_EQ(set.khat_marginal().tail,
              std::ceil(std::min(0.2 * frames, 3.0 * std::sqrt(frames / w.r_eff_frames))));
    // control: a tail that ignores it is another one
    if (rho > 0.0) { EXPECT_GT(set.khat().tail, 2 * pareto_khat(set.log_weights()).tail); }
  }
}

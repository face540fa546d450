/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// How often is a canonical series warned about? Harmonic modes, each an autoregressive series: a virial x^2 and an ideal
// value of 1 for `bonds` of them, the energy x^2 / 2 of these and three more. Short series, where the figures are skewed.
// 600 runs of each setting, fixed seeds. Right mean squares of deviation over error: unittest/lammps/test_ensemble.cpp.

#include "statistics/ensemble.h"

#include "gtest/gtest.h"

#include <cmath>
#include <cstdio>
#include <random>
#include <vector>

using namespace BACKMAP_NS;

namespace {

constexpr int RUNS = 600;

/// scale: of the variance of all modes, 1 for the temperature of the model; hold: share of the energy that is held fast.
EnsembleSeries series(unsigned seed, int bonds, int frames, double rho, double scale = 1.0,
                      double hold = 0.0)
{
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  EnsembleSeries s(1.0);
  std::vector<double> x(bonds + 3);
  for (double &v : x) v = normal(random);
  for (int i = 0; i < frames; i++) {
    double virial = 0.0, energy = 0.0;
    for (std::size_t k = 0; k < x.size(); k++) {
      if (static_cast<int>(k) < bonds) virial += scale * x[k] * x[k];
      energy += 0.5 * scale * x[k] * x[k];
      x[k] = rho * x[k] + std::sqrt(1.0 - rho * rho) * normal(random);
    }
    const double mean = 0.5 * static_cast<double>(x.size());
    const double factor = hold > 0.0 ? 1.0 + hold * (mean / energy - 1.0) : 1.0;
    s.add(1, virial * factor, bonds, energy * factor);
  }
  return s;
}

}    // namespace

TEST(Ensemble, canonical_series_are_hardly_ever_warned_about)
{
  int hot = 0, narrow = 0, all = 0;
  for (const double rho : {0.8, 0.95})
    for (const double length : {120.0, 250.0, 500.0}) {
      const int bonds = length > 200.0 ? 2 : 5,
                frames = static_cast<int>(length * (1.0 + rho * rho) / (1.0 - rho * rho));
      for (int r = 0; r < RUNS; r++, all++) {
        const auto s = series(7919 * r + 13, bonds, frames, rho);
        hot += s.temperature().differs(0.03);
        narrow += s.fluctuation().differs(0.15);
      }
    }
  printf("of %d canonical series: temperature %d, fluctuation %d\n", all, hot, narrow);
  EXPECT_LT(hot, 0.005 * all);
  EXPECT_LT(narrow, 0.008 * all);
}

// the controls must be found, all of them: 15 % too hot; the right mean energy, with half of its deviations
TEST(Ensemble, wrong_series_are_found)
{
  int hot = 0, narrow = 0;
  for (int r = 0; r < 20; r++) {
    hot += series(r, 5, 12000, 0.8, 1.15).temperature().differs(0.03);
    const auto held = series(r, 5, 12000, 0.8, 1.0, 0.5);
    EXPECT_FALSE(held.temperature().differs(0.03));
    narrow += held.fluctuation().differs(0.15);
  }
  EXPECT_EQ(hot, 20);
  EXPECT_EQ(narrow, 20);
}

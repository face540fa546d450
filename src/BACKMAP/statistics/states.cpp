/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/states.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace BACKMAP_NS {

namespace {
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
constexpr double ROUNDING = 1e-9;    // of sums of shares that are not whole numbers

/* probabilities of a step in and of a step out add up to this in a two-state chain */

double step_rate(const Visits &v)
{
  return v.entries / (v.frames() - v.inside) + v.exits / v.inside;
}

/* sum over k >= n of x^k / k!, which is exp(x) times the probability of n or more for a Poisson mean x */

double poisson_tail(int n, double x)
{
  double term = std::exp(n * std::log(x) - std::lgamma(n + 1.0)), sum = 0.0;
  for (int k = n; term > 1e-17 * sum; term *= x / ++k) sum += term;
  return sum;
}

/* Poisson mean for which n or more come with 2.5 % among the counts that are not below `least` */

double lower_mean(int n, int least)
{
  double low = 0.0, high = n;
  for (int i = 0; i < 60; i++) {
    const double x = 0.5 * (low + high);
    (poisson_tail(n, x) < 0.025 * poisson_tail(least, x) ? low : high) = x;
  }
  return high;
}

/* how much longer the interval is in logarithms, as a square that adds to others: with and without the choice */

double luck(double crossings)
{
  if (crossings < FEW_ENTRIES || crossings > 5.0 * FEW_ENTRIES) return 0.0;
  const int n = static_cast<int>(crossings + ROUNDING);
  const double all = lower_mean(n, 0),
               chosen = std::max(LUCKY_ENTRIES, lower_mean(n, static_cast<int>(FEW_ENTRIES)));
  return std::max(0.0, std::pow(std::log(n / chosen), 2) - std::pow(std::log(n / all), 2));
}
}    // namespace

/* ----------------------------------------------------------------------
   of m samples in random order, each of the m - 1 neighbours is an entry with probability zeros ones / (m (m - 1))
------------------------------------------------------------------------- */

void Visits::add_frame(double ones, double samples)
{
  if (!(samples > 0.0)) return;
  const double share = ones / samples, mixed = (samples - ones) * share;
  entries += mixed;
  exits += mixed;
  inside += share;
  outside += 1.0 - share;
  if (last < 0.0) {
    began_inside += share;
    began_outside += 1.0 - share;
  } else {
    entries += (1.0 - last) * share;
    exits += last * (1.0 - share);
  }
  last = share;
}

/* ---------------------------------------------------------------------- */

bool Visits::once() const
{
  return crossings() < 1.0 - ROUNDING || began_inside + entries < 2.0 - ROUNDING ||
      began_outside + exits < 2.0 - ROUNDING;
}

/* ----------------------------------------------------------------------
   rho_k = (1 - a - b)^k for a chain that steps in with probability a and out with b
------------------------------------------------------------------------- */

double Visits::autocorrelation_time() const
{
  return std::max(1.0, 2.0 / step_rate(*this) - 1.0);
}

/* ----------------------------------------------------------------------
   ln p - ln(1 - p) = ln of the ratio of mean times inside and outside: tau / (frames p (1 - p)) of that chain
------------------------------------------------------------------------- */

double Visits::log_odds_error() const
{
  const double one_step = std::max(0.0, 2.0 - step_rate(*this));
  return std::sqrt(0.5 * one_step * (1.0 / entries + 1.0 / exits));
}

/* ---------------------------------------------------------------------- */

Population population(const std::vector<std::vector<RatioTerm>> &walkers, const Visits &visits,
                      const BlockRule &rule)
{
  RatioTerm all{0.0, 0.0};
  std::size_t steps = 0;
  for (const auto &w : walkers) {
    steps += w.size();
    for (const auto &t : w) {
      all.numerator += t.numerator;
      all.denominator += t.denominator;
    }
  }
  const bool seen = all.numerator > 0.0 && all.numerator < all.denominator;
  BlockRule longer = rule;
  if (seen)
    longer.least_tau = visits.autocorrelation_time() * static_cast<double>(steps) / visits.frames();
  Population s{{}, ratio_estimate(walkers, RatioOf::NegLogOdds, longer), StateMark::None};
  Estimate &f = s.delta_f;
  if (!seen) {
    s.mark = StateMark::Unseen;
    f.tau = NOT_A_NUMBER;
    f.blocks = 0;
    f.too_short = f.disagree = false;
  } else if (visits.once() || !std::isfinite(f.error))
    s.mark = StateMark::OneVisit;
  else if (visits.crossings() < FEW_ENTRIES || f.error > LOG_ODDS_ERROR)
    s.mark = StateMark::FewEntries;

  if (s.mark == StateMark::Unseen || s.mark == StateMark::OneVisit)
    f.error = f.dof = NOT_A_NUMBER;
  else {
    f.error = std::max(f.error, visits.log_odds_error());
    f.dof = std::min(f.dof, std::max(2.0, visits.crossings() - 1.0));
  }
  const double half = student_quantile(0.975, f.dof) * f.error;
  const double longer_half = std::sqrt(half * half + luck(visits.crossings()));
  const bool rare = visits.inside < visits.outside;
  f.lower = f.value - (rare ? half : longer_half);
  f.upper = f.value + (rare ? longer_half : half);

  s.p = f;
  s.p.value = s.p.plain = all.numerator / all.denominator;
  s.p.error = s.p.value * (1.0 - s.p.value) * f.error;
  s.p.lower = 1.0 / (1.0 + std::exp(f.upper));
  s.p.upper = 1.0 / (1.0 + std::exp(f.lower));
  return s;
}

}    // namespace BACKMAP_NS

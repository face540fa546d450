/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/series.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace BACKMAP_NS {

namespace {
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

/* regularised incomplete beta function by its continued fraction (DLMF 8.17.22), modified Lentz */

double incomplete_beta(double x, double a, double b)
{
  if (x <= 0.0) return 0.0;
  if (x >= 1.0) return 1.0;
  if (x > (a + 1.0) / (a + b + 2.0)) return 1.0 - incomplete_beta(1.0 - x, b, a);
  const double front = std::exp(std::lgamma(a + b) - std::lgamma(a) - std::lgamma(b) +
                                a * std::log(x) + b * std::log1p(-x)) /
      a;
  const double tiny = 1e-300;
  double c = 1.0, d = 1.0 / std::max(1.0 - (a + b) * x / (a + 1.0), tiny), value = d;
  for (int m = 1; m < 1000; m++) {
    for (int odd = 0; odd < 2; odd++) {
      const double term = odd ? -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
                              : m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
      d = 1.0 + term * d;
      c = 1.0 + term / c;
      if (std::fabs(d) < tiny) d = tiny;
      if (std::fabs(c) < tiny) c = tiny;
      d = 1.0 / d;
      value *= c * d;
    }
    if (std::fabs(c * d - 1.0) < 1e-15) break;
  }
  return front * value;
}

/* P(T > t) for t >= 0 */

double student_tail(double t, double dof)
{
  if (std::isinf(dof)) return 0.5 * std::erfc(t / std::sqrt(2.0));
  return 0.5 * incomplete_beta(dof / (dof + t * t), 0.5 * dof, 0.5);
}
}    // namespace

/* ---------------------------------------------------------------------- */

double student_quantile(double p, double dof)
{
  if (!(p > 0.0 && p < 1.0) || !(dof > 0.0)) return NOT_A_NUMBER;
  if (p < 0.5) return -student_quantile(1.0 - p, dof);
  // every frame of a run asks for the same one
  thread_local struct {
    double p, dof, value;
  } last{0.0, 0.0, 0.0};
  if (p == last.p && dof == last.dof) return last.value;
  double low = 0.0, high = 1.0;
  while (student_tail(high, dof) > 1.0 - p && high < 1e300) high *= 2.0;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const double middle = 0.5 * (low + high);
    (student_tail(middle, dof) > 1.0 - p ? low : high) = middle;
  }
  last = {p, dof, 0.5 * (low + high)};
  return last.value;
}

/* ---------------------------------------------------------------------- */

double fisher_tail(double f, double d1, double d2)
{
  if (!(f > 0.0)) return 1.0;
  return incomplete_beta(d2 / (d2 + d1 * f), 0.5 * d2, 0.5 * d1);
}

/* ----------------------------------------------------------------------
   long series are averaged in groups first, which leaves (variance of a mean) x (its length) as it is
------------------------------------------------------------------------- */

double autocorrelation_time(const std::vector<std::vector<double>> &deviations)
{
  constexpr std::size_t ENOUGH = 20000;
  std::size_t n = 0, longest = 0;
  double variance = 0.0;
  for (const auto &d : deviations) {
    n += d.size();
    for (double v : d) variance += v * v;
  }
  if (n == 0 || !(variance > 0.0)) return 1.0;
  variance /= static_cast<double>(n);

  const std::size_t group = (n + ENOUGH - 1) / ENOUGH;
  std::vector<std::vector<double>> coarse;
  for (const auto &d : deviations) {
    std::vector<double> c(d.size() / group, 0.0);
    for (std::size_t i = 0; i < c.size(); i++)
      for (std::size_t j = 0; j < group; j++) c[i] += d[i * group + j] / static_cast<double>(group);
    longest = std::max(longest, c.size());
    coarse.push_back(std::move(c));
  }
  // four sums side by side: one would wait for every addition
  const auto covariance = [&](std::size_t lag) {
    double sum[4] = {0.0, 0.0, 0.0, 0.0};
    std::size_t pairs = 0;
    for (const auto &c : coarse) {
      if (c.size() <= lag) continue;
      const std::size_t count = c.size() - lag;
      const double *a = c.data(), *b = a + lag;
      std::size_t i = 0;
      for (; i + 4 <= count; i += 4)
        for (std::size_t k = 0; k < 4; k++) sum[k] += a[i + k] * b[i + k];
      for (; i < count; i++) sum[0] += a[i] * b[i];
      pairs += count;
    }
    return pairs > 0 ? (sum[0] + sum[1] + sum[2] + sum[3]) / static_cast<double>(pairs) : 0.0;
  };

  // sums of two neighbouring lags are positive and fall: the first that is not positive ends the sum
  double sum = 0.0, last = std::numeric_limits<double>::infinity();
  const double first = covariance(0);
  for (std::size_t lag = 0; lag == 0 || 2 * lag < longest; lag += 2) {
    const double pair = (lag == 0 ? first : covariance(lag)) + covariance(lag + 1);
    if (!(pair > 0.0)) break;
    last = std::min(last, pair);
    sum += last;
  }
  return std::max(1.0, static_cast<double>(group) * (2.0 * sum - first) / variance);
}

/* ---------------------------------------------------------------------- */

namespace {

RatioTerm total(const std::vector<std::vector<RatioTerm>> &walkers)
{
  RatioTerm t{0.0, 0.0};
  for (const auto &w : walkers)
    for (const auto &s : w) {
      t.numerator += s.numerator;
      t.denominator += s.denominator;
    }
  return t;
}

double apply(RatioOf what, const RatioTerm &s)
{
  if (what == RatioOf::Mean) return s.numerator / s.denominator;
  if (what == RatioOf::Log) return std::log(s.numerator / s.denominator);
  return std::log((s.denominator - s.numerator) / s.numerator);
}

struct Jackknife {
  std::vector<double> pseudo;    // pseudo-values, one a block
  double mean, error;
};

/* leave-one-out sums from sums over the blocks before and after: nothing cancels if one block holds nearly all */

Jackknife jackknife(const std::vector<RatioTerm> &block, RatioOf what)
{
  const std::size_t n = block.size();
  std::vector<RatioTerm> before(n + 1, {0.0, 0.0}), after(n + 1, {0.0, 0.0});
  for (std::size_t i = 0; i < n; i++) {
    before[i + 1] = {before[i].numerator + block[i].numerator,
                     before[i].denominator + block[i].denominator};
    const auto &b = block[n - 1 - i];
    after[n - 1 - i] = {after[n - i].numerator + b.numerator,
                        after[n - i].denominator + b.denominator};
  }
  const double whole = apply(what, before[n]), count = static_cast<double>(n);
  Jackknife j{{}, 0.0, 0.0};
  for (std::size_t i = 0; i < n; i++) {
    const double without = apply(what,
                                 {before[i].numerator + after[i + 1].numerator,
                                  before[i].denominator + after[i + 1].denominator});
    j.pseudo.push_back(count * whole - (count - 1.0) * without);
    j.mean += j.pseudo.back() / count;
  }
  for (double p : j.pseudo) j.error += (p - j.mean) * (p - j.mean);
  j.error = std::sqrt(j.error / (count * (count - 1.0)));
  return j;
}

/* P of the F test that pseudo-values of different walkers have the same mean */

double same_mean(const Jackknife &j, const std::vector<std::size_t> &walker_of,
                 std::size_t nwalkers)
{
  std::vector<double> sum(nwalkers, 0.0), count(nwalkers, 0.0);
  for (std::size_t i = 0; i < j.pseudo.size(); i++) {
    sum[walker_of[i]] += j.pseudo[i];
    count[walker_of[i]] += 1.0;
  }
  double between = 0.0, within = 0.0;
  for (std::size_t w = 0; w < nwalkers; w++)
    between += count[w] * std::pow(sum[w] / count[w] - j.mean, 2);
  for (std::size_t i = 0; i < j.pseudo.size(); i++)
    within += std::pow(j.pseudo[i] - sum[walker_of[i]] / count[walker_of[i]], 2);
  const double d1 = static_cast<double>(nwalkers) - 1.0,
               d2 = static_cast<double>(j.pseudo.size() - nwalkers);
  if (!(within > 0.0)) return between > 0.0 ? 0.0 : 1.0;
  return fisher_tail(between / d1 / (within / d2), d1, d2);
}

}    // namespace

/* ---------------------------------------------------------------------- */

double ratio_autocorrelation(const std::vector<std::vector<RatioTerm>> &walkers)
{
  const RatioTerm all = total(walkers);
  const double ratio = all.numerator / all.denominator;
  std::vector<std::vector<double>> influence;
  for (const auto &w : walkers) {
    influence.emplace_back();
    for (const auto &s : w) influence.back().push_back(s.numerator - ratio * s.denominator);
  }
  return autocorrelation_time(influence);
}

/* ----------------------------------------------------------------------
   walkers cut into blocks: `blocks` in all, shared among the walkers, or as many of the length as fit
------------------------------------------------------------------------- */

namespace {
struct Blocks {
  std::vector<RatioTerm> block, whole;    // sums over blocks, and over walkers
  std::vector<std::size_t> walker_of;     // of each block
};

Blocks cut(const std::vector<std::vector<RatioTerm>> &walkers, double length, int blocks)
{
  Blocks c;
  for (const auto &w : walkers) {
    if (w.empty()) continue;
    const double fit = static_cast<double>(w.size()) / length;
    const auto wanted =
        static_cast<std::size_t>(blocks > 0 ? std::llround(fit) : std::floor(fit + 1e-9));
    const std::size_t nb = std::max<std::size_t>(1, std::min(w.size(), wanted));
    const std::size_t first = c.block.size();
    c.block.resize(first + nb, {0.0, 0.0});
    c.walker_of.resize(first + nb, c.whole.size());
    c.whole.push_back({0.0, 0.0});
    for (std::size_t b = 0; b < nb; b++)
      for (std::size_t i = b * w.size() / nb; i < (b + 1) * w.size() / nb; i++) {
        c.block[first + b].numerator += w[i].numerator;
        c.block[first + b].denominator += w[i].denominator;
        c.whole.back().numerator += w[i].numerator;
        c.whole.back().denominator += w[i].denominator;
      }
  }
  return c;
}
}    // namespace

/* ---------------------------------------------------------------------- */

Estimate ratio_estimate(const std::vector<std::vector<RatioTerm>> &walkers, RatioOf what,
                        const BlockRule &rule)
{
  const RatioTerm all = total(walkers);
  Estimate e{NOT_A_NUMBER,
             NOT_A_NUMBER,
             NOT_A_NUMBER,
             NOT_A_NUMBER,
             NOT_A_NUMBER,
             NOT_A_NUMBER,
             NOT_A_NUMBER,
             0,
             0,
             false,
             false};
  std::size_t steps = 0, nwalkers = 0;
  for (const auto &w : walkers) {
    steps += w.size();
    nwalkers += !w.empty();
  }
  e.walkers = static_cast<int>(nwalkers);
  if (steps == 0 || !(all.denominator > 0.0)) return e;
  e.value = e.plain = apply(what, all);
  e.tau = std::max(rule.least_tau, ratio_autocorrelation(walkers));

  // number of blocks of each walker: whole blocks of the length asked for, or shares of a number of blocks

  const double n = static_cast<double>(steps), wanted = rule.length * e.tau;
  int blocks = rule.fixed;
  if (blocks == 0 && n < rule.fewest * wanted) blocks = rule.fewest;
  e.too_short = rule.fixed > 0 ? n < rule.fixed * wanted && rule.fixed > e.walkers : blocks > 0;
  const double length = blocks > 0 ? n / blocks : std::max(wanted, n / rule.most);
  const Blocks c = cut(walkers, length, blocks);
  e.blocks = static_cast<int>(c.block.size());
  if (c.block.size() < 4 && (nwalkers < 2 || c.block.size() > nwalkers)) return e;

  Jackknife j = jackknife(c.block, what);
  if (nwalkers > 1 && c.block.size() > nwalkers + 1 &&
      same_mean(j, c.walker_of, nwalkers) < rule.disagreement) {
    e.disagree = true;
    e.blocks = e.walkers;
    j = jackknife(c.whole, what);
  }
  if (!std::isfinite(j.error)) return e;
  e.dof = e.blocks - 1.0;
  if (what != RatioOf::Mean) e.value = j.mean;
  e.error = j.error;
  const double half = student_quantile(0.975, e.dof) * e.error;
  e.lower = e.value - half;
  e.upper = e.value + half;
  return e;
}

}    // namespace BACKMAP_NS

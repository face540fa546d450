/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "flow/annealing.h"

#include "core/rng.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();

/// Share of moves that forget the point before: they cross to modes that no short move reaches. Where there are
/// parts, one of them forgets, which is accepted far more often than all at once.
constexpr double INDEPENDENT = 0.1, INDEPENDENT_PART = 0.5;

// the pilot: distance of its own levels; how many at most; moves at each; acceptance that they are led to
constexpr double LEVEL = 0.4;
constexpr int MAX_LEVELS = 50, ROUNDS = 5;
constexpr double ACCEPTANCE = 0.55, GAIN = 2.0, SMALLEST_STEP = 1.0e-4;

double wrap(double angle)
{
  if (angle >= BACKMAP_PI) angle -= 2.0 * BACKMAP_PI;
  if (angle < -BACKMAP_PI) angle += 2.0 * BACKMAP_PI;
  return angle < BACKMAP_PI ? angle : -BACKMAP_PI;    // rounded up
}

/// Six digits, so that the text of a schedule is the schedule.
double rounded(double v)
{
  char text[40];
  snprintf(text, sizeof(text), "%.6g", v);
  return std::strtod(text, nullptr);
}

/// The random numbers of one move of one chain, one after another.
class Numbers {
 public:
  Numbers(std::uint64_t seed, std::uint64_t stream, const AnnealingChains::Name &name,
          std::uint64_t first) :
      seed_(seed),
      stream_(stream), name_(name), call_(first)
  {
  }
  double next()
  {
    if (used_ == 4) {
      bits_ = random_bits(seed_, stream_, static_cast<std::uint64_t>(name_.timestep),
                          static_cast<std::uint64_t>(name_.molecule),
                          static_cast<std::uint64_t>(name_.sample), call_++);
      used_ = 0;
    }
    return random_uniform(bits_.v[used_++]);
  }

 private:
  const std::uint64_t seed_, stream_;
  const AnnealingChains::Name name_;
  std::uint64_t call_;
  RandomBits bits_{};
  int used_ = 4;
};

/// Variance of w^d over its squared mean, mean over groups of those that have a weight; that of ln w times d^2 if small.
double distance2(int groups, const std::vector<double> &logw, double d)
{
  const std::size_t m = logw.size() / groups;
  double sum = 0.0;
  int counted = 0;
  for (int g = 0; g < groups; g++) {
    const double *l = &logw[g * m];
    const double largest = *std::max_element(l, l + m);
    if (largest == -INF) continue;
    double n = 0.0, s1 = 0.0, s2 = 0.0;
    for (std::size_t j = 0; j < m; j++) {
      if (l[j] == -INF) continue;
      const double w = std::exp(d * (l[j] - largest));
      n += 1.0;
      s1 += w;
      s2 += w * w;
    }
    sum += n * s2 / (s1 * s1) - 1.0;
    counted++;
  }
  return counted ? sum / counted : 0.0;
}

/// Every group to points of equal weight: a point comes back in proportion to w^d (systematic resampling).
void resample(int groups, double d, double random, int nlatent, AnnealingChains &chains)
{
  const std::size_t m = chains.logw.size() / groups, nu = nlatent;
  const std::vector<double> latent = chains.latent, logw = chains.logw;
  for (std::size_t first = 0; first < logw.size(); first += m) {
    const double largest = *std::max_element(&logw[first], &logw[first] + m);
    if (largest == -INF) continue;
    std::vector<double> sum(m);
    double total = 0.0;
    for (std::size_t j = 0; j < m; j++)
      sum[j] = total += logw[first + j] == -INF ? 0.0 : std::exp(d * (logw[first + j] - largest));
    for (std::size_t j = 0, from = 0; j < m; j++) {
      while (from + 1 < m && sum[from] <= (static_cast<double>(j) + random) * total / m) from++;
      std::copy_n(&latent[(first + from) * nu], nu, &chains.latent[(first + j) * nu]);
      chains.logw[first + j] = logw[first + from];
    }
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

std::string AnnealingSchedule::text() const
{
  std::string all = std::to_string(steps());
  for (int k = 0; k < steps(); k++) {
    char text[80];
    snprintf(text, sizeof(text), " %.17g %.17g", lambda[k], step[k]);
    all += text;
  }
  return all;
}

/* ---------------------------------------------------------------------- */

AnnealingSchedule AnnealingSchedule::parse(const std::string &text, const std::string &origin)
{
  const auto fail = [&](const std::string &expected) {
    throw std::runtime_error("annealing schedule of " + origin + ": expected " + expected +
                             ", got \"" + text.substr(0, 60) + "\"");
  };
  AnnealingSchedule s;
  const char *at = text.c_str();
  char *end = nullptr;
  const long steps = std::strtol(at, &end, 10);
  if (end == at || steps < 1 || steps > static_cast<long>(text.size()))
    fail("the number of steps first");
  for (long k = 0; k < steps; k++)
    for (auto *list : {&s.lambda, &s.step}) {
      at = end;
      list->push_back(std::strtod(at, &end));
      if (end == at) fail("two numbers for each of " + std::to_string(steps) + " steps");
    }
  while (*end == ' ') end++;
  if (*end) fail("no more than two numbers for each of " + std::to_string(steps) + " steps");
  double before = 0.0;
  for (long k = 0; k < steps; k++) {
    if (!(s.lambda[k] > 0.0 && s.lambda[k] >= before && s.lambda[k] < 1.0))
      fail("lambda that rises between 0 and 1");
    if (!(s.step[k] > 0.0 && s.step[k] <= 1.0)) fail("a size of moves above 0, up to 1");
    before = s.lambda[k];
  }
  return s;
}

/* ---------------------------------------------------------------------- */

Annealing::Annealing(const std::vector<bool> &circular, std::uint64_t seed, std::uint64_t stream,
                     const std::vector<int> &parts) :
    circular_(circular),
    parts_(parts.begin(), parts.end()), seed_(seed), stream_(stream)
{
  parts_.push_back(circular.size());
}

/* ----------------------------------------------------------------------
   u to v, reversible with respect to the base distribution: u' = sqrt(1 - s^2) u + s xi (preconditioned
   Crank-Nicolson, Cotter et al., Stat. Sci. 28, 424 (2013)) where it is normal, a window of half width s pi
   around u where it is uniform on the circle. Or a part of u is drawn anew. Returns whether it was the short move
------------------------------------------------------------------------- */

bool Annealing::propose(const AnnealingChains::Name &name, std::uint64_t draw, double step,
                        const double *u, double *v, double &threshold) const
{
  const std::size_t nu = circular_.size();
  Numbers random(seed_, stream_, name, draw * (nu / 4 + 2));
  threshold = std::log(random.next());
  const std::size_t nparts = parts_.size() - 1;
  const double share = nparts > 1 ? INDEPENDENT_PART : INDEPENDENT, which = random.next() / share;
  const bool local = which >= 1.0;
  std::size_t first = 0, last = nu;
  if (!local) {
    const auto part = std::min(nparts - 1, static_cast<std::size_t>(which * nparts));
    first = parts_[part];
    last = parts_[part + 1];
  }
  const double s = local ? step : 1.0, keep = std::sqrt(1.0 - s * s);
  double spare = 0.0;
  bool have = false;
  std::copy_n(u, nu, v);
  for (std::size_t i = first; i < last; i++) {
    if (circular_[i]) {
      v[i] = wrap(u[i] + s * BACKMAP_PI * (2.0 * random.next() - 1.0));
      continue;
    }
    double xi = spare;
    if (!have) {
      const double a = random.next(), b = random.next();
      random_normals(a, b, xi, spare);
    }
    have = !have;
    v[i] = keep * u[i] + s * xi;
  }
  return local;
}

/* ----------------------------------------------------------------------
   one step of every chain that has a weight
------------------------------------------------------------------------- */

double Annealing::move(std::uint64_t draw, double lambda, double step, AnnealingChains &chains,
                       AnnealingTarget &target) const
{
  const std::size_t n = chains.names.size(), nu = circular_.size();
  std::vector<double> proposed(chains.latent), logw(n, -INF), threshold(n);
  std::vector<char> wanted(n), local(n, 0);
  for (std::size_t i = 0; i < n; i++) {
    wanted[i] = chains.logw[i] > -INF;    // false for NaN
    if (wanted[i])
      local[i] = propose(chains.names[i], draw, step, &chains.latent[i * nu], &proposed[i * nu],
                         threshold[i]);
  }
  target.evaluate(wanted, proposed, logw);
  double sum = 0.0, count = 0.0;
  for (std::size_t i = 0; i < n; i++) {
    if (!wanted[i]) continue;
    if (local[i]) count += 1.0;
    if (!(logw[i] > -INF)) continue;    // no weight: refused whatever lambda is
    const double gain = lambda * (logw[i] - chains.logw[i]);
    if (local[i]) sum += std::exp(std::min(gain, 0.0));
    if (gain < threshold[i]) continue;
    std::copy_n(&proposed[i * nu], nu, &chains.latent[i * nu]);
    chains.logw[i] = logw[i];
    target.accept(static_cast<int>(i));
  }
  return count > 0.0 ? sum / count : 0.0;
}

/* ----------------------------------------------------------------------
   a start without weight has none at the first lambda, which is above 0: its weight is zero, exactly; no later
   point has none, because such moves are refused
------------------------------------------------------------------------- */

void Annealing::run(const AnnealingSchedule &schedule, AnnealingChains &chains,
                    AnnealingTarget &target) const
{
  const std::size_t n = chains.names.size();
  chains.logweight.assign(n, 0.0);
  double before = 0.0;
  const auto advance = [&](double lambda) {
    for (std::size_t i = 0; i < n; i++) chains.logweight[i] += (lambda - before) * chains.logw[i];
    before = lambda;
  };
  for (int k = 0; k < schedule.steps(); k++) {
    if (schedule.lambda[k] > before) advance(schedule.lambda[k]);
    move(k, schedule.lambda[k], schedule.step[k], chains, target);
  }
  advance(1.0);
}

/* ----------------------------------------------------------------------
   goes from 0 to 1 in levels of one distance each, with resampling and moves at each, so that the samples follow the
   densities (sequential Monte Carlo: only for this, its samples are not independent). The distance of two lambda is
   sqrt(N sum w^2 / (sum w)^2 - 1) for w^(their difference) in a frame; no start can spoil it, however small its
   weight. A path in equal distances has the smallest variance of the annealed weight if moves forget (Gelman and
   Meng, Stat. Sci. 13, 163 (1998)).
------------------------------------------------------------------------- */

Annealing::Pilot Annealing::pilot(int steps, int groups, AnnealingChains &chains,
                                  AnnealingTarget &target) const
{
  for (double &l : chains.logw)
    if (!(l > -INF)) l = -INF;    // NaN
  if (std::all_of(chains.logw.begin(), chains.logw.end(), [](double l) { return l == -INF; }))
    throw std::runtime_error("annealing: none of " + std::to_string(chains.size()) +
                             " samples of the flow has a weight, expected some (is the flow the "
                             "one of this molecule?)");
  struct Level {
    double lambda, length, step, acceptance;
  };
  std::vector<Level> levels{{0.0, 0.0, 1.0, 1.0}};
  std::uint64_t draw = 0;
  while (levels.back().lambda < 1.0) {
    Level now = levels.back();
    double d = 1.0 - now.lambda;
    if (static_cast<int>(levels.size()) < MAX_LEVELS &&
        distance2(groups, chains.logw, d) > LEVEL * LEVEL) {
      double low = 0.0;
      for (int i = 0; i < 100; i++) {
        const double middle = 0.5 * (low + d);
        (distance2(groups, chains.logw, middle) > LEVEL * LEVEL ? d : low) = middle;
      }
      now.lambda += d;
    } else
      now.lambda = 1.0;
    now.length += std::sqrt(distance2(groups, chains.logw, d));
    // names of chains have samples of their own; -1 is nobody's
    Numbers random(seed_, stream_, {chains.names[0].timestep, chains.names[0].molecule, -1}, draw);
    resample(groups, d, random.next(), static_cast<int>(circular_.size()), chains);
    for (int round = 0; round < ROUNDS; round++) {
      now.acceptance = move(draw++, now.lambda, now.step, chains, target);
      now.step *= std::exp(GAIN * (now.acceptance - ACCEPTANCE));
      now.step = std::max(SMALLEST_STEP, std::min(1.0, now.step));
    }
    levels.push_back(now);
  }

  Pilot result;
  result.length = levels.back().length;
  std::size_t at = 1;
  for (int k = 1; k <= steps; k++) {
    const double length = result.length * k / (steps + 1.0);
    while (at + 1 < levels.size() && levels[at].length < length) at++;
    const Level &a = levels[at - 1], &b = levels[at];
    const double t = b.length > a.length ? (length - a.length) / (b.length - a.length)
                                         : k / (steps + 1.0);    // all weights are equal
    result.schedule.lambda.push_back(
        std::min(rounded(a.lambda + t * (b.lambda - a.lambda)), 1.0 - 1.0e-6));
    result.schedule.step.push_back(rounded(a.step * std::pow(b.step / a.step, t)));
    result.acceptance.push_back(a.acceptance + t * (b.acceptance - a.acceptance));
  }
  return result;
}

#include "backmap_weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <string>
#include <tuple>

namespace BACKMAP_NS {

namespace {
  constexpr double INF = std::numeric_limits<double>::infinity();
  constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

  /* a counter-based generator (SplitMix64): the bootstrap gives the same error every time it is asked */

  std::uint64_t splitmix(std::uint64_t i)
  {
    std::uint64_t z = i * 0x9E3779B97F4A7C15ull + 0x9E3779B97F4A7C15ull;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
}    // namespace

/* ---------------------------------------------------------------------- */

double log_sum_exp(const double *a, std::size_t n)
{
  double top = -INF;
  for (std::size_t i = 0; i < n; i++) top = std::max(top, a[i]);
  if (!std::isfinite(top)) return top;
  double sum = 0.0;
  for (std::size_t i = 0; i < n; i++) sum += std::exp(a[i] - top);
  return top + std::log(sum);
}

/* ---------------------------------------------------------------------- */

double kish_ess(const double *logw, std::size_t n)
{
  if (n == 0) return NOT_A_NUMBER;
  double top = -INF;
  for (std::size_t i = 0; i < n; i++) top = std::max(top, logw[i]);
  if (top == -INF) return 0.0;
  double s1 = 0.0, s2 = 0.0;
  for (std::size_t i = 0; i < n; i++) {
    const double w = std::exp(logw[i] - top);
    s1 += w;
    s2 += w * w;
  }
  return s1 * s1 / (n * s2);
}

/* ---------------------------------------------------------------------- */

double entropy_ess(const double *logw, std::size_t n)
{
  if (n == 0) return NOT_A_NUMBER;
  const double lse = log_sum_exp(logw, n);
  if (lse == -INF) return 0.0;
  double h = 0.0;
  for (std::size_t i = 0; i < n; i++) {
    const double lp = logw[i] - lse;
    if (lp > -INF) h -= std::exp(lp) * lp;
  }
  return std::exp(h) / n;
}

/* ---------------------------------------------------------------------- */

double quantile(std::vector<double> v, double q)
{
  if (v.empty()) return NOT_A_NUMBER;
  std::sort(v.begin(), v.end());
  const double at = q * (v.size() - 1);
  const auto lo = static_cast<std::size_t>(std::floor(at));
  const std::size_t hi = std::min(lo + 1, v.size() - 1);
  return v[lo] + (at - lo) * (v[hi] - v[lo]);
}

/* ----------------------------------------------------------------------
   Zhang and Stephens: theta on a grid about the data, weighted by its profile likelihood.
   Their k has the opposite sign; k > 0 is a heavy tail here, as in Vehtari et al.
------------------------------------------------------------------------- */

ParetoShape fit_generalized_pareto(const std::vector<double> &x)
{
  const int n = static_cast<int>(x.size());
  if (n < 5 || !(x.back() > 0.0))
    throw std::runtime_error("Pareto fit: expected at least 5 values, the largest > 0, got " + std::to_string(n));
  const int grid = 30 + static_cast<int>(std::floor(std::sqrt(static_cast<double>(n))));
  // the first quartile sets the scale; if it is zero by underflow, the smallest positive value does
  double quartile = x[static_cast<std::size_t>(std::floor(n / 4.0 + 0.5)) - 1];
  if (!(quartile > 0.0)) quartile = *std::upper_bound(x.begin(), x.end(), 0.0);

  std::vector<double> theta(grid), likelihood(grid);
  const auto shape = [&](double b) {
    double k = 0.0;
    for (double v : x) k += std::log1p(-b * v);
    return k / n;
  };
  for (int j = 0; j < grid; j++) {
    theta[j] = 1.0 / x.back() + (1.0 - std::sqrt(grid / (j + 0.5))) / (3.0 * quartile);
    const double k = shape(theta[j]);
    likelihood[j] = n * (std::log(-theta[j] / k) - k - 1.0);
  }
  const double norm = log_sum_exp(likelihood.data(), grid);
  double b = 0.0;
  for (int j = 0; j < grid; j++) b += theta[j] * std::exp(likelihood[j] - norm);
  const double k = shape(b);
  return {(k * n + 0.5 * 10.0) / (n + 10.0), -k / b};
}

/* ---------------------------------------------------------------------- */

ParetoTail pareto_khat(const std::vector<double> &logw, double r_eff)
{
  const double s = static_cast<double>(logw.size());
  ParetoTail result{NOT_A_NUMBER, std::min(1.0 - 1.0 / std::log10(s), 0.7), 0};
  if (logw.size() < 2) return result;
  const auto m = static_cast<std::size_t>(std::ceil(std::min(0.2 * s, 3.0 * std::sqrt(s / r_eff))));
  result.tail = static_cast<int>(m);
  if (m < 5 || m >= logw.size()) return result;

  std::vector<double> v = logw;
  const auto cut = v.end() - static_cast<std::ptrdiff_t>(m) - 1;
  std::nth_element(v.begin(), cut, v.end());
  std::sort(cut + 1, v.end());
  const double top = v.back();
  if (!std::isfinite(top) || *(cut + 1) == top) return result;
  const double origin = std::exp(*cut - top);
  std::vector<double> excess;
  for (auto i = cut + 1; i != v.end(); ++i) excess.push_back(std::exp(*i - top) - origin);
  result.khat = fit_generalized_pareto(excess).k;
  return result;
}

/* ----------------------------------------------------------------------
   leave-one-out means from the total; the one sample that may hold nearly all of it is summed afresh
------------------------------------------------------------------------- */

FreeEnergy free_energy(const double *logf, std::size_t n)
{
  if (n == 0) return {NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER};
  const double lse = log_sum_exp(logf, n);
  const double raw = -(lse - std::log(static_cast<double>(n)));
  std::size_t nonzero = 0;
  for (std::size_t i = 0; i < n; i++)
    if (logf[i] > -INF) nonzero++;
  if (nonzero < 2) return {raw, raw, NOT_A_NUMBER};

  std::vector<double> left(n);
  for (std::size_t i = 0; i < n; i++) {
    const double p = std::exp(logf[i] - lse);
    double rest;
    if (p < 0.5) {
      rest = lse + std::log1p(-p);
    } else {
      std::vector<double> others(logf, logf + n);
      others[i] = -INF;
      rest = log_sum_exp(others.data(), n);
    }
    left[i] = -(rest - std::log(n - 1.0));
  }
  const double mean = std::accumulate(left.begin(), left.end(), 0.0) / n;
  double spread = 0.0;
  for (double l : left) spread += (l - mean) * (l - mean);
  return {raw, n * raw - (n - 1.0) * mean, std::sqrt((n - 1.0) / n * spread)};
}

/* ---------------------------------------------------------------------- */

double forward_ess(const double *logv, std::size_t n)
{
  if (n == 0) return NOT_A_NUMBER;
  std::vector<double> inverse(n);
  for (std::size_t i = 0; i < n; i++) inverse[i] = -logv[i];
  const double l = std::log(static_cast<double>(n));
  return std::exp(-(log_sum_exp(logv, n) - l) - (log_sum_exp(inverse.data(), n) - l));
}

/* ---------------------------------------------------------------------- */

bool operator<(const FrameKey &a, const FrameKey &b)
{
  return std::tie(a.step, a.series, a.molecule) < std::tie(b.step, b.series, b.molecule);
}

/* ---------------------------------------------------------------------- */

WeightSet::WeightSet(int nobs) : nobs_(nobs) {}

/* ---------------------------------------------------------------------- */

void WeightSet::add_frame(const FrameKey &key, int m, const double *logw, const double *obs)
{
  if (m < 1) throw std::runtime_error("weights: a frame needs at least 1 sample, got " + std::to_string(m));
  for (int j = 0; j < m; j++)
    if (logw[j] == INF)
      throw std::runtime_error("weights: log-weight +inf at step " + std::to_string(key.step) + ", molecule " +
                               std::to_string(key.molecule) + ", sample " + std::to_string(j));
  Frame f{key, logw_.size(), m, 0, -INF, 0.0, 0.0};
  for (int j = 0; j < m; j++) {
    double l = logw[j];
    if (std::isnan(l)) {
      nnan_++;
      l = -INF;
    } else if (l == -INF) {
      nzero_++;
    } else {
      f.nvalid++;
    }
    f.top = std::max(f.top, l);
    logw_.push_back(l);
  }
  const std::size_t at = wobs_.size();
  wobs_.resize(at + nobs_, 0.0);
  uobs_.resize(at + nobs_, 0.0);
  for (int j = 0; j < m; j++) {
    const double l = logw_[f.first + j];
    if (l == -INF) continue;
    const double w = std::exp(l - f.top);
    f.sum += w;
    f.sum2 += w * w;
    for (int k = 0; k < nobs_; k++) {
      wobs_[at + k] += w * obs[static_cast<std::size_t>(j) * nobs_ + k];
      uobs_[at + k] += obs[static_cast<std::size_t>(j) * nobs_ + k];
    }
  }
  const bool late = !frames_.empty() && key < frames_.back().key;
  frames_.push_back(f);
  if (late) sort();
}

/* ---------------------------------------------------------------------- */

void WeightSet::merge(const WeightSet &other)
{
  if (other.nobs_ != nobs_)
    throw std::runtime_error("weights: merging sets of " + std::to_string(nobs_) + " and " +
                             std::to_string(other.nobs_) + " observables");
  for (Frame f : other.frames_) {
    f.first += logw_.size();
    frames_.push_back(f);
  }
  logw_.insert(logw_.end(), other.logw_.begin(), other.logw_.end());
  wobs_.insert(wobs_.end(), other.wobs_.begin(), other.wobs_.end());
  uobs_.insert(uobs_.end(), other.uobs_.begin(), other.uobs_.end());
  nzero_ += other.nzero_;
  nnan_ += other.nnan_;
  sort();
}

/* ----------------------------------------------------------------------
   bring frames, samples and sums into the order of the series
------------------------------------------------------------------------- */

void WeightSet::sort()
{
  std::vector<std::size_t> order(frames_.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return frames_[a].key < frames_[b].key; });
  std::vector<Frame> frames;
  std::vector<double> logw, wobs, uobs;
  logw.reserve(logw_.size());
  for (std::size_t i : order) {
    Frame f = frames_[i];
    const auto from = logw_.begin() + static_cast<std::ptrdiff_t>(f.first);
    f.first = logw.size();
    logw.insert(logw.end(), from, from + f.m);
    for (int k = 0; k < nobs_; k++) {
      wobs.push_back(wobs_[i * nobs_ + k]);
      uobs.push_back(uobs_[i * nobs_ + k]);
    }
    frames.push_back(f);
  }
  frames_.swap(frames);
  logw_.swap(logw);
  wobs_.swap(wobs);
  uobs_.swap(uobs);
}

/* ---------------------------------------------------------------------- */

int WeightSet::samples_per_frame() const
{
  if (frames_.empty()) return 0;
  for (const Frame &f : frames_)
    if (f.m != frames_[0].m) return 0;
  return frames_[0].m;
}

/* ---------------------------------------------------------------------- */

double WeightSet::top() const
{
  double t = -INF;
  for (const Frame &f : frames_) t = std::max(t, f.top);
  return t;
}

/* ---------------------------------------------------------------------- */

std::vector<double> WeightSet::log_marginal() const
{
  std::vector<double> l;
  l.reserve(frames_.size());
  for (const Frame &f : frames_) l.push_back(f.top == -INF ? -INF : f.top + std::log(f.sum / f.m));
  return l;
}

/* ---------------------------------------------------------------------- */

double WeightSet::log_mean_weight() const
{
  if (logw_.empty()) return NOT_A_NUMBER;
  return log_sum_exp(logw_.data(), logw_.size()) - std::log(static_cast<double>(logw_.size()));
}

double WeightSet::joint_ess() const
{
  return kish_ess(logw_.data(), logw_.size());
}

double WeightSet::entropy() const
{
  return entropy_ess(logw_.data(), logw_.size());
}

double WeightSet::marginal_ess() const
{
  const auto l = log_marginal();
  return kish_ess(l.data(), l.size());
}

/* ----------------------------------------------------------------------
   E[W_i^2] over samples is the square of the true W_i plus var_j(w_ij) / m
------------------------------------------------------------------------- */

double WeightSet::marginal_ess_corrected() const
{
  if (frames_.empty()) return NOT_A_NUMBER;
  const double t = top();
  if (t == -INF) return 0.0;
  double s1 = 0.0, s2 = 0.0;
  for (const Frame &f : frames_) {
    if (f.m < 2) return NOT_A_NUMBER;
    const double scale = f.top == -INF ? 0.0 : std::exp(f.top - t);
    const double w = scale * f.sum / f.m;
    const double var = scale * scale * (f.sum2 - f.sum * f.sum / f.m) / (f.m - 1.0);
    s1 += w;
    s2 += w * w - var / f.m;
  }
  return s1 * s1 / (frames_.size() * s2);
}

/* ---------------------------------------------------------------------- */

std::size_t WeightSet::uncertain_frames(double limit) const
{
  std::size_t n = 0;
  for (const auto &f : frames_)
    if (!(free_energy(&logw_[f.first], f.m).error <= limit)) n++;
  return n;
}

/* ---------------------------------------------------------------------- */

double WeightSet::conditional_ess(double q) const
{
  std::vector<double> ess;
  ess.reserve(frames_.size());
  for (const Frame &f : frames_) ess.push_back(f.top == -INF ? 0.0 : f.sum * f.sum / (f.m * f.sum2));
  return quantile(ess, q);
}

/* ---------------------------------------------------------------------- */

ParetoTail WeightSet::khat() const
{
  return pareto_khat(logw_);
}

ParetoTail WeightSet::khat_marginal() const
{
  return pareto_khat(log_marginal());
}

/* ---------------------------------------------------------------------- */

std::vector<ReweightedMean> WeightSet::means(int nblocks, int replicates) const
{
  std::vector<ReweightedMean> result(nobs_, {NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER});
  const double t = top();
  if (frames_.empty() || t == -INF || nobs_ == 0) return result;

  // units that are never torn apart: all molecules and partitions of one timestep

  std::vector<std::size_t> unit{0};
  for (std::size_t i = 1; i < frames_.size(); i++)
    if (frames_[i].key.step != frames_[i - 1].key.step) unit.push_back(i);
  if (unit.size() < static_cast<std::size_t>(std::max(nblocks, 4))) {
    unit.resize(frames_.size());
    std::iota(unit.begin(), unit.end(), std::size_t(0));
  }
  const std::size_t nunits = unit.size();
  unit.push_back(frames_.size());
  const std::size_t nb = std::min(nunits, static_cast<std::size_t>(std::max(nblocks, 1)));

  // sums of each block: w, w O_k; totals over all of them, and plain sums

  const int width = 1 + nobs_;
  std::vector<double> block(nb * width, 0.0), plain(nobs_, 0.0);
  std::size_t nvalid = 0;
  for (std::size_t b = 0; b < nb; b++)
    for (std::size_t i = unit[b * nunits / nb]; i < unit[(b + 1) * nunits / nb]; i++) {
      const Frame &f = frames_[i];
      if (f.top == -INF) continue;
      const double scale = std::exp(f.top - t);
      block[b * width] += scale * f.sum;
      nvalid += f.nvalid;
      for (int k = 0; k < nobs_; k++) {
        block[b * width + 1 + k] += scale * wobs_[i * nobs_ + k];
        plain[k] += uobs_[i * nobs_ + k];
      }
    }
  std::vector<double> total(width, 0.0);
  for (std::size_t b = 0; b < nb; b++)
    for (int k = 0; k < width; k++) total[k] += block[b * width + k];
  for (int k = 0; k < nobs_; k++) {
    result[k].mean = total[1 + k] / total[0];
    result[k].unweighted = plain[k] / nvalid;
  }
  if (nb < 4) return result;

  std::vector<double> sum(width), mean(nobs_, 0.0), square(nobs_, 0.0);
  std::uint64_t draw = 0;
  int used = 0;
  for (int r = 0; r < replicates; r++) {
    std::fill(sum.begin(), sum.end(), 0.0);
    for (std::size_t i = 0; i < nb; i++) {
      const std::size_t b = splitmix(draw++) % nb;
      for (int k = 0; k < width; k++) sum[k] += block[b * width + k];
    }
    if (!(sum[0] > 0.0)) continue;
    used++;
    for (int k = 0; k < nobs_; k++) {
      const double d = sum[1 + k] / sum[0] - result[k].mean;
      mean[k] += d;
      square[k] += d * d;
    }
  }
  // a bootstrap of nb blocks sees a variance too small by (nb-1)/nb
  for (int k = 0; k < nobs_ && used > 1; k++) {
    const double var = (square[k] - mean[k] * mean[k] / used) / (used - 1);
    result[k].error = std::sqrt(std::max(var, 0.0) * nb / (nb - 1.0));
  }
  return result;
}

/* ---------------------------------------------------------------------- */

std::vector<double> WeightSet::pack() const
{
  std::vector<double> s{static_cast<double>(nobs_), static_cast<double>(frames_.size()),
                        static_cast<double>(logw_.size()), static_cast<double>(nzero_), static_cast<double>(nnan_)};
  for (const Frame &f : frames_)
    for (double v : {static_cast<double>(f.key.step), static_cast<double>(f.key.series),
                     static_cast<double>(f.key.molecule), static_cast<double>(f.m), static_cast<double>(f.nvalid),
                     f.top, f.sum, f.sum2})
      s.push_back(v);
  s.insert(s.end(), logw_.begin(), logw_.end());
  s.insert(s.end(), wobs_.begin(), wobs_.end());
  s.insert(s.end(), uobs_.begin(), uobs_.end());
  return s;
}

/* ---------------------------------------------------------------------- */

void WeightSet::unpack(const std::vector<double> &s)
{
  const auto bad = [] { throw std::runtime_error("weights: the packed state is damaged"); };
  if (s.size() < 5) bad();
  WeightSet w(static_cast<int>(s[0]));
  const auto nf = static_cast<std::size_t>(s[1]), ns = static_cast<std::size_t>(s[2]);
  w.nzero_ = static_cast<std::size_t>(s[3]);
  w.nnan_ = static_cast<std::size_t>(s[4]);
  if (s.size() != 5 + 8 * nf + ns + 2 * nf * w.nobs_) bad();
  const double *p = s.data() + 5;
  std::size_t first = 0;
  for (std::size_t i = 0; i < nf; i++, p += 8) {
    w.frames_.push_back({{static_cast<std::int64_t>(p[0]), static_cast<std::int64_t>(p[1]),
                          static_cast<std::int64_t>(p[2])},
                         first, static_cast<int>(p[3]), static_cast<int>(p[4]), p[5], p[6], p[7]});
    first += static_cast<std::size_t>(p[3]);
  }
  if (first != ns) bad();
  w.logw_.assign(p, p + ns);
  p += ns;
  w.wobs_.assign(p, p + nf * w.nobs_);
  p += nf * w.nobs_;
  w.uobs_.assign(p, p + nf * w.nobs_);
  *this = w;
}

}    // namespace BACKMAP_NS

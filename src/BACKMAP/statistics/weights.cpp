/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <tuple>
#include <unordered_set>

namespace BACKMAP_NS {

namespace {
constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
constexpr double CONSTANT = 1e-12;    // relative spread of frame means by rounding alone
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

std::vector<double> normalized_weights(std::vector<double> logw)
{
  for (double &v : logw)
    if (std::isnan(v)) v = -INF;
  const double sum = log_sum_exp(logw.data(), logw.size());
  for (double &v : logw) v = v == -INF ? 0.0 : std::exp(v - sum);
  return logw;
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
    throw std::runtime_error("Pareto fit: expected at least 5 values, the largest > 0, got " +
                             std::to_string(n));
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
  ParetoTail result{NOT_A_NUMBER, std::min(1.0 - 1.0 / std::log10(s), 0.7), 0, r_eff};
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
  if (n == 0) return {NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER};
  const double lse = log_sum_exp(logf, n);
  const double raw = -(lse - std::log(static_cast<double>(n)));
  std::size_t nonzero = 0;
  for (std::size_t i = 0; i < n; i++)
    if (logf[i] > -INF) nonzero++;
  if (nonzero < 2) return {raw, raw, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER};

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
  const double value = n * raw - (n - 1.0) * mean, error = std::sqrt((n - 1.0) / n * spread);
  const double half = student_quantile(0.975, n - 1.0) * error;
  return {raw, value, error, value - half, value + half};
}

/* ----------------------------------------------------------------------
   without sample i the mean moves by p (others - o), where others is the mean of what is left; that follows from the
   whole, but for the one sample that may hold nearly all of it
------------------------------------------------------------------------- */

FrameMean frame_mean(const double *logw, std::size_t n, const double *o, std::size_t stride)
{
  const std::vector<double> p = normalized_weights({logw, logw + n});
  std::size_t nonzero = 0;
  double raw = 0.0;
  for (std::size_t i = 0; i < n; i++) {
    if (p[i] == 0.0) continue;
    nonzero++;
    raw += p[i] * o[i * stride];
  }
  if (nonzero < 2) return {NOT_A_NUMBER, NOT_A_NUMBER};

  std::vector<double> shift(n, 0.0);
  double mean = 0.0;
  for (std::size_t i = 0; i < n; i++) {
    if (p[i] == 0.0) continue;
    const double own = o[i * stride];
    shift[i] = p[i] * (raw - own) / (1.0 - p[i]);
    if (p[i] > 0.5) {
      double rest = 0.0, sum = 0.0;
      for (std::size_t j = 0; j < n; j++)
        if (j != i && p[j] > 0.0) {
          rest += p[j];
          sum += p[j] * (o[j * stride] - own);
        }
      shift[i] = p[i] * sum / rest;
    }
    mean += shift[i] / n;
  }
  double spread = 0.0;
  for (double s : shift) spread += (s - mean) * (s - mean);
  return {raw - (n - 1.0) * mean, std::sqrt((n - 1.0) / n * spread)};
}

/* ---------------------------------------------------------------------- */

double forward_ess(const double *logv, std::size_t n)
{
  if (n == 0) return NOT_A_NUMBER;
  std::vector<double> inverse(n);
  for (std::size_t i = 0; i < n; i++) {
    if (!(logv[i] < INF)) return 0.0;
    inverse[i] = -logv[i];
  }
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
  if (m < 1)
    throw std::runtime_error("weights: a frame needs at least 1 sample, got " + std::to_string(m));
  for (int j = 0; j < m; j++)
    if (logw[j] == INF)
      throw std::runtime_error("weights: log-weight +inf at step " + std::to_string(key.step) +
                               ", molecule " + std::to_string(key.molecule) + ", sample " +
                               std::to_string(j));
  Frame f{key, data_.logw.size(), m, 0, -INF, 0.0, 0.0};
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
    data_.logw.push_back(l);
  }
  const std::size_t at = data_.wobs.size();
  data_.wobs.resize(at + nobs_, 0.0);
  data_.wobs2.resize(at + nobs_, 0.0);
  data_.uobs.resize(at + nobs_, 0.0);
  for (int j = 0; j < m; j++) {
    const double l = data_.logw[f.first + j];
    if (l == -INF) continue;
    const double w = std::exp(l - f.top);
    f.sum += w;
    f.sum2 += w * w;
    for (int k = 0; k < nobs_; k++) {
      const double o = obs[static_cast<std::size_t>(j) * nobs_ + k];
      data_.wobs[at + k] += w * o;
      data_.wobs2[at + k] += w * (o * o);
      data_.uobs[at + k] += o;
    }
  }
  late_ = late_ || (!data_.frames.empty() && key < data_.frames.back().key);
  data_.frames.push_back(f);
}

/* ---------------------------------------------------------------------- */

void WeightSet::merge(const WeightSet &other)
{
  if (other.nobs_ != nobs_)
    throw std::runtime_error("weights: merging sets of " + std::to_string(nobs_) + " and " +
                             std::to_string(other.nobs_) + " observables");
  for (Frame f : other.data().frames) {
    f.first += data_.logw.size();
    data_.frames.push_back(f);
  }
  data_.logw.insert(data_.logw.end(), other.data().logw.begin(), other.data().logw.end());
  data_.wobs.insert(data_.wobs.end(), other.data().wobs.begin(), other.data().wobs.end());
  data_.wobs2.insert(data_.wobs2.end(), other.data().wobs2.begin(), other.data().wobs2.end());
  data_.uobs.insert(data_.uobs.end(), other.data().uobs.begin(), other.data().uobs.end());
  nzero_ += other.nzero_;
  nnan_ += other.nnan_;
  late_ = true;
}

/* ----------------------------------------------------------------------
   bring frames, samples and sums into the order of the series
------------------------------------------------------------------------- */

void WeightSet::sort() const
{
  std::vector<std::size_t> order(data_.frames.size());
  std::iota(order.begin(), order.end(), std::size_t(0));
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return data_.frames[a].key < data_.frames[b].key;
  });
  Data sorted;
  sorted.logw.reserve(data_.logw.size());
  for (std::size_t i : order) {
    Frame f = data_.frames[i];
    const auto from = data_.logw.begin() + static_cast<std::ptrdiff_t>(f.first);
    f.first = sorted.logw.size();
    sorted.logw.insert(sorted.logw.end(), from, from + f.m);
    for (int k = 0; k < nobs_; k++) {
      sorted.wobs.push_back(data_.wobs[i * nobs_ + k]);
      sorted.wobs2.push_back(data_.wobs2[i * nobs_ + k]);
      sorted.uobs.push_back(data_.uobs[i * nobs_ + k]);
    }
    sorted.frames.push_back(f);
  }
  data_ = std::move(sorted);
  late_ = false;
}

/* ---------------------------------------------------------------------- */

int WeightSet::samples_per_frame() const
{
  if (data().frames.empty()) return 0;
  for (const Frame &f : data().frames)
    if (f.m != data().frames[0].m) return 0;
  return data().frames[0].m;
}

/* ---------------------------------------------------------------------- */

double WeightSet::top() const
{
  double t = -INF;
  for (const Frame &f : data().frames) t = std::max(t, f.top);
  return t;
}

/* ---------------------------------------------------------------------- */

std::vector<double> WeightSet::log_marginal() const
{
  std::vector<double> l;
  l.reserve(data().frames.size());
  for (const Frame &f : data().frames)
    l.push_back(f.top == -INF ? -INF : f.top + std::log(f.sum / f.m));
  return l;
}

/* ---------------------------------------------------------------------- */

double WeightSet::log_mean_weight() const
{
  if (data().logw.empty()) return NOT_A_NUMBER;
  return log_sum_exp(data().logw.data(), data().logw.size()) -
      std::log(static_cast<double>(data().logw.size()));
}

double WeightSet::joint_ess() const
{
  return kish_ess(data().logw.data(), data().logw.size());
}

double WeightSet::entropy() const
{
  return entropy_ess(data().logw.data(), data().logw.size());
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
  if (data().frames.empty()) return NOT_A_NUMBER;
  const double t = top();
  if (t == -INF) return 0.0;
  double s1 = 0.0, s2 = 0.0;
  for (const Frame &f : data().frames) {
    if (f.m < 2) return NOT_A_NUMBER;
    const double scale = f.top == -INF ? 0.0 : std::exp(f.top - t);
    const double w = scale * f.sum / f.m;
    const double var = scale * scale * (f.sum2 - f.sum * f.sum / f.m) / (f.m - 1.0);
    s1 += w;
    s2 += w * w - var / f.m;
  }
  return s1 * s1 / (data().frames.size() * s2);
}

/* ---------------------------------------------------------------------- */

std::size_t WeightSet::uncertain_frames(double limit) const
{
  std::size_t n = 0;
  for (const auto &f : data().frames)
    if (!(free_energy(&data().logw[f.first], f.m).error <= limit)) n++;
  return n;
}

/* ---------------------------------------------------------------------- */

double WeightSet::conditional_ess(double q) const
{
  std::vector<double> ess;
  ess.reserve(data().frames.size());
  for (const Frame &f : data().frames)
    ess.push_back(f.top == -INF ? 0.0 : f.sum * f.sum / (f.m * f.sum2));
  return quantile(ess, q);
}

/* ---------------------------------------------------------------------- */

ParetoTail WeightSet::khat() const
{
  return pareto_khat(data().logw, weight_estimate().r_eff_samples);
}

ParetoTail WeightSet::khat_marginal() const
{
  return pareto_khat(log_marginal(), weight_estimate().r_eff_frames);
}

ParetoTail WeightSet::khat_conditional() const
{
  const std::vector<double> marginal = log_marginal();
  std::vector<double> l(data().logw);
  for (std::size_t i = 0; i < data().frames.size(); i++)
    if (marginal[i] > -INF)
      for (int j = 0; j < data().frames[i].m; j++) l[data().frames[i].first + j] -= marginal[i];
  return pareto_khat(l);
}

/* ----------------------------------------------------------------------
   each series, with the other parts of its whole, to the first run that has none of their timesteps
------------------------------------------------------------------------- */

std::map<std::int64_t, std::int64_t> WeightSet::find_runs() const
{
  if (!runs_.empty() || data().frames.empty()) return runs_;
  const std::int64_t first = data().frames[0].key.series;
  if (std::all_of(data().frames.begin(), data().frames.end(),
                  [&](const Frame &f) { return f.key.series == first; }))
    return {{first, 0}};
  std::map<std::int64_t, std::int64_t> whole_of, run_of;
  std::map<std::int64_t, std::vector<std::int64_t>> steps;
  for (const Frame &f : data().frames) {
    const auto part = parts_.find(f.key.series);
    const std::int64_t whole = part == parts_.end() ? f.key.series : part->second;
    whole_of[f.key.series] = whole;
    auto &s = steps[whole];
    if (s.empty() || s.back() != f.key.step) s.push_back(f.key.step);
  }
  std::vector<std::unordered_set<std::int64_t>> taken;
  for (const auto &s : steps) {
    std::size_t r = 0;
    const auto shares = [&](std::int64_t step) { return taken[r].count(step) > 0; };
    while (r < taken.size() && std::any_of(s.second.begin(), s.second.end(), shares)) r++;
    if (r == taken.size()) taken.emplace_back();
    taken[r].insert(s.second.begin(), s.second.end());
    for (const auto &w : whole_of)
      if (w.second == s.first) run_of[w.first] = static_cast<std::int64_t>(r);
  }
  return run_of;
}

/* ----------------------------------------------------------------------
   frames of each walker in time order; a timestep that comes twice in a series is another run appended to it
------------------------------------------------------------------------- */

std::vector<std::vector<std::size_t>>
WeightSet::frames_of(const std::map<std::int64_t, std::int64_t> &run_of) const
{
  std::map<std::tuple<std::int64_t, std::int64_t, std::size_t>, std::vector<std::size_t>> walkers;
  std::size_t again = 0;
  for (std::size_t i = 0; i < data().frames.size(); i++) {
    const FrameKey &key = data().frames[i].key;
    again = i > 0 && !(data().frames[i - 1].key < key) ? again + 1 : 0;
    const auto run = run_of.find(key.series);
    walkers[{run == run_of.end() ? -1 : run->second, key.molecule, again}].push_back(i);
  }
  std::vector<std::vector<std::size_t>> list;
  list.reserve(walkers.size());
  for (auto &w : walkers) list.push_back(std::move(w.second));
  return list;
}

std::vector<std::vector<std::size_t>> WeightSet::walker_frames() const
{
  return frames_of(find_runs());
}

std::vector<std::vector<std::size_t>> WeightSet::series_frames() const
{
  std::map<std::int64_t, std::int64_t> itself;
  for (const Frame &f : data().frames) itself.emplace(f.key.series, f.key.series);
  return frames_of(itself);
}

int WeightSet::runs() const
{
  std::set<std::int64_t> different;
  for (const auto &r : find_runs()) different.insert(r.second);
  return static_cast<int>(different.size());
}

int WeightSet::walkers() const
{
  return static_cast<int>(walker_frames().size());
}

/* ----------------------------------------------------------------------
   of each frame of each walker: sum of w, in units of the largest one, and number of samples
------------------------------------------------------------------------- */

std::vector<std::vector<RatioTerm>> WeightSet::weight_terms() const
{
  const double t = top();
  std::vector<std::vector<RatioTerm>> terms;
  for (const auto &walker : walker_frames()) {
    terms.emplace_back();
    for (std::size_t i : walker) {
      const Frame &f = data().frames[i];
      terms.back().push_back(
          {f.top == -INF ? 0.0 : std::exp(f.top - t) * f.sum, static_cast<double>(f.m)});
    }
  }
  return terms;
}

/* ---------------------------------------------------------------------- */

WeightEstimate WeightSet::weight_estimate(const BlockRule &rule) const
{
  const double t = top();
  WeightEstimate w{ratio_estimate({}, RatioOf::Log), NOT_A_NUMBER, 1.0, 1.0};
  if (data().frames.empty() || t == -INF) return w;
  const auto terms = weight_terms();
  w.log_mean = ratio_estimate(terms, RatioOf::Log, rule);
  for (double *v : {&w.log_mean.value, &w.log_mean.plain, &w.log_mean.lower, &w.log_mean.upper})
    *v += t;

  // variances of w_ij and of W_i about the mean weight, in units of its square
  const double n = static_cast<double>(data().frames.size()),
               s = static_cast<double>(data().logw.size());
  const double mean = std::exp(log_mean_weight() - t);
  double of_samples = 0.0, of_frames = 0.0;
  for (const Frame &f : data().frames) {
    const double scale = f.top == -INF ? 0.0 : std::exp(f.top - t);
    of_samples += scale * scale * f.sum2 / (s * mean * mean);
    of_frames += std::pow(scale * f.sum / (f.m * mean) - 1.0, 2) / n;
  }
  of_samples -= 1.0;
  if (of_frames > 1e-28) {
    w.neff = std::min(n, of_frames / (w.log_mean.error * w.log_mean.error));
    w.r_eff_frames = 1.0 / w.log_mean.tau;
    w.r_eff_samples = std::min(1.0, of_samples / s / (of_frames * w.log_mean.tau / n));
  }
  return w;
}

/* ---------------------------------------------------------------------- */

std::vector<ObservableEstimate> WeightSet::estimates(const BlockRule &rule) const
{
  const Estimate none = ratio_estimate({}, RatioOf::Mean);
  std::vector<ObservableEstimate> result(
      nobs_,
      {none, NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER, false, false, none, {}, StateMark::None});
  const double t = top();
  if (data().frames.empty() || t == -INF || nobs_ == 0) return result;

  const auto walkers = walker_frames(), series = series_frames();
  for (int k = 0; k < nobs_; k++) {
    ObservableEstimate &r = result[k];
    std::vector<std::vector<RatioTerm>> terms;
    double sum = 0.0, square = 0.0, plain = 0.0, least = INF, most = -INF;
    std::size_t nvalid = 0;
    r.indicator = true;
    for (const auto &walker : walkers) {
      terms.emplace_back();
      for (std::size_t i : walker) {
        const Frame &f = data().frames[i];
        const double scale = f.top == -INF ? 0.0 : std::exp(f.top - t),
                     o = data().wobs[i * nobs_ + k];
        terms.back().push_back({scale * o, scale * f.sum});
        // the sums of w O and w O^2 are the same numbers only where O is 0 or 1
        if (data().wobs2[i * nobs_ + k] != o) r.indicator = false;
        sum += scale * f.sum;
        square += scale * data().wobs2[i * nobs_ + k];
        plain += data().uobs[i * nobs_ + k];
        nvalid += f.nvalid;
        if (f.nvalid == 0) continue;
        least = std::min(least, o / f.sum);
        most = std::max(most, o / f.sum);
      }
    }
    r.unweighted = plain / nvalid;
    if (r.indicator) {
      for (const auto &s : series) {
        for (std::size_t i : s)
          r.visits.add_frame(data().uobs[i * nobs_ + k], data().frames[i].nvalid);
        r.visits.end_series();
      }
      const Population state = population(terms, r.visits, rule);
      r.mean = state.p;
      r.delta_f = state.delta_f;
      r.state = state.mark;
    } else
      r.mean = ratio_estimate(terms, RatioOf::Mean, rule);
    r.variance = std::max(0.0, square / sum - r.mean.value * r.mean.value);
    // what is left of the spread of a constant is rounding
    r.constant = !r.indicator && data().frames.size() > 1 &&
        most - least <= CONSTANT * std::max(std::fabs(least), std::fabs(most));
    if (r.constant) {
      r.variance = 0.0;
      r.mean.error = r.mean.lower = r.mean.upper = r.mean.dof = NOT_A_NUMBER;
      r.mean.too_short = r.mean.disagree = false;
    }
    if (r.mean.error > 0.0)
      r.neff = std::min(static_cast<double>(nvalid), r.variance / (r.mean.error * r.mean.error));
  }
  return result;
}

/* ---------------------------------------------------------------------- */

std::vector<std::string> ObservableEstimate::marks() const
{
  std::vector<std::string> list;
  if (mean.too_short) list.emplace_back("short");
  if (mean.disagree) list.emplace_back("disagree");
  if (state == StateMark::FewEntries) list.emplace_back("few-entries");
  if (state == StateMark::OneVisit) list.emplace_back("one-visit");
  if (state == StateMark::Unseen) list.emplace_back("unseen");
  if (constant) list.emplace_back("constant");
  return list;
}

ReweightedMean ObservableEstimate::short_form() const
{
  return {mean.value, mean.error, unweighted,
          mean.lower, mean.upper, indicator ? visits.entries : NOT_A_NUMBER};
}

/* ---------------------------------------------------------------------- */

std::vector<ReweightedMean> WeightSet::means(int nblocks) const
{
  BlockRule rule;
  rule.fixed = nblocks;
  std::vector<ReweightedMean> result;
  for (const auto &e : estimates(rule)) result.push_back(e.short_form());
  return result;
}

/* ---------------------------------------------------------------------- */

std::vector<double> WeightSet::pack() const
{
  std::vector<double> s{static_cast<double>(nobs_), static_cast<double>(data().frames.size()),
                        static_cast<double>(data().logw.size()), static_cast<double>(nzero_),
                        static_cast<double>(nnan_)};
  for (const Frame &f : data().frames)
    for (double v : {static_cast<double>(f.key.step), static_cast<double>(f.key.series),
                     static_cast<double>(f.key.molecule), static_cast<double>(f.m),
                     static_cast<double>(f.nvalid), f.top, f.sum, f.sum2})
      s.push_back(v);
  s.insert(s.end(), data().logw.begin(), data().logw.end());
  s.insert(s.end(), data().wobs.begin(), data().wobs.end());
  s.insert(s.end(), data().wobs2.begin(), data().wobs2.end());
  s.insert(s.end(), data().uobs.begin(), data().uobs.end());
  return s;
}

/* ---------------------------------------------------------------------- */

std::size_t WeightSet::packed_size(const double *state)
{
  const auto nobs = static_cast<std::size_t>(state[0]), frames = static_cast<std::size_t>(state[1]);
  return 5 + frames * (8 + 3 * nobs) + static_cast<std::size_t>(state[2]);
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
  if (s.size() != packed_size(s.data())) bad();
  const double *p = s.data() + 5;
  std::size_t first = 0;
  for (std::size_t i = 0; i < nf; i++, p += 8) {
    w.data_.frames.push_back({{static_cast<std::int64_t>(p[0]), static_cast<std::int64_t>(p[1]),
                               static_cast<std::int64_t>(p[2])},
                              first,
                              static_cast<int>(p[3]),
                              static_cast<int>(p[4]),
                              p[5],
                              p[6],
                              p[7]});
    first += static_cast<std::size_t>(p[3]);
  }
  if (first != ns) bad();
  w.data_.logw.assign(p, p + ns);
  p += ns;
  w.data_.wobs.assign(p, p + nf * w.nobs_);
  p += nf * w.nobs_;
  w.data_.wobs2.assign(p, p + nf * w.nobs_);
  p += nf * w.nobs_;
  w.data_.uobs.assign(p, p + nf * w.nobs_);
  *this = w;
}

}    // namespace BACKMAP_NS

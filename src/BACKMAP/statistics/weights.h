/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Statistics of importance weights: log sums, effective sample sizes, Pareto k-hat, free energies, errors.
// Plain C++: knows nothing of LAMMPS, MPI, flows or files.  Logarithms in, never bare weights.

#ifndef BACKMAP_STATISTICS_WEIGHTS_H
#define BACKMAP_STATISTICS_WEIGHTS_H

#include "statistics/series.h"
#include "statistics/states.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// log(sum exp a_i), in the order given; -inf if n = 0 or every a_i = -inf.
double log_sum_exp(const double *a, std::size_t n);

/// Weights that add up to 1; zero for -inf and NaN, all zero if there are no others.
std::vector<double> normalized_weights(std::vector<double> logw);

/// Kish effective sample size over n: (sum w)^2 / (n sum w^2), unclipped; 0 if every weight is zero, NaN if n = 0.
double kish_ess(const double *logw, std::size_t n);

/// Entropy effective sample size over n: exp(-sum p log p) / n, p = w / sum w.
double entropy_ess(const double *logw, std::size_t n);

/// Quantile q in [0,1] with linear interpolation between order statistics; NaN for no values.
double quantile(std::vector<double> values, double q);

/// Shape k and scale of a generalised Pareto distribution.
struct ParetoShape {
  double k, sigma;
};

/// Posterior-mean fit of Zhang and Stephens, Technometrics 51, 316 (2009), with the weak prior of 10 observations at
/// k = 0.5 of Vehtari et al., arXiv:1507.02646.  excess: ascending, >= 0, at least 5 values with two distinct ones.
ParetoShape fit_generalized_pareto(const std::vector<double> &excess);

/// Pareto diagnosis of a set of weights (Vehtari et al.).
struct ParetoTail {
  double khat;         ///< NaN where the tail has fewer than 5 values or no two distinct ones
  double threshold;    ///< min(1 - 1/log10 S, 0.7): above it the estimate cannot be trusted
  int tail;            ///< number of weights fitted, ceil(min(0.2 S, 3 sqrt(S / r_eff)))
  double
      r_eff;    ///< relative efficiency: 1 for independent weights, smaller if they are correlated
};
ParetoTail pareto_khat(const std::vector<double> &logw, double r_eff = 1.0);

/// Free energy -log mean exp(logf) in units of kT.
struct FreeEnergy {
  double raw;    ///< plain estimate
  double
      value;    ///< its bias removed by the jackknife over samples; raw where fewer than two are non-zero
  double error;           ///< jackknife standard error; NaN where fewer than two are non-zero
  double lower, upper;    ///< 95 % interval, value -+ t(0.975, n - 1) error; NaN as the error
};
FreeEnergy free_energy(const double *logf, std::size_t n);

/// Mean of a quantity over the samples of one frame, sum w o / sum w, without its bias of first order, and its error.
struct FrameMean {
  double value, error;    ///< jackknife over samples; NaN where fewer than two weights are not zero
};
/// o[j * stride] is that of sample j; ignored where the weight is zero.
FrameMean frame_mean(const double *logw, std::size_t n, const double *o, std::size_t stride = 1);

/// Forward ESS 1 / (mean v  mean 1/v) from log v of samples of the target; unclipped. 0 if one of them has no
/// density (log v +inf) or no number: the flow misses it.
double forward_ess(const double *logv, std::size_t n);

/// Where a frame stands in the series: sums run in the order (step, series, molecule).
struct FrameKey {
  std::int64_t step;        ///< timestep of the CG run
  std::int64_t series;      ///< partition or table it came from
  std::int64_t molecule;    ///< molecule-ID
};
bool operator<(const FrameKey &a, const FrameKey &b);

/// A reweighted mean, its standard error (blocks of CG frames), the mean without weights, the 95 % interval, and the
/// number of entries into the state of an indicator. NaN is what is not known.
struct ReweightedMean {
  double mean, error, unweighted;
  double lower = NAN, upper = NAN, entries = NAN;
};

/// All that is known of an observable.
struct ObservableEstimate {
  Estimate mean;        ///< reweighted mean
  double unweighted;    ///< mean over the samples that have a weight
  double variance;      ///< of O under the weights
  double neff;       ///< effective number of independent samples of the target: variance / error^2,
                     ///< not more than there are samples with weight
  bool constant;     ///< the same number in all frames, not 0 and not 1: no error
  bool indicator;    ///< O is 0 or 1 for all samples: `mean` is the population of a state
  Estimate
      delta_f;    ///< -ln[p / (1 - p)], p = mean, of an indicator: free energy in kT of the state O = 1; else NaN
  Visits visits;    ///< of the state of an indicator
  StateMark state;

  /// What the error does not hold: short, disagree, few-entries, one-visit, unseen, constant.
  std::vector<std::string> marks() const;
  ReweightedMean short_form() const;
};

/// The mean weight with its errors.
struct WeightEstimate {
  Estimate
      log_mean;    ///< log of the mean weight: -ln(Z_CG / Z) up to the constant of U and F, in kT
  double
      neff;    ///< effective number of independent frames: variance of W_i / error^2 of their mean, at most all
  double
      r_eff_samples;    ///< variance of a mean over as many independent weights w_ij / that of their mean; at most 1
  double r_eff_frames;    ///< the same for W_i: 1 / autocorrelation time
};

/// Everything a run has to remember of its weights; mergeable, and written to restart files as numbers.
/// A frame is one CG configuration of one molecule with m samples.  Memory: 8 bytes a sample plus about
/// 80 + 24 nobs bytes a frame.  Methods that average return NaN while there is nothing to average.
///
/// For errors, frames are sorted into walkers, which are independent of each other.  Series (partitions, tables) that
/// share no timestep are one run, as under replica exchange; those that share one are independent runs: each series
/// goes, in ascending order, to the first run with which it shares no timestep.  Series that are known to be parts of one
/// replica exchange (set_parts) go together.  A molecule of a run is a walker.
/// Visits of a state are counted in each series by itself: under replica exchange a series is one replica, and a swap of
/// replicas is no visit.
class WeightSet {
 public:
  explicit WeightSet(int nobs = 0);

  /// Add one frame. logw [m]: -inf is weight zero, NaN (energy not a number) is weight zero and counted;
  /// obs [m][nobs], not read where the weight is zero. Throws std::runtime_error for a log-weight of +inf.
  void add_frame(const FrameKey &key, int m, const double *logw, const double *obs);

  /// Append the frames of another set with the same observables and restore the order of the series.
  /// Throws std::runtime_error if the number of observables differs.
  void merge(const WeightSet &other);

  int nobs() const { return nobs_; }
  std::size_t frames() const { return data_.frames.size(); }
  std::size_t samples() const { return data_.logw.size(); }
  std::size_t zero_weights() const
  {
    return nzero_;
  }                                                     ///< weight zero, energy +inf or no geometry
  std::size_t nan_energies() const { return nnan_; }    ///< weight zero because the energy was NaN
  int samples_per_frame() const;                        ///< 0 if the frames differ
  const std::vector<double> &log_weights() const { return data().logw; }

  double log_mean_weight() const;    ///< log of the mean of all w
  double joint_ess() const;          ///< Kish over all samples
  double entropy() const;            ///< entropy ESS over all samples
  double marginal_ess() const;       ///< Kish over W_i = mean_j w_ij
  double
  marginal_ess_corrected() const;    ///< W_i^2 less the within-frame variance of W_i; NaN for m = 1
  /// Frames whose F(z) has a jackknife error above limit (kT), or fewer than two samples with weight.
  std::size_t uncertain_frames(double limit) const;
  double
  conditional_ess(double q = 0.5) const;    ///< quantile over frames of (sum_j w)^2 / (m sum_j w^2)
  ParetoTail khat() const;                  ///< all samples, the tail set by their autocorrelation
  ParetoTail khat_marginal() const;         ///< W_i, the same
  ParetoTail khat_conditional() const;    ///< w_ij / W_i, which are independent: of the flow alone

  /// Say which run each series belongs to, instead of finding out from the timesteps; -1 is a series not in the map.
  void set_runs(const std::map<std::int64_t, std::int64_t> &run_of_series)
  {
    runs_ = run_of_series;
  }
  /// Series that are parts of one whole, here named by its first series, belong to one run.
  void set_parts(const std::map<std::int64_t, std::int64_t> &whole_of_series)
  {
    parts_ = whole_of_series;
  }
  /// The run of each series that has frames, told or found.
  std::map<std::int64_t, std::int64_t> run_of_series() const { return find_runs(); }
  int runs() const;       ///< independent runs, told or found
  int walkers() const;    ///< independent walkers

  /// Self-normalised means of all observables with errors, effective numbers of samples and free energies.
  std::vector<ObservableEstimate> estimates(const BlockRule &rule = {}) const;
  WeightEstimate weight_estimate(const BlockRule &rule = {}) const;
  /// Means, errors and unweighted means alone. nblocks > 0: that number of blocks instead of the rule.
  std::vector<ReweightedMean> means(int nblocks = 0) const;

  std::vector<double> pack() const;
  /// Length of the result of pack() that starts with these numbers; at least 5 are needed.
  static std::size_t packed_size(const double *state);
  void unpack(const std::vector<double>
                  &state);    ///< throws std::runtime_error if not the result of pack()

 private:
  struct Frame {
    FrameKey key;
    std::size_t first;    // of its samples in logw_
    int m, nvalid;
    double top, sum, sum2;    // max log w; sum and sum of squares of exp(log w - top)
  };
  int nobs_;
  std::size_t nzero_ = 0, nnan_ = 0;
  struct Data {
    std::vector<Frame> frames;
    std::vector<double> logw;
    // [frame][nobs]: sums of exp(log w - top) O and exp(log w - top) O^2, and of O over valid samples
    std::vector<double> wobs, wobs2, uobs;
  };
  // frames may come in any order, as from several reruns: they are sorted when somebody looks
  mutable Data data_;
  mutable bool late_ = false;
  const Data &data() const
  {
    if (late_) sort();
    return data_;
  }
  std::map<std::int64_t, std::int64_t> runs_, parts_;    // of series
  double top() const;
  std::vector<double> log_marginal() const;
  std::map<std::int64_t, std::int64_t> find_runs() const;
  std::vector<std::vector<std::size_t>> walker_frames() const, series_frames() const;
  std::vector<std::vector<std::size_t>>
  frames_of(const std::map<std::int64_t, std::int64_t> &run_of_series) const;
  std::vector<std::vector<RatioTerm>> weight_terms() const;
  void sort() const;
};

}    // namespace BACKMAP_NS
#endif

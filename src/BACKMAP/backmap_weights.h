// Statistics of importance weights: log sums, effective sample sizes, Pareto k-hat, free energies, errors.
// Plain C++: knows nothing of LAMMPS, MPI, flows or files.  Logarithms in, never bare weights.

#ifndef BACKMAP_WEIGHTS_H
#define BACKMAP_WEIGHTS_H

#include <cstddef>
#include <cstdint>
#include <vector>

namespace BACKMAP_NS {

/// log(sum exp a_i), in the order given; -inf if n = 0 or every a_i = -inf.
double log_sum_exp(const double *a, std::size_t n);

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
};
ParetoTail pareto_khat(const std::vector<double> &logw, double r_eff = 1.0);

/// Free energy -log mean exp(logf) in units of kT.
struct FreeEnergy {
  double raw;      ///< plain estimate
  double value;    ///< its bias removed by the jackknife over samples; raw where fewer than two are non-zero
  double error;    ///< jackknife standard error; NaN where fewer than two are non-zero
};
FreeEnergy free_energy(const double *logf, std::size_t n);

/// Forward ESS 1 / (mean v  mean 1/v) from log v of samples of the target; unclipped.
double forward_ess(const double *logv, std::size_t n);

/// Where a frame stands in the series: sums run in the order (step, series, molecule).
struct FrameKey {
  std::int64_t step;        ///< timestep of the CG run
  std::int64_t series;      ///< partition or table it came from
  std::int64_t molecule;    ///< molecule-ID
};
bool operator<(const FrameKey &a, const FrameKey &b);

/// A reweighted mean, its standard error (block bootstrap over CG frames) and the mean without weights.
struct ReweightedMean {
  double mean, error, unweighted;
};

/// Everything a run has to remember of its weights; mergeable, and written to restart files as numbers.
/// A frame is one CG configuration of one molecule with m samples.  Memory: 8 bytes a sample plus about
/// 80 + 16 nobs bytes a frame.  Methods that average return NaN while there is nothing to average.
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
  std::size_t frames() const { return frames_.size(); }
  std::size_t samples() const { return logw_.size(); }
  std::size_t zero_weights() const { return nzero_; }     ///< weight zero, energy +inf or no geometry
  std::size_t nan_energies() const { return nnan_; }      ///< weight zero because the energy was NaN
  int samples_per_frame() const;                          ///< 0 if the frames differ
  const std::vector<double> &log_weights() const { return logw_; }

  double log_mean_weight() const;     ///< log of the mean of all w
  double joint_ess() const;           ///< Kish over all samples
  double entropy() const;             ///< entropy ESS over all samples
  double marginal_ess() const;        ///< Kish over W_i = mean_j w_ij
  double marginal_ess_corrected() const;    ///< W_i^2 less the within-frame variance of W_i; NaN for m = 1
  /// Frames whose F(z) has a jackknife error above limit (kT), or fewer than two samples with weight.
  std::size_t uncertain_frames(double limit) const;
  double conditional_ess(double q = 0.5) const;    ///< quantile over frames of (sum_j w)^2 / (m sum_j w^2)
  ParetoTail khat() const;            ///< all samples
  ParetoTail khat_marginal() const;   ///< W_i

  /// Self-normalised means of all observables. nblocks: contiguous blocks of timesteps (of frames, if there are
  /// fewer timesteps than blocks), resampled `replicates` times with a fixed seed; error is NaN below 4 blocks.
  std::vector<ReweightedMean> means(int nblocks = 32, int replicates = 1000) const;

  std::vector<double> pack() const;
  void unpack(const std::vector<double> &state);    ///< throws std::runtime_error if not the result of pack()

 private:
  struct Frame {
    FrameKey key;
    std::size_t first;    // of its samples in logw_
    int m, nvalid;
    double top, sum, sum2;    // max log w; sum and sum of squares of exp(log w - top)
  };
  int nobs_;
  std::size_t nzero_ = 0, nnan_ = 0;
  std::vector<Frame> frames_;
  std::vector<double> logw_;
  std::vector<double> wobs_, uobs_;    // [frame][nobs]: sum of exp(log w - top) O, and of O over valid samples
  double top() const;
  std::vector<double> log_marginal() const;
  void sort();
};

}    // namespace BACKMAP_NS
#endif

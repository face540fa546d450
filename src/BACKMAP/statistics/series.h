/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Standard errors of correlated series: autocorrelation time, the rule for blocks, block jackknife, Student intervals.
// Plain C++: knows numbers only, not what they are.

#ifndef BACKMAP_STATISTICS_SERIES_H
#define BACKMAP_STATISTICS_SERIES_H

#include <vector>

namespace BACKMAP_NS {

/// Quantile p in (0,1) of Student's t distribution; dof > 0, infinite for the normal distribution. NaN for bad input.
double student_quantile(double p, double dof);

/// Probability that Fisher's F with (d1, d2) degrees of freedom exceeds f.
double fisher_tail(double f, double d1, double d2);

/// Integrated autocorrelation time 1 + 2 sum_k rho_k, in steps of the series: the variance of a mean over n is
/// variance tau / n. Initial monotone sequence (Geyer, Stat. Sci. 7, 473 (1992)), not below 1.  deviations [walker][step]
/// from one common mean: what tells walkers apart counts as correlation. 1 where nothing varies.
double autocorrelation_time(const std::vector<std::vector<double>> &deviations);

/// The rule for blocks, fixed before the data are seen. A block is a stretch of one walker, `length` times the
/// autocorrelation time or longer; as many as fit, not more than `most`, but at least one a walker. A run in which fewer
/// than `fewest` fit is too short: its errors come from `fewest` blocks and are marked.
struct BlockRule {
  double length = 20.0;
  int fewest = 5, most = 32;
  int fixed = 0;    ///< > 0: this number of blocks whatever the autocorrelation time is
  double disagreement =
      0.01;                  ///< false-alarm rate of the F test that finds walkers in disagreement
  double least_tau = 1.0;    ///< autocorrelation time that is known otherwise, if it is longer
};

/// One step of a walker: the sums over its samples of a numerator and a denominator.
struct RatioTerm {
  double numerator, denominator;
};

/// What is made of R = sum of numerators / sum of denominators.
enum class RatioOf {
  Mean,         ///< R
  Log,          ///< log R, less its bias
  NegLogOdds    ///< -log[R / (1 - R)], less its bias
};

/// An estimate with the error that its series allows. `value` of the two logarithms has the jackknife bias removed.
struct Estimate {
  double value, plain;    ///< plain: bias not removed
  double error;           ///< standard error; NaN where there is nothing to tell it from
  double lower, upper;    ///< 95 % interval, value -+ t(0.975, dof) error
  double dof;             ///< degrees of freedom of the error
  double tau;             ///< autocorrelation time in steps of a walker
  int blocks, walkers;
  bool too_short;    ///< the rule could not be kept: the error is a lower bound
  bool
      disagree;    ///< walkers differ by more than their blocks tell: the error is that between walkers
};

/// R of walkers [walker][step] that are independent of each other.  Error: delete-one-block jackknife (Kuensch, Ann.
/// Stat. 17, 1217 (1989)). If the blocks of different walkers differ more than blocks of the same walker (one-way
/// analysis of variance of the pseudo-values, F test), whole walkers are the blocks.
Estimate ratio_estimate(const std::vector<std::vector<RatioTerm>> &walkers, RatioOf what,
                        const BlockRule &rule = {});

/// Autocorrelation time of the influence of each step on R: numerator - R denominator.
double ratio_autocorrelation(const std::vector<std::vector<RatioTerm>> &walkers);

}    // namespace BACKMAP_NS
#endif

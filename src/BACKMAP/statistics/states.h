/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Populations of states, that is means of observables that are 0 or 1: how often a run went in and out of the state,
// and what this allows to say.  Plain C++: knows numbers only.

#ifndef BACKMAP_STATISTICS_STATES_H
#define BACKMAP_STATISTICS_STATES_H

#include "statistics/series.h"

#include <vector>

namespace BACKMAP_NS {

/// How often series of frames, each in the order of time, went in and out of a state.  All samples count as one series,
/// frame after frame, those of one frame in random order: the counts are expected values over these orders. Where the
/// beads decide about the state they are whole numbers; where the drawn atoms do, every frame adds m x (1 - x) for a
/// share x of its m samples.
struct Visits {
  double entries = 0.0, exits = 0.0;
  double inside = 0.0, outside = 0.0;                // frames
  double began_inside = 0.0, began_outside = 0.0;    // series

  /// The next frame of a series: `ones` of `samples` are in the state. Frames without samples are passed over.
  void add_frame(double ones, double samples);
  void end_series() { last = -1.0; }

  double frames() const { return inside + outside; }
  /// The fewer of both: what the frequency of the state rests on.
  double crossings() const { return entries < exits ? entries : exits; }
  /// Never left or never entered, or the state or the rest was seen in one stretch only.
  bool once() const;
  /// Autocorrelation time in frames of a two-state Markov chain with these numbers, at least 1.
  double autocorrelation_time() const;
  /// Standard error of its log-odds.
  double log_odds_error() const;

 private:
  double last = -1.0;    // share of the last frame; -1 at the start of a series
};

/// What the population of a state can be trusted for.
enum class StateMark {
  None,
  FewEntries,    ///< entered or left fewer than FEW_ENTRIES times, or a larger error than LOG_ODDS_ERROR
  OneVisit,    ///< seen in one stretch, one block or one walker only: no error
  Unseen       ///< never or always seen: no error
};

/// With ten entries a standard error of the population is 1/sqrt(5) = 45 % of it, and is known to 25 %.
constexpr double FEW_ENTRIES = 10.0;
/// Who has ten entries may have them by luck. Where three are expected this happens once in a thousand runs: the
/// intervals of runs with ten or more allow for expectations down to this.
constexpr double LUCKY_ENTRIES = 3.0;
/// Error of the log-odds that five entries give, sqrt(2/5): larger ones come from entries that return at once, or from
/// visits of very different length, and the number of entries does not tell.
constexpr double LOG_ODDS_ERROR = 0.632;

/// Population of a state and its free energy -ln[p / (1 - p)] in kT: one interval, in log-odds, mapped to both.
struct Population {
  Estimate p, delta_f;
  StateMark mark;
};

/// Terms as for ratio_estimate with O = 0 or 1.  The error is that of the jackknife of the log-odds, but not less than
/// that of a two-state chain with these visits, whose autocorrelation time is also the least for the length of blocks;
/// the degrees of freedom are at most crossings - 1 (or 2).  Towards the rarer state the interval is longer, by what it
/// takes that runs with FEW_ENTRIES and more cover, and not only all runs: these have more entries than others by luck.
Population population(const std::vector<std::vector<RatioTerm>> &walkers, const Visits &visits,
                      const BlockRule &rule = {});

}    // namespace BACKMAP_NS
#endif

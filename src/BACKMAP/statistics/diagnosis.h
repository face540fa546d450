/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// When the figures of a run must not be trusted: thresholds with their reasons, and what to do about it. Plain C++.

#ifndef BACKMAP_STATISTICS_DIAGNOSIS_H
#define BACKMAP_STATISTICS_DIAGNOSIS_H

#include "statistics/ensemble.h"
#include "statistics/sample_table.h"
#include "statistics/weights.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// The thresholds, with their reasons.
struct DiagnosisLimits {
  /// Joint ESS, of 1. Below a tenth the errors of self-normalised means are themselves poorly estimated: the same
  /// proportion that Stan warns at (Vehtari et al., Bayesian Analysis 16, 667 (2021), use n_eff / n likewise).
  static constexpr double JOINT_ESS = 0.1;
  /// Effective CG frames, marginal ESS times frames: an error from fewer than 50 has an uncertainty of more than
  /// 1/sqrt(2*50) = 10 % of its own even if they are independent.
  static constexpr double EFFECTIVE_FRAMES = 50.0;
  /// Fewer weights than this have no tail to fit: k-hat of 100 independent good weights scatters by 0.2.
  static constexpr std::size_t KHAT_SAMPLES = 100;
  /// Normalised weight of one sample: it then moves a mean by up to a twentieth of the range of the observable, ...
  static constexpr double LARGEST_WEIGHT = 0.05;
  /// ... unless the samples are so few that equal ones have a tenth of this each.
  static constexpr double LARGEST_OF_EQUAL = 10.0;
  /// Error of F(z) in kT: half a kT is what four effective samples give (variance (1/ESS - 1)/M of ln mean w), and
  /// beyond it the jackknife correction of the logarithm is no longer small against what it corrects.
  static constexpr double F_ERROR = 0.5;
  /// Share of frames with such an error, or without two samples of weight.
  static constexpr double F_SHARE = 0.1;
  /// Share of CG frames outside the range of the training data; one in a thousand of the training data is outside.
  static constexpr double RANGE_SHARE = 0.02;
  /// Share of samples whose energy is not a number; they have weight zero whatever they are.
  static constexpr double NAN_SHARE = 0.001;
  /// Configurational temperature over that of the model, less 1. Three per cent in the variance of the bonds is what a
  /// plain Langevin thermostat makes of a time step that is a ninth of their period; and relevant only if significant.
  static constexpr double TEMPERATURE = 0.03;
  /// Fluctuation of the energy over the canonical one, less 1: the figure is five times as noisy.
  static constexpr double FLUCTUATION = 0.15;
  /// Starts are different places if one of their torsions differs by more than this, in degrees.
  static constexpr double START = 60.0;
  /// Forward ESS, of 1. A flow that misses a mode of weight p has at most 1 - p of it there, so that what is left is
  /// far below the conditional ESS, which does not see the mode; a flow without such a gap has about the conditional ESS.
  static constexpr double FORWARD_ESS = 0.3;
  /// Held-out frames whose density under the flow is less than a hundredth of the true one (v > 100), share of all.
  /// Conditional ESS below which annealing may give more effective samples an energy, by the measurements on the theory
  /// page; above, a better flow or more samples are cheaper.
  static constexpr double ANNEAL_ESS = 0.01;
  /// Effective samples a frame below which its ESS is an upper bound: one sample of any weight counts as 1/m.
  static constexpr double ANNEAL_SAMPLES = 10.0;
  static constexpr double MISSED_RATIO = 100.0;
  static constexpr double MISSED_SHARE = 0.01;
};

/// Something that is wrong: a short name for programs and a sentence with figures and the remedy for people.
struct Diagnosis {
  std::string name, text;
};
using Diagnoses = std::vector<Diagnosis>;

/// Low ESS, high k-hat, a dominating sample, energies that are NaN, uncertain F(z). Nothing for an empty set.
Diagnoses diagnose_weights(const WeightSet &weights);

/// Share of frames of which F(z) has a larger error than F_ERROR kT, or none; m: samples of a frame (nothing for 1).
Diagnoses diagnose_free_energies(std::int64_t uncertain, std::int64_t frames, int m);

/// Indicators of states that were never or always seen, seen in one stretch only, or entered too few times, with their
/// names; the thresholds are those of the marks, see states.h.
Diagnoses diagnose_states(const std::vector<std::string> &names,
                          const std::vector<ObservableEstimate> &estimates);

/// CG frames outside the range of the training data of the flow.
Diagnoses diagnose_range(std::int64_t outside, std::int64_t frames);

/// Frames that have not the Boltzmann distribution of their energy, by the figures of EnsembleSeries of each run;
/// temperature: that of the model, K.
Diagnoses diagnose_ensemble(const std::vector<Unity> &temperatures,
                            const std::vector<Unity> &fluctuations, double temperature);

/// Torsions of the beads, in degrees, in the first frame of each run: all runs from one place.
Diagnoses diagnose_starts(const std::vector<std::vector<double>> &starts);

/// Tables of some partitions of a replica exchange without those of the others.
Diagnoses diagnose_partitions(const std::vector<FrameRecord> &records);

/// Runs that nobody has looked at: no figure of the ensemble, and no word why.
Diagnoses diagnose_unchecked(const std::vector<FrameRecord> &records);

/// Errors that do not hold what they say: runs too short for blocks, walkers that disagree.
Diagnoses diagnose_estimates(const std::vector<std::string> &names,
                             const std::vector<ObservableEstimate> &estimates);

/// logv [n]: log of true density over density of the flow at held-out frames, +inf where the flow has none; conditional:
/// the conditional ESS at the same frames.
Diagnoses diagnose_flow(const std::vector<double> &logv, double conditional);

/// Whether annealing pays, per all-atom energy: conditional ESS of m samples of the flow alone, and annealed with so
/// many energies a sample (1: not annealed). Nothing where m is too small to tell.
Diagnoses diagnose_annealing(double alone, double annealed, int energies, int m);

}    // namespace BACKMAP_NS
#endif

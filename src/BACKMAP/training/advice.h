/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_ADVICE_H
#define BACKMAP_TRAINING_ADVICE_H

#include "statistics/diagnosis.h"
#include "training/flow_quality.h"

#include <string>

namespace BACKMAP_NS {

/** What a training of a flow has shown. */
struct TrainingEvidence {
  FlowQuality training, held_back;
  std::int64_t frames = 0;     // of each of the two
  double second_half = 0.0;    // nats that the second half of the training gained on them
  int reach = 0;               // of fragments, 0: one piece
  std::string openings;        // what the map leaves open (MapOpenings::advice), may be empty
};

/** What would help a flow most, with the reasons in one unit: nats a frame. Weights whose logarithms have the variance s^2
    have an ESS of exp(-s^2), and the flow a Kullback-Leibler divergence of s^2/2 from the truth (log-normal
    weights). So -ln(ESS)/2 nats are missing. */
struct TrainingAdvice {
  enum class Remedy { None, Frames, Time, Reach, Beads, Networks };
  Remedy remedy;
  std::string evidence, text;

  explicit TrainingAdvice(const TrainingEvidence &evidence);
};

/** What a fit of a CG energy to free energies has shown; spreads of U_CG - F in kT. */
struct FitEvidence {
  double training = 0.0, held_back = 0.0;    // at the frames of the training and at those held back
  double error = 0.0;                        // of F, of a typical frame
  double second_half = 0.0;    // share of the loss that the second half of the training took away
};

/** What would help a CG energy most. U_CG - F with a standard deviation s gives a marginal ESS of exp(-s^2) (log-normal
    weights), where the error of F does not count. */
struct FitAdvice {
  enum class Remedy { None, Frames, Time, Samples, Networks };
  Remedy remedy;
  std::string evidence, text;

  explicit FitAdvice(const FitEvidence &evidence);
};

/** Warns if new atoms have changed the energies of the frames, as they do if frames and energies are of different
    temperatures or force fields, or if the run was not in equilibrium. ndof: coordinates that the beads leave open. A
    change by what an error of 2 % of the temperature does is no reason: integrators with common time steps do that. */
Diagnoses diagnose_drift(const FrameRefresh::Drift &drift, int ndof, double temperature);

}    // namespace BACKMAP_NS

#endif

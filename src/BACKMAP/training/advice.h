/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_ADVICE_H
#define BACKMAP_TRAINING_ADVICE_H

#include "training/flow_quality.h"

#include <string>

namespace BACKMAP_NS {

/** What a training of a flow has shown. */
struct TrainingEvidence {
  FlowQuality training, held_back;
  std::int64_t frames = 0;    // of each of the two
  double second_half =
      0.0;    // nats a frame that the second half of the training gained on frames held back
  std::string openings;    // what the map leaves open (MapOpenings::advice), may be empty
};

/** What would help a flow most, with the reasons in one unit: nats a frame. Weights whose logarithms have the variance s^2
    have an ESS of exp(-s^2), and the flow a Kullback-Leibler divergence of s^2/2 from the truth (log-normal
    weights). So -ln(ESS)/2 nats are missing. */
struct TrainingAdvice {
  enum class Remedy { None, Frames, Time, Beads, Networks };
  Remedy remedy;
  std::string evidence, text;

  explicit TrainingAdvice(const TrainingEvidence &evidence);
};

}    // namespace BACKMAP_NS

#endif

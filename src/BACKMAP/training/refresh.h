/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_REFRESH_H
#define BACKMAP_TRAINING_REFRESH_H

// New atoms for the beads of training frames. Plain C++: the energy comes through a function.

#include "flow/flow_spec.h"
#include "training/flow_pieces.h"
#include "training/flow_variables.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Energy (units of the model) of x [natoms][3]. +inf and NaN are allowed: weight zero. */
using EnergyFunction = std::function<double(const double *x)>;

/** Each frame is the state of a Markov chain at fixed beads. Its stationary distribution is the Boltzmann
    distribution of the other atoms, exactly, whatever the flow is: one step draws a structure from the flow and
    takes it with the probability min(1, w/w_now) of Metropolis and Hastings, w = exp(-U/kT)/q; or it draws several, and
    takes one of them or the present one with the probability of their weights (iterated sampling importance
    resampling: Andrieu, Lee, Vihola, Bernoulli 24, 842 (2018)). With fragments, these are drawn
    anew one after another, given all other atoms. So frames never wear out, and a frame in a mode that the flow
    misses stays there until the flow has learned it: no mode can be lost. */
class FrameRefresh {
 public:
  struct Options {
    int proposals = 8;    // of the flow for each piece of a frame and step, for Rows::Structures
    std::int64_t seed = 1;
    int threads = 1;    // that draw; the energies have one
    std::string backend = "serial";
  };

  /** kt in units of the model. */
  FrameRefresh(double kt, EnergyFunction energy, const Options &options);

  /** What a step gives as training data: the new frames, after one proposal for each; or all structures that were looked
      at with their weights (see FlowFrames). Structures have (1 - ess)/ess times the noise of as many frames: they
      are better where the flow is good. */
  enum class Rows { Frames, Structures };

  /** One step of the frames `which` of x [..][natoms][3], in place; the same for the same (seed, epoch). Nobody else
      may change x between the steps: the energies are kept. */
  FlowSet operator()(const FlowSpec &flow, const std::vector<std::int64_t> &which, int epoch,
                     std::vector<double> &x, Rows rows = Rows::Structures);

  /** Of the last step: share of the pieces that have new atoms. */
  double moved() const { return moved_; }
  /** Of the last step: effective sample size of proposals as part of their number, for many of them. From the share that
      moved if the weights are log-normal (Rows::Frames), or extrapolated from those that there are. */
  double ess() const { return ess_; }

  /// Of the energies of frames with new atoms since they were first looked at, in kT.
  struct Drift {
    double mean = 0.0, error = 0.0;    // standard error from blocks of frames in their order
    std::int64_t frames = 0;
  };
  /** The mean is zero but for its error if the frames are of this energy and temperature: chains are reversible, so that
      a frame and what becomes of it may change places. */
  Drift drift() const;

 private:
  const double kt;
  const EnergyFunction energy;
  const Options options;
  double moved_ = 0.0, ess_ = 0.0;
  std::vector<double> energies,
      first;    // of all frames: now and at the first look, NaN if not known yet

  int proposals(Rows rows) const { return rows == Rows::Structures ? options.proposals : 1; }
  struct Step;
};

}    // namespace BACKMAP_NS

#endif

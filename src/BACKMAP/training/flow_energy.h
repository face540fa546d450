/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_ENERGY_H
#define BACKMAP_TRAINING_FLOW_ENERGY_H

// What training on the energy needs: frames and weighted samples of the flow with the score of the
// Boltzmann density in the variables of the flow, and how good a flow is. Plain C++: the energy
// comes through a function.

#include "flow/flow_spec.h"
#include "training/flow_variables.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Energy (units of the model) of x [natoms][3], forces to f [natoms][3]. +inf and NaN are allowed:
    weight zero. */
using EnergyFunction = std::function<double(const double *x, double *f)>;

/** Effective sample sizes over frames, unclipped; see statistics/weights.h. */
struct FlowQuality {
  double conditional = 0.0, conditional_q10 = 0.0;    // median and 10 % quantile over frames
  double forward = 0.0;                               // 0 if a frame has no density
};

/** Internal coordinates with the derivatives of a function of the atoms by the variables of the flow.
    One object must not be used by several threads at once. */
class InternalScore {
 public:
  InternalScore(const FlowSpec &spec, double kt, EnergyFunction energy);
  ~InternalScore();

  struct Point {
    std::vector<double> l, c;     // [nl] whitened, [nc] canonical labels
    std::vector<double> score;    // [nl+nc] d(-U/kT + log|dx/dy|)/d(l,c)
    double geometry = 0.0;        // log|dx/dy|
    double energy = 0.0;
  };

  /** False where the density is zero by construction or the energy is not finite. x [natoms][3] */
  bool operator()(const double *x, Point &point);

 private:
  struct Work;
  const FlowSpec &spec;
  const double kt;
  const EnergyFunction energy;
  std::unique_ptr<Work> work;
};

/** Training data and figures of merit from the energy, for one all-atom molecule. */
class FlowEnergy {
 public:
  struct Options {
    int samples = 8;    // of the flow for each frame
    std::int64_t seed = 1;
    double reverse = 0.5;    // share of the reverse divergence
    std::string backend = "serial";
  };

  /** x [n][natoms][3], whole molecules: training frames. kt in units of the model. spec must outlive this. */
  FlowEnergy(const FlowSpec &spec, double kt, EnergyFunction energy, const Options &options);

  /** `count` of the n frames, drawn by seed and epoch, and the samples that the flow draws for their
      beads. All frames count alike, and a frame counts as much as one sample of it. Samples count by
      the Boltzmann weights, normalised within the frame (forward divergence), and for the share
      `reverse` equally (reverse divergence: it sees what the flow draws where nothing should be). */
  FlowFrames training(const FlowSpec &flow, std::int64_t n, const double *x, std::int64_t count,
                      int epoch) const;

  /** Frames that the flow is judged by, `samples` samples each, always the same random numbers. */
  FlowQuality quality(const FlowSpec &flow, std::int64_t n, const double *x, int samples) const;

 private:
  const FlowSpec &spec;
  const double kt;
  const EnergyFunction energy;
  const Options options;
};

}    // namespace BACKMAP_NS

#endif

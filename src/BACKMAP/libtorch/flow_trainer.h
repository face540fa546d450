/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_FLOW_TRAINER_H
#define BACKMAP_LIBTORCH_FLOW_TRAINER_H

// Training of the conditional flow with LibTorch, by maximum likelihood and on the energy. The header
// shows standard types only.

#include "libtorch/trainer.h"
#include "training/flow_networks.h"
#include "training/flow_variables.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace BACKMAP_NS {

struct FlowTrainOptions : TrainOptions {
  FlowTrainOptions() { rate = 2.0e-3; }
};

/** log q_flow(l,c|f) of given weights, without the constant and geometry terms. Double or single
 *  arithmetic; the reference the samplers are tested against. */
std::vector<double> torch_flow_log_prob(const FlowNetShape &shape, const NetworkWeights &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, bool double_precision);

/** Derivatives of sum_i slope_i log q_i by all weights, by automatic differentiation in double precision: the
 *  reference for FlowGradient, with which FlowTrainer computes. */
NetworkWeights torch_flow_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                   int64_t n, const double *l, const double *c, const double *f,
                                   const double *slope);

/** Gradient of the loss of FlowTrainer, all frames in one batch, at given weights. */
NetworkWeights flow_loss_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                  const FlowFrames &frames);

/** Losses are nats per frame of the Cartesian density of the placed atoms. */
class FlowTrainer : public Trainer {
 public:
  /** The networks of all kinds of a flow, trained at once, each on its rows. Throws std::runtime_error if frames
   *  and shapes do not fit together. Plain frames are trained by maximum likelihood. The loss of structures with
   *  weights is the generalised forward Kullback-Leibler divergence, the mean over frames of
   *    sum_j weight_j (-log q_j) + sum_j share_j q_j/q'_j,
   *  whose gradient is that of the likelihood of the weighted structures, less that of structures drawn from q',
   *  which is zero on average: where q is right, it has little noise. */
  FlowTrainer(const std::vector<FlowNetShape> &shapes, const FlowTrainOptions &options,
              const FlowSet &train, const FlowSet &valid);

  /** Start from these weights instead of random ones; before the first epoch. */
  void start_from(const NetworkWeights &weights);
  /** Other frames for the epochs to come. */
  void set_training(const FlowSet &train);
  /** Where every epoch after the first has its frames from, given how many are done and the averaged weights. Its time
   *  is part of the epoch. */
  using Source = std::function<FlowSet(int done, const NetworkWeights &average)>;
  void set_source(Source source);

 private:
  struct Networks;
  Networks &networks();
};

}    // namespace BACKMAP_NS

#endif

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
#include <vector>

namespace BACKMAP_NS {

struct FlowTrainOptions : TrainOptions {
  FlowTrainOptions() { rate = 2.0e-3; }
  double likelihood = 0.2;    // share of the plain gradient in that of frames with a score
};

/** log q_flow(l,c|f) of given weights, without the constant and geometry terms. Double or single
 *  arithmetic; the reference the samplers are tested against. */
std::vector<double> torch_flow_log_prob(const FlowNetShape &shape, const NetworkWeights &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, bool double_precision);

/** Path gradient of sum_i weight_i (log q - log p)(l_i,c_i) by the weights, double arithmetic: see
 *  FlowNet::add_path_gradient. score [n][nl+nc] = d log p/d(l,c), weight [n]. */
NetworkWeights torch_flow_path_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, const double *score, const double *weight);

/** Losses are nats per frame of the Cartesian density of the placed atoms. */
class FlowTrainer : public Trainer {
 public:
  /** Throws std::runtime_error if frames or shape do not fit together. Frames with a score are
   *  trained by the path gradient of the forward KL divergence, others by maximum likelihood. */
  FlowTrainer(const FlowNetShape &shape, const FlowTrainOptions &options, const FlowFrames &train,
              const FlowFrames &valid);

  /** Start from these weights instead of random ones; before the first epoch. */
  void start_from(const NetworkWeights &weights);
  /** Replace the likelihood of the validation frames as what tells the best epoch. start: the figure of the
   *  weights to start from, which stay the best until an epoch is better. After an epoch that is worse than
   *  the best by more than `slack`, training goes on from the best weights at half the rate. */
  void set_criterion(Criterion criterion, double start, double slack);
  /** Other frames for the epochs to come. */
  void set_training(const FlowFrames &train);

 private:
  struct Networks;
  Networks &networks();
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: backmapping of coarse-grained molecules in LAMMPS
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_FLOW_TRAINER_H
#define BACKMAP_LIBTORCH_FLOW_TRAINER_H

// Training of the conditional flow by maximum likelihood with LibTorch. The header shows standard
// types only; torch.h stays in libtorch/flow_trainer.cpp.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Shape of the networks of a flow over nl linear and nc circular variables, given nf features. */
struct FlowNetShape {
  int nl = 0, nc = 0, nf = 0;
  int hidden = 64, bins = 8, circular_bins = 8;
  double bound = 5.0;
  std::vector<std::vector<int>> linear_id, circular_id;    // identity sets of each coupling
};

/** Frames in the variables of the flow: l whitened [n][nl], c in [-pi,pi) [n][nc], f standardised
 *  features [n][nf]. constant is added to every log-density (-log|det L|), geometry [n] is the
 *  log|dx/dy| of each frame: log q = log q_flow(l,c|f) + constant - geometry.
 *  For training on the energy: score [n][nl+nc] = d log p/d(l,c) of the Boltzmann density p of
 *  these variables; weight [n] (mean 1) makes the frames samples of p, path [n] (mean 1) is that of the
 *  path gradient, which may count samples of the flow for themselves; all empty for maximum likelihood. */
struct FlowFrames {
  int64_t n = 0;
  std::vector<float> l, c, f;
  std::vector<float> geometry;
  std::vector<float> score, weight, path;
  double constant = 0.0;
};

struct FlowTensor {
  std::vector<int64_t> shape;
  std::vector<double> data;
};

struct FlowTrainOptions {
  int64_t seed = 1;
  int epochs = 10;
  double minutes = 0.0;    // 0 = no limit
  int batch = 512;
  double rate = 2.0e-3;
  double ema = 0.999;         // decay of the averaged weights per step
  double decay = 0.0;         // decoupled weight decay
  double clip = 20.0;         // largest norm of the gradient
  double surprise = 0.0;      // and its largest multiple of the usual norm, 0 = no limit
  double likelihood = 0.2;    // share of the plain gradient in that of frames with a score
  int warmup = 200;           // steps of linear increase of the rate
  int patience = 0;           // stop after that many epochs without improvement, 0 = never
  int threads = 2;
};

/** What one epoch did; nll in nats per frame of the Cartesian density of the placed atoms; valid
 *  and best are what the criterion gives, if there is one. */
struct FlowEpoch {
  int epoch = 0;
  double train = 0.0, valid = 0.0, best = 0.0;
  int best_epoch = 0;
  double rate = 0.0, seconds = 0.0, seconds_left = 0.0;
  int64_t skipped = 0;    // steps left out because the gradient was not finite
  bool last = false;
};

/** log q_flow(l,c|f) of given weights, without the constant and geometry terms. Double or single
 *  arithmetic; the reference the samplers are tested against. */
std::vector<double> torch_flow_log_prob(const FlowNetShape &shape,
                                        const std::map<std::string, FlowTensor> &weights, int64_t n,
                                        const double *l, const double *c, const double *f,
                                        bool double_precision);

/** Path gradient of sum_i weight_i (log q - log p)(l_i,c_i) by the weights, double arithmetic: see
 *  FlowNet::add_path_gradient. score [n][nl+nc] = d log p/d(l,c), weight [n]. */
std::map<std::string, FlowTensor> torch_flow_path_gradient(
    const FlowNetShape &shape, const std::map<std::string, FlowTensor> &weights, int64_t n,
    const double *l, const double *c, const double *f, const double *score, const double *weight);

class FlowTrainer {
 public:
  /** Tensors by their names in the model file. */
  using Weights = std::map<std::string, FlowTensor>;
  /** How good averaged weights are: the figure is to become small, but only acceptable weights are kept. */
  struct Verdict {
    double figure;
    bool acceptable;
  };
  using Criterion = std::function<Verdict(const Weights &)>;

  /** Throws std::runtime_error if frames or shape do not fit together. Frames with a score are
   *  trained by the path gradient of the forward KL divergence, others by maximum likelihood. */
  FlowTrainer(const FlowNetShape &shape, const FlowTrainOptions &options, FlowFrames train,
              FlowFrames valid);
  ~FlowTrainer();

  /** Start from these weights instead of random ones; before the first epoch. */
  void start_from(const Weights &weights);
  /** Replace the likelihood of the validation frames as what tells the best epoch. start: the figure of the
   *  weights to start from, which stay the best until an epoch is better. After an epoch that is worse than
   *  the best by more than `slack`, training goes on from the best weights at half the rate. */
  void set_criterion(Criterion criterion, double start, double slack);
  /** Other frames for the epochs to come. */
  void set_training(FlowFrames train);

  /** Runs one epoch (shuffled by seed and epoch number) and evaluates the averaged weights. */
  FlowEpoch epoch();
  bool finished() const;

  /** Averaged weights: now, and of the best epoch so far. */
  Weights average() const;
  Weights best() const;

  /** Complete state as bytes; a trainer of the same shape, options and frames continues from it
   *  as if it had not been interrupted. */
  std::string checkpoint() const;
  /** Returns the number of epochs done. */
  int restore(const std::string &bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

}    // namespace BACKMAP_NS

#endif

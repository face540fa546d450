/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: backmapping of coarse-grained molecules in LAMMPS
------------------------------------------------------------------------- */

#ifndef BACKMAP_TORCH_FLOW_H
#define BACKMAP_TORCH_FLOW_H

// Training of the conditional flow by maximum likelihood with LibTorch. The header shows standard
// types only; torch.h stays in backmap_torch_flow.cpp.

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
 *  log|dx/dy| of each frame: log q = log q_flow(l,c|f) + constant - geometry. */
struct FlowFrames {
  int64_t n = 0;
  std::vector<float> l, c, f;
  std::vector<float> geometry;
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
  double ema = 0.999;      // decay of the averaged weights per step
  double decay = 0.0;      // decoupled weight decay
  double clip = 20.0;      // largest norm of the gradient
  int warmup = 200;        // steps of linear increase of the rate
  int patience = 0;        // stop after that many epochs without improvement, 0 = never
  int threads = 2;
};

/** What one epoch did; nll in nats per frame of the Cartesian density of the placed atoms. */
struct FlowEpoch {
  int epoch = 0;
  double train = 0.0, valid = 0.0, best = 0.0;
  int best_epoch = 0;
  double rate = 0.0, seconds = 0.0, seconds_left = 0.0;
  int64_t skipped = 0;     // steps left out because the gradient was not finite
  bool last = false;
};

/** log q_flow(l,c|f) of given weights, without the constant and geometry terms. Double or single
 *  arithmetic; the reference the samplers are tested against. */
std::vector<double> torch_flow_log_prob(const FlowNetShape &shape,
                                        const std::map<std::string, FlowTensor> &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, bool double_precision);

class FlowTrainer {
 public:
  /** Throws std::runtime_error if frames or shape do not fit together. */
  FlowTrainer(const FlowNetShape &shape, const FlowTrainOptions &options, FlowFrames train,
              FlowFrames valid);
  ~FlowTrainer();

  /** Runs one epoch (shuffled by seed and epoch number) and evaluates the averaged weights. */
  FlowEpoch epoch();
  bool finished() const;

  /** Averaged weights of the best epoch so far, by the tensor names of the model file. */
  std::map<std::string, FlowTensor> best() const;

  /** Complete state as bytes; a trainer of the same shape, options and frames continues from it
   *  as if it had not been interrupted. */
  std::string checkpoint() const;
  void restore(const std::string &bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

}    // namespace BACKMAP_NS

#endif

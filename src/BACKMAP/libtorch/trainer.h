/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_TRAINER_H
#define BACKMAP_LIBTORCH_TRAINER_H

// What all trainers do alike: epochs, the best weights, checkpoints. The header shows standard types
// only; what an epoch is made of stands in libtorch/epochs.h.

#include "training/network_weights.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace BACKMAP_NS {

struct TrainOptions {
  int64_t seed = 1;
  int epochs = 10;
  double minutes = 0.0;    // 0 = no limit
  int batch = 512;
  double rate = 1.0e-3;
  double ema = 0.999;    // decay of the averaged weights per step
  double decay = 0.0;    // decoupled weight decay
  double clip = 20.0;    // largest norm of the gradient
  int warmup = 200;      // steps of linear increase of the rate
  int patience = 0;      // stop after that many epochs without improvement, 0 = never
  int threads = 2;
};

/** What one epoch did. train and valid are mean losses in the units of the trainer, best is the smallest
    valid so far. */
struct Epoch {
  int epoch = 0;
  double train = 0.0, valid = 0.0, best = 0.0;
  int best_epoch = 0;
  double halfway = 0.0;    // best at half of the time; of the first epoch if that is all there is
  double rate = 0.0, seconds = 0.0, seconds_left = 0.0;
  int64_t skipped = 0;    // steps left out because the gradient was not finite
  bool last = false;
};

class Trainer {
 public:
  virtual ~Trainer();
  Trainer(const Trainer &) = delete;
  Trainer &operator=(const Trainer &) = delete;

  /** Runs one epoch (shuffled by seed and epoch number) and evaluates the averaged weights. Throws
      std::runtime_error if not one loss of it is finite. */
  Epoch epoch();
  bool finished() const;
  const TrainOptions &options() const;

  /** Averaged weights: now, and of the best epoch so far. */
  NetworkWeights average() const;
  NetworkWeights best() const;

  /** Complete state as bytes; a trainer of the same shape, options and frames continues from it
      as if it had not been interrupted. */
  std::string checkpoint() const;
  /** Returns the number of epochs done. Throws std::runtime_error for the checkpoint of another training. */
  int restore(const std::string &bytes);

 protected:
  struct Engine;
  explicit Trainer(std::unique_ptr<Engine> engine);
  std::unique_ptr<Engine> engine;
};

/** The library that multiplies matrices for LibTorch, as people know it. */
struct LinearAlgebra {
  std::string name;          // "OpenBLAS 0.3.21", "MKL", ..., "unknown" with its file
  bool reference = false;    // the reference BLAS: correct and several times slower than others
};
LinearAlgebra linear_algebra();

}    // namespace BACKMAP_NS

#endif

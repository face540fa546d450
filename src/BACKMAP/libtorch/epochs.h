/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_EPOCHS_H
#define BACKMAP_LIBTORCH_EPOCHS_H

// For the trainers in this folder: it shows Torch.

#include "libtorch/optimizer.h"
#include "libtorch/trainer.h"

#include <torch/torch.h>

namespace BACKMAP_NS {

using torch::Tensor;

/** What makes a trainer: its networks and losses. Trainer::epoch() calls these in turn. */
struct Trainer::Engine {
  Engine(const char *what, const char *kind, const TrainOptions &options);
  virtual ~Engine() = default;

  /** Puts the frames in the order of this epoch; returns the number of batches. */
  virtual int64_t begin(int epoch) = 0;
  /** Adds the gradients of batch b to the (cleared) ones of the parameters; false if the loss is not finite. */
  virtual bool gradients(int64_t b) = 0;
  /** Mean of the epoch, of `count` batches with a finite loss. */
  virtual double training_loss(int64_t count) = 0;
  /** Of all validation frames; the averaged weights are in place of the parameters. */
  virtual double validation_loss() = 0;
  /** What a checkpoint must agree in. */
  virtual std::vector<TorchCheckpoint::Check> checks() const = 0;

  NetworkWeights named(const std::vector<Tensor> &set) const;
  double judge();    // the averaged weights on the validation frames

  const char *what, *kind;    // for errors and for checkpoints
  const TrainOptions options;
  std::vector<std::string> names;    // of the parameters, in the model file
  TorchOptimizer optimizer;
  TorchSchedule schedule;
};

/** Copies weights into parameters of the same names and shapes, in the number type of these. Throws std::runtime_error. */
void load_weights(const char *what, const NetworkWeights &weights,
                  const std::vector<std::string> &names, std::vector<Tensor> &params);

/** The inverse, in double precision. */
NetworkWeights named_weights(const std::vector<std::string> &names, const std::vector<Tensor> &set);

}    // namespace BACKMAP_NS

#endif

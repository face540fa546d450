/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_GRADIENT_H
#define BACKMAP_TRAINING_FLOW_GRADIENT_H

// log q of a flow and its derivatives by the weights, as fast as the processor allows: tiles of rows
// with the arithmetic of flow/layers.h, each forward and backward while it is in the cache.

#include "training/flow_networks.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** A tensor of the networks: its name in the model file and its size; biases have no columns. */
struct FlowParameter {
  std::string name;
  int rows, columns;
  int64_t size() const { return (int64_t) rows * (columns ? columns : 1); }
};

/** All of them, in the order in which they are passed to FlowGradient. */
std::vector<FlowParameter> flow_parameters(const FlowNetShape &shape);

/** Rows of numbers of the flow; which: those that are meant, null for the first ones. */
template <class S> struct FlowRowView {
  const S *l, *c, *f;
  const int64_t *which;
};

/** S: float or double. The result depends on the number of threads, because sums do. */
template <class S> class FlowGradient {
 public:
  /** Throws std::runtime_error for impossible sizes. */
  FlowGradient(const FlowNetShape &shape, int threads);
  ~FlowGradient();
  FlowGradient(FlowGradient &&) noexcept;

  /** logq [n] without constant and geometry terms. */
  void log_prob(const std::vector<const S *> &weights, const FlowRowView<S> &rows, int64_t n,
                S *logq);

  /** Derivative of a function of all log q, by that of row i (of the n), given it. Called by all threads. */
  using Slope = std::function<S(int64_t i, S logq)>;
  /** Also overwrites out with the derivatives of that function by the weights. */
  void gradient(const std::vector<const S *> &weights, const FlowRowView<S> &rows, int64_t n,
                const Slope &slope, S *logq, const std::vector<S *> &out);

 private:
  struct Networks;
  struct Tile;
  void run(const std::vector<const S *> &, const FlowRowView<S> &, int64_t, const Slope *, S *);
  std::unique_ptr<Networks> networks;
  std::vector<std::unique_ptr<Tile>> tiles;    // of each thread
};

}    // namespace BACKMAP_NS

#endif

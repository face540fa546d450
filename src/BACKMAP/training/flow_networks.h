/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_NETWORKS_H
#define BACKMAP_TRAINING_FLOW_NETWORKS_H

// The networks of a flow as their training sees them: sizes, and weights in and out of the specification.

#include "flow/flow_spec.h"
#include "training/network_weights.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Shape of the networks of a flow of one piece over nl linear and nc circular variables, given nf features. */
struct FlowNetShape {
  std::string prefix;    // of the names of its tensors
  int copies = 1;        // pieces of the molecule that it draws
  int nl = 0, nc = 0, nf = 0;
  int hidden = 64, bins = 8, circular_bins = 8;
  double bound = 5.0;
  std::vector<std::vector<int>> linear_id, circular_id;    // identity sets of each coupling
};

/** Sizes and identity sets as the training wants them, for each kind of flow (see training/flow_pieces.h). */
std::vector<FlowNetShape> net_shapes(const FlowSpec &spec);

/** Writes trained weights (by tensor name) into the specification. */
void set_weights(FlowSpec &spec, const NetworkWeights &weights);
/** The inverse. */
NetworkWeights get_weights(const FlowSpec &spec);

/** Identity sets of the couplings of a flow of one piece, drawn by the seed: halves of the linear variables drawn anew every second
    coupling; the circular variables are transformed all at once, not at all, and in two halves that see each other. */
void choose_couplings(FlowSpec &spec, int couplings, int64_t seed);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_NETWORK_WEIGHTS_H
#define BACKMAP_TRAINING_NETWORK_WEIGHTS_H

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** One tensor of a network, in row-major order. */
struct WeightTensor {
  std::vector<int64_t> shape;
  std::vector<double> data;
};

/** The tensors of a network by their names in the model file. */
using NetworkWeights = std::map<std::string, WeightTensor>;

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_DATA_H
#define BACKMAP_TRAINING_FLOW_DATA_H

// From all-atom frames to what the training of a flow needs: the specification (Z-matrix, classes of
// torsions, means, covariance) and the frames in the variables of the flow. No Torch, no LAMMPS.

#include "flow/flow_spec.h"
#include "molecule/fragments.h"
#include "molecule/mapping.h"
#include "training/flow_networks.h"
#include "training/flow_variables.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct FlowDesign {
  int hidden = 64, couplings = 8, bins = 8;
  double bound = 5.0;
  int64_t seed = 1;
};

/** A flow whose networks are still empty, and the frames that it can draw. */
struct FlowData {
  FlowSpec spec;
  std::vector<char> train, valid;    // marks of the frames
  std::vector<std::string> notes;    // for people: rotors, outliers left out, ...
};

/** A molecule and its frames x [n][natoms][3]; valid[i] != 0 marks those held back for validation. */
struct FlowSystem {
  const Topology &topology;
  const Mapping &mapping;
  int64_t n;
  const double *x;
  const std::vector<char> &valid;
};

/** A flow of one piece. All statistics come from frames that are not held back. Frames whose narrow torsions lie
    outside the common branch (a cis peptide bond, say) are left out and counted in notes. Throws
    std::runtime_error if the molecule or the frames do not allow a flow: fewer than three beads, bonds of constant
    length, mirror images mixed. */
FlowData prepare_flow(const FlowSystem &system, const FlowDesign &design);

/** Flows composed of fragments, one for each molecule; all have the same kinds, in the same order, whose
    statistics come from the frames of all molecules. */
std::vector<FlowData> prepare_flows(const std::vector<FlowSystem> &systems,
                                    const std::vector<Fragments> &fragments,
                                    const FlowDesign &design);

/** A flow for a molecule out of kinds of others, by their signatures. Its features have mean 0 and deviation 1 and
    no range. Throws std::runtime_error that names the kinds that are missing, or units and temperatures that
    differ. */
FlowSpec assemble_flow(const Topology &topology, const Mapping &mapping, const Fragments &fragments,
                       const std::vector<FlowSpec> &models);

/** What the features of the beads are like in these frames. */
FeatureRange feature_range(const FlowSpec &spec, const double *x, const std::vector<int64_t> &train,
                           const std::vector<int64_t> &valid);

}    // namespace BACKMAP_NS

#endif

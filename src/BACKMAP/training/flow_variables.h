/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_VARIABLES_H
#define BACKMAP_TRAINING_FLOW_VARIABLES_H

// All-atom frames in the variables of the flow.

#include "flow/flow_spec.h"

#include <cstdint>
#include <vector>

namespace BACKMAP_NS {

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
  std::vector<int64_t> frame;    // which of the given frames each row is
  std::vector<float> score, weight, path;
  std::vector<float> logq, share;
  double constant = 0.0;
};

/** The molecule and the Z-matrix of a flow with all internal coordinates as they are, in the order of their slots: no
    rotors, nothing circular. */
FlowSpec raw_variables(const FlowSpec &spec);

/** Frames x [n][natoms][3] in the variables of the flow, without scores; those of zero density are left out, and
    those with take[i] = 0 where take is given. The networks of the flow do not matter. */
FlowFrames flow_variables(const FlowSpec &spec, int64_t n, const double *x,
                          const std::vector<char> *take = nullptr);

/** Standardised features [nf] of the beads z [nbeads][3]. */
std::vector<double> standard_features(const FlowSpec &spec, const double *z);

}    // namespace BACKMAP_NS

#endif

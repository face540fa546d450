/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_VARIABLES_H
#define BACKMAP_TRAINING_FLOW_VARIABLES_H

// All-atom frames in the variables of the flow.

#include "flow/flow_spec.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace BACKMAP_NS {

/** Frames in the variables of a flow of one piece: l whitened [n][nl], c in [-pi,pi) [n][nc], f standardised
 *  features [n][nf]. constant is added to every log-density (-log|det L|), geometry [n] is the
 *  log|dx/dy| of each frame: log q = log q_flow(l,c|f) + constant - geometry.
 *  Frames and structures that a flow q' has drawn, see training/refresh.h: weight [n] makes them samples of
 *  the Boltzmann distribution; share [n] is their part in those of q', and logq [n] the log q'_flow of
 *  these. Means over the rows are means over frames. All empty for plain frames. */
struct FlowFrames {
  int64_t n = 0;
  std::vector<float> l, c, f;
  std::vector<float> geometry;
  std::vector<float> weight, share, logq;
  double constant = 0.0;
};

/** For each kind of a flow (see training/flow_pieces.h) the rows of all pieces of this kind. */
using FlowSet = std::vector<FlowFrames>;

/** Adds the rows of another molecule with the same kinds. */
void append(FlowSet &to, const FlowSet &from);

/** The molecule and the Z-matrix of a flow with all internal coordinates as they are, in the order of their slots: no
    rotors, nothing circular. */
FlowSpec raw_variables(const FlowSpec &spec);

/** Turns structures [natoms][3] of a flow of one piece into rows. The networks of the flow do not matter. */
class FlowRows {
 public:
  explicit FlowRows(const FlowSpec &spec);
  ~FlowRows();

  /** Standardised features of the structures to come, of the beads in x. */
  void set_beads(const double *x);
  /** Adds the row of a structure with the beads set; false, and nothing, where the density is zero. */
  bool add(const double *x, FlowFrames &to);
  /** log|dx/dy| of the structure added last. */
  double geometry() const { return geometry_; }
  double constant() const;

 private:
  struct Work;
  const FlowSpec &spec;
  std::unique_ptr<Work> work;
  double geometry_ = 0.0;
};

/** Frames `which` of x [..][natoms][3] in the variables of all pieces; pieces of zero density are left out. */
FlowSet flow_rows(const FlowSpec &spec, const double *x, const std::vector<int64_t> &which);

/** Numbers of the marked frames. */
std::vector<int64_t> marked(const std::vector<char> &marks);

/** Standardised features [nf] of the beads z [nbeads][3]. */
std::vector<double> standard_features(const FlowSpec &spec, const double *z);

}    // namespace BACKMAP_NS

#endif

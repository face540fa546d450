/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FLOW_PIECES_H
#define BACKMAP_TRAINING_FLOW_PIECES_H

// Training sees every flow as pieces that are drawn one after another, each by a flow that is one
// piece: the fragments of a composed flow, or the flow itself.

#include "flow/flow_spec.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct FlowPiece {
  int kind;                   // see FlowSpec::piece()
  std::vector<int> points;    // atoms of the molecule that are those of the kind, one by one
  std::vector<int> drawn;     // atoms of the kind that it draws

  /** Atoms of the kind [points][3] out of one structure of the molecule, and the drawn ones back. */
  void take(const double *x, double *local) const;
  void give(const double *local, double *x) const;
  std::size_t stride() const { return 3 * points.size(); }
};

std::vector<FlowPiece> flow_pieces(const FlowSpec &spec);

/** Temperature and units of a flow and its kinds. */
void set_conditions(FlowSpec &spec, double temperature, const std::string &units);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator of a CG model of one piece on the calling thread. Private to cgnet/*.cpp.

#ifndef BACKMAP_CGNET_PIECE_H
#define BACKMAP_CGNET_PIECE_H

#include "cgnet/cgnet.h"

#include <memory>

namespace BACKMAP_NS {

class CgnetPiece {
 public:
  virtual ~CgnetPiece() = default;
  /// As CgPotential::evaluate(); from any thread.
  virtual void evaluate(int nmol, const double *z, double *energy, double *force) const = 0;

  static std::shared_ptr<const CgnetPiece> create(const CgnetSpec &spec,
                                                  Cgnet::Precision precision);
};

}    // namespace BACKMAP_NS

#endif

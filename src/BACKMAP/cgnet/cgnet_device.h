/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_CGNET_DEVICE_H
#define BACKMAP_CGNET_CGNET_DEVICE_H

#include "cgnet/cgnet.h"

#include <memory>

namespace BACKMAP_NS {

/// A CG model of one piece on Kokkos' default execution space, which must be initialised as long as the object
/// lives. On hosts the results are bitwise those of Cgnet, on devices those to rounding.
class CgnetDevice {
 public:
  virtual ~CgnetDevice() = default;

  /// As CgPotential::evaluate(), with all arrays in the memory of the execution space. Returns at once: in order
  /// with other kernels of its default instance.
  virtual void evaluate(int nmol, const double *z, double *energy, double *force) = 0;

  /// Throws std::runtime_error for an invalid model, one of windows, or where there is no Kokkos.
  static std::unique_ptr<CgnetDevice> create(const CgnetSpec &spec, Cgnet::Precision precision);
};

}    // namespace BACKMAP_NS

#endif

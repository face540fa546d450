/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_PERIODIC_BOX_H
#define BACKMAP_LAMMPS_PERIODIC_BOX_H

// The nearest image in the box of a LAMMPS, as a copy that also goes into a kernel. Domain::minimum_image() runs on
// hosts alone, and has had several faces.

#include "core/pack.h"

#include "domain.h"

#include <cmath>

namespace BACKMAP_NS {

class PeriodicBox {
 public:
  explicit PeriodicBox(const LAMMPS_NS::Domain *d) :
      periodic_{d->xperiodic != 0, d->yperiodic != 0, d->zperiodic != 0}, length_{d->xprd, d->yprd,
                                                                                  d->zprd},
      xy_(d->triclinic ? d->xy : 0.0), xz_(d->triclinic ? d->xz : 0.0),
      yz_(d->triclinic ? d->yz : 0.0)
  {
  }

  /// Of a difference of two positions, in place; what is not finite, or many boxes away, stays wrong. Same arithmetic
  /// as Domain::minimum_image().
  BACKMAP_FUNCTION void nearest(double *d) const
  {
    for (int k = 2; k >= 0; k--)
      for (int turn = 0; turn < 8 && periodic_[k] && std::fabs(d[k]) > 0.5 * length_[k]; turn++) {
        const double sign = d[k] < 0.0 ? 1.0 : -1.0;
        d[k] += sign * length_[k];
        if (k == 2) {
          d[1] += sign * yz_;
          d[0] += sign * xz_;
        } else if (k == 1)
          d[0] += sign * xy_;
      }
  }

  /// Makes beads [n][3] whole along their order. A position that needs no image keeps all its bits, and so does one
  /// that is no number.
  BACKMAP_FUNCTION void make_whole(int n, double *x) const
  {
    for (int b = 1; b < n; b++) {
      double *now = x + 3 * b, *before = now - 3;
      const double d[3] = {now[0] - before[0], now[1] - before[1], now[2] - before[2]};
      double e[3] = {d[0], d[1], d[2]};
      nearest(e);
      for (int c = 0; c < 3; c++)
        if (e[c] != d[c]) now[c] += e[c] - d[c];
    }
  }

 private:
  bool periodic_[3];
  double length_[3], xy_, xz_, yz_;
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What differs between the LAMMPS versions that we support, in this one file. Which one it is follows from what their
// headers offer, never from a version number. scripts/check_lammps.sh builds and tests with any of them.

#ifndef BACKMAP_LAMMPS_COMPAT_H
#define BACKMAP_LAMMPS_COMPAT_H

#include "domain.h"
#include "pointers.h"

#include <cmath>

namespace BACKMAP_NS {

namespace compat_detail {

// since 2025 minimum_image() says which line asked for an image too far away

template <class Domain>
auto minimum_image(Domain *domain, double *delta, int)
    -> decltype(domain->minimum_image(FLERR, delta))
{
  return domain->minimum_image(FLERR, delta);
}

template <class Domain> void minimum_image(Domain *domain, double *delta, long)
{
  domain->minimum_image(delta);
}

}    // namespace compat_detail

/** The nearest periodic image of a difference of two positions; what is not finite stays as it is. */
inline void minimum_image(LAMMPS_NS::Domain *domain, double *delta)
{
  // an infinite one would trap LAMMPS in a loop
  if (!std::isfinite(delta[0] + delta[1] + delta[2])) return;
  compat_detail::minimum_image(domain, delta, 0);
}

}    // namespace BACKMAP_NS

#endif

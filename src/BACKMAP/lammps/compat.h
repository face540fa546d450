/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What differs between the LAMMPS versions that we support, in this one file. Which one it is follows from what their
// headers offer, never from a version number. scripts/check_lammps.sh builds and tests with any of them.

#ifndef BACKMAP_LAMMPS_COMPAT_H
#define BACKMAP_LAMMPS_COMPAT_H

#include "comm.h"
#include "domain.h"
#include "fix.h"
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

// the name for fixes is older than 24Mar2022

template <class Comm, class Fix>
auto reverse_comm(Comm *comm, Fix *fix, int) -> decltype(comm->reverse_comm(fix))
{
  return comm->reverse_comm(fix);
}

template <class Comm, class Fix> void reverse_comm(Comm *comm, Fix *fix, long)
{
  comm->reverse_comm_fix(fix);
}

}    // namespace compat_detail

/** Calls pack_reverse_comm() and unpack_reverse_comm() of the fix. */
inline void reverse_comm(LAMMPS_NS::Comm *comm, LAMMPS_NS::Fix *fix)
{
  compat_detail::reverse_comm(comm, fix, 0);
}

/** The nearest periodic image of a difference of two positions; what is not finite, or a thousand boxes away, stays as it is. */
inline void minimum_image(LAMMPS_NS::Domain *domain, double *delta)
{
  // LAMMPS takes away one box after the other: for ever if beads have flown apart
  const double limit = 1000.0 * (domain->xprd + domain->yprd + domain->zprd);
  if (!(std::fabs(delta[0]) + std::fabs(delta[1]) + std::fabs(delta[2]) < limit)) return;
  compat_detail::minimum_image(domain, delta, 0);
}

}    // namespace BACKMAP_NS

#endif

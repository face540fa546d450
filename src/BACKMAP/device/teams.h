/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_DEVICE_TEAMS_H
#define BACKMAP_DEVICE_TEAMS_H

// Teams of Kokkos for kernels that know core/team.h alone: one thread on hosts, many on devices.

#include "core/team.h"
#include "device/arrays.h"

#ifdef BACKMAP_HAVE_KOKKOS

#include <cstdint>

namespace BACKMAP_NS {

using DevicePolicy = Kokkos::TeamPolicy<DeviceSpace>;
using DeviceTeam = DevicePolicy::member_type;

/// Members of a Kokkos team.
struct DeviceMember {
  static constexpr bool alone = device_is_host;
  const DeviceTeam &team;
  KOKKOS_INLINE_FUNCTION explicit DeviceMember(const DeviceTeam &t) : team(t) {}
  KOKKOS_INLINE_FUNCTION int rank() const { return team.team_rank(); }
  KOKKOS_INLINE_FUNCTION int size() const { return team.team_size(); }
  KOKKOS_INLINE_FUNCTION void barrier() const { team.team_barrier(); }
};

/// What a team must ask for to have so many bytes that begin where a pack may begin.
KOKKOS_INLINE_FUNCTION std::size_t with_alignment(std::size_t bytes)
{
  return bytes + BACKMAP_VECTOR_BYTES;
}

/// The scratch memory of a team, of a size by with_alignment(). Level 0 is small and fast, 1 is neither.
KOKKOS_INLINE_FUNCTION unsigned char *team_memory(const DeviceTeam &team, std::size_t size,
                                                  int level = 1)
{
  auto *memory = static_cast<unsigned char *>(team.team_scratch(level).get_shmem(size));
  const auto address = reinterpret_cast<std::uintptr_t>(memory);
  return memory + (BACKMAP_VECTOR_BYTES - address % BACKMAP_VECTOR_BYTES);
}

}    // namespace BACKMAP_NS

#endif
#endif

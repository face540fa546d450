/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_RNG_H
#define BACKMAP_CORE_RNG_H

// Counter-based random numbers: Philox4x64-10 (Salmon, Moraes, Dror, Shaw, "Parallel random
// numbers: as easy as 1, 2, 3", SC11; Random123). A number depends on its key and counter only, so
// samples do not depend on ranks, threads, batches or restarts.

#include "core/pack.h"
#include "core/random_stream.h"

#include <Random123/philox.h>

#include <cstdint>

namespace BACKMAP_NS {

/// 4 x 64 random bits of (seed, stream; timestep, molecule, sample, draw).
struct RandomBits {
  std::uint64_t v[4];
};

BACKMAP_FUNCTION RandomBits random_bits(std::uint64_t seed, std::uint64_t stream,
                                        std::uint64_t timestep, std::uint64_t molecule,
                                        std::uint64_t sample, std::uint64_t draw)
{
  const r123::Philox4x64::ctr_type counter = {{timestep, molecule, sample, draw}};
  const r123::Philox4x64::key_type key = {{seed, stream}};
  const auto out = r123::Philox4x64()(counter, key);
  return {{out.v[0], out.v[1], out.v[2], out.v[3]}};
}

/// Uniform on (0,1): 52 random bits and a half, never 0 and never 1.
BACKMAP_FUNCTION double random_uniform(std::uint64_t bits)
{
  return ((double) (std::int64_t)(bits >> 12) + 0.5) * (1.0 / 4503599627370496.0);
}

/// Two independent standard normal numbers from two uniform ones (Box and Muller, 1958).
template <class P> BACKMAP_FUNCTION void random_normals(const P &u1, const P &u2, P &a, P &b)
{
  P s, c;
  const P radius = p_sqrt(P(-2.0) * p_log(u1));
  p_sincos(P(2.0 * BACKMAP_PI) * u2, s, c);
  a = radius * c;
  b = radius * s;
}

}    // namespace BACKMAP_NS

#endif

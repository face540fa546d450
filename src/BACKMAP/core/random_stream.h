/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_RANDOM_STREAM_H
#define BACKMAP_CORE_RANDOM_STREAM_H

#include <cstdint>
#include <string>

namespace BACKMAP_NS {

/// Number of a stream for a name, 64-bit FNV-1a; partition and fix ID make independent streams.
inline std::uint64_t random_stream(int partition, const std::string &id)
{
  const std::string text = std::to_string(partition) + " " + id;
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : text) hash = (hash ^ (unsigned char) c) * 1099511628211ull;
  return hash;
}

}    // namespace BACKMAP_NS

#endif

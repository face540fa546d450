/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_SHA256_H
#define BACKMAP_CORE_SHA256_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

namespace BACKMAP_NS {

/// SHA-256 (FIPS 180-4), so that models can be checked without a cryptography library.
class Sha256 {
 public:
  Sha256();

  /// Adds `size` bytes to the message.
  void update(const void *data, std::size_t size);
  void update(const std::string &text) { update(text.data(), text.size()); }

  /// Ends the message; the digest as 64 lower-case hexadecimal digits. Call once.
  std::string hex();

 private:
  std::array<std::uint32_t, 8> state;
  std::array<unsigned char, 64> block;
  std::size_t filled;
  std::uint64_t total;

  void compress(const unsigned char *p);
};

/// Digest of one buffer, hexadecimal.
std::string sha256_hex(const std::string &bytes);

}    // namespace BACKMAP_NS

#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "core/sha256.h"

#include <cstring>

using namespace BACKMAP_NS;

namespace {

const std::uint32_t ROUND[64] = {
    0x428a2f98u, 0x71374491u, 0xb5c0fbcfu, 0xe9b5dba5u, 0x3956c25bu, 0x59f111f1u, 0x923f82a4u,
    0xab1c5ed5u, 0xd807aa98u, 0x12835b01u, 0x243185beu, 0x550c7dc3u, 0x72be5d74u, 0x80deb1feu,
    0x9bdc06a7u, 0xc19bf174u, 0xe49b69c1u, 0xefbe4786u, 0x0fc19dc6u, 0x240ca1ccu, 0x2de92c6fu,
    0x4a7484aau, 0x5cb0a9dcu, 0x76f988dau, 0x983e5152u, 0xa831c66du, 0xb00327c8u, 0xbf597fc7u,
    0xc6e00bf3u, 0xd5a79147u, 0x06ca6351u, 0x14292967u, 0x27b70a85u, 0x2e1b2138u, 0x4d2c6dfcu,
    0x53380d13u, 0x650a7354u, 0x766a0abbu, 0x81c2c92eu, 0x92722c85u, 0xa2bfe8a1u, 0xa81a664bu,
    0xc24b8b70u, 0xc76c51a3u, 0xd192e819u, 0xd6990624u, 0xf40e3585u, 0x106aa070u, 0x19a4c116u,
    0x1e376c08u, 0x2748774cu, 0x34b0bcb5u, 0x391c0cb3u, 0x4ed8aa4au, 0x5b9cca4fu, 0x682e6ff3u,
    0x748f82eeu, 0x78a5636fu, 0x84c87814u, 0x8cc70208u, 0x90befffau, 0xa4506cebu, 0xbef9a3f7u,
    0xc67178f2u};

inline std::uint32_t rotr(std::uint32_t x, int n)
{
  return (x >> n) | (x << (32 - n));
}

}    // namespace

/* ---------------------------------------------------------------------- */

Sha256::Sha256() :
    state{0x6a09e667u, 0xbb67ae85u, 0x3c6ef372u, 0xa54ff53au,
          0x510e527fu, 0x9b05688cu, 0x1f83d9abu, 0x5be0cd19u},
    block{}, filled(0), total(0)
{
}

/* ----------------------------------------------------------------------
   one 64-byte block (FIPS 180-4, section 6.2.2)
------------------------------------------------------------------------- */

void Sha256::compress(const unsigned char *p)
{
  std::uint32_t w[64];
  for (int t = 0; t < 16; t++)
    w[t] = (std::uint32_t(p[4 * t]) << 24) | (std::uint32_t(p[4 * t + 1]) << 16) |
        (std::uint32_t(p[4 * t + 2]) << 8) | std::uint32_t(p[4 * t + 3]);
  for (int t = 16; t < 64; t++) {
    const std::uint32_t s0 = rotr(w[t - 15], 7) ^ rotr(w[t - 15], 18) ^ (w[t - 15] >> 3);
    const std::uint32_t s1 = rotr(w[t - 2], 17) ^ rotr(w[t - 2], 19) ^ (w[t - 2] >> 10);
    w[t] = w[t - 16] + s0 + w[t - 7] + s1;
  }

  std::array<std::uint32_t, 8> v = state;
  for (int t = 0; t < 64; t++) {
    const std::uint32_t s1 = rotr(v[4], 6) ^ rotr(v[4], 11) ^ rotr(v[4], 25);
    const std::uint32_t ch = (v[4] & v[5]) ^ (~v[4] & v[6]);
    const std::uint32_t t1 = v[7] + s1 + ch + ROUND[t] + w[t];
    const std::uint32_t s0 = rotr(v[0], 2) ^ rotr(v[0], 13) ^ rotr(v[0], 22);
    const std::uint32_t maj = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
    for (int i = 7; i > 0; i--) v[i] = v[i - 1];
    v[4] += t1;
    v[0] = t1 + s0 + maj;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

/* ---------------------------------------------------------------------- */

void Sha256::update(const void *data, std::size_t size)
{
  const auto *p = static_cast<const unsigned char *>(data);
  total += size;
  if (filled) {
    const std::size_t take = size < 64 - filled ? size : 64 - filled;
    if (take) std::memcpy(block.data() + filled, p, take);
    filled += take;
    p += take;
    size -= take;
    if (filled < 64) return;
    compress(block.data());
    filled = 0;
  }
  for (; size >= 64; p += 64, size -= 64) compress(p);
  if (size) std::memcpy(block.data(), p, size);
  filled = size;
}

/* ---------------------------------------------------------------------- */

std::string Sha256::hex()
{
  const std::uint64_t bits = total * 8;
  const unsigned char one = 0x80, zero = 0;
  update(&one, 1);
  while (filled != 56) update(&zero, 1);
  unsigned char length[8];
  for (int i = 0; i < 8; i++) length[i] = (unsigned char) (bits >> (56 - 8 * i));
  update(length, 8);

  const char *digits = "0123456789abcdef";
  std::string out;
  for (const auto word : state)
    for (int shift = 28; shift >= 0; shift -= 4) out.push_back(digits[(word >> shift) & 15u]);
  return out;
}

/* ---------------------------------------------------------------------- */

std::string BACKMAP_NS::sha256_hex(const std::string &bytes)
{
  Sha256 sha;
  sha.update(bytes);
  return sha.hex();
}

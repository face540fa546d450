/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/frames.h"

#include <algorithm>
#include <cmath>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

std::vector<char> validation_tail(const std::vector<int> &block, const std::vector<int> &file,
                                  double share)
{
  std::vector<char> out(block.size(), 0);
  for (size_t from = 0; from < block.size();) {
    size_t to = from;
    while (to < block.size() && block[to] == block[from] && file[to] == file[from]) to++;
    const size_t count = (size_t) std::floor(share * (to - from));
    for (size_t i = to - count; i < to; i++) out[i] = 1;
    from = to;
  }
  return out;
}

std::vector<char> opposite(const std::vector<char> &marks)
{
  std::vector<char> out;
  for (const char m : marks) out.push_back(!m);
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<double> spread_frames(const std::vector<double> &x, size_t stride, size_t n)
{
  const size_t all = x.size() / stride, take = std::min(n, all);
  std::vector<double> out;
  for (size_t i = 0; i < take; i++) {
    const auto from = x.begin() + (i * all / take) * stride;
    out.insert(out.end(), from, from + stride);
  }
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<double> bead_positions(const Mapping &mapping, int natoms, int64_t n, const double *x,
                                   const std::vector<char> &take)
{
  const size_t m = 3 * (size_t) mapping.nbeads();
  std::vector<double> z;
  for (int64_t i = 0; i < n; i++) {
    if (!take[i]) continue;
    z.resize(z.size() + m);
    mapping.apply(x + 3 * i * natoms, &z[z.size() - m]);
  }
  return z;
}

/* ---------------------------------------------------------------------- */

void feature_statistics(const FeatureSpec &spec, const std::vector<double> &z,
                        std::vector<double> &mean, std::vector<double> &deviation)
{
  const int nf = spec.size(), m = 3 * spec.nbeads;
  const int64_t n = z.size() / m;
  std::vector<double> f(nf), square(nf, 0.0);
  mean.assign(nf, 0.0);
  deviation.assign(nf, 1.0);
  for (int64_t i = 0; i < n; i++) {
    features(spec, &z[i * m], f.data());
    for (int k = 0; k < nf; k++) {
      mean[k] += f[k];
      square[k] += f[k] * f[k];
    }
  }
  for (int k = 0; k < nf; k++) {
    mean[k] /= n;
    const double var = square[k] / n - mean[k] * mean[k];
    if (var > 1.0e-12) deviation[k] = std::sqrt(var);
  }
}

}    // namespace BACKMAP_NS

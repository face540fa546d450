/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/feature_range.h"

#include "statistics/weights.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

template <class A, class B> double squared(const A *a, const B *b, int dim)
{
  double d = 0.0;
  for (int k = 0; k < dim; k++) {
    const double t = static_cast<double>(a[k]) - static_cast<double>(b[k]);
    d += t * t;
  }
  return d;
}

}    // namespace

/* ---------------------------------------------------------------------- */

double FeatureRange::distance(const double *f) const
{
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < centres.size(); c += dim)
    nearest = std::min(nearest, squared(f, &centres[c], dim));
  // a comparison with NaN is false: features that are not numbers are outside
  return std::sqrt(nearest);
}

/* ---------------------------------------------------------------------- */

FeatureRange FeatureRange::build(const std::vector<float> &train, const std::vector<float> &other,
                                 int dim)
{
  if (dim < 1 || train.empty() || train.size() % dim || other.size() % dim)
    throw std::runtime_error("range of the training data: sizes");
  FeatureRange r;
  r.dim = dim;
  const std::int64_t n = static_cast<std::int64_t>(train.size()) / dim,
                     looked = std::min(n, FRAMES);
  const auto frame = [&](std::int64_t i) { return &train[i * n / looked * dim]; };

  std::vector<double> nearest(looked, std::numeric_limits<double>::infinity());
  std::int64_t next = 0;
  for (int c = 0; c < CENTRES && nearest[next] > 0.0; c++) {
    const float *centre = frame(next);
    r.centres.insert(r.centres.end(), centre, centre + dim);
    next = 0;
    for (std::int64_t i = 0; i < looked; i++) {
      nearest[i] = std::min(nearest[i], squared(frame(i), centre, dim));
      if (nearest[i] > nearest[next]) next = i;
    }
  }

  const std::vector<float> &judge = other.empty() ? train : other;
  const std::int64_t m = static_cast<std::int64_t>(judge.size()) / dim, used = std::min(m, FRAMES);
  std::vector<double> distances, f(dim);
  for (std::int64_t i = 0; i < used; i++) {
    const float *from = &judge[i * m / used * dim];
    std::copy(from, from + dim, f.begin());
    distances.push_back(r.distance(f.data()));
  }
  r.radius = quantile(distances, QUANTILE);
  if (!(r.radius > 0.0)) r.radius = std::numeric_limits<float>::min();
  return r;
}

/* ---------------------------------------------------------------------- */

void FeatureRange::validate(const std::string &where, int features) const
{
  if (!known()) return;
  if (dim != features || centres.size() % dim)
    throw std::runtime_error(where + ": range of the training data, expected " +
                             std::to_string(features) + " features, got " + std::to_string(dim));
  if (!(radius > 0.0 && std::isfinite(radius)))
    throw std::runtime_error(where + ": range of the training data, expected a positive radius");
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/correction.h"

#include "molecule/features.h"
#include "statistics/weights.h"
#include "training/frames.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void FreeEnergies::append(const FreeEnergies &o)
{
  for (int64_t i : o.forces.frame) forces.frame.push_back(n + i);
  forces.force.insert(forces.force.end(), o.forces.force.begin(), o.forces.force.end());
  forces.error.insert(forces.error.end(), o.forces.error.begin(), o.forces.error.end());
  n += o.n;
  without += o.without;
  z.insert(z.end(), o.z.begin(), o.z.end());
  value.insert(value.end(), o.value.begin(), o.value.end());
  error.insert(error.end(), o.error.begin(), o.error.end());
  ucg.insert(ucg.end(), o.ucg.begin(), o.ucg.end());
  series.insert(series.end(), o.series.begin(), o.series.end());
}

FreeEnergies free_energies(const SampleTable &table, const BeadFrames &beads, int series,
                           const std::string &origin)
{
  if (!(table.kt > 0.0))
    throw std::runtime_error(origin + ": field kT, expected a positive number, got " +
                             std::to_string(table.kt));
  std::map<std::pair<int64_t, int64_t>, std::pair<std::vector<double>, double>> samples;
  for (const auto &row : table.rows) {
    auto &s = samples[{row.step, row.molecule}];
    double a = -row.u / table.kt - row.logq;
    if (!std::isfinite(a)) a = -INFINITY;    // no weight: overlapping atoms, invalid draws
    if (static_cast<int>(s.first.size()) == table.samples)
      throw std::runtime_error(origin + ": step " + std::to_string(row.step) + ", molecule " +
                               std::to_string(row.molecule) +
                               " is in the table twice (append?); its samples would be taken for "
                               "those of one configuration. Expected a table for each run");
    s.first.push_back(a);
    s.second = row.ucg / table.kt;
  }
  FreeEnergies out;
  for (const auto &s : samples) {
    const FreeEnergy f = free_energy(s.second.first.data(), s.second.first.size());
    const bool good =
        std::isfinite(f.value) && std::isfinite(f.error) && std::isfinite(s.second.second);
    if (!good) {
      out.without++;
      continue;
    }
    const auto z = beads.z.find(s.first);
    if (z == beads.z.end())
      throw std::runtime_error(origin + ": step " + std::to_string(s.first.first) + ", molecule " +
                               std::to_string(s.first.second) +
                               " is in the table, but not in the dump of the beads");
    const auto force = beads.force.find(s.first);
    if (force != beads.force.end()) {
      const auto &error = beads.error.at(s.first);
      out.forces.frame.push_back(out.n);
      out.forces.force.insert(out.forces.force.end(), force->second.begin(), force->second.end());
      out.forces.error.insert(out.forces.error.end(), error.begin(), error.end());
    }
    out.n++;
    out.z.insert(out.z.end(), z->second.begin(), z->second.end());
    out.value.push_back(f.value);
    out.error.push_back(f.error);
    out.ucg.push_back(s.second.second);
    out.series.push_back(series);
  }
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<double> smoothed_weights(const std::vector<double> &error, const std::vector<float> &x,
                                     int dim, double floor, int neighbors)
{
  const auto n = (int64_t) error.size(), reference = std::min<int64_t>(n, 4000);
  if ((int64_t) x.size() != n * dim)
    throw std::runtime_error("weights of frames: size of the coordinates");
  // coordinate by coordinate, so that the distances to all reference frames are loops of vectors
  std::vector<float> to(reference * dim), distance(reference);
  for (int64_t r = 0; r < reference; r++)
    for (int k = 0; k < dim; k++) to[k * reference + r] = x[r * n / reference * dim + k];
  std::vector<double> w(n);
  std::vector<std::pair<float, double>> near(reference);
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    std::fill(distance.begin(), distance.end(), 0.0f);
    for (int k = 0; k < dim; k++) {
      const float here = x[i * dim + k], *there = &to[k * reference];
      float *__restrict d = distance.data();
      for (int64_t r = 0; r < reference; r++) d[r] += (here - there[r]) * (here - there[r]);
    }
    for (int64_t r = 0; r < reference; r++) {
      const double e = error[r * n / reference];
      near[r] = {distance[r], e * e};
    }
    const int64_t m = std::min<int64_t>(neighbors, reference);
    std::partial_sort(near.begin(), near.begin() + m, near.end());
    double var = 0.0;
    for (int64_t k = 0; k < m; k++) var += near[k].second / m;
    w[i] = 1.0 / (floor * floor + var);
    sum += w[i];
  }
  for (double &v : w) v *= n / sum;
  return w;
}

/* ---------------------------------------------------------------------- */

namespace {

/* ----------------------------------------------------------------------
   coordinates in which frames are near each other: the normalised features of all beads. A composed
   model has none of its own, they are normalised by these frames
------------------------------------------------------------------------- */

std::vector<float> nearness(const CgnetSpec &spec, const std::vector<double> &z, int &dim)
{
  const auto n = (int64_t) z.size() / (3 * spec.nbeads());
  FeatureSpec of = spec.features;
  std::vector<double> mean = spec.feature_mean, deviation = spec.feature_std;
  if (spec.composed()) {
    of = derive_features(spec.nbeads(), spec.bead_bonds);
    feature_statistics(of, z, mean, deviation);
  }
  dim = of.size();
  std::vector<double> feat(dim);
  std::vector<float> x((size_t) n * dim);
  for (int64_t i = 0; i < n; i++) {
    features(of, &z[i * 3 * spec.nbeads()], feat.data());
    for (int k = 0; k < dim; k++) x[i * dim + k] = (feat[k] - mean[k]) / deviation[k];
  }
  return x;
}

std::vector<char> held_back(const FreeEnergies &f)
{
  return validation_tail(f.series, f.series, 0.1);
}

Spread spread(const std::vector<double> &d)
{
  if (d.empty()) return {0.0, 0.0};
  double mean = 0.0, var = 0.0;
  for (double v : d) mean += v / d.size();
  for (double v : d) var += (v - mean) * (v - mean) / d.size();
  return {std::sqrt(var), (quantile(d, 0.75) - quantile(d, 0.25)) / 1.349};
}

}    // namespace

void energy_targets(const CgnetSpec &spec, const FreeEnergies &f, double kT, CgnetEnergies &train,
                    CgnetEnergies &valid)
{
  const int m = 3 * spec.nbeads();
  std::vector<double> prior(f.n), unused((size_t) f.n * m);
  Cgnet(prior_only(spec)).evaluate((int) f.n, f.z.data(), prior.data(), unused.data());
  int nf = 0;
  const auto x = nearness(spec, f.z, nf);
  const auto weight = smoothed_weights(f.error, x, nf, 0.1);
  const auto held = held_back(f);
  for (int64_t i = 0; i < f.n; i++) {
    CgnetEnergies &to = held[i] ? valid : train;
    to.z.insert(to.z.end(), f.z.begin() + i * m, f.z.begin() + (i + 1) * m);
    to.energy.push_back(f.value[i] - prior[i] / kT);
    to.weight.push_back(weight[i]);
    to.n++;
  }
}

/* ----------------------------------------------------------------------
   a frame has one error, the root mean square of those of its forces; half of the frames have one below the floor
------------------------------------------------------------------------- */

void mean_force_targets(const CgnetSpec &spec, const FreeEnergies &f, double scale,
                        CgnetForces &train, CgnetForces &valid)
{
  const int m = 3 * spec.nbeads();
  const int64_t n = f.forces.size();
  std::vector<double> z, error(n), unused(n), prior((size_t) n * m);
  for (int64_t i = 0; i < n; i++) {
    const auto from = f.z.begin() + f.forces.frame[i] * m;
    z.insert(z.end(), from, from + m);
    for (int k = 0; k < m; k++) error[i] += std::pow(f.forces.error[i * m + k], 2) / m;
    error[i] = std::sqrt(error[i]);
  }
  Cgnet(prior_only(spec)).evaluate((int) n, z.data(), unused.data(), prior.data());
  int dim = 0;
  const auto x = nearness(spec, z, dim);
  const auto weight = smoothed_weights(error, x, dim, quantile(error, 0.5));
  const auto held = held_back(f);
  for (int64_t i = 0; i < n; i++) {
    CgnetForces &to = held[f.forces.frame[i]] ? valid : train;
    to.weight.resize(to.n, 1.0f);
    to.weight.push_back((float) (scale * weight[i]));
    to.z.insert(to.z.end(), z.begin() + i * m, z.begin() + (i + 1) * m);
    for (int k = 0; k < m; k++) to.force.push_back(f.forces.force[i * m + k] - prior[i * m + k]);
    to.n++;
  }
}

/* ---------------------------------------------------------------------- */

SpreadOfDifference spread_of_difference(const CgnetSpec &spec, const FreeEnergies &free, double kT)
{
  std::vector<double> d(free.n), unused(free.z.size()), training, held;
  Cgnet(spec).evaluate((int) free.n, free.z.data(), d.data(), unused.data());
  const auto is_held = held_back(free);
  for (int64_t i = 0; i < free.n; i++) {
    d[i] = d[i] / kT - free.value[i];
    (is_held[i] ? held : training).push_back(d[i]);
  }
  return {spread(d), spread(training), spread(held)};
}

}    // namespace BACKMAP_NS

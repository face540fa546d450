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
#include <sstream>
#include <stdexcept>

namespace BACKMAP_NS {

BeadFrames BeadFrames::parse(const std::string &text, int nbeads, const std::string &origin)
{
  BeadFrames out;
  out.nbeads = nbeads;
  std::istringstream in(text);
  std::string line;
  int64_t number = 0;
  auto fail = [&](const std::string &what) {
    throw std::runtime_error(origin + ", line " + std::to_string(number) + ": " + what);
  };
  auto next = [&]() {
    number++;
    return (bool) std::getline(in, line);
  };
  struct Bead {
    int64_t mol, id;
    double x[3];
    bool operator<(const Bead &o) const { return mol != o.mol ? mol < o.mol : id < o.id; }
  };
  while (next()) {
    if (line.compare(0, 14, "ITEM: TIMESTEP") != 0) {
      if (line.compare(0, 5, "ITEM:") == 0 && line.compare(0, 11, "ITEM: ATOMS") != 0) {
        next();    // units, time and the like
        continue;
      }
      fail("expected ITEM: TIMESTEP of a dump custom, got " + line.substr(0, 60));
    }
    if (!next()) fail("truncated");
    const int64_t step = std::strtoll(line.c_str(), nullptr, 10);
    int64_t natoms = -1;
    double box[3] = {0.0, 0.0, 0.0};
    bool periodic[3] = {false, false, false};
    while (next() && line.compare(0, 11, "ITEM: ATOMS") != 0) {
      if (line.compare(0, 21, "ITEM: NUMBER OF ATOMS") == 0) {
        if (!next()) fail("truncated");
        natoms = std::strtoll(line.c_str(), nullptr, 10);
      } else if (line.compare(0, 16, "ITEM: BOX BOUNDS") == 0) {
        std::istringstream words(line.substr(16));
        std::string word;
        std::vector<std::string> flags;
        while (words >> word) flags.push_back(word);
        if (!flags.empty() && flags[0] == "xy")
          fail("a triclinic box; write unwrapped coordinates (xu yu zu) in an orthogonal one");
        for (int k = 0; k < 3; k++) {
          periodic[k] = (int) flags.size() > k && flags[k][0] == 'p';
          double lo, hi;
          if (!next() || std::sscanf(line.c_str(), "%lf %lf", &lo, &hi) != 2) fail("box bounds");
          box[k] = hi - lo;
        }
      } else if (line.compare(0, 5, "ITEM:") == 0)
        next();
      else
        fail("expected an ITEM, got " + line.substr(0, 60));
    }
    if (!in || natoms < 0) fail("truncated");
    std::istringstream words(line.substr(11));
    std::string word;
    int ncol = 0, id = -1, mol = -1, col[3] = {-1, -1, -1};
    bool unwrapped = false;
    for (; words >> word; ncol++) {
      if (word == "id") id = ncol;
      if (word == "mol") mol = ncol;
      for (int k = 0; k < 3; k++) {
        const std::string axis(1, "xyz"[k]);
        if (word == axis || word == axis + "u") col[k] = ncol;
        if (word == axis + "u") unwrapped = true;
      }
    }
    if (id < 0 || col[0] < 0 || col[1] < 0 || col[2] < 0)
      fail("expected the columns id x y z (or xu yu zu), and mol with several molecules");
    std::vector<Bead> beads;
    for (int64_t i = 0; i < natoms; i++) {
      if (!next()) fail("truncated");
      const char *p = line.c_str();
      Bead b{1, 0, {0, 0, 0}};
      for (int c = 0; c < ncol; c++) {
        char *end;
        const double v = std::strtod(p, &end);
        if (end == p) fail("expected " + std::to_string(ncol) + " columns");
        p = end;
        if (c == id) b.id = (int64_t) v;
        if (c == mol) b.mol = (int64_t) v;
        for (int k = 0; k < 3; k++)
          if (c == col[k]) b.x[k] = v;
      }
      beads.push_back(b);
    }
    std::sort(beads.begin(), beads.end());
    for (size_t i = 0; i < beads.size(); i += nbeads) {
      if (i + nbeads > beads.size() || beads[i].mol != beads[i + nbeads - 1].mol ||
          (i + nbeads < beads.size() && beads[i + nbeads].mol == beads[i].mol))
        fail("step " + std::to_string(step) + ", molecule " + std::to_string(beads[i].mol) +
             ": expected " + std::to_string(nbeads) + " beads");
      std::vector<double> z;
      for (int b = 0; b < nbeads; b++)
        for (int k = 0; k < 3; k++) {
          double v = beads[i + b].x[k];
          if (b && !unwrapped && periodic[k] && box[k] > 0.0) {
            const double last = z[3 * (b - 1) + k];
            v -= box[k] * std::round((v - last) / box[k]);
          }
          if (!std::isfinite(v)) fail("a coordinate is not a finite number");
          z.push_back(v);
        }
      out.z[{step, beads[i].mol}] = z;
    }
  }
  if (out.z.empty()) throw std::runtime_error(origin + ": no frames");
  return out;
}

/* ---------------------------------------------------------------------- */

void FreeEnergies::append(const FreeEnergies &o)
{
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

std::vector<double> smoothed_weights(const FreeEnergies &f, const std::vector<float> &x, int dim,
                                     int neighbors, double floor)
{
  const int64_t n = f.n, reference = std::min<int64_t>(n, 4000);
  if ((int64_t) x.size() != n * dim)
    throw std::runtime_error("weights of free energies: size of the coordinates");
  std::vector<double> w(n);
  std::vector<std::pair<float, double>> near(reference);
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) {
    for (int64_t r = 0; r < reference; r++) {
      const int64_t j = r * n / reference;
      float d = 0.0f;
      for (int k = 0; k < dim; k++) {
        const float t = x[i * dim + k] - x[j * dim + k];
        d += t * t;
      }
      near[r] = {d, f.error[j] * f.error[j]};
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

void energy_targets(const CgnetSpec &spec, const FreeEnergies &f, double kT, CgnetEnergies &train,
                    CgnetEnergies &valid)
{
  const int m = 3 * spec.nbeads(), nf = spec.features.size();
  std::vector<double> prior(f.n), unused((size_t) f.n * m), feat(nf);
  Cgnet(prior_only(spec)).evaluate((int) f.n, f.z.data(), prior.data(), unused.data());
  std::vector<float> x((size_t) f.n * nf);
  for (int64_t i = 0; i < f.n; i++) {
    features(spec.features, &f.z[i * m], feat.data());
    for (int k = 0; k < nf; k++)
      x[i * nf + k] = (feat[k] - spec.feature_mean[k]) / spec.feature_std[k];
  }
  const auto weight = smoothed_weights(f, x, nf);
  const auto held = validation_tail(f.series, f.series, 0.1);
  for (int64_t i = 0; i < f.n; i++) {
    CgnetEnergies &to = held[i] ? valid : train;
    to.z.insert(to.z.end(), f.z.begin() + i * m, f.z.begin() + (i + 1) * m);
    to.energy.push_back(f.value[i] - prior[i] / kT);
    to.weight.push_back(weight[i]);
    to.n++;
  }
}

/* ---------------------------------------------------------------------- */

Spread spread_of_difference(const CgnetSpec &spec, const FreeEnergies &free, double kT)
{
  std::vector<double> d(free.n), unused(free.z.size());
  Cgnet(spec).evaluate((int) free.n, free.z.data(), d.data(), unused.data());
  double mean = 0.0, var = 0.0;
  for (int64_t i = 0; i < free.n; i++) d[i] = d[i] / kT - free.value[i];
  for (double v : d) mean += v / d.size();
  for (double v : d) var += (v - mean) * (v - mean) / d.size();
  return {std::sqrt(var), (quantile(d, 0.75) - quantile(d, 0.25)) / 1.349};
}

}    // namespace BACKMAP_NS

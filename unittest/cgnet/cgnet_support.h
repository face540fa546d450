/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A small synthetic CG network of a six-bead dipeptide and configurations for it, the same on every
// machine.

#ifndef BACKMAP_CGNET_SUPPORT_H
#define BACKMAP_CGNET_SUPPORT_H

#include "cgnet/cgnet.h"

#include <cmath>
#include <cstdint>
#include <vector>

namespace cgnet_support {

// numbers of our own: the standard library's distributions differ between implementations
class Numbers {
 public:
  explicit Numbers(std::uint64_t seed) : state(seed * 0x9E3779B97F4A7C15ull + 0x1234567) {}
  double uniform()
  {
    state += 0x9E3779B97F4A7C15ull;
    std::uint64_t x = state;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    x ^= x >> 31;
    return ((double) (x >> 11) + 0.5) / 9007199254740992.0;
  }
  // sum of uniforms: close to normal, and the same bits everywhere
  double normal()
  {
    double sum = -6.0;
    for (int i = 0; i < 12; i++) sum += uniform();
    return sum;
  }

 private:
  std::uint64_t state;
};

// beads C N CA CB C N in Angstrom, a plausible dipeptide
inline std::vector<double> reference_beads()
{
  return {-1.98, 0.72, -0.21, -0.72, 0.35, 0.09, 0.25, 1.32, 0.56,
          0.12,  2.66, -0.18, 1.61,  0.70, 0.22, 2.55, 1.48, -0.35};
}

// n configurations around the reference, each moved and turned by its own amount
inline std::vector<double> configurations(int n, std::uint64_t seed, double noise = 0.08)
{
  Numbers random(seed);
  std::vector<double> z;
  for (int i = 0; i < n; i++) {
    const double a = 6.28 * random.uniform(), c = std::cos(a), s = std::sin(a);
    const double move[3] = {random.normal(), random.normal(), random.normal()};
    const auto ref = reference_beads();
    for (int b = 0; b < 6; b++) {
      double p[3];
      for (int k = 0; k < 3; k++) p[k] = ref[3 * b + k] + noise * random.normal();
      z.push_back(c * p[0] - s * p[1] + move[0]);
      z.push_back(s * p[0] + c * p[1] + move[1]);
      z.push_back(p[2] + move[2]);
    }
  }
  return z;
}

// random weights that give forces of tens of kcal/mol/A, a prior that holds the molecule together
inline BACKMAP_NS::CgnetSpec make_cgnet(std::vector<int> hidden = {24, 20}, std::uint64_t seed = 11)
{
  using namespace BACKMAP_NS;
  Numbers random(seed);
  CgnetSpec s;
  s.molecule = "test dipeptide";
  s.units = "real";
  s.temperature = 300.0;
  s.natoms = 22;
  for (int i = 0; i < s.natoms; i++) {
    s.masses.push_back(i % 3 ? 1.008 : 12.01);
    s.types.push_back(1 + i % 7);
    s.charges.push_back(i % 2 ? 0.1 : -0.1);
    if (i > 0) s.bonds.push_back({i - 1, i});
  }
  const char *names[6] = {"C", "N", "CA", "CB", "C", "N"};
  const int atoms[6] = {4, 6, 8, 10, 14, 16};
  for (int b = 0; b < 6; b++) s.beads.push_back({names[b], {atoms[b]}, {1.0}});

  const std::vector<std::array<int, 2>> bonds = {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}};
  s.features = derive_features(6, bonds);
  const int nf = s.features.size(), many = 400;
  const auto z = configurations(many, 99);
  s.feature_mean.assign(nf, 0.0);
  s.feature_std.assign(nf, 0.0);
  std::vector<std::vector<double>> rows(many, std::vector<double>(nf));
  for (int m = 0; m < many; m++) features(s.features, &z[18 * m], rows[m].data());
  for (int k = 0; k < nf; k++) {
    for (int m = 0; m < many; m++) s.feature_mean[k] += rows[m][k] / many;
    for (int m = 0; m < many; m++)
      s.feature_std[k] += std::pow(rows[m][k] - s.feature_mean[k], 2) / many;
    s.feature_std[k] = std::sqrt(s.feature_std[k]) + 0.05;
  }

  s.hidden = hidden;
  int in = nf;
  for (std::size_t k = 0; k <= hidden.size(); k++) {
    CgnetSpec::Linear l;
    l.in = in;
    l.out = k < hidden.size() ? hidden[k] : 1;
    // multiples of 2^-12: exact in single precision, so a file of any type gives the same network
    const double scale = 1.3 / std::sqrt((double) in);
    for (int i = 0; i < l.in * l.out; i++)
      l.weight.push_back(std::round(scale * random.normal() * 4096.0) / 4096.0);
    for (int i = 0; i < l.out; i++)
      l.bias.push_back(std::round(0.2 * random.normal() * 4096.0) / 4096.0);
    s.layers.push_back(l);
    in = l.out;
  }

  s.prior.bonds = bonds;
  s.prior.angles = s.features.angles;
  s.prior.dihedrals = {{3, 2, 1, 4}};
  s.prior.repulsion = {{0, 4}, {0, 5}, {0, 3}, {3, 5}, {1, 5}};
  const int np = s.prior.size();
  s.prior.mean.assign(np, 0.0);
  const auto ref = reference_beads();
  const double *r = ref.data();
  int k = 0;
  for (auto b : s.prior.bonds) s.prior.mean[k++] = bead_distance(r + 3 * b[0], r + 3 * b[1]);
  for (auto a : s.prior.angles)
    s.prior.mean[k++] = bead_angle(r + 3 * a[0], r + 3 * a[1], r + 3 * a[2]);
  for (auto d : s.prior.dihedrals)
    s.prior.mean[k++] = bead_dihedral(r + 3 * d[0], r + 3 * d[1], r + 3 * d[2], r + 3 * d[3]);
  s.prior.precision.assign(np * np, 0.0);
  for (int i = 0; i < np; i++) {
    s.prior.precision[i * np + i] = i < 5 ? 300.0 : 60.0;
    if (i > 0) s.prior.precision[i * np + i - 1] = s.prior.precision[(i - 1) * np + i] = 4.0;
  }
  s.prior.sigma = {2.2, 2.6, 2.2, 2.2, 2.4};
  s.training = R"({"frames":0,"note":"random weights for tests"})";
  return s;
}

}    // namespace cgnet_support

#endif

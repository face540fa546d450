/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TEST_SUPPORT_H
#define BACKMAP_TEST_SUPPORT_H

// A small random flow of alanine dipeptide (22 atoms, 6 beads, 3 methyl rotors) and configurations
// near a plausible structure. Nothing here is trained; everything follows from seeds.

#include "flow/flow_spec.h"
#include "flow/internal_coords.h"

#include <array>
#include <cmath>
#include <random>
#include <string>
#include <vector>

namespace BACKMAP_NS {
namespace test {

struct FlowShape {
  int hidden = 16;
  int bins = 8, circular_bins = 6;
  int couplings = 4;
  double bound = 3.0;
  double strength = 0.5;        // of the random weights: 0 makes the flow the identity
  bool free_torsion = false;    // one heavy-atom torsion is circular
};

/// Beads C, N, CA, CB, C, N of alanine dipeptide.
inline std::vector<int> ala2_beads()
{
  return {4, 6, 8, 10, 14, 16};
}

inline std::vector<std::array<int, 4>> ala2_zmatrix()
{
  return {{{1, 4, 6, 8}},    {{5, 4, 6, 1}},     {{7, 6, 8, 4}},     {{9, 8, 6, 14}},
          {{15, 14, 16, 8}}, {{18, 16, 14, 8}},  {{17, 16, 18, 14}}, {{0, 1, 4, 6}},
          {{2, 1, 4, 0}},    {{3, 1, 4, 0}},     {{11, 10, 8, 6}},   {{12, 10, 8, 11}},
          {{13, 10, 8, 11}}, {{19, 18, 16, 14}}, {{20, 18, 16, 19}}, {{21, 18, 16, 19}}};
}

/// Bead positions of an extended conformation, every bond about 1.5 A, slightly varied by `seed`.
inline std::vector<double> ala2_bead_positions(unsigned seed)
{
  std::vector<double> z = {0.00, 0.00, 0.00, 1.33, 0.10, 0.00,  2.10, 1.32, 0.10,
                           1.75, 2.20, 1.30, 3.60, 1.05, -0.20, 4.45, 2.05, 0.05};
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0.0, 0.08);
  for (auto &v : z) v += normal(random);
  return z;
}

inline FlowSpec::Layer random_layer(std::mt19937_64 &random, int nout, int nin, double weight,
                                    double bias)
{
  std::normal_distribution<double> normal;
  FlowSpec::Layer layer;
  layer.nout = nout;
  layer.nin = nin;
  for (int i = 0; i < nout * nin; i++)
    layer.weight.push_back((double) (float) (weight / std::sqrt(nin + 1.0) * normal(random)));
  for (int i = 0; i < nout; i++) layer.bias.push_back((double) (float) (bias * normal(random)));
  return layer;
}

inline FlowSpec random_flow(unsigned seed, const FlowShape &shape = FlowShape())
{
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  FlowSpec s;
  s.molecule = "alanine dipeptide";
  s.temperature = 300.0;
  s.natoms = 22;
  for (int i = 0; i < s.natoms; i++) {
    s.masses.push_back(12.0);
    s.types.push_back(1 + i % 9);
    s.charges.push_back(0.0);
  }
  const char *names[] = {"C", "N", "CA", "CB", "C", "N"};
  for (int i = 0; i < 6; i++) s.beads.push_back({names[i], {ala2_beads()[i]}, {1.0}});
  s.features = derive_features(6, {{{0, 1}}, {{1, 2}}, {{2, 3}}, {{2, 4}}, {{4, 5}}});
  s.zmatrix = ala2_zmatrix();
  for (const auto &row : s.zmatrix) s.bonds.push_back({{row[0], row[1]}});
  s.rotors = {{{7, 8, 9}, 1}, {{10, 11, 12}, 1}, {{13, 14, 15}, -1}};
  const int n = s.nrows();
  if (shape.free_torsion) s.circular = {2 * n + 1};
  s.linear = s.derive_linear();

  s.hidden = shape.hidden;
  s.bins = shape.bins;
  s.circular_bins = shape.circular_bins;
  s.bound = shape.bound;
  const int nl = s.nl(), nc = s.nc(), nf = s.nf(), h = s.hidden;

  // bonds 1.1 to 1.5 A, angles near 110 degrees, torsions anywhere, small correlated widths

  for (const int slot : s.linear) {
    if (slot < n)
      s.linear_mean.push_back(slot < 7 ? 1.4 : 1.09);
    else if (slot < 2 * n)
      s.linear_mean.push_back(1.95);
    else
      s.linear_mean.push_back(wrap(0.9 * (slot - 2 * n)));
  }
  for (const auto &rotor : s.rotors)
    for (std::size_t j = 1; j < rotor.rows.size(); j++)
      for (int i = 0; i < nl; i++)
        if (s.linear[i] == 2 * n + rotor.rows[j])
          s.linear_mean[i] = wrap(rotor.sign * 2.0 * BACKMAP_PI * j / 3.0 + 0.02);
  s.linear_chol.assign(nl * nl, 0.0);
  for (int i = 0; i < nl; i++) {
    const double width = s.linear[i] < n ? 0.02 : (s.linear[i] < 2 * n ? 0.03 : 0.05);
    for (int j = 0; j < i; j++) s.linear_chol[i * nl + j] = 0.1 * width * normal(random);
    s.linear_chol[i * nl + i] = width;
  }
  for (int i = 0; i < nf; i++) {
    s.feature_mean.push_back(i < 15 ? 3.0 : 0.5);
    s.feature_std.push_back(0.7 + 0.01 * i);
  }

  const double a = shape.strength;
  s.affine[0] = random_layer(random, h, nf, a, 0.1 * a);
  s.affine[1] = random_layer(random, h, h, a, 0.1 * a);
  s.affine[2] = random_layer(random, 2 * nl, h, 0.5 * a, 0.1 * a);
  for (int k = 0; k < shape.couplings; k++) {
    FlowSpec::Coupling c;
    for (int i = 0; i < nl; i++)
      if ((i * 7 + k / 2) % 2 == k % 2) c.linear_id.push_back(i);
    if (k % 4 == 1)
      for (int i = 0; i < nc; i++) c.circular_id.push_back(i);
    if (k % 4 == 2) c.circular_id = {0};
    c.in =
        random_layer(random, h, (int) (c.linear_id.size() + 4 * c.circular_id.size()), a, 0.1 * a);
    c.cond = random_layer(random, h, nf, a, 0.0).weight;
    c.hidden = random_layer(random, h, h, 1.5 * a, 0.1 * a);
    c.out = random_layer(random, s.outputs(c), h, 1.5 * a, 0.3 * a);
    s.couplings.push_back(c);
  }
  s.validate("test flow");
  return s;
}

/// Networks of the shapes of a prepared flow, of all kinds if it is composed; strength 0: the identity.
inline void random_networks(FlowSpec &spec, double strength, unsigned seed = 7)
{
  spec.temperature = 300.0;
  for (auto &kind : spec.kinds) random_networks(kind, strength, ++seed);
  if (spec.composed()) return;
  std::mt19937_64 random(seed);
  const int h = spec.hidden, nl = spec.nl(), nf = spec.nf();
  spec.affine[0] = random_layer(random, h, nf, strength, 0.1 * strength);
  spec.affine[1] = random_layer(random, h, h, strength, 0.1 * strength);
  spec.affine[2] = random_layer(random, 2 * nl, h, 0.3 * strength, 0.1 * strength);
  for (auto &c : spec.couplings) {
    c.in = random_layer(random, h, (int) (c.linear_id.size() + 4 * c.circular_id.size()), strength,
                        0.1 * strength);
    c.cond = random_layer(random, h, nf, strength, 0.0).weight;
    c.hidden = random_layer(random, h, h, strength, 0.1 * strength);
    c.out = random_layer(random, spec.outputs(c), h, strength, 0.1 * strength);
  }
}

}    // namespace test
}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Chains of united atoms, each of them a bead, and CG models composed of their windows.

#ifndef BACKMAP_WINDOWS_SUPPORT_H
#define BACKMAP_WINDOWS_SUPPORT_H

#include "cgnet_support.h"
#include "molecule/bead_windows.h"
#include "molecule/geometry.h"
#include "training/cgnet_windows.h"
#include "training/train_test_support.h"

#include <numeric>
#include <string>
#include <vector>

namespace windows_support {

using namespace BACKMAP_NS;
using cgnet_support::Numbers;

struct Chain {
  Topology t;
  Mapping m;

  /// Atoms by their letters (C N O S), one after another; bead b is atom order[b].
  explicit Chain(const std::string &letters, std::vector<int> order = {})
  {
    t.natoms = (int) letters.size();
    if (order.empty()) {
      order.resize(letters.size());
      std::iota(order.begin(), order.end(), 0);
    }
    for (int i = 0; i < t.natoms; i++) {
      const char c = letters[i];
      t.masses.push_back(c == 'O' ? 15.999 : (c == 'N' ? 14.007 : (c == 'S' ? 32.06 : 12.011)));
      t.types.push_back(c == 'C' ? 1 : 2);
      t.charges.push_back(0.0);
      if (i > 0) {
        t.bonds.push_back({i - 1, i});
        t.bond_types.push_back(1);
      }
    }
    m.molecule = "chain of " + std::to_string(t.natoms);
    for (const int a : order) m.beads.push_back({std::string(1, letters[a]), {a}, {1.0}});
  }

  /// One configuration: bonds 1.5, angles 112 degrees with this noise, the given torsions.
  std::vector<double> place(const std::vector<double> &torsions, Numbers &random,
                            double noise = 0.0) const
  {
    std::vector<Vec3<double>> p = {{0.0, 0.0, 0.0}};
    for (int i = 1; i < t.natoms; i++) {
      const double r = 1.5 + 0.05 * noise * random.normal();
      const double a = (112.0 + 5.0 * noise * random.normal()) * BACKMAP_PI / 180.0;
      const double d = i > 2 ? torsions[i - 3] : 0.0;
      const Vec3<double> before = i > 1 ? p[i - 2] : Vec3<double>{1.0, 1.0, 0.0},
                         third = i > 2 ? p[i - 3] : Vec3<double>{0.0, 2.0, 0.3};
      p.push_back(BACKMAP_NS::place(p[i - 1], before, third, r, std::sin(a), std::cos(a),
                                    std::sin(d), std::cos(d)));
    }
    std::vector<double> x;
    for (const auto &v : p) x.insert(x.end(), {v.x, v.y, v.z});
    return x;
  }

  /// Beads four or more bonds apart do not overlap.
  bool apart(const std::vector<double> &x) const
  {
    for (int i = 0; i < t.natoms; i++)
      for (int j = 0; j + 4 <= i; j++)
        if (bead_distance(&x[3 * i], &x[3 * j]) < 2.6) return false;
    return true;
  }

  /// n configurations with torsions beyond 60 degrees.
  std::vector<double> configurations(int n, std::uint64_t seed, double noise = 1.0) const
  {
    Numbers random(seed);
    std::vector<double> x;
    for (int k = 0; k < n;) {
      std::vector<double> torsions;
      for (int i = 3; i < t.natoms; i++) {
        const double d = (60.0 + 240.0 * random.uniform()) * BACKMAP_PI / 180.0;
        torsions.push_back(d);
      }
      const auto one = place(torsions, random, noise);
      if (!apart(one)) continue;
      k++;
      x.insert(x.end(), one.begin(), one.end());
    }
    return x;
  }

  std::vector<double> straight() const
  {
    Numbers random(1);
    return place(std::vector<double>(t.natoms, BACKMAP_PI), random);
  }

  std::vector<double> beads(const std::vector<double> &x) const
  {
    std::vector<double> z(x.size());
    for (std::size_t i = 0; i < x.size(); i += 3 * t.natoms) m.apply(&x[i], &z[i]);
    return z;
  }

  BeadWindows windows(int reach = 3) const { return BeadWindows::derive(t, m, straight(), reach); }
};

/// Random weights, as in make_cgnet().
inline void randomise(CgnetSpec &spec, std::uint64_t seed = 5)
{
  Numbers random(seed);
  for (int k = 0; k < spec.npieces(); k++)
    for (auto &l : spec.piece(k).layers) {
      const double scale = 1.3 / std::sqrt((double) l.in);
      for (double &w : l.weight) w = std::round(scale * random.normal() * 4096.0) / 4096.0;
      for (double &b : l.bias) b = std::round(0.2 * random.normal() * 4096.0) / 4096.0;
    }
}

inline CgnetSpec compose(const Chain &c, const std::vector<int> &hidden = {16, 12}, int reach = 3)
{
  auto spec = compose_cgnet(c.t, c.m, c.windows(reach), "real", 300.0, hidden,
                            c.beads(c.configurations(300, 17)));
  randomise(spec);
  return spec;
}

/// The six beads of make_cgnet() as a sum of windows.
inline CgnetSpec dipeptide()
{
  const std::string data = BACKMAP_TEST_DATA "/ala2/";
  const auto t = train_test::data_topology(data + "ala2.data");
  auto m = train_test::make_map({4, 6, 8, 10, 14, 16});
  const char *names[6] = {"C", "N", "CA", "CB", "C", "N"};
  for (int b = 0; b < 6; b++) m.beads[b].name = names[b];
  const auto x = train_test::oracle_frames(data + "oracle_vacuum.xyz", 1);
  auto spec = compose_cgnet(t, m, BeadWindows::derive(t, m, x), "real", 300.0, {16, 12},
                            cgnet_support::configurations(400, 99));
  randomise(spec);
  return spec;
}

}    // namespace windows_support

#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The Z-matrix of any molecule from its bonds, the classes of torsions from data, and whether the flow
// built on it gives frames back.

#include "flow/internal_coords.h"
#include "training/flow_data.h"
#include "training/frames.h"
#include "training/train_test_support.h"
#include "training/zmatrix.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <set>

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

/// Every atom that is no bead is placed once, against three different atoms that are there, the first bonded.
void expect_buildable(const Topology &t, const Mapping &m, const ZMatrix &z)
{
  const auto near = t.neighbors();
  std::set<int> there;
  for (const auto &b : m.beads) there.insert(b.atoms[0]);
  EXPECT_EQ(z.rows.size() + there.size(), (size_t) t.natoms);
  for (const auto &r : z.rows) {
    EXPECT_EQ(there.count(r[0]), 0u) << "atom " << r[0] << " twice";
    for (int k = 1; k < 4; k++) {
      EXPECT_EQ(there.count(r[k]), 1u) << "reference of atom " << r[0];
      for (int l = 0; l < k; l++) EXPECT_NE(r[k], r[l]) << "atom " << r[0];
    }
    EXPECT_EQ(std::count(near[r[0]].begin(), near[r[0]].end(), r[1]), 1) << "atom " << r[0];
    there.insert(r[0]);
  }
  for (const auto &rotor : z.rotors) {
    const auto &first = z.rows[rotor.rows[0]];
    for (size_t j = 1; j < rotor.rows.size(); j++) {
      const auto &row = z.rows[rotor.rows[j]];
      EXPECT_EQ(row[1], first[1]);
      EXPECT_EQ(row[2], first[2]);
      EXPECT_EQ(row[3], first[0]);
    }
  }
}

ZMatrix derive(const Topology &t, const Mapping &m)
{
  ZMatrix z = derive_zmatrix(t, m);
  expect_buildable(t, m, z);
  return z;
}

}    // namespace

TEST(ZMatrix, alanine_dipeptide_with_6_5_and_10_beads)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  for (const auto &beads : std::vector<std::vector<int>>{
           {4, 6, 8, 10, 14, 16}, {4, 6, 8, 14, 16}, {1, 4, 5, 6, 8, 10, 14, 15, 16, 18}}) {
    const ZMatrix z = derive(t, make_map(beads));
    ASSERT_EQ(z.rotors.size(), 3u);
    for (const auto &r : z.rotors) EXPECT_EQ(r.rows.size(), 3u);
  }
  // the carbonyl O is placed against its siblings, the first methyl over omega
  const ZMatrix z = derive(t, make_map({4, 6, 8, 10, 14, 16}));
  for (const auto &r : z.rows) {
    if (r[0] == 5) { EXPECT_EQ(r, (std::array<int, 4>{5, 4, 6, 1})); }
    if (r[0] == 1) { EXPECT_EQ(r, (std::array<int, 4>{1, 4, 6, 8})); }
    if (r[0] == 9) {    // H alpha: one of three neighbors of CA
      EXPECT_EQ(r[1], 8);
    }
  }
}

TEST(ZMatrix, repeated_residues)
{
  const Topology t = data_topology(data + "/ala3/ala3.data");
  std::vector<int> beads;    // heavy atoms with three and more neighbors: C, CA, and N between them
  const auto near = t.neighbors();
  for (int i = 0; i < t.natoms; i++)
    if (t.masses[i] > 2.0 && near[i].size() >= 3 &&
        std::count_if(near[i].begin(), near[i].end(), [&](int j) { return t.masses[j] > 2.0; }) >=
            2)
      beads.push_back(i);
  ASSERT_GE(beads.size(), 8u);
  const ZMatrix z = derive(t, make_map(beads));
  EXPECT_EQ(z.rotors.size(), 5u);    // three CB and the caps
}

TEST(ZMatrix, ring_with_beads_apart)
{
  // benzene, every second carbon a bead: the others close gaps and are held by both neighbors
  std::vector<std::array<int, 2>> bonds;
  std::vector<int> h;
  for (int i = 0; i < 6; i++) {
    bonds.push_back({i, (i + 1) % 6});
    bonds.push_back({i, 6 + i});
    h.push_back(6 + i);
  }
  const Topology t = make_topology(12, bonds, h);
  const ZMatrix z = derive(t, make_map({0, 2, 4}));
  EXPECT_TRUE(z.rotors.empty());
  for (const auto &r : z.rows)
    if (r[0] < 6) {
      const std::set<int> held = {r[1], r[2]};
      EXPECT_EQ(held, (std::set<int>{(r[0] + 1) % 6, (r[0] + 5) % 6}));
    }
}

TEST(ZMatrix, proline_like_ring_on_a_chain)
{
  // chain 0-1-2-3 of beads with the ring 1-4-5-6-2 beside it, two hydrogens on 4, 5, 6 each
  const Topology t = make_topology(13,
                                   {{0, 1},
                                    {1, 2},
                                    {2, 3},
                                    {1, 4},
                                    {4, 5},
                                    {5, 6},
                                    {6, 2},
                                    {4, 7},
                                    {4, 8},
                                    {5, 9},
                                    {5, 10},
                                    {6, 11},
                                    {6, 12}},
                                   {7, 8, 9, 10, 11, 12});
  const ZMatrix z = derive(t, make_map({0, 1, 2, 3}));
  EXPECT_TRUE(z.rotors.empty()) << "the hydrogens of a ring do not turn";
}

TEST(ZMatrix, groups_of_two_and_three_equivalent_ends)
{
  // H3C-C-C-NH2 with a hydroxyl: 0 CH3, 1, 2 beads ...
  Topology t = make_topology(
      12,
      {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {0, 5}, {0, 6}, {0, 7}, {4, 8}, {4, 9}, {2, 10}, {10, 11}},
      {5, 6, 7, 8, 9, 11});
  const Mapping m = make_map({1, 2, 3});
  ZMatrix z = derive(t, m);
  ASSERT_EQ(z.rotors.size(), 2u);
  std::multiset<size_t> sizes;
  for (const auto &r : z.rotors) sizes.insert(r.rows.size());
  EXPECT_EQ(sizes, (std::multiset<size_t>{2, 3}));
  t.charges[6] = 0.1;    // no longer equivalent
  z = derive(t, m);
  EXPECT_EQ(z.rotors.size(), 1u);
}

TEST(ZMatrix, refuses_what_cannot_be_built)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  auto message = [&](const Topology &top, const Mapping &m) {
    try {
      derive_zmatrix(top, m);
    } catch (const std::runtime_error &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(message(t, make_map({4, 6})).find("at least 3"), std::string::npos);
  Mapping groups = make_map({4, 6, 8});
  groups.beads[0] = {"CO", {4, 5}, {0.5, 0.5}};
  EXPECT_NE(message(t, groups).find("frames are needed"), std::string::npos);
  const Topology apart = make_topology(5, {{0, 1}, {1, 2}, {3, 4}}, {});
  EXPECT_NE(message(apart, make_map({0, 1, 2})).find("no bond leads"), std::string::npos);
}

TEST(Torsions, narrow_circular_and_rare_branches)
{
  // one torsion near 180 degrees with a rare flip, one free, one near 0
  ZMatrix z;
  z.rows = {{3, 2, 1, 0}, {4, 2, 1, 0}, {5, 2, 1, 0}};
  const int n = 5000;
  std::mt19937 gen(3);
  std::normal_distribution<double> g(0.0, 0.15);
  std::uniform_real_distribution<double> u(-M_PI, M_PI);
  std::vector<double> p;
  for (int i = 0; i < n; i++) {
    p.push_back(wrap_angle(M_PI + g(gen) + (i % 1000 == 7 ? M_PI : 0.0)));
    p.push_back(u(gen));
    p.push_back(g(gen));
  }
  const auto c = classify_torsions(z, n, p);
  EXPECT_EQ(c.circular, std::vector<int>({6 + 1}));
  EXPECT_NEAR(std::fabs(c.centre[0]), M_PI, 0.02);
  EXPECT_NEAR(c.centre[2], 0.0, 0.02);
  EXPECT_EQ(c.outliers[0], 5);
  EXPECT_EQ(c.outliers[2], 0);
}

TEST(Torsions, a_soft_one_of_a_body_turns)
{
  // stiff and soft, each with one frame elsewhere; outside of bodies the rare frame is left out of both
  ZMatrix z;
  z.rows = {{3, 2, 1, 0}, {4, 2, 1, 0}};
  const int n = 5000;
  std::mt19937 gen(3);
  std::normal_distribution<double> stiff(0.0, 0.15), soft(0.0, 0.45);
  std::vector<double> p;
  for (int i = 0; i < n; i++) {
    p.push_back(i == 7 ? 3.0 : stiff(gen));
    p.push_back(i == 7 ? 3.0 : std::max(-1.3, std::min(1.3, soft(gen))));
  }
  EXPECT_TRUE(classify_torsions(z, n, p).circular.empty());
  z.body_rows = 2;
  const auto c = classify_torsions(z, n, p);
  EXPECT_EQ(c.circular, std::vector<int>({4 + 1}));
  EXPECT_EQ(c.outliers, std::vector<int>({1, 0}));
}

TEST(FlowData, gives_oracle_frames_back)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const Mapping m = make_map({4, 6, 8, 10, 14, 16});
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  const auto x = noisy(oracle, 10, 0.01, 1);
  const int n = x.size() / 66;
  const FlowData d = prepare_flow(t, m, FlowDesign(), n, x.data(), std::vector<char>(n, 0));
  EXPECT_EQ(d.train, std::vector<char>(n, 1));
  const FlowFrames rows = flow_rows(d.spec, x.data(), marked(d.train)).at(0);
  EXPECT_EQ(rows.n, n);
  EXPECT_EQ(d.spec.nl(), 45);
  EXPECT_EQ(d.spec.nc(), 3);
  for (const auto &r : d.spec.rotors) EXPECT_EQ(std::abs(r.sign), 1);

  // whitened: mean 0, unit covariance
  for (int j = 0; j < d.spec.nl(); j++) {
    double s = 0.0, s2 = 0.0;
    for (int i = 0; i < n; i++) {
      const double v = rows.l[i * d.spec.nl() + j];
      s += v / n;
      s2 += v * v / n;
    }
    EXPECT_NEAR(s, 0.0, 1e-3) << j;
    EXPECT_NEAR(s2, 1.0, 1e-3) << j;
  }

  // x -> variables -> x, up to the labels of the methyl hydrogens: one of the 27 relabellings is exact
  const InternalCoords coords(d.spec);
  std::vector<double> l(45), c(3), back(66);
  for (int i = 0; i < 44; i++) {
    const double *xi = &oracle[66 * i];
    double logdet, logdet2;
    ASSERT_TRUE(coords.to_internal(xi, l.data(), c.data(), &logdet)) << i;
    coords.whiten(l.data());
    double best = 1e9;
    for (int s = 0; s < 27; s++) {
      const int shift[3] = {s % 3, (s / 3) % 3, s / 9};
      std::fill(back.begin(), back.end(), 0.0);
      for (const auto &b : m.beads) std::copy_n(xi + 3 * b.atoms[0], 3, &back[3 * b.atoms[0]]);
      ASSERT_TRUE(coords.from_internal(l.data(), c.data(), shift, back.data(), &logdet2));
      double worst = 0.0;
      for (int k = 0; k < 66; k++) worst = std::max(worst, std::fabs(back[k] - xi[k]));
      best = std::min(best, worst);
    }
    EXPECT_LT(best, 1e-9) << "frame " << i;
    EXPECT_NEAR(logdet, logdet2, 1e-9) << "frame " << i;
  }
}

TEST(FlowData, refuses_constrained_molecules_and_too_few_frames)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const Mapping m = make_map({4, 6, 8, 10, 14, 16});
  const auto one = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 1);
  const auto same = noisy(one, 200, 0.0, 1);
  auto message = [&](const std::vector<double> &x) {
    try {
      const int n = x.size() / 66;
      prepare_flow(t, m, FlowDesign(), n, x.data(), std::vector<char>(n, 0));
    } catch (const std::runtime_error &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_NE(message(same).find("constant length"), std::string::npos);
  EXPECT_NE(message(one).find("at least 100"), std::string::npos);
}

TEST(FlowData, validation_is_the_end_of_each_series)
{
  const std::vector<int> block = {0, 0, 0, 0, 1, 1, 1, 1}, file = {0, 0, 1, 1, 0, 0, 0, 0};
  EXPECT_EQ(validation_tail(block, file, 0.5), std::vector<char>({0, 1, 0, 1, 0, 0, 1, 1}));
}

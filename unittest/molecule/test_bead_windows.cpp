/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Windows of beads: which beads, which kinds, and that neither IDs nor the order of beads matter.

#include "error_of.h"
#include "molecule/bead_windows.h"
#include "molecule_builder.h"

#include <gtest/gtest.h>

#include <set>

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

std::multiset<std::string> signatures(const BeadWindows &w)
{
  std::multiset<std::string> out;
  for (const auto &one : w.windows) out.insert(w.kinds[one.kind].signature);
  return out;
}

BeadWindows derive(const Molecule &m, int reach = 3)
{
  return BeadWindows::derive(m.t, m.map(), m.x, reach);
}

// atoms of the beads of the windows in each order
std::set<std::vector<int>> orders(const BeadWindows &w, const Molecule &m)
{
  std::set<std::vector<int>> out;
  for (const auto &one : w.windows)
    for (auto order : one.orders) {
      for (int &b : order) b = m.beads[b];
      out.insert(order);
    }
  return out;
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "no error");
}

}    // namespace

TEST(BeadWindows, peptide)
{
  const Molecule m = peptide({"ALA", "ALA", "ALA"});
  const auto w = derive(m);
  ASSERT_EQ(m.beads.size(), 14u);
  EXPECT_EQ(w.bonds.size(), 13u);
  EXPECT_EQ(w.windows.size(), 9u);    // of N, CA and C of each residue
  for (const auto &one : w.windows) {
    EXPECT_EQ(one.orders.size(), 1u);
    EXPECT_GE(one.orders[0].size(), 6u);
    EXPECT_LE(one.orders[0].size(), 9u);
  }
  // the window of the second CA: CA C N CA(CB) C N CA
  const auto &middle = w.windows[4];
  EXPECT_EQ(m.names[m.beads[middle.orders[0][0]]], "CA");
  EXPECT_EQ(middle.orders[0].size(), 8u);
  EXPECT_EQ(w.kinds[middle.kind].bonds.size(), 7u);
  EXPECT_NE(w.kinds[middle.kind].signature.find("hands"), std::string::npos);
}

TEST(BeadWindows, longer_chains_have_the_kinds_of_shorter_ones)
{
  const auto kinds = [](const Molecule &m) {
    const auto all = signatures(derive(m));
    return std::set<std::string>(all.begin(), all.end());
  };
  const auto seven = kinds(peptide(std::vector<std::string>(7, "ALA")));
  const auto four = kinds(peptide(std::vector<std::string>(4, "ALA")));
  EXPECT_EQ(four, seven);
  EXPECT_NE(kinds(peptide({"ALA", "ALA"})), seven);    // the middle of a chain is not in it
  const auto other = kinds(peptide({"ALA", "ALA", "LEU", "ALA", "ALA"}));
  EXPECT_FALSE(std::includes(four.begin(), four.end(), other.begin(), other.end()));
}

TEST(BeadWindows, neither_ids_nor_the_order_of_beads_matter)
{
  for (const Molecule &m :
       {peptide({"ALA", "LEU", "GLY", "PHE"}), poly_ethylene_oxide(4), poly_ethylene_oxide(6, 3)}) {
    const auto w = derive(m);
    for (int seed = 1; seed < 6; seed++) {
      const auto to = m.shuffle(seed);
      Molecule other = m.renumbered(to);
      std::mt19937 gen(seed);
      std::shuffle(other.beads.begin(), other.beads.end(), gen);
      const auto v = derive(other);
      EXPECT_EQ(signatures(v), signatures(w));
      std::set<std::vector<int>> expected;
      for (auto order : orders(w, m)) {
        for (int &a : order) a = to[a];
        expected.insert(order);
      }
      EXPECT_EQ(orders(v, other), expected);
    }
  }
}

TEST(BeadWindows, every_symmetry_is_an_order)
{
  const auto w = derive(poly_ethylene_oxide(6));    // C O C C O C C O ...
  std::multiset<std::size_t> count;
  for (const auto &one : w.windows) count.insert(one.orders.size());
  EXPECT_EQ(count.count(1) + count.count(2), w.windows.size());
  EXPECT_GE(count.count(2), 4u);    // those of oxygen read the same backwards
  for (const auto &one : w.windows)
    for (const auto &order : one.orders) EXPECT_EQ(order[0], one.orders[0][0]);    // the centre
}

TEST(BeadWindows, mirror_images_are_different_kinds)
{
  const Molecule m = peptide({"ALA", "ALA"});
  const auto mine = signatures(derive(m)), mirrored = signatures(derive(m.mirrored()));
  for (const auto &s : mine) EXPECT_EQ(mirrored.count(s), 0u) << s;
  const Molecule flat = peptide({"GLY", "GLY"});
  EXPECT_EQ(signatures(derive(flat)), signatures(derive(flat.mirrored())));

  // also where the side chain is no bead, and where beads are residues
  Molecule bare = m;
  bare.beads.clear();
  for (int i = 0; i < m.t.natoms; i++)
    if (m.names[i] == "N" || m.names[i] == "CA" || m.names[i] == "C") bare.beads.push_back(i);
  const auto left = signatures(derive(bare)), right = signatures(derive(bare.mirrored()));
  for (const auto &s : left) EXPECT_EQ(right.count(s), 0u) << s;
}

TEST(BeadWindows, rings_and_branches)
{
  // beads N, CB, C about a carbon that is none: bonded to each other, in any order
  Molecule m = peptide({"ALA", "ALA"});
  m.beads.clear();
  for (int i = 0; i < m.t.natoms; i++)
    if (m.names[i] == "N" || m.names[i] == "CB" || m.names[i] == "C") m.beads.push_back(i);
  const auto w = derive(m);
  EXPECT_EQ(w.bonds.size(), 9u);    // two triangles, three peptide bonds
  Molecule other = m;
  std::reverse(other.beads.begin(), other.beads.end());
  EXPECT_EQ(signatures(derive(other)), signatures(w));
}

TEST(BeadWindows, errors)
{
  const Molecule m = peptide({"ALA"});
  auto x = m.x;
  x.pop_back();
  EXPECT_NE(error_of([&] { BeadWindows::derive(m.t, m.map(), x); }).find("reference coordinates"),
            std::string::npos);
  Molecule one = m;
  one.beads.resize(1);
  EXPECT_NE(error_of([&] { derive(one); }).find("has no bond to another bead"), std::string::npos);
  Molecule apart = m;
  apart.t.natoms++;
  apart.t.masses.push_back(1.0);
  apart.t.types.push_back(1);
  apart.t.charges.push_back(0.0);
  apart.x.insert(apart.x.end(), {9.0, 9.0, 9.0});
  EXPECT_NE(error_of([&] { derive(apart); }).find("no bond leads"), std::string::npos);
}

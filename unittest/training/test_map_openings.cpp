/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What a map leaves open: torsions, rotors and rings of molecules where they can be counted by
// hand.

#include "training/map_openings.h"

#include "molecule/map_proposal.h"
#include "molecule/molecule_builder.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

MapOpenings openings(const Molecule &m, const Mapping &map)
{
  return MapOpenings(m.t, map, m.x);
}

void expect_part(const MapOpenings::Part &p, int atoms, int torsions, int heavy, int rotors,
                 int rings)
{
  EXPECT_EQ(p.atoms, atoms) << p.name;
  EXPECT_EQ(p.torsions, torsions) << p.name;
  EXPECT_EQ((int) p.dividing.size(), heavy) << p.name;
  EXPECT_EQ(p.rotors, rotors) << p.name;
  EXPECT_EQ(p.rings, rings) << p.name;
}

}    // namespace

TEST(MapOpenings, alanine_leaves_rotors_only)
{
  const Molecule m = peptide({"ALA"});
  const auto o = openings(m, m.map());
  ASSERT_EQ(o.parts.size(), 3u);
  expect_part(o.parts[0], 5, 0, 0, 1, 0);
  expect_part(o.parts[1], 6, 0, 0, 1, 0);
  expect_part(o.parts[2], 5, 0, 0, 1, 0);
  EXPECT_EQ(o.advice(), "");
}

TEST(MapOpenings, side_chains)
{
  const Molecule m = peptide({"LEU", "PHE"});
  const auto o = openings(m, m.map());
  ASSERT_EQ(o.parts.size(), 4u);
  expect_part(o.parts[1], 14, 1, 1, 2, 0);
  expect_part(o.parts[2], 15, 1, 1, 0, 1);

  // without the beads at CG there is one more torsion each, and the advice is to take them
  Molecule fewer = m;
  std::vector<int> cg;
  fewer.beads.clear();
  for (const int b : m.beads)
    if (m.names[b] == "CG")
      cg.push_back(b);
    else
      fewer.beads.push_back(b);
  const auto more = openings(fewer, fewer.map());
  expect_part(more.parts[1], 15, 2, 2, 2, 0);
  expect_part(more.parts[2], 16, 2, 2, 0, 1);
  for (const int b : cg) {
    const std::string named = "(atom " + std::to_string(b + 1) + " of ";
    EXPECT_NE(more.advice().find(named), std::string::npos) << more.advice();
    EXPECT_EQ(o.advice().find(named), std::string::npos) << o.advice();
  }
}

TEST(MapOpenings, hydroxyl_turns_no_heavy_atom)
{
  Molecule m = chain("CCCO", 1);    // propanol, all heavy atoms are beads
  m.add("HO", 0.4, 3, 2, 1, 0.96, 109, 180);
  const auto o = openings(m, m.map());
  ASSERT_EQ(o.parts.size(), 1u);
  expect_part(o.parts[0], 8, 1, 0, 1, 0);
  EXPECT_EQ(o.advice(), "");
}

TEST(MapOpenings, gaps_between_beads)
{
  const Molecule m = poly_ethylene_oxide(6, 3, 1);
  const auto o = openings(m, m.map());
  int torsions = 0;
  for (const auto &p : o.parts) torsions += (int) p.dividing.size();
  EXPECT_GE(torsions, 6) << "one each at least";
  EXPECT_NE(o.advice().find(" more; a bead"), std::string::npos) << o.advice();
  const auto all = openings(m, propose_map(m.t, {}));
  for (const auto &p : all.parts) EXPECT_EQ(p.torsions, 0) << p.name;
}

TEST(MapOpenings, centres_of_mass)
{
  const Molecule m = peptide({"ALA", "PHE"});
  const auto o = openings(m, propose_map(m.t, {MapRule::Units, 1}));
  ASSERT_EQ(o.parts.size(), 4u);
  int atoms = 0, rings = 0;
  for (const auto &p : o.parts) {
    atoms += p.atoms;
    rings += p.rings;
    EXPECT_GT(p.torsions, 0) << p.name;
  }
  EXPECT_EQ(atoms, m.t.natoms);
  EXPECT_EQ(rings, 1);
  EXPECT_NE(o.advice().find("beads of one atom"), std::string::npos);
}

TEST(MapOpenings, table_has_equal_parts_once)
{
  const Molecule m = peptide({"ALA", "ALA", "ALA", "GLY"});
  const auto table = openings(m, m.map()).table();
  EXPECT_EQ(std::count(table.begin(), table.end(), '\n'), 6) << table;
  EXPECT_NE(
      table.find("  C3H5NO                    3      6         0            0       1      0\n"),
      std::string::npos)
      << table;
  EXPECT_NE(table.find("  all                       6 "), std::string::npos) << table;
}

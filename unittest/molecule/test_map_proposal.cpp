/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Proposed maps: the backbone, side chains, centres of mass; the text is read back; molecules of
// other kinds.

#include "molecule/map_proposal.h"

#include "molecule/molecule_builder.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

using Names = std::vector<std::string>;

/// Names of the atoms of each bead, one string a bead.
Names bead_atoms(const Molecule &m, const Mapping &map)
{
  Names out;
  for (const auto &bead : map.beads) {
    std::string text;
    for (const int i : bead.atoms) text += (text.empty() ? "" : " ") + m.names[i];
    out.push_back(text);
  }
  return out;
}

Names bead_names(const Mapping &map)
{
  Names out;
  for (const auto &bead : map.beads) out.push_back(bead.name);
  return out;
}

Names propose(const Molecule &m, MapRule::Sort sort, int k = 1)
{
  return bead_atoms(m, propose_map(m.t, {sort, k}));
}

/// Heavy atoms from pairs of bonds (0-based), hydrogen atoms filled up to four bonds a carbon.
Molecule skeleton(const std::string &elements, const std::vector<std::array<int, 2>> &bonds,
                  const std::vector<int> &hydrogens)
{
  Molecule m;
  for (std::size_t i = 0; i < elements.size(); i++)
    m.add(std::string(1, elements[i]) + std::to_string(i), 0.0, -1, -1, -1, 1.0, 100, 10.0 * i);
  for (const auto &b : bonds) m.bond(b[0], b[1]);
  for (std::size_t i = 0; i < elements.size(); i++)
    for (int h = 0; h < hydrogens[i]; h++)
      m.add("H" + m.names[i], 0.0, (int) i, -1, -1, 1.0, 100, 40.0 * h);
  return m;
}

}    // namespace

TEST(MapProposal, is_the_map_of_the_example)
{
  for (const std::string name : {"alanine-dipeptide/ala2", "tri-alanine/ala3"}) {
    const std::string base = name.substr(name.find('/') + 1);
    const Topology t = train_test::data_topology(std::string(BACKMAP_TEST_DATA) + "/" + base + "/" +
                                                 base + ".data");
    const std::string file = std::string(BACKMAP_EXAMPLES) + "/" + name + ".map.json";
    const Mapping known = Mapping::parse(train_test::read_file(file), t, file);
    const Mapping map = propose_map(t, {});
    EXPECT_EQ(bead_names(map), bead_names(known));
    for (int b = 0; b < map.nbeads(); b++) EXPECT_EQ(map.beads[b].atoms, known.beads[b].atoms);
  }
}

TEST(MapProposal, residues_as_centres_of_mass)
{
  const Topology t = train_test::data_topology(std::string(BACKMAP_TEST_DATA) + "/ala2/ala2.data");
  const std::string file = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/ala2.com.map.json";
  const Mapping known = Mapping::parse(train_test::read_file(file), t, file);
  const Mapping map = propose_map(t, {MapRule::Units, 1});
  ASSERT_EQ(map.nbeads(), 3);
  for (int b = 0; b < 3; b++) {
    EXPECT_EQ(map.beads[b].atoms, known.beads[b].atoms);
    for (std::size_t k = 0; k < known.beads[b].weights.size(); k++)
      EXPECT_DOUBLE_EQ(map.beads[b].weights[k], known.beads[b].weights[k]);
  }
  EXPECT_EQ(bead_names(map), Names({"C2H3O", "C3H5NO", "CH4N"}));
}

TEST(MapProposal, side_chains_have_two_beads)
{
  const Molecule m = peptide({"LEU", "GLY", "PHE"});
  const Mapping map = propose_map(m.t, {});
  EXPECT_EQ(
      bead_names(map),
      Names({"C", "N", "CA", "CB", "CG", "C", "N", "CA", "C", "N", "CA", "CB", "CG", "C", "N"}));
  EXPECT_EQ(bead_atoms(m, map), bead_names(map));
  // whatever the IDs, from one end or the other
  for (int seed = 1; seed < 6; seed++) {
    const Molecule other = m.renumbered(m.shuffle(seed));
    auto names = bead_names(propose_map(other.t, {}));
    if (names[1] == "N" && names[2] == "C") std::reverse(names.begin(), names.end());
    EXPECT_EQ(std::count(names.begin(), names.end(), "CA"), 3);
    EXPECT_EQ(std::count(names.begin(), names.end(), "CB"), 2);
    EXPECT_EQ(std::count(names.begin(), names.end(), "CG"), 2);
    EXPECT_EQ(names.size(), 15u);
  }
}

// A side chain longer than the backbone, with an oxygen and a nitrogen at its end (glutamine), must
// not be taken for it.

TEST(MapProposal, long_side_chain_is_no_backbone)
{
  //                     0 1 2 3 4 5 6 7 8 9 10 11 12 13
  // CH3-C(=O)-N-CA(-C-C-C(=O)-N)-C(=O)-N-CH3
  const Molecule m = skeleton("CCONCCCCONCONC",
                              {{0, 1},
                               {1, 2},
                               {1, 3},
                               {3, 4},
                               {4, 5},
                               {5, 6},
                               {6, 7},
                               {7, 8},
                               {7, 9},
                               {4, 10},
                               {10, 11},
                               {10, 12},
                               {12, 13}},
                              {3, 0, 0, 1, 1, 2, 2, 0, 0, 2, 0, 0, 1, 3});
  EXPECT_EQ(propose(m, MapRule::Backbone), Names({"C1", "N3", "C4", "C5", "C6", "C10", "N12"}));
}

TEST(MapProposal, second_bead_is_the_heavier_or_longer_branch)
{
  // propyl-CH(X)-propyl with X: CH(CH3)(OH), CH(CH2CH3)(OH), C(CH3)3
  const std::vector<std::array<int, 2>> bonds = {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5},
                                                 {5, 6}, {3, 7}, {7, 8}, {7, 9}};
  const auto beads = [&](const std::string &side, std::vector<std::array<int, 2>> more,
                         const std::vector<int> &hydrogens) {
    more.insert(more.begin(), bonds.begin(), bonds.end());
    std::vector<int> h = {3, 2, 2, 1, 2, 2, 3};
    h.insert(h.end(), hydrogens.begin(), hydrogens.end());
    return propose(skeleton("CCCCCCC" + side, more, h), MapRule::Backbone);
  };
  EXPECT_EQ(beads("CCO", {}, {1, 3, 1}),
            Names({"C0", "C1", "C2", "C3", "C7", "O9", "C4", "C5", "C6"}));
  EXPECT_EQ(beads("CCOC", {{8, 10}}, {1, 2, 1, 3})[5], "C8") << "two atoms are more than oxygen";
  EXPECT_EQ(beads("CCCC", {{7, 10}}, {0, 3, 3, 3}),
            Names({"C0", "C1", "C2", "C3", "C7", "C4", "C5", "C6"}))
      << "tert-butyl turns as one";
}

TEST(MapProposal, polymers)
{
  const Molecule peo = poly_ethylene_oxide(3);
  EXPECT_EQ(propose(peo, MapRule::Backbone),
            Names({"C0", "O1", "C2", "C3", "O4", "C5", "C6", "O7", "C8", "C9", "O10", "C11"}));
  EXPECT_EQ(propose(peo, MapRule::Every, 3), Names({"O1", "O4", "O7", "O10"}));
  const Molecule pe = chain("CCCCCCCCC", 1);
  EXPECT_EQ(propose(pe, MapRule::Backbone).size(), 9u);
  const auto three = propose_map(pe.t, {MapRule::Centers, 3});
  EXPECT_EQ(bead_names(three), Names({"C3H7", "C3H6", "C3H7"}));
  // a rest of one atom joins, a rest of two of three is a bead
  EXPECT_EQ(bead_names(propose_map(chain("CCCCCCCCCC", 1).t, {MapRule::Centers, 3})),
            Names({"C3H7", "C3H6", "C4H9"}));
  EXPECT_EQ(propose(chain("CCCCCCCCCCC", 1), MapRule::Centers, 3).size(), 4u);
}

TEST(MapProposal, rings)
{
  // crown ether, nine heavy atoms in a ring: all of it is backbone
  std::vector<std::array<int, 2>> bonds;
  std::vector<int> h;
  for (int i = 0; i < 9; i++) {
    bonds.push_back({i, (i + 1) % 9});
    h.push_back(i % 3 ? 2 : 0);
  }
  EXPECT_EQ(propose(skeleton("OCCOCCOCC", bonds, h), MapRule::Backbone).size(), 9u);
  // CH3-C6H4-CH3: the path goes through the ring; its other side is a side chain
  const Molecule xylene =
      skeleton("CCCCCCCC", {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {4, 6}, {6, 7}, {7, 1}},
               {3, 0, 1, 1, 0, 3, 1, 1});
  const auto beads = propose(xylene, MapRule::Backbone);
  EXPECT_EQ(beads.size(), 6u);
  EXPECT_EQ(std::count(beads.begin(), beads.end(), "C0"), 0) << "held by the ring";
}

TEST(MapProposal, small_molecules_and_what_is_wrong)
{
  EXPECT_EQ(propose(chain("CCC", 1), MapRule::Backbone), Names({"C0", "C1", "C2"}));
  const auto fails = [](const Molecule &m, const MapRule &rule, const std::string &part) {
    try {
      propose_map(m.t, rule);
      FAIL() << "no error";
    } catch (const std::runtime_error &e) {
      EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    }
  };
  fails(chain("CCCC", 1), {MapRule::Every, 3}, "at least three");
  fails(chain("CCCC", 1), {MapRule::Centers, 2}, "2 beads, expected at least three");
  Molecule two = chain("CCCC", 1);
  two.t.bonds.pop_back();
  two.t.bond_types.pop_back();
  fails(two, {}, "expected one molecule");
}

TEST(MapProposal, text_is_read_back)
{
  const Molecule m = peptide({"LEU", "ALA"});
  for (const auto sort : {MapRule::Backbone, MapRule::Units}) {
    Mapping map = propose_map(m.t, {sort, 1});
    map.molecule = "a \"name\"";
    if (sort == MapRule::Backbone) {
      std::vector<char> open(m.t.natoms, 1);
      for (const auto &b : map.beads) open[b.atoms[0]] = 0;
      map.fragments = {{"one", {}}, {"two", {}}};
      for (int i = 0; i < m.t.natoms; i++)
        if (open[i]) map.fragments[i % 2].atoms.push_back(i);
    }
    const Mapping again = Mapping::parse(map_text(map), m.t, "text");
    EXPECT_EQ(again.molecule, map.molecule);
    ASSERT_EQ(again.nbeads(), map.nbeads());
    for (int b = 0; b < map.nbeads(); b++) {
      EXPECT_EQ(again.beads[b].name, map.beads[b].name);
      EXPECT_EQ(again.beads[b].atoms, map.beads[b].atoms);
      EXPECT_EQ(again.beads[b].weights, map.beads[b].weights);
    }
    ASSERT_EQ(again.fragments.size(), map.fragments.size());
    for (std::size_t f = 0; f < map.fragments.size(); f++) {
      EXPECT_EQ(again.fragments[f].name, map.fragments[f].name);
      EXPECT_EQ(again.fragments[f].atoms, map.fragments[f].atoms);
    }
  }
}

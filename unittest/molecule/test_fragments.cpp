/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Fragments: units of a molecule, stages, environments, kinds and the canonical order, whatever the
// IDs.

#include "molecule/fragments.h"

#include "molecule/canonical_order.h"
#include "molecule/elements.h"
#include "molecule/molecule_builder.h"
#include "training/zmatrix.h"

#include "gtest/gtest.h"

#include <set>

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

using Names = std::vector<std::string>;

Fragments derive(const Molecule &m, int reach = FragmentOptions::REACH)
{
  FragmentOptions options;
  options.reach = reach;
  return Fragments::derive(m.t, m.map(), m.x, options);
}

/// A LAMMPS data file with its coordinates; bead IDs from 1.
Molecule data_molecule(const std::string &name, const std::vector<int> &bead_ids)
{
  const std::string path = std::string(BACKMAP_TEST_DATA) + "/" + name;
  Molecule m;
  m.t = train_test::data_topology(path);
  m.x.resize(3 * m.t.natoms);
  m.names.resize(m.t.natoms);
  std::istringstream in(train_test::read_file(path));
  std::string line;
  while (std::getline(in, line) && line.substr(0, 5) != "Atoms") {}
  for (int found = 0; found < m.t.natoms && std::getline(in, line);) {
    std::istringstream row(line);
    int id, molecule, type;
    double q, p[3];
    std::string hash, atom;
    if (!(row >> id >> molecule >> type >> q >> p[0] >> p[1] >> p[2] >> hash >> atom)) continue;
    std::copy(p, p + 3, &m.x[3 * (id - 1)]);
    m.names[id - 1] = atom;
    found++;
  }
  for (const int id : bead_ids) m.beads.push_back(id - 1);
  return m;
}

Molecule ala2()
{
  return data_molecule("ala2/ala2.data", {5, 7, 9, 11, 15, 17});
}

Molecule ala3()
{
  return data_molecule("ala3/ala3.data", {5, 7, 9, 11, 15, 17, 19, 21, 25, 27, 29, 31, 35, 37});
}

Names names_of(const Fragments &f)
{
  Names out;
  for (const auto &one : f.fragments) out.push_back(one.name);
  return out;
}

std::vector<int> stages_of(const Fragments &f)
{
  std::vector<int> out;
  for (const auto &one : f.fragments) out.push_back(one.stage);
  return out;
}

const std::string &signature(const Fragments &f, int k)
{
  return f.kinds.at(f.fragments.at(k).kind).signature;
}

std::set<std::string> signatures(const Fragments &f)
{
  std::set<std::string> out;
  for (const auto &k : f.kinds) out.insert(k.signature);
  return out;
}

Names atom_names(const Molecule &m, const std::vector<int> &atoms)
{
  Names out;
  for (const int i : atoms) out.push_back(m.names[i]);
  std::sort(out.begin(), out.end());
  return out;
}

/// Own atoms and environment of a fragment, in canonical order.
std::vector<int> points(const Fragments::Fragment &f)
{
  auto out = f.atoms;
  out.insert(out.end(), f.environment.begin(), f.environment.end());
  return out;
}

/// Everything that must agree between two fragments of one kind, worked out from the atoms
/// themselves: elements, bonds, short distances over atoms that are here or not, and the handedness
/// of every centre with four neighbors.
std::string shape(const Molecule &m, const Fragments::Fragment &f)
{
  const auto near = m.t.neighbors();
  const auto d = m.t.bond_distances();
  const auto p = points(f);
  std::string out;
  for (int a = 0; a < (int) p.size(); a++) {
    out += element_of_mass(m.t.masses[p[a]]);
    std::vector<int> arms;
    for (int b = 0; b < (int) p.size(); b++)
      if (std::count(near[p[a]].begin(), near[p[a]].end(), p[b])) {
        out += " " + std::to_string(b);
        arms.push_back(p[b]);
      } else if (d[p[a]][p[b]] <= 3)
        out += " " + std::to_string(b) + "(" + std::to_string(d[p[a]][p[b]]) + ")";
    if (near[p[a]].size() == 4 && arms.size() >= 3)
      out += " hand " + std::to_string(m.hand(p[a], arms[0], arms[1], arms[2]));
    out += "\n";
  }
  return out;
}

void check_partition(const Molecule &m, const Fragments &f)
{
  std::vector<int> count(m.t.natoms, 0);
  for (const int b : m.beads) count[b]++;
  for (const auto &one : f.fragments)
    for (const int i : one.atoms) count[i]++;
  EXPECT_EQ(count, std::vector<int>(m.t.natoms, 1));

  const auto d = m.t.bond_distances();
  for (const auto &one : f.fragments) {
    EXPECT_GE(one.environment.size(), 3u);
    const auto &kind = f.kinds.at(one.kind);
    EXPECT_EQ(kind.natoms, (int) one.atoms.size());
    EXPECT_EQ(kind.nenvironment, (int) one.environment.size());
    const auto p = points(one);
    for (const auto &b : kind.bonds) EXPECT_EQ(d[p[b[0]]][p[b[1]]], 1);
    for (const auto &other : f.fragments) {
      if (&other == &one) continue;
      for (const int i : one.atoms)
        for (const int j : other.atoms) {
          if (d[i][j] <= 3) { EXPECT_NE(one.stage, other.stage); }
          const bool seen = std::count(one.environment.begin(), one.environment.end(), j) > 0;
          if (seen) { EXPECT_LT(other.stage, one.stage); }
          if (d[i][j] <= 3 && other.stage < one.stage) { EXPECT_TRUE(seen); }
        }
    }
  }
}

/// All fragments of one kind have one shape; the same kinds with other IDs.
void check_kinds(const Molecule &m)
{
  const Fragments f = derive(m);
  check_partition(m, f);
  std::map<std::string, std::string> shapes;
  for (const auto &one : f.fragments) {
    auto &known = shapes[f.kinds[one.kind].signature];
    if (known.empty()) known = shape(m, one);
    EXPECT_EQ(shape(m, one), known) << one.name;
  }
  for (int seed = 1; seed <= 5; seed++) {
    const auto to = m.shuffle(seed);
    const Molecule other = m.renumbered(to);
    const Fragments g = derive(other);
    EXPECT_EQ(signatures(f), signatures(g));
    ASSERT_EQ(f.fragments.size(), g.fragments.size());
    for (const auto &one : g.fragments)
      EXPECT_EQ(shape(other, one), shapes[g.kinds[one.kind].signature]) << one.name;
  }
}

void expect_error(const Molecule &m, const Mapping &map, const std::string &part)
{
  try {
    Fragments::derive(m.t, map, m.x);
    FAIL() << "no error that has " << part;
  } catch (const std::runtime_error &e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
  }
}

}    // namespace

TEST(Elements, from_masses_of_force_fields)
{
  EXPECT_EQ(element_of_mass(12.01), "C");
  EXPECT_EQ(element_of_mass(12.0), "C");
  EXPECT_EQ(element_of_mass(1.00797), "H");
  EXPECT_EQ(element_of_mass(14.01), "N");
  EXPECT_EQ(element_of_mass(14.027), "M14.0") << "a united CH2 is no nitrogen";
  EXPECT_EQ(element_of_mass(32.06), "S");
  EXPECT_FALSE(heavy_atom(3.024)) << "a hydrogen with mass from its carbon";
  EXPECT_EQ(formula({"O", "H", "H", "N", "C"}), "CH2NO");
}

TEST(Fragments, residue_and_caps_of_a_dipeptide)
{
  const Molecule m = ala2();
  const Fragments f = derive(m);
  check_partition(m, f);
  EXPECT_EQ(names_of(f), Names({"C2H3O", "C3H5NO", "CH4N"}));
  EXPECT_EQ(stages_of(f), std::vector<int>({0, 1, 0}));
  EXPECT_EQ(f.nstages, 2);
  EXPECT_EQ(f.kinds.size(), 3u);
  EXPECT_EQ(atom_names(m, f.fragments[0].atoms), Names({"CH3", "HH31", "HH32", "HH33", "O"}));
  EXPECT_EQ(atom_names(m, f.fragments[1].atoms), Names({"H", "HA", "HB1", "HB2", "HB3", "O"}));
  EXPECT_EQ(atom_names(m, f.fragments[2].atoms), Names({"CH3", "H", "HH31", "HH32", "HH33"}));
  EXPECT_EQ(atom_names(m, f.fragments[0].environment), Names({"C", "CA", "N"}));
  EXPECT_EQ(atom_names(m, f.fragments[1].environment),
            Names({"C", "C", "CA", "CB", "CH3", "CH3", "H", "N", "N", "O"}));
}

TEST(Fragments, residues_of_a_tripeptide_are_those_of_the_dipeptide)
{
  const Molecule m = ala3();
  const Fragments two = derive(ala2()), three = derive(m);
  check_partition(m, three);
  EXPECT_EQ(names_of(three), Names({"C2H3O", "C3H5NO", "C3H5NO", "C3H5NO", "CH4N"}));
  EXPECT_EQ(stages_of(three), std::vector<int>({0, 1, 0, 1, 0}));
  EXPECT_EQ(three.kinds.size(), 4u);
  EXPECT_EQ(signature(three, 0), signature(two, 0));
  EXPECT_EQ(signature(three, 1), signature(two, 1));
  EXPECT_EQ(signature(three, 3), signature(two, 1));
  EXPECT_EQ(signature(three, 4), signature(two, 2));
  EXPECT_NE(signature(three, 2), signature(two, 1)) << "nothing of its neighbors stands";
  EXPECT_EQ(shape(m, three.fragments[1]), shape(ala2(), two.fragments[1]));
  EXPECT_EQ(shape(m, three.fragments[3]), shape(ala2(), two.fragments[1]));
}

TEST(Fragments, stages_alternate)
{
  // of an even number either end may be the first, but the same one in every molecule
  const auto two = stages_of(derive(peptide({"ALA", "GLY"})));
  EXPECT_EQ(two[0] + two[1], 1);
  EXPECT_EQ(two, std::vector<int>({two[0], two[1], two[0], two[1]}));
  EXPECT_EQ(stages_of(derive(peptide({"PHE", "LEU"}))), two);
  EXPECT_EQ(stages_of(derive(peptide({"ALA", "GLY", "LEU", "LEU"}))),
            std::vector<int>({two[0], two[1], two[0], two[1], two[0], two[1]}));
  EXPECT_EQ(stages_of(derive(peptide({"LEU", "ALA", "PHE", "GLY", "ALA"}))),
            std::vector<int>({0, 1, 0, 1, 0, 1, 0}));
}

TEST(Fragments, the_odd_ones_first_give_the_other_kinds)
{
  // with reach 4 a residue sees that its neighbors go on: the second of five, drawn after them
  const Molecule five = peptide({"ALA", "GLY", "LEU", "GLY", "ALA"}),
                 three = peptide({"GLY", "LEU", "GLY"});
  FragmentOptions options;
  options.reach = 4;
  Mapping map = three.map();
  const Fragments whole = derive(five, 4), even = Fragments::derive(three.t, map, three.x, options);
  map.odd_first = true;
  const Fragments odd = Fragments::derive(three.t, map, three.x, options);
  check_partition(three, odd);
  EXPECT_EQ(stages_of(even), std::vector<int>({0, 1, 0, 1, 0}));
  EXPECT_EQ(stages_of(odd), std::vector<int>({1, 0, 1, 0, 1}));
  EXPECT_EQ(stages_of(whole)[3], 1);
  EXPECT_EQ(signatures(even).count(signature(whole, 3)), 0u);
  EXPECT_EQ(signature(odd, 2), signature(whole, 3));

  // of one fragment nothing is drawn before it
  const Molecule one = chain("CCCCCC", 1);
  map = one.map();
  map.odd_first = true;
  EXPECT_EQ(Fragments::derive(one.t, map, one.x).nstages, 1);
}

TEST(Fragments, see_more_points_the_farther_they_reach_and_stages_stay)
{
  const Molecule m = peptide(std::vector<std::string>(7, "ALA"));
  const Fragments three = derive(m), five = derive(m, 5), all = derive(m, m.t.natoms);
  EXPECT_EQ(three.reach, 3);
  EXPECT_EQ(five.reach, 5);
  EXPECT_EQ(five.nstages, three.nstages);
  for (std::size_t f = 0; f < three.fragments.size(); f++) {
    const auto &a = three.fragments[f], &b = five.fragments[f], &c = all.fragments[f];
    EXPECT_EQ(a.stage, b.stage);
    EXPECT_LT(a.environment.size(), b.environment.size());
    for (const int i : a.environment)
      EXPECT_EQ(std::count(b.environment.begin(), b.environment.end(), i), 1);
    // everything that stands
    std::size_t standing = m.beads.size();
    for (const auto &other : all.fragments)
      if (other.stage < c.stage) standing += other.atoms.size();
    EXPECT_EQ(c.environment.size(), standing);
  }
  EXPECT_GT(all.kinds.size(), three.kinds.size());    // ends and middle are told apart
}

TEST(Fragments, kinds_and_order_do_not_depend_on_ids)
{
  check_kinds(ala2());
  check_kinds(ala3());
  check_kinds(peptide({"LEU"}));
  check_kinds(peptide({"PHE"}));
  check_kinds(peptide({"GLY", "LEU", "ALA", "PHE"}));
  check_kinds(poly_ethylene_oxide(4));
  check_kinds(poly_ethylene_oxide(5, 3, 1));
  check_kinds(chain("CCCCCCCCCCCC", 1));
  check_kinds(chain("CCCCCCCCCCCCC", 2));
}

// Atoms of equal surroundings: a pair is told apart by handedness, whichever of them has the lower
// ID.

TEST(Fragments, pairs_are_ordered_by_handedness)
{
  Molecule m = peptide({"LEU"});
  const int cg = m.atom("CG"), cb = m.atom("CB"), hg = m.atom("HCG"), cd1 = m.atom("CD1"),
            cd2 = m.atom("CD2");
  ASSERT_NE(m.hand(cg, cb, hg, cd1), 0);
  const auto first_methyl = [&](const Molecule &of, int a, int b) {
    const Fragments f = derive(of);
    for (const int i : f.fragments.at(1).atoms)
      if (i == a || i == b) return i;
    return -1;
  };
  const int first = first_methyl(m, cd1, cd2);
  std::vector<int> swapped(m.t.natoms);
  std::iota(swapped.begin(), swapped.end(), 0);
  std::swap(swapped[cd1], swapped[cd2]);
  EXPECT_EQ(first_methyl(m.renumbered(swapped), cd1, cd2), first == cd1 ? cd2 : cd1);

  // in the mirror image of glycine, which is glycine, the two hydrogen atoms change places
  const Molecule g = peptide({"GLY"});
  const Fragments f = derive(g), mirror = derive(g.mirrored());
  EXPECT_EQ(signatures(f), signatures(mirror));
  const auto &a = f.fragments[1].atoms, &b = mirror.fragments[1].atoms;
  int moved = 0;
  for (std::size_t k = 0; k < a.size(); k++) moved += a[k] != b[k];
  EXPECT_EQ(moved, 2);
}

TEST(Fragments, mirror_image_of_a_residue_is_another_kind)
{
  for (const Molecule &m : {ala2(), peptide({"LEU"}), peptide({"PHE"})}) {
    const Fragments f = derive(m), mirror = derive(m.mirrored());
    EXPECT_EQ(signature(f, 0), signature(mirror, 0)) << "a cap has no handedness";
    EXPECT_NE(signature(f, 1), signature(mirror, 1));
    EXPECT_EQ(signature(f, 2), signature(mirror, 2));
  }
}

TEST(Fragments, other_charges_or_side_chains_are_other_kinds)
{
  Molecule m = ala2();
  const std::string before = signature(derive(m), 1);
  m.t.charges[7] += 0.00002;
  EXPECT_EQ(signature(derive(m), 1), before);
  m.t.charges[7] += 0.0002;
  EXPECT_NE(signature(derive(m), 1), before);
  const Fragments f = derive(peptide({"LEU", "PHE", "LEU"}));
  EXPECT_NE(signature(f, 1), signature(f, 2));
  EXPECT_EQ(signature(f, 1), signature(f, 3));
}

TEST(Fragments, monomers_of_poly_ethylene_oxide)
{
  for (const int every : {1, 3}) {
    const Molecule m = poly_ethylene_oxide(12, every, 1);
    const Fragments f = derive(m);
    check_partition(m, f);
    ASSERT_EQ(f.fragments.size(), 12u);
    for (int k = 1; k < 11; k++) {
      EXPECT_EQ(f.fragments[k].name, "C2H4O");
      EXPECT_EQ(f.fragments[k].atoms.size(), every == 1 ? 4u : 6u);
    }
    // nothing that trimers and tetramers do not have
    auto known = signatures(derive(poly_ethylene_oxide(3, every, 1)));
    const auto more = signatures(derive(poly_ethylene_oxide(4, every, 1)));
    known.insert(more.begin(), more.end());
    for (const auto &s : signatures(f)) EXPECT_TRUE(known.count(s)) << s;
  }
}

TEST(Fragments, parts_of_polyethylene)
{
  const Molecule m = chain(std::string(24, 'C'), 1);
  const Fragments f = derive(m), small = derive(chain(std::string(12, 'C'), 1));
  check_partition(m, f);
  EXPECT_EQ(names_of(f), Names({"C4H9", "C4H8", "C4H8", "C4H8", "C4H8", "C4H9"}));
  EXPECT_EQ(stages_of(f), std::vector<int>({0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(names_of(small), Names({"C4H9", "C4H8", "C4H9"}));
  EXPECT_EQ(names_of(derive(chain("CCCCCC", 1))), Names({"C6H14"})) << "small enough";
}

TEST(Fragments, environment_grows_until_it_holds_a_fragment)
{
  const Molecule m = poly_ethylene_oxide(5, 3, 1);    // oxygen atoms only
  const Fragments f = derive(m);
  const auto &one = f.fragments[2];
  EXPECT_EQ(one.stage, 0);
  EXPECT_EQ(atom_names(m, one.environment), Names({"O10", "O13", "O4", "O7"}));
  EXPECT_NE(signature(f, 2).find("over other atoms"), std::string::npos);
}

TEST(Fragments, named_in_the_map)
{
  const Topology t = ala2().t;
  const std::string beads =
      R"({"molecule":"x","beads":[{"name":"C","atoms":[5]},{"name":"N","atoms":[7]},
        {"name":"CA","atoms":[9]},{"name":"CB","atoms":[11]},{"name":"C","atoms":[15]},
        {"name":"N","atoms":[17]}])";
  const auto parse = [&](const std::string &list) {
    return Mapping::parse(beads + ",\"fragments\":" + list + "}", t, "a.json");
  };
  const std::string ends =
      R"({"name":"ACE","atoms":[1,2,3,4,6]},{"name":"NME","atoms":[22,21,20,19,18]})";
  const Mapping map = parse("[" + ends + R"(,{"name":"ALA","atoms":[8,10,12,13,14,16]}])");
  ASSERT_EQ(map.fragments.size(), 3u);
  EXPECT_EQ(map.fragments[2].name, "ALA");
  EXPECT_EQ(map.fragments[2].atoms[0], 7);

  const Molecule m = ala2();
  const Fragments f = Fragments::derive(m.t, map, m.x);
  check_partition(m, f);
  EXPECT_EQ(names_of(f), Names({"ACE", "NME", "ALA"}));
  EXPECT_EQ(stages_of(f), std::vector<int>({0, 0, 1}));
  EXPECT_EQ(f.kinds[2].name, "ALA");
  EXPECT_EQ(signatures(f), signatures(derive(m))) << "a name is no part of a kind";

  const auto first = [&](const std::string &which) {
    return Mapping::parse(beads + ",\"drawn_first\":\"" + which + "\"}", t, "a.json");
  };
  EXPECT_TRUE(first("odd").odd_first);
  EXPECT_FALSE(first("even").odd_first);
  EXPECT_THROW(first("last"), std::runtime_error);

  const auto fails = [&](const std::string &list, const std::vector<std::string> &parts) {
    try {
      parse(list);
      FAIL() << "no error for " << list;
    } catch (const std::runtime_error &e) {
      for (const auto &part : parts)
        EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
      EXPECT_NE(std::string(e.what()).find("a.json"), std::string::npos) << e.what();
    }
  };
  fails("[]", {"list of fragments"});
  fails("{}", {"list of fragments"});
  fails("[" + ends + "]", {"in no bead", "8 10 12 13 14 16"});
  fails("[" + ends + R"(,{"name":"ALA","atoms":[8,9]}])", {"fragment 3 (ALA)", "atom 9", "bead 3"});
  fails("[" + ends + R"(,{"name":"ALA","atoms":[8,1]}])", {"fragment 3", "already in fragment 1"});
  fails("[" + ends + R"(,{"name":"ALA","atoms":[23]}])", {"fragment 3", "1 to 22"});
  fails("[" + ends + R"(,{"name":"","atoms":[8]}])", {"fragment 3", "a name"});
  fails("[" + ends + R"(,{"name":"ALA","atoms":[]}])", {"fragment 3", "at least one"});
  fails("[" + ends + R"(,{"name":"ALA","atom":[8]}])", {"fragment 3", "atoms"});
  fails("[" + ends + R"(,{"name":"A","atoms":[8],"x":1}])", {"fragment 3", "unknown field \"x\""});
}

// Fragments of one kind are built in one way, on the environment as beads; a CH2 whose chain does
// not go on here is no rotor.

TEST(Fragments, local_molecules_of_a_kind_have_one_z_matrix)
{
  for (const Molecule &m : {ala3(), peptide({"LEU", "PHE", "LEU", "PHE", "GLY"}),
                            poly_ethylene_oxide(7), poly_ethylene_oxide(7, 3, 1)}) {
    const Fragments f = derive(m);
    std::map<int, ZMatrix> known;
    for (const auto &one : f.fragments) {
      const Topology local = Fragments::local(m.t, one);
      std::vector<int> beads(one.environment.size());
      std::iota(beads.begin(), beads.end(), (int) one.atoms.size());
      const ZMatrix z = derive_zmatrix(local, train_test::make_map(beads));
      EXPECT_EQ(z.rows.size(), one.atoms.size());
      const auto near = m.t.neighbors();
      for (const auto &r : z.rotors) {
        EXPECT_EQ(r.rows.size(), 3u);
        for (const int k : r.rows) {
          const int parent = near[one.atoms[z.rows[k][0]]][0];
          int hydrogens = 0;
          for (const int j : near[parent]) hydrogens += m.names[j][0] == 'H';
          EXPECT_EQ(hydrogens, 3) << m.names[parent];
        }
      }
      if (known.count(one.kind)) {
        EXPECT_EQ(z.rows, known[one.kind].rows);
        EXPECT_EQ(z.rotors.size(), known[one.kind].rotors.size());
      }
      known[one.kind] = z;
    }
  }
  const Fragments f = derive(ala2());
  for (const auto &one : f.fragments) {
    std::vector<int> beads(one.environment.size());
    std::iota(beads.begin(), beads.end(), (int) one.atoms.size());
    EXPECT_EQ(
        derive_zmatrix(Fragments::local(ala2().t, one), train_test::make_map(beads)).rotors.size(),
        1u);
  }
}

TEST(Fragments, names_what_is_wrong)
{
  const Molecule m = ala2();
  Mapping map = m.map();
  map.beads[0] = {"CO", {4, 5}, {0.5, 0.5}};
  expect_error(m, map, "bead \"CO\" has 2 atoms, expected beads of one atom");
  map = m.map();
  map.beads.resize(2);
  expect_error(m, map, "at least three");
  Molecule apart = m;
  const auto remove = [&](int a, int b) {    // IDs
    auto &bonds = apart.t.bonds;
    bonds.erase(
        std::remove_if(
            bonds.begin(), bonds.end(),
            [&](const std::array<int, 2> &p) {
              return p == std::array<int, 2>{a - 1, b - 1} || p == std::array<int, 2>{b - 1, a - 1};
            }),
        bonds.end());
    apart.t.bond_types.resize(bonds.size());
  };
  remove(19, 22);
  expect_error(apart, apart.map(), "no bond leads from a bead to atom 22");
  apart = m;
  remove(15, 17);
  expect_error(apart, apart.map(), "to 1 points, expected at least three");
  apart = m;
  apart.x.pop_back();
  expect_error(apart, apart.map(), "coordinates, expected 66");
}

// A graph of four points about one: the order follows handedness, and its mirror image differs.

TEST(CanonicalOrder, handedness_of_one_centre)
{
  LocalGraph g;
  g.labels = {"C", "F", "Cl", "Br", "I"};
  g.links = {{{1, 1}, {2, 1}, {3, 1}, {4, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}, {{0, 1}}};
  g.degree = {4, 1, 1, 1, 1};
  g.x = {0, 0, 0, 1, 1, 1, 1, -1, -1, -1, 1, -1, -1, -1, 1};
  g.tie = {0, 0, 0, 0, 0};
  g.number = {0, 1, 2, 3, 4};
  const auto a = canonical_order(g);
  LocalGraph other = g;
  for (int i = 0; i < 5; i++) other.x[3 * i] *= -1;
  const auto b = canonical_order(other);
  EXPECT_EQ(a.order, b.order);
  EXPECT_EQ(std::count(a.hands.begin(), a.hands.end(), 0), 4);
  for (int k = 0; k < 5; k++) EXPECT_EQ(a.hands[k], -b.hands[k]);
  // two of the four equal: no handedness is left, and the two change places
  g.labels[4] = other.labels[4] = "Br";
  EXPECT_EQ(canonical_order(g).hands, canonical_order(other).hands);
  EXPECT_NE(canonical_order(g).order, canonical_order(other).order);
}

TEST(CanonicalOrder, refuses_what_it_cannot_look_through)
{
  LocalGraph g;    // eight unconnected points of one sort have 40320 orders
  for (int i = 0; i < 8; i++) {
    g.labels.emplace_back("C");
    g.links.emplace_back();
    g.degree.push_back(0);
    g.x.insert(g.x.end(), {1.0 * i, 0, 0});
    g.tie.push_back(0);
    g.number.push_back(i);
  }
  EXPECT_THROW(canonical_order(g), std::runtime_error);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Beads as a system of LAMMPS: types, masses, IDs, the box, and both files letter by letter.

#include "molecule/coarse_system.h"

#include "error_of.h"
#include "molecule/molecule_builder.h"

#include "gtest/gtest.h"

#include <cmath>
#include <numeric>
#include <sstream>

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

const Topology &dipeptide()
{
  static const Topology t =
      train_test::data_topology(std::string(BACKMAP_TEST_DATA) + "/ala2/ala2.data");
  return t;
}

Mapping dipeptide_map(const std::vector<int> &atoms = {5, 7, 9, 11, 15, 17})
{
  const char *names[] = {"C", "N", "CA", "CB", "C", "N"};
  Mapping m;
  m.molecule = "alanine dipeptide";
  for (std::size_t b = 0; b < atoms.size(); b++)
    m.beads.push_back({names[b], {atoms[b] - 1}, {1.0}});
  return m;
}

std::vector<double> masses(const CoarseSystem &s)
{
  std::vector<double> out;
  for (const int t : s.types()) out.push_back(s.type_list()[t - 1].mass);
  return out;
}

double sum(const std::vector<double> &v)
{
  return std::accumulate(v.begin(), v.end(), 0.0);
}

/// Three atoms in a row, 1 apart; two beads.
struct Row {
  Topology t = train_test::make_topology(3, {{{0, 1}}, {{1, 2}}}, {1});
  Mapping map;
  std::vector<double> z{0.0, 0.0, 0.0, 2.0, 1.0, 0.0};
  Row()
  {
    map.molecule = "row";
    map.beads = {{"A", {0}, {1.0}}, {"B", {2}, {1.0}}};
    t.charges = {0.5, 0.25, -0.75};
  }
};

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "");
}

}    // namespace

TEST(CoarseSystem, MassesAreThoseOfTheGroups)
{
  const CoarseSystem s(dipeptide(), dipeptide_map(), {});
  // of both ends with the methyl groups of the caps; the names of the example's own data files
  EXPECT_EQ(s.types(), std::vector<int>({1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(s.pair_coeff("M"), "pair_coeff      * * M C N CA CB C N\n");
  const std::vector<double> hand_made = {43.045, 15.018, 13.018, 15.035, 28.01, 30.05};
  for (int b = 0; b < 6; b++) EXPECT_NEAR(masses(s)[b], hand_made[b], 0.003);
  EXPECT_NEAR(sum(masses(s)), sum(dipeptide().masses), 1e-9);
}

TEST(CoarseSystem, OtherMasses)
{
  CoarseRule rule;
  rule.sort = CoarseRule::Bead;
  const CoarseSystem own(dipeptide(), dipeptide_map(), rule);
  EXPECT_EQ(own.types(), std::vector<int>({1, 2, 3, 4, 1, 2}));
  EXPECT_EQ(masses(own), std::vector<double>({12.01, 14.01, 12.01, 12.01, 12.01, 14.01}));
  EXPECT_EQ(own.pair_coeff("M"), "pair_coeff      * * M C N CA CB\n");
  rule.sort = CoarseRule::Equal;
  rule.mass = 40.0;
  EXPECT_EQ(masses(CoarseSystem(dipeptide(), dipeptide_map(), rule)), std::vector<double>(6, 40.0));
}

TEST(CoarseSystem, EqualGroupsAreOneType)
{
  // CH3, O, CH2: the ends are another type than the middle
  const Molecule peo = poly_ethylene_oxide(4);
  Mapping map = peo.map();
  for (auto &b : map.beads) b.name = peo.names[b.atoms[0]].substr(0, 1);
  const CoarseSystem s(peo.t, map, {});
  ASSERT_EQ(s.type_list().size(), 3u);
  EXPECT_EQ(s.pair_coeff("M"), "pair_coeff      * * M C O C\n");
  EXPECT_EQ(s.types().front(), s.types().back());
  EXPECT_NE(s.types()[2], s.types().front());
}

TEST(CoarseSystem, LongCommandsAndOddNames)
{
  Molecule peo = poly_ethylene_oxide(12);
  Mapping map = peo.map();
  for (std::size_t b = 0; b < map.beads.size(); b++)
    map.beads[b].name = "bead " + std::to_string(b);
  map.molecule = "two\n7 atoms";
  const CoarseSystem s(peo.t, map, {});
  std::istringstream text(s.pair_coeff("M"));
  std::string line, joined;
  while (std::getline(text, line)) {
    EXPECT_LE(line.size(), 100u);
    const bool more = line.back() == '&';
    joined += more ? line.substr(0, line.size() - 1) : line + "\n";
  }
  EXPECT_NE(joined.find("\"bead 0\" \"bead 1\""), std::string::npos) << joined;
  EXPECT_EQ(std::count(joined.begin(), joined.end(), '"'), 2 * s.nbeads());
  EXPECT_EQ(std::count(joined.begin(), joined.end(), '\n'), 1);
  // in the data file they stay in comments
  std::istringstream data(s.data_text(std::vector<double>(3 * s.nbeads(), 0.0), {}));
  std::getline(data, line);
  EXPECT_NE(line.find("two 7 atoms"), std::string::npos);
  while (std::getline(data, line) && line.find("atoms") == std::string::npos)
    EXPECT_TRUE(line.empty() || line[0] == '#') << line;
  EXPECT_EQ(line, std::to_string(s.nbeads()) + " atoms");
}

TEST(CoarseSystem, Identifiers)
{
  CoarseRule rule;
  EXPECT_EQ(CoarseSystem(dipeptide(), dipeptide_map(), rule).ids(),
            std::vector<int>({1, 2, 3, 4, 5, 6}));
  rule.atom_ids = true;
  EXPECT_EQ(CoarseSystem(dipeptide(), dipeptide_map(), rule).ids(),
            std::vector<int>({5, 7, 9, 11, 15, 17}));

  const Mapping turned = dipeptide_map({5, 7, 11, 9, 15, 17});
  const std::string order = error_of([&] { CoarseSystem(dipeptide(), turned, rule); });
  EXPECT_NE(order.find("bead 4 (CB), expected an atom ID above 11 of the bead before"),
            std::string::npos)
      << order;
  Mapping centers = dipeptide_map();
  centers.beads[1] = {"NH", {6, 7}, {0.9, 0.1}};
  const std::string several = error_of([&] { CoarseSystem(dipeptide(), centers, rule); });
  EXPECT_NE(several.find("bead 2 (NH), expected one atom, got 2"), std::string::npos) << several;
  const CoarseSystem s(dipeptide(), dipeptide_map(), rule);
  const std::string copies = error_of([&] {
    s.data_text(std::vector<double>(36, 0.0), {10.0, false, false, {}});
  });
  EXPECT_NE(copies.find("expected one copy of the molecule, got 2"), std::string::npos) << copies;
  EXPECT_NO_THROW(CoarseSystem(dipeptide(), turned, {}));
  EXPECT_NO_THROW(CoarseSystem(dipeptide(), centers, {}));
}

TEST(CoarseSystem, WantsOneMoleculeOfSeveralBeads)
{
  Row row;
  row.t.bonds.pop_back();
  row.t.bond_types.pop_back();
  const std::string apart = error_of([&] { CoarseSystem(row.t, row.map, {}); });
  EXPECT_NE(apart.find("no way over bonds leads from bead 1 to bead 2"), std::string::npos)
      << apart;
  row.map.beads.pop_back();
  const std::string one = error_of([&] { CoarseSystem(row.t, row.map, {}); });
  EXPECT_NE(one.find("row: expected at least two beads, got 1"), std::string::npos) << one;
  row.map.beads.push_back({"A", {1}, {1.0}});
  const std::string atom = error_of([&] { CoarseSystem(row.t, row.map, {}); });
  EXPECT_NE(atom.find("from atom 3 to a bead"), std::string::npos) << atom;
}

TEST(CoarseSystem, CubeHoldsAnyConformation)
{
  // a chain, all bonds 1.5 long
  const Molecule peo = poly_ethylene_oxide(4);
  const CoarseSystem s(peo.t, peo.map(), {});
  std::vector<double> z(3 * s.nbeads());
  peo.map().apply(peo.x.data(), z.data());
  EXPECT_NEAR(s.spacing(z), 2.5 * (s.nbeads() - 1) * 1.5, 1e-9);
  double extent = 0.0;
  for (int a = 0; a < s.nbeads(); a++)
    for (int b = 0; b < a; b++)
      extent = std::max(extent,
                        std::hypot(z[3 * a] - z[3 * b], z[3 * a + 1] - z[3 * b + 1],
                                   z[3 * a + 2] - z[3 * b + 2]));
  EXPECT_NEAR(s.smallest_spacing(z), extent, 1e-9);
  EXPECT_LT(2.0 * extent, s.spacing(z));
  // of several conformations the longest bond counts
  std::vector<double> both = z;
  for (const double v : z) both.push_back(1.1 * v);
  EXPECT_NEAR(s.spacing(both), 1.1 * s.spacing(z), 1e-9);
  const Row row;
  EXPECT_NEAR(CoarseSystem(row.t, row.map, {}).smallest_spacing(row.z), 2.0 * std::sqrt(5.0),
              1e-12);
}

TEST(CoarseSystem, DataFile)
{
  const Row row;
  const CoarseSystem s(row.t, row.map, {});
  EXPECT_EQ(s.data_text(row.z, {10.0, false, false, {}}),
            "LAMMPS data file: row, 1 copy of 2 beads, by backmap_coarse\n"
            "# pair_coeff      * * MODEL A B\n"
            "\n2 atoms\n2 atom types\n\n"
            "-5 5 xlo xhi\n-5 5 ylo yhi\n-5 5 zlo zhi\n"
            "\nMasses\n\n1 13 # A\n2 12 # B\n"
            "\nAtoms # molecular\n\n"
            "1 1 1 -1 -0.5 0 # A\n"
            "2 1 2 1 0.5 0 # B\n");
}

TEST(CoarseSystem, DataFileOfCopiesWithBondsAndCharges)
{
  const Row row;
  const CoarseSystem s(row.t, row.map, {});
  std::vector<double> z = row.z;
  for (const double v : row.z) z.push_back(3.0 - v);    // another conformation, elsewhere
  EXPECT_EQ(s.data_text(z, {10.0, true, true, {}}),
            "LAMMPS data file: row, 2 copies of 2 beads, by backmap_coarse\n"
            "# pair_coeff      * * MODEL A B\n"
            "\n4 atoms\n2 bonds\n2 atom types\n1 bond types\n# bond type 1: A - B\n\n"
            "-10 10 xlo xhi\n-5 5 ylo yhi\n-5 5 zlo zhi\n"
            "\nMasses\n\n1 13 # A\n2 12 # B\n"
            "\nAtoms # full\n\n"
            "1 1 1 0.75 -6 -0.5 0 # A\n"
            "2 1 2 -0.75 -4 0.5 0 # B\n"
            "3 2 1 0.75 6 0.5 0 # A\n"
            "4 2 2 -0.75 4 -0.5 0 # B\n"
            "\nBonds\n\n1 1 1 2\n2 1 3 4\n");
}

TEST(CoarseSystem, DihedralsOfEachCopy)
{
  CoarseRule rule;
  rule.atom_ids = false;
  const CoarseSystem s(dipeptide(), dipeptide_map(), rule);
  ASSERT_EQ(s.nbeads(), 6);
  const std::string text =
      s.data_text(std::vector<double>(36, 0.0), {10.0, false, false, {{1, 2, 3, 4}, {5, 4, 2, 1}}});
  EXPECT_NE(text.find("\n12 atoms\n4 dihedrals\n2 dihedral types\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\nDihedrals\n\n1 1 2 3 4 5\n2 2 6 5 3 2\n3 1 8 9 10 11\n4 2 12 11 9 8\n"),
            std::string::npos)
      << text;
}

TEST(CoarseSystem, NoChargeIsZero)
{
  Row row;
  row.t.charges = {0.1, -0.1 + 1e-16, 0.3};
  const std::string text =
      CoarseSystem(row.t, row.map, {}).data_text(row.z, {10.0, false, true, {}});
  EXPECT_NE(text.find("1 1 1 0 -1"), std::string::npos) << text;
  EXPECT_NE(text.find("2 1 2 0.3 1"), std::string::npos) << text;
}

TEST(CoarseSystem, CopiesStandOnAGrid)
{
  const Row row;
  const CoarseSystem s(row.t, row.map, {});
  using Edges = std::array<double, 3>;
  EXPECT_EQ(CoarseSystem::box(1, 2.0), (Edges{2.0, 2.0, 2.0}));
  EXPECT_EQ(CoarseSystem::box(3, 2.0), (Edges{4.0, 4.0, 2.0}));
  EXPECT_EQ(CoarseSystem::box(8, 2.0), (Edges{4.0, 4.0, 4.0}));
  EXPECT_EQ(CoarseSystem::box(9, 2.0), (Edges{6.0, 6.0, 2.0}));
  EXPECT_EQ(CoarseSystem::box(100, 2.0), (Edges{10.0, 10.0, 8.0}));

  for (const int n : {1, 3, 8, 9, 27, 28}) {
    std::vector<double> z;
    for (int k = 0; k < n; k++) z.insert(z.end(), row.z.begin(), row.z.end());
    std::istringstream text(s.data_text(z, {5.0, false, false, {}}));
    std::string line;
    while (std::getline(text, line) && line.rfind("Atoms", 0) != 0) {}
    const Edges edge = CoarseSystem::box(n, 5.0);
    std::vector<Edges> centers;
    int id, mol, type;
    Edges x, before{};
    while (std::getline(text, line)) {
      if (line.empty()) continue;
      std::istringstream words(line);
      words >> id >> mol >> type >> x[0] >> x[1] >> x[2];
      EXPECT_EQ(mol, (id + 1) / 2);
      for (int d = 0; d < 3; d++) EXPECT_LT(std::fabs(x[d]), 0.5 * edge[d]);
      if (id % 2 == 0)
        centers.push_back(
            {0.5 * (x[0] + before[0]), 0.5 * (x[1] + before[1]), 0.5 * (x[2] + before[2])});
      before = x;
    }
    ASSERT_EQ((int) centers.size(), n);
    for (int a = 0; a < n; a++)
      for (int b = 0; b < a; b++)
        EXPECT_GE(std::hypot(centers[a][0] - centers[b][0], centers[a][1] - centers[b][1],
                             centers[a][2] - centers[b][2]),
                  5.0 - 1e-9);
  }
}

TEST(CoarseSystem, DumpFrame)
{
  const Row row;
  const CoarseSystem s(row.t, row.map, {});
  std::vector<double> z = row.z;
  for (std::size_t i = 0; i < row.z.size(); i++) z.push_back(row.z[i] + (i % 3 == 0 ? 100.0 : 0.0));
  const auto box = s.dump_box(z);
  // as large as a data file's in y and z; all frames in x with room beside them
  const double edge = s.spacing(z);
  EXPECT_NEAR(edge, 2.5 * std::sqrt(5.0), 1e-12);
  EXPECT_NEAR(box[3] - box[2], edge, 1e-12);
  EXPECT_NEAR(box[5] - box[4], edge, 1e-12);
  EXPECT_LT(box[0], 0.0);
  EXPECT_GT(box[1], 102.0);
  EXPECT_EQ(s.dump_frame(40, {-5.0, 5.0, -4.0, 6.0, -2.5, 2.5}, row.z.data()),
            "ITEM: TIMESTEP\n40\nITEM: NUMBER OF ATOMS\n2\nITEM: BOX BOUNDS pp pp pp\n"
            "-5 5\n-4 6\n-2.5 2.5\nITEM: ATOMS id type x y z\n1 1 0 0 0\n2 2 2 1 0\n");
}

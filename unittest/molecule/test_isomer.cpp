/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What makes a molecule this isomer, and the torsions that describe its shape.

#include "error_of.h"
#include "molecule/bead_torsions.h"
#include "molecule/isomer.h"
#include "molecule/molecule_builder.h"

#include "gtest/gtest.h"

#include <cmath>

using namespace BACKMAP_NS;
using namespace molecule_test;

namespace {

std::vector<char> all(const Molecule &m)
{
  return std::vector<char>(m.t.natoms, 1);
}

std::string names(const Molecule &m, const std::array<int, 4> &atoms)
{
  std::string out;
  for (const int i : atoms) out += (out.empty() ? "" : " ") + m.names[i];
  return out;
}

std::vector<std::string> torsions(const Molecule &m)
{
  std::vector<std::string> out;
  for (const auto &t : bead_torsions(m.t, m.map()))
    out.push_back(t.name + ": " + names(m, t.atoms));
  return out;
}

}    // namespace

TEST(Isomer, of_a_peptide)
{
  const Molecule m = peptide({"ALA", "LEU", "GLY"});
  const Isomer found = Isomer::of(m.t, m.x);
  ASSERT_EQ(found.bonds.size(), 4u);
  EXPECT_EQ(names(m, found.bonds[0].atoms), "CH3 C N CA");
  EXPECT_EQ(names(m, found.bonds[3].atoms), "CA C N CH3");
  for (const auto &b : found.bonds) EXPECT_TRUE(b.trans);
  // CA of two residues and the isopropyl group of leucine, whose arms have names and so an order
  ASSERT_EQ(found.centres.size(), 3u);
  EXPECT_EQ(names(m, found.centres[2].atoms), "CB CD1 CD2 CG");

  const Isomer image = Isomer::of(m.mirrored().t, m.mirrored().x);
  for (std::size_t k = 0; k < 3; k++) EXPECT_EQ(image.centres[k].sign, -found.centres[k].sign);
}

TEST(Isomer, cis_flat_and_turned)
{
  Molecule m = peptide({"GLY"});
  const Isomer trans = Isomer::of(m.t, m.x);
  const auto atoms = trans.bonds[0].atoms;
  // turns everything behind the first amide bond
  const auto turned = [&](double degrees) {
    std::vector<double> x = m.x;
    const auto at = [&](int i) { return Vec3<double>{x[3 * i], x[3 * i + 1], x[3 * i + 2]}; };
    const Vec3<double> b = at(atoms[1]);
    Vec3<double> u = at(atoms[2]) - b;
    u = scale(1.0 / norm(u), u);
    const double c = std::cos(degrees * BACKMAP_PI / 180), s = std::sin(degrees * BACKMAP_PI / 180);
    for (int i = atoms[2]; i < m.t.natoms; i++) {
      const Vec3<double> r = at(i) - b;
      const Vec3<double> p =
          scale(c, r) + scale(s, cross(u, r)) + scale((1 - c) * dot(u, r), u) + b;
      x[3 * i] = p.x;
      x[3 * i + 1] = p.y;
      x[3 * i + 2] = p.z;
    }
    return x;
  };
  EXPECT_TRUE(Isomer::of(m.t, turned(40)).bonds[0].trans);
  EXPECT_FALSE(Isomer::of(m.t, turned(180)).bonds[0].trans);
  EXPECT_NE(test::error_of([&] { Isomer::of(m.t, turned(90)); }, "").find("expected cis or trans"),
            std::string::npos);

  const std::string cis = Isomer::of(m.t, turned(180)).commands(all(m), 1.0);
  EXPECT_NE(cis.find("87.5 87.5 180.0 mult 1"), std::string::npos) << cis;
  EXPECT_NE(cis.find("43.75 43.75 0.0 mult 2"), std::string::npos) << cis;
  EXPECT_NE(cis.find("abs(c_isomer[1]) > 120.0"), std::string::npos) << cis;

  Molecule flat = peptide({"ALA"});
  const auto centre = Isomer::of(flat.t, flat.x).centres[0].atoms;
  const auto a = flat.at(centre[0]), b = flat.at(centre[1]), c = flat.at(centre[2]);
  const auto middle = scale(1.0 / 3.0, a + b + c);
  flat.x[3 * centre[3]] = middle.x;
  flat.x[3 * centre[3] + 1] = middle.y;
  flat.x[3 * centre[3] + 2] = middle.z;
  EXPECT_NE(test::error_of([&] { Isomer::of(flat.t, flat.x); }, "").find("plane of its neighbors"),
            std::string::npos);
}

TEST(Isomer, commands_name_atoms_that_are_there)
{
  const Molecule m = peptide({"ALA", "ALA"});
  const Isomer found = Isomer::of(m.t, m.x);
  std::vector<char> beads(m.t.natoms, 0);
  for (const int i : m.beads) beads[i] = 1;
  const std::string whole = found.commands(all(m), 1.0), part = found.commands(beads, 0.5);
  EXPECT_NE(whole.find("c_isomer[5]"), std::string::npos) << "three bonds, two centres";
  EXPECT_EQ(whole.find("c_isomer[6]"), std::string::npos);
  // the methyl groups of the caps are no beads, so that one bond is left
  EXPECT_NE(part.find("c_isomer[3]"), std::string::npos);
  EXPECT_EQ(part.find("c_isomer[4]"), std::string::npos);
  EXPECT_NE(part.find("43.75 43.75 0.0 mult 1"), std::string::npos) << "other units: " << part;

  const Molecule none = chain("CCCCCC", 1);
  EXPECT_NE(Isomer::of(none.t, none.x).commands(all(none), 1.0).find("variable changed equal 0"),
            std::string::npos);
}

TEST(BeadTorsions, have_the_names_of_the_field)
{
  using List = std::vector<std::string>;
  EXPECT_EQ(torsions(peptide({"ALA"})), List({"phi: C N CA C", "psi: N CA C N"}));
  EXPECT_EQ(torsions(peptide({"LEU", "GLY"})),
            List({"phi1: C N CA C", "chi1: N CA CB CG", "psi1: N CA C N", "phi2: C N CA C",
                  "psi2: N CA C N"}));
  EXPECT_EQ(torsions(peptide({"GLY", "LEU"}))[3].substr(0, 4), "chi2") << "number of the residue";
  const auto pentane = torsions(chain("CCCCC", 1));
  ASSERT_EQ(pentane.size(), 2u);
  EXPECT_EQ(pentane[0].substr(0, 4), "t1: ");
  EXPECT_EQ(pentane[1].substr(0, 4), "t2: ");
  Molecule two = peptide({"ALA"});
  Mapping centers = two.map();
  centers.beads[0].atoms.push_back(0);
  EXPECT_TRUE(bead_torsions(two.t, centers).empty());
}

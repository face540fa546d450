/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/isomer.h"

#include "molecule/elements.h"
#include "molecule/geometry.h"
#include "molecule/graph.h"
#include "molecule/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

constexpr double DEGREES = 180.0 / BACKMAP_PI;
constexpr double NEAR = 60.0;          // degrees from cis or trans
constexpr double FLAT = 5.0;           // degrees, torsion of a centre; 35 for a regular one
constexpr double TURNED = 15.0;        // a centre this far on the other side has changed
constexpr double WALL = 200.0 / 16;    // kcal/mol
// of 1, cos, cos 2x, cos 3x, cos 4x in 16 [(1 + cos x)/2]^4, without the constant
constexpr std::array<double, 4> COSINES = {7.0, 3.5, 1.0, 0.125};

class Finder {
 public:
  Finder(const Topology &topology, const std::vector<double> &coordinates) :
      t(topology), x(coordinates), near(t.neighbors())
  {
  }

  Isomer run() const
  {
    Isomer out;
    for (int c = 0; c < t.natoms; c++)
      if (acyl(c))
        for (const int link : near[c])
          if (linker(link) && smallest_ring(near, c, link, SMALL_RING) == 0)
            out.bonds.push_back(bond(c, link));
    for (int i = 0; i < t.natoms; i++) {
      if (near[i].size() != 4) continue;
      std::vector<int> arms;
      for (const int j : near[i])
        if (heavy_atom(t.masses[j])) arms.push_back(j);
      if (arms.size() >= 3) out.centres.push_back(centre(arms, i));
    }
    return out;
  }

 private:
  const Topology &t;
  const std::vector<double> &x;
  const Graph near;

  Vec3<double> at(int i) const { return {x[3 * i], x[3 * i + 1], x[3 * i + 2]}; }
  std::string element(int i) const { return element_of_mass(t.masses[i]); }

  bool acyl(int i) const { return element(i) == "C" && carbonyl(t, near, i); }

  bool linker(int i) const
  {
    return (element(i) == "N" && near[i].size() == 3) || (element(i) == "O" && near[i].size() == 2);
  }

  double torsion(const std::array<int, 4> &a) const
  {
    return DEGREES * dihedral(at(a[0]), at(a[1]), at(a[2]), at(a[3]));
  }

  /// The heaviest neighbor of `of` but those two, the first of equals.
  int end(int of, int but, int nor) const
  {
    int best = -1;
    for (const int j : near[of])
      if (j != but && j != nor && (best < 0 || t.masses[j] > t.masses[best] + 0.5)) best = j;
    return best;
  }

  Isomer::Bond bond(int c, int link) const
  {
    const int oxygen = *std::find_if(near[c].begin(), near[c].end(), [&](int j) {
      return element(j) == "O" && near[j].size() == 1;
    });
    Isomer::Bond out = {{end(c, link, oxygen), c, link, end(link, c, -1)}, true};
    const double angle = std::abs(torsion(out.atoms));
    out.trans = angle > 90.0;
    if (angle > NEAR && angle < 180.0 - NEAR)
      throw std::runtime_error(
          "isomer: the bond between atoms " + std::to_string(c + 1) + " and " +
          std::to_string(link + 1) + ", expected cis or trans, got a torsion of " +
          std::to_string((int) std::lround(angle)) + " degrees: relax the structure first");
    return out;
  }

  Isomer::Centre centre(const std::vector<int> &arms, int i) const
  {
    Isomer::Centre out = {{arms[0], arms[1], arms[2], i}, 1};
    const double angle = torsion(out.atoms);
    if (std::abs(angle) < FLAT)
      throw std::runtime_error("isomer: atom " + std::to_string(i + 1) +
                               " lies in the plane of its neighbors, expected a centre with four "
                               "neighbors that is not flat: relax the structure first");
    if (angle < 0) out.sign = -1;
    return out;
  }
};

std::string number(double value)
{
  char text[32];
  snprintf(text, sizeof(text), "%.8g", value);
  return text;
}

std::string ids(const std::array<int, 4> &atoms)
{
  std::string out = "dihedral";
  for (const int i : atoms) out += " " + std::to_string(i + 1);
  return out;
}

}    // namespace

/* ---------------------------------------------------------------------- */

Isomer Isomer::of(const Topology &topology, const std::vector<double> &x)
{
  return Finder(topology, x).run();
}

std::string Isomer::commands(const std::vector<char> &present, double kcal) const
{
  const auto here = [&](const std::array<int, 4> &atoms) {
    return std::all_of(atoms.begin(), atoms.end(), [&](int i) { return present[i]; });
  };
  const std::string next = " &\n  ";
  std::string walls, torsions, changed;
  int n = 0;
  const auto watch = [&](const std::array<int, 4> &atoms, const std::string &open,
                         const std::string &close) {
    torsions += next + ids(atoms);
    changed += (n ? " ||" + next : "") + open + "c_isomer[" + std::to_string(n + 1) + "]" + close;
    n++;
  };
  for (const auto &b : bonds) {
    if (!here(b.atoms)) continue;
    for (int k = 1; k <= 4; k++) {
      const std::string K = number(kcal * WALL * COSINES[k - 1]);
      walls += next + ids(b.atoms) + " " + K + " " + K +
          (b.trans || k % 2 == 0 ? " 0.0" : " 180.0") + " mult " + std::to_string(k);
    }
    watch(b.atoms, "abs(", b.trans ? ") < 60.0" : ") > 120.0");
  }
  for (const auto &c : centres)
    if (here(c.atoms))
      watch(c.atoms, "", c.sign < 0 ? " > " + number(TURNED) : " < -" + number(TURNED));
  if (n == 0) return "# no amide or ester bond and no centre to watch\nvariable changed equal 0\n";
  std::string out;
  if (!walls.empty())
    out += "# A wall keeps amide and ester bonds cis or trans at high temperature; within 30 "
           "degrees it is less than "
           "0.005 kcal/mol.\nfix trans all restrain" +
        walls + "\nfix_modify trans energy yes\n";
  return out +
      "# A bond is nearer to the other isomer, or a centre is on the other side of its neighbors.\n"
      "compute isomer all backmap/internal" +
      torsions + "\nvariable changed equal \"" + changed + "\"\n";
}

}    // namespace BACKMAP_NS

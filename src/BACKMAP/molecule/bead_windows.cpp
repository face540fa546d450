/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/bead_windows.h"

#include "molecule/canonical_order.h"
#include "molecule/elements.h"
#include "molecule/geometry.h"
#include "molecule/graph.h"
#include "molecule/units.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <map>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

constexpr double FLAT = 0.1;    // of the volume of three unit vectors; a tetrahedron has 0.77

class Maker {
 public:
  Maker(const Topology &topology, const Mapping &mapping, const std::vector<double> &coordinates,
        int reach) :
      t(topology),
      m(mapping), x(coordinates), atoms(t.neighbors()), bead(m.bead_of_atom(t.natoms)),
      classes(atom_classes(t))
  {
    if ((int) x.size() != 3 * t.natoms)
      throw std::runtime_error("windows of beads: reference coordinates, expected " +
                               std::to_string(3 * t.natoms) + " numbers, got " +
                               std::to_string(x.size()));
    out.reach = reach;
  }

  BeadWindows run()
  {
    z.resize(3 * m.nbeads());
    m.apply(x.data(), z.data());
    find_nearest();
    find_bonds();
    for (int b = 0; b < m.nbeads(); b++) labels.push_back(label(b));
    for (int b = 0; b < m.nbeads(); b++) {
      if (beads[b].empty())
        throw std::runtime_error("windows of beads: bead " + std::to_string(b + 1) + " (" +
                                 m.beads[b].name + ") has no bond to another bead");
      const bool pair = beads[b].size() == 1 && beads[beads[b][0]].size() == 1;
      if (beads[b].size() > 1 || pair) add_window(b);
    }
    return std::move(out);
  }

 private:
  const Topology &t;
  const Mapping &m;
  const std::vector<double> &x;
  const Graph atoms;
  const std::vector<int> bead;    // of each atom, or -1
  std::vector<double> z;          // of the beads
  Graph beads;
  const std::vector<int> classes;           // of atoms, for the order of equivalent beads
  std::vector<std::vector<int>> nearest;    // beads that are nearest to each atom
  std::vector<int> away;                    // bonds from each atom to them
  std::vector<std::string> labels;          // of beads
  BeadWindows out;

  Vec3<double> at(int i) const { return {x[3 * i], x[3 * i + 1], x[3 * i + 2]}; }

  /* ---------------------------------------------------------------------- */

  void find_nearest()
  {
    nearest.resize(t.natoms);
    away.assign(t.natoms, -1);
    // all beads grow at once, bond by bond
    std::vector<int> edge;
    for (int i = 0; i < t.natoms; i++)
      if (bead[i] >= 0) {
        nearest[i] = {bead[i]};
        away[i] = 0;
        edge.push_back(i);
      }
    for (int d = 1; !edge.empty(); d++) {
      std::vector<int> next;
      for (const int i : edge)
        for (const int j : atoms[i]) {
          if (away[j] >= 0 && away[j] < d) continue;
          if (away[j] < 0) next.push_back(j);
          away[j] = d;
          nearest[j].insert(nearest[j].end(), nearest[i].begin(), nearest[i].end());
        }
      for (const int j : next) {
        std::sort(nearest[j].begin(), nearest[j].end());
        nearest[j].erase(std::unique(nearest[j].begin(), nearest[j].end()), nearest[j].end());
      }
      edge = next;
    }
    for (int i = 0; i < t.natoms; i++)
      if (away[i] < 0)
        throw std::runtime_error("windows of beads: no bond leads from a bead to atom " +
                                 std::to_string(i + 1));
  }

  void find_bonds()
  {
    const auto join = [this](const std::vector<int> &some, const std::vector<int> &others) {
      for (const int a : some)
        for (const int b : others)
          if (a != b) out.bonds.push_back({std::min(a, b), std::max(a, b)});
    };
    for (const auto &b : t.bonds) join(nearest[b[0]], nearest[b[1]]);
    for (const auto &n : nearest) join(n, n);
    std::sort(out.bonds.begin(), out.bonds.end());
    out.bonds.erase(std::unique(out.bonds.begin(), out.bonds.end()), out.bonds.end());
    beads = graph_of(m.nbeads(), out.bonds);
  }

  /* ----------------------------------------------------------------------
     what an atom is: element, number of bonds, and handedness where its four neighbors differ
  ------------------------------------------------------------------------- */

  std::string element(int i) const
  {
    return element_of_mass(t.masses[i]) + std::to_string(atoms[i].size());
  }

  std::string hand(int i) const
  {
    if (atoms[i].size() != 4) return "";
    std::map<std::string, int> sorted;
    for (const int j : atoms[i]) {
      std::vector<std::string> around;
      for (const int k : atoms[j]) around.push_back(element(k));
      std::sort(around.begin(), around.end());
      std::string text = element(j);
      for (const auto &a : around) text += " " + a;
      sorted[text] = j;
    }
    if (sorted.size() < 4) return "";
    std::vector<Vec3<double>> v;
    for (const auto &s : sorted) {
      const auto d = at(s.second) - at(i);
      v.push_back(scale(1.0 / norm(d), d));
    }
    const double volume = dot(v[0], cross(v[1], v[2]));
    return volume > FLAT ? "+" : (volume < -FLAT ? "-" : "");
  }

  /* ----------------------------------------------------------------------
     C4+/H1|3: atoms of the bead, atoms one bond away, ... | bonds to beads; H1*3 for three of them
     weights that are not those of a centre of mass are part of it
  ------------------------------------------------------------------------- */

  std::string label(int b) const
  {
    const auto &one = m.beads[b];
    double mass = 0.0;
    for (const int a : one.atoms) mass += t.masses[a];
    std::vector<std::map<std::string, int>> levels(1);
    for (std::size_t k = 0; k < one.atoms.size(); k++) {
      const int a = one.atoms[k];
      std::string text = element(a) + hand(a);
      if (std::fabs(one.weights[k] - t.masses[a] / mass) > 1.0e-4) {
        char weight[40];
        std::snprintf(weight, sizeof weight, "(%.3f)", one.weights[k]);
        text += weight;
      }
      levels[0][text]++;
    }
    for (int i = 0; i < t.natoms; i++) {
      if (away[i] == 0 || std::find(nearest[i].begin(), nearest[i].end(), b) == nearest[i].end())
        continue;
      if ((int) levels.size() <= away[i]) levels.resize(away[i] + 1);
      levels[away[i]][element(i) + hand(i) + (nearest[i].size() > 1 ? "~" : "")]++;
    }
    std::string text;
    for (const auto &level : levels) {
      std::string part;
      for (const auto &l : level)
        part += (part.empty() ? "" : ",") + l.first +
            (l.second > 1 ? "*" + std::to_string(l.second) : "");
      text += (text.empty() ? "" : "/") + part;
    }
    return text + "|" + std::to_string(beads[b].size());
  }

  /* ----------------------------------------------------------------------
     a branch of beads has a handedness if its bead is one atom and all arms are bonded to that atom:
     a bead further out can be on either side
  ------------------------------------------------------------------------- */

  int branch(int b) const
  {
    if (m.beads[b].atoms.size() != 1) return 0;
    const auto &near = atoms[m.beads[b].atoms[0]];
    for (const int c : beads[b]) {
      const auto &other = m.beads[c].atoms;
      if (other.size() != 1 || std::find(near.begin(), near.end(), other[0]) == near.end())
        return 0;
    }
    return (int) near.size();
  }

  /* ---------------------------------------------------------------------- */

  void add_window(int centre)
  {
    const auto steps = steps_from(beads, std::vector<char>(m.nbeads(), 1), centre);
    std::vector<int> points;
    std::vector<char> inside(m.nbeads(), 0);
    for (int b = 0; b < m.nbeads(); b++)
      if (steps[b] >= 0 && steps[b] <= out.reach) {
        points.push_back(b);
        inside[b] = 1;
      }
    const int n = (int) points.size();

    LocalGraph g;
    g.links.resize(n);
    for (int a = 0; a < n; a++) {
      const int p = points[a];
      g.labels.push_back((p == centre ? "1 " : "2 ") + labels[p]);
      g.degree.push_back(branch(p));
      g.tie.push_back(classes[m.beads[p].atoms[0]]);
      g.number.push_back(p);
      for (int k = 0; k < 3; k++) g.x.push_back(z[3 * p + k]);
      // bonds, and in rings the ways that lead over beads outside
      const auto all = steps_from(beads, std::vector<char>(m.nbeads(), 1), p);
      const auto here = steps_from(beads, inside, p);
      for (int b = 0; b < n; b++) {
        const int d = all[points[b]];
        if (d == 1 || (d > 1 && d <= out.reach && here[points[b]] != d))
          g.links[a].push_back({b, d});
      }
    }
    const CanonicalOrder c = canonical_order(g);

    BeadWindows::Window window;
    for (const auto &order : equivalent_orders(g, c)) {
      window.orders.emplace_back();
      for (const int a : order) window.orders.back().push_back(points[a]);
    }
    window.kind = kind_of(g, c, points);
    out.windows.push_back(window);
  }

  int kind_of(const LocalGraph &g, const CanonicalOrder &c, const std::vector<int> &points)
  {
    const int n = (int) points.size();
    BeadWindows::Kind kind;
    kind.signature = "beads";
    for (int a = 0; a < n; a++) {
      const int p = points[c.order[a]];
      const std::string number = std::to_string(a + 1);
      kind.signature += " " + number + ":" + labels[p];
      kind.beads.push_back(m.beads[p].name);
      kind.masses.push_back(0.0);
      for (const int i : m.beads[p].atoms) kind.masses.back() += t.masses[i];
      kind.degree.push_back((int) beads[p].size());
    }
    kind.name = kind.beads[0];
    kind.signature += links_text(g, c, "beads", kind.bonds);
    for (std::size_t k = 0; k < out.kinds.size(); k++)
      if (out.kinds[k].signature == kind.signature) return (int) k;
    out.kinds.push_back(kind);
    return (int) out.kinds.size() - 1;
  }
};

}    // namespace

BeadWindows BeadWindows::derive(const Topology &topology, const Mapping &mapping,
                                const std::vector<double> &x, int reach)
{
  return Maker(topology, mapping, x, reach).run();
}

}    // namespace BACKMAP_NS

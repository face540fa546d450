/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/fragments.h"

#include "molecule/canonical_order.h"
#include "molecule/elements.h"
#include "molecule/geometry.h"
#include "molecule/graph.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <queue>
#include <set>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace BACKMAP_NS {

namespace {

class Maker {
 public:
  Maker(const Topology &topology, const Mapping &mapping, const std::vector<double> &coordinates,
        const FragmentOptions &options) :
      t(topology),
      m(mapping), x(coordinates), o(options), near(t.neighbors()), dist(t.bond_distances()),
      bead(m.bead_of_atom(t.natoms)), classes(atom_classes(t))
  {
    if (!m.slicing()) {
      for (const auto &b : m.beads)
        if (b.atoms.size() > 1)
          throw std::runtime_error("fragments: bead \"" + b.name + "\" has " +
                                   std::to_string(b.atoms.size()) +
                                   " atoms, expected beads of one atom each");
    }
    if ((int) x.size() != 3 * t.natoms)
      throw std::runtime_error("fragments: reference coordinates, expected " +
                               std::to_string(3 * t.natoms) + " numbers, got " +
                               std::to_string(x.size()));
  }

  Fragments run()
  {
    for (int i = 0; i < t.natoms; i++)
      if (std::none_of(m.beads.begin(), m.beads.end(),
                       [&](const Mapping::Bead &b) { return dist[i][b.atoms[0]] >= 0; }))
        throw std::runtime_error("fragments: no bond leads from a bead to atom " +
                                 std::to_string(i + 1));
    if (m.fragments.empty())
      groups_from_units();
    else
      for (const auto &g : m.fragments) {
        out.fragments.emplace_back();
        out.fragments.back().name = g.name;
        out.fragments.back().atoms = g.atoms;
      }
    set_stages();
    out.reach = o.reach;
    for (auto &f : out.fragments) {
      set_environment(f);
      set_kind(f);
    }
    return std::move(out);
  }

 private:
  const Topology &t;
  const Mapping &m;
  const std::vector<double> &x;
  const FragmentOptions &o;
  const std::vector<std::vector<int>> near, dist;
  const std::vector<int> bead;
  const std::vector<int> classes;    // decide between equivalent atoms before IDs do
  std::vector<int> stage;            // of each atom; beads stand before stage 0
  Fragments out;

  /* ---------------------------------------------------------------------- */

  void groups_from_units()
  {
    const auto unit = molecular_units(t, m, o.units);
    const int nunits = *std::max_element(unit.begin(), unit.end()) + 1;
    std::vector<char> open(t.natoms);
    for (int i = 0; i < t.natoms; i++) open[i] = bead[i] < 0;
    const auto component = connected_parts(near, open);
    std::vector<std::vector<int>> shared(t.natoms, std::vector<int>(nunits, 0));
    for (int i = 0; i < t.natoms; i++)
      if (component[i] >= 0) shared[component[i]][unit[i]] += heavy_atom(t.masses[i]) ? 1000 : 1;
    std::vector<std::vector<int>> atoms(nunits);
    std::vector<std::vector<std::string>> elements(nunits);
    for (int i = 0; i < t.natoms; i++) {
      int u = unit[i];
      if (component[i] >= 0) {
        const auto &s = shared[component[i]];
        u = (int) (std::max_element(s.begin(), s.end()) - s.begin());
        atoms[u].push_back(i);
      }
      elements[u].push_back(element_of_mass(t.masses[i]));
    }
    for (int u = 0; u < nunits; u++) {
      if (atoms[u].empty()) continue;
      out.fragments.emplace_back();
      out.fragments.back().name = formula(elements[u]);
      out.fragments.back().atoms = atoms[u];
    }
    std::sort(out.fragments.begin(), out.fragments.end(),
              [](const auto &f, const auto &g) { return f.atoms[0] < g.atoms[0]; });
  }

  /* ----------------------------------------------------------------------
     breadth first from the end of the longest path over fragments; which of its ends comes first
     must not depend on IDs either
  ------------------------------------------------------------------------- */

  void set_stages()
  {
    const int n = (int) out.fragments.size();
    std::vector<std::vector<int>> beside(n);
    for (int f = 0; f < n; f++)
      for (int g = 0; g < n; g++)
        if (f != g && meet(out.fragments[f], out.fragments[g])) beside[f].push_back(g);

    std::vector<std::pair<std::vector<std::string>, std::vector<int>>> look(n);
    for (int f = 0; f < n; f++) {
      for (const int i : out.fragments[f].atoms) {
        look[f].first.push_back(atom_label(t, near, i));
        look[f].second.push_back(classes[i]);
      }
      std::sort(look[f].first.begin(), look[f].first.end());
      std::sort(look[f].second.begin(), look[f].second.end());
    }
    std::vector<int> sorted(n), rank(n);
    std::iota(sorted.begin(), sorted.end(), 0);
    std::stable_sort(sorted.begin(), sorted.end(), [&](int f, int g) { return look[f] < look[g]; });
    for (int k = 0; k < n; k++) rank[sorted[k]] = k;

    std::vector<char> left(n, 1);
    stage.assign(t.natoms, -1);
    for (;;) {
      const auto path = longest_path(beside, left, rank);
      if (path.empty()) break;
      std::queue<int> todo;
      todo.push(path[0]);
      left[path[0]] = 0;
      while (!todo.empty()) {
        const int f = todo.front();
        todo.pop();
        std::vector<char> taken(n + 1, 0);
        taken[0] = m.odd_first && f == path[0] && path.size() > 1;
        for (const int g : beside[f])
          if (stage[out.fragments[g].atoms[0]] >= 0) taken[out.fragments[g].stage] = 1;
        const int s = (int) (std::find(taken.begin(), taken.end(), 0) - taken.begin());
        out.fragments[f].stage = s;
        out.nstages = std::max(out.nstages, s + 1);
        for (const int i : out.fragments[f].atoms) stage[i] = s;
        auto next = beside[f];
        std::sort(next.begin(), next.end(), [&](int g, int h) { return rank[g] < rank[h]; });
        for (const int g : next)
          if (left[g]) {
            left[g] = 0;
            todo.push(g);
          }
      }
    }
  }

  bool meet(const Fragments::Fragment &f, const Fragments::Fragment &g) const
  {
    for (const int i : f.atoms)
      for (const int j : g.atoms)
        if (dist[i][j] >= 0 && dist[i][j] <= o.apart) return true;
    return false;
  }

  /* ---------------------------------------------------------------------- */

  /* ----------------------------------------------------------------------
     lies in a line whatever the molecule does: over atoms with two bonds at 180 degrees only
     (triple bonds). Beads that are in a line in x by chance, as every second carbon of a stretched
     chain, must not change the environment
  ------------------------------------------------------------------------- */

  bool straight(int a, int b, int c) const
  {
    const auto at = [&](int i) { return Vec3<double>{x[3 * i], x[3 * i + 1], x[3 * i + 2]}; };
    return near[b].size() == 2 && angle(at(a), at(b), at(c)) > 165.0 / 180.0 * BACKMAP_PI;
  }

  bool in_line(const std::vector<int> &points) const
  {
    if (points.size() < 3) return true;
    for (const int p : points) {
      std::vector<char> reached(t.natoms, 0);
      std::queue<int> todo;
      todo.push(p);
      reached[p] = 1;
      while (!todo.empty()) {
        const int a = todo.front();
        todo.pop();
        if (a != p && (near[a].size() != 2 || !straight(near[a][0], a, near[a][1]))) continue;
        for (const int b : near[a])
          if (!reached[b]) {
            reached[b] = 1;
            todo.push(b);
          }
      }
      for (const int q : points)
        if (!reached[q]) return false;
    }
    return true;
  }

  void set_environment(Fragments::Fragment &f) const
  {
    const auto own = [&](int i) {
      return std::find(f.atoms.begin(), f.atoms.end(), i) != f.atoms.end();
    };
    for (int d = o.reach; d <= t.natoms; d++) {
      f.environment.clear();
      for (int i = 0; i < t.natoms; i++) {
        if (own(i) || (bead[i] < 0 && stage[i] >= f.stage)) continue;
        if (std::any_of(f.atoms.begin(), f.atoms.end(),
                        [&](int j) { return dist[i][j] >= 0 && dist[i][j] <= d; }))
          f.environment.push_back(i);
      }
      if (!in_line(f.environment)) return;
    }
    throw std::runtime_error("fragments: bonds lead from fragment \"" + f.name + "\" (atom " +
                             std::to_string(f.atoms[0] + 1) + ") to " +
                             std::to_string(f.environment.size()) +
                             " points, expected at least three that are not in a line");
  }

  /* ---------------------------------------------------------------------- */

  void set_kind(Fragments::Fragment &f)
  {
    const int mine = (int) f.atoms.size();
    auto points = f.atoms;
    points.insert(points.end(), f.environment.begin(), f.environment.end());
    const int n = (int) points.size();
    int reach = o.reach;
    for (int b = mine; b < n; b++) {
      int d = t.natoms;
      for (int a = 0; a < mine; a++)
        if (dist[points[b]][points[a]] >= 0) d = std::min(d, dist[points[b]][points[a]]);
      reach = std::max(reach, d);
    }

    // bonds, and numbers of bonds where the points between are not all here
    LocalGraph g;
    g.links.resize(n);
    Graph here(n);
    for (int a = 0; a < n; a++)
      for (int b = 0; b < n; b++)
        if (dist[points[a]][points[b]] == 1) here[a].push_back(b);
    for (int a = 0; a < n; a++) {
      const auto within = steps_from(here, std::vector<char>(n, 1), a);
      for (int b = 0; b < n; b++) {
        const int d = dist[points[a]][points[b]];
        if (d >= 1 && d <= reach && (d == 1 || within[b] < 0 || within[b] > d))
          g.links[a].push_back({b, d});
      }
    }
    for (int a = 0; a < n; a++) {
      const int i = points[a];
      g.labels.push_back(a < mine ? "1 " + atom_label(t, near, i)
                                  : "2 " + element_of_mass(t.masses[i]));
      g.degree.push_back((int) near[i].size());
      for (int k = 0; k < 3; k++) g.x.push_back(x[3 * i + k]);
      g.tie.push_back(classes[i]);
      g.number.push_back(i);
    }
    const CanonicalOrder c = canonical_order(g);
    for (int a = 0; a < n; a++)
      (a < mine ? f.atoms[a] : f.environment[a - mine]) = points[c.order[a]];

    Fragments::Kind kind;
    kind.name = f.name;
    kind.natoms = mine;
    kind.nenvironment = n - mine;
    std::string environment;
    for (int a = 0; a < n; a++) {
      const std::string number = std::to_string(a + 1);
      (a < mine ? kind.signature : environment) +=
          " " + number + ":" + g.labels[c.order[a]].substr(2);
    }
    kind.signature = "atoms" + kind.signature + "; environment" + environment +
        links_text(g, c, "atoms", kind.bonds);
    f.kind = 0;
    for (const auto &k : out.kinds) {
      if (k.signature == kind.signature) return;
      f.kind++;
    }
    out.kinds.push_back(kind);
  }
};

}    // namespace

Fragments Fragments::derive(const Topology &topology, const Mapping &mapping,
                            const std::vector<double> &x, const FragmentOptions &options)
{
  return Maker(topology, mapping, x, options).run();
}

Topology Fragments::local(const Topology &t, const Fragment &fragment)
{
  const auto near = t.neighbors(), dist = t.bond_distances();
  const int mine = (int) fragment.atoms.size();
  auto points = fragment.atoms;
  points.insert(points.end(), fragment.environment.begin(), fragment.environment.end());
  Topology out;
  out.natoms = (int) points.size();
  std::vector<int> part(out.natoms), here(t.natoms, -1);
  for (int a = 0; a < out.natoms; a++) {
    const int i = points[a];
    here[i] = part[a] = a;
    out.types.push_back(a + 1);
    out.charges.push_back(t.charges[i]);
    out.masses.push_back(t.masses[i]);
  }
  const auto join = [&](int a, int b, int type) {
    out.bonds.push_back({std::min(a, b), std::max(a, b)});
    out.bond_types.push_back(type);
    const int from = part[a], to = part[b];
    for (int &p : part)
      if (p == from) p = to;
  };

  // rotors: all neighbors of an atom but one, end atoms of one sort
  for (int p = 0; p < t.natoms; p++) {
    std::map<std::string, std::vector<int>> ends;
    for (const int i : near[p])
      if (near[i].size() == 1 && here[i] >= 0 && here[i] < mine)
        ends[atom_label(t, near, i)].push_back(here[i]);
    for (const auto &e : ends)
      if (e.second.size() + 1 == near[p].size())
        for (const int a : e.second)
          out.types[a] = *std::min_element(e.second.begin(), e.second.end()) + 1;
  }

  std::set<std::pair<int, int>> bonds;
  for (std::size_t k = 0; k < t.bonds.size(); k++) {
    const int a = here[t.bonds[k][0]], b = here[t.bonds[k][1]];
    if (a >= 0 && b >= 0) bonds.insert({std::min(a, b), std::max(a, b)});
  }
  for (const auto &b : bonds) join(b.first, b.second, 1);
  for (;;) {    // the nearest pair of points of different parts
    int from = -1, to = -1;
    for (int a = mine; a < out.natoms; a++)
      for (int b = mine; b < a; b++) {
        const int d = dist[points[a]][points[b]];
        if (part[a] != part[b] && d > 0 && (from < 0 || d < dist[points[from]][points[to]]))
          std::tie(from, to) = {a, b};
      }
    if (from < 0) return out;
    join(from, to, 2);
  }
}

}    // namespace BACKMAP_NS

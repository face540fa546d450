/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/units.h"

#include "molecule/canonical_order.h"
#include "molecule/elements.h"
#include "molecule/graph.h"

#include <algorithm>
#include <climits>
#include <cmath>
#include <cstdio>
#include <map>
#include <numeric>
#include <set>
#include <tuple>
#include <utility>

namespace BACKMAP_NS {

std::string atom_label(const Topology &t, const std::vector<std::vector<int>> &near, int i)
{
  const double q = std::round(t.charges[i] * 1.0e4) / 1.0e4 + 0.0;    // never -0
  char charge[40];
  std::snprintf(charge, sizeof charge, "(%.4f)", q);
  return element_of_mass(t.masses[i]) + std::to_string(near[i].size()) + charge;
}

std::vector<int> atom_classes(const Topology &t)
{
  const auto near = t.neighbors();
  std::map<std::string, int> names;
  for (int i = 0; i < t.natoms; i++) names[atom_label(t, near, i)] = 0;
  int next = 0;
  for (auto &n : names) n.second = next++;
  std::vector<int> classes(t.natoms);
  Links links(t.natoms);
  for (int i = 0; i < t.natoms; i++) {
    classes[i] = names[atom_label(t, near, i)];
    for (const int j : near[i]) links[i].push_back({j, 1});
  }
  return refined_classes(classes, links);
}

bool carbonyl(const Topology &t, const std::vector<std::vector<int>> &near, int i)
{
  return near[i].size() == 3 && std::any_of(near[i].begin(), near[i].end(), [&](int j) {
           return near[j].size() == 1 && element_of_mass(t.masses[j]) == "O";
         });
}

std::vector<int> atom_ranks(const Topology &t)
{
  const auto classes = atom_classes(t);
  std::vector<int> sorted(t.natoms), rank(t.natoms);
  std::iota(sorted.begin(), sorted.end(), 0);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [&](int i, int j) { return classes[i] < classes[j]; });
  for (int k = 0; k < t.natoms; k++) rank[sorted[k]] = k;
  return rank;
}

namespace {

class Cutter {
 public:
  Cutter(const Topology &topology, const Mapping &mapping, const UnitOptions &options) :
      t(topology), o(options), near(t.neighbors()), bead(mapping.bead_of_atom(t.natoms)),
      heavy(t.natoms), rank(atom_ranks(t))
  {
    for (int i = 0; i < t.natoms; i++) heavy[i] = heavy_atom(t.masses[i]);
    const auto path = longest_path(near, heavy, rank);
    const int start =
        path.empty() ? (int) (std::min_element(rank.begin(), rank.end()) - rank.begin()) : path[0];
    from_start = steps_from(near, std::vector<char>(t.natoms, 1), start);
    for (int &d : from_start)
      if (d < 0) d = INT_MAX;
  }

  std::vector<int> run()
  {
    cut_linkers();
    pieces();
    cut_long_pieces();
    pieces();
    join_small_pieces();
    return unit;
  }

 private:
  const Topology &t;
  const UnitOptions &o;
  const std::vector<std::vector<int>> near;
  const std::vector<int> bead;
  std::vector<char> heavy;
  const std::vector<int> rank;
  std::vector<int> from_start, unit;
  std::set<std::pair<int, int>> cuts;
  int nunits = 0;

  void cut(int a, int b) { cuts.insert({std::min(a, b), std::max(a, b)}); }
  bool may_cut(int a, int b) const { return !smallest_ring(near, a, b, o.small_ring); }
  std::tuple<int, int> place(int i) const { return {from_start[i], rank[i]}; }

  void cut_linkers()
  {
    for (int i = 0; i < t.natoms; i++) {
      const std::string e = element_of_mass(t.masses[i]);
      if (e != "N" && e != "O" && e != "S") continue;
      int best = -1, nheavy = 0;
      for (const int j : near[i]) {
        if (!heavy[j]) continue;
        nheavy++;
        if (may_cut(i, j) &&
            (best < 0 ||
             std::make_tuple(near[j].size(), place(j)) <
                 std::make_tuple(near[best].size(), place(best))))
          best = j;
      }
      if (nheavy > 1 && best >= 0) cut(i, best);
    }
  }

  // connected parts between the cuts, numbered along the molecule
  void pieces()
  {
    auto whole = near;
    for (int i = 0; i < t.natoms; i++)
      whole[i].erase(std::remove_if(whole[i].begin(), whole[i].end(),
                                    [&](int j) {
                                      return cuts.count({std::min(i, j), std::max(i, j)}) > 0;
                                    }),
                     whole[i].end());
    const auto part = connected_parts(whole, std::vector<char>(t.natoms, 1));
    std::vector<std::vector<int>> parts(*std::max_element(part.begin(), part.end()) + 1);
    for (int i = 0; i < t.natoms; i++) parts[part[i]].push_back(i);
    number(parts);
  }

  void number(std::vector<std::vector<int>> &parts)
  {
    const auto first = [&](const std::vector<int> &p) {
      return place(
          *std::min_element(p.begin(), p.end(), [&](int i, int j) { return place(i) < place(j); }));
    };
    std::sort(parts.begin(), parts.end(),
              [&](const auto &p, const auto &q) { return first(p) < first(q); });
    unit.assign(t.natoms, 0);
    nunits = (int) parts.size();
    for (int k = 0; k < nunits; k++)
      for (const int i : parts[k]) unit[i] = k;
  }

  void cut_long_pieces()
  {
    for (int u = 0; u < nunits; u++) {
      std::vector<char> inside(t.natoms, 0);
      int size = 0;
      for (int i = 0; i < t.natoms; i++)
        if (unit[i] == u) {
          inside[i] = heavy[i];
          size++;
        }
      if (size <= o.largest) continue;
      auto path = longest_path(near, inside, rank);
      if (place(path.back()) < place(path.front())) std::reverse(path.begin(), path.end());
      int k = 2;
      while (k * size < o.monomer * (int) path.size()) k += 2;
      int since = 1;
      for (std::size_t p = 1; p < path.size(); p++)
        if (since >= k && may_cut(path[p - 1], path[p])) {
          cut(path[p - 1], path[p]);
          since = 1;
        } else
          since++;
    }
  }

  void join_small_pieces()
  {
    for (;;) {
      std::vector<int> size(nunits, 0), beads(nunits, 0);
      std::vector<std::set<int>> beside(nunits);
      for (int i = 0; i < t.natoms; i++) {
        size[unit[i]]++;
        beads[unit[i]] += bead[i] >= 0;
        for (const int j : near[i])
          if (unit[j] != unit[i]) beside[unit[i]].insert(unit[j]);
      }
      int join = -1;
      for (int u = 0; u < nunits; u++)
        if ((!beads[u] || size[u] < o.smallest) && !beside[u].empty() &&
            (join < 0 || size[u] < size[join]))
          join = u;
      if (join < 0) return;
      const int into = *std::min_element(beside[join].begin(), beside[join].end(),
                                         [&](int u, int v) { return size[u] < size[v]; });
      std::vector<std::vector<int>> parts(nunits);
      for (int i = 0; i < t.natoms; i++) parts[unit[i] == join ? into : unit[i]].push_back(i);
      parts.erase(parts.begin() + join);
      number(parts);
    }
  }
};

}    // namespace

std::vector<int> molecular_units(const Topology &topology, const Mapping &mapping,
                                 const UnitOptions &options)
{
  return Cutter(topology, mapping, options).run();
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/map_proposal.h"

#include "core/json.h"
#include "molecule/elements.h"
#include "molecule/graph.h"
#include "molecule/units.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace BACKMAP_NS {

namespace {

class Proposer {
 public:
  explicit Proposer(const Topology &topology) :
      t(topology), near(t.neighbors()), rank(atom_ranks(t)), heavy(t.natoms), element(t.natoms)
  {
    for (int i = 0; i < t.natoms; i++) {
      heavy[i] = heavy_atom(t.masses[i]);
      element[i] = element_of_mass(t.masses[i]);
    }
    const auto part = connected_parts(near, std::vector<char>(t.natoms, 1));
    for (int i = 0; i < t.natoms; i++)
      if (part[i] > 0)
        throw std::runtime_error("map: no bond leads from atom 1 to atom " + std::to_string(i + 1) +
                                 ", expected one molecule");
    find_path();
  }

  const std::vector<int> &backbone() const { return path; }

  Mapping propose(const MapRule &rule)
  {
    Mapping map;
    map.molecule = formula(element);
    if (rule.sort == MapRule::Centers || rule.sort == MapRule::Units)
      centers(rule, map);
    else
      atoms(rule, map);
    if (map.nbeads() < 3)
      throw std::runtime_error("map: " + std::to_string(map.nbeads()) +
                               " beads, expected at least three: smaller beads, or another rule");
    return map;
  }

 private:
  const Topology &t;
  const Graph near;
  const std::vector<int> rank;
  std::vector<char> heavy;
  std::vector<std::string> element;
  std::vector<int> path;              // the backbone
  std::vector<int> place, to_path;    // the atom of the path nearest to each atom, bonds to it

  std::vector<int> heavy_neighbors(int i) const
  {
    std::vector<int> out;
    for (const int j : near[i])
      if (heavy[j]) out.push_back(j);
    return out;
  }

  bool lone(int i) const { return heavy[i] && near[i].size() == 1; }    // =O, a halogen

  bool linker(int i) const { return element[i] == "N" || element[i] == "O" || element[i] == "S"; }

  /* ---------------------------------------------------------------------- */

  void find_path()
  {
    std::vector<int> ends;
    for (int i = 0; i < t.natoms; i++)
      if (heavy[i] && heavy_neighbors(i).size() == 1) ends.push_back(i);
    if (ends.size() < 2) {
      ends.clear();
      for (int i = 0; i < t.natoms; i++)
        if (heavy[i]) ends.push_back(i);
    }
    std::tuple<int, int, int, int, int> best;
    for (const int from : ends)
      for (const int to : ends) {
        if (from != to && rank[from] > rank[to]) continue;
        const auto p = shortest_path(near, heavy, rank, from, to);
        int amides = 0, others = 0;
        for (std::size_t k = 1; k + 1 < p.size(); k++)
          if (linker(p[k]))
            (carbonyl(t, near, p[k - 1]) || carbonyl(t, near, p[k + 1]) ? amides : others)++;
        const auto value = std::make_tuple(amides, others, (int) p.size(), -rank[from], -rank[to]);
        if (path.empty() || value > best) {
          best = value;
          path = p;
        }
      }
    if (path.empty())
      throw std::runtime_error("map: expected a molecule with heavy atoms, got none");
    if (path.back() < path.front()) std::reverse(path.begin(), path.end());
    place.assign(t.natoms, 0);
    to_path.assign(t.natoms, t.natoms);
    for (int k = 0; k < (int) path.size(); k++) {
      const auto d = steps_from(near, std::vector<char>(t.natoms, 1), path[k]);
      for (int i = 0; i < t.natoms; i++)
        if (d[i] < to_path[i]) {
          to_path[i] = d[i];
          place[i] = k;
        }
    }
  }

  void sort_along(std::vector<int> &atoms) const
  {
    std::sort(atoms.begin(), atoms.end(), [&](int i, int j) {
      return std::tie(place[i], to_path[i], rank[i]) < std::tie(place[j], to_path[j], rank[j]);
    });
  }

  /* ----------------------------------------------------------------------
     beads that are atoms
  ------------------------------------------------------------------------- */

  void atoms(const MapRule &rule, Mapping &map)
  {
    std::vector<char> in_backbone(t.natoms, 0);
    for (const int i : path) in_backbone[i] = 1;
    for (int i = 0; i < t.natoms; i++)
      for (const int j : near[i])
        if (smallest_ring(near, i, j, t.natoms) > SMALL_RING) in_backbone[i] = 1;
    std::vector<int> inner, all;
    for (int i = 0; i < t.natoms; i++) {
      if (!in_backbone[i]) continue;
      all.push_back(i);
      if (heavy_neighbors(i).size() > 1) inner.push_back(i);
    }
    sort_along(inner);
    sort_along(all);

    std::vector<int> beads;
    std::vector<std::string> name(t.natoms);
    if (rule.sort == MapRule::Every) {
      const auto pick = [&](const std::vector<int> &from) {
        beads.clear();
        for (std::size_t k = 0; k < from.size(); k += rule.k) beads.push_back(from[k]);
      };
      pick(inner);
      if (beads.size() < 3) pick(all);
    } else {
      const auto sides = side_chains(in_backbone, name);
      for (const int i : all)
        if (!std::count(inner.begin(), inner.end(), i) && !held(i)) inner.push_back(i);
      beads = inner.size() + sides.size() < 3 ? all : inner;
      beads.insert(beads.end(), sides.begin(), sides.end());
      sort_along(beads);
    }
    for (const int i : beads)
      map.beads.push_back({name[i].empty() ? backbone_name(i) : name[i], {i}, {1.0}});
  }

  // an end atom that the bond behind its neighbor holds, planar at both ends, as the methyl groups of
  // a capped peptide
  bool held(int end) const
  {
    if (path.size() < 3) return false;
    const bool front = end == path.front();
    const int next = front ? path[1] : path[path.size() - 2],
              after = front ? path[2] : path[path.size() - 3];
    return near[next].size() == 3 && near[after].size() == 3;
  }

  std::string backbone_name(int i) const
  {
    if (element[i] != "C" || carbonyl(t, near, i)) return element[i];
    bool nitrogen = false, acid = false;
    for (const int j : near[i]) {
      nitrogen = nitrogen || element[j] == "N";
      acid = acid || carbonyl(t, near, j);
    }
    return nitrogen && acid ? "CA" : element[i];
  }

  std::vector<int> side_chains(const std::vector<char> &in_backbone, std::vector<std::string> &name)
  {
    std::vector<char> off(t.natoms);
    for (int i = 0; i < t.natoms; i++) off[i] = heavy[i] && !in_backbone[i];
    const auto part = connected_parts(near, off);
    const int nparts = *std::max_element(part.begin(), part.end()) + 1;
    std::vector<int> out;
    for (int p = 0; p < nparts; p++) {
      // a side chain that closes a ring with the backbone begins at a carbon atom of it
      int first = -1;
      std::tuple<int, int> best;
      for (int i = 0; i < t.natoms; i++) {
        if (part[i] != p || lone(i)) continue;
        for (const int j : near[i]) {
          if (!in_backbone[j]) continue;
          const auto value = std::make_tuple(element[j] == "C" ? 0 : 1, rank[i]);
          if (first < 0 || value < best) {
            first = i;
            best = value;
          }
        }
      }
      if (first < 0) continue;
      out.push_back(first);
      name[first] = element[first] + "B";
      const int second = second_of(first, off);
      if (second < 0) continue;
      out.push_back(second);
      name[second] = element[second] + "G";
      place[second] = place[first];    // which it follows, also in a ring
      to_path[second] = to_path[first] + 1;
    }
    return out;
  }

  int second_of(int first, std::vector<char> off) const
  {
    off[first] = 0;
    int second = -1;
    std::tuple<int, double, int> best;
    const auto classes = atom_classes(t);
    std::vector<int> found;
    for (const int j : near[first]) {
      if (!off[j]) continue;
      found.push_back(classes[j]);
      const auto d = steps_from(near, off, j);
      const int behind = (int) std::count_if(d.begin(), d.end(), [](int s) { return s >= 0; });
      const auto value = std::make_tuple(behind, t.masses[j], -rank[j]);
      if (second < 0 || value > best) {
        second = j;
        best = value;
      }
    }
    const bool turning = found.size() > 2 &&
        std::count(found.begin(), found.end(), found[0]) == (std::ptrdiff_t) found.size();
    return turning ? -1 : second;
  }

  /* ----------------------------------------------------------------------
     beads that are centres of mass: units, or parts of the backbone with what hangs on them
  ------------------------------------------------------------------------- */

  void centers(const MapRule &rule, Mapping &map) const
  {
    std::vector<int> group(t.natoms);
    if (rule.sort == MapRule::Units) {
      Mapping all;
      for (int i = 0; i < t.natoms; i++)
        if (heavy[i]) all.beads.push_back({"", {i}, {1.0}});
      group = molecular_units(t, all);
    } else {
      std::vector<int> size(path.size(), 0), of_place(path.size(), 0);
      for (int i = 0; i < t.natoms; i++) size[place[i]] += heavy[i];
      int current = 0, count = 0;
      for (std::size_t k = 0; k < path.size(); k++) {
        of_place[k] = current;
        count += size[k];
        if (count >= rule.k) {
          current++;
          count = 0;
        }
      }
      if (count > 0 && 2 * count < rule.k && current > 0)    // a small rest
        std::replace(of_place.begin(), of_place.end(), current, current - 1);
      for (int i = 0; i < t.natoms; i++) group[i] = of_place[place[i]];
    }
    const int ngroups = *std::max_element(group.begin(), group.end()) + 1;
    std::vector<std::vector<int>> atoms(ngroups);
    for (int i = 0; i < t.natoms; i++) atoms[group[i]].push_back(i);
    const auto first = [&](const std::vector<int> &g) {
      int at = (int) path.size();
      for (const int i : g) at = std::min(at, place[i]);
      return at;
    };
    std::stable_sort(atoms.begin(), atoms.end(),
                     [&](const auto &g, const auto &h) { return first(g) < first(h); });
    for (const auto &g : atoms) {
      Mapping::Bead bead;
      bead.atoms = g;
      double sum = 0.0;
      std::vector<std::string> elements;
      for (const int i : g) {
        sum += t.masses[i];
        elements.push_back(element[i]);
      }
      for (const int i : g) bead.weights.push_back(t.masses[i] / sum);
      bead.name = formula(elements);
      map.beads.push_back(bead);
    }
  }
};

}    // namespace

std::vector<int> find_backbone(const Topology &topology)
{
  return Proposer(topology).backbone();
}

Mapping propose_map(const Topology &topology, const MapRule &rule)
{
  return Proposer(topology).propose(rule);
}

std::string map_text(const Mapping &mapping)
{
  const auto line = [](const std::string &name, const std::vector<int> &atoms) {
    std::string text = "    {\"name\": " + nlohmann::json(name).dump() + ", \"atoms\": [";
    for (std::size_t k = 0; k < atoms.size(); k++)
      text += (k ? ", " : "") + std::to_string(atoms[k] + 1);
    return text + "]}";
  };
  std::string out =
      "{\n  \"molecule\": " + nlohmann::json(mapping.molecule).dump() + ",\n  \"beads\": [";
  for (int b = 0; b < mapping.nbeads(); b++)
    out += (b ? ",\n" : "\n") + line(mapping.beads[b].name, mapping.beads[b].atoms);
  out += "\n  ]";
  if (!mapping.fragments.empty()) {
    out += ",\n  \"fragments\": [";
    for (std::size_t f = 0; f < mapping.fragments.size(); f++)
      out += (f ? ",\n" : "\n") + line(mapping.fragments[f].name, mapping.fragments[f].atoms);
    out += "\n  ]";
  }
  return out + "\n}\n";
}

}    // namespace BACKMAP_NS

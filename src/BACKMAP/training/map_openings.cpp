/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/map_openings.h"

#include "molecule/elements.h"
#include "molecule/fragments.h"
#include "molecule/graph.h"
#include "training/zmatrix.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>
#include <utility>

namespace BACKMAP_NS {

namespace {

constexpr std::size_t SHOWN = 12;    // torsions that the advice names

struct Reader {
  const Topology &t;
  const Graph near;

  bool bonded(int a, int b) const
  {
    return a < t.natoms && b < t.natoms && std::count(near[a].begin(), near[a].end(), b) > 0;
  }
  bool ring(int a, int b) const { return bonded(a, b) && smallest_ring(near, a, b, SMALL_RING); }

  bool free_torsion(const std::array<int, 4> &row) const
  {
    const int i = row[0], a = row[1], b = row[2], c = row[3];
    if (bonded(a, c)) return false;    // held by a neighbor of its parent
    if (ring(i, a) && (ring(a, b) || bonded(i, b))) return false;    // held by a ring
    const bool planar = bonded(a, b) && near[a].size() == 3 && near[b].size() == 3;
    return !planar;
  }
};

}    // namespace

MapOpenings::MapOpenings(const Topology &t, const Mapping &mapping, const std::vector<double> &x) :
    slicing(mapping.slicing())
{
  const Reader read{t, t.neighbors()};
  const ZMatrix z = derive_zmatrix(t, mapping, 1, x.data());

  // parts
  std::vector<int> part(t.natoms, -1);
  if (slicing) {
    const Fragments fragments = Fragments::derive(t, mapping, x);
    for (const auto &f : fragments.fragments) {
      for (const int i : f.atoms) part[i] = (int) parts.size();
      parts.emplace_back();
      parts.back().name = f.name;
    }
  } else {
    part = mapping.force_groups(t);
    for (const auto &bead : mapping.beads) {
      parts.emplace_back();
      parts.back().name = bead.name;
    }
  }

  const auto bead = mapping.bead_of_atom(t.natoms);
  std::vector<char> open(t.natoms, 0);
  for (int i = 0; i < t.natoms; i++) {
    open[i] = bead[i] < 0 || mapping.beads[bead[i]].atoms.size() > 1;
    if (open[i]) parts[part[i]].atoms++;
  }

  // torsions and rotors
  std::vector<char> in_rotor(z.rows.size(), 0), built(t.natoms);
  for (const auto &r : z.rotors) {
    for (const int k : r.rows) in_rotor[k] = 1;
    parts[part[z.rows[r.rows[0]][0]]].rotors++;
  }
  for (int i = 0; i < t.natoms; i++) built[i] = !open[i];
  for (std::size_t k = 0; k < z.rows.size(); k++) {
    const auto &row = z.rows[k];
    if (!in_rotor[k] && read.free_torsion(row)) {
      Part &p = parts[part[row[0]]];
      p.torsions++;
      bool divides = heavy_atom(t.masses[row[0]]);
      if (row[1] < t.natoms)
        for (const int j : read.near[row[1]])
          divides = divides || (j != row[2] && !built[j] && heavy_atom(t.masses[j]));
      if (divides) p.dividing.push_back({row[0], row[1], row[2]});
    }
    built[row[0]] = 1;
  }

  // rings: of each system of small rings as many as it has bonds more than a tree, told by its open
  // atoms
  Graph rings(t.natoms);
  for (int i = 0; i < t.natoms; i++)
    for (const int j : read.near[i])
      if (read.ring(i, j)) rings[i].push_back(j);
  const auto system = connected_parts(rings, std::vector<char>(t.natoms, 1));
  std::map<int, std::vector<int>> members;
  for (int i = 0; i < t.natoms; i++)
    if (!rings[i].empty()) members[system[i]].push_back(i);
  for (const auto &m : members) {
    int bonds = 0;
    std::vector<int> shared(parts.size(), 0);
    for (const int i : m.second) {
      bonds += (int) rings[i].size();
      if (open[i]) shared[part[i]]++;
    }
    const auto most = std::max_element(shared.begin(), shared.end());
    if (most != shared.end() && *most > 0)
      parts[most - shared.begin()].rings += bonds / 2 - (int) m.second.size() + 1;
  }
}

/* ---------------------------------------------------------------------- */

std::string MapOpenings::table() const
{
  std::vector<std::pair<Part, int>> lines;
  Part sum;
  for (const auto &p : parts) {
    sum.atoms += p.atoms;
    sum.torsions += p.torsions;
    sum.rotors += p.rotors;
    sum.rings += p.rings;
    sum.dividing.insert(sum.dividing.end(), p.dividing.begin(), p.dividing.end());
    const auto same = std::find_if(lines.begin(), lines.end(), [&](const auto &l) {
      return l.first.name == p.name && l.first.atoms == p.atoms && l.first.torsions == p.torsions &&
          l.first.rotors == p.rotors && l.first.rings == p.rings &&
          l.first.dividing.size() == p.dividing.size();
    });
    if (same == lines.end())
      lines.emplace_back(p, 1);
    else
      same->second++;
  }
  sum.name = "all";
  lines.emplace_back(sum, (int) parts.size());
  char text[200];
  std::snprintf(text, sizeof text, "  %-20s %6s %6s %9s %12s %7s %6s\n", "part", "number", "atoms",
                "torsions", "heavy", "rotors", "rings");
  std::string out = text;
  for (const auto &l : lines) {
    const Part &p = l.first;
    std::snprintf(text, sizeof text, "  %-20s %6d %6d %9d %12d %7d %6d\n",
                  p.name.substr(0, 20).c_str(), l.second, p.atoms, p.torsions,
                  (int) p.dividing.size(), p.rotors, p.rings);
    out += text;
  }
  return out;
}

std::string MapOpenings::advice() const
{
  std::string list;
  std::size_t count = 0;
  for (const auto &p : parts)
    for (const auto &d : p.dividing) {
      if (count++ >= SHOWN) continue;
      list += (list.empty() ? "" : ", ") + std::to_string(d.axis + 1) + "-" +
          std::to_string(d.parent + 1) + " (atom " + std::to_string(d.atom + 1) + " of " + p.name +
          ")";
    }
  if (count == 0) return "";
  const std::string what = "the map leaves " + std::to_string(count) +
      " torsion(s) open that turn heavy atoms, and a flow must learn all their rotamers";
  if (!slicing) return what + ": smaller beads, or beads of one atom each, leave fewer";
  if (count > SHOWN) list += " and " + std::to_string(count - SHOWN) + " more";
  return what + ": those about the bonds " + list + "; a bead at the atom that is named fixes one";
}

}    // namespace BACKMAP_NS

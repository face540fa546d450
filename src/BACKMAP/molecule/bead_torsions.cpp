/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/bead_torsions.h"

#include "molecule/elements.h"
#include "molecule/graph.h"
#include "molecule/map_proposal.h"
#include "molecule/units.h"

#include <algorithm>

namespace BACKMAP_NS {

namespace {

class Finder {
 public:
  Finder(const Topology &topology, const Mapping &mapping) :
      t(topology), m(mapping), near(t.neighbors()), bead(m.bead_of_atom(t.natoms)),
      backbone(t.natoms, 0)
  {
    for (const int i : find_backbone(t)) backbone[i] = 1;
  }

  std::vector<BeadTorsion> run() const
  {
    std::vector<BeadTorsion> out;
    int others = 0;
    for (const auto &one : m.beads)
      for (const int c : neighbors(one.atoms[0])) {
        const int b = one.atoms[0];
        if (bead[c] < bead[b] || !turns(b, c)) continue;
        const int a = end(b, c), d = end(c, b);
        if (a < 0 || d < 0 || a == d) continue;
        out.push_back({name({a, b, c, d}), {a, b, c, d}});
        if (out.back().name == "t") others++;
      }
    if (others < 2) return out;
    int number = 0;
    for (auto &torsion : out)
      if (torsion.name == "t") torsion.name += std::to_string(++number);
    return out;
  }

 private:
  const Topology &t;
  const Mapping &m;
  const Graph near;
  const std::vector<int> bead;
  std::vector<char> backbone;

  std::string element(int i) const { return element_of_mass(t.masses[i]); }
  bool acyl(int i) const { return element(i) == "C" && carbonyl(t, near, i); }

  bool turns(int b, int c) const
  {
    return !(near[b].size() == 3 && near[c].size() == 3) &&
        smallest_ring(near, b, c, SMALL_RING) == 0;
  }

  /// Beads that are bonded to an atom, in their order.
  std::vector<int> neighbors(int i) const
  {
    std::vector<int> out;
    for (const int j : near[i])
      if (bead[j] >= 0) out.push_back(j);
    std::sort(out.begin(), out.end(), [&](int j, int k) { return bead[j] < bead[k]; });
    return out;
  }

  /// The neighbor of an atom where a torsion about its bond to another one ends, -1 if no bead.
  int end(int of, int but) const
  {
    int best = -1;
    for (const int j : neighbors(of))
      if (j != but && (best < 0 || (backbone[j] && !backbone[best]))) best = j;
    return best;
  }

  /// The carbon atom between nitrogen and carbonyl of an amino acid.
  bool alpha(int i) const
  {
    return element(i) == "C" && near[i].size() == 4 && backbone[i] &&
        std::any_of(near[i].begin(), near[i].end(), [&](int j) { return acyl(j); }) &&
        std::any_of(near[i].begin(), near[i].end(), [&](int j) { return element(j) == "N"; });
  }

  std::string name(const std::array<int, 4> &a) const
  {
    for (const bool turned : {false, true}) {
      const int before = turned ? a[3] : a[0], from = turned ? a[2] : a[1],
                to = turned ? a[1] : a[2], behind = turned ? a[0] : a[3];
      if (!alpha(from)) continue;
      if (element(to) == "N" && acyl(behind) && acyl(before)) return residue("phi", from);
      if (element(before) != "N") continue;
      if (acyl(to)) return residue("psi", from);
      if (!backbone[to]) return residue("chi", from);
    }
    return "t";
  }

  /// With the number of the residue, if there are several.
  std::string residue(const std::string &name, int ca) const
  {
    int all = 0, number = 0;
    for (const auto &one : m.beads)
      if (alpha(one.atoms[0])) {
        all++;
        if (one.atoms[0] == ca) number = all;
      }
    return all > 1 ? name + std::to_string(number) : name;
  }
};

}    // namespace

std::vector<BeadTorsion> bead_torsions(const Topology &topology, const Mapping &mapping)
{
  if (!mapping.slicing()) return {};
  return Finder(topology, mapping).run();
}

}    // namespace BACKMAP_NS

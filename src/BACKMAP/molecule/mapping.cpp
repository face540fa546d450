/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/mapping.h"

#include "core/json.h"
#include "molecule/graph.h"

#include <algorithm>
#include <stdexcept>

namespace BACKMAP_NS {

std::vector<std::vector<int>> Topology::neighbors() const
{
  if (natoms < 1 || (int) types.size() != natoms || (int) charges.size() != natoms ||
      (int) masses.size() != natoms || bonds.size() != bond_types.size())
    throw std::runtime_error("topology: lists of different length");
  std::vector<std::vector<int>> out(natoms);
  for (const auto &b : bonds) {
    if (b[0] < 0 || b[1] < 0 || b[0] >= natoms || b[1] >= natoms || b[0] == b[1])
      throw std::runtime_error("topology: bond " + std::to_string(b[0] + 1) + "-" +
                               std::to_string(b[1] + 1) + ", expected two atoms of 1.." +
                               std::to_string(natoms));
    out[b[0]].push_back(b[1]);
    out[b[1]].push_back(b[0]);
  }
  for (auto &n : out) {
    std::sort(n.begin(), n.end());
    n.erase(std::unique(n.begin(), n.end()), n.end());
  }
  return out;
}

std::vector<std::vector<int>> Topology::bond_distances() const
{
  const Graph near = neighbors();
  const std::vector<char> all(natoms, 1);
  std::vector<std::vector<int>> d;
  for (int i = 0; i < natoms; i++) d.push_back(steps_from(near, all, i));
  return d;
}

/* ---------------------------------------------------------------------- */

bool Mapping::slicing() const
{
  return std::all_of(beads.begin(), beads.end(), [](const Bead &b) { return b.atoms.size() == 1; });
}

std::vector<int> Mapping::bead_of_atom(int natoms) const
{
  std::vector<int> out(natoms, -1);
  for (int b = 0; b < nbeads(); b++)
    for (int a : beads[b].atoms) out.at(a) = b;
  return out;
}

/* ----------------------------------------------------------------------
   the list of fragments; bead: number of the bead of each atom, -1 for those that fragments must
   have
------------------------------------------------------------------------- */

static std::vector<Mapping::Group>
parse_fragments(const nlohmann::json &list, const std::vector<int> &bead, const std::string &origin)
{
  const int natoms = (int) bead.size();
  std::vector<Mapping::Group> out;
  std::vector<int> used(natoms, -1);
  for (size_t k = 0; k < list.size(); k++) {
    const std::string where = origin + ": fragment " + std::to_string(k + 1);
    JsonObject o(list[k], where);
    Mapping::Group group;
    group.name = o.text("name");
    if (group.name.empty()) o.fail("name", "a name");
    group.atoms = o.integers("atoms", 1, natoms);
    if (group.atoms.empty()) o.fail("atoms", "at least one atom ID");
    o.finish();
    for (int &a : group.atoms) {
      a--;
      const std::string atom = where + " (" + group.name + "): atom " + std::to_string(a + 1);
      if (bead[a] >= 0)
        throw std::runtime_error(atom + " is in bead " + std::to_string(bead[a] + 1) +
                                 ", expected atoms that are in no bead");
      if (used[a] >= 0)
        throw std::runtime_error(atom + " is already in fragment " + std::to_string(used[a] + 1) +
                                 ", expected each atom once");
      used[a] = (int) k;
    }
    out.push_back(group);
  }
  std::string missing;
  for (int a = 0; a < natoms; a++)
    if (bead[a] < 0 && used[a] < 0) missing += " " + std::to_string(a + 1);
  if (!missing.empty())
    throw std::runtime_error(
        origin + ": fragments: expected every atom that is in no bead, got none of atoms" +
        missing);
  return out;
}

Mapping Mapping::parse(const std::string &text, const Topology &topology, const std::string &origin)
{
  const auto json = JsonObject::parse(text, origin);
  JsonObject top(json, origin);
  Mapping map;
  map.molecule = top.text("molecule");
  const auto &list = top.value("beads");
  if (!list.is_array() || list.empty()) top.fail("beads", "a list of beads");
  const bool grouped = top.has("fragments");
  if (grouped && (!top.value("fragments").is_array() || top.value("fragments").empty()))
    top.fail("fragments", "a list of fragments");
  if (top.has("drawn_first")) {
    const auto first = top.text("drawn_first");
    if (first != "even" && first != "odd") top.fail("drawn_first", "even or odd");
    map.odd_first = first == "odd";
  }
  top.finish();
  std::vector<int> used(topology.natoms, -1);
  for (size_t k = 0; k < list.size(); k++) {
    const std::string where = origin + ": bead " + std::to_string(k + 1);
    JsonObject o(list[k], where);
    Bead bead;
    bead.name = o.text("name");
    if (bead.name.empty()) o.fail("name", "a name");
    bead.atoms = o.integers("atoms", 1, topology.natoms);
    if (bead.atoms.empty()) o.fail("atoms", "at least one atom ID");
    for (int &a : bead.atoms) {
      a--;
      if (used[a] >= 0)
        throw std::runtime_error(where + ": atom " + std::to_string(a + 1) +
                                 " is already in bead " + std::to_string(used[a] + 1));
      used[a] = k;
    }
    if (o.has("weights")) {
      bead.weights = o.numbers("weights");
      if (bead.weights.size() != bead.atoms.size())
        o.fail("weights", "one number per atom (" + std::to_string(bead.atoms.size()) + ")");
      for (double w : bead.weights)
        if (w <= 0.0) o.fail("weights", "positive numbers");
    } else
      for (int a : bead.atoms) bead.weights.push_back(topology.masses[a]);
    double sum = 0.0;
    for (double w : bead.weights) sum += w;
    for (double &w : bead.weights) w /= sum;
    o.finish();
    map.beads.push_back(bead);
  }
  if (grouped) map.fragments = parse_fragments(json["fragments"], used, origin);
  return map;
}

/* ---------------------------------------------------------------------- */

void Mapping::apply(const double *x, double *z) const
{
  MoleculeSpec::apply(beads, x, z);
}

std::vector<int> Mapping::force_groups(const Topology &topology) const
{
  const auto d = topology.bond_distances();
  auto group = bead_of_atom(topology.natoms);
  for (int i = 0; i < topology.natoms; i++) {
    if (group[i] >= 0) continue;
    int best = -1;
    for (int b = 0; b < nbeads(); b++)
      for (int a : beads[b].atoms)
        if (d[i][a] >= 0 && (best < 0 || d[i][a] < best)) {
          best = d[i][a];
          group[i] = b;
        }
  }
  return group;
}

void Mapping::apply_forces(const std::vector<int> &groups, int nbeads, const double *f, double *F)
{
  std::fill(F, F + 3 * nbeads, 0.0);
  for (size_t i = 0; i < groups.size(); i++)
    if (groups[i] >= 0)
      for (int k = 0; k < 3; k++) F[3 * groups[i] + k] += f[3 * i + k];
}

std::vector<std::array<int, 2>> Mapping::bead_bonds(const Topology &topology) const
{
  const auto group = force_groups(topology);
  std::vector<std::array<int, 2>> out;
  for (const auto &b : topology.bonds) {
    const int i = group[b[0]], j = group[b[1]];
    if (i >= 0 && j >= 0 && i != j) out.push_back({std::min(i, j), std::max(i, j)});
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<int> force_groups(const MoleculeSpec &m)
{
  Topology t;
  t.natoms = m.natoms;
  t.masses = m.masses;
  t.types = m.types;
  t.charges = m.charges;
  t.bonds = m.bonds;
  t.bond_types.assign(m.bonds.size(), 1);
  Mapping map;
  map.beads = m.beads;
  return map.force_groups(t);
}

/* ---------------------------------------------------------------------- */

MoleculeSpec describe_molecule(const Topology &topology, const Mapping &mapping)
{
  MoleculeSpec m;
  m.molecule = mapping.molecule;
  m.natoms = topology.natoms;
  m.masses = topology.masses;
  m.types = topology.types;
  m.charges = topology.charges;
  m.bonds = topology.bonds;
  m.beads = mapping.beads;
  return m;
}

}    // namespace BACKMAP_NS

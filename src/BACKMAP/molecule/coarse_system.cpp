/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/coarse_system.h"

#include "molecule/graph.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

/* as short as ten digits allow, so that the digits of a dump come out as they were */

std::string number(double v)
{
  char text[40];
  snprintf(text, sizeof(text), "%.10g", v);
  return text;
}

/* names come from a file of the user: in a comment they must stay on its line */

std::string one_line(std::string text)
{
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return text;
}

/* as one word of an input script */

std::string word(const std::string &name)
{
  const std::string safe = one_line(name);
  return safe.find_first_of(" #&$'") == std::string::npos ? safe : "\"" + safe + "\"";
}

double distance(const double *a, const double *b)
{
  return std::sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
                   (a[2] - b[2]) * (a[2] - b[2]));
}

/* number of cubes along each edge of the box of n copies */

std::array<int, 3> grid(int n)
{
  int edge = 1;
  while ((int64_t) edge * edge * edge < n) edge++;
  const int rows = (n + edge - 1) / edge;
  return {std::min(edge, n), std::min(edge, rows), (rows + edge - 1) / edge};
}

}    // namespace

/* ---------------------------------------------------------------------- */

CoarseSystem::CoarseSystem(const Topology &topology, const Mapping &mapping,
                           const CoarseRule &rule) :
    molecule(mapping.molecule)
{
  if (mapping.nbeads() < 2)
    throw std::runtime_error("map of " + one_line(molecule) +
                             ": expected at least two beads, got " +
                             std::to_string(mapping.nbeads()));
  find_ids(mapping, rule.atom_ids);
  find_types(topology, mapping, rule);
  find_bonds(topology, mapping);
}

/* ----------------------------------------------------------------------
   pair style cgnet and fix backmap know the beads of a molecule by the order of their IDs
------------------------------------------------------------------------- */

void CoarseSystem::find_ids(const Mapping &mapping, bool of_atoms)
{
  for (int b = 0; b < mapping.nbeads(); b++) {
    const auto &bead = mapping.beads[b];
    const std::string where =
        "IDs of atoms: bead " + std::to_string(b + 1) + " (" + one_line(bead.name) + ")";
    if (of_atoms && bead.atoms.size() != 1)
      throw std::runtime_error(where + ", expected one atom, got " +
                               std::to_string(bead.atoms.size()) +
                               "; with consecutive IDs, beads may have any number of atoms");
    const int id = of_atoms ? bead.atoms[0] + 1 : b + 1;
    if (b && id < bead_ids.back())
      throw std::runtime_error(where + ", expected an atom ID above " +
                               std::to_string(bead_ids.back()) +
                               " of the bead before, because beads are known by the order of their "
                               "IDs, got " +
                               std::to_string(id) + "; consecutive IDs have the order of the map");
    bead_ids.push_back(id);
  }
}

/* ----------------------------------------------------------------------
   beads of one name are one type as long as their masses agree: LAMMPS has a mass for each type
------------------------------------------------------------------------- */

void CoarseSystem::find_types(const Topology &topology, const Mapping &mapping,
                              const CoarseRule &rule)
{
  const auto group = rule.sort == CoarseRule::Bead ? mapping.bead_of_atom(topology.natoms)
                                                   : mapping.force_groups(topology);
  std::vector<double> masses(mapping.nbeads(), 0.0);
  bead_charges.assign(mapping.nbeads(), 0.0);
  for (int a = 0; a < topology.natoms; a++) {
    if (group[a] < 0 && rule.sort != CoarseRule::Bead)
      throw std::runtime_error("no way over bonds leads from atom " + std::to_string(a + 1) +
                               " to a bead, expected one molecule");
    if (group[a] < 0) continue;
    masses[group[a]] += topology.masses[a];
    bead_charges[group[a]] += topology.charges[a];
  }
  // what rounding leaves of a sum that is zero is no charge
  for (double &q : bead_charges)
    if (std::fabs(q) < 1e-12) q = 0.0;
  for (int b = 0; b < mapping.nbeads(); b++) {
    // sums of the same atoms in another order are the same mass
    const double mass = rule.sort == CoarseRule::Equal ? rule.mass : std::stod(number(masses[b]));
    const Type type{mapping.beads[b].name, mass};
    const auto known = std::find(distinct.begin(), distinct.end(), type);
    bead_types.push_back(1 + (int) (known - distinct.begin()));
    if (known == distinct.end()) distinct.push_back(type);
  }
}

/* ---------------------------------------------------------------------- */

void CoarseSystem::find_bonds(const Topology &topology, const Mapping &mapping)
{
  const int n = mapping.nbeads();
  bonds = mapping.bead_bonds(topology);
  for (const auto &b : bonds) {
    std::array<std::string, 2> names{mapping.beads[b[0]].name, mapping.beads[b[1]].name};
    std::sort(names.begin(), names.end());
    const auto known = std::find(bonded.begin(), bonded.end(), names);
    bond_types.push_back(1 + (int) (known - bonded.begin()));
    if (known == bonded.end()) bonded.push_back(names);
  }
  const Graph graph = graph_of(n, bonds);
  const std::vector<char> all(n, 1);
  for (int b = 0; b < n; b++) {
    const auto steps = steps_from(graph, all, b);
    for (int c = 0; c < n; c++)
      if (steps[c] < 0)
        throw std::runtime_error("no way over bonds leads from bead " + std::to_string(b + 1) +
                                 " to bead " + std::to_string(c + 1) + ", expected one molecule");
    longest = std::max(longest, *std::max_element(steps.begin(), steps.end()));
  }
}

/* ---------------------------------------------------------------------- */

std::string CoarseSystem::pair_coeff(const std::string &model) const
{
  std::string out, line = "pair_coeff      * * " + model;
  for (const auto &type : distinct) {
    const std::string name = " " + word(type.name);
    if (line.size() + name.size() > 96) {
      out += line + " &\n";
      line = std::string(15, ' ');
    }
    line += name;
  }
  return out + line + "\n";
}

/* ---------------------------------------------------------------------- */

double CoarseSystem::spacing(const std::vector<double> &z) const
{
  double length = 0.0;
  for (size_t at = 0; at < z.size(); at += 3 * (size_t) nbeads())
    for (const auto &b : bonds)
      length = std::max(length, distance(&z[at + 3 * b[0]], &z[at + 3 * b[1]]));
  return 2.5 * longest * length;
}

double CoarseSystem::smallest_spacing(const std::vector<double> &z) const
{
  double length = 0.0;
  const int n = nbeads();
  for (size_t at = 0; at < z.size(); at += 3 * (size_t) n)
    for (int a = 0; a < n; a++)
      for (int b = a + 1; b < n; b++)
        length =
            std::max(length, (b == a + 1 ? 2.0 : 1.0) * distance(&z[at + 3 * a], &z[at + 3 * b]));
  return length;
}

std::array<double, 3> CoarseSystem::box(int n, double spacing)
{
  const auto cubes = grid(n);
  return {cubes[0] * spacing, cubes[1] * spacing, cubes[2] * spacing};
}

/* ---------------------------------------------------------------------- */

std::string CoarseSystem::data_text(const std::vector<double> &z, const Layout &layout) const
{
  const int n = nbeads(), copies = (int) (z.size() / (3 * (size_t) n));
  if (copies > 1 && bead_ids.back() != n)
    throw std::runtime_error("IDs of atoms: expected one copy of the molecule, got " +
                             std::to_string(copies));
  const auto cubes = grid(copies);
  const auto edge = box(copies, layout.spacing);
  std::string out = "LAMMPS data file: " + one_line(molecule).substr(0, 150) + ", " +
      std::to_string(copies) + (copies == 1 ? " copy" : " copies") + " of " + std::to_string(n) +
      " beads, by backmap_coarse\n";

  std::string command = "# " + pair_coeff("MODEL");
  for (size_t at = 0; (at = command.find('\n', at) + 1) < command.size();) command.insert(at, "# ");
  out += command + "\n" + std::to_string((int64_t) copies * n) + " atoms\n";
  if (layout.bonds) out += std::to_string((int64_t) copies * bonds.size()) + " bonds\n";
  const auto &torsions = layout.torsions;
  if (!torsions.empty())
    out += std::to_string((int64_t) copies * torsions.size()) + " dihedrals\n" +
        std::to_string(torsions.size()) + " dihedral types\n";
  out += std::to_string(distinct.size()) + " atom types\n";
  if (layout.bonds) {
    out += std::to_string(bonded.size()) + " bond types\n";
    for (size_t k = 0; k < bonded.size(); k++)
      out += "# bond type " + std::to_string(k + 1) + ": " + one_line(bonded[k][0]) + " - " +
          one_line(bonded[k][1]) + "\n";
  }
  out += "\n";
  for (int d = 0; d < 3; d++) {
    const std::string axis(1, "xyz"[d]);
    out +=
        number(-0.5 * edge[d]) + " " + number(0.5 * edge[d]) + " " + axis + "lo " + axis + "hi\n";
  }
  out += "\nMasses\n\n";
  for (size_t k = 0; k < distinct.size(); k++)
    out += std::to_string(k + 1) + " " + number(distinct[k].mass) + " # " +
        one_line(distinct[k].name) + "\n";

  out += std::string("\nAtoms # ") + (layout.full ? "full" : "molecular") + "\n\n";
  for (int c = 0; c < copies; c++) {
    const double *x = &z[3 * (size_t) n * c];
    const int cube[3] = {c % cubes[0], c / cubes[0] % cubes[1], c / cubes[0] / cubes[1]};
    double shift[3];
    for (int d = 0; d < 3; d++) {
      double lo = x[d], hi = x[d];
      for (int b = 1; b < n; b++) {
        lo = std::min(lo, x[3 * b + d]);
        hi = std::max(hi, x[3 * b + d]);
      }
      shift[d] = (cube[d] + 0.5) * layout.spacing - 0.5 * edge[d] - 0.5 * (lo + hi);
    }
    for (int b = 0; b < n; b++, x += 3) {
      out += std::to_string((int64_t) c * n + bead_ids[b]) + " " + std::to_string(c + 1) + " " +
          std::to_string(bead_types[b]);
      if (layout.full) out += " " + number(bead_charges[b]);
      for (int d = 0; d < 3; d++) out += " " + number(x[d] + shift[d]);
      out += " # " + one_line(distinct[bead_types[b] - 1].name) + "\n";
    }
  }
  // the sections of what has a type and beads: number of the row, type, IDs
  const auto section = [&](const char *name, const auto &groups, const auto &type_of) {
    out += std::string("\n") + name + "\n\n";
    int64_t id = 0;
    for (int c = 0; c < copies; c++)
      for (size_t k = 0; k < groups.size(); k++) {
        out += std::to_string(++id) + " " + std::to_string(type_of(k));
        for (const int bead : groups[k])
          out += " " + std::to_string((int64_t) c * n + bead_ids[bead]);
        out += "\n";
      }
  };
  if (layout.bonds) section("Bonds", bonds, [&](size_t k) { return bond_types[k]; });
  if (!torsions.empty()) section("Dihedrals", torsions, [](size_t k) { return k + 1; });
  return out;
}

/* ---------------------------------------------------------------------- */

std::array<double, 6> CoarseSystem::dump_box(const std::vector<double> &z) const
{
  const double edge = spacing(z);
  std::array<double, 6> out;
  for (int d = 0; d < 3; d++) {
    double lo = z[d], hi = z[d];
    for (size_t i = d; i < z.size(); i += 3) {
      lo = std::min(lo, z[i]);
      hi = std::max(hi, z[i]);
    }
    // no bead lies on a face
    const double pad = std::max(0.5 * (edge - (hi - lo)), 0.05 * edge);
    out[2 * d] = lo - pad;
    out[2 * d + 1] = hi + pad;
  }
  return out;
}

std::string CoarseSystem::dump_frame(int64_t step, const std::array<double, 6> &box,
                                     const double *z) const
{
  std::string out = "ITEM: TIMESTEP\n" + std::to_string(step) + "\nITEM: NUMBER OF ATOMS\n" +
      std::to_string(nbeads()) + "\nITEM: BOX BOUNDS pp pp pp\n";
  for (int d = 0; d < 3; d++) out += number(box[2 * d]) + " " + number(box[2 * d + 1]) + "\n";
  out += "ITEM: ATOMS id type x y z\n";
  for (int b = 0; b < nbeads(); b++, z += 3)
    out += std::to_string(bead_ids[b]) + " " + std::to_string(bead_types[b]) + " " + number(z[0]) +
        " " + number(z[1]) + " " + number(z[2]) + "\n";
  return out;
}

}    // namespace BACKMAP_NS

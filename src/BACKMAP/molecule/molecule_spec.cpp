/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/molecule_spec.h"

#include "core/json.h"

#include <cmath>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;

namespace {
const int MAX_ATOMS = 100000;    // of one molecule; keeps all index arithmetic in int
}

/* ---------------------------------------------------------------------- */

std::vector<std::string> MoleculeSpec::bead_names() const
{
  std::vector<std::string> names;
  for (const auto &bead : beads) names.push_back(bead.name);
  return names;
}

/* ---------------------------------------------------------------------- */

bool MoleculeSpec::slicing() const
{
  for (const auto &bead : beads)
    if (bead.atoms.size() != 1) return false;
  return true;
}

/* ---------------------------------------------------------------------- */

void MoleculeSpec::apply(const std::vector<Bead> &beads, const double *x, double *z)
{
  for (const auto &bead : beads)
    for (int d = 0; d < 3; d++) {
      double sum = 0.0;
      for (std::size_t k = 0; k < bead.atoms.size(); k++)
        sum += bead.weights[k] * x[3 * bead.atoms[k] + d];
      *z++ = sum;
    }
}

std::vector<double> MoleculeSpec::bead_positions(std::size_t n, const double *x) const
{
  const std::size_t nz = 3 * (std::size_t) nbeads();
  std::vector<double> z(n * nz);
  for (std::size_t i = 0; i < n; i++) apply(beads, x + 3 * i * natoms, &z[i * nz]);
  return z;
}

/* ---------------------------------------------------------------------- */

void MoleculeSpec::validate(const std::string &where) const
{
  const auto fail = [&where](const std::string &what) {
    throw std::runtime_error(where + ": " + what);
  };
  const auto count = [&](const char *name, std::size_t got) {
    if (got != (std::size_t) natoms)
      fail(std::string(name) + ": expected " + std::to_string(natoms) + " values, got " +
           std::to_string(got));
  };

  if (units.empty()) fail("units are missing");
  if (!(temperature > 0.0) || !std::isfinite(temperature))
    fail("temperature must be positive, got " + std::to_string(temperature));
  if (natoms < 1 || natoms > MAX_ATOMS)
    fail("natoms must be from 1 to " + std::to_string(MAX_ATOMS) + ", got " +
         std::to_string(natoms));
  count("masses", masses.size());
  count("types", types.size());
  count("charges", charges.size());
  for (const double m : masses)
    if (!(m > 0.0) || !std::isfinite(m)) fail("masses must be positive");
  for (const double q : charges)
    if (!std::isfinite(q)) fail("charges must be finite");
  for (const int t : types)
    if (t < 1) fail("types must be at least 1");
  for (const auto &b : bonds)
    if (b[0] < 0 || b[1] < 0 || b[0] >= natoms || b[1] >= natoms || b[0] == b[1])
      fail("bond " + std::to_string(b[0]) + "-" + std::to_string(b[1]) +
           " is not between two atoms of the molecule");

  if (beads.empty()) fail("there are no beads");
  std::set<int> used;
  for (const auto &bead : beads) {
    const std::string what = "bead \"" + bead.name + "\": ";
    if (bead.atoms.empty()) fail(what + "has no atoms");
    if (bead.weights.size() != bead.atoms.size())
      fail(what + "expected " + std::to_string(bead.atoms.size()) + " weights, got " +
           std::to_string(bead.weights.size()));
    double sum = 0.0;
    for (const double w : bead.weights) sum += w;
    if (!(std::fabs(sum - 1.0) < 1.0e-9)) fail(what + "weights must add up to 1");
    for (const int a : bead.atoms) {
      if (a < 0 || a >= natoms) fail(what + "atom " + std::to_string(a) + " does not exist");
      if (!used.insert(a).second) fail(what + "atom " + std::to_string(a) + " is in two beads");
    }
  }
}

/* ---------------------------------------------------------------------- */

std::string MoleculeSpec::to_json() const
{
  json list = json::array();
  for (const auto &bead : beads)
    list.push_back({{"name", bead.name}, {"atoms", bead.atoms}, {"weights", bead.weights}});
  const json j = {{"molecule", molecule}, {"units", units},   {"temperature", temperature},
                  {"natoms", natoms},     {"masses", masses}, {"types", types},
                  {"charges", charges},   {"bonds", bonds},   {"beads", list}};
  return j.dump();
}

/* ---------------------------------------------------------------------- */

MoleculeSpec MoleculeSpec::from_json(const std::string &text,
                                     const std::vector<std::string> &others,
                                     const std::string &where)
{
  const json j = JsonObject::parse(text, where);
  JsonObject o(j, where);
  MoleculeSpec m;
  m.molecule = o.text("molecule");
  m.units = o.text("units");
  m.temperature = o.number("temperature");
  m.natoms = o.integer("natoms", 1, MAX_ATOMS);
  m.masses = o.numbers("masses");
  m.types = o.integers("types", 1, 0x7fffffff);
  m.charges = o.numbers("charges");
  m.bonds = o.tuples<2>("bonds", 0, m.natoms - 1);
  const json &list = o.value("beads");
  if (!list.is_array()) o.fail("beads", "a list");
  for (const auto &one : list) {
    JsonObject b(one, where + ", bead " + std::to_string(m.beads.size() + 1));
    Bead bead;
    bead.name = b.text("name");
    bead.atoms = b.integers("atoms", 0, m.natoms - 1);
    bead.weights = b.numbers("weights");
    b.finish();
    m.beads.push_back(bead);
  }
  for (const auto &key : others)
    if (o.has(key)) o.value(key);
  o.finish();
  m.validate(where);
  return m;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/fine_check.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace BACKMAP_NS;

/* ----------------------------------------------------------------------
   the fine script must be about the molecule of the model
------------------------------------------------------------------------- */

void BACKMAP_NS::check_fine_engine(const FineEngine &engine, const std::string &script,
                                   const MoleculeSpec &spec, const std::string &units)
{
  const auto fail = [&](const std::string &text) {
    throw std::runtime_error("fine script " + script + " and the model of " + spec.molecule + ": " +
                             text);
  };
  if (engine.natoms() != spec.natoms)
    fail("number of atoms, expected " + std::to_string(spec.natoms) + ", got " +
         std::to_string(engine.natoms()));
  if (engine.units() != units) fail("units, expected " + units + ", got " + engine.units());
  const auto masses = engine.masses();
  for (int i = 0; i < spec.natoms; i++)
    if (std::fabs(masses[i] - spec.masses[i]) > 0.005 * spec.masses[i])
      fail("mass of atom " + std::to_string(i + 1) + ", expected " +
           std::to_string(spec.masses[i]) + ", got " + std::to_string(masses[i]));
  auto bonds = spec.bonds;
  for (auto &b : bonds)
    if (b[0] > b[1]) std::swap(b[0], b[1]);
  std::sort(bonds.begin(), bonds.end());
  const auto found = engine.bonds();
  if (!found.empty() && !bonds.empty() && found != bonds)
    fail("the bonds differ from those of the model (expected " + std::to_string(bonds.size()) +
         " bonds, got " + std::to_string(found.size()) +
         "); is it another molecule, or are its atoms in another order?");
}

/* ----------------------------------------------------------------------
   the flow takes the atoms of a rotor as equal; the energy must do so too
------------------------------------------------------------------------- */

void BACKMAP_NS::check_equivalent_atoms(FineEngine &engine,
                                        const std::vector<std::vector<int>> &groups,
                                        const double *x, double energy)
{
  for (const auto &group : groups) {
    std::vector<double> y(x, x + 3 * engine.natoms());
    const std::size_t m = group.size();
    std::string atoms;
    for (std::size_t k = 0; k < m; k++) {
      const int from = group[k], to = group[(k + 1) % m];
      for (int d = 0; d < 3; d++) y[3 * to + d] = x[3 * from + d];
      atoms += " " + std::to_string(from + 1);
    }
    const double other = engine.evaluate(y.data(), nullptr);
    if (!(std::fabs(other - energy) <= 1e-6 * (1.0 + std::fabs(energy))))
      throw std::runtime_error(
          "atoms" + atoms +
          " are equivalent in the model, but exchanging them changes the energy "
          "of the fine script from " +
          std::to_string(energy) + " to " + std::to_string(other));
  }
}

/* ----------------------------------------------------------------------
   along one direction that no symmetry knows, by central differences; compared with what forces of that size give along
   a direction by chance
------------------------------------------------------------------------- */

void BACKMAP_NS::check_forces(FineEngine &engine, const double *x)
{
  const std::size_t n = 3 * static_cast<std::size_t>(engine.natoms());
  std::vector<double> f(n), d(n), y(x, x + n);
  double size = 0.0, along = 0.0;
  for (std::size_t k = 3; k < n; k++) size = std::max(size, std::fabs(x[k] - x[k % 3]));
  const double h = 1e-5 * size;
  engine.evaluate(x, nullptr);
  engine.forces(f.data());
  for (std::size_t k = 0; k < n; k++) {
    d[k] = std::sin(1.0 + 7.0 * static_cast<double>(k));
    along += f[k] * d[k];
  }
  const auto at = [&](double shift) {
    for (std::size_t k = 0; k < n; k++) y[k] = x[k] + shift * d[k];
    return engine.evaluate(y.data(), nullptr);
  };
  const double up = at(h), down = at(-h), slope = (down - up) / (2.0 * h);
  double chance = 0.0;
  for (std::size_t k = 0; k < n; k++) chance += f[k] * f[k] * d[k] * d[k];
  const double rounding = 1e-13 * (std::fabs(up) + std::fabs(down)) / h;
  if (std::isfinite(slope) && !(std::fabs(slope - along) <= 1e-3 * std::sqrt(chance) + rounding))
    throw std::runtime_error(
        "forces of the fine script: along a direction they add up to " + std::to_string(along) +
        ", expected " + std::to_string(slope) +
        " from the change of its energy; is there a fix that acts on the atoms without an energy "
        "(a thermostat)?");
}

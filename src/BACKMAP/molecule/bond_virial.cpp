/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/bond_virial.h"

#include "molecule/mapping.h"

#include <cmath>

namespace BACKMAP_NS {

BondVirial::Terms BondVirial::operator()(const double *z, const double *force) const
{
  Terms sum;
  for (std::size_t b = 0; b < bonds_.size(); b++) {
    const int i = 3 * bonds_[b][0], j = 3 * bonds_[b][1];
    double rsq = 0.0, pull = 0.0;    // length squared; (F_j - F_i) . (z_j - z_i)
    for (int d = 0; d < 3; d++) {
      const double e = z[j + d] - z[i + d];
      rsq += e * e;
      pull += (force[j + d] - force[i + d]) * e;
    }
    const double r = std::sqrt(rsq), h = r - lengths_[b];
    sum.virial -= 0.5 * h * pull / r;
    sum.ideal += 1.0 + 2.0 * h / r;
  }
  return sum;
}

/* ---------------------------------------------------------------------- */

std::vector<std::array<int, 2>> bead_bonds(const MoleculeSpec &molecule)
{
  Topology topology;
  topology.natoms = molecule.natoms;
  topology.bonds = molecule.bonds;
  topology.bond_types.assign(molecule.bonds.size(), 1);
  topology.types = molecule.types;
  topology.charges = molecule.charges;
  topology.masses = molecule.masses;
  return Mapping{molecule.molecule, molecule.beads, {}}.bead_bonds(topology);
}

}    // namespace BACKMAP_NS

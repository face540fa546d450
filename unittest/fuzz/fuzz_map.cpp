/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Maps (JSON): whatever the text, parse() throws std::runtime_error or gives a map that can be used.

#include "molecule/fragments.h"
#include "molecule/mapping.h"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

namespace {

/* a chain of 22 atoms with three branches: heavy atoms and hydrogens in turn */

Topology chain()
{
  Topology t;
  t.natoms = 22;
  for (int i = 0; i < t.natoms; i++) {
    t.types.push_back(1 + i % 3);
    t.charges.push_back(0.1 * (i % 5) - 0.2);
    t.masses.push_back(i % 3 == 1 ? 1.008 : 12.011);
    if (i == 0) continue;
    t.bonds.push_back({i % 3 == 1 ? i - 1 : (i > 1 ? i - 2 : 0), i});
    t.bond_types.push_back(1 + i % 2);
  }
  return t;
}

}    // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  static const Topology topology = chain();
  const std::string text(reinterpret_cast<const char *>(data), size);
  try {
    const Mapping map = Mapping::parse(text, topology, "fuzz");
    std::vector<double> x(66), z(3 * static_cast<std::size_t>(map.nbeads())), f(z.size());
    for (std::size_t i = 0; i < x.size(); i++) x[i] = 0.1 * static_cast<double>(i * i % 37);
    map.apply(x.data(), z.data());
    map.bead_of_atom(topology.natoms);
    const auto groups = map.force_groups(topology);
    Mapping::apply_forces(groups, map.nbeads(), x.data(), f.data());
    map.bead_bonds(topology);
  } catch (const std::runtime_error &) {
  }
  return 0;
}

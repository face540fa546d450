/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/training_molecule.h"

#include "lammps/fine_check.h"
#include "update.h"

#include <cmath>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

TrainingMolecule::TrainingMolecule(LAMMPS *l, BackmapTrajectory &t) : lmp(l), trajectory(&t) {}

TrainingMolecule::TrainingMolecule(LAMMPS *l, const std::string &map, const std::string &s,
                                   const std::string &what) :
    map_file(map),
    script(s), lmp(l), reader(std::make_unique<FineEngine>(s, FineEngine::Role::Silent,
                                                           std::vector<std::string>(), l)),
    trajectory(nullptr)
{
  reader->use([&](LAMMPS *instance) {
    own = std::make_unique<BackmapTrajectory>(instance, what + ": molecule " + script);
  });
  trajectory = own.get();
}

/* ----------------------------------------------------------------------
   errors of the instance of another molecule are exceptions
------------------------------------------------------------------------- */

template <class F> void TrainingMolecule::guarded(F &&f)
{
  if (reader)
    reader->use([&](LAMMPS *) { f(); });
  else
    f();
}

/* ---------------------------------------------------------------------- */

int TrainingMolecule::keyword(int narg, char **arg, int iarg)
{
  int used = 0;
  guarded([&] { used = trajectory->keyword(narg, arg, iarg); });
  return used;
}

/* ---------------------------------------------------------------------- */

void TrainingMolecule::describe(const std::string &map_text)
{
  guarded([&] {
    topology = trajectory->topology();
    reference = trajectory->positions();
  });
  mapping = Mapping::parse(map_text, topology, map_file);
}

/* ---------------------------------------------------------------------- */

void TrainingMolecule::start_engine()
{
  engine = std::make_unique<FineEngine>(script, FineEngine::Role::Silent, variables, lmp);
  check_fine_engine(*engine, script, describe_molecule(topology, mapping), lmp->update->unit_style);
}

/* ---------------------------------------------------------------------- */

void TrainingMolecule::read()
{
  guarded([&] { trajectory->read(false); });
}

/* ---------------------------------------------------------------------- */

void TrainingMolecule::check_equivalent(const std::vector<std::vector<int>> &groups)
{
  if (frames().n == 0) return;
  const double *x = frames().x.data(), u = energy(x);
  if (std::isfinite(u)) check_equivalent_atoms(*engine, groups, x, u);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "compute_backmap_internal.h"

#include "lammps/partitions.h"
#include "lammps/periodic_box.h"
#include "molecule/geometry.h"

#include "atom.h"
#include "domain.h"
#include "error.h"
#include "math_const.h"
#include "memory.h"
#include "update.h"
#include "utils.h"

#include <algorithm>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

// below this sine of a bond angle, rounding decides what the torsion about the bond is

constexpr double STRAIGHT = 1.0e-10;

/* atoms of a kind of entry, 0 for a word that is none */

int natoms_of(const std::string &kind)
{
  if (kind == "distance") return 2;
  if (kind == "angle") return 3;
  if (kind == "dihedral") return 4;
  return 0;
}

}    // namespace

/* ---------------------------------------------------------------------- */

ComputeBackmapInternal::ComputeBackmapInternal(LAMMPS *lmp, int narg, char **arg) :
    Compute(lmp, narg, arg)
{
  const std::string where = std::string("Compute backmap/internal ") + id + ": ";
  if (narg < 4)
    backmap_error(lmp, where + "expected entries: distance, angle or dihedral and its atom IDs");
  if (atom->map_style == Atom::MAP_NONE)
    backmap_error(lmp, where + "atoms are found by their IDs, expected: atom_modify map yes");

  for (int iarg = 3; iarg < narg;) {
    Entry e{arg[iarg], natoms_of(arg[iarg]), static_cast<int>(ids.size())};
    const std::string entry = where + "entry " + std::to_string(entries.size() + 1) + ", ";
    if (!e.natoms)
      backmap_error(lmp, entry + "expected distance, angle or dihedral, got " + e.text);
    for (int k = 1; k <= e.natoms; k++) {
      const std::string word = iarg + k < narg ? arg[iarg + k] : "";
      if (!utils::is_integer(word))
        backmap_error(lmp,
                      entry + arg[iarg] + ": expected " + std::to_string(e.natoms) +
                          " atom IDs, got " + std::to_string(k - 1) + " and then " +
                          (word.empty() ? "nothing" : word));
      ids.push_back(utils::tnumeric(FLERR, word.c_str(), false, lmp));
      if (ids.back() < 1)
        backmap_error(lmp, entry + arg[iarg] + ": expected positive atom IDs, got " + word);
      e.text += " " + word;
    }
    for (auto i = ids.begin() + e.first; i != ids.end(); ++i)
      if (std::find(ids.begin() + e.first, i, *i) != i)
        backmap_error(lmp,
                      entry + e.text + ": expected different atoms, got atom " +
                          std::to_string(*i) + " twice");
    entries.push_back(e);
    iarg += 1 + e.natoms;
  }

  vector_flag = 1;
  size_vector = static_cast<int>(entries.size());
  extvector = 0;
  memory->create(vector, size_vector, "backmap/internal:vector");
  mine.resize(4 * ids.size());
  all.resize(4 * ids.size());
}

/* ---------------------------------------------------------------------- */

ComputeBackmapInternal::~ComputeBackmapInternal()
{
  memory->destroy(vector);
}

/* ----------------------------------------------------------------------
   an atom that is not there is an error before the first step
------------------------------------------------------------------------- */

void ComputeBackmapInternal::init()
{
  gather();
}

/* ----------------------------------------------------------------------
   positions of all the atoms on every rank; each comes from the rank that owns it
------------------------------------------------------------------------- */

void ComputeBackmapInternal::gather()
{
  std::fill(mine.begin(), mine.end(), 0.0);
  for (std::size_t k = 0; k < ids.size(); k++) {
    // LAMMPS's map has no entries beyond the highest ID of all
    const int i = ids[k] <= atom->map_tag_max ? atom->map(ids[k]) : -1;
    if (i < 0 || i >= atom->nlocal) continue;
    std::copy_n(atom->x[i], 3, &mine[4 * k]);
    mine[4 * k + 3] = 1.0;
  }
  MPI_Allreduce(mine.data(), all.data(), static_cast<int>(all.size()), MPI_DOUBLE, MPI_SUM, world);

  for (const Entry &e : entries)
    for (int k = e.first; k < e.first + e.natoms; k++)
      if (all[4 * k + 3] != 1.0)
        backmap_error(lmp, "Compute backmap/internal {}: {}: there is no atom with ID {}", id,
                      e.text, ids[k]);
}

/* ----------------------------------------------------------------------
   each atom at the image nearest to the one before it
------------------------------------------------------------------------- */

double ComputeBackmapInternal::value(const Entry &e)
{
  const PeriodicBox box(domain);
  Vec3<double> x[4];
  for (int k = 0; k < e.natoms; k++) {
    const double *p = &all[4 * (e.first + k)];
    x[k] = {p[0], p[1], p[2]};
    if (!k) continue;
    double d[3] = {x[k].x - x[k - 1].x, x[k].y - x[k - 1].y, x[k].z - x[k - 1].z};
    box.nearest(d);
    x[k] = {x[k - 1].x + d[0], x[k - 1].y + d[1], x[k - 1].z + d[2]};
  }
  if (e.natoms == 2) return distance(x[0], x[1]);

  const auto undefined = [&](const char *why) {
    backmap_error(lmp, "Compute backmap/internal {}: {} is undefined at step {}: {}", id, e.text,
                  update->ntimestep, why);
  };
  for (int k = 1; k < e.natoms; k++)
    if (distance(x[k], x[k - 1]) == 0.0) undefined("two neighbors are in the same place");
  if (e.natoms == 3) return angle(x[0], x[1], x[2]) * 180.0 / MathConst::MY_PI;

  for (int k = 1; k < 3; k++) {
    const auto u = x[k - 1] - x[k], v = x[k + 1] - x[k];
    if (norm(cross(u, v)) <= STRAIGHT * norm(u) * norm(v))
      undefined("three neighbors are in a straight line");
  }
  return dihedral(x[0], x[1], x[2], x[3]) * 180.0 / MathConst::MY_PI;
}

/* ---------------------------------------------------------------------- */

void ComputeBackmapInternal::compute_vector()
{
  invoked_vector = update->ntimestep;
  gather();
  for (int k = 0; k < size_vector; k++) vector[k] = value(entries[k]);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "fix_backmap_bias.h"

#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"
#include "molecule/features.h"

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "neighbor.h"
#include "respa.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>

using namespace LAMMPS_NS;
using namespace FixConst;
using namespace BACKMAP_NS;

namespace {
const char *const WHOLE = ".whole";    // section of a bias of which the file has a part only
constexpr double SMOOTH = 0.3;         // kT, of the edge between what is kept and the bias
}    // namespace

/* ---------------------------------------------------------------------- */

FixBackmapBias::FixBackmapBias(LAMMPS *lmp, int narg, char **arg) :
    Fix(lmp, narg, arg), what(fmt::format("Fix backmap/bias {}", arg[0]))
{
  if (narg < 5) backmap_error(lmp, "{}: expected N FILE torsion NAME i j k l temp T ...", what);
  const auto steps = utils::is_integer(arg[3]) ? utils::bnumeric(FLERR, arg[3], false, lmp) : 0;
  if (steps < 1 || steps > MAXSMALLINT)
    backmap_error(lmp, "{}: steps between hills, expected a positive number, got {}", what, arg[3]);
  nevery = static_cast<int>(steps);
  file = arg[4];

  BackmapKeywords keywords(lmp, what);
  keywords.real("temp", temperature, 1.0e-6, 1.0e9)
      .real("height", height, 1.0e-6, 1.0e3)
      .real("width", width, 1.0, 90.0)
      .real("factor", factor, 1.001, 1.0e6)
      .real("keep", keep, 0.0, 1.0e3)
      .text("read", start)
      .yes("overwrite", overwrite)
      .add("torsion", [&](int left, char **words) {
        if (left < 5) keywords.fail("torsion", "a name and four beads", "too few words");
        read_torsion(left, words);
        return 5;
      });
  for (int iarg = 5; iarg < narg;) iarg += keywords.take(narg, arg, iarg);
  if (!keywords.given("temp")) backmap_error(lmp, "{}: expected keyword temp, got none", what);
  if (torsions.empty()) backmap_error(lmp, "{}: expected keyword torsion, got none", what);
  backmap_check_new_file(lmp, file, overwrite, what);
  // the width may come after the torsions
  for (auto &t : torsions) t.bias = TorsionBias(width);
  if (!start.empty()) {
    const std::string text = backmap_read_file(lmp, start, what);
    try {
      for (auto &t : torsions) {
        const bool cut = text.find("\n" + t.name + WHOLE + "\n") != std::string::npos;
        t.bias.read(text, t.name + (cut ? WHOLE : ""), what + ": " + start);
      }
    } catch (const std::exception &e) {
      backmap_error(lmp, std::string(e.what()));
    }
  }

  kT = force->boltz * temperature;
  scalar_flag = vector_flag = 1;
  size_vector = 1 + static_cast<int>(torsions.size());
  global_freq = 1;
  extscalar = 1;
  extvector = 0;
  energy_global_flag = 1;
  restart_global = 1;
}

/* ----------------------------------------------------------------------
   NAME i j k l
------------------------------------------------------------------------- */

void FixBackmapBias::read_torsion(int, char **words)
{
  Torsion t{words[0], {0, 0, 0, 0}, TorsionBias(width)};
  for (int k = 0; k < 4; k++) {
    t.beads[k] = utils::is_integer(words[k + 1]) ? utils::inumeric(FLERR, words[k + 1], false, lmp)
                                                 : 0;
    if (t.beads[k]-- < 1)
      backmap_error(lmp,
                    "{}: torsion {}, expected four places of beads in the molecule, from 1, got {}",
                    what, t.name, words[k + 1]);
  }
  if (std::set<int>(t.beads.begin(), t.beads.end()).size() != 4)
    backmap_error(lmp, "{}: torsion {}, expected four different beads", what, t.name);
  for (const auto &other : torsions)
    if (other.name == t.name)
      backmap_error(lmp, "{}: torsion {}, expected different names", what, t.name);
  torsions.push_back(std::move(t));
}

/* ---------------------------------------------------------------------- */

int FixBackmapBias::setmask()
{
  return POST_FORCE | POST_FORCE_RESPA | MIN_POST_FORCE | END_OF_STEP | POST_RUN;
}

/* ----------------------------------------------------------------------
   collective: atoms of the group that have the lowest molecule-ID
------------------------------------------------------------------------- */

int FixBackmapBias::beads_of_a_molecule() const
{
  if (!atom->molecule_flag)
    backmap_error(lmp, "{}: expected an atom style with molecule-IDs", what);
  tagint lowest = MAXTAGINT;
  for (int i = 0; i < atom->nlocal; i++)
    if ((atom->mask[i] & groupbit) && atom->molecule[i] > 0)
      lowest = std::min(lowest, atom->molecule[i]);
  MPI_Allreduce(MPI_IN_PLACE, &lowest, 1, MPI_LMP_TAGINT, MPI_MIN, world);
  int n = 0;
  for (int i = 0; i < atom->nlocal; i++)
    if ((atom->mask[i] & groupbit) && atom->molecule[i] == lowest) n++;
  MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_INT, MPI_SUM, world);
  return n;
}

/* ---------------------------------------------------------------------- */

void FixBackmapBias::init()
{
  if (!thermo_energy)
    backmap_error(lmp,
                  "{}: its energy is not part of the potential energy, expected: fix_modify {} "
                  "energy yes",
                  what, id);
  const int n = beads_of_a_molecule();
  for (const auto &t : torsions)
    for (const int b : t.beads)
      if (b >= n)
        backmap_error(lmp, "{}: torsion {}, expected beads 1 to {} of a molecule, got {}", what,
                      t.name, n, b + 1);
  molecules = std::make_unique<BackmapMolecules>(lmp, groupbit, n, what);
  respa = dynamic_cast<Respa *>(update->integrate);
}

/* ---------------------------------------------------------------------- */

void FixBackmapBias::setup(int vflag)
{
  if (!respa) {
    post_force(vflag);
    return;
  }
  const int level = respa->nlevels - 1;
  respa->copy_flevel_f(level);
  post_force(vflag);
  respa->copy_f_flevel(level);
}

void FixBackmapBias::min_setup(int vflag)
{
  post_force(vflag);
}

void FixBackmapBias::min_post_force(int vflag)
{
  post_force(vflag);
}

/* ----------------------------------------------------------------------
   the slowest level
------------------------------------------------------------------------- */

void FixBackmapBias::post_force_respa(int vflag, int level, int)
{
  if (level == respa->nlevels - 1) post_force(vflag);
}

/* ---------------------------------------------------------------------- */

double FixBackmapBias::angle(const Torsion &t, int molecule) const
{
  const double *z = molecules->x(molecule);
  return bead_dihedral(z + 3 * t.beads[0], z + 3 * t.beads[1], z + 3 * t.beads[2],
                       z + 3 * t.beads[3]);
}

/* ---------------------------------------------------------------------- */

void FixBackmapBias::post_force(int)
{
  molecules->gather(neighbor->ago != 0);
  const int nmol = molecules->nowned();
  const std::size_t size = 3 * static_cast<std::size_t>(molecules->nbeads());
  forces.assign(nmol * size, 0.0);
  energy_mine = 0.0;
  for (int m = 0; m < nmol; m++) {
    const double *z = molecules->x(m);
    double *f = &forces[m * size];
    for (const auto &t : torsions) {
      double slope;
      energy_mine += t.bias.energy(angle(t, m), slope);
      const auto [i, j, k, l] = t.beads;
      bead_dihedral_gradient(z + 3 * i, z + 3 * j, z + 3 * k, z + 3 * l, -slope, f + 3 * i,
                             f + 3 * j, f + 3 * k, f + 3 * l);
    }
  }
  molecules->scatter_add(forces.data());
}

/* ----------------------------------------------------------------------
   hills of all molecules, whose heights fall with the bias that is there (Barducci, Bussi and Parrinello,
   Phys. Rev. Lett. 100, 020603 (2008)); many walkers share them (Raiteri et al., J. Phys. Chem. B 110, 3533 (2006))
------------------------------------------------------------------------- */

void FixBackmapBias::end_of_step()
{
  if (update->whichflag != 1) return;
  // positions are those of post_force()
  const double first = height * kT / static_cast<double>(molecules->nmolecules());
  double sum = 0.0;
  for (auto &t : torsions) {
    deposit.assign(t.bias.size(), 0.0);
    for (int m = 0; m < molecules->nowned(); m++) {
      const double phi = angle(t, m);
      double slope;
      const double falling = std::exp(-t.bias.energy(phi, slope) / (kT * (factor - 1.0)));
      t.bias.add(phi, first * falling, deposit.data());
      sum += falling;
    }
    MPI_Allreduce(MPI_IN_PLACE, deposit.data(), t.bias.size(), MPI_DOUBLE, MPI_SUM, world);
    t.bias.add_series(deposit.data());
  }
  MPI_Allreduce(&sum, &growth, 1, MPI_DOUBLE, MPI_SUM, world);
  growth /= static_cast<double>(torsions.size()) * static_cast<double>(molecules->nmolecules());
}

/* ---------------------------------------------------------------------- */

void FixBackmapBias::post_run()
{
  backmap_write_file(lmp, file, table(), what);
}

/* ---------------------------------------------------------------------- */

std::string FixBackmapBias::table() const
{
  std::string text =
      fmt::format("# bias of torsions at {} K, units {}, by fix backmap/bias; for dihedral_style "
                  "table linear or spline\n",
                  temperature, update->unit_style);
  for (const auto &t : torsions) {
    text += "\n" + t.bias.table(t.name, keep * kT, SMOOTH * kT);
    if (keep > 0.0) text += "\n" + t.bias.table(t.name + WHOLE);
  }
  return text;
}

/* ----------------------------------------------------------------------
   energy of the bias
------------------------------------------------------------------------- */

double FixBackmapBias::compute_scalar()
{
  double all;
  MPI_Allreduce(&energy_mine, &all, 1, MPI_DOUBLE, MPI_SUM, world);
  return all;
}

/* ----------------------------------------------------------------------
   how fast the bias still grows, and how large it is along each torsion, in kT
------------------------------------------------------------------------- */

double FixBackmapBias::compute_vector(int n)
{
  return n == 0 ? growth : torsions[n - 1].bias.range() / kT;
}

/* ----------------------------------------------------------------------
   the bias of each torsion as it stands; the table has rounded values, and those of the end of a run
------------------------------------------------------------------------- */

void FixBackmapBias::write_restart(FILE *fp)
{
  if (comm->me != 0) return;
  std::vector<double> list{static_cast<double>(torsions.size()), growth};
  for (const auto &t : torsions) {
    list.insert(list.end(), t.beads.begin(), t.beads.end());
    list.push_back(t.bias.size());
    list.insert(list.end(), t.bias.series().begin(), t.bias.series().end());
  }
  const int size = static_cast<int>(list.size() * sizeof(double));
  fwrite(&size, sizeof(int), 1, fp);
  fwrite(list.data(), sizeof(double), list.size(), fp);
}

/* ---------------------------------------------------------------------- */

void FixBackmapBias::restart(char *buffer)
{
  const auto next = [&buffer] {
    double value;
    memcpy(&value, buffer, sizeof(value));
    buffer += sizeof(value);
    return value;
  };
  const double count = next();
  if (count != static_cast<double>(torsions.size()))
    backmap_error(lmp, "{}: expected the {} torsions of the restart file, got {}", what, count,
                  torsions.size());
  growth = next();
  for (auto &t : torsions) {
    bool same = true;
    for (const int bead : t.beads) same = next() == bead && same;
    t.bias = TorsionBias(width);
    if (!same || next() != t.bias.size())
      backmap_error(lmp,
                    "{}: torsion {}, expected its beads and the width of the hills as in the run "
                    "that wrote the restart file",
                    what, t.name);
    deposit.resize(t.bias.size());
    for (double &c : deposit) c = next();
    t.bias.add_series(deposit.data());
  }
}

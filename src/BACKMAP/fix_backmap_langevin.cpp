/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "fix_backmap_langevin.h"

#include "core/rng.h"
#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "fmt/format.h"
#include "force.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>

using namespace LAMMPS_NS;
using namespace FixConst;
using namespace BACKMAP_NS;

namespace {
constexpr int W = host_pack_width<double>();
using D = PackType<double, W>;
}    // namespace

/* ---------------------------------------------------------------------- */

FixBackmapLangevin::FixBackmapLangevin(LAMMPS *lmp, int narg, char **arg) :
    Fix(lmp, narg, arg), what(fmt::format("Fix backmap/langevin {}", arg[0])),
    stream(random_stream(universe->iworld, arg[0]))
{
  if (narg < 6) backmap_error(lmp, "{}: expected T damp seed every N", what);
  target = utils::numeric(FLERR, arg[3], false, lmp);
  damp = utils::numeric(FLERR, arg[4], false, lmp);
  if (!(target > 0.0))
    backmap_error(lmp, "{}: temperature, expected a positive number, got {}", what, arg[3]);
  if (!(damp > 0.0)) backmap_error(lmp, "{}: damp, expected a positive time, got {}", what, arg[4]);
  seed = static_cast<std::uint64_t>(utils::bnumeric(FLERR, arg[5], false, lmp));
  BackmapKeywords keywords(lmp, what);
  keywords.integer("every", every, 1);
  for (int iarg = 6; iarg < narg;) iarg += keywords.take(narg, arg, iarg);
  if (domain->dimension != 3) backmap_error(lmp, "{}: expected a system of three dimensions", what);
  time_integrate = 1;
  dynamic_group_allow = 1;
  restart_global = 1;
}

/* ---------------------------------------------------------------------- */

int FixBackmapLangevin::setmask()
{
  return INITIAL_INTEGRATE | FINAL_INTEGRATE;
}

/* ---------------------------------------------------------------------- */

void FixBackmapLangevin::init()
{
  if (utils::strmatch(update->integrate_style, "^respa"))
    backmap_error(lmp, "{}: expected run_style verlet", what);
  reset_dt();
}

void FixBackmapLangevin::reset_dt()
{
  dtv = update->dt;
  dtf = 0.5 * update->dt * force->ftm2v;
  kept = std::exp(-every * update->dt / damp);
}

// replica exchange

void FixBackmapLangevin::reset_target(double t)
{
  target = t;
}

/* ---------------------------------------------------------------------- */

void *FixBackmapLangevin::extract(const char *name, int &dim)
{
  dim = 0;
  return std::string(name) == "t_target" ? &target : nullptr;
}

/* ---------------------------------------------------------------------- */

double FixBackmapLangevin::mass_of(int i) const
{
  return atom->rmass ? atom->rmass[i] : atom->mass[atom->type[i]];
}

// half a step of the velocities

void FixBackmapLangevin::kick()
{
  for (int i = 0; i < atom->nlocal; i++) {
    if (!(atom->mask[i] & groupbit)) continue;
    const double factor = dtf / mass_of(i);
    for (int c = 0; c < 3; c++) atom->v[i][c] += factor * atom->f[i][c];
  }
}

/* ----------------------------------------------------------------------
   three normal numbers for each atom, of its ID and the step alone: the same on any number of ranks
   a row of numbers has one lane for each of W atoms
------------------------------------------------------------------------- */

void FixBackmapLangevin::draw()
{
  moved.clear();
  for (int i = 0; i < atom->nlocal; i++)
    if (atom->mask[i] & groupbit) moved.push_back(i);
  const std::size_t n = moved.size(), packs = (n + W - 1) / W;
  numbers.resize(packs * 3 * W);
  for (std::size_t p = 0; p < packs; p++) {
    D u[4], spare;
    for (int lane = 0; lane < W; lane++) {
      const int i = moved[std::min(p * W + lane, n - 1)];
      const RandomBits bits = random_bits(seed, stream, static_cast<std::uint64_t>(step),
                                          static_cast<std::uint64_t>(atom->tag[i]), 0, 0);
      for (int k = 0; k < 4; k++)
        reinterpret_cast<double *>(&u[k])[lane] = random_uniform(bits.v[k]);
    }
    D xi[3];
    random_normals(u[0], u[1], xi[0], xi[1]);
    random_normals(u[2], u[3], xi[2], spare);
    const double *from = reinterpret_cast<const double *>(xi);
    std::copy(from, from + 3 * W, &numbers[p * 3 * W]);
  }
}

/* ----------------------------------------------------------------------
   half a step of the velocities, a step of the positions, with the random numbers in its middle: there positions
   and velocities of a harmonic motion have the right distribution for one another, whatever the time step (BAOAB,
   Leimkuhler and Matthews, Appl. Math. Res. Express 2013, 34)
------------------------------------------------------------------------- */

void FixBackmapLangevin::initial_integrate(int)
{
  kick();
  double **x = atom->x, **v = atom->v;
  if (step++ % every != 0) {
    for (int i = 0; i < atom->nlocal; i++)
      if (atom->mask[i] & groupbit)
        for (int c = 0; c < 3; c++) x[i][c] += dtv * v[i][c];
    return;
  }
  draw();
  const double heat = (1.0 - kept * kept) * force->boltz * target / force->mvv2e;
  for (std::size_t m = 0; m < moved.size(); m++) {
    const int i = moved[m];
    const double noise = std::sqrt(heat / mass_of(i));
    const double *xi = &numbers[m / W * 3 * W + m % W];
    for (int c = 0; c < 3; c++) {
      const double before = v[i][c];
      v[i][c] = kept * before + noise * xi[c * W];
      x[i][c] += 0.5 * dtv * (before + v[i][c]);
    }
  }
}

/* ---------------------------------------------------------------------- */

void FixBackmapLangevin::final_integrate()
{
  kick();
}

/* ----------------------------------------------------------------------
   no random number is used twice after a restart
------------------------------------------------------------------------- */

void FixBackmapLangevin::write_restart(FILE *file)
{
  if (comm->me != 0) return;
  const int size = sizeof(step);
  fwrite(&size, sizeof(int), 1, file);
  fwrite(&step, sizeof(step), 1, file);
}

void FixBackmapLangevin::restart(char *buffer)
{
  std::copy_n(buffer, sizeof(step), reinterpret_cast<char *>(&step));
}

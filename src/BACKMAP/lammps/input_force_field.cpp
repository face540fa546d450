/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/input_force_field.h"

#include "lammps/io.h"
#include "lammps/partitions.h"

#include "angle.h"
#include "atom.h"
#include "bond.h"
#include "comm.h"
#include "dihedral.h"
#include "domain.h"
#include "fix.h"
#include "fmt/format.h"
#include "force.h"
#include "improper.h"
#include "input.h"
#include "kspace.h"
#include "lammps.h"
#include "modify.h"
#include "neighbor.h"
#include "pair.h"
#include "utils.h"

#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

std::string quoted(const std::string &path)
{
  return "\"" + path + "\"";
}

bool computes(const char *style)
{
  return style && strcmp(style, "none") != 0 && !utils::strmatch(style, "^zero");
}

}    // namespace

/* ---------------------------------------------------------------------- */

bool InputForceField::present(const LAMMPS *lmp)
{
  const Force *force = lmp->force;
  return computes(force->pair_style) || computes(force->bond_style) ||
      computes(force->angle_style) || computes(force->dihedral_style) ||
      computes(force->improper_style);
}

/* ---------------------------------------------------------------------- */

InputForceField::InputForceField(LAMMPS *l, const std::string &base, const std::string &what) :
    lmp(l), restart_(base + ".forcefield.restart"), script_(base + ".forcefield.in")
{
  refuse(what);
  lmp->input->one("write_restart " + quoted(restart_));
  energy = potential_energy();
  backmap_write_file(lmp, script_, commands(), what);
}

/* ---------------------------------------------------------------------- */

InputForceField::~InputForceField()
{
  MPI_Barrier(lmp->world);    // all ranks have read them
  if (lmp->comm->me) return;
  std::remove(script_.c_str());
  std::remove(restart_.c_str());
}

/* ---------------------------------------------------------------------- */

void InputForceField::refuse(const std::string &what) const
{
  const auto fail = [&](const std::string &text) {
    backmap_error(lmp,
                  "{}: the energy of the input script: {}. Remedy: keyword energy with an all-atom "
                  "script, or energy none",
                  what, text);
  };
  if (lmp->force->kspace)
    fail(fmt::format("kspace_style {}, expected none", lmp->force->kspace_style));
  for (int i = 0; i < lmp->modify->nfix; i++) {
    const Fix *fix = lmp->modify->fix[i];
    if (fix->energy_global_flag && fix->thermo_energy)
      fail(fmt::format("fix {} of style {} is part of it, expected pair and bonded styles only",
                       fix->id, fix->style));
  }
}

/* ----------------------------------------------------------------------
   what the energy needs beside the restart file
------------------------------------------------------------------------- */

std::string InputForceField::commands() const
{
  const char *style = lmp->neighbor->style == Neighbor::NSQ ? "nsq" : "bin";
  return fmt::format("read_restart {}\nneighbor {:.17g} {}\ndielectric {:.17g}\n", quoted(restart_),
                     lmp->neighbor->skin, style, lmp->force->dielectric);
}

/* ----------------------------------------------------------------------
   of pair and bonded styles, as compute pe adds them up; no fix sees this evaluation, so none writes
------------------------------------------------------------------------- */

double InputForceField::potential_energy() const
{
  const Force *force = lmp->force;
  lmp->neighbor->build(1);
  double one = 0.0, sum = 0.0;
  if (force->pair && force->pair->compute_flag) {
    force->pair->compute(1, 0);
    one += force->pair->eng_vdwl + force->pair->eng_coul;
  }
  const auto add = [&](auto *style) {
    if (!style) return;
    style->compute(1, 0);
    one += style->energy;
  };
  if (lmp->atom->molecular != Atom::ATOMIC) {
    add(force->bond);
    add(force->angle);
    add(force->dihedral);
    add(force->improper);
  }
  MPI_Allreduce(&one, &sum, 1, MPI_DOUBLE, MPI_SUM, lmp->world);
  const Domain *d = lmp->domain;
  if (force->pair && force->pair->tail_flag)
    sum += force->pair->etail / (d->xprd * d->yprd * d->zprd);
  return sum;
}

/* ---------------------------------------------------------------------- */

void InputForceField::check(double by_script) const
{
  if (std::fabs(by_script - energy) <= 1e-6 * (1.0 + std::fabs(energy))) return;
  if (std::isnan(energy) && std::isnan(by_script)) return;
  throw std::runtime_error(fmt::format(
      "the energy of the input script: {:.10g}, but {:.10g} with what its restart file holds. "
      "Remedy: keyword energy with an all-atom script, or energy none",
      energy, by_script));
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/dynamics.h"

#include "atom.h"
#include "fix.h"
#include "fmt/format.h"
#include "lammps.h"
#include "modify.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <cmath>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

enum class Verdict { Good, Harmless, Refused, Doubtful };

struct Known {
  const char *style;    // pattern
  Verdict verdict;
  const char *why;
};

const char *const CONSTRAINT =
    "holds distances fixed: the flow has a density for free beads, and U_CG is sampled for them";
const char *const KINETIC = "sets the kinetic energy instead of sampling it, so that the beads are "
                            "not Boltzmann-distributed";
const char *const BOX = "changes the box, and with it the positions of the beads";
const char *const ROTATION =
    "keeps the angular momentum of a molecule that is alone, so that its bonds are hotter or "
    "colder than the target";

// the first pattern that fits counts; only what was measured to be canonical in positions is Good
// (unittest/lammps/test_ensemble.cpp)

const Known KNOWN[] = {
    {"^langevin$", Verdict::Good, ""},
    {"^gjf$", Verdict::Good, ""},
    {"^nve$", Verdict::Good, ""},
    {"^temp/berendsen", Verdict::Refused, KINETIC},
    {"^temp/rescale", Verdict::Refused, KINETIC},
    {"^shake", Verdict::Refused, CONSTRAINT},
    {"^rattle", Verdict::Refused, CONSTRAINT},
    {"^rigid", Verdict::Refused, CONSTRAINT},
    {"^poems", Verdict::Refused, CONSTRAINT},
    {"^npt", Verdict::Refused, BOX},
    {"^nph", Verdict::Refused, BOX},
    {"^press/", Verdict::Refused, BOX},
    {"^deform", Verdict::Refused, BOX},
    {"^nvt", Verdict::Doubtful, ROTATION},
    {"^temp/cs", Verdict::Doubtful, ROTATION},
    {"^nve/limit", Verdict::Doubtful, "shortens steps"},
    {"^adapt", Verdict::Doubtful, "changes the energy with time"},
    {"^smd", Verdict::Doubtful, "changes the energy with time"},
    {"^colvars", Verdict::Doubtful,
     "may change its bias with time (metadynamics, moving restraints); a static bias is fine"},
    {"^plumed", Verdict::Doubtful,
     "may change its bias with time (metadynamics, moving restraints); a static bias is fine"},
    {"^dt/reset", Verdict::Doubtful, "changes the time step with the positions"},
    {"^store/", Verdict::Harmless, ""},
    {"^STORE", Verdict::Harmless, ""},
    {"^recenter", Verdict::Harmless, ""},
    {"^momentum", Verdict::Harmless, ""},
    {"^backmap/bias", Verdict::Refused,
     "changes the energy with time; take its file for a static bias (dihedral_style table)"},
    {"^backmap/langevin", Verdict::Good, ""},
    {"^backmap", Verdict::Harmless, ""},
    {"^ave/", Verdict::Harmless, ""},
    {"^print", Verdict::Harmless, ""},
    {"^halt", Verdict::Harmless, ""},
    {"^balance", Verdict::Harmless, ""},
    {"^property/", Verdict::Harmless, ""},
};

// the same integrator for another processor has the suffix of an accelerator package

std::string plain_style(const Fix *fix)
{
  std::string style = fix->style;
  for (const char *suffix : {"/kk", "/kk/host", "/kk/device", "/omp", "/gpu", "/intel", "/opt"})
    if (utils::strmatch(style, std::string(suffix) + "$"))
      return style.substr(0, style.size() - std::string(suffix).size());
  return style;
}

Known find(const std::string &style)
{
  for (const Known &k : KNOWN)
    if (utils::strmatch(style, k.style)) return k;
  return {"", Verdict::Doubtful, "is not known to keep the beads canonical"};
}

/* atoms of a group that are in none of the others */

bigint atoms_without(LAMMPS *lmp, int groupbit, int others)
{
  const Atom *atom = lmp->atom;
  bigint n = 0;
  for (int i = 0; i < atom->nlocal; i++)
    if ((atom->mask[i] & groupbit) && !(atom->mask[i] & others)) n++;
  MPI_Allreduce(MPI_IN_PLACE, &n, 1, MPI_LMP_BIGINT, MPI_SUM, lmp->world);
  return n;
}

const double *target_of(Fix *fix)
{
  int dim = -1;
  const auto *t = static_cast<double *>(fix->extract("t_target", dim));
  return dim == 0 ? t : nullptr;
}

}    // namespace

/* ---------------------------------------------------------------------- */

bool is_bias(const LAMMPS *lmp, int ifix)
{
  const Fix *fix = lmp->modify->fix[ifix];
  return fix->energy_global_flag && fix->thermo_energy;
}

/* ---------------------------------------------------------------------- */

Dynamics look_at_dynamics(LAMMPS *lmp, double temperature, int groupbit)
{
  using namespace FixConst;
  constexpr int ACTS = INITIAL_INTEGRATE | POST_INTEGRATE | PRE_FORCE | POST_FORCE |
      FINAL_INTEGRATE | INITIAL_INTEGRATE_RESPA | FINAL_INTEGRATE_RESPA;
  Dynamics out;
  int moved = 0, cooled = 0;    // groups of integrators, and of thermostats
  const Modify *modify = lmp->modify;
  for (int i = 0; i < modify->nfix; i++) {
    Fix *fix = modify->fix[i];
    const std::string style = plain_style(fix);
    const Known known = find(style);
    const bool listed = known.style[0] != '\0', acts = modify->fmask[i] & ACTS;
    if (known.verdict == Verdict::Harmless || (!listed && !acts)) continue;
    if (fix->time_integrate) moved |= fix->groupbit;
    out.summary += (out.summary.empty() ? "" : " ") + style;

    const std::string name = fmt::format("fix {} of style {}", fix->id, fix->style);
    if (known.verdict == Verdict::Refused || fix->rigid_flag)
      out.errors.push_back(name + " " +
                           (known.verdict == Verdict::Refused ? known.why : CONSTRAINT));
    else if (fix->box_change)
      out.errors.push_back(name + " " + BOX);
    else if (known.verdict == Verdict::Doubtful && (listed || !is_bias(lmp, i)))
      out.warnings.push_back(name + " " + known.why);

    const double *target = target_of(fix);
    if (target) cooled |= fix->groupbit;
    if (target && lmp->universe->nworlds == 1 &&
        std::fabs(*target - temperature) > 1e-6 * temperature)
      out.errors.push_back(fmt::format("{} holds {} K, expected the temperature of the model, {} K",
                                       name, *target, temperature));
  }
  const bigint still = atoms_without(lmp, groupbit, moved),
               free = atoms_without(lmp, groupbit, cooled);
  if (still > 0)
    out.warnings.push_back(fmt::format("no fix of this run moves {} of the beads", still));
  if (free > 0)
    out.warnings.push_back(fmt::format(
        "no fix of this run holds a temperature for {} of the beads: at constant energy they "
        "are not Boltzmann-distributed. Remedy: fix backmap/langevin, or fix langevin ... gjf (fix "
        "gjf)",
        free));
  out.summary += fmt::format("{}timestep {}", out.summary.empty() ? "" : ", ", lmp->update->dt);
  return out;
}

}    // namespace BACKMAP_NS

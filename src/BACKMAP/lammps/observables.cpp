/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/observables.h"

#include "atom.h"
#include "compute.h"
#include "fix.h"
#include "force.h"
#include "group.h"
#include "input.h"
#include "lammps.h"
#include "modify.h"
#include "update.h"
#include "utils.h"
#include "variable.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* LAMMPS has no other way to the formula of a variable, or to the mark that an exception leaves behind: an explicit
   instantiation may name a private member */

struct Formulas {
  using Type = char ***Variable::*;
  friend Type member(Formulas);
};
struct Evaluating {
  using Type = int *Variable::*;
  friend Type member(Evaluating);
};
template <class Tag, typename Tag::Type M> struct Reveal {
  friend typename Tag::Type member(Tag) { return M; }
};
template struct Reveal<Formulas, &Variable::data>;
template struct Reveal<Evaluating, &Variable::eval_in_progress>;

/* what LAMMPS gives as minimum or, with the other sign, maximum of nothing */

constexpr double EMPTY = 1.0e20;

[[noreturn]] void refuse(const Observable &o, const std::string &why)
{
  throw std::runtime_error(o.name + ": " + why);
}

/* ---------------------------------------------------------------------- */

bool used(const Compute *c, bigint step)
{
  return c->invoked_flag || c->invoked_scalar == step || c->invoked_vector == step ||
      c->invoked_array == step || c->invoked_peratom == step || c->invoked_local == step;
}

/* ----------------------------------------------------------------------
   fixes work at certain points of a timestep; a sample has only those about forces
------------------------------------------------------------------------- */

bool of_motion(const Modify *modify, int i)
{
  using namespace FixConst;
  return (modify->fmask[i] &
          (INITIAL_INTEGRATE | POST_INTEGRATE | FINAL_INTEGRATE | END_OF_STEP)) &&
      !(modify->fmask[i] & (PRE_FORCE | PRE_REVERSE | POST_FORCE));
}

/* ----------------------------------------------------------------------
   clocks stand still at 0 as long as there is no thermo output, so that no experiment shows them
------------------------------------------------------------------------- */

std::string clock_in(LAMMPS *lmp, const std::string &formula, std::set<std::string> &seen)
{
  Variable *variable = lmp->input->variable;
  const auto of_word = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_';
  };
  for (auto at = formula.begin(); at != formula.end();) {
    at = std::find_if(at, formula.end(), of_word);
    const auto end = std::find_if_not(at, formula.end(), of_word);
    std::string word(at, end);
    at = end;
    for (const char *clock : {"cpu", "tpcpu", "spcpu", "cpuremain", "timeremain"})
      if (word == clock && lmp->group->find(word) < 0) return word;
    if (word.compare(0, 2, "v_") != 0 || !seen.insert(word).second) continue;
    const int i = variable->find(word.c_str() + 2);
    if (i < 0 || !variable->equalstyle(i) || variable->internalstyle(i)) continue;
    std::string found = clock_in(lmp, (variable->*member(Formulas()))[i][0], seen);
    if (!found.empty()) return found;
  }
  return "";
}

/* ----------------------------------------------------------------------
   what the check below changes; put back whatever happens
------------------------------------------------------------------------- */

class State {
 public:
  explicit State(LAMMPS *lmp) : lmp_(lmp), step_(lmp->update->ntimestep), dt_(lmp->update->dt)
  {
    const Atom *atom = lmp->atom;
    for (double **v : {atom->v, atom->omega, atom->angmom})
      if (v) saved_.emplace_back(v, std::vector<double>(v[0], v[0] + 3 * atom->nlocal));
    Variable *variable = lmp->input->variable;
    for (const char *name : SAMPLE_LABELS) {
      const int i = variable->find(name);
      if (i >= 0 && variable->internalstyle(i)) labels_.emplace_back(i, variable->compute_equal(i));
    }
  }
  ~State()
  {
    for (auto &s : saved_) std::copy(s.second.begin(), s.second.end(), s.first[0]);
    set_time(0, 1.0);
    shift_labels(0.0);
  }
  State(const State &) = delete;
  State &operator=(const State &) = delete;

  /* random, and far hotter than the energy, so that no rounding hides them */
  void heat(int seed, double energy)
  {
    const Atom *atom = lmp_->atom;
    std::mt19937 random(seed);
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    for (auto &s : saved_)
      for (int i = 0; i < atom->nlocal; i++) {
        const double m = atom->rmass ? atom->rmass[i] : atom->mass[atom->type[i]];
        const double scale =
            std::sqrt(1000.0 * (1.0 + std::fabs(energy)) / (m * lmp_->force->mvv2e));
        for (int d = 0; d < 3; d++) s.first[i][d] = scale * uniform(random);
      }
  }
  /* energy and virial count as those of the new timestep; fixes are not told, some would object to a jump */
  void set_time(bigint later, double stretch)
  {
    Update *u = lmp_->update;
    u->ntimestep = u->eflag_global = u->eflag_atom = u->vflag_global = u->vflag_atom =
        step_ + later;
    u->dt = stretch * dt_;
    lmp_->modify->clearstep_compute();
  }
  void shift_labels(double by)
  {
    for (auto &l : labels_) lmp_->input->variable->internal_set(l.first, l.second + by);
  }

 private:
  LAMMPS *lmp_;
  bigint step_;
  double dt_;
  std::vector<std::pair<double **, std::vector<double>>> saved_;
  std::vector<std::pair<int, double>> labels_;
};

/* ----------------------------------------------------------------------
   the mark of an empty list may hide in what a variable makes of it, such as phi > 0
------------------------------------------------------------------------- */

void check_lists(LAMMPS *lmp, const Observable &o)
{
  const bigint step = lmp->update->ntimestep;
  for (int i = 0; i < lmp->modify->ncompute; i++) {
    const Compute *c = lmp->modify->compute[i];
    std::vector<double> values;
    if (c->scalar_flag && c->invoked_scalar == step) values.push_back(c->scalar);
    if (c->vector_flag && c->invoked_vector == step)
      values.insert(values.end(), c->vector, c->vector + c->size_vector);
    for (const double v : values)
      if (std::fabs(v) == EMPTY)
        refuse(o,
               std::string("compute ") + c->id + " of style " + c->style + " gives " +
                   (v < 0.0 ? "-" : "") +
                   "1e20, the extremum of an empty list; is there such a bond, angle or "
                   "dihedral in the molecule? compute backmap/internal takes any atoms");
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

Observable find_observable(LAMMPS *lmp, const std::string &script, const std::string &text)
{
  if (text.size() < 3 || text[1] != '_' || !std::strchr("vcf", text[0]))
    throw std::runtime_error(
        "observable, expected v_NAME, c_ID, c_ID[i] or f_ID of the fine script " + script +
        ", got " + text);
  const auto bracket = text.find('[');
  const std::string name = text.substr(2, bracket - 2);
  Observable o{text, "observable " + text + " of the fine script " + script, -1, false};
  int found;
  if (text[0] == 'v') {
    Variable *variable = lmp->input->variable;
    found = variable->find(name.c_str());
    if (found >= 0 && bracket == std::string::npos) {
      if (!variable->equalstyle(found)) refuse(o, "expected an equal-style variable");
      o.variable = found;
    }
  } else if (text[0] == 'c') {
    found = lmp->modify->find_compute(name);
  } else {
    found = lmp->modify->find_fix(name);
    if (found >= 0 && of_motion(lmp->modify, found))
      refuse(o,
             "the fix works when atoms move or when a step ends, and a backmapped structure has "
             "neither; expected a fix that acts on forces");
  }
  if (found < 0)
    throw std::runtime_error("observable " + text + " does not exist in the fine script " + script);
  std::set<std::string> seen;
  const std::string clock = clock_in(lmp, text, seen);
  if (!clock.empty())
    refuse(o, "uses " + clock + ", a clock; expected a function of the coordinates alone");
  return o;
}

/* ---------------------------------------------------------------------- */

double value_of(LAMMPS *lmp, const Observable &o)
{
  Variable *variable = lmp->input->variable;
  return o.variable >= 0 ? variable->compute_equal(o.variable) : variable->compute_equal(o.text);
}

/* ----------------------------------------------------------------------
   larger numbers are values: an energy or a virial of atoms that clash
------------------------------------------------------------------------- */

void check_value(const Observable &o, double value)
{
  if (!std::isfinite(value))
    refuse(o, "expected a number for a structure of finite energy, got " + std::to_string(value));
  if (std::fabs(value) == EMPTY)
    refuse(o,
           std::string("got ") + (value < 0.0 ? "-" : "") +
               "1e20, the extremum of an empty list; is there such an atom, bond, angle or "
               "dihedral in this structure?");
}

/* ----------------------------------------------------------------------
   an experiment instead of a list of names: it sees through variables and computes of any style, those of plugins too
------------------------------------------------------------------------- */

void check_observable(LAMMPS *lmp, const Observable &o, double energy, double before)
{
  constexpr bigint FAR = 1000000007;    // a prime: no multiple of any period
  const char *const expected = "expected a function of the coordinates alone";
  const auto differ = [](double a, double b) {
    return !(std::fabs(a - b) <= 1e-12 * (std::fabs(a) + std::fabs(b)));
  };
  const double value = value_of(lmp, o);
  check_value(o, value);
  check_lists(lmp, o);

  // computes remember what they gave at a timestep: no two evaluations in a row are of the same, none of the next sample's
  State state(lmp);
  const auto at = [&](bigint later, double stretch) {
    state.set_time(later, stretch);
    return value_of(lmp, o);
  };
  const bool time = differ(at(FAR, 1.5), value), chance = differ(at(0, 1.0), value);
  if (time && !chance)
    refuse(o,
           std::string("changes with the timestep or the time, which a backmapped structure does "
                       "not have; ") +
               expected);
  if (chance || differ(before, value))
    refuse(o,
           std::string("changes from one evaluation of a structure to the next, as random numbers "
                       "do; ") +
               expected);

  const bool virial = virial_used(lmp);
  bool past = false;
  for (int i = 0; i < lmp->modify->ncompute; i++) {
    const Compute *c = lmp->modify->compute[i];
    // without velocities in the data file it is always 0
    if (used(c, lmp->update->ntimestep) && utils::strmatch(c->style, "^vacf")) past = true;
  }
  for (int seed = 1; seed <= 2; seed++) {
    state.heat(seed, energy);
    if (differ(at(-(seed % 2), 1.0), value) || past)
      refuse(o,
             std::string("changes with the velocities of the atoms, which a backmapped structure "
                         "does not have; ") +
                 expected +
                 (virial ? "; for a pressure use compute ID all pressure NULL virial, and add the "
                           "exact kinetic part N kT / V in a variable"
                         : ""));
  }

  state.shift_labels(1.25);
  if (differ(at(-1, 1.0), value))
    refuse(o,
           std::string("changes with logweight, cgstep, molecule or sample, which are set for "
                       "output alone; ") +
               expected);
}

/* ---------------------------------------------------------------------- */

bool virial_used(LAMMPS *lmp)
{
  for (int i = 0; i < lmp->modify->ncompute; i++) {
    const Compute *c = lmp->modify->compute[i];
    if ((c->pressflag || c->pressatomflag) && used(c, lmp->update->ntimestep)) return true;
  }
  return false;
}

/* ----------------------------------------------------------------------
   with a frequency that no timestep is a multiple of, variables and computes refuse the values themselves
------------------------------------------------------------------------- */

void hide_fixes_of_motion(LAMMPS *lmp)
{
  for (int i = 0; i < lmp->modify->nfix; i++) {
    Fix *fix = lmp->modify->fix[i];
    if (!of_motion(lmp->modify, i)) continue;
    fix->global_freq = fix->local_freq = fix->peratom_freq = std::numeric_limits<int>::max();
  }
}

/* ---------------------------------------------------------------------- */

void recover(LAMMPS *lmp)
{
  lmp->update->whichflag = 1;
  Variable *variable = lmp->input->variable;
  std::fill_n(variable->*member(Evaluating()), variable->nvar, 0);
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/fine_engine.h"

#include "lammps/fine_engine_silent.h"

#include "atom.h"
#include "comm.h"
#include "compute.h"
#include "domain.h"
#include "dump.h"
#include "error.h"
#include "exceptions.h"
#include "fix.h"
#include "force.h"
#include "info.h"
#include "input.h"
#include "integrate.h"
#include "kspace.h"
#include "lammps.h"
#include "library.h"
#include "memory.h"
#include "modify.h"
#include "neighbor.h"
#include "output.h"
#include "pair.h"
#include "update.h"
#include "utils.h"
#include "variable.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* fixes whose work is output: they see every sample, in order */

bool writes(const Fix *fix)
{
  return utils::strmatch(fix->style, "^ave/") || utils::strmatch(fix->style, "^print");
}

/* styles of one kind that the other instance does not know */

template <class Map> void add_styles(const Map *from, Map *to)
{
  to->insert(from->begin(), from->end());
}

}    // namespace

/* ----------------------------------------------------------------------
   turn an error of the second instance into an exception of our own
------------------------------------------------------------------------- */

template <class F> void FineEngine::guarded(F &&f) const
{
  guarded("fine script " + script_, f);
}

template <class F> void FineEngine::guarded(const std::string &what, F &&f) const
{
  try {
    f();
  } catch (const LAMMPSException &e) {
    if (ready_) recover(lmp_);
    std::string text = e.what();
    while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
    throw std::runtime_error(what + ": " + text);
  }
}

/* ---------------------------------------------------------------------- */

FineEngine::FineEngine(const std::string &script, Role role,
                       const std::vector<std::string> &variables, const LAMMPS *parent) :
    script_(script)
{
  // without exceptions an error ends the program, and its text must be seen

  std::vector<std::string> words = {
      "backmap", "-screen", Info::has_exceptions() ? "none" : "/dev/stderr",
      "-log",    "none",    "-nocite"};
  for (std::size_t i = 0; i + 1 < variables.size(); i += 2)
    words.insert(words.end(), {"-var", variables[i], variables[i + 1]});
  std::vector<char *> args;
  for (auto &w : words) args.push_back(&w[0]);

  const int plugins = lammps_plugin_count();
  try {
    guarded([&] {
      lmp_ = new LAMMPS(static_cast<int>(args.size()), args.data(), MPI_COMM_SELF);
      if (parent) take_styles(parent);
      for (const char *name : SAMPLE_LABELS)
        lmp_->input->variable->set(std::string(name) + " internal 0.0");
      if (role == Role::Silent) silence();
      lmp_->input->file(script_.c_str());
      if (lammps_plugin_count() < plugins)
        throw std::runtime_error("fine script " + script_ +
                                 ": clear or plugin unload removed plugins from the whole program, "
                                 "expected neither of these commands");
      check();
      if (role == Role::Silent) start();
    });
  } catch (...) {
    close();
    throw;
  }
}

/* ---------------------------------------------------------------------- */

void FineEngine::use(const std::function<void(LAMMPS *)> &f) const
{
  guarded([&] { f(lmp_); });
}

/* ---------------------------------------------------------------------- */

FineEngine::~FineEngine()
{
  close();
}

/* ----------------------------------------------------------------------
   up to 29Aug2024 the destructor of any LAMMPS instance unloads all plugins of the program, which would take our
   own code away from the instance that runs us: then files are closed and the instance is left alone
------------------------------------------------------------------------- */

void FineEngine::close()
{
  if (!lmp_) return;
  try {
    if (lammps_plugin_count() == 0) {
      delete lmp_;
    } else {
      while (lmp_->output && lmp_->output->ndump > 0)
        lmp_->input->one(std::string("undump ") + lmp_->output->dump[0]->id);
      for (int i = lmp_->modify->nfix - 1; i >= 0; i--)
        if (writes(lmp_->modify->fix[i])) lmp_->modify->delete_fix(i);
    }
  } catch (const LAMMPSException &) {
    // nothing can be done about an error while closing
  }
  lmp_ = nullptr;
}

/* ----------------------------------------------------------------------
   a plugin gives its styles to the instance that loads it, and no second one may load it: ours and those of other
   plugins are handed over, so that a fine script may use what the main script can
------------------------------------------------------------------------- */

void FineEngine::take_styles(const LAMMPS *parent)
{
  add_styles(parent->force->pair_map, lmp_->force->pair_map);
  add_styles(parent->force->bond_map, lmp_->force->bond_map);
  add_styles(parent->force->angle_map, lmp_->force->angle_map);
  add_styles(parent->force->dihedral_map, lmp_->force->dihedral_map);
  add_styles(parent->force->improper_map, lmp_->force->improper_map);
  add_styles(parent->force->kspace_map, lmp_->force->kspace_map);
  add_styles(parent->modify->compute_map, lmp_->modify->compute_map);
  add_styles(parent->modify->fix_map, lmp_->modify->fix_map);
  add_styles(parent->domain->region_map, lmp_->domain->region_map);
  add_styles(parent->input->command_map, lmp_->input->command_map);
}

/* ----------------------------------------------------------------------
   nothing of this instance may write a file
------------------------------------------------------------------------- */

void FineEngine::silence()
{
  silence_output(lmp_);
}

/* ---------------------------------------------------------------------- */

void FineEngine::check()
{
  const auto fail = [&](const std::string &text) {
    throw std::runtime_error("fine script " + script_ + ": " + text);
  };
  if (!lmp_->domain->box_exist)
    fail("defines no simulation box, expected a system ready for a run");
  const Atom *atom = lmp_->atom;
  if (atom->natoms < 1 || atom->natoms > std::numeric_limits<int>::max())
    fail("number of atoms, expected at least 1, got " + std::to_string(atom->natoms));
  natoms_ = static_cast<int>(atom->natoms);
  if (!atom->tag_enable || atom->nlocal != natoms_)
    fail("atoms have no atom-IDs, expected 1 to " + std::to_string(natoms_));
  units_ = lmp_->update->unit_style;
  if (!lmp_->update->integrate || !utils::strmatch(lmp_->update->integrate_style, "^verlet"))
    fail("run_style, expected verlet");

  for (int i = 0; i < lmp_->modify->nfix; i++) {
    const Fix *fix = lmp_->modify->fix[i];
    for (const char *constraint : {"^shake", "^rattle", "^rigid", "^poems"})
      if (utils::strmatch(fix->style, constraint) || fix->rigid_flag)
        fail(std::string("fix ") + fix->id + " of style " + fix->style +
             " constrains the system, expected no constraints: samples are drawn for "
             "unconstrained coordinates");
    if (fix->energy_global_flag && !fix->thermo_energy)
      fail(std::string("the energy of fix ") + fix->id + " of style " + fix->style +
           " is not part of the potential energy, expected: fix_modify " + fix->id + " energy yes");
  }
  find_atoms();
}

/* ----------------------------------------------------------------------
   where the atom with ID i+1 is; the IDs must be 1..N
------------------------------------------------------------------------- */

void FineEngine::find_atoms()
{
  const Atom *atom = lmp_->atom;
  if (atom->nlocal != natoms_)
    throw std::runtime_error("fine script " + script_ + ": atoms lost, expected " +
                             std::to_string(natoms_) + ", got " + std::to_string(atom->nlocal));
  index_.assign(natoms_, -1);
  for (int i = 0; i < natoms_; i++) {
    const tagint t = atom->tag[i];
    if (t < 1 || t > natoms_ || index_[t - 1] >= 0)
      throw std::runtime_error("fine script " + script_ + ": atom-IDs, expected 1 to " +
                               std::to_string(natoms_) + " once each, got " + std::to_string(t));
    index_[t - 1] = i;
  }
}

/* ----------------------------------------------------------------------
   as a run would start, but without output; whichflag stays 1 so that variables ask their computes
------------------------------------------------------------------------- */

void FineEngine::start()
{
  Update *update = lmp_->update;
  step0_ = update->ntimestep;
  update->whichflag = 1;
  update->firststep = update->beginstep = 0;
  update->laststep = update->endstep = MAXBIGINT - 1;
  lmp_->init();
  pe_ = lmp_->modify->find_compute("thermo_pe");
  every_row_ = fixes_write();
  hide_fixes_of_motion(lmp_);
  lmp_->modify->addstep_compute_all(update->ntimestep);
  update->integrate->setup_minimal(1);
  virial_ = virial_used(lmp_);
  find_atoms();
  static_ = all_pairs_listed();
  ready_ = true;
}

/* ---------------------------------------------------------------------- */

bool FineEngine::fixes_write() const
{
  for (int i = 0; i < lmp_->modify->nfix; i++)
    if (writes(lmp_->modify->fix[i])) return true;
  return false;
}

/* ----------------------------------------------------------------------
   a list that holds all pairs of an isolated molecule stays right whatever the coordinates become
------------------------------------------------------------------------- */

bool FineEngine::all_pairs_listed() const
{
  const Atom *atom = lmp_->atom;
  const Domain *domain = lmp_->domain;
  if (domain->xperiodic || domain->yperiodic || domain->zperiodic || atom->nghost ||
      domain->triclinic)
    return false;
  if (!lmp_->force->pair) return true;
  if (natoms_ > 5000) return false;
  double **cutsq = lmp_->neighbor->cutneighsq;
  for (int i = 0; i < natoms_; i++)
    for (int j = 0; j < i; j++) {
      double rsq = 0.0;
      for (int d = 0; d < 3; d++) rsq += std::pow(atom->x[i][d] - atom->x[j][d], 2);
      if (rsq >= cutsq[atom->type[i]][atom->type[j]]) return false;
    }
  return true;
}

/* ---------------------------------------------------------------------- */

std::vector<double> FineEngine::masses() const
{
  const Atom *atom = lmp_->atom;
  std::vector<double> m(natoms_);
  for (int i = 0; i < natoms_; i++)
    m[i] = atom->rmass ? atom->rmass[index_[i]] : atom->mass[atom->type[index_[i]]];
  return m;
}

/* ---------------------------------------------------------------------- */

std::vector<std::array<int, 2>> FineEngine::bonds() const
{
  const Atom *atom = lmp_->atom;
  std::vector<std::array<int, 2>> list;
  if (atom->molecular != Atom::MOLECULAR || !atom->num_bond) return list;
  for (int i = 0; i < natoms_; i++)
    for (int k = 0; k < atom->num_bond[index_[i]]; k++) {
      const int j = static_cast<int>(atom->bond_atom[index_[i]][k]) - 1;
      list.push_back({std::min(i, j), std::max(i, j)});
    }
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

/* ---------------------------------------------------------------------- */

std::array<double, 3> FineEngine::box_centre() const
{
  const Domain *d = lmp_->domain;
  std::array<double, 3> c;
  for (int k = 0; k < 3; k++) c[k] = 0.5 * (d->boxlo[k] + d->boxhi[k]);
  return c;
}

/* ---------------------------------------------------------------------- */

bool FineEngine::has_output() const
{
  return lmp_->output->ndump > 0 || every_row_;
}

/* ----------------------------------------------------------------------
   evaluated here, so that what does not exist or means nothing is an error before the first sample
------------------------------------------------------------------------- */

int FineEngine::request(const std::string &text)
{
  for (std::size_t k = 0; k < observables_.size(); k++)
    if (observables_[k].text == text) return static_cast<int>(k);
  Observable o = find_observable(lmp_, script_, text);
  check(o);
  observables_.push_back(o);
  return static_cast<int>(observables_.size()) - 1;
}

/* ----------------------------------------------------------------------
   the virial costs a fifth of the time: it is evaluated here, and for the samples only if an observable asks for it
------------------------------------------------------------------------- */

void FineEngine::check(Observable &o)
{
  const bool virial = virial_;
  virial_ = true;
  try {
    guarded(o.name, [&] {
      const bigint step = lmp_->update->ntimestep;
      o.checked = std::isfinite(energy_at(step + 1));
      const double value = value_of(lmp_, o);
      const bool needed = virial_used(lmp_);
      if (o.checked) check_observable(lmp_, o, energy_at(step + 2), value);
      virial_ = virial || needed;
    });
  } catch (...) {
    virial_ = virial;
    throw;
  }
}

/* ----------------------------------------------------------------------
   what Modify does between steps, with the list of each compute kept at one entry
------------------------------------------------------------------------- */

void FineEngine::next_step(std::int64_t step)
{
  lmp_->update->ntimestep = step;
  lmp_->modify->clearstep_compute();
  for (int i = 0; i < lmp_->modify->ncompute; i++) {
    Compute *compute = lmp_->modify->compute[i];
    if (!compute->timeflag || (!virial_ && (compute->pressflag || compute->pressatomflag)))
      continue;
    compute->clearstep();
    compute->addstep(step);
  }
}

/* ---------------------------------------------------------------------- */

void FineEngine::set_coordinates(const double *x)
{
  Atom *atom = lmp_->atom;
  for (int i = 0; i < natoms_; i++) {
    double *to = atom->x[index_[i]];
    to[0] = x[3 * i];
    to[1] = x[3 * i + 1];
    to[2] = x[3 * i + 2];
  }
  // observables may ask for the box, which a run would shrink-wrap
  if (static_ && lmp_->domain->nonperiodic == 2 && !observables_.empty()) lmp_->domain->reset_box();
  if (!static_) {
    const imageint none = ((imageint) IMGMAX << IMG2BITS) | ((imageint) IMGMAX << IMGBITS) | IMGMAX;
    for (int i = 0; i < natoms_; i++) atom->image[i] = none;
  }
}

/* ---------------------------------------------------------------------- */

double FineEngine::energy_at(std::int64_t step)
{
  next_step(step);
  lmp_->update->integrate->setup_minimal(static_ ? 0 : 1);
  if (!static_) find_atoms();
  Compute *pe = lmp_->modify->compute[pe_];
  const double energy = pe->compute_scalar();
  pe->invoked_flag |= Compute::INVOKED_SCALAR;
  return energy;
}

/* ---------------------------------------------------------------------- */

double FineEngine::evaluate(const double *x, double *obs)
{
  double energy = 0.0;
  if (obs) std::fill(obs, obs + observables_.size(), std::numeric_limits<double>::quiet_NaN());
  const auto compute = [&] { energy = energy_at(lmp_->update->ntimestep + 1); };
  guarded([&] {
    set_coordinates(x);
    compute();
  });
  if (!obs || !std::isfinite(energy)) return energy;
  for (Observable &o : observables_)
    if (!o.checked) {
      check(o);
      guarded(compute);
    }
  for (std::size_t k = 0; k < observables_.size(); k++)
    guarded(observables_[k].name, [&] {
      obs[k] = value_of(lmp_, observables_[k]);
      check_value(observables_[k], obs[k]);
    });
  return energy;
}

/* ---------------------------------------------------------------------- */

void FineEngine::forces(double *f) const
{
  for (int i = 0; i < natoms_; i++)
    for (int d = 0; d < 3; d++) f[3 * i + d] = lmp_->atom->f[index_[i]][d];
}

/* ---------------------------------------------------------------------- */

void FineEngine::label(const SampleLabel &label)
{
  Variable *variable = lmp_->input->variable;
  const auto set = [&](const char *name, double value) {
    const int i = variable->find(name);
    if (i >= 0 && variable->internalstyle(i)) variable->internal_set(i, value);
  };
  set("logweight", label.logweight);
  set("cgstep", static_cast<double>(label.cgstep));
  set("molecule", static_cast<double>(label.molecule));
  set("sample", static_cast<double>(label.sample));
}

/* ----------------------------------------------------------------------
   the first row starts the instance: fixes such as ave/histo take their first value while it is set up
------------------------------------------------------------------------- */

void FineEngine::write(std::int64_t row, const double *x, const SampleLabel &sample)
{
  guarded([&] {
    Update *update = lmp_->update;
    Output *output = lmp_->output;
    if (!ready_) {
      step0_ = update->ntimestep;
      update->whichflag = 1;
      update->firststep = update->beginstep = 0;
      update->laststep = update->endstep = MAXBIGINT - 1;
      lmp_->init();
      every_row_ = fixes_write();
      ready_ = true;
    }
    bool due = every_row_;
    for (int i = 0; i < output->ndump; i++) {
      if (output->every_dump[i] <= 0)
        lmp_->error->all(FLERR, "dump {}: expected a fixed number of samples between snapshots",
                         output->dump[i]->id);
      if (row % output->every_dump[i] == 0) due = true;
    }
    if (!due) return;
    virial_ = true;
    label(sample);
    next_step(step0_ + row);
    set_coordinates(x);
    update->integrate->setup_minimal(1);
    find_atoms();
    if (every_row_) lmp_->modify->end_of_step();
    for (int i = 0; i < output->ndump; i++)
      if (row % output->every_dump[i] == 0) output->dump[i]->write();
  });
}

}    // namespace BACKMAP_NS

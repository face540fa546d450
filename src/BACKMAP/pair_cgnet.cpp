/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "pair_cgnet.h"

#include "cgnet/cgnet.h"
#include "core/sha256.h"
#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/molecules.h"
#include "lammps/partitions.h"
#ifdef BACKMAP_TORCH
#include "libtorch/torch_script.h"
#endif

#include "atom.h"
#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "memory.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stdexcept>

using namespace LAMMPS_NS;
using BACKMAP_NS::backmap_error;
using BACKMAP_NS::backmap_error_one;
using BACKMAP_NS::BackmapMolecules;
using BACKMAP_NS::Cgnet;

// the molecules are gathered, no ghost atom is used; LAMMPS only wants a cutoff above zero
// (distance units)

static constexpr double CUTOFF = 1.0;

static const char *const WHAT = "Pair style cgnet";

/* ---------------------------------------------------------------------- */

PairCgnet::PairCgnet(LAMMPS *lmp) : Pair(lmp)
{
  single_enable = 0;
  restartinfo = 0;
  respa_enable = 0;
  one_coeff = 1;
  writedata = 0;
  // forces act on beads that are whole molecules apart from their images: r.f over owned atoms
  // would be wrong
  no_virial_fdotr_compute = 1;
  centroidstressflag = CENTROID_NOTAVAIL;
}

/* ---------------------------------------------------------------------- */

PairCgnet::~PairCgnet()
{
  if (copymode) return;
  if (allocated) {
    memory->destroy(setflag);
    memory->destroy(cutsq);
  }
}

/* ----------------------------------------------------------------------
   energy and forces of the molecules that this rank owns, then back to where their beads are
------------------------------------------------------------------------- */

void PairCgnet::compute(int eflag, int vflag)
{
  ev_init(eflag, vflag);

  const bool same = checked && neighbor->ago != 0;
  molecules->gather(same);
  if (!same) check_beads();

  const int nmol = molecules->nowned(), nbeads = molecules->nbeads();
  const std::size_t size = 3 * (std::size_t) nbeads;
  energies.resize(nmol);
  forces.resize(nmol * size);
  if (nmol > 0) {
    try {
      potential->evaluate(nmol, molecules->x(0), energies.data(), forces.data());
    } catch (const std::exception &e) {
      backmap_error_one(lmp, "{}: {}", WHAT, e.what());
    }
  }
  check_finite();

  if (eflag_global || vflag_global) tally_global();
  molecules->scatter_add(forces.data());
  if (eflag_atom || vflag_atom) tally_atoms();
}

/* ----------------------------------------------------------------------
   (x - centroid) F of the beads of a molecule: xx, yy, zz, xy, xz, yz of each
------------------------------------------------------------------------- */

static void bead_virials(int nbeads, const double *x, const double *f, std::vector<double> &virials)
{
  double center[3] = {0.0, 0.0, 0.0};
  for (int b = 0; b < nbeads; b++)
    for (int c = 0; c < 3; c++) center[c] += x[3 * b + c] / nbeads;
  virials.clear();
  for (int b = 0; b < nbeads; b++, x += 3, f += 3) {
    const double d[3] = {x[0] - center[0], x[1] - center[1], x[2] - center[2]};
    virials.insert(virials.end(),
                   {d[0] * f[0], d[1] * f[1], d[2] * f[2], d[0] * f[1], d[0] * f[2], d[1] * f[2]});
  }
}

/* ---------------------------------------------------------------------- */

void PairCgnet::tally_global()
{
  const int nbeads = molecules->nbeads();
  for (int i = 0; i < molecules->nowned(); i++) {
    if (eflag_global) eng_vdwl += energies[i];
    if (!vflag_global) continue;
    bead_virials(nbeads, molecules->x(i), &forces[3 * (std::size_t) nbeads * i], virials);
    for (std::size_t k = 0; k < virials.size(); k++) virial[k % 6] += virials[k];
  }
}

/* ----------------------------------------------------------------------
   the energy in equal parts to the beads, and their virials, to where the atoms are
------------------------------------------------------------------------- */

void PairCgnet::tally_atoms()
{
  const int nmol = molecules->nowned(), nbeads = molecules->nbeads();
  std::vector<double> rows;
  for (int i = 0; i < nmol; i++) {
    bead_virials(nbeads, molecules->x(i), &forces[3 * (std::size_t) nbeads * i], virials);
    for (int b = 0; b < nbeads; b++) {
      rows.push_back(energies[i] / nbeads);
      rows.insert(rows.end(), virials.begin() + 6 * b, virials.begin() + 6 * (b + 1));
    }
  }
  const double *row = molecules->scatter(7, rows.data());
  for (const int i : molecules->local_atoms()) {
    if (eflag_atom) eatom[i] += row[0];
    if (vflag_atom)
      for (int c = 0; c < 6; c++) vatom[i][c] += row[1 + c];
    row += 7;
  }
}

/* ----------------------------------------------------------------------
   stop where the potential is not defined, rather than integrate NaNs
------------------------------------------------------------------------- */

void PairCgnet::check_finite() const
{
  // the first loop has no branches, because it runs in every step
  constexpr double most = std::numeric_limits<double>::max();
  const std::size_t nmol = energies.size(), size = 3 * (std::size_t) molecules->nbeads();
  int bad = 0;
  for (const double e : energies) bad |= !(std::fabs(e) <= most);
  for (const double f : forces) bad |= !(std::fabs(f) <= most);
  if (!bad) return;
  for (std::size_t i = 0; i < nmol; i++) {
    double sum = energies[i];
    for (std::size_t k = 0; k < size; k++) sum += forces[i * size + k];
    if (!std::isfinite(sum)) not_finite((int) i, update->ntimestep, energies[i]);
  }
}

void PairCgnet::not_finite(int i, bigint step, double energy) const
{
  backmap_error_one(lmp,
                    "{}: energy or force of molecule-ID {} is not finite at step {} (energy {})",
                    WHAT, molecules->molecule(i), step, energy);
}

/* ----------------------------------------------------------------------
   collective: order of the beads of every molecule against the model
------------------------------------------------------------------------- */

void PairCgnet::check_beads()
{
  std::string trouble;
  for (int i = 0; i < molecules->nowned() && trouble.empty(); i++)
    for (int b = 0; b < molecules->nbeads() && trouble.empty(); b++) {
      const int type = molecules->type(i)[b];
      if (type_names[type] != model_names[b])
        trouble = fmt::format(
            "{}: bead {} of molecule-ID {} (atom {}, type {}), expected {}, got {}", WHAT, b + 1,
            molecules->molecule(i), molecules->tags(i)[b], type, model_names[b], type_names[type]);
    }
  BACKMAP_NS::backmap_agree(lmp, trouble);
  checked = true;
}

/* ---------------------------------------------------------------------- */

void PairCgnet::allocate()
{
  const int n = atom->ntypes + 1;
  memory->create(setflag, n, n, "pair:setflag");
  memory->create(cutsq, n, n, "pair:cutsq");
  for (int i = 1; i < n; i++)
    for (int j = 1; j < n; j++) setflag[i][j] = 0;
  allocated = 1;
}

/* ---------------------------------------------------------------------- */

void PairCgnet::settings(int narg, char **arg)
{
  precision = "single";
  run_code = false;
  BackmapKeywords keywords(lmp, WHAT);
  keywords.choice("precision", precision, {"single", "double"}).yes("run_code", run_code);
  for (int iarg = 0; iarg < narg;) iarg += keywords.take(narg, arg, iarg);
}

/* ----------------------------------------------------------------------
   pair_coeff * * FILE name-per-type
------------------------------------------------------------------------- */

void PairCgnet::coeff(int narg, char **arg)
{
  const int ntypes = atom->ntypes;
  if (narg != 3 + ntypes || std::string(arg[0]) != "*" || std::string(arg[1]) != "*")
    backmap_error(
        lmp,
        "pair_coeff of cgnet: expected * * FILE and one bead name or NULL for each of {} atom "
        "types, got {} arguments",
        ntypes, narg);
  if (!allocated) allocate();

  load(arg[2]);

  // every name must be a bead of the model, and every bead of the model must have a type

  std::string list;
  for (const auto &name : model_names) list += (list.empty() ? "" : " ") + name;
  type_names.assign(ntypes + 1, "");
  std::vector<char> mask(ntypes + 1, 0);
  for (int i = 1; i <= ntypes; i++) {
    const std::string name = arg[2 + i];
    if (name == "NULL") continue;
    if (std::find(model_names.begin(), model_names.end(), name) == model_names.end())
      backmap_error(lmp, "{}: bead name of atom type {}, expected one of {} of {}, got {}", WHAT, i,
                    list, arg[2], name);
    type_names[i] = name;
    mask[i] = 1;
  }
  for (const auto &name : model_names)
    if (std::find(type_names.begin(), type_names.end(), name) == type_names.end())
      backmap_error(lmp, "{}: no atom type has the name {} of the model {} with beads {}", WHAT,
                    name, arg[2], list);

  // alone, NULL types simply feel nothing; in a hybrid style others may act on them

  const bool hybrid = utils::strmatch(force->pair_style ? force->pair_style : "", "^hybrid");
  for (int i = 1; i <= ntypes; i++)
    for (int j = i; j <= ntypes; j++) setflag[i][j] = (!hybrid || (mask[i] && mask[j])) ? 1 : 0;

  molecules = std::make_unique<BackmapMolecules>(lmp, 1, (int) model_names.size(), WHAT);
  molecules->select_types(mask);
  checked = false;
}

/* ----------------------------------------------------------------------
   collective: the model, read by rank 0
------------------------------------------------------------------------- */

void PairCgnet::load(const std::string &path)
{
  const std::string suffix = path.size() > 3 ? path.substr(path.size() - 3) : "";
#ifndef BACKMAP_TORCH
  if (suffix == ".pt")
    backmap_error(
        lmp,
        "{}: cannot use {}: this LAMMPS was built without LibTorch, which TorchScript models need",
        WHAT, path);
#endif
  if (suffix == ".pt" && !run_code)
    backmap_error(lmp,
                  "{}: {} is a program (TorchScript), and loading it runs the code of its author; "
                  "if you trust it: pair_style cgnet run_code yes",
                  WHAT, path);
  const std::string bytes = BACKMAP_NS::backmap_read_file(lmp, path, WHAT);
  model_sum = BACKMAP_NS::sha256_hex(bytes);
  try {
    if (suffix == ".pt") {
#ifdef BACKMAP_TORCH
      potential = BACKMAP_NS::make_torch_script(bytes, path);
#endif
    } else {
      const auto model = BACKMAP_NS::ModelFile::parse(bytes, path);
      potential = std::make_unique<Cgnet>(BACKMAP_NS::CgnetSpec::from_model(model),
                                          precision == "single" ? Cgnet::Precision::Single
                                                                : Cgnet::Precision::Double);
    }
  } catch (const std::exception &e) {
    backmap_error(lmp, "{}: {}", WHAT, e.what());
  }

  model_names = potential->bead_names();
  model_units = potential->units();
  model_temperature = potential->temperature();
  if (model_units != update->unit_style)
    backmap_error(lmp, "{}: units of {}, expected {} as in this input, got {}", WHAT, path,
                  update->unit_style, model_units);
  if (comm->me == 0)
    utils::logmesg(
        lmp, "Pair style cgnet: {} beads, {} K, {} units, {} from {}\n", model_names.size(),
        model_temperature, model_units,
        suffix == ".pt" ? "TorchScript program" : "network in " + precision + " precision", path);
}

/* ---------------------------------------------------------------------- */

void PairCgnet::init_style()
{
  if (!potential) backmap_error(lmp, "{}: no model, expected a pair_coeff command", WHAT);
  // no neighbor list: interactions are inside molecules, which are gathered
  list = nullptr;
  molecules->reset();
  checked = false;
}

/* ---------------------------------------------------------------------- */

double PairCgnet::init_one(int i, int j)
{
  if (setflag[i][j] == 0) backmap_error(lmp, "All pair coeffs are not set");
  return CUTOFF;
}

/* ---------------------------------------------------------------------- */

void *PairCgnet::extract(const char *name, int &dim)
{
  const std::string what = name;
  dim = 0;
  if (what == "bead_names") return &type_names;
  if (what == "temperature") return &model_temperature;
  if (what == "units") return &model_units;
  if (what == "model_sha256") return &model_sum;
  return nullptr;
}

/* ---------------------------------------------------------------------- */

double PairCgnet::memory_usage()
{
  return Pair::memory_usage() +
      sizeof(double) * (double) (energies.size() + forces.size() + virials.size());
}

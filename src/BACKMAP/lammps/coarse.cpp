/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/coarse.h"

#include "core/sha256.h"
#include "lammps/dynamics.h"
#include "lammps/io.h"
#include "lammps/partitions.h"

#include "angle.h"
#include "atom.h"
#include "bond.h"
#include "comm.h"
#include "compute.h"
#include "dihedral.h"
#include "error.h"
#include "fix.h"
#include "fmt/format.h"
#include "force.h"
#include "improper.h"
#include "kspace.h"
#include "modify.h"
#include "neigh_list.h"
#include "neighbor.h"
#include "pair.h"
#include "pair_hybrid.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* the styles of a hybrid are protected, and it offers no way to walk over them */

struct HybridStyles : public PairHybrid {
  static std::vector<Pair *> of(PairHybrid &hybrid)
  {
    Pair **first = hybrid.*(&HybridStyles::styles);
    return {first, first + hybrid.*(&HybridStyles::nstyles)};
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

BackmapCoarse::BackmapCoarse(LAMMPS *lmp, const std::string &what, int groupbit,
                             const FlowSpec &spec, const std::string &pe,
                             const std::string &peatom) :
    Pointers(lmp),
    what_(what), groupbit_(groupbit), spec_(spec), pe_(pe), peatom_(peatom),
    molecules_(lmp, groupbit, spec.nbeads(), what)
{
}

/* ---------------------------------------------------------------------- */

Compute *BackmapCoarse::find(const std::string &id) const
{
  const int i = modify->find_compute(id);
  if (i < 0) backmap_error(lmp, "{}: compute {}, which this fix created, was deleted", what_, id);
  return modify->compute[i];
}

/* ---------------------------------------------------------------------- */

void BackmapCoarse::init()
{
  if (spec_.units != update->unit_style)
    backmap_error(lmp, "{}: units, the model has {}, this run has {}", what_, spec_.units,
                  update->unit_style);

  // a CG potential that knows its temperature and units must agree with the model

  if (force->pair) {
    int dim = 0;
    const auto *t = static_cast<double *>(force->pair->extract("temperature", dim));
    if (t && std::fabs(*t - spec_.temperature) > 1e-6 * spec_.temperature)
      backmap_error(lmp, "{}: temperature, the model has {}, the pair style has {}", what_,
                    spec_.temperature, *t);
  }

  if (!pe_.empty())
    for (int i = 0; i < modify->nfix; i++) {
      const Fix *fix = modify->fix[i];
      if (fix->energy_global_flag && !fix->thermo_energy)
        backmap_error(lmp,
                      "{}: the energy of fix {} of style {} is not part of the potential energy of "
                      "the CG run, "
                      "expected: fix_modify {} energy yes",
                      what_, fix->id, fix->style, fix->id);
    }
  checked_ = false;
}

/* ---------------------------------------------------------------------- */

void BackmapCoarse::addstep(bigint step)
{
  if (pe_.empty()) return;
  find(pe_)->addstep(step);
  find(peatom_)->addstep(step);
}

/* ----------------------------------------------------------------------
   the name of each bead's type must be the name in the model: order and types in one check
------------------------------------------------------------------------- */

void BackmapCoarse::check_beads()
{
  checked_ = true;
  std::vector<std::string> names = names_;
  if (names.empty() && force->pair) {
    int dim = 0;
    const auto *of_pair =
        static_cast<std::vector<std::string> *>(force->pair->extract("bead_names", dim));
    if (of_pair) names = *of_pair;
    // a list without the unused entry for type 0
    if (static_cast<int>(names.size()) == atom->ntypes) names.insert(names.begin(), "");
  }
  if (names.empty()) return;

  const auto expected = spec_.bead_names();
  std::string trouble;
  for (int i = 0; i < molecules_.nowned() && trouble.empty(); i++)
    for (int k = 0; k < spec_.nbeads(); k++) {
      const std::string &name = names[molecules_.type(i)[k]];
      if (name == expected[k]) continue;
      trouble = fmt::format("{}: bead {} (atom {}, type {}) of molecule {}, expected {}, got {}",
                            what_, k + 1, molecules_.tags(i)[k], molecules_.type(i)[k],
                            molecules_.molecule(i), expected[k], name);
      break;
    }
  backmap_agree(lmp, trouble);
}

/* ----------------------------------------------------------------------
   everything to every rank: a molecule is nbeads positions, and its samples may be drawn anywhere
------------------------------------------------------------------------- */

std::vector<CoarseFrame> BackmapCoarse::frames(std::vector<double> &forces)
{
  if (!checked_) molecules_.reset();
  molecules_.setup();
  molecules_.gather();
  if (!checked_) {
    check_beads();
    bigint inside = 0;
    for (int i = 0; i < atom->nlocal; i++)
      if (atom->mask[i] & groupbit_) inside++;
    MPI_Allreduce(MPI_IN_PLACE, &inside, 1, MPI_LMP_BIGINT, MPI_SUM, world);
    if (!pe_.empty() && inside != atom->natoms)
      backmap_error(lmp,
                    "{}: the group of this fix has {} of {} atoms, expected all: the energy of "
                    "every atom counts as that of a molecule",
                    what_, inside, atom->natoms);
    if (molecules_.nmolecules() == 0)
      backmap_error(lmp, "{}: the group of this fix contains no molecule", what_);
  }

  int known = forces.size() == 3 * static_cast<std::size_t>(atom->nlocal) ? 1 : 0;
  MPI_Allreduce(MPI_IN_PLACE, &known, 1, MPI_INT, MPI_MIN, world);
  if (known) {
    add_bias_forces(forces);
    forces = molecules_.gather_vectors(forces.data());
  }
  const int size = 3 * spec_.nbeads(), width = 1 + size + known * size;
  std::vector<double> mine;
  for (int i = 0; i < molecules_.nowned(); i++) {
    mine.push_back(static_cast<double>(molecules_.molecule(i)));
    mine.insert(mine.end(), molecules_.x(i), molecules_.x(i) + size);
    const auto f = forces.begin() + static_cast<std::ptrdiff_t>(i) * size;
    if (known) mine.insert(mine.end(), f, f + size);
  }
  int n = static_cast<int>(mine.size());
  std::vector<int> count(comm->nprocs), offset(comm->nprocs + 1, 0);
  MPI_Allgather(&n, 1, MPI_INT, count.data(), 1, MPI_INT, world);
  for (int p = 0; p < comm->nprocs; p++) offset[p + 1] = offset[p] + count[p];
  std::vector<double> all(offset[comm->nprocs]);
  MPI_Allgatherv(mine.data(), n, MPI_DOUBLE, all.data(), count.data(), offset.data(), MPI_DOUBLE,
                 world);

  std::vector<CoarseFrame> frames(all.size() / width);
  for (std::size_t i = 0; i < frames.size(); i++) {
    const auto from = all.begin() + static_cast<std::ptrdiff_t>(i) * width;
    frames[i].step = update->ntimestep;
    frames[i].molecule = static_cast<std::int64_t>(*from);
    frames[i].z.assign(from + 1, from + 1 + size);
    frames[i].force.assign(from + 1 + size, from + width);
  }
  std::sort(frames.begin(), frames.end(),
            [](const CoarseFrame &a, const CoarseFrame &b) { return a.molecule < b.molecule; });
  if (!pe_.empty()) energies(frames);
  return frames;
}

/* ----------------------------------------------------------------------
   a bias that only adds its forces when it is called can be asked for them once more
------------------------------------------------------------------------- */

std::string BackmapCoarse::unknown_forces() const
{
  if (utils::strmatch(update->integrate_style, "^respa"))
    return "run_style respa has the forces of U_CG in parts";
  for (int i = 0; i < modify->nfix; i++) {
    if (!is_bias(lmp, i)) continue;
    const Fix *fix = modify->fix[i];
    bool plain = false;    // one of a device leaves its forces there
    for (const char *style : {"^restrain", "^spring", "^wall/", "^addforce", "^efield", "^indent"})
      plain = plain || (utils::strmatch(fix->style, style) && !fix->kokkosable);
    if (!plain)
      return fmt::format("the forces of fix {} of style {} cannot be told apart", fix->id,
                         fix->style);
  }
  return "";
}

void BackmapCoarse::add_bias_forces(std::vector<double> &forces)
{
  double **f = atom->f;
  const std::size_t size = forces.size();
  std::vector<double> before;
  for (int i = 0; i < modify->nfix; i++) {
    if (!is_bias(lmp, i)) continue;
    if (before.empty()) {
      before.assign(f[0], f[0] + size);
      std::fill(f[0], f[0] + size, 0.0);
    }
    modify->fix[i]->post_force(0);
  }
  if (before.empty()) return;
  for (std::size_t k = 0; k < size; k++) forces[k] += f[0][k];
  std::copy(before.begin(), before.end(), f[0]);
}

/* ----------------------------------------------------------------------
   rank 0 writes what write_data would
------------------------------------------------------------------------- */

namespace {

template <class Style> std::string checksum(Style *style)
{
  if (!style->writedata) return "";
  char *text = nullptr;
  std::size_t size = 0;
  FILE *fp = open_memstream(&text, &size);
  style->write_data(fp);
  fclose(fp);
  const std::string sum = sha256_hex(std::string(text, size));
  free(text);
  return ":" + sum.substr(0, 16);
}

}    // namespace

std::string BackmapCoarse::potential() const
{
  std::vector<Pair *> pairs;
  if (auto *hybrid = dynamic_cast<PairHybrid *>(force->pair))
    pairs = HybridStyles::of(*hybrid);
  else if (force->pair)
    pairs.push_back(force->pair);
  std::string all;
  const auto add = [&](const std::string &style) { all += (all.empty() ? "" : " ") + style; };
  for (Pair *pair : pairs) {
    int dim = 0;
    const auto *model = static_cast<std::string *>(pair->extract("model_sha256", dim));
    if (model)
      add("cgnet:" + model->substr(0, 16));
    else
      add("pair" + checksum(pair));
  }
  if (force->bond) add(std::string("bond/") + force->bond_style + checksum(force->bond));
  if (force->angle) add(std::string("angle/") + force->angle_style + checksum(force->angle));
  if (force->dihedral)
    add(std::string("dihedral/") + force->dihedral_style + checksum(force->dihedral));
  if (force->improper)
    add(std::string("improper/") + force->improper_style + checksum(force->improper));
  return all;
}

/* ----------------------------------------------------------------------
   one molecule: the potential energy of the box; several: per molecule from per-atom energies, which must
   add up to the former, and may not come from pairs, bonds or long-range forces between molecules
------------------------------------------------------------------------- */

void BackmapCoarse::energies(std::vector<CoarseFrame> &frames)
{
  Compute *pe = find(pe_);
  if (pe->invoked_scalar != update->ntimestep) pe->compute_scalar();
  if (frames.size() == 1) {
    frames[0].ucg = pe->scalar;
  } else {
    backmap_agree(lmp, interactions());
    Compute *peatom = find(peatom_);
    if (peatom->invoked_peratom != update->ntimestep) peatom->compute_peratom();
    std::vector<double> sum(frames.size(), 0.0);
    for (int i = 0; i < atom->nlocal; i++) {
      const std::int64_t molecule = atom->molecule[i];
      const auto at =
          std::lower_bound(frames.begin(), frames.end(), molecule,
                           [](const CoarseFrame &f, std::int64_t m) { return f.molecule < m; });
      if (at != frames.end() && at->molecule == molecule)
        sum[at - frames.begin()] += peatom->vector_atom[i];
    }
    MPI_Allreduce(MPI_IN_PLACE, sum.data(), static_cast<int>(sum.size()), MPI_DOUBLE, MPI_SUM,
                  world);
    double total = 0.0, size = 1.0;
    for (std::size_t i = 0; i < frames.size(); i++) {
      frames[i].ucg = sum[i];
      total += sum[i];
      size += std::fabs(sum[i]);
    }
    if (std::isfinite(total) && !(std::fabs(total - pe->scalar) <= 1e-8 * size))
      backmap_error(
          lmp,
          "{}: the energies of the molecules add up to {}, expected the potential energy {}; some "
          "energy belongs to no atom (a fix without per-atom energy, or a tail correction)",
          what_, total, pe->scalar);
  }
  for (const auto &f : frames)
    if (!std::isfinite(f.ucg))
      backmap_error(lmp, "{}: CG energy of molecule {} at step {}, expected a finite value, got {}",
                    what_, f.molecule, f.step, f.ucg);
}

/* ----------------------------------------------------------------------
   what couples two molecules, as seen by this rank; empty if nothing does
------------------------------------------------------------------------- */

std::string BackmapCoarse::interactions() const
{
  if (force->kspace)
    return what_ +
        ": interactions between molecules are not supported, got a kspace style with several "
        "molecules";
  const tagint *molecule = atom->molecule;
  const auto between = [&](const char *kind, int i, int j) {
    return fmt::format(
        "{}: interactions between molecules are not supported, got a {} between atoms {} and {} of "
        "molecules {} and {}",
        what_, kind, atom->tag[i], atom->tag[j], molecule[i], molecule[j]);
  };

  if (force->bond)
    for (int n = 0; n < neighbor->nbondlist; n++) {
      const int i = neighbor->bondlist[n][0], j = neighbor->bondlist[n][1];
      if (molecule[i] != molecule[j]) return between("bond", i, j);
    }
  if (force->angle)
    for (int n = 0; n < neighbor->nanglelist; n++)
      for (int k = 1; k < 3; k++) {
        const int i = neighbor->anglelist[n][0], j = neighbor->anglelist[n][k];
        if (molecule[i] != molecule[j]) return between("angle", i, j);
      }
  if (force->dihedral)
    for (int n = 0; n < neighbor->ndihedrallist; n++)
      for (int k = 1; k < 4; k++) {
        const int i = neighbor->dihedrallist[n][0], j = neighbor->dihedrallist[n][k];
        if (molecule[i] != molecule[j]) return between("dihedral", i, j);
      }

  std::vector<Pair *> pairs;
  if (auto *hybrid = dynamic_cast<PairHybrid *>(force->pair))
    pairs = HybridStyles::of(*hybrid);
  else if (force->pair)
    pairs.push_back(force->pair);
  for (Pair *pair : pairs) {
    const NeighList *list = pair->list;
    if (!list) continue;
    for (int ii = 0; ii < list->inum; ii++) {
      const int i = list->ilist[ii], itype = atom->type[i];
      for (int jj = 0; jj < list->numneigh[i]; jj++) {
        const int j = list->firstneigh[i][jj] & NEIGHMASK;
        if (molecule[i] == molecule[j]) continue;
        const int jtype = atom->type[j];
        double rsq = 0.0;
        for (int d = 0; d < 3; d++) rsq += std::pow(atom->x[i][d] - atom->x[j][d], 2);
        if (!pair->cutsq || rsq >= pair->cutsq[itype][jtype]) continue;
        if (pair->single_enable) {
          double fforce = 0.0;
          const double e = pair->single(i, j, itype, jtype, rsq, 1.0, 1.0, fforce);
          if (e == 0.0 && fforce == 0.0) continue;
        }
        return between("pair interaction", i, j);
      }
    }
  }
  return "";
}

}    // namespace BACKMAP_NS

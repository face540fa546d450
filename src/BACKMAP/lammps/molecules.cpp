/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/molecules.h"

#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/periodic_box.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "fmt/format.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* ----------------------------------------------------------------------
   records of width tagints to the ranks named, everybody may send to everybody
   items of one destination keep their order; source[k] is where record k of the answer came from
------------------------------------------------------------------------- */

std::vector<tagint> all_to_all(MPI_Comm world, int width, const std::vector<int> &destination,
                               const std::vector<tagint> &records, std::vector<int> &source)
{
  int nprocs;
  MPI_Comm_size(world, &nprocs);
  std::vector<int> nsend(nprocs, 0), nrecv(nprocs), send_at(nprocs + 1, 0), recv_at(nprocs + 1, 0);
  for (int d : destination) nsend[d] += width;
  MPI_Alltoall(nsend.data(), 1, MPI_INT, nrecv.data(), 1, MPI_INT, world);
  for (int p = 0; p < nprocs; p++) {
    send_at[p + 1] = send_at[p] + nsend[p];
    recv_at[p + 1] = recv_at[p] + nrecv[p];
  }

  std::vector<tagint> out(records.size()), in(recv_at[nprocs]);
  std::vector<int> next(send_at.begin(), send_at.end() - 1);
  for (std::size_t k = 0; k < destination.size(); k++)
    for (int c = 0; c < width; c++) out[next[destination[k]]++] = records[k * width + c];
  MPI_Alltoallv(out.data(), nsend.data(), send_at.data(), MPI_LMP_TAGINT, in.data(), nrecv.data(),
                recv_at.data(), MPI_LMP_TAGINT, world);

  source.clear();
  for (int p = 0; p < nprocs; p++) source.insert(source.end(), nrecv[p] / width, p);
  return in;
}

}    // namespace

/* ---------------------------------------------------------------------- */

BackmapMolecules::BackmapMolecules(LAMMPS *lmp, int groupbit, int nbeads, const std::string &what) :
    Pointers(lmp), groupbit_(groupbit), nbeads_(nbeads), what_(what)
{
}

/* ---------------------------------------------------------------------- */

void BackmapMolecules::select_types(const std::vector<char> &types)
{
  types_ = types;
  ready_ = false;
}

/* ---------------------------------------------------------------------- */

bool BackmapMolecules::selected(int i) const
{
  return (atom->mask[i] & groupbit_) && (types_.empty() || types_[atom->type[i]]);
}

/* ----------------------------------------------------------------------
   beads of this rank, sorted by molecule-ID and atom-ID
------------------------------------------------------------------------- */

void BackmapMolecules::find_local()
{
  if (!atom->molecule_flag || !atom->molecule)
    backmap_error(
        lmp, "{}: atoms have no molecule-IDs, expected an atom style such as bond or molecular",
        what_);
  if (!atom->tag_enable) backmap_error(lmp, "{}: atoms have no atom-IDs", what_);

  const tagint *molecule = atom->molecule, *tag = atom->tag;
  local_.clear();
  std::string trouble;
  for (int i = 0; i < atom->nlocal; i++) {
    if (!selected(i)) continue;
    if (molecule[i] <= 0 && trouble.empty())
      trouble =
          fmt::format("{}: atom {} belongs to no molecule, expected a molecule-ID above 0, got {}",
                      what_, tag[i], molecule[i]);
    local_.push_back(i);
  }
  backmap_agree(lmp, trouble);

  std::sort(local_.begin(), local_.end(), [&](int a, int b) {
    return molecule[a] != molecule[b] ? molecule[a] < molecule[b] : tag[a] < tag[b];
  });
  local_tag_.resize(local_.size());
  for (std::size_t k = 0; k < local_.size(); k++) local_tag_[k] = tag[local_[k]];
}

/* ----------------------------------------------------------------------
   collective: stop if any rank found a molecule with a wrong number of beads (0 = none found)
------------------------------------------------------------------------- */

void BackmapMolecules::check_counts(tagint bad)
{
  constexpr tagint none = std::numeric_limits<tagint>::max();
  tagint mine = bad > 0 ? bad : none, first = none;
  MPI_Allreduce(&mine, &first, 1, MPI_LMP_TAGINT, MPI_MIN, world);
  if (first == none) return;

  bigint here = 0, total = 0;
  for (int i : local_)
    if (atom->molecule[i] == first) here++;
  MPI_Allreduce(&here, &total, 1, MPI_LMP_BIGINT, MPI_SUM, world);
  backmap_error(lmp, "{}: number of beads of molecule-ID {}, expected {}, got {}", what_, first,
                nbeads_, total);
}

/* ----------------------------------------------------------------------
   owners of the beads (positions in local_) whose molecule is not whole here
   a home rank per molecule-ID sees all its beads, counts them and names the rank of the lowest ID
   whole: first beads of molecules that are whole here, to find IDs used twice
------------------------------------------------------------------------- */

void BackmapMolecules::route_split(const std::vector<int> &split, const std::vector<int> &whole,
                                   std::vector<int> &owner)
{
  const int nprocs = comm->nprocs;
  std::vector<int> home, source;
  std::vector<tagint> records;
  for (int p : split) {
    const tagint mol = atom->molecule[local_[p]];
    home.push_back(static_cast<int>(mol % nprocs));
    records.insert(records.end(), {mol, local_tag_[p], static_cast<tagint>(p)});
  }
  for (int p : whole) {
    const tagint mol = atom->molecule[local_[p]];
    home.push_back(static_cast<int>(mol % nprocs));
    records.insert(records.end(), {mol, local_tag_[p], -1});
  }
  const std::vector<tagint> seen = all_to_all(world, 3, home, records, source);

  std::vector<int> order(source.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) {
    return seen[3 * a] != seen[3 * b] ? seen[3 * a] < seen[3 * b]
                                      : seen[3 * a + 1] < seen[3 * b + 1];
  });

  tagint bad = 0;
  std::vector<int> back;
  std::vector<tagint> replies;
  for (std::size_t k = 0; k < order.size();) {
    std::size_t end = k;
    const tagint mol = seen[3 * order[k]];
    std::size_t beads = 0;
    for (; end < order.size() && seen[3 * order[end]] == mol; end++)
      beads += seen[3 * order[end] + 2] < 0 ? nbeads_ : 1;
    if (beads != static_cast<std::size_t>(nbeads_) && bad == 0) bad = mol;
    for (std::size_t j = k; j < end; j++) {
      if (seen[3 * order[j] + 2] < 0) continue;
      back.push_back(source[order[j]]);
      replies.insert(replies.end(),
                     {seen[3 * order[j] + 2], static_cast<tagint>(source[order[k]])});
    }
    k = end;
  }
  check_counts(bad);

  std::vector<int> ignored;
  const std::vector<tagint> answer = all_to_all(world, 2, back, replies, ignored);
  for (std::size_t k = 0; k + 1 < answer.size(); k += 2)
    owner[answer[k]] = static_cast<int>(answer[k + 1]);
}

/* ----------------------------------------------------------------------
   owner: rank of each bead of local_; true if any rank needs beads of another
   molecules whole here need no communication; usually that is all of them
------------------------------------------------------------------------- */

bool BackmapMolecules::find_owners(std::vector<int> &owner)
{
  const int n = static_cast<int>(local_.size());
  const tagint *molecule = atom->molecule;
  owner.assign(n, comm->me);
  std::vector<int> split, whole;
  tagint bad = 0;
  for (int k = 0; k < n;) {
    int end = k;
    while (end < n && molecule[local_[end]] == molecule[local_[k]]) end++;
    if (end - k > nbeads_ && bad == 0) bad = molecule[local_[k]];
    if (end - k < nbeads_)
      for (int j = k; j < end; j++) split.push_back(j);
    else if (!ready_)
      whole.push_back(k);
    k = end;
  }
  if (comm->nprocs == 1 && bad == 0 && !split.empty()) bad = molecule[local_[split[0]]];
  check_counts(bad);

  int any = (split.empty() && ready_) ? 0 : 1;
  MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, world);
  if (comm->nprocs == 1) any = 0;
  if (any) route_split(split, whole, owner);
  return any != 0;
}

/* ----------------------------------------------------------------------
   tell the owners what will come: molecule, atom-ID and type of each bead, in the order of the
   later messages; returns the beads that come here, with their ranks in source
------------------------------------------------------------------------- */

std::vector<tagint> BackmapMolecules::announce(const std::vector<int> &owner, bool any,
                                               std::vector<int> &source)
{
  std::vector<int> away, destination;
  for (std::size_t k = 0; k < owner.size(); k++)
    if (owner[k] != comm->me) away.push_back(static_cast<int>(k));
  std::stable_sort(away.begin(), away.end(), [&](int a, int b) { return owner[a] < owner[b]; });
  std::vector<tagint> records;
  send_position_.clear();
  send_.clear();
  for (int k : away) {
    if (send_.empty() || send_.back().rank != owner[k]) send_.push_back({owner[k], 0});
    send_.back().count++;
    send_position_.push_back(k);
    destination.push_back(owner[k]);
    const int i = local_[k];
    records.insert(records.end(),
                   {atom->molecule[i], atom->tag[i], static_cast<tagint>(atom->type[i])});
  }
  std::vector<tagint> coming;
  if (any) coming = all_to_all(world, 3, destination, records, source);
  recv_.clear();
  for (int s : source) {
    if (recv_.empty() || recv_.back().rank != s) recv_.push_back({s, 0});
    recv_.back().count++;
  }
  return coming;
}

/* ---------------------------------------------------------------------- */

void BackmapMolecules::setup()
{
  find_local();
  std::vector<int> owner, source;
  const bool any = find_owners(owner);
  const std::vector<tagint> coming = announce(owner, any, source);

  // all beads of the owned molecules, from here (item < n) or elsewhere, in order

  struct Item {
    tagint molecule, tag;
    int type, index;
  };
  const int n = static_cast<int>(local_.size());
  std::vector<Item> items;
  for (int k = 0; k < n; k++)
    if (owner[k] == comm->me)
      items.push_back({atom->molecule[local_[k]], local_tag_[k], atom->type[local_[k]], k});
  for (std::size_t k = 0; k < source.size(); k++)
    items.push_back({coming[3 * k], coming[3 * k + 1], static_cast<int>(coming[3 * k + 2]),
                     n + static_cast<int>(k)});
  std::sort(items.begin(), items.end(), [](const Item &a, const Item &b) {
    return a.molecule != b.molecule ? a.molecule < b.molecule : a.tag < b.tag;
  });

  molecules_.clear();
  tag_.clear();
  type_.clear();
  here_position_.clear();
  here_slot_.clear();
  recv_slot_.assign(source.size(), 0);
  for (std::size_t slot = 0; slot < items.size(); slot++) {
    const Item &item = items[slot];
    if (slot % nbeads_ == 0) molecules_.push_back(item.molecule);
    tag_.push_back(item.tag);
    type_.push_back(item.type);
    if (item.index < n) {
      here_position_.push_back(item.index);
      here_slot_.push_back(static_cast<int>(slot));
    } else {
      recv_slot_[item.index - n] = static_cast<int>(slot);
    }
  }
  x_.assign(3 * items.size(), 0.0);
  bigint mine = nowned();
  MPI_Allreduce(&mine, &nmolecules_, 1, MPI_LMP_BIGINT, MPI_SUM, world);
  ready_ = true;
}

/* ----------------------------------------------------------------------
   ncol values per bead between the peers of the route
------------------------------------------------------------------------- */

void BackmapMolecules::exchange(const std::vector<Peer> &from, std::vector<double> &in,
                                const std::vector<Peer> &to, const std::vector<double> &out,
                                int ncol)
{
  std::vector<MPI_Request> requests;
  requests.reserve(from.size() + to.size());
  std::size_t at = 0;
  for (const Peer &p : from) {
    requests.emplace_back();
    MPI_Irecv(in.data() + at, p.count * ncol, MPI_DOUBLE, p.rank, 0, world, &requests.back());
    at += static_cast<std::size_t>(p.count) * ncol;
  }
  at = 0;
  for (const Peer &p : to) {
    requests.emplace_back();
    MPI_Isend(out.data() + at, p.count * ncol, MPI_DOUBLE, p.rank, 0, world, &requests.back());
    at += static_cast<std::size_t>(p.count) * ncol;
  }
  MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
}

/* ---------------------------------------------------------------------- */

void BackmapMolecules::gather(bool same_atoms)
{
  if (!same_atoms || !ready_) setup();

  for (std::size_t k = 0; k < local_.size(); k++)
    if (local_[k] >= atom->nlocal || atom->tag[local_[k]] != local_tag_[k])
      backmap_error_one(lmp, "{}: atoms have moved between ranks without a new neighbor list",
                        what_);

  gather_rows(atom->x, x_.data());

  const PeriodicBox box(domain);
  for (int i = 0; i < nowned(); i++)
    box.make_whole(nbeads_, &x_[3 * static_cast<std::size_t>(i) * nbeads_]);
}

/* ----------------------------------------------------------------------
   three numbers of each atom to the slots of the owned molecules
------------------------------------------------------------------------- */

void BackmapMolecules::gather_rows(const double *const *rows, double *to)
{
  for (std::size_t k = 0; k < here_slot_.size(); k++)
    for (int c = 0; c < 3; c++) to[3 * here_slot_[k] + c] = rows[local_[here_position_[k]]][c];

  send_buffer_.resize(3 * send_position_.size());
  recv_buffer_.resize(3 * recv_slot_.size());
  for (std::size_t k = 0; k < send_position_.size(); k++)
    for (int c = 0; c < 3; c++) send_buffer_[3 * k + c] = rows[local_[send_position_[k]]][c];
  exchange(recv_, recv_buffer_, send_, send_buffer_, 3);
  for (std::size_t k = 0; k < recv_slot_.size(); k++)
    for (int c = 0; c < 3; c++) to[3 * recv_slot_[k] + c] = recv_buffer_[3 * k + c];
}

/* ---------------------------------------------------------------------- */

std::vector<double> BackmapMolecules::gather_vectors(const double *values)
{
  std::vector<const double *> rows(atom->nlocal);
  for (int i = 0; i < atom->nlocal; i++) rows[i] = values + 3 * static_cast<std::size_t>(i);
  std::vector<double> to(x_.size());
  gather_rows(rows.data(), to.data());
  return to;
}

/* ---------------------------------------------------------------------- */

const double *BackmapMolecules::scatter_split(int ncol, const double *values)
{
  send_buffer_.resize(ncol * send_position_.size());
  recv_buffer_.resize(ncol * recv_slot_.size());
  for (std::size_t k = 0; k < recv_slot_.size(); k++)
    std::copy_n(values + static_cast<std::size_t>(recv_slot_[k]) * ncol, ncol,
                recv_buffer_.data() + k * ncol);
  exchange(send_, send_buffer_, recv_, recv_buffer_, ncol);
  return send_buffer_.data();
}

/* ---------------------------------------------------------------------- */

const double *BackmapMolecules::scatter(int ncol, const double *values)
{
  result_.resize(local_.size() * ncol);
  for (std::size_t k = 0; k < here_slot_.size(); k++)
    std::copy_n(values + static_cast<std::size_t>(here_slot_[k]) * ncol, ncol,
                result_.data() + static_cast<std::size_t>(here_position_[k]) * ncol);
  const double *split = scatter_split(ncol, values);
  for (std::size_t k = 0; k < send_position_.size(); k++)
    std::copy_n(split + k * ncol, ncol,
                result_.data() + static_cast<std::size_t>(send_position_[k]) * ncol);
  return result_.data();
}

/* ---------------------------------------------------------------------- */

std::vector<int> BackmapMolecules::slot_atoms() const
{
  std::vector<int> atoms(tag_.size(), -1);
  for (std::size_t k = 0; k < here_slot_.size(); k++)
    atoms[here_slot_[k]] = local_[here_position_[k]];
  return atoms;
}

std::vector<int> BackmapMolecules::split_atoms() const
{
  std::vector<int> atoms;
  for (int position : send_position_) atoms.push_back(local_[position]);
  return atoms;
}

void BackmapMolecules::split_to_owners(const std::vector<double> &atoms, std::vector<double> &slots)
{
  slots.resize(3 * recv_slot_.size());
  exchange(recv_, slots, send_, atoms, 3);
}

void BackmapMolecules::split_to_atoms(const std::vector<double> &slots, std::vector<double> &atoms)
{
  atoms.resize(3 * send_position_.size());
  exchange(send_, atoms, recv_, slots, 3);
}

/* ----------------------------------------------------------------------
   every step: without the rows in between
------------------------------------------------------------------------- */

void BackmapMolecules::scatter_add(const double *values)
{
  double **f = atom->f;
  for (std::size_t k = 0; k < here_slot_.size(); k++)
    for (int c = 0; c < 3; c++)
      f[local_[here_position_[k]]][c] += values[3 * static_cast<std::size_t>(here_slot_[k]) + c];
  const double *split = scatter_split(3, values);
  for (std::size_t k = 0; k < send_position_.size(); k++)
    for (int c = 0; c < 3; c++) f[local_[send_position_[k]]][c] += split[3 * k + c];
}

}    // namespace BACKMAP_NS

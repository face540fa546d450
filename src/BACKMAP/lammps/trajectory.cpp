/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/trajectory.h"

#include "lammps/file_patterns.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "lammps/periodic_box.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "fix.h"
#include "modify.h"
#include "read_dump.h"
#include "utils.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

BackmapTrajectory::BackmapTrajectory(LAMMPS *lmp, const std::string &name) :
    Pointers(lmp), what(name)
{
}

/* ---------------------------------------------------------------------- */

Topology BackmapTrajectory::topology()
{
  if (domain->box_exist == 0) backmap_error(lmp, what + " before simulation box is defined");
  if (atom->molecular != Atom::MOLECULAR || !atom->tag_enable || !atom->num_bond)
    backmap_error(lmp, what + ": expected an atom style with bonds (molecular or full)");
  for (int i = 0; i < modify->nfix; i++) {
    const std::string style = modify->fix[i]->style;
    for (const char *bad : {"shake", "rattle", "rigid", "poems"})
      if (style.find(bad) == 0)
        backmap_error(lmp,
                      what + ": fix " + style +
                          " constrains the molecule, expected a flexible molecule");
  }
  const int n = (int) atom->natoms;
  Topology t;
  t.natoms = n;
  std::vector<double> mine(5 * (size_t) n, 0.0), all(5 * (size_t) n, 0.0);
  std::vector<int> bonds;
  std::string bad;
  for (int i = 0; i < atom->nlocal; i++) {
    const tagint id = atom->tag[i];
    if (id < 1 || id > n) {
      bad = what + ": atom ID " + std::to_string(id) + ", expected 1 to " + std::to_string(n);
      break;
    }
    double *p = &mine[5 * (id - 1)];
    p[0] = 1.0;
    p[1] = atom->type[i];
    p[2] = atom->q_flag ? atom->q[i] : 0.0;
    p[3] = atom->rmass ? atom->rmass[i] : atom->mass[atom->type[i]];
    for (int k = 0; k < atom->num_bond[i]; k++) {
      bonds.push_back((int) id - 1);
      bonds.push_back((int) atom->bond_atom[i][k] - 1);
      bonds.push_back(atom->bond_type[i][k]);
    }
  }
  backmap_agree(lmp, bad);
  MPI_Allreduce(mine.data(), all.data(), 5 * n, MPI_DOUBLE, MPI_SUM, world);
  int count = bonds.size();
  std::vector<int> counts(comm->nprocs), offsets(comm->nprocs, 0);
  MPI_Allgather(&count, 1, MPI_INT, counts.data(), 1, MPI_INT, world);
  for (int p = 1; p < comm->nprocs; p++) offsets[p] = offsets[p - 1] + counts[p - 1];
  std::vector<int> table(offsets.back() + counts.back());
  MPI_Allgatherv(bonds.data(), count, MPI_INT, table.data(), counts.data(), offsets.data(), MPI_INT,
                 world);
  for (int i = 0; i < n; i++) {
    if (all[5 * i] != 1.0)
      backmap_error(lmp,
                    what + ": no atom with ID " + std::to_string(i + 1) + ", expected IDs 1 to " +
                        std::to_string(n));
    t.types.push_back((int) all[5 * i + 1]);
    t.charges.push_back(all[5 * i + 2]);
    t.masses.push_back(all[5 * i + 3]);
  }
  std::vector<std::array<int, 3>> list;
  for (size_t k = 0; k < table.size(); k += 3)
    list.push_back(
        {std::min(table[k], table[k + 1]), std::max(table[k], table[k + 1]), table[k + 2]});
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  for (const auto &b : list) {
    t.bonds.push_back({b[0], b[1]});
    t.bond_types.push_back(b[2]);
  }
  return t;
}

/* ---------------------------------------------------------------------- */

int BackmapTrajectory::keyword(int narg, char **arg, int iarg)
{
  const std::string key = arg[iarg];
  auto need = [&](int n) {
    if (iarg + n > narg) backmap_error(lmp, what + ": too few values for keyword " + key);
    if (blocks.empty()) backmap_error(lmp, what + ": keyword " + key + " before keyword files");
  };
  if (key == "files") {
    Block b;
    int i = iarg + 1;
    static const char *const stop[] = {"temper", "first", "last",  "every",
                                       "skip",   "dump",  "files", "molecule"};
    for (; i < narg; i++) {
      const bool end = std::any_of(std::begin(stop), std::end(stop),
                                   [&](const char *s) { return strcmp(arg[i], s) == 0; });
      if (end) break;
      const auto found = backmap_files(lmp, arg[i], what + ": keyword files");
      b.files.insert(b.files.end(), found.begin(), found.end());
    }
    if (b.files.empty()) backmap_error(lmp, what + ": keyword files without file names");
    blocks.push_back(b);
    return i - iarg;
  }
  if (key == "temper") {
    need(3);
    blocks.back().log = arg[iarg + 1];
    blocks.back().index = utils::inumeric(FLERR, arg[iarg + 2], false, lmp);
    if (blocks.back().index < 0 || blocks.back().index >= (int) blocks.back().files.size())
      backmap_error(lmp,
                    what + ": temperature index of temper, expected 0 to " +
                        std::to_string(blocks.back().files.size() - 1) +
                        " (one file for each "
                        "partition), got " +
                        arg[iarg + 2]);
    return 3;
  }
  if (key == "first" || key == "last") {
    need(2);
    const bigint v = utils::bnumeric(FLERR, arg[iarg + 1], false, lmp);
    (key == "first" ? blocks.back().first : blocks.back().last) = v;
    return 2;
  }
  if (key == "every" || key == "skip") {
    need(2);
    const int v = utils::inumeric(FLERR, arg[iarg + 1], false, lmp);
    if (v < 1) backmap_error(lmp, what + ": keyword " + key + ", expected a positive number");
    (key == "every" ? blocks.back().every : blocks.back().skip) = v;
    return 2;
  }
  if (key == "dump") {
    need(2);
    dump_args.assign(arg + iarg + 1, arg + narg);
    return narg - iarg;
  }
  return 0;
}

/* ---------------------------------------------------------------------- */

void BackmapTrajectory::read(bool forces)
{
  if (blocks.empty()) backmap_error(lmp, what + ": no files");
  if (dump_args.empty()) backmap_error(lmp, what + ": no keyword dump with the fields to read");
  auto has = [&](const char *s) {
    return std::find(dump_args.begin(), dump_args.end(), s) != dump_args.end();
  };
  if (!has("x") || !has("y") || !has("z"))
    backmap_error(lmp, what + ": the dump fields must include x y z");
  if (forces && (!has("fx") || !has("fy") || !has("fz")))
    backmap_error(lmp,
                  what + ": force matching needs forces, the dump fields must include fx fy fz");
  const auto neighbors = topology().neighbors();
  data = Frames();
  data.natoms = (int) atom->natoms;
  std::vector<std::vector<std::vector<Span>>> spans(blocks.size());
  for (size_t b = 0; b < blocks.size(); b++)
    if (!blocks[b].log.empty()) spans[b] = read_temper_log(blocks[b]);
  check_files();
  backmap_flushed(lmp, [&] {
    for (size_t b = 0; b < blocks.size(); b++)
      for (size_t k = 0; k < blocks[b].files.size(); k++)
        read_file(blocks[b], b, k, spans[b].empty() ? nullptr : &spans[b][k], forces, neighbors);
  });
  bigint n = data.n;
  MPI_Bcast(&n, 1, MPI_LMP_BIGINT, 0, world);
  if (n == 0) backmap_error(lmp, what + ": the dump files have no frame of the steps asked for");
  if (forces)
    for (int i = 0; i < atom->nlocal; i++)
      for (int k = 0; k < 3; k++) atom->v[i][k] = 0.0;
  if (comm->me == 0) sort_blocks();
}

/* ----------------------------------------------------------------------
   what the readers of LAMMPS would find themselves, but say on one rank alone, which is lost where that rank has no
   screen: every file can be opened, and has the columns
------------------------------------------------------------------------- */

void BackmapTrajectory::check_files()
{
  std::string problem;
  if (comm->me == 0)
    for (const Block &b : blocks)
      for (const auto &file : b.files)
        if (problem.empty()) problem = problem_of(file);
  backmap_agree(lmp, problem.empty() ? "" : what + ": dump file " + problem);
}

/* ----------------------------------------------------------------------
   what is wrong with a dump file, empty if nothing; columns are only known of text dumps of LAMMPS
------------------------------------------------------------------------- */

std::string BackmapTrajectory::problem_of(const std::string &file) const
{
  if (file.find('%') != std::string::npos) return "";    // one file for each processor
  errno = 0;
  std::ifstream in(file);
  if (!in) return file + ": cannot open: " + strerror(errno);
  const auto format = std::find(dump_args.begin(), dump_args.end(), "format");
  if (format != dump_args.end() && (format + 1 == dump_args.end() || *(format + 1) != "native"))
    return "";
  if (utils::strmatch(file, "\\.gz$") || utils::strmatch(file, "\\.bin$")) return "";

  const std::string header = "ITEM: ATOMS ";
  std::string line;
  while (std::getline(in, line) && line.compare(0, header.size(), header) != 0) {}
  if (!in) return file + ": has no line 'ITEM: ATOMS' with the names of its columns";
  std::istringstream words(line.substr(header.size()));
  std::vector<std::string> columns;
  for (std::string word; words >> word;) columns.push_back(word);
  const auto has = [&](const std::string &name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end();
  };

  for (const auto &field : dump_args) {
    static const char *const fields[] = {"id", "type", "x",  "y",  "z",  "vx", "vy", "vz",
                                         "q",  "ix",   "iy", "iz", "fx", "fy", "fz"};
    if (std::find(std::begin(fields), std::end(fields), field) == std::end(fields)) break;
    std::string name = field;
    for (size_t i = 0; i + 2 < dump_args.size(); i++)
      if (dump_args[i] == "label" && dump_args[i + 1] == field) name = dump_args[i + 2];
    if (has(name)) continue;
    // without a label, LAMMPS takes scaled and unwrapped coordinates too
    if (name == field && name.size() == 1 &&
        (has(name + "s") || has(name + "u") || has(name + "su")))
      continue;
    return file + ": has no column " + name + (name == field ? "" : " for field " + field) +
        ", its columns are: " + line.substr(header.size());
  }
  return "";
}

/* ----------------------------------------------------------------------
   read_dump sends atoms to the ranks that own them with their velocities, but without forces
   (on one rank it makes no difference): forces are read into the velocities
------------------------------------------------------------------------- */

std::vector<std::string> BackmapTrajectory::read_dump_args(bool forces) const
{
  if (!forces) return dump_args;
  std::vector<std::string> out;
  bool labelled[3] = {false, false, false};
  size_t end = dump_args.size();
  for (size_t i = 0; i < dump_args.size(); i++) {
    std::string s = dump_args[i];
    if (s == "format") {
      end = i;
      break;
    }
    for (int k = 0; k < 3; k++) {
      const std::string f = {'f', "xyz"[k]};
      if (s != f || (i >= 2 && dump_args[i - 2] == "label")) continue;
      s[0] = 'v';
      if (i && dump_args[i - 1] == "label") labelled[k] = true;
    }
    out.push_back(s);
  }
  for (int k = 0; k < 3; k++)
    if (!labelled[k]) {
      out.push_back("label");
      out.push_back({'v', "xyz"[k]});
      out.push_back({'f', "xyz"[k]});
    }
  out.insert(out.end(), dump_args.begin() + end, dump_args.end());
  return out;
}

/* ----------------------------------------------------------------------
   rows "step T0 T1 ..." of the log of temper; Tp = temperature index that partition p holds.
   A row is printed after the swap at its step: it holds for the steps after it, up to and with
   the step of the next row (a dump at that step is written before the swap).
------------------------------------------------------------------------- */

std::vector<std::vector<BackmapTrajectory::Span>> BackmapTrajectory::read_temper_log(const Block &b)
{
  const std::string text = backmap_read_file(lmp, b.log, what + ": log of temper");
  const size_t np = b.files.size();
  std::istringstream in(text);
  std::string line;
  std::vector<bigint> steps;
  std::vector<int> held;
  size_t columns = 0;
  while (std::getline(in, line)) {
    std::istringstream words(line);
    std::string word;
    std::vector<std::string> row;
    while (words >> word) row.push_back(word);
    if (!row.empty() && row[0] == "Step") columns = row.size();
    if (columns == 0 || row.size() != columns) continue;
    if (line.find_first_not_of("0123456789 \t\r") != std::string::npos) continue;
    if (columns != np + 1)
      backmap_error(lmp,
                    what + ": log of temper " + b.log + " has " + std::to_string(columns - 1) +
                        " partitions, expected one file for each, got " + std::to_string(np));
    const bigint s = std::stoll(row[0]);
    if (!steps.empty() && s == steps.back()) {    // printed again by a run that goes on
      steps.pop_back();
      held.resize(held.size() - np);
    }
    if (!steps.empty() && s < steps.back())
      backmap_error(lmp,
                    what + ": log of temper " + b.log + ": step " + row[0] + " after a later one");
    steps.push_back(s);
    for (size_t p = 0; p < np; p++) held.push_back(std::stoi(row[1 + p]));
  }
  if (steps.size() < 2)
    backmap_error(lmp, what + ": log of temper " + b.log + ": no rows 'Step T0 T1 ...'");
  std::vector<std::vector<Span>> spans(np);
  for (size_t k = 0; k < steps.size(); k++) {
    Span s;
    s.from = k ? steps[k] : steps[k] - 1;    // the frame before the first swap
    s.to = k + 1 < steps.size() ? steps[k + 1] : steps[k] + (steps[k] - steps[k - 1]);
    for (size_t p = 0; p < np; p++) {
      if (held[k * np + p] != b.index) continue;
      if (!spans[p].empty() && spans[p].back().to == s.from)
        spans[p].back().to = s.to;
      else
        spans[p].push_back(s);
    }
  }
  return spans;
}

/* ---------------------------------------------------------------------- */

void BackmapTrajectory::read_file(const Block &b, int iblock, int ifile,
                                  const std::vector<Span> *spans, bool forces,
                                  const std::vector<std::vector<int>> &neighbors)
{
  // a partition that never held the temperature
  if (spans && spans->empty()) return;

  std::vector<std::vector<char>> words;
  std::vector<char *> args;
  auto word = [&](const std::string &s) {
    words.emplace_back(s.c_str(), s.c_str() + s.size() + 1);
  };
  word(b.files[ifile]);
  for (const auto &s : read_dump_args(forces)) word(s);
  for (auto &w : words) args.push_back(w.data());

  // its destructor frees a communicator that setup_reader() makes; an error before that must not meet it
  auto *unready = new ReadDump(lmp);
  unready->store_files(1, &args[0]);
  const int nfields = (int) args.size() - 1;
  const int left = unready->fields_and_keywords(nfields, &args[1]);
  unready->setup_reader(left, left ? &args[args.size() - left] : nullptr);
  const std::unique_ptr<ReadDump> rd(unready);

  // the first step >= t that belongs to the temperature
  size_t span = 0;
  auto wanted = [&](bigint t) {
    if (!spans) return t;
    while (span < spans->size() && (*spans)[span].to < t) span++;
    if (span == spans->size()) return (bigint) MAXBIGINT;
    return std::max(t, (*spans)[span].from + 1);
  };
  auto target = wanted(b.first);
  // a partition of a replica exchange that was never at this temperature has none
  const bool expected = target <= b.last;
  bool first = true;
  bigint count = 0, step = -1;
  while (target <= b.last) {
    step = first ? rd->seek(target, 0) : rd->next(target - 1, b.last, b.every, 1);
    if (step < 0) break;
    rd->header(first);
    // atoms that the frame lacks would keep these
    for (int i = 0; i < atom->nlocal; i++)
      for (int k = 0; k < 3; k++) {
        atom->x[i][k] = std::numeric_limits<double>::quiet_NaN();
        if (forces) atom->v[i][k] = std::numeric_limits<double>::quiet_NaN();
      }
    rd->atoms();
    first = false;
    if (step > b.last) break;
    const bigint next = wanted(step);
    if (next == step && (b.every == 0 || step % b.every == 0)) {
      if (count % b.skip == 0) store(step, iblock, ifile, forces, neighbors, b.files[ifile]);
      count++;
    }
    target = wanted(step + 1);
  }
  if (first && expected)
    backmap_error(lmp,
                  what + ": dump file " + b.files[ifile] + " has no frame of the steps asked for");
}

/* ----------------------------------------------------------------------
   one frame to rank 0, whole along the bonds
------------------------------------------------------------------------- */

void BackmapTrajectory::store(bigint step, int iblock, int ifile, bool forces,
                              const std::vector<std::vector<int>> &neighbors,
                              const std::string &file)
{
  const int n = data.natoms, m = forces ? 6 : 3;
  std::vector<double> mine((size_t) n * m + n, 0.0), sum;
  for (int i = 0; i < atom->nlocal; i++) {
    const int a = (int) atom->tag[i] - 1;
    for (int k = 0; k < 3; k++) {
      mine[a * m + k] = atom->x[i][k];
      if (forces) mine[a * m + 3 + k] = atom->v[i][k];
    }
    // a missing atom is NaN or, where remap() made a number of that, in the corner of the box
    bool corner = true;
    for (int k = 0; k < 3; k++)
      corner = corner && (!std::isfinite(atom->x[i][k]) || atom->x[i][k] == domain->boxlo[k]);
    mine[n * m + a] = corner ? 0.0 : 1.0;
  }
  double *all = mine.data();
  if (comm->nprocs > 1) {
    sum.resize(mine.size());
    MPI_Allreduce(mine.data(), sum.data(), (int) mine.size(), MPI_DOUBLE, MPI_SUM, world);
    all = sum.data();
  }
  for (int a = 0; a < n; a++) {
    const std::string where = what + ": dump file " + file + ", step " + std::to_string(step) +
        ", atom " + std::to_string(a + 1) + ": ";
    if (all[n * m + a] == 0.0)
      backmap_error(lmp, where + "not in the frame, expected all " + std::to_string(n) + " atoms");
    for (int k = 0; k < m; k++)
      if (!std::isfinite(all[a * m + k]))
        backmap_error(lmp, where + (k < 3 ? "coordinate" : "force") + " is not a finite number");
  }
  if (comm->me) return;

  const size_t at = data.x.size();
  data.x.resize(at + 3 * n);
  double *x = &data.x[at];
  if (forces) data.f.resize(at + 3 * n);
  for (int a = 0; a < n; a++)
    for (int k = 0; k < 3; k++) {
      x[3 * a + k] = all[a * m + k];
      if (forces) data.f[at + 3 * a + k] = all[a * m + 3 + k];
    }
  make_whole(neighbors, x);
  data.step.push_back(step);
  data.block.push_back(iblock);
  data.file.push_back(ifile);
  int source = ifile;
  for (int b = 0; b < iblock; b++) source += (int) blocks[b].files.size();
  data.source.push_back(source);
  data.n++;
}

/* ---------------------------------------------------------------------- */

void BackmapTrajectory::make_whole(const std::vector<std::vector<int>> &neighbors, double *x) const
{
  if (!domain->xperiodic && !domain->yperiodic && !domain->zperiodic) return;
  const int n = (int) neighbors.size();
  std::vector<char> done(n, 0);
  std::vector<int> todo;
  const BACKMAP_NS::PeriodicBox box(domain);
  for (int start = 0; start < n; start++) {
    if (done[start]) continue;
    todo.push_back(start);
    done[start] = 1;
    while (!todo.empty()) {
      const int a = todo.back();
      todo.pop_back();
      for (int j : neighbors[a]) {
        if (done[j]) continue;
        double d[3] = {x[3 * j] - x[3 * a], x[3 * j + 1] - x[3 * a + 1],
                       x[3 * j + 2] - x[3 * a + 2]};
        box.nearest(d);
        for (int k = 0; k < 3; k++) x[3 * j + k] = x[3 * a + k] + d[k];
        done[j] = 1;
        todo.push_back(j);
      }
    }
  }
}

/* ---------------------------------------------------------------------- */

std::vector<double> BackmapTrajectory::positions()
{
  const auto neighbors = topology().neighbors();
  std::vector<double> mine(3 * neighbors.size(), 0.0), x(mine.size());
  for (int i = 0; i < atom->nlocal; i++)
    for (int k = 0; k < 3; k++) mine[3 * (atom->tag[i] - 1) + k] = atom->x[i][k];
  MPI_Allreduce(mine.data(), x.data(), (int) x.size(), MPI_DOUBLE, MPI_SUM, world);
  make_whole(neighbors, x.data());
  return x;
}

/* ----------------------------------------------------------------------
   the partitions of one replica exchange are one series in time
------------------------------------------------------------------------- */

void BackmapTrajectory::sort_blocks()
{
  std::vector<int64_t> order(data.n);
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    if (data.block[a] != data.block[b]) return data.block[a] < data.block[b];
    if (blocks[data.block[a]].log.empty()) return false;
    return data.step[a] < data.step[b];
  });
  Frames out;
  out.natoms = data.natoms;
  out.n = data.n;
  for (const Block &b : blocks) out.names.insert(out.names.end(), b.files.begin(), b.files.end());
  const size_t m = 3 * (size_t) data.natoms;
  out.x.reserve(data.x.size());
  out.f.reserve(data.f.size());
  for (int64_t i : order) {
    out.x.insert(out.x.end(), data.x.begin() + i * m, data.x.begin() + (i + 1) * m);
    if (!data.f.empty())
      out.f.insert(out.f.end(), data.f.begin() + i * m, data.f.begin() + (i + 1) * m);
    out.source.push_back(data.source[i]);
    out.step.push_back(data.step[i]);
    out.block.push_back(data.block[i]);
    // one series in time for a replica exchange, one for every file otherwise
    out.file.push_back(blocks[data.block[i]].log.empty() ? data.file[i] : 0);
  }
  data = std::move(out);
}

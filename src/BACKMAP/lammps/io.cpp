/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/io.h"

#include "lammps/partitions.h"

#include "error.h"
#include "lammps.h"
#include "utils.h"

#include <mpi.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <memory>
#include <unistd.h>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/// Where next() throws.
struct Closer {
  void operator()(FILE *fp) const { fclose(fp); }
};

/* ----------------------------------------------------------------------
   whole file into bytes, returns why not, or an empty string
------------------------------------------------------------------------- */

std::string slurp(const std::string &path, std::string &bytes)
{
  errno = 0;
  FILE *fp = fopen(path.c_str(), "rb");
  if (!fp) return strerror(errno);
  char buffer[65536];
  std::size_t n;
  while ((n = fread(buffer, 1, sizeof(buffer), fp)) > 0) bytes.append(buffer, n);
  const bool failed = ferror(fp) != 0;
  std::string reason = failed ? strerror(errno) : "";
  fclose(fp);
  return reason;
}

}    // namespace

/* ----------------------------------------------------------------------
   in pieces, because MPI counts are int
------------------------------------------------------------------------- */

void backmap_broadcast(std::string &bytes, MPI_Comm world)
{
  std::int64_t length = static_cast<std::int64_t>(bytes.size());
  MPI_Bcast(&length, 1, MPI_INT64_T, 0, world);
  bytes.resize(static_cast<std::size_t>(length));
  constexpr std::int64_t piece = 1 << 28;
  for (std::int64_t first = 0; first < length; first += piece)
    MPI_Bcast(&bytes[first], static_cast<int>(std::min(piece, length - first)), MPI_CHAR, 0, world);
}

/* ---------------------------------------------------------------------- */

std::string backmap_read_file(LAMMPS *lmp, const std::string &path, const std::string &what)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);

  std::string bytes, reason;
  if (me == 0) {
    const std::string found = utils::get_potential_file_path(path);
    if (found.empty())
      reason = "file not found or not readable, neither as given nor in LAMMPS_POTENTIALS";
    else
      reason = slurp(found, bytes);
    if (!reason.empty()) reason = what + ": cannot read " + path + ": " + reason;
  }
  backmap_agree(lmp, reason);
  backmap_broadcast(bytes, lmp->world);
  return bytes;
}

/* ---------------------------------------------------------------------- */

std::string backmap_replace_file(const std::string &path, const std::function<std::string()> &next)
{
  // two runs may write one file by mistake: the last one wins, whole
  const std::string part = path + "." + std::to_string(getpid()) + ".part";
  errno = 0;
  std::unique_ptr<FILE, Closer> fp(fopen(part.c_str(), "wb"));
  bool good = fp != nullptr;
  if (good) {
    for (std::string bytes = next(); good && !bytes.empty(); bytes = next())
      good = fwrite(bytes.data(), 1, bytes.size(), fp.get()) == bytes.size();
    good = (fclose(fp.release()) == 0) && good;
    good = good && rename(part.c_str(), path.c_str()) == 0;
  }
  const std::string reason = strerror(errno);
  if (!good) std::remove(part.c_str());
  return good ? "" : "cannot write " + path + ": " + reason;
}

std::string backmap_replace_file(const std::string &path, const std::string &bytes)
{
  bool given = false;
  return backmap_replace_file(path, [&]() -> std::string {
    if (given) return "";
    given = true;
    return bytes;
  });
}

/* ---------------------------------------------------------------------- */

void backmap_check_new_file(LAMMPS *lmp, const std::string &path, bool overwrite,
                            const std::string &what)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);

  std::string trouble;
  if (me == 0 && !overwrite) {
    FILE *fp = fopen(path.c_str(), "r");
    if (fp) {
      fclose(fp);
      trouble = what + ": the file " + path + " exists, expected a new one, or overwrite yes";
    }
  }
  backmap_agree(lmp, trouble);
}

/* ---------------------------------------------------------------------- */

void backmap_write_file(LAMMPS *lmp, const std::string &path, const std::string &bytes,
                        const std::string &what)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);

  std::string reason;
  if (me == 0) {
    reason = backmap_replace_file(path, bytes);
    if (!reason.empty()) reason = what + ": " + reason;
  }
  backmap_agree(lmp, reason);
}

/* ---------------------------------------------------------------------- */

void backmap_agree(LAMMPS *lmp, const std::string &message)
{
  int me, nprocs;
  MPI_Comm_rank(lmp->world, &me);
  MPI_Comm_size(lmp->world, &nprocs);

  int mine = message.empty() ? nprocs : me, first = mine;
  MPI_Allreduce(&mine, &first, 1, MPI_INT, MPI_MIN, lmp->world);
  if (first == nprocs) return;

  int length = static_cast<int>(message.size());
  MPI_Bcast(&length, 1, MPI_INT, first, lmp->world);
  std::string text = me == first ? message : std::string(length, ' ');
  MPI_Bcast(&text[0], length, MPI_CHAR, first, lmp->world);
  backmap_error(lmp, text);
}

/* ---------------------------------------------------------------------- */

std::vector<double> backmap_gather(MPI_Comm world, const std::vector<double> &mine)
{
  int me, nprocs;
  MPI_Comm_rank(world, &me);
  MPI_Comm_size(world, &nprocs);
  if (nprocs == 1) return mine;
  int n = static_cast<int>(mine.size());
  std::vector<int> count(nprocs), offset(nprocs + 1, 0);
  MPI_Gather(&n, 1, MPI_INT, count.data(), 1, MPI_INT, 0, world);
  for (int p = 0; p < nprocs; p++) offset[p + 1] = offset[p] + count[p];
  std::vector<double> all(me == 0 ? offset[nprocs] : 0);
  MPI_Gatherv(mine.data(), n, MPI_DOUBLE, all.data(), count.data(), offset.data(), MPI_DOUBLE, 0,
              world);
  return all;
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/partitions.h"

#include "error.h"
#include "lammps.h"
#include "universe.h"

#include <mpi.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <thread>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

/* ----------------------------------------------------------------------
   the terminal and log.lammps, unless they are the partition's own
------------------------------------------------------------------------- */

void to_universe(LAMMPS *lmp, const std::string &text)
{
  for (FILE *f : {lmp->universe->uscreen, lmp->universe->ulogfile}) {
    if (!f || f == lmp->screen || f == lmp->logfile) continue;
    fputs(text.c_str(), f);
    fflush(f);
  }
}

}    // namespace

/* ----------------------------------------------------------------------
   a barrier that leaves the core to others: MPI_Barrier would spin, and a training takes minutes
------------------------------------------------------------------------- */

void backmap_wait(MPI_Comm comm)
{
  MPI_Request request;
  MPI_Ibarrier(comm, &request);
  for (int done = 0, pause = 1;; pause = pause < 20 ? pause + 1 : 20) {
    MPI_Test(&request, &done, MPI_STATUS_IGNORE);
    if (done) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(pause));
  }
}

/* ---------------------------------------------------------------------- */

bool backmap_universe_keyword(LAMMPS *lmp, const std::string &command, std::vector<char *> &args)
{
  for (std::size_t i = 0; i < args.size(); i++) {
    if (std::string(args[i]) != "universe") continue;
    const std::string value = i + 1 < args.size() ? args[i + 1] : "";
    if (value != "yes" && value != "no")
      backmap_error(lmp,
                    command + ": keyword universe, expected yes or no, got " +
                        (value.empty() ? "nothing" : value));
    args.erase(args.begin() + i, args.begin() + i + 2);
    return value == "yes";
  }
  return false;
}

/* ---------------------------------------------------------------------- */

void backmap_universe_run(LAMMPS *lmp, bool whole, const std::function<void()> &work)
{
  const Universe *universe = lmp->universe;
  if (!whole || universe->nworlds == 1) {
    backmap_flushed(lmp, work);
    return;
  }
  backmap_wait(universe->uworld);
  if (universe->iworld == 0) {
    try {
      work();
    } catch (const std::exception &e) {
      int me;
      MPI_Comm_rank(lmp->world, &me);
      if (me == 0) to_universe(lmp, std::string(e.what()) + "\n");
      backmap_flush(lmp);
      throw;
    }
  }
  backmap_wait(universe->uworld);
}

/* ---------------------------------------------------------------------- */

void backmap_universe_print(LAMMPS *lmp, bool whole, const std::string &text)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);
  if (me) return;
  for (FILE *f : {lmp->screen, lmp->logfile}) {
    if (!f) continue;
    fputs(text.c_str(), f);
    fflush(f);
  }
  if (whole && lmp->universe->nworlds > 1) to_universe(lmp, text);
}

/* ---------------------------------------------------------------------- */

void backmap_flush(LAMMPS *lmp)
{
  for (FILE *f : {lmp->screen, lmp->logfile, lmp->universe->uscreen, lmp->universe->ulogfile})
    if (f) fflush(f);
}

/* ----------------------------------------------------------------------
   before 2024 LAMMPS itself does not, and MPI_Abort, which may come next, loses what the buffers hold. It also ends the
   other ranks, so one without a screen gives the one that has it a moment
------------------------------------------------------------------------- */

void backmap_flushed(LAMMPS *lmp, const std::function<void()> &work)
{
  try {
    work();
  } catch (...) {
    backmap_flush(lmp);
    int me;
    MPI_Comm_rank(lmp->world, &me);
    if (me) std::this_thread::sleep_for(std::chrono::milliseconds(200));
    throw;
  }
}

/* ---------------------------------------------------------------------- */

void backmap_error(LAMMPS *lmp, const std::string &text)
{
  try {
    lmp->error->all(FLERR, "{}", text);
  } catch (...) {
    // the first rank that throws may end all by MPI_Abort, so none does before the text is out
    backmap_flush(lmp);
    MPI_Barrier(lmp->world);
    throw;
  }
  std::abort();    // error->all does not return
}

/* ---------------------------------------------------------------------- */

void backmap_error_one(LAMMPS *lmp, const std::string &text)
{
  if (!lmp->screen) fprintf(stderr, "ERROR: %s\n", text.c_str());
  try {
    lmp->error->one(FLERR, "{}", text);
  } catch (...) {
    backmap_flush(lmp);
    throw;
  }
  std::abort();    // error->one does not return
}

}    // namespace BACKMAP_NS

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Commands under -partition that one partition does for all: training, reports.

#ifndef BACKMAP_LAMMPS_PARTITIONS_H
#define BACKMAP_LAMMPS_PARTITIONS_H

#include "fmt/format.h"

#include <mpi.h>

#include <functional>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/**
   Removes the keyword pair `universe yes|no` from the arguments of a command; true if it is yes.
   error->all for another value; command names the reader in that message.
*/
bool backmap_universe_keyword(LAMMPS_NS::LAMMPS *lmp, const std::string &command,
                              std::vector<char *> &args);

/**
   whole false, or one partition: does the work. Otherwise collective over all partitions: waits until
   every partition is here, so that the files that they wrote are there; the first partition works; the
   others wait, asleep, until it has finished. An error of the first partition ends all partitions, and its
   text is in the log files and on the screen before (MPI_Abort loses what a file buffer holds).
*/
void backmap_universe_run(LAMMPS_NS::LAMMPS *lmp, bool whole, const std::function<void()> &work);

/**
   Rank 0 of the partition: text to its screen and log file and, if whole and there are several partitions, also to
   those of the universe (the terminal and log.lammps), flushed.
*/
void backmap_universe_print(LAMMPS_NS::LAMMPS *lmp, bool whole, const std::string &text);

/** Collective over comm: a barrier in which waiting ranks sleep and leave their cores to others. */
void backmap_wait(MPI_Comm comm);

/** Does the work; if it throws, what has been said is written out before the exception goes on. */
void backmap_flushed(LAMMPS_NS::LAMMPS *lmp, const std::function<void()> &work);

/** Writes out what the buffers of screens and log files hold. */
void backmap_flush(LAMMPS_NS::LAMMPS *lmp);

/**
   Collective over lmp->world: error->all, after which the text is on screen and in the log file whatever ends the
   program. LAMMPS before 2024 writes it into buffers that MPI_Abort loses.
*/
[[noreturn]] void backmap_error(LAMMPS_NS::LAMMPS *lmp, const std::string &text);

/** The same for one rank alone: error->one. A rank without a screen writes to standard error. */
[[noreturn]] void backmap_error_one(LAMMPS_NS::LAMMPS *lmp, const std::string &text);

/** Both with a format of LAMMPS's fmt and its arguments. */
template <class First, class... Rest>
[[noreturn]] void backmap_error(LAMMPS_NS::LAMMPS *lmp, const char *format, const First &first,
                                const Rest &...rest)
{
  backmap_error(lmp, fmt::vformat(format, fmt::make_format_args(first, rest...)));
}

template <class First, class... Rest>
[[noreturn]] void backmap_error_one(LAMMPS_NS::LAMMPS *lmp, const char *format, const First &first,
                                    const Rest &...rest)
{
  backmap_error_one(lmp, fmt::vformat(format, fmt::make_format_args(first, rest...)));
}

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Files and errors of the LAMMPS side: rank 0 reads or writes, every rank gets the same bytes or
// the same error.

#ifndef BACKMAP_LAMMPS_IO_H
#define BACKMAP_LAMMPS_IO_H

#include <mpi.h>

#include <exception>
#include <functional>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/**
   Collective over lmp->world.  Contents of a file, read by rank 0 and broadcast; the file is
   searched as potential files are (as given, then by its base name in the folders of
   LAMMPS_POTENTIALS).  Calls error->all when it cannot be read; what names the reader in that
   message.
*/
std::string backmap_read_file(LAMMPS_NS::LAMMPS *lmp, const std::string &path,
                              const std::string &what);

/**
   Writes the bytes to a file beside path and renames it, so that an interrupted run never leaves half a file.
   Returns why that failed, or an empty string.
*/
std::string backmap_replace_file(const std::string &path, const std::string &bytes);

/** The same for a file that is too long for memory: next() gives its pieces, an empty one at the end. */
std::string backmap_replace_file(const std::string &path, const std::function<std::string()> &next);

/**
   Collective over lmp->world.  error->all if the file exists, unless overwrite: for files that people edit.
*/
void backmap_check_new_file(LAMMPS_NS::LAMMPS *lmp, const std::string &path, bool overwrite,
                            const std::string &what);

/**
   Collective over lmp->world.  backmap_replace_file() on rank 0; error->all on failure.
*/
void backmap_write_file(LAMMPS_NS::LAMMPS *lmp, const std::string &path, const std::string &bytes,
                        const std::string &what);

/**
   Collective over lmp->world.  If any rank has a non-empty message, all ranks stop through
   error->all with the message of the lowest such rank.
*/
void backmap_agree(LAMMPS_NS::LAMMPS *lmp, const std::string &message);

/**
   Text of what a call throws, with who called before it; empty if nothing. To be agreed on by all ranks before
   any goes on.
*/
template <class F> std::string backmap_attempt(const std::string &what, F &&f)
{
  try {
    f();
  } catch (const std::exception &e) {
    const std::string text = e.what();
    return what + ": " + (text.empty() ? "unknown error" : text);
  }
  return "";
}

/** Collective over world. The bytes of rank 0 to every rank. */
void backmap_broadcast(std::string &bytes, MPI_Comm world);

/** Collective over world. Doubles of all ranks to rank 0, in the order of ranks. */
std::vector<double> backmap_gather(MPI_Comm world, const std::vector<double> &mine);

}    // namespace BACKMAP_NS

#endif

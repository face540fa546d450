/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_TRAJECTORY_H
#define BACKMAP_LAMMPS_TRAJECTORY_H

#include "molecule/mapping.h"

#include "lmptype.h"
#include "pointers.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {

/** Frames of one molecule read from dump files by the readers of LAMMPS, as rerun does, and the
    molecule itself. Used by the training commands. All methods are collective. */
class BackmapTrajectory : protected Pointers {
 public:
  /** what: name of the command, for errors. */
  BackmapTrajectory(class LAMMPS *, const std::string &what);

  /** The bonds, types, charges and masses of the system, which must be one flexible molecule with
      atom IDs 1..natoms; error->all otherwise (SHAKE, RATTLE and rigid fixes included). */
  BACKMAP_NS::Topology topology();

  /** Coordinates [natoms*3] of the system as it is now, in the order of the IDs, molecule whole. */
  std::vector<double> positions();

  /** Takes the keyword arg[iarg] if it is one of files, temper, first, last, every, skip, dump;
      returns the number of arguments used, 0 if it is none of them. */
  int keyword(int narg, char **arg, int iarg);

  /** The keyword files was there. */
  bool given() const { return !blocks.empty(); }

  /** Reads everything; afterwards rank 0 has the frames. forces: the dump fields must include
      fx fy fz. Checks that every frame has all atoms and finite numbers. */
  void read(bool forces);

  struct Frames {
    int natoms = 0;
    int64_t n = 0;
    std::vector<double> x, f;    // [n][natoms*3], molecule whole; f empty without forces
    std::vector<bigint> step;    // [n]
    std::vector<int> block;      // [n] number of the `files` group, ascending;
                                 // steps ascend within a block of one replica exchange and
                                 // within each file otherwise
    std::vector<int> file;       // [n]
    // the dump file of each frame, as a number in `names`, whatever its series
    std::vector<int> source;    // [n]
    std::vector<std::string> names;
  };
  const Frames &frames() const { return data; }
  Frames &frames() { return data; }

 private:
  struct Block {
    std::vector<std::string> files;
    std::string log;    // of temper, empty = all frames
    int index = 0;      // temperature index to take
    bigint first = 0, last = MAXBIGINT - 1;
    int every = 0, skip = 1;
  };
  // temperature index of one partition: value from (exclusive) up to (inclusive)
  struct Span {
    bigint from, to;
  };

  std::string what;
  std::vector<Block> blocks;
  std::vector<std::string> dump_args;
  Frames data;

  void check_files();
  std::string problem_of(const std::string &file) const;
  std::vector<std::vector<Span>> read_temper_log(const Block &);
  void read_file(const Block &, int iblock, int ifile, const std::vector<Span> *, bool forces,
                 const std::vector<std::vector<int>> &neighbors);
  void store(bigint step, int iblock, int ifile, bool forces,
             const std::vector<std::vector<int>> &neighbors, const std::string &file);
  void make_whole(const std::vector<std::vector<int>> &neighbors, double *x) const;
  std::vector<std::string> read_dump_args(bool forces) const;
  void sort_blocks();
};

}    // namespace LAMMPS_NS

#endif

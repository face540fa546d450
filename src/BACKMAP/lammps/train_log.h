/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_TRAIN_LOG_H
#define BACKMAP_LAMMPS_TRAIN_LOG_H

#include "lammps/partitions.h"

#include "comm.h"
#include "error.h"
#include "pointers.h"
#include "utils.h"

#include <cstdio>
#include <stdexcept>
#include <string>

namespace LAMMPS_NS {

/** Lines of the training commands to screen and log file of rank 0, flushed: a training takes long
    and people watch it through pipes. whole: to those of the universe as well. */
class TrainLog : protected Pointers {
 public:
  TrainLog(class LAMMPS *lmp, const std::string &, bool whole = false) :
      Pointers(lmp), whole_(whole)
  {
  }

  void line(const std::string &text)
  {
    BACKMAP_NS::backmap_universe_print(lmp, whole_, text + "\n");
  }

  /** Writes beside the file and renames: what is there is whole. Throws std::runtime_error. */
  static void write_file(const std::string &path, const std::string &bytes)
  {
    const std::string part = path + ".part";
    FILE *f = fopen(part.c_str(), "wb");
    if (!f) throw std::runtime_error("cannot write " + part);
    const bool good = fwrite(bytes.data(), 1, bytes.size(), f) == bytes.size();
    if (fclose(f) != 0 || !good || rename(part.c_str(), path.c_str()) != 0)
      throw std::runtime_error("cannot write " + path);
  }

 private:
  bool whole_;
};

/** Values of keywords with their limits; errors name command, keyword and what was given. */
class TrainArguments : protected Pointers {
 public:
  TrainArguments(class LAMMPS *lmp, const std::string &command) : Pointers(lmp), what(command) {}

  int integer(const char *key, const char *value, int low)
  {
    const int v = utils::inumeric(FLERR, value, false, lmp);
    if (v < low) fail(key, "at least " + std::to_string(low), value);
    return v;
  }

  double real(const char *key, const char *value, double low, double high)
  {
    const double v = utils::numeric(FLERR, value, false, lmp);
    if (!(v >= low && v <= high)) fail(key, fmt::format("{} to {}", low, high), value);
    return v;
  }

  bool yes(const char *key, const char *value)
  {
    const std::string v = value;
    if (v != "yes" && v != "no") fail(key, "yes or no", value);
    return v == "yes";
  }

  [[noreturn]] void fail(const std::string &key, const std::string &expected,
                         const std::string &got)
  {
    error->all(FLERR, what + ": keyword " + key + ", expected " + expected + ", got " + got);
  }

 private:
  std::string what;
};

}    // namespace LAMMPS_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_KEYWORDS_H
#define BACKMAP_LAMMPS_KEYWORDS_H

#include "pointers.h"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace LAMMPS_NS {

/** The keywords of a command: what each value may be and where it goes. Anything else is an error that names
    the command, the keyword, what was expected and what was given. */
class BackmapKeywords : protected Pointers {
 public:
  BackmapKeywords(class LAMMPS *lmp, const std::string &command) : Pointers(lmp), what(command) {}

  BackmapKeywords &integer(const std::string &key, int &to, int low);
  BackmapKeywords &integer(const std::string &key, int64_t &to, int64_t low);
  BackmapKeywords &real(const std::string &key, double &to, double low, double high);
  BackmapKeywords &yes(const std::string &key, bool &to);
  BackmapKeywords &text(const std::string &key, std::string &to);
  BackmapKeywords &choice(const std::string &key, std::string &to,
                          const std::vector<std::string> &choices);
  /** Appends two values each time. */
  BackmapKeywords &pairs(const std::string &key, std::vector<std::string> &to);

  /** Takes the arguments after the keyword, returns how many it used; left is how many there are. */
  using Reader = std::function<int(int left, char **values)>;
  BackmapKeywords &add(const std::string &key, const Reader &reader);

  /** Takes the keyword arg[iarg]; returns the number of arguments used with it. */
  int take(int narg, char **arg, int iarg);
  bool known(const std::string &key) const { return readers.count(key) > 0; }
  bool given(const std::string &key) const { return seen.count(key) > 0; }

  int to_integer(const std::string &key, const char *value, int low);
  [[noreturn]] void fail(const std::string &key, const std::string &expected,
                         const std::string &got);

 private:
  const std::string what;
  std::map<std::string, Reader> readers;
  std::set<std::string> seen;
};

}    // namespace LAMMPS_NS

#endif

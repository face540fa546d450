/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// An output file of lines that survives bad days: a run that is killed, a full disk, a second writer, a restart.

#ifndef BACKMAP_LINE_FILE_H
#define BACKMAP_LINE_FILE_H

#include <cstdint>
#include <string>

namespace BACKMAP_NS {

/** Where a file stands when a restart file is written: which file, and its length. */
struct LineMark {
  double name = 0.0, size = -1.0;    ///< a checksum of the name; size below 0: no file
};

/**
   Whole lines go to the system in one piece each time, so that a run that is killed leaves whole lines. A write that
   fails (disk full) takes back its part of a line. Two writers of one file are an error, where the file system knows
   locks. All methods throw std::runtime_error with the name of the file.
*/
class LineFile {
 public:
  LineFile() = default;
  ~LineFile();
  LineFile(const LineFile &) = delete;
  LineFile &operator=(const LineFile &) = delete;

  /**
     Empties the file or, with append, goes on at its end. A last line without its end (of a program that was killed)
     is taken away. What comes after the mark of a restart file is moved to NAME.cut, because the run does those steps
     again; without append, an error: the run would destroy what it continues.
     Returns what is to be told of that, or an empty string.
  */
  std::string open(const std::string &name, bool append, const LineMark &mark = {});
  bool is_open() const { return fd_ >= 0; }
  /** Adds whole lines; with flush they are in the file on return. Nothing if no file is open. */
  void write(const std::string &lines, bool flush = true);
  /** Everything that was written, as a mark of this file; flushes. */
  LineMark mark();

 private:
  std::string name_, waiting_;
  int fd_ = -1;

  [[noreturn]] void fail(const std::string &what) const;
  std::string prepare(bool append, const LineMark &mark);
  void put(const std::string &text);
  std::string take_back(std::int64_t size, const char *why);
};

}    // namespace BACKMAP_NS

#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/line_file.h"

#include "core/rng.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace BACKMAP_NS {

/* a number that a double holds exactly */

static double checksum(const std::string &name)
{
  return static_cast<double>(random_stream(0, name) >> 12);
}

/* ----------------------------------------------------------------------
   regular files have a length and can be cut; /dev/stdout and pipes cannot
------------------------------------------------------------------------- */

static std::int64_t length_of(int fd)
{
  struct stat s {};
  return fstat(fd, &s) == 0 && S_ISREG(s.st_mode) ? static_cast<std::int64_t>(s.st_size) : -1;
}

static std::string read_from(int fd, std::int64_t first, std::int64_t last)
{
  std::string text(static_cast<std::size_t>(last - first), '\0');
  std::size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = pread(fd, &text[have], text.size() - have,
                            static_cast<off_t>(first) + static_cast<off_t>(have));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<std::size_t>(n);
  }
  text.resize(have);
  return text;
}

/* ----------------------------------------------------------------------
   length up to the end of the last whole line
------------------------------------------------------------------------- */

static std::int64_t whole_lines(int fd, std::int64_t length)
{
  constexpr std::int64_t piece = 65536;
  for (std::int64_t last = length; last > 0;) {
    const std::int64_t first = last > piece ? last - piece : 0;
    const std::size_t at = read_from(fd, first, last).rfind('\n');
    if (at != std::string::npos) return first + static_cast<std::int64_t>(at) + 1;
    last = first;
  }
  return 0;
}

/* ---------------------------------------------------------------------- */

LineFile::~LineFile()
{
  if (fd_ < 0) return;
  try {
    write("");
  } catch (const std::exception &) {
    // who wants to know has called mark() or write() with flush
  }
  close(fd_);
}

/* ---------------------------------------------------------------------- */

void LineFile::fail(const std::string &what) const
{
  throw std::runtime_error(what + " file " + name_ + ": " + strerror(errno));
}

/* ---------------------------------------------------------------------- */

std::string LineFile::open(const std::string &name, bool append, const LineMark &mark)
{
  name_ = name;
  fd_ = ::open(name.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  if (fd_ < 0 && errno == EACCES) {    // no right to read it, perhaps: a pipe, a device
    fd_ = ::open(name.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    errno = EACCES;
  }
  if (fd_ < 0) fail("cannot open");
  try {
    return prepare(append, mark);
  } catch (const std::exception &) {
    close(fd_);
    fd_ = -1;
    throw;
  }
}

/* ----------------------------------------------------------------------
   one writer only, empty or whole lines, and no more than a restart file knows of
------------------------------------------------------------------------- */

std::string LineFile::prepare(bool append, const LineMark &mark)
{
  const std::int64_t length = length_of(fd_);
  if (length < 0) return "";
  if (flock(fd_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
    throw std::runtime_error("file " + name_ +
                             " is being written by another run, fix or partition; expected a name "
                             "of its own for each");
  if (length == 0) return "";
  const auto kept = static_cast<std::int64_t>(mark.size);
  const bool ours = kept > 0 && mark.name == checksum(name_);
  if (!append) {
    if (ours)
      throw std::runtime_error("file " + name_ +
                               " is there and the run continues it from a restart file, expected "
                               "append yes or another name, got append no");
    if (ftruncate(fd_, 0) != 0) fail("cannot empty");
    return "";
  }
  if (ours && kept > length)
    throw std::runtime_error("file " + name_ + ", expected at least the " + std::to_string(kept) +
                             " bytes that it had for the restart file, got " +
                             std::to_string(length));
  if (ours && read_from(fd_, kept - 1, kept) == "\n")
    return take_back(kept, "come after the restart file");
  return take_back(whole_lines(fd_, length), "are half a line of a run that was cut off");
}

/* ----------------------------------------------------------------------
   what comes after size goes to another file, because nothing that was written shall be lost
------------------------------------------------------------------------- */

std::string LineFile::take_back(std::int64_t size, const char *why)
{
  const std::int64_t length = length_of(fd_);
  if (size >= length) return "";
  const std::string rest = read_from(fd_, size, length), cut = name_ + ".cut";
  LineFile other;
  other.open(cut, true);
  other.write(rest);
  if (ftruncate(fd_, static_cast<off_t>(size)) != 0) fail("cannot cut");
  return std::to_string(length - size) + " bytes of " + name_ + " " + why + ", moved to " + cut;
}

/* ---------------------------------------------------------------------- */

void LineFile::write(const std::string &lines, bool flush)
{
  constexpr std::size_t enough = 1 << 16;
  if (fd_ < 0) return;
  waiting_ += lines;
  if (!flush && waiting_.size() < enough) return;
  const std::string text = std::move(waiting_);    // gone also if that fails
  waiting_.clear();
  put(text);
}

/* ---------------------------------------------------------------------- */

LineMark LineFile::mark()
{
  if (fd_ < 0) return {};
  write("");
  return {checksum(name_), static_cast<double>(length_of(fd_))};
}

/* ---------------------------------------------------------------------- */

void LineFile::put(const std::string &text)
{
  const std::int64_t before = length_of(fd_);
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(fd_, text.data() + done, text.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
      continue;
    }
    if (errno == EINTR) continue;
    const int why = errno;
    if (before >= 0 && ftruncate(fd_, static_cast<off_t>(before)) != 0)
      throw std::runtime_error("file " + name_ + " ends with half a line");
    errno = why;
    fail("cannot write");
  }
}

}    // namespace BACKMAP_NS

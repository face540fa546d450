/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/file_patterns.h"

#include "lammps/io.h"

#include "lammps.h"
#include "utils.h"

#include <glob.h>
#include <mpi.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <functional>
#include <stdexcept>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

const char *const WILDCARDS = "*?";

bool digit(char c)
{
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

/* the rest of a pattern against the rest of a name */

bool match(const char *pattern, const char *name, std::vector<std::string> &stands_for)
{
  for (; *pattern != '*'; pattern++, name++) {
    if (!*pattern) return !*name;
    if (!*name || (*pattern == '?' ? *name == '/' : *pattern != *name)) return false;
    if (*pattern == '?') stands_for.emplace_back(1, *name);
  }
  const std::size_t before = stands_for.size();
  for (const char *end = name;; end++) {
    stands_for.emplace_back(name, end);
    if (match(pattern + 1, end, stands_for)) return true;
    stands_for.resize(before);
    if (!*end || *end == '/') return false;
  }
}

/* files without folders; to glob() brackets and backslashes are special too, to us they are not */

std::vector<std::string> matching_files(const std::string &pattern)
{
  std::string escaped;
  for (const char c : pattern) {
    if (c == '[' || c == ']' || c == '\\') escaped += '\\';
    escaped += c;
  }
  std::vector<std::string> files;
  glob_t found;
  if (glob(escaped.c_str(), GLOB_MARK, nullptr, &found) == 0) {
    for (std::size_t i = 0; i < found.gl_pathc; i++) files.emplace_back(found.gl_pathv[i]);
    globfree(&found);
  }
  const auto is_folder = [](const std::string &name) { return name.back() == '/'; };
  files.erase(std::remove_if(files.begin(), files.end(), is_folder), files.end());
  std::sort(files.begin(), files.end(), natural_less);
  return files;
}

/* where a pattern without a match looked, and what is there that has the same beginning or end */

std::string what_is_there(const std::string &pattern)
{
  const std::string folder = pattern.substr(0, pattern.rfind('/') + 1);
  if (is_pattern(folder)) return "";
  char *path = realpath(folder.empty() ? "." : folder.c_str(), nullptr);
  if (!path) return ": there is no folder " + folder;
  std::string text = " in the folder " + std::string(path);
  std::free(path);

  const std::size_t first = pattern.find_first_of(WILDCARDS),
                    last = pattern.find_last_of(WILDCARDS);
  const std::string head = pattern.substr(0, first), tail = pattern.substr(last + 1);
  std::vector<std::string> similar;
  if (head != folder) similar = matching_files(head + "*");
  if (similar.empty() && !tail.empty()) similar = matching_files(folder + "*" + tail);
  constexpr std::size_t SHOWN = 3;
  for (std::size_t i = 0; i < std::min(similar.size(), SHOWN); i++)
    text += (i ? ", " : ", which has ") + similar[i].substr(folder.size());
  if (similar.size() > SHOWN) text += " and " + std::to_string(similar.size() - SHOWN) + " more";
  return text;
}

/* the pattern with this instead of its wildcards */

std::string fill(const std::string &pattern, const std::vector<std::string> &stands_for)
{
  std::string name;
  auto next = stands_for.begin();
  for (const char c : pattern) name += c == '*' || c == '?' ? *next++ : std::string(1, c);
  return name;
}

/* rank 0 makes a list of names, all ranks have it */

std::vector<std::string> share(LAMMPS *lmp, const std::string &what,
                               const std::function<std::vector<std::string>()> &find)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);
  std::string trouble, bytes;
  if (me == 0)
    trouble = backmap_attempt(what, [&] {
      for (const auto &name : find()) bytes += name + '\0';
    });
  backmap_agree(lmp, trouble);
  backmap_broadcast(bytes, lmp->world);
  std::vector<std::string> names;
  for (std::size_t at = 0; at < bytes.size(); at += names.back().size() + 1)
    names.emplace_back(bytes.c_str() + at);
  return names;
}

/* what a pattern has caught, so that a file too many or too few is seen */

void tell(LAMMPS *lmp, const std::string &what, const std::string &pattern,
          const std::string &first, const std::string &last, std::size_t n)
{
  int me;
  MPI_Comm_rank(lmp->world, &me);
  if (me == 0 && is_pattern(pattern))
    utils::logmesg(lmp,
                   what + ": " + pattern + ": " + std::to_string(n) + " file(s), " + first +
                       (n > 1 ? " to " + last : "") + "\n");
}

}    // namespace

/* ----------------------------------------------------------------------
   numbers by their values; those of the same value (1 and 01) and all else by characters
------------------------------------------------------------------------- */

bool natural_less(const std::string &a, const std::string &b)
{
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return a[i] < b[j];
      i++;
      j++;
      continue;
    }
    const auto number = [](const std::string &s, std::size_t &at) {
      while (at < s.size() && s[at] == '0') at++;
      const std::size_t from = at;
      while (at < s.size() && digit(s[at])) at++;
      return s.substr(from, at - from);
    };
    const std::string x = number(a, i), y = number(b, j);
    if (x.size() != y.size()) return x.size() < y.size();
    if (x != y) return x < y;
  }
  if ((i < a.size()) != (j < b.size())) return j < b.size();
  return a < b;
}

/* ---------------------------------------------------------------------- */

bool is_pattern(const std::string &name)
{
  return name.find_first_of(WILDCARDS) != std::string::npos;
}

bool match_pattern(const std::string &pattern, const std::string &name,
                   std::vector<std::string> &stands_for)
{
  stands_for.clear();
  return match(pattern.c_str(), name.c_str(), stands_for);
}

/* ---------------------------------------------------------------------- */

std::vector<std::string> find_files(const std::string &pattern)
{
  if (!is_pattern(pattern)) return {pattern};
  auto files = matching_files(pattern);
  if (files.empty())
    throw std::runtime_error("expected files that match " + pattern + ", got none" +
                             what_is_there(pattern));
  return files;
}

/* ---------------------------------------------------------------------- */

std::vector<std::array<std::string, 2>> find_file_pairs(const std::string &first,
                                                        const std::string &second)
{
  const auto wildcards = [](const std::string &name) {
    return std::count_if(name.begin(), name.end(), [](char c) { return c == '*' || c == '?'; });
  };
  if (wildcards(first) != wildcards(second))
    throw std::runtime_error("expected two names with the same number of * and ?, got " + first +
                             " and " + second);
  if (!is_pattern(first)) return {{first, second}};

  const auto files = find_files(first), others = find_files(second);
  std::vector<std::string> stands_for;
  // the one file that goes with another one must be there
  const auto partner = [&](const std::string &name, const std::string &from, const std::string &to,
                           const std::vector<std::string> &there) {
    match_pattern(from, name, stands_for);
    std::string other = fill(to, stands_for);
    if (std::find(there.begin(), there.end(), other) == there.end())
      throw std::runtime_error(name + " has no partner, expected " + other + " (" +
                               std::to_string(files.size()) + " files match " + first + ", " +
                               std::to_string(others.size()) + " match " + second + ")");
    return other;
  };
  std::vector<std::array<std::string, 2>> pairs;
  pairs.reserve(files.size());
  for (const auto &name : files) pairs.push_back({name, partner(name, first, second, others)});
  for (const auto &name : others) partner(name, second, first, files);
  return pairs;
}

/* ---------------------------------------------------------------------- */

std::vector<std::string> backmap_files(LAMMPS *lmp, const std::string &pattern,
                                       const std::string &what)
{
  auto files = share(lmp, what, [&] { return find_files(pattern); });
  tell(lmp, what, pattern, files.front(), files.back(), files.size());
  return files;
}

std::vector<std::array<std::string, 2>> backmap_file_pairs(LAMMPS *lmp, const std::string &first,
                                                           const std::string &second,
                                                           const std::string &what)
{
  const auto names = share(lmp, what, [&] {
    std::vector<std::string> list;
    for (const auto &pair : find_file_pairs(first, second))
      list.insert(list.end(), pair.begin(), pair.end());
    return list;
  });
  std::vector<std::array<std::string, 2>> pairs;
  for (std::size_t i = 0; i < names.size(); i += 2) pairs.push_back({names[i], names[i + 1]});
  tell(lmp, what, first, pairs.front()[0], pairs.back()[0], pairs.size());
  return pairs;
}

}    // namespace BACKMAP_NS

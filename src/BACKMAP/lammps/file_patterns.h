/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Lists of files by patterns such as umbrella.*.dump, for all commands that take names of files.
// In a pattern * is any text and ? is any one character, both without /.

#ifndef BACKMAP_LAMMPS_FILE_PATTERNS_H
#define BACKMAP_LAMMPS_FILE_PATTERNS_H

#include <array>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/// Natural order: digits are read as numbers, so that a.2.dump stands before a.10.dump.
bool natural_less(const std::string &a, const std::string &b);

/// The name has * or ?.
bool is_pattern(const std::string &name);

/// Does name match, and what does each wildcard stand for (the first ones for as little as possible)?
bool match_pattern(const std::string &pattern, const std::string &name,
                   std::vector<std::string> &stands_for);

/// The files that match, in natural order, without folders; a name without wildcards is itself, there or not.
/// Throws std::runtime_error if there are none.
std::vector<std::string> find_files(const std::string &pattern);

/// Pairs of files whose wildcards stand for the same, in natural order of the first ones; two names without wildcards are a
/// pair. Throws std::runtime_error naming the first file without a partner.
std::vector<std::array<std::string, 2>> find_file_pairs(const std::string &first,
                                                        const std::string &second);

/// Both, collective over lmp->world: rank 0 looks and says what it found, every rank gets the same list or the same
/// error (error->all); what names the reader in that message.
std::vector<std::string> backmap_files(LAMMPS_NS::LAMMPS *lmp, const std::string &pattern,
                                       const std::string &what);
std::vector<std::array<std::string, 2>> backmap_file_pairs(LAMMPS_NS::LAMMPS *lmp,
                                                           const std::string &first,
                                                           const std::string &second,
                                                           const std::string &what);

}    // namespace BACKMAP_NS

#endif

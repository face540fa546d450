/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A few structures out of many, chosen by their weights in one pass: the best, or drawn.
// Plain C++: knows nothing of LAMMPS, MPI or files; random numbers are given.

#ifndef BACKMAP_STATISTICS_SELECTION_H
#define BACKMAP_STATISTICS_SELECTION_H

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// A structure with what names it.
struct SelectedStructure {
  std::int64_t step = 0, molecule = 0, sample = 0;
  double logweight = 0.0, logq = 0.0;
  std::vector<double> x;    ///< [natoms][3]
};

/// Best: the k largest weights.  Drawn: k structures drawn with replacement, each time with probability w / sum of w, so
/// that the k count alike; a structure may come more than once.  Memory: k structures, whatever the number of samples.
///
/// Drawn with replacement in one pass (Efraimidis and Spirakis, Inf. Process. Lett. 97, 181 (2006), with k reservoirs of
/// one): every place i has an exponential number E_i of rate w for each structure, and keeps the structure of its
/// smallest. The k numbers of a structure come in ascending order (Renyi, Acta Math. Hung. 4, 191 (1953)), so that one
/// random number is enough to see that no place takes it.  If the random numbers belong to the structure, the result
/// does not depend on the order of the structures.
class Selection {
 public:
  enum class Rule { Best, Drawn };

  /// Random numbers in (0,1) of one structure, one after another.
  using Uniform = std::function<double()>;

  Selection(Rule rule, int k, int natoms);

  /// One more structure; x is not read unless it is taken. A log-weight of -inf or NaN is weight zero.
  void add(std::int64_t step, std::int64_t molecule, std::int64_t sample, double logweight,
           double logq, const double *x, const Uniform &uniform);

  /// Best: from the largest weight on. Drawn: by step, molecule and sample. Fewer than k only if there are no more.
  std::vector<SelectedStructure> structures() const;

  /// Everything as numbers, and back; throws std::runtime_error if those are of another rule, k or number of atoms.
  std::vector<double> pack() const;
  void unpack(const std::vector<double> &state);

 private:
  struct Place {
    double key =
        std::numeric_limits<double>::infinity();    // log E, or - log w: the smallest stays
    SelectedStructure structure;
  };
  const Rule rule_;
  const int k_, natoms_;
  std::vector<Place> places_;
  std::vector<int> order_;                                    // 0, 1, ... k-1 between calls
  double worst_ = std::numeric_limits<double>::infinity();    // not below the largest key

  void add_best(const Place &place, const double *x);
  void add_drawn(Place &place, const double *x, const Uniform &uniform);
  void take(Place &to, const Place &from, const double *x) const;
};

}    // namespace BACKMAP_NS
#endif

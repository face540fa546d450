/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The summary of a run as JSON: figures by name, and observables.

#ifndef BACKMAP_STATISTICS_SUMMARY_H
#define BACKMAP_STATISTICS_SUMMARY_H

#include "statistics/weights.h"

#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Keeps the order in which figures were set. Numbers that are not finite become null.
class Summary {
 public:
  Summary();
  ~Summary();

  void set(const std::string &name, double value);
  void set(const std::string &name, std::int64_t value);
  void set(const std::string &name, const std::string &value);
  void set_list(const std::string &name, const std::vector<double> &values);
  void set_list(const std::string &name, const std::vector<std::string> &texts);
  void set_lists(const std::string &name, const std::vector<std::vector<std::string>> &lists);
  /// observables {name: [reweighted mean, standard error, unweighted mean]}; v_, c_ and f_ are left off the name
  void set_observable(const std::string &name, const ReweightedMean &mean);
  /// The same entry, and all that is known of the observable as a member of "estimates"; kt in energy units for Delta F.
  void set_observable(const std::string &name, const ObservableEstimate &estimate, double kt);
  /// The figures of a set of weights under their names.
  void set_weights(const WeightSet &weights, const BlockRule &rule = {});
  /// The list "warnings", which is always there; called once.
  void set_warnings(const std::vector<std::string> &texts);
  /// Add the figures of a validation, its warnings to those here. Throws std::runtime_error naming origin if it is of
  /// another flow or all-atom energy than what this summary tells, or has a figure that is here already.
  void include(const std::string &json, const std::string &origin);

  std::string json() const;

 private:
  struct Data;
  std::unique_ptr<Data> data_;
};

}    // namespace BACKMAP_NS
#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The report of sample tables: what backmap_report writes, and what programs and Python get.

#ifndef BACKMAP_STATISTICS_REPORT_H
#define BACKMAP_STATISTICS_REPORT_H

#include "statistics/diagnosis.h"
#include "statistics/sample_table.h"
#include "statistics/summary.h"

#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Sample tables of one ensemble, merged by timestep into one set of weights.
struct MergedTables {
  SampleTable head;    ///< the first table without its rows
  int count = 0;
  double seconds = 0.0;    ///< processor time of all tables
  WeightSet weights;

  /// Throws std::runtime_error naming origin if it differs from the first table in units, temperature, samples per
  /// frame, molecule or observables, or if a frame is not whole.
  void add(SampleTable table, const std::string &origin);

  /// The tables are those of this number of runs, equally many each, one run after the other. Throws
  /// std::runtime_error unless it divides their number.
  void set_runs(int runs);
};

/// Everything that is said of merged tables, computed once.
struct Report {
  std::vector<ObservableEstimate> estimates;    ///< [observables]
  Diagnoses warnings;
  Summary summary;

  explicit Report(const MergedTables &tables, const BlockRule &rule = {});
};

}    // namespace BACKMAP_NS
#endif

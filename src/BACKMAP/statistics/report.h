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

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace BACKMAP_NS {

/// Sample tables of one ensemble, merged by timestep into one set of weights.
struct MergedTables {
  SampleTable head;    ///< the first table without its rows
  int count = 0;
  double seconds = 0.0;                ///< processor time of all tables
  std::vector<FrameRecord> records;    ///< of all tables
  WeightSet weights;

  /// Throws std::runtime_error naming origin if it differs from the first table in units, temperature, samples per
  /// frame, molecule, observables, models or all-atom energy, if a frame is not whole, or if a frame with the same
  /// samples is there already.
  void add(SampleTable table, const std::string &origin);

  /// The tables are those of this number of runs, equally many each, one run after the other. Throws
  /// std::runtime_error unless it divides their number.
  void set_runs(int runs);

  /// The tables of each run, told or found.  Tables of partitions (FrameRecord::partition) of one replica exchange are one
  /// run: one of each partition, without a timestep in common, in the order in which they were added.  How exchanges, and
  /// tables that tell no partition, make runs is said with WeightSet.
  std::vector<std::vector<std::string>> tables_of_runs() const;

 private:
  /// What there is of a replica exchange so far.
  struct Exchange {
    std::int64_t first;    ///< its first table
    int partitions;
    std::set<int> found;
    std::unordered_set<std::int64_t> steps;
  };
  std::vector<Exchange> exchanges_;
  std::map<std::int64_t, std::int64_t>
      exchange_of_;    // of each table the first one of its exchange
  void add_to_exchange(const SampleTable &table);
  struct Seen {
    std::int64_t step, molecule;
    double a, b;
    bool operator==(const Seen &o) const
    {
      return step == o.step && molecule == o.molecule && a == o.a && b == o.b;
    }
  };
  struct Hash {
    std::size_t operator()(const Seen &s) const { return std::hash<double>()(s.a) ^ s.step; }
  };
  using Found = std::unordered_map<Seen, int, Hash>;    // with their table
  Found samples_, frames_;    // of all frames: log-weight and log q of the first sample; U_CG
  std::vector<std::string> origins_;
  void refuse_repeated(const SampleTable &table, const std::string &origin);
};

/// Everything that is said of merged tables, computed once.
struct Report {
  std::vector<ObservableEstimate> estimates;    ///< [observables]
  Diagnoses warnings;
  Unity temperature, fluctuation;    ///< of the frames, see EnsembleSeries
  Summary summary;

  explicit Report(const MergedTables &tables, const BlockRule &rule = {});

 private:
  void set_records(const MergedTables &tables);
};

}    // namespace BACKMAP_NS
#endif

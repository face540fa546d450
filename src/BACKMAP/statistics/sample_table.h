/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The sample table: plain text, one line a sample, logs instead of weights.

#ifndef BACKMAP_STATISTICS_SAMPLE_TABLE_H
#define BACKMAP_STATISTICS_SAMPLE_TABLE_H

#include "statistics/weights.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Header: "# backmap sample table 1", then one line "# key value" each for units, temperature (K), kT (energy units),
/// samples (a frame), molecule, and a last line "# step molecule sample logweight U U_CG logq observables...".  Rows in
/// that order; energies in the units; -inf is weight zero, nan an energy that is not a number. Comment lines among the
/// rows: "# constant C" of the histogram weights, "# seconds S", the processor time of all ranks; these add up.
struct SampleTable {
  std::string units = "real", name;    ///< name: of the molecule
  double temperature = 0.0, kt = 0.0, constant = 0.0, seconds = 0.0;
  int samples = 0;
  std::vector<std::string> observables;

  struct Row {
    std::int64_t step = 0, molecule = 0;
    int sample = 0;
    double logweight = 0.0, u = 0.0, ucg = 0.0, logq = 0.0;
  };
  std::vector<Row> rows;
  std::vector<double> values;    ///< [rows][observables]

  /// Text of the header, with the closing newline.
  std::string header() const;
  /// Text of one row, with the closing newline; obs [observables].
  std::string line(const Row &row, const double *obs) const;

  /// Parse a whole table. Tables written one after another with the same header (append) are one table. Throws
  /// std::runtime_error naming origin and line.
  static SampleTable parse(const std::string &text, const std::string &origin);

  /// The weights of all frames; series tells several tables apart.
  WeightSet weights(std::int64_t series = 0) const;
};

}    // namespace BACKMAP_NS
#endif

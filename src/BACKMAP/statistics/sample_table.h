/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The sample table: plain text, one line a sample, logs instead of weights.

#ifndef BACKMAP_STATISTICS_SAMPLE_TABLE_H
#define BACKMAP_STATISTICS_SAMPLE_TABLE_H

#include "statistics/ensemble.h"
#include "statistics/weights.h"

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// What the run knew about its samples, so that a report can judge them and refuse to merge what does not belong
/// together. Empty where a table does not tell.
struct Provenance {
  std::string flow;      ///< SHA-256 of the file of the flow
  std::string coarse;    ///< styles of the CG potential, each with a checksum where it has one
  std::vector<double> probe;                ///< energies of the fine script at two fixed structures
  std::vector<double> probe_observables;    ///< all observables at the first, then at the second
  std::string script;                       ///< name of the fine script, for people
  std::string
      anneal;    ///< number of steps and schedule of annealing, see AnnealingSchedule; empty: none

  /// What must agree for samples to be merged and does not (flow, coarse, probe, observables, anneal), with both values; empty if it does.
  std::string difference(const Provenance &other) const;
};

/// What the frames of one table say about the distribution that they were drawn from.
struct FrameRecord {
  Provenance provenance;
  int partition = 0, partitions = 1;    ///< which of how many, of one -partition run
  std::string dynamics;    ///< styles of the fixes that moved the beads, and the time step
  std::vector<std::vector<double>>
      starts;    ///< torsions of the beads of each molecule in the first frame, degrees
  std::int64_t outside = 0,
               looked = 0;    ///< frames outside the range of the flow's training data, of how many
  Unity temperature{0.0, NAN, 0.0, 0.0};    ///< see EnsembleSeries; without error: not known
  Unity fluctuation{0.0, NAN, 0.0, 0.0};
  std::vector<std::string> warnings;    ///< of the run
};

/// Header: "# backmap sample table 1", then one line "# key value" each for units, temperature (K), kT (energy units),
/// samples (a frame), molecule, flow, coarse, script, probe_energies, probe_observables, anneal, partition (N OF), and a last line "# step molecule sample
/// logweight U U_CG logq observables...".  Rows in that order; energies in the units; -inf is weight zero, nan an energy
/// that is not a number; log q is -U/kT + U_CG/kT - log-weight, which is the density of the flow unless samples were
/// annealed. Comment lines among the rows: "# constant C" of the histogram weights; "# seconds S", the
/// processor time of all ranks, and "# outside N OF", which add up; "# dynamics TEXT"; "# start TORSIONS" (degrees) of each molecule; "# configurational_temperature
/// VALUE ERROR DOF FRAMES" (K) and "# energy_fluctuation ...", of which the last counts; "# warning TEXT".
struct SampleTable {
  std::string units = "real", name;    ///< name: of the molecule
  double temperature = 0.0, kt = 0.0, constant = 0.0, seconds = 0.0;
  int samples = 0;
  int partition = 0, partitions = 1;    ///< of the run that writes this table
  Provenance provenance;                ///< of the first header
  std::vector<FrameRecord> records;     ///< one for each header (append writes one for each run)
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
  /// The line of the header that tells how samples were annealed; it may come later, before the first row.
  std::string anneal_line() const;
  /// Text of one row, with the closing newline; obs [observables].
  std::string line(const Row &row, const double *obs) const;
  /// Comment lines with what a record knows beside its provenance; seconds 0: no such line.
  std::string trailer(const FrameRecord &record, double seconds) const;

  /// Parse a whole table. Tables written one after another with the same header (append) are one table. Throws
  /// std::runtime_error naming origin and line.
  static SampleTable parse(const std::string &text, const std::string &origin);

  /// The weights of all frames; series tells several tables apart.
  WeightSet weights(std::int64_t series = 0) const;
};

}    // namespace BACKMAP_NS
#endif

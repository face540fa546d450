/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Where the structures that were drawn go: to the output of the fine script and to a file in extended XYZ; all of them in
// order, or a selection by weight at the end of a run.

#ifndef BACKMAP_LAMMPS_STRUCTURE_OUTPUT_H
#define BACKMAP_LAMMPS_STRUCTURE_OUTPUT_H

#include "lammps/line_file.h"
#include "lammps/sampler.h"
#include "statistics/selection.h"

#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct StructureOptions {
  std::string xyz;    ///< file, or empty
  int select = 0;     ///< number of structures, 0: all
  Selection::Rule rule = Selection::Rule::Best;
};

/// The keywords xyz and select.
void structure_keywords(LAMMPS_NS::BackmapKeywords &keywords, StructureOptions &options);

/// Methods but the constructor are for rank 0, and throw std::runtime_error.
class StructureOutput : protected LAMMPS_NS::Pointers {
 public:
  /// Collective; an error if a selection has nowhere to go.
  StructureOutput(LAMMPS_NS::LAMMPS *lmp, const FlowSpec &spec, const SamplerOptions &sampling,
                  BackmapSampler &sampler, const StructureOptions &options);

  /// On all ranks: somebody wants the coordinates.
  bool wanted() const { return wanted_; }
  /// What is to be told of it, see LineFile.
  std::string open(bool append, const LineMark &mark);
  void add(const double *x, const SampleLabel &label, double logq);
  /// The run has ended: writes the selection of all structures so far, if there are new ones.
  void finish();

  /// The selection for a restart file, empty if there is none; and back.
  std::vector<double> pack() const;
  void unpack(const std::vector<double> &state);
  LineMark mark() { return file_.mark(); }

 private:
  const FlowSpec &spec_;
  const std::int64_t seed_;
  const std::uint64_t stream_;
  const bool weighted_;
  BackmapSampler &sampler_;
  const StructureOptions options_;
  bool wanted_ = false, changed_ = false;
  std::unique_ptr<Selection> selection_;
  LineFile file_;
  std::int64_t written_ = 0;

  void write(const double *x, const SampleLabel &label, double logq);
  void write_xyz(const double *x, const SampleLabel &label, double logq);
};

}    // namespace BACKMAP_NS
#endif

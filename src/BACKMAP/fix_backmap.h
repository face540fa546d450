/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef FIX_CLASS
// clang-format off
FixStyle(backmap,FixBackmap);
// clang-format on
#else

#ifndef LMP_FIX_BACKMAP_H
#define LMP_FIX_BACKMAP_H

#include "fix.h"

#include "lammps/coarse.h"
#include "lammps/dynamics.h"
#include "lammps/fix_backmap_options.h"
#include "lammps/line_file.h"
#include "lammps/mean_forces.h"
#include "lammps/sampler.h"
#include "lammps/structure_output.h"
#include "molecule/bond_virial.h"
#include "statistics/ensemble.h"
#include "statistics/sample_table.h"
#include "statistics/weights.h"

#include <memory>
#include <string>
#include <vector>

namespace LAMMPS_NS {

/// Draws all-atom structures for the CG molecules of its group and weights them; see doc/src/fix_backmap.rst.
class FixBackmap : public Fix {
 public:
  FixBackmap(class LAMMPS *, int, char **);
  ~FixBackmap() override;
  void post_constructor() override;
  int setmask() override;
  void init() override;
  void setup(int) override;
  void setup_pre_reverse(int, int) override;
  void pre_reverse(int, int) override;
  int pack_reverse_comm(int, int, double *) override;
  void unpack_reverse_comm(int, int *, double *) override;
  void end_of_step() override;
  void post_run() override;
  double compute_vector(int) override;
  double compute_array(int, int) override;
  void write_restart(FILE *) override;
  void restart(char *) override;
  double memory_usage() override;

  /// For compute reweight, collective: row of an observable in means(); an error once there are samples without it.
  int request(const std::string &observable);
  /// Collective: means of all observables over every frame so far, the same on all ranks.
  const std::vector<BACKMAP_NS::ReweightedMean> &means();

 private:
  enum { VECTOR_SIZE = 18 };

  std::string what, id_pe, id_peatom;
  BACKMAP_NS::BackmapOptions given;
  double kt = 0.0, constant = 0.0;
  bool constant_set = false, constant_written = false;
  BACKMAP_NS::FlowSpec spec;
  std::unique_ptr<BACKMAP_NS::BackmapSampler> sampler;
  std::unique_ptr<BACKMAP_NS::StructureOutput> structures;
  std::unique_ptr<BACKMAP_NS::BackmapCoarse> coarse;

  std::vector<BACKMAP_NS::CoarseFrame> pending;    // frames without samples yet

  // is it the Boltzmann distribution that the frames come from?

  std::vector<double> bead_forces;    // [nlocal + nghost][3] before any fix adds to them
  BACKMAP_NS::BondVirial virial;
  BACKMAP_NS::EnsembleSeries ensemble{1.0};
  BACKMAP_NS::FrameRecord record;    // what is known of the frames of this run so far
  BACKMAP_NS::Dynamics dynamics;
  bool moved = false;
  std::string dynamics_told;      // what was said of them last
  std::size_t next_figure = 0;    // frames from which on figures are written again
  std::int64_t start_step = -1;
  std::int64_t outside = 0, looked = 0;    // of the record, of this run
  BACKMAP_NS::BackmapSampler::Probe probe;

  // results, complete on rank 0 only; statistics are broadcast when asked for

  BACKMAP_NS::WeightSet weights, starts;    // starts: of this run before they were annealed
  BACKMAP_NS::SampleTable table;            // its header; the rows go to the file at once
  BACKMAP_NS::LineFile table_file;
  std::string lines;    // for the table, not yet in it
  BACKMAP_NS::MeanForces mean_forces;
  std::int64_t row = 0;
  std::int64_t run_frames = 0, run_uncertain = 0;    // of this run, for its warnings
  double seconds = 0.0, seconds_written = 0.0;       // processor time of all ranks spent on samples
  std::vector<double> statistics, frame_values, local;
  std::vector<double *> local_rows;
  std::vector<BACKMAP_NS::ReweightedMean> mean_values;
  bool statistics_valid = false, means_valid = false;
  std::vector<double> restored;
  BACKMAP_NS::LineMark table_mark, xyz_mark, forces_mark;    // of the restart file

  void read_model();
  void check_dynamics();
  void tell_dynamics();
  void keep_forces();
  void write_record(bool end);
  void look_at(const BACKMAP_NS::CoarseFrame &);
  bool at_temperature();
  void adopt_restart();
  void evaluate();
  void store(const std::vector<BACKMAP_NS::CoarseFrame> &, const BACKMAP_NS::SampleBatch &);
  void weigh(const BACKMAP_NS::CoarseFrame &, const BACKMAP_NS::SampleBatch &, std::size_t i,
             std::vector<double> &logw);
  void write(const BACKMAP_NS::CoarseFrame &, const BACKMAP_NS::SampleBatch &, std::size_t i,
             const std::vector<double> &logw);
  void store_local(const std::vector<BACKMAP_NS::CoarseFrame> &, std::size_t first,
                   const BACKMAP_NS::SampleBatch &);
  void open_files();
  void update_statistics();
  void warn();
  bool outside_range(const std::vector<double> &z) const;
  double observables_hash() const;
};

}    // namespace LAMMPS_NS

#endif
#endif

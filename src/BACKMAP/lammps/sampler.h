/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Samples and all-atom energies of a batch of CG frames, spread over the ranks: the engine room of fix backmap.

#ifndef BACKMAP_LAMMPS_SAMPLER_H
#define BACKMAP_LAMMPS_SAMPLER_H

#include "pointers.h"

#include "flow/annealing.h"
#include "flow/flow.h"
#include "flow/flow_spec.h"
#include "lammps/fine_engine.h"
#include "lammps/keywords.h"

#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// One CG configuration of one molecule.
struct CoarseFrame {
  std::int64_t step = 0, molecule = 0;
  double ucg = 0.0;
  std::vector<double> z;        // [nbeads][3], whole
  std::vector<double> force;    // [nbeads][3] -grad U_CG, empty if not known
};

struct SamplerOptions {
  std::string what;      ///< names the fix in messages
  std::string script;    ///< fine script; empty: structures only
  std::vector<std::string> variables;
  std::string backend;    ///< serial or kokkos
  std::string precision = "single";
  int samples = 1;
  std::int64_t seed = 1;
  std::uint64_t stream = 0;
  int anneal = 0;             ///< steps from the flow to the Boltzmann weight, 0: none
  std::string anneal_file;    ///< or the file that has their schedule
  bool forces = false;        ///< all-atom forces on the beads are wanted

  bool annealed() const { return anneal > 0 || !anneal_file.empty(); }
};

/// The keywords samples, seed, precision, backend and var. The backend is set to the one that this LAMMPS suggests.
void sampler_keywords(LAMMPS_NS::LAMMPS *lmp, LAMMPS_NS::BackmapKeywords &keywords,
                      SamplerOptions &options);

/// The keyword anneal K|FILE.
void anneal_keyword(LAMMPS_NS::BackmapKeywords &keywords, SamplerOptions &options);

/// What rank 0 gets of a batch, in the order of (frame, sample).
struct SampleBatch {
  std::vector<double> u,
      logq;    ///< [n]; u NaN without a fine script, +inf where there is no geometry; the weight is exp(-u/kT - logq)
  std::vector<double> obs;      ///< [n][nobs], NaN where the energy is not finite
  std::vector<double> x;        ///< [n][natoms][3] if asked for
  std::vector<double> force;    ///< [n][nbeads][3] if asked for; NaN where the energy is not finite
  std::vector<double>
      start;    ///< [n] log-weight of the sample of the flow that was annealed; empty if none was
};

/// All methods are collective over world unless said otherwise; errors of any rank stop all ranks through error->all.
class BackmapSampler : protected LAMMPS_NS::Pointers {
 public:
  BackmapSampler(LAMMPS_NS::LAMMPS *lmp, const FlowSpec &spec, const SamplerOptions &options);
  ~BackmapSampler() override;

  /// Column of an observable of the fine script.
  int request(const std::string &observable);
  const std::vector<std::string> &observables() const { return observables_; }
  /// True on rank 0 if the fine script has output of its own; then evaluate() must give x, and write() be called.
  bool has_writer() const { return writer_ != nullptr; }
  bool has_engine() const { return engine_ != nullptr; }

  void evaluate(const std::vector<CoarseFrame> &frames, bool want_x, SampleBatch &batch);

  /// How samples are annealed: as the file says, as was set, or as a pilot on some of these frames finds; evaluate() asks
  /// for one on its first frames if there is none yet. Fixed from then on, the same on all ranks and any number of them.
  const AnnealingSchedule &schedule() const { return schedule_; }
  /// That of a restart file, of which samples were drawn or not; false if it is not what the keyword says.
  bool adopt_schedule(const AnnealingSchedule &restored, bool samples);
  std::string schedule_text() const { return schedule_.steps() ? schedule_.text() : ""; }
  void find_schedule(const std::vector<CoarseFrame> &frames);
  /// All-atom energies of one sample.
  int energies_per_sample() const;

  /// Rank 0 only, throws std::runtime_error: one sample to the output of the fine script.
  void write(std::int64_t row, const double *x, const SampleLabel &label);

  /// This rank alone, throws std::runtime_error: energy (NaN without a fine script) and log q of given structures
  /// x [n][natoms][3].
  void forward(int n, const double *x, double *u, double *logq);

  /// Energies of the fine script at two fixed structures of no meaning: they tell one Hamiltonian from another; and the
  /// observables there, which tell definitions apart. Empty without a script, or if it has none there.
  struct Probe {
    std::vector<double> energies, observables;
  };
  Probe probe();

  /// processor seconds of this rank so far
  double seconds_flow() const { return seconds_flow_; }
  double seconds_energy() const { return seconds_energy_; }

 private:
  const FlowSpec spec_;
  const SamplerOptions options_;
  std::unique_ptr<Flow> flow_;
  std::unique_ptr<FineEngine> engine_, writer_;
  std::vector<int> groups_;    // bead whose force that of each atom is added to
  std::vector<std::string> observables_;
  AnnealingSchedule schedule_;
  SampleBatch own_;    // of this rank; kept, because it takes as long to allocate as to use
  bool checked_ = false;
  double seconds_flow_ = 0.0, seconds_energy_ = 0.0;

  void check_first(const double *x, double energy);

  /// Samples first..last-1 of frames with so many samples each, and with random numbers of a stream.
  struct Portion {
    const std::vector<CoarseFrame> &frames;
    int samples;
    std::uint64_t stream;
    std::int64_t first, last;
    int size() const { return static_cast<int>(last - first); }
  };
  /// latent, drawn: see FlowRequest
  void draw(const Portion &portion, const double *latent, double *drawn, double *x, double *logq);
  /// obs and force may be null
  void energies(const Portion &portion, const double *x, const double *logq, double *u, double *obs,
                double *force);
  double log_weight(double u, double logq) const;

  // sampler_annealing.cpp

  class Structures;
  void read_schedule();
  void anneal(const Portion &portion, double *x, double *logq, double *u, double *start,
              double *obs, double *force);
};

}    // namespace BACKMAP_NS
#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "lammps/sampler.h"

#include "lammps/fine_check.h"
#include "lammps/io.h"
#include "molecule/mapping.h"

#include "comm.h"
#include "force.h"

#include <algorithm>
#include <cmath>
#include <ctime>
#include <limits>
#include <stdexcept>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();
constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

/* waiting for other ranks does not count, nor does other work on the machine */

double processor_seconds()
{
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

}    // namespace

/* ---------------------------------------------------------------------- */

void sampler_keywords(LAMMPS *lmp, BackmapKeywords &keywords, SamplerOptions &o)
{
  o.backend = lmp->kokkos ? "kokkos" : "serial";
  keywords.integer("samples", o.samples, 1)
      .integer("seed", o.seed, 0)
      .choice("precision", o.precision, {"single", "double"})
      .choice("backend", o.backend, {"serial", "kokkos"})
      .pairs("var", o.variables);
}

/* ---------------------------------------------------------------------- */

BackmapSampler::BackmapSampler(LAMMPS *lmp, const FlowSpec &spec, const SamplerOptions &options) :
    Pointers(lmp), spec_(spec), options_(options)
{
  backmap_agree(lmp, backmap_attempt(options_.what, [&] {
                  if (options_.backend == "kokkos") start_kokkos();
                  flow_ = Flow::create(spec_,
                                       options_.precision == "single" ? Flow::Precision::Single
                                                                      : Flow::Precision::Double,
                                       options_.backend);
                }));
  read_schedule();
  if (options_.script.empty()) return;
  backmap_agree(lmp, backmap_attempt(options_.what, [&] {
                  engine_ = std::make_unique<FineEngine>(options_.script, FineEngine::Role::Silent,
                                                         options_.variables, this->lmp);
                  check_fine_engine(*engine_, options_.script, spec_, spec_.units);
                  if (options_.forces) groups_ = force_groups(spec_);
                }));
  // one rank writes what the script wants written; every rank has its silent instance, so that all compute alike
  backmap_agree(lmp, backmap_attempt(options_.what, [&] {
                  if (comm->me == 0 && engine_->has_output())
                    writer_ = std::make_unique<FineEngine>(
                        options_.script, FineEngine::Role::Writer, options_.variables, this->lmp);
                }));
}

/* ---------------------------------------------------------------------- */

BackmapSampler::~BackmapSampler() = default;

/* ---------------------------------------------------------------------- */

int BackmapSampler::request(const std::string &observable)
{
  int column = -1;
  backmap_agree(lmp, backmap_attempt(options_.what, [&] {
                  if (!engine_)
                    throw std::runtime_error("observable " + observable +
                                             " needs a fine script, got NONE");
                  column = engine_->request(observable);
                }));
  if (column == static_cast<int>(observables_.size())) observables_.push_back(observable);
  return column;
}

/* ----------------------------------------------------------------------
   frames cut by the division over ranks need calls of their own
------------------------------------------------------------------------- */

void BackmapSampler::draw(const Portion &p, const double *latent, double *drawn, double *x,
                          double *logq)
{
  const std::int64_t m = p.samples;
  const std::size_t stride = 3 * static_cast<std::size_t>(spec_.natoms),
                    nu = latent || drawn ? flow_->nlatent() : 0;
  for (std::int64_t at = p.first; at < p.last;) {
    FlowRequest request;
    const std::int64_t frame = at / m;
    request.first_sample = static_cast<int>(at % m);
    if (request.first_sample == 0 && p.last - at >= m) {
      request.nframes = static_cast<int>((p.last - at) / m);
      request.samples = static_cast<int>(m);
    } else {
      request.nframes = 1;
      request.samples = static_cast<int>(std::min(m - request.first_sample, p.last - at));
    }
    std::vector<double> z;
    std::vector<std::int64_t> step, molecule;
    for (int i = 0; i < request.nframes; i++) {
      const CoarseFrame &f = p.frames[frame + i];
      z.insert(z.end(), f.z.begin(), f.z.end());
      step.push_back(f.step);
      molecule.push_back(f.molecule);
    }
    request.z = z.data();
    request.seed = static_cast<std::uint64_t>(options_.seed);
    request.stream = p.stream;
    request.timestep = step.data();
    request.molecule = molecule.data();
    const std::size_t done = at - p.first;
    request.latent = latent ? latent + done * nu : nullptr;
    request.drawn = drawn ? drawn + done * nu : nullptr;
    flow_->sample(request, x + done * stride, logq + done);
    at += static_cast<std::int64_t>(request.nframes) * request.samples;
  }
}

/* ----------------------------------------------------------------------
   +inf and NaN are results, -inf is an error: some pair has no repulsive core
------------------------------------------------------------------------- */

void BackmapSampler::energies(const Portion &p, const double *x, const double *logq, double *u,
                              double *obs, double *force)
{
  const double t0 = processor_seconds();
  const std::size_t stride = 3 * static_cast<std::size_t>(spec_.natoms),
                    nobs = obs ? observables_.size() : 0,
                    nforce = force ? 3 * static_cast<std::size_t>(spec_.nbeads()) : 0;
  std::vector<double> of_atoms(force ? stride : 0);
  for (int i = 0; i < p.size(); i++) {
    std::fill(obs + i * nobs, obs + (i + 1) * nobs, NOT_A_NUMBER);
    std::fill(force + i * nforce, force + (i + 1) * nforce, NOT_A_NUMBER);
    u[i] = logq[i] == INF ? INF : NOT_A_NUMBER;
    if (!engine_ || logq[i] == INF) continue;
    const auto where = [&] {
      const std::int64_t at = p.first + i;
      const CoarseFrame &f = p.frames[at / p.samples];
      return "step " + std::to_string(f.step) + ", molecule " + std::to_string(f.molecule) +
          ", sample " + std::to_string(at % p.samples);
    };
    try {
      u[i] = engine_->evaluate(x + i * stride, nobs ? obs + i * nobs : nullptr);
    } catch (const std::exception &e) {
      throw std::runtime_error(where() + ": " + e.what());
    }
    if (u[i] == -INF)
      throw std::runtime_error(
          "all-atom energy at " + where() +
          ": expected a finite value or +inf, got -inf (an atom without a repulsive core?)");
    if (!std::isfinite(u[i])) continue;
    if (force) {
      engine_->forces(of_atoms.data());
      Mapping::apply_forces(groups_, spec_.nbeads(), of_atoms.data(), force + i * nforce);
    }
    check_first(x + i * stride, u[i]);
  }
  seconds_energy_ += processor_seconds() - t0;
}

/* ---------------------------------------------------------------------- */

double BackmapSampler::log_weight(double u, double logq) const
{
  return logq == INF || u == INF ? -INF : -u / (force->boltz * spec_.temperature) - logq;
}

/* ---------------------------------------------------------------------- */

void BackmapSampler::check_first(const double *x, double energy)
{
  if (checked_) return;
  checked_ = true;
  check_equivalent_atoms(*engine_, spec_.equivalent_atoms(), x, energy);
  if (options_.forces) check_forces(*engine_, x);
}

/* ----------------------------------------------------------------------
   atoms on a cubic lattice, each off its site by numbers that no symmetry knows; every term of a force field differs
   from zero there
------------------------------------------------------------------------- */

BackmapSampler::Probe BackmapSampler::probe()
{
  Probe result;
  if (!engine_) return result;
  const int edge = static_cast<int>(std::ceil(std::cbrt(spec_.natoms)));
  const auto centre = engine_->box_centre();
  bool defined = !observables_.empty();
  for (const double spacing : {1.5, 2.0}) {
    std::vector<double> x(3 * static_cast<std::size_t>(spec_.natoms)), obs(observables_.size());
    for (int i = 0; i < spec_.natoms; i++) {
      const int site[3] = {i % edge, i / edge % edge, i / edge / edge};
      for (int d = 0; d < 3; d++)
        x[3 * i + d] = centre[d] + spacing * (site[d] - 0.5 * (edge - 1)) +
            0.3 * std::sin(1.0 + 7.0 * i + 11.0 * d);
    }
    // a script that cannot do it may still do every structure that is drawn
    try {
      result.energies.push_back(engine_->evaluate(x.data(), nullptr));
    } catch (const std::exception &) {
      return {};
    }
    if (!std::isfinite(result.energies.back())) return {};
    try {
      if (defined) engine_->evaluate(x.data(), obs.data());
    } catch (const std::exception &) {
      defined = false;
    }
    for (double v : obs) defined = defined && std::isfinite(v);
    result.observables.insert(result.observables.end(), obs.begin(), obs.end());
  }
  if (!defined) result.observables.clear();
  return result;
}

/* ----------------------------------------------------------------------
   consecutive samples to consecutive ranks, so that gathering restores the order
------------------------------------------------------------------------- */

void BackmapSampler::evaluate(const std::vector<CoarseFrame> &frames, bool want_x,
                              SampleBatch &batch)
{
  // the frames of one step, so that it does not matter how many were collected
  find_schedule({frames.begin(), std::find_if(frames.begin(), frames.end(), [&](const auto &f) {
                   return f.step != frames[0].step;
                 })});
  const std::int64_t total = static_cast<std::int64_t>(frames.size()) * options_.samples;
  const Portion mine{frames, options_.samples, options_.stream, total * comm->me / comm->nprocs,
                     total * (comm->me + 1) / comm->nprocs};
  const auto n = static_cast<std::size_t>(mine.size());
  SampleBatch &own = own_;
  own.x.resize(n * 3 * spec_.natoms);
  own.logq.resize(n);
  own.u.resize(n);
  own.obs.resize(n * observables_.size());
  own.start.resize(options_.annealed() ? n : 0);
  own.force.resize(options_.forces ? n * 3 * spec_.nbeads() : 0);
  double *const f = options_.forces ? own.force.data() : nullptr;

  backmap_agree(lmp, backmap_attempt(options_.what, [&] {
                  const double before = processor_seconds() - seconds_energy_;
                  if (options_.annealed())
                    anneal(mine, own.x.data(), own.logq.data(), own.u.data(), own.start.data(),
                           own.obs.data(), f);
                  else {
                    draw(mine, nullptr, nullptr, own.x.data(), own.logq.data());
                    energies(mine, own.x.data(), own.logq.data(), own.u.data(), own.obs.data(), f);
                  }
                  seconds_flow_ += processor_seconds() - seconds_energy_ - before;
                }));
  if (options_.annealed()) batch.start = backmap_gather(world, own.start);
  batch.u = backmap_gather(world, own.u);
  batch.logq = backmap_gather(world, own.logq);
  batch.obs = backmap_gather(world, own.obs);
  if (options_.forces) batch.force = backmap_gather(world, own.force);
  if (want_x) batch.x = backmap_gather(world, own.x);
}

/* ---------------------------------------------------------------------- */

void BackmapSampler::forward(int n, const double *x, double *u, double *logq)
{
  flow_->log_prob(n, x, logq);
  for (int i = 0; i < n; i++)
    u[i] = engine_ ? engine_->evaluate(x + 3 * static_cast<std::size_t>(spec_.natoms) * i, nullptr)
                   : NOT_A_NUMBER;
}

/* ---------------------------------------------------------------------- */

void BackmapSampler::write(std::int64_t row, const double *x, const SampleLabel &label)
{
  if (writer_) writer_->write(row, x, label);
}

}    // namespace BACKMAP_NS

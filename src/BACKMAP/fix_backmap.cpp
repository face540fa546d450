/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "fix_backmap.h"

#include "core/model_file.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "lammps/compat.h"
#include "lammps/io.h"
#include "lammps/partitions.h"
#include "molecule/features.h"
#include "statistics/diagnosis.h"

#include "atom.h"
#include "comm.h"
#include "domain.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "memory.h"
#include "modify.h"
#include "universe.h"
#include "update.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <ctime>
#include <iterator>
#include <limits>
#include <utility>

using namespace LAMMPS_NS;
using namespace FixConst;
using namespace BACKMAP_NS;

static constexpr double INF = std::numeric_limits<double>::infinity();
static constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();

// what a restart file has before the weights; FORMAT: earlier ones began with a whole number

static constexpr double THIS_FORMAT = 1.5;
namespace {
enum RestartHead {
  FORMAT,
  SCHEDULE,    // twice the number of steps, and 1 if the constant is set
  CONSTANT,
  ROWS,
  SECONDS,
  OBSERVABLES,
  TABLE_NAME,
  TABLE_SIZE,
  XYZ_NAME,
  XYZ_SIZE,
  FORCES_NAME,
  FORCES_SIZE,
  SELECTED,
  RESTART_HEAD
};
}

/* ----------------------------------------------------------------------
   lengths about those of the training; where the flow does not know a bond there is nothing to compare with
------------------------------------------------------------------------- */

static BondVirial bonds_of(const FlowSpec &spec)
{
  std::vector<std::array<int, 2>> bonds;
  std::vector<double> lengths;
  const auto &distances = spec.features.distances;
  for (const auto &b : bead_bonds(spec)) {
    const auto at = std::find(distances.begin(), distances.end(), b);
    if (at == distances.end()) continue;
    bonds.push_back(b);
    lengths.push_back(spec.feature_mean[at - distances.begin()]);
  }
  return {bonds, lengths};
}

/* ---------------------------------------------------------------------- */

FixBackmap::FixBackmap(LAMMPS *lmp, int narg, char **arg) :
    Fix(lmp, narg, arg), what(fmt::format("Fix backmap {}", id))
{
  given = BackmapOptions::parse(lmp, what, narg, arg);
  nevery = given.interval;
  constant_set = std::isfinite(given.histogram);
  constant = constant_set ? given.histogram : 0.0;
  read_model();
  kt = force->boltz * spec.temperature;
  virial = bonds_of(spec);
  ensemble = EnsembleSeries(kt);
  comm_reverse = 3;

  dynamic_group_allow = 0;
  vector_flag = 1;
  size_vector = VECTOR_SIZE;
  extvector = 0;
  array_flag = 1;
  size_array_rows = 0;
  size_array_rows_variable = 1;
  size_array_cols = 5;
  extarray = 0;
  global_freq = 1;
  local_flag = 1;
  local_freq = nevery;
  size_local_rows = 0;
  size_local_cols = 4;
  array_local = nullptr;
  restart_global = 1;
  statistics.assign(VECTOR_SIZE, NOT_A_NUMBER);

  given.sampler.stream = random_stream(universe->iworld, id);
  sampler = std::make_unique<BackmapSampler>(lmp, spec, given.sampler);
  structures =
      std::make_unique<StructureOutput>(lmp, spec, given.sampler, *sampler, given.structures);
  for (const auto &o : given.observables) request(o);
  size_local_cols = 4 + static_cast<int>(sampler->observables().size());

  if (!given.sampler.script.empty()) {
    id_pe = fmt::format("{}_backmap_pe", id);
    id_peatom = fmt::format("{}_backmap_peatom", id);
  }
  coarse = std::make_unique<BackmapCoarse>(lmp, what, groupbit, spec, id_pe, id_peatom);
  coarse->bead_names(given.beads);
  store_local({}, 0, {});
}

/* ---------------------------------------------------------------------- */

void FixBackmap::read_model()
{
  const std::string bytes = backmap_read_file(lmp, given.flow, what);
  std::string trouble;
  try {
    spec = FlowSpec::from_model(ModelFile::parse(bytes, given.flow));
    table.provenance.flow = sha256_hex(bytes);
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  if (spec.units != update->unit_style)
    backmap_error(lmp, "{}: units of the model {}, expected {} as in this run, got {}", what,
                  given.flow, update->unit_style, spec.units);
  if (given.temperature > 0.0 &&
      std::fabs(given.temperature - spec.temperature) > 1e-6 * spec.temperature)
    backmap_error(
        lmp, "{}: temperature of the model {} is {}, expected the same for keyword temp, got {}",
        what, given.flow, spec.temperature, given.temperature);
}

/* ----------------------------------------------------------------------
   the energies of the CG run, through computes of our own
------------------------------------------------------------------------- */

void FixBackmap::post_constructor()
{
  if (given.sampler.script.empty()) return;
  modify->add_compute(id_pe + " all pe");
  modify->add_compute(id_peatom + " all pe/atom");
}

/* ---------------------------------------------------------------------- */

FixBackmap::~FixBackmap()
{
  if (!id_pe.empty() && modify && modify->find_compute(id_pe) >= 0) {
    modify->delete_compute(id_pe);
    modify->delete_compute(id_peatom);
  }
}

/* ---------------------------------------------------------------------- */

int FixBackmap::setmask()
{
  return END_OF_STEP | (given.weighted() && given.boltzmann ? PRE_REVERSE : 0);
}

/* ----------------------------------------------------------------------
   called for every snapshot of a rerun: checks only
------------------------------------------------------------------------- */

void FixBackmap::init()
{
  if (!given.thermostat.empty()) {
    const int ifix = modify->find_fix(given.thermostat);
    if (ifix < 0) backmap_error(lmp, "{}: thermostat, there is no fix {}", what, given.thermostat);
    int dim = 0;
    if (!modify->fix[ifix]->extract("t_target", dim) || dim != 0)
      backmap_error(lmp, "{}: thermostat, fix {} of style {} does not tell its target temperature",
                    what, given.thermostat, modify->fix[ifix]->style);
  }
  coarse->init();
  if (given.weighted() && update->whichflag == 1) check_dynamics();
  adopt_restart();

  if (given.weighted() && probe.energies.empty()) probe = sampler->probe();

  // files exist from here on, also those of a partition that never has the temperature of the model

  std::string trouble;
  if (comm->me == 0) {
    try {
      open_files();
    } catch (const std::exception &e) {
      trouble = fmt::format("{}: {}", what, e.what());
    }
  }
  backmap_agree(lmp, trouble);
}

/* ----------------------------------------------------------------------
   by the names of the fixes; what they do to the frames is seen by look_at() and judged at the end of a run
------------------------------------------------------------------------- */

void FixBackmap::check_dynamics()
{
  if (!given.boltzmann) return;
  dynamics = look_at_dynamics(lmp, spec.temperature, groupbit);
  if (!dynamics.errors.empty())
    backmap_error(lmp,
                  "{}: {}; expected beads with the Boltzmann distribution of U_CG at {} K. Remedy: "
                  "fix langevin ... gjf (or fix gjf) at that temperature, nothing else that moves "
                  "the beads. To use such frames for F(z) alone: keyword ensemble none",
                  what, dynamics.errors[0], spec.temperature);
}

/* ----------------------------------------------------------------------
   at the first frame, when it is known whether the fixes have moved the beads or rerun has
------------------------------------------------------------------------- */

void FixBackmap::tell_dynamics()
{
  if (!given.weighted()) return;
  const std::string source = moved ? dynamics.summary : "frames from outside (rerun)";
  std::string now = given.boltzmann ? source : "none";
  for (const auto &w : dynamics.warnings) now += w;
  if (now == dynamics_told) return;    // there is something new after the fixes were changed
  dynamics_told = now;
  record.dynamics = source;
  if (!given.boltzmann) {
    record.warnings.emplace_back(
        "the frames are declared to be no sample of U_CG (ensemble none): F(z) of each frame is "
        "right, means over frames mean nothing");
    return;
  }
  record.warnings.clear();
  if (moved) record.warnings = dynamics.warnings;
  const std::string unknown = virial.empty()
      ? "the flow does not know the lengths of the bonds between beads"
      : coarse->unknown_forces();
  if (!unknown.empty())
    record.warnings.push_back("it is not checked whether the beads are canonical: " + unknown);
  if (comm->me == 0)
    for (const auto &text : record.warnings) error->warning(FLERR, "{}: {}", what, text);
}

/* ---------------------------------------------------------------------- */

void FixBackmap::setup_pre_reverse(int, int)
{
  keep_forces();
}

void FixBackmap::pre_reverse(int, int)
{
  moved = true;
  keep_forces();
}

/* ----------------------------------------------------------------------
   forces as pair and bonded styles leave them, before thermostats add theirs; those on ghost atoms go home
------------------------------------------------------------------------- */

void FixBackmap::keep_forces()
{
  bead_forces.clear();
  if (update->ntimestep % nevery || virial.empty() || !coarse->unknown_forces().empty()) return;
  const std::size_t n = 3 * static_cast<std::size_t>(atom->nlocal + atom->nghost);
  if (n > 0) bead_forces.assign(atom->f[0], atom->f[0] + n);
  if (force->newton) reverse_comm(comm, this);
  bead_forces.resize(3 * static_cast<std::size_t>(atom->nlocal));
}

int FixBackmap::pack_reverse_comm(int n, int first, double *buf)
{
  std::copy_n(bead_forces.begin() + 3 * static_cast<std::ptrdiff_t>(first), 3 * n, buf);
  return 3 * n;
}

void FixBackmap::unpack_reverse_comm(int n, int *list, double *buf)
{
  for (int i = 0; i < n; i++)
    for (int d = 0; d < 3; d++) bead_forces[3 * static_cast<std::size_t>(list[i]) + d] += *buf++;
}

/* ---------------------------------------------------------------------- */

void FixBackmap::setup(int)
{
  coarse->addstep((update->ntimestep / nevery) * nevery + nevery);
}

/* ----------------------------------------------------------------------
   frames count while the thermostat holds the temperature of the model
   several partitions may swap temperatures (temper), one cannot
------------------------------------------------------------------------- */

bool FixBackmap::at_temperature()
{
  if (given.thermostat.empty()) return true;
  int dim = 0;
  const int ifix = modify->find_fix(given.thermostat);
  if (ifix < 0) backmap_error(lmp, "{}: thermostat, there is no fix {}", what, given.thermostat);
  const double target = *static_cast<double *>(modify->fix[ifix]->extract("t_target", dim));
  if (std::fabs(target - spec.temperature) <= 1e-6 * spec.temperature) return true;
  if (universe->nworlds == 1)
    backmap_error(lmp, "{}: temperature of the model {} is {}, the target of fix {} is {}", what,
                  given.flow, spec.temperature, given.thermostat, target);
  return false;
}

/* ---------------------------------------------------------------------- */

void FixBackmap::end_of_step()
{
  coarse->addstep(update->ntimestep + nevery);
  if (update->whichflag != 1 || !at_temperature()) return;
  tell_dynamics();
  std::vector<double> forces;
  forces.swap(bead_forces);
  for (auto &frame : coarse->frames(forces)) pending.push_back(std::move(frame));
  if (pending.empty()) return;
  if (static_cast<int>(pending.size()) >= given.batch) evaluate();
}

/* ---------------------------------------------------------------------- */

void FixBackmap::post_run()
{
  evaluate();
  std::string trouble;
  if (comm->me == 0)
    trouble = backmap_attempt(what, [&] {
      structures->finish();
      write_record(true);
      table_file.write(std::exchange(lines, ""));
    });
  backmap_agree(lmp, trouble);
  if (comm->me == 0) {
    warn();
    outside = looked = 0;
  }
  if (weights.frames() == 0 && comm->me == 0) {
    if (!given.sampler.script.empty() && row == 0)
      error->warning(FLERR, "{}: no frame was taken in this run", what);
    return;
  }
  update_statistics();
  if (comm->me == 0 && !given.sampler.script.empty())
    utils::logmesg(lmp,
                   "{}: {} frames, {} samples, {:.0f} per core and second; ESS joint {:.4f} "
                   "marginal {:.4f} conditional "
                   "{:.4f} (M = {}), k-hat {:.3f}\n",
                   what, statistics[0], statistics[1], statistics[1] / seconds, statistics[2],
                   statistics[3], statistics[5], given.sampler.samples, statistics[7]);
  if (comm->me == 0 && starts.frames() > 0) {
    utils::logmesg(lmp, "{}: annealed in {} steps; conditional ESS of the flow alone {:.4f}\n",
                   what, sampler->schedule().steps(), starts.conditional_ess());
    for (const auto &d : diagnose_annealing(starts.conditional_ess(), weights.conditional_ess(),
                                            sampler->energies_per_sample(), given.sampler.samples))
      utils::logmesg(lmp, "{}: {}\n", what, d.text);
  }
}

/* ----------------------------------------------------------------------
   rank 0: what is known of the frames, at once and each time that they have doubled, so that a run that is killed
   keeps it
------------------------------------------------------------------------- */

void FixBackmap::write_record(bool end)
{
  if (!end && record.starts.empty() && record.warnings.empty() && ensemble.frames() < next_figure)
    return;
  if (ensemble.frames() > 0 && (end || ensemble.frames() >= next_figure)) {
    record.temperature = ensemble.temperature();
    record.fluctuation = ensemble.fluctuation();
    next_figure = std::max<std::size_t>(200, 2 * ensemble.frames());
  }
  lines += table.trailer(record, end ? seconds - seconds_written : 0.0);
  if (end) seconds_written = seconds;
  outside += record.outside;
  looked += record.looked;
  record.starts.clear();
  record.warnings.clear();
  record.outside = record.looked = 0;
}

/* ----------------------------------------------------------------------
   rank 0, at the end of a run; the weights of one of several partitions are a part of the whole, which
   backmap_report judges
------------------------------------------------------------------------- */

void FixBackmap::warn()
{
  Diagnoses found;
  if (!given.sampler.script.empty() && universe->nworlds == 1) found = diagnose_weights(weights);
  BlockRule rule;
  rule.fixed = given.blocks;
  const auto append = [&](const Diagnoses &more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  if (!given.sampler.script.empty() && universe->nworlds == 1)
    append(diagnose_states(sampler->observables(), weights.estimates(rule)));
  if (!given.sampler.script.empty() && universe->nworlds > 1)
    found = diagnose_free_energies(run_uncertain, run_frames, given.sampler.samples);
  append(diagnose_range(outside, looked));
  append(diagnose_ensemble({record.temperature}, {record.fluctuation}, spec.temperature));
  for (const auto &d : found) error->warning(FLERR, "{}: {}", what, d.text);
  run_frames = run_uncertain = 0;
}

/* ----------------------------------------------------------------------
   rank 0: what a frame says about the distribution of the beads, and where it lies
------------------------------------------------------------------------- */

void FixBackmap::look_at(const CoarseFrame &frame)
{
  if (spec.range.known()) {
    record.looked++;
    record.outside += outside_range(frame.z);
  }
  if (!frame.force.empty()) {
    const auto terms = virial(frame.z.data(), frame.force.data());
    ensemble.add(frame.molecule, terms.virial, terms.ideal, frame.ucg);
  }
  constexpr std::size_t ENOUGH = 64;
  if (start_step < 0) start_step = frame.step;
  if (frame.step != start_step || record.starts.size() >= ENOUGH) return;
  std::vector<double> torsions;
  const auto bead = [&](int i) { return frame.z.data() + 3 * static_cast<std::size_t>(i); };
  for (const auto &d : spec.features.dihedrals)
    torsions.push_back(bead_dihedral(bead(d[0]), bead(d[1]), bead(d[2]), bead(d[3])) * 180.0 /
                       M_PI);
  if (!torsions.empty()) record.starts.push_back(torsions);
}

/* ----------------------------------------------------------------------
   beads where the flow was not trained
------------------------------------------------------------------------- */

bool FixBackmap::outside_range(const std::vector<double> &z) const
{
  if (!spec.range.known()) return false;
  std::vector<double> f(spec.nf());
  features(spec.features, z.data(), f.data());
  for (int k = 0; k < spec.nf(); k++) f[k] = (f[k] - spec.feature_mean[k]) / spec.feature_std[k];
  return spec.range.outside(f.data());
}

/* ----------------------------------------------------------------------
   all pending frames, in portions that bound the memory
------------------------------------------------------------------------- */

void FixBackmap::evaluate()
{
  if (pending.empty()) return;
  double used = -(sampler->seconds_flow() + sampler->seconds_energy());
  const std::size_t portion =
      std::max<std::size_t>(1, 16384 * comm->nprocs / given.sampler.samples);
  std::string trouble;
  for (std::size_t at = 0; at < pending.size(); at += portion) {
    const auto end = pending.begin() + std::min(at + portion, pending.size());
    const std::vector<CoarseFrame> frames(std::make_move_iterator(pending.begin() + at),
                                          std::make_move_iterator(end));
    SampleBatch result;
    sampler->evaluate(frames, structures->wanted(), result);
    if (comm->me == 0) {
      const std::clock_t t0 = std::clock();
      try {
        store(frames, result);
      } catch (const std::exception &e) {
        trouble = fmt::format("{}: {}", what, e.what());
      }
      used += static_cast<double>(std::clock() - t0) / CLOCKS_PER_SEC;
    }
    backmap_agree(lmp, trouble);
  }
  pending.clear();
  used += sampler->seconds_flow() + sampler->seconds_energy();
  MPI_Allreduce(MPI_IN_PLACE, &used, 1, MPI_DOUBLE, MPI_SUM, world);
  seconds += used;
  statistics_valid = means_valid = false;
}

/* ----------------------------------------------------------------------
   rank 0: samples in order to weights, table, output of the fine script
------------------------------------------------------------------------- */

void FixBackmap::store(const std::vector<CoarseFrame> &frames, const SampleBatch &result)
{
  frame_values.clear();
  if (table.provenance.anneal != sampler->schedule_text()) {
    table.provenance.anneal = sampler->schedule_text();    // found just now
    lines += table.anneal_line();
  }
  std::vector<double> logw(given.sampler.samples);
  for (std::size_t i = 0; i < frames.size(); i++) {
    if (i > 0 && frames[i].step != frames[i - 1].step) frame_values.clear();
    weigh(frames[i], result, i, logw);
    write(frames[i], result, i, logw);
    if (mean_forces.opened())
      mean_forces.add(frames[i], logw, result.force.data() + i * logw.size() * frames[i].z.size(),
                      {domain->boxlo[0], domain->boxhi[0], domain->boxlo[1], domain->boxhi[1],
                       domain->boxlo[2], domain->boxhi[2]});
  }

  // the newest frame is what f_ID gives as local and global arrays

  std::size_t first = frames.size() - 1;
  while (first > 0 && frames[first - 1].step == frames.back().step) first--;
  store_local(frames, first, result);
  mean_forces.flush();
  write_record(false);
  table_file.write(std::exchange(lines, ""));
}

/* ----------------------------------------------------------------------
   log-weights of the samples of frame i of a batch, and what is known of the frame from them
------------------------------------------------------------------------- */

void FixBackmap::weigh(const CoarseFrame &frame, const SampleBatch &result, std::size_t i,
                       std::vector<double> &logw)
{
  const std::size_t m = logw.size(), nobs = sampler->observables().size();
  std::vector<double> logf(m);
  for (std::size_t j = 0; j < m; j++) {
    const double u = result.u[i * m + j], logq = result.logq[i * m + j];
    logf[j] = (logq == INF || u == INF) ? -INF : -u / kt - logq;
    logw[j] = logf[j] + frame.ucg / kt;
  }
  const FreeEnergy f = free_energy(logf.data(), m);
  run_frames++;
  if (!(f.error <= DiagnosisLimits::F_ERROR)) run_uncertain++;
  look_at(frame);
  const double mean = log_sum_exp(logw.data(), m) - std::log(static_cast<double>(m));
  if (!constant_set && std::isfinite(mean)) {
    constant = mean;
    constant_set = true;
  }
  frame_values.insert(
      frame_values.end(),
      {static_cast<double>(frame.molecule), f.value * kt, f.error * kt, frame.ucg, mean});
  if (!given.sampler.script.empty())
    weights.add_frame({frame.step, universe->iworld, frame.molecule}, static_cast<int>(m),
                      logw.data(), result.obs.data() + i * m * nobs);
  if (!result.start.empty())
    starts.add_frame({frame.step, universe->iworld, frame.molecule}, static_cast<int>(m),
                     result.start.data() + i * m, nullptr);
}

/* ----------------------------------------------------------------------
   the samples of frame i of a batch to every file that is open
------------------------------------------------------------------------- */

void FixBackmap::write(const CoarseFrame &frame, const SampleBatch &result, std::size_t i,
                       const std::vector<double> &logw)
{
  const std::size_t m = logw.size(), nobs = sampler->observables().size();
  if (!constant_written && constant_set) {
    lines += fmt::format("# constant {:.15g}\n", constant);
    constant_written = true;
  }
  for (std::size_t j = 0; j < m; j++, row++) {
    const std::size_t s = i * m + j;
    if (table_file.is_open())
      lines += table.line({frame.step, frame.molecule, static_cast<int>(j), logw[j], result.u[s],
                           frame.ucg, result.logq[s]},
                          result.obs.data() + s * nobs);
    if (result.x.empty() || result.logq[s] == INF) continue;
    const double *x = &result.x[s * 3 * spec.natoms];
    const SampleLabel label{std::isnan(logw[j]) ? -INF : logw[j], frame.step, frame.molecule,
                            static_cast<std::int64_t>(j)};
    structures->add(x, label, result.logq[s]);
  }
}

/* ---------------------------------------------------------------------- */

void FixBackmap::store_local(const std::vector<CoarseFrame> &frames, std::size_t first,
                             const SampleBatch &result)
{
  const std::size_t m = given.sampler.samples, nobs = sampler->observables().size(),
                    width = 4 + nobs;
  const std::size_t rows = (frames.size() - first) * m;
  // never empty: fix ave/histo takes the address of the first row on ranks that have none
  local.assign(std::max<std::size_t>(rows, 1) * width, 0.0);
  local_rows.assign(std::max<std::size_t>(rows, 1), local.data());
  for (std::size_t r = 0; r < rows; r++) {
    const std::size_t s = first * m + r;
    const double u = result.u[s], logq = result.logq[s];
    double l = (logq == INF || u == INF) ? -INF : -u / kt + frames[s / m].ucg / kt - logq;
    if (std::isnan(l)) l = -INF;
    double *to = local_rows[r] = &local[r * width];
    to[0] = l;
    to[1] = l == -INF ? 0.0 : std::exp(l - constant);
    to[2] = u;
    to[3] = logq;
    // binning a NaN is undefined, and these have weight zero
    for (std::size_t k = 0; k < nobs; k++) to[4 + k] = l == -INF ? 0.0 : result.obs[s * nobs + k];
  }
  size_local_rows = static_cast<int>(rows);
  array_local = local_rows.data();
}

/* ---------------------------------------------------------------------- */

void FixBackmap::open_files()
{
  const auto tell = [&](const std::string &text) {
    if (!text.empty()) error->warning(FLERR, "{}: {}", what, text);
  };
  if (!given.table.empty() && !table_file.is_open()) {
    table.provenance.coarse = coarse->potential();
    table.provenance.script = given.sampler.script;
    table.provenance.anneal = sampler->schedule_text();
    table.provenance.probe = probe.energies;
    table.provenance.probe_observables = probe.observables;
    table.partition = universe->iworld;
    table.partitions = universe->nworlds;
    table.units = spec.units;
    table.temperature = spec.temperature;
    table.kt = kt;
    table.samples = given.sampler.samples;
    table.name = spec.molecule;
    table.observables = sampler->observables();
    tell(table_file.open(given.table, given.append, table_mark));
    table_file.write(table.header());
  }
  if (!given.forces.empty() && !mean_forces.opened())
    tell(mean_forces.open(given.forces, given.append, forces_mark));
  tell(structures->open(given.append, xyz_mark));
}

/* ---------------------------------------------------------------------- */

int FixBackmap::request(const std::string &observable)
{
  const auto &have = sampler->observables();
  const auto found = std::find(have.begin(), have.end(), observable);
  if (found != have.end()) return static_cast<int>(found - have.begin());
  int started = row > 0 ? 1 : 0;
  MPI_Bcast(&started, 1, MPI_INT, 0, world);
  if (started)
    backmap_error(lmp,
                  "{}: observable {} must be requested before the first sample; list it with "
                  "keyword observables",
                  what, observable);
  const int column = sampler->request(observable);
  weights = WeightSet(static_cast<int>(sampler->observables().size()));
  size_local_cols = 4 + static_cast<int>(sampler->observables().size());
  store_local({}, 0, {});
  return column;
}

/* ----------------------------------------------------------------------
   evaluates what is pending first, so that numbers asked for include every frame taken
------------------------------------------------------------------------- */

void FixBackmap::update_statistics()
{
  evaluate();
  if (statistics_valid) return;
  statistics_valid = true;
  if (comm->me == 0 && weights.frames() > 0) {
    const ParetoTail tail = weights.khat();
    double f = 0.0, ferror = 0.0;
    for (std::size_t i = 0; i < frame_values.size(); i += 5) {
      f += frame_values[i + 1] * 5.0 / frame_values.size();
      ferror += std::pow(frame_values[i + 2] * 5.0 / frame_values.size(), 2);
    }
    statistics = {static_cast<double>(weights.frames()),
                  static_cast<double>(weights.samples()),
                  weights.joint_ess(),
                  weights.marginal_ess(),
                  weights.marginal_ess_corrected(),
                  weights.conditional_ess(),
                  weights.conditional_ess(0.1),
                  tail.khat,
                  tail.threshold,
                  static_cast<double>(weights.zero_weights()),
                  static_cast<double>(weights.nan_energies()),
                  weights.entropy(),
                  weights.log_mean_weight(),
                  constant,
                  f,
                  std::sqrt(ferror),
                  seconds,
                  weights.khat_marginal().khat};
  } else if (comm->me == 0) {
    statistics[0] = statistics[9] = statistics[10] = 0.0;
    statistics[1] = static_cast<double>(row);
    statistics[16] = seconds;
  }
  MPI_Bcast(statistics.data(), VECTOR_SIZE, MPI_DOUBLE, 0, world);
  int n = static_cast<int>(frame_values.size());
  MPI_Bcast(&n, 1, MPI_INT, 0, world);
  frame_values.resize(n);
  MPI_Bcast(frame_values.data(), n, MPI_DOUBLE, 0, world);
  size_array_rows = n / 5;
}

/* ---------------------------------------------------------------------- */

double FixBackmap::compute_vector(int i)
{
  update_statistics();
  return statistics[i];
}

/* ---------------------------------------------------------------------- */

double FixBackmap::compute_array(int i, int j)
{
  update_statistics();
  const std::size_t at = 5 * static_cast<std::size_t>(i) + j;
  return at < frame_values.size() ? frame_values[at] : NOT_A_NUMBER;
}

/* ---------------------------------------------------------------------- */

const std::vector<ReweightedMean> &FixBackmap::means()
{
  evaluate();
  if (means_valid) return mean_values;
  means_valid = true;
  mean_values.assign(sampler->observables().size(), {NOT_A_NUMBER, NOT_A_NUMBER, NOT_A_NUMBER});
  if (comm->me == 0 && weights.frames() > 0) mean_values = weights.means(given.blocks);
  static_assert(sizeof(ReweightedMean) == 6 * sizeof(double), "sent as so many numbers");
  MPI_Bcast(mean_values.data(), static_cast<int>(6 * mean_values.size()), MPI_DOUBLE, 0, world);
  return mean_values;
}

/* ---------------------------------------------------------------------- */

double FixBackmap::observables_hash() const
{
  std::string all;
  for (const auto &o : sampler->observables()) all += o + " ";
  return static_cast<double>(random_stream(given.sampler.samples, all) >> 12);
}

/* ----------------------------------------------------------------------
   log-weights, sums, the constant of the histogram weights, the schedule of annealing and the selected structures
------------------------------------------------------------------------- */

void FixBackmap::write_restart(FILE *fp)
{
  evaluate();
  LineMark of_table, of_xyz, of_forces;
  std::string trouble;
  if (comm->me == 0)
    trouble = backmap_attempt(what, [&] {
      of_table = table_file.mark();
      of_xyz = structures->mark();
      of_forces = mean_forces.mark();
    });
  backmap_agree(lmp, trouble);
  if (comm->me != 0) return;
  const auto &schedule = sampler->schedule();
  const auto state = weights.pack(), selected = structures->pack();
  std::vector<double> list{THIS_FORMAT,
                           (constant_set ? 1.0 : 0.0) + 2.0 * schedule.steps(),
                           constant,
                           static_cast<double>(row),
                           seconds,
                           observables_hash(),
                           of_table.name,
                           of_table.size,
                           of_xyz.name,
                           of_xyz.size,
                           of_forces.name,
                           of_forces.size,
                           static_cast<double>(selected.size())};
  list.insert(list.end(), state.begin(), state.end());
  list.insert(list.end(), schedule.lambda.begin(), schedule.lambda.end());
  list.insert(list.end(), schedule.step.begin(), schedule.step.end());
  list.insert(list.end(), selected.begin(), selected.end());
  if (list.size() * sizeof(double) > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    backmap_error_one(lmp, "{}: too many samples for a restart file, got {}", what,
                      weights.samples());
  const int size = static_cast<int>(list.size() * sizeof(double));
  if (fwrite(&size, sizeof(int), 1, fp) != 1 ||
      fwrite(list.data(), sizeof(double), list.size(), fp) != list.size())
    backmap_error_one(lmp, "{}: cannot write the restart file: {}", what, utils::getsyserror());
}

/* ----------------------------------------------------------------------
   the length is not passed on, so the state tells it; used once the observables are known
------------------------------------------------------------------------- */

void FixBackmap::restart(char *buf)
{
  double head[RESTART_HEAD + 5];
  memcpy(head, buf, sizeof(head));
  if (head[FORMAT] != THIS_FORMAT)
    backmap_error(lmp, "{}: the restart file is of another version of this fix", what);
  const auto steps = static_cast<std::size_t>(head[SCHEDULE] / 2.0);
  restored.resize(RESTART_HEAD + WeightSet::packed_size(head + RESTART_HEAD) + 2 * steps +
                  static_cast<std::size_t>(head[SELECTED]));
  memcpy(restored.data(), buf, restored.size() * sizeof(double));
}

/* ---------------------------------------------------------------------- */

void FixBackmap::adopt_restart()
{
  if (restored.empty()) return;
  if (restored[OBSERVABLES] != observables_hash())
    backmap_error(lmp, "{}: samples and observables differ from those of the restart file", what);
  const auto steps = static_cast<std::ptrdiff_t>(restored[SCHEDULE] / 2.0);
  const auto last = restored.end() - static_cast<std::ptrdiff_t>(restored[SELECTED]);
  const auto end = last - 2 * steps;
  if (!sampler->adopt_schedule({{end, end + steps}, {end + steps, last}}, restored[ROWS] > 0.0))
    backmap_error(lmp, "{}: anneal, expected the {} steps of the restart file with their schedule",
                  what, steps);
  constant_set = restored[SCHEDULE] > 2.0 * static_cast<double>(steps);
  constant = restored[CONSTANT];
  row = static_cast<std::int64_t>(restored[ROWS]);
  if (row > 0) start_step = MAXBIGINT;    // the run has started elsewhere
  seconds = seconds_written = restored[SECONDS];
  table_mark = {restored[TABLE_NAME], restored[TABLE_SIZE]};
  xyz_mark = {restored[XYZ_NAME], restored[XYZ_SIZE]};
  forces_mark = {restored[FORCES_NAME], restored[FORCES_SIZE]};
  std::string trouble;
  if (comm->me == 0) {
    weights.unpack({restored.begin() + RESTART_HEAD, end});
    if (row > 0 && !backmap_attempt(what, [&] {
                      structures->unpack({last, restored.end()});
                    }).empty())
      trouble = fmt::format("{}: select, expected that of the restart file; for a selection of the "
                            "structures from here on, give the fix another ID",
                            what);
  }
  backmap_agree(lmp, trouble);
  restored.clear();
  statistics_valid = means_valid = false;
}

/* ---------------------------------------------------------------------- */

double FixBackmap::memory_usage()
{
  return 8.0 * static_cast<double>(weights.samples()) +
      100.0 * static_cast<double>(weights.frames());
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_validate.h"

#include "core/model_file.h"
#include "core/rng.h"
#include "core/sha256.h"
#include "lammps/io.h"
#include "lammps/keywords.h"
#include "lammps/partitions.h"
#include "statistics/diagnosis.h"
#include "statistics/summary.h"
#include "training/frames.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "update.h"
#include "utils.h"

#include <cmath>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

void BackmapValidate::command(int narg, char **arg)
{
  read_arguments(narg, arg);
  const FlowSpec spec = read_flow(arg[0]);
  BackmapSampler sampler(lmp, spec, options);
  const std::vector<double> x = read_frames(spec);
  const std::size_t stride = 3 * static_cast<std::size_t>(spec.natoms);
  std::vector<CoarseFrame> frames(wanted);
  for (int i = 0; i < wanted; i++) {
    frames[i].step = i;
    frames[i].molecule = 1;
    frames[i].z.resize(3 * spec.nbeads());
    MoleculeSpec::apply(spec.beads, &x[i * stride], frames[i].z.data());
  }

  sampler.find_schedule(frames);
  write_schedule(sampler.schedule());
  HeldOutFrames held_out(force->boltz * spec.temperature);
  WeightSet starts;    // of the flow alone, if its samples are annealed
  const int portion = std::max(1, 100000 / options.samples);
  for (int at = 0; at < wanted; at += portion) {
    const int m = std::min(portion, wanted - at);
    SampleBatch batch;
    sampler.evaluate({frames.begin() + at, frames.begin() + at + m}, false, batch);
    std::string trouble;
    if (comm->me == 0) {
      try {
        std::vector<double> u(m), logq(m);
        sampler.forward(m, &x[at * stride], u.data(), logq.data());
        for (int i = 0; i < m; i++) {
          const std::size_t first = static_cast<std::size_t>(i) * options.samples;
          held_out.add_frame(options.samples, &batch.u[first], &batch.logq[first], u[i], logq[i]);
          if (!batch.start.empty())
            starts.add_frame({at + i, 0, 1}, options.samples, &batch.start[first], nullptr);
        }
      } catch (const std::exception &e) {
        trouble = fmt::format("{}: {}", what, e.what());
      }
    }
    backmap_agree(lmp, trouble);
  }
  report(held_out, starts, sampler, sampler.probe().energies);
}

/* ---------------------------------------------------------------------- */

void BackmapValidate::read_arguments(int narg, char **arg)
{
  if (narg < 4)
    backmap_error(
        lmp, "{}: expected backmap_validate FLOW IN.FINE files DUMP ... keyword value ...", what);
  options.what = what;
  options.script = arg[1];
  options.stream = random_stream(0, "backmap_validate");
  BackmapKeywords keywords(lmp, what);
  sampler_keywords(lmp, keywords, options);
  anneal_keyword(keywords, options);
  options.samples = 500;
  keywords.integer("samples", options.samples, 2)
      .integer("frames", wanted, 1)
      .real("temp", temperature, 1.0e-3, 1.0e6)
      .text("json", json)
      .text("name", name)
      .text("schedule", schedule_file);
  for (int iarg = 2; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    iarg += used ? used : keywords.take(narg, arg, iarg);
  }
  if (!schedule_file.empty() && !options.annealed())
    backmap_error(lmp, "{}: keyword schedule, expected anneal K beside it", what);
}

/* ---------------------------------------------------------------------- */

FlowSpec BackmapValidate::read_flow(const std::string &file)
{
  FlowSpec spec;
  std::string trouble;
  const std::string bytes = backmap_read_file(lmp, file, what);
  flow_sum = sha256_hex(bytes);
  try {
    spec = FlowSpec::from_model(ModelFile::parse(bytes, file));
    if (temperature > 0.0 && std::fabs(temperature - spec.temperature) > 1e-6 * spec.temperature)
      throw std::runtime_error(
          fmt::format("temperature of the model {} is {}, the stated one is {}", file,
                      spec.temperature, temperature));
    if (spec.units != update->unit_style)
      throw std::runtime_error(
          fmt::format("units of the model {}, expected those of this run, {}, got {}", file,
                      update->unit_style, spec.units));
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  return spec;
}

/* ----------------------------------------------------------------------
   frames [wanted][natoms][3] at equal distances over the whole file, on every rank
------------------------------------------------------------------------- */

std::vector<double> BackmapValidate::read_frames(const FlowSpec &spec)
{
  trajectory.read(false);
  bigint n = trajectory.frames().n;
  MPI_Bcast(&n, 1, MPI_LMP_BIGINT, 0, world);
  if (n < wanted) backmap_error(lmp, "{}: frames, expected at least {}, got {}", what, wanted, n);
  const std::size_t stride = 3 * static_cast<std::size_t>(spec.natoms);
  std::vector<double> x(wanted * stride);
  std::string trouble;
  if (comm->me == 0) {
    if (trajectory.frames().natoms != spec.natoms)
      trouble = fmt::format("{}: atoms in the frames, expected {}, got {}", what, spec.natoms,
                            trajectory.frames().natoms);
    else
      x = spread_frames(trajectory.frames().x, stride, wanted);
  }
  backmap_agree(lmp, trouble);
  MPI_Bcast(x.data(), static_cast<int>(x.size()), MPI_DOUBLE, 0, world);
  return x;
}

/* ---------------------------------------------------------------------- */

void BackmapValidate::write_schedule(const AnnealingSchedule &schedule)
{
  if (schedule_file.empty()) return;
  backmap_write_file(lmp, schedule_file,
                     "# schedule of annealing, of " + what + "\n# flow " + flow_sum +
                         "\n# anneal " + schedule.text() + "\n",
                     what);
}

/* ---------------------------------------------------------------------- */

void BackmapValidate::report(const HeldOutFrames &held_out, const WeightSet &starts,
                             const BackmapSampler &sampler, const std::vector<double> &probe)
{
  Summary summary;
  if (comm->me == 0) {
    const WeightSet &weights = held_out.weights(), &flow = options.annealed() ? starts : weights;
    const double forward = held_out.forward_ess();
    summary.set("flow", flow_sum);
    summary.set("script", options.script);
    summary.set_list("probe_energies", probe);
    const auto set = [&](const WeightSet &w, const std::string &how) {
      const std::string key = fmt::format("conditional_ess_{}_m{}{}", name, options.samples, how);
      summary.set(key, w.conditional_ess());
      summary.set(key + "_q10", w.conditional_ess(0.1));
      summary.set(key + "_min", w.conditional_ess(0.0));
      const ParetoTail tail = w.khat_conditional();
      summary.set(fmt::format("khat_{}_m{}{}", name, options.samples, how), tail.khat);
      return fmt::format(
          "median {:.4f}, 10 % quantile {:.4f}, smallest {:.4f}; k-hat {:.2f} (trust below {:.2f})",
          w.conditional_ess(), w.conditional_ess(0.1), w.conditional_ess(0.0), tail.khat,
          tail.threshold);
    };
    const std::string figures = set(flow, "");
    summary.set("forward_ess_" + name, forward);
    summary.set("frames_" + name, static_cast<std::int64_t>(wanted));
    std::vector<std::string> warnings;
    for (const auto &d : diagnose_flow(held_out.log_forward(), flow.conditional_ess())) {
      warnings.push_back(d.text);
      error->warning(FLERR, "{}: {}", what, d.text);
    }
    summary.set_warnings(warnings);
    const std::string named = name == unnamed ? "" : " of " + name;
    utils::logmesg(lmp,
                   "BACKMAP validation{}: {} all-atom frames, {} samples each: conditional ESS {}; "
                   "forward ESS {:.4f}; "
                   "weight zero {}, energy NaN {}; {:.0f} samples/s and core\n",
                   named, wanted, options.samples, figures, forward, weights.zero_weights(),
                   weights.nan_energies(),
                   static_cast<double>(weights.samples()) / comm->nprocs /
                       (sampler.seconds_flow() + sampler.seconds_energy()));
    if (options.annealed())
      utils::logmesg(lmp, "BACKMAP validation: annealed in {} steps: conditional ESS {}\n",
                     sampler.schedule().steps(),
                     set(weights, fmt::format("_anneal{}", sampler.schedule().steps())));
    for (const auto &d : diagnose_annealing(flow.conditional_ess(), weights.conditional_ess(),
                                            sampler.energies_per_sample(), options.samples))
      utils::logmesg(lmp, "BACKMAP validation: {}\n", d.text);
  }
  if (!json.empty()) backmap_write_file(lmp, json, summary.json(), what);
}

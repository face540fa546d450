/* ----------------------------------------------------------------------
   LAMMPS - Large-scale Atomic/Molecular Massively Parallel Simulator
   https://www.lammps.org/

   This software is distributed under the GNU General Public License.
   See the LICENSE file in the top-level directory.
------------------------------------------------------------------------- */

#include "backmap_validate.h"

#include "core/model_file.h"
#include "core/rng.h"
#include "lammps/io.h"
#include "lammps/sampler.h"
#include "lammps/trajectory.h"
#include "statistics/diagnosis.h"
#include "statistics/held_out.h"
#include "statistics/summary.h"
#include "training/frames.h"

#include "comm.h"
#include "error.h"
#include "fmt/format.h"
#include "force.h"
#include "update.h"
#include "utils.h"

#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

/* ---------------------------------------------------------------------- */

void BackmapValidate::command(int narg, char **arg)
{
  const std::string what = "Command backmap_validate";
  if (narg < 4)
    error->all(FLERR, "{}: expected backmap_validate FLOW IN.FINE files DUMP ... keyword value ...",
               what);
  SamplerOptions options;
  options.what = what;
  options.script = arg[1];
  options.backend = lmp->kokkos ? "kokkos" : "serial";
  options.samples = 500;
  options.stream = random_stream(0, "backmap_validate");
  int wanted = 200;
  double temperature = 0.0;
  std::string json, name = "fg";
  BackmapTrajectory trajectory(lmp, what);
  for (int iarg = 2; iarg < narg;) {
    const int used = trajectory.keyword(narg, arg, iarg);
    if (used > 0) {
      iarg += used;
      continue;
    }
    const std::string key = arg[iarg];
    if (key == "var") {
      if (iarg + 2 >= narg) error->all(FLERR, "{}: keyword var, expected 2 values after it", what);
      options.variables.insert(options.variables.end(), {arg[iarg + 1], arg[iarg + 2]});
      iarg += 3;
      continue;
    }
    if (iarg + 1 >= narg) error->all(FLERR, "{}: keyword {}, expected a value after it", what, key);
    const char *value = arg[iarg + 1];
    if (key == "samples")
      options.samples = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "frames")
      wanted = utils::inumeric(FLERR, value, false, lmp);
    else if (key == "seed")
      options.seed = static_cast<std::uint64_t>(utils::bnumeric(FLERR, value, false, lmp));
    else if (key == "temp")
      temperature = utils::numeric(FLERR, value, false, lmp);
    else if (key == "json")
      json = value;
    else if (key == "name")
      name = value;
    else if (key == "precision" && (strcmp(value, "single") == 0 || strcmp(value, "double") == 0))
      options.single = strcmp(value, "single") == 0;
    else if (key == "backend")
      options.backend = value;
    else
      error->all(FLERR, "{}: unknown keyword {} {}", what, key, value);
    iarg += 2;
  }
  if (options.samples < 2)
    error->all(FLERR, "{}: samples, expected at least 2, got {}", what, options.samples);
  if (wanted < 1) error->all(FLERR, "{}: frames, expected at least 1, got {}", what, wanted);

  FlowSpec spec;
  std::string trouble;
  const std::string bytes = backmap_read_file(lmp, arg[0], what);
  try {
    spec = FlowSpec::from_model(ModelFile::parse(bytes, arg[0]));
    if (temperature > 0.0 && std::fabs(temperature - spec.temperature) > 1e-6 * spec.temperature)
      throw std::runtime_error(
          fmt::format("temperature of the model {} is {}, the stated one is {}", arg[0],
                      spec.temperature, temperature));
    if (spec.units != update->unit_style)
      throw std::runtime_error(
          fmt::format("units of the model {}, expected those of this run, {}, got {}", arg[0],
                      update->unit_style, spec.units));
  } catch (const std::exception &e) {
    trouble = fmt::format("{}: {}", what, e.what());
  }
  backmap_agree(lmp, trouble);
  BackmapSampler sampler(lmp, spec, options);

  // frames at equal distances over the whole file; their beads are what the samples are drawn for

  trajectory.read(false);
  bigint n = trajectory.frames().n;
  MPI_Bcast(&n, 1, MPI_LMP_BIGINT, 0, world);
  if (n < wanted) error->all(FLERR, "{}: frames, expected at least {}, got {}", what, wanted, n);
  const std::size_t stride = 3 * static_cast<std::size_t>(spec.natoms);
  std::vector<double> x(wanted * stride);
  if (comm->me == 0) {
    if (trajectory.frames().natoms != spec.natoms)
      trouble = fmt::format("{}: atoms in the frames, expected {}, got {}", what, spec.natoms,
                            trajectory.frames().natoms);
    else
      x = spread_frames(trajectory.frames().x, stride, wanted);
  }
  backmap_agree(lmp, trouble);
  MPI_Bcast(x.data(), static_cast<int>(x.size()), MPI_DOUBLE, 0, world);
  std::vector<CoarseFrame> frames(wanted);
  for (int i = 0; i < wanted; i++) {
    frames[i].step = i;
    frames[i].molecule = 1;
    frames[i].z.resize(3 * spec.nbeads());
    MoleculeSpec::apply(spec.beads, &x[i * stride], frames[i].z.data());
  }

  const double kt = force->boltz * spec.temperature;
  HeldOutFrames held_out(kt);
  const int portion = std::max(1, 100000 / options.samples);
  for (int at = 0; at < wanted; at += portion) {
    const int m = std::min(portion, wanted - at);
    SampleBatch batch;
    sampler.evaluate({frames.begin() + at, frames.begin() + at + m}, false, batch);
    if (comm->me == 0) {
      try {
        std::vector<double> u(m), logq(m);
        sampler.forward(m, &x[at * stride], u.data(), logq.data());
        for (int i = 0; i < m; i++) {
          const std::size_t first = static_cast<std::size_t>(i) * options.samples;
          held_out.add_frame(options.samples, &batch.u[first], &batch.logq[first], u[i], logq[i]);
        }
      } catch (const std::exception &e) {
        trouble = fmt::format("{}: {}", what, e.what());
      }
    }
    backmap_agree(lmp, trouble);
  }

  Summary summary;
  if (comm->me == 0) {
    const WeightSet &weights = held_out.weights();
    const double forward = held_out.forward_ess();
    const std::string key = fmt::format("conditional_ess_{}_m{}", name, options.samples);
    summary.set(key, weights.conditional_ess());
    summary.set(key + "_q10", weights.conditional_ess(0.1));
    summary.set(key + "_min", weights.conditional_ess(0.0));
    summary.set("forward_ess_" + name, forward);
    summary.set("frames_" + name, static_cast<std::int64_t>(wanted));
    std::vector<std::string> warnings;
    for (const auto &d : diagnose_flow(held_out.log_forward(), weights.conditional_ess())) {
      warnings.push_back(d.text);
      error->warning(FLERR, "{}: {}", what, d.text);
    }
    summary.set_warnings(warnings);
    utils::logmesg(lmp,
                   "BACKMAP validation: {} all-atom frames, {} samples each: conditional ESS "
                   "median {:.4f}, 10 % quantile "
                   "{:.4f}, smallest {:.4f}; forward ESS {:.4f}; weight zero {}, energy NaN {}; "
                   "{:.0f} samples/s and core\n",
                   wanted, options.samples, weights.conditional_ess(), weights.conditional_ess(0.1),
                   weights.conditional_ess(0.0), forward, weights.zero_weights(),
                   weights.nan_energies(),
                   static_cast<double>(weights.samples()) / comm->nprocs /
                       (sampler.seconds_flow() + sampler.seconds_energy()));
  }
  if (!json.empty()) backmap_write_file(lmp, json, summary.json(), what);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The part of the sampler that anneals: flow and fine script behind flow/annealing.h.

#include "lammps/sampler.h"

#include "core/random_stream.h"
#include "lammps/io.h"
#include "statistics/weights.h"

#include "comm.h"
#include "fmt/format.h"
#include "utils.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <stdexcept>

using namespace LAMMPS_NS;

namespace BACKMAP_NS {

namespace {

constexpr double INF = std::numeric_limits<double>::infinity();

/// Chains that go on together: bounds the memory, and keeps the flow busy.
constexpr std::int64_t BLOCK = 4096;

/// Samples of a pilot, and frames that they are spread over.
constexpr int PILOT_SAMPLES = 512, PILOT_FRAMES = 8;

/// Random numbers that are neither those of the samples nor of each other.
std::uint64_t stream_of(const std::string &purpose, std::uint64_t stream)
{
  return random_stream(0, purpose + " " + std::to_string(stream));
}

const char *const KEY = "# anneal ";

/// Points of rank 0, evaluated by all ranks: rank 0 uses it as a target until end(), the others serve() that long.
class SharedTarget : public AnnealingTarget {
 public:
  struct Failed {};       // thrown on rank 0: some rank has trouble
  std::string trouble;    // of this rank

  /// mine: what evaluates points first..last-1 of all
  SharedTarget(MPI_Comm world, std::int64_t first, std::int64_t last, std::size_t nlatent,
               const std::string &what, AnnealingTarget &mine) :
      world_(world),
      first_(first), last_(last), nu_(static_cast<std::ptrdiff_t>(nlatent)), what_(what),
      mine_(mine)
  {
  }

  void evaluate(const std::vector<char> &wanted, const std::vector<double> &latent,
                std::vector<double> &logw) override
  {
    go(true);
    std::vector<char> w(wanted);
    std::vector<double> l(latent);
    if (!part(w, l, logw)) throw Failed();
  }

  void end() { go(false); }

  void serve(int total)
  {
    std::vector<char> wanted(total);
    std::vector<double> latent(total * nu_), logw;
    while (go(false) && part(wanted, latent, logw))
      ;
  }

 private:
  MPI_Comm world_;
  const std::ptrdiff_t first_, last_, nu_;
  const std::string what_;
  AnnealingTarget &mine_;

  bool go(bool more) const
  {
    int flag = more ? 1 : 0;
    MPI_Bcast(&flag, 1, MPI_INT, 0, world_);
    return flag != 0;
  }

  /// Arrays of rank 0 on every rank, results of every rank on rank 0; false if any rank has failed.
  bool part(std::vector<char> &wanted, std::vector<double> &latent, std::vector<double> &logw)
  {
    MPI_Bcast(wanted.data(), static_cast<int>(wanted.size()), MPI_CHAR, 0, world_);
    MPI_Bcast(latent.data(), static_cast<int>(latent.size()), MPI_DOUBLE, 0, world_);
    std::vector<double> result(last_ - first_);
    trouble = backmap_attempt(what_, [&] {
      mine_.evaluate({wanted.begin() + first_, wanted.begin() + last_},
                     {latent.begin() + first_ * nu_, latent.begin() + last_ * nu_}, result);
    });
    int failed = trouble.empty() ? 0 : 1;
    MPI_Allreduce(MPI_IN_PLACE, &failed, 1, MPI_INT, MPI_MAX, world_);
    logw = backmap_gather(world_, result);
    return failed == 0;
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

void anneal_keyword(BackmapKeywords &keywords, SamplerOptions &o)
{
  keywords.add("anneal", [&keywords, &o](int, char **values) {
    o.anneal = 0;
    o.anneal_file.clear();
    const std::string text = values[0];
    if (utils::is_integer(text))
      o.anneal = keywords.to_integer("anneal", values[0], 0);
    else
      o.anneal_file = text;
    return 1;
  });
}

/* ----------------------------------------------------------------------
   the line of a sample table, or of a file of backmap_validate
------------------------------------------------------------------------- */

void BackmapSampler::read_schedule()
{
  const std::string &file = options_.anneal_file;
  if (file.empty()) return;
  std::istringstream in(backmap_read_file(lmp, file, options_.what + ": keyword anneal"));
  backmap_agree(lmp, backmap_attempt(options_.what + ": keyword anneal", [&] {
                  for (std::string line; std::getline(in, line);)
                    if (line.compare(0, strlen(KEY), KEY) == 0) {
                      schedule_ = AnnealingSchedule::parse(line.substr(strlen(KEY)), file);
                      return;
                    }
                  throw std::runtime_error(
                      "expected a number of steps, or a file with a line \"" + std::string(KEY) +
                      "...\" (a sample table, or schedule FILE of backmap_validate), got " + file);
                }));
}

/* ---------------------------------------------------------------------- */

bool BackmapSampler::adopt_schedule(const AnnealingSchedule &restored, bool samples)
{
  if (restored.steps() == 0) return !options_.annealed() || !samples;
  if (!options_.annealed()) return false;
  if (options_.anneal_file.empty() && options_.anneal == restored.steps()) schedule_ = restored;
  return schedule_.lambda == restored.lambda && schedule_.step == restored.step;
}

/* ---------------------------------------------------------------------- */

int BackmapSampler::energies_per_sample() const
{
  if (!options_.annealed()) return 1;
  return 1 + schedule_.steps() + (observables_.empty() && !options_.forces ? 0 : 1);
}

/* ----------------------------------------------------------------------
   structures and energies of the chains of a portion
------------------------------------------------------------------------- */

class BackmapSampler::Structures : public AnnealingTarget {
 public:
  Structures(BackmapSampler &sampler, const Portion &portion, double *x, double *logq, double *u) :
      sampler_(sampler), portion_(portion), x_(x), logq_(logq), u_(u),
      stride_(3 * static_cast<std::size_t>(sampler.spec_.natoms)), new_x_(portion.size() * stride_),
      new_logq_(portion.size()), new_u_(portion.size())
  {
  }

  /// Chains at samples of the flow.
  AnnealingChains start()
  {
    const int n = portion_.size();
    AnnealingChains chains;
    for (std::int64_t at = portion_.first; at < portion_.last; at++) {
      const CoarseFrame &f = portion_.frames[at / portion_.samples];
      chains.names.push_back({f.step, f.molecule, at % portion_.samples});
    }
    chains.latent.resize(static_cast<std::size_t>(n) * sampler_.flow_->nlatent());
    sampler_.draw(portion_, nullptr, chains.latent.data(), x_, logq_);
    sampler_.energies(portion_, x_, logq_, u_, nullptr, nullptr);
    for (int i = 0; i < n; i++) chains.logw.push_back(sampler_.log_weight(u_[i], logq_[i]));
    return chains;
  }

  void evaluate(const std::vector<char> &wanted, const std::vector<double> &latent,
                std::vector<double> &logw) override
  {
    sampler_.draw(portion_, latent.data(), nullptr, new_x_.data(), new_logq_.data());
    for (std::size_t i = 0; i < wanted.size(); i++)
      if (!wanted[i]) new_logq_[i] = INF;
    sampler_.energies(portion_, new_x_.data(), new_logq_.data(), new_u_.data(), nullptr, nullptr);
    for (std::size_t i = 0; i < wanted.size(); i++)
      logw[i] = sampler_.log_weight(new_u_[i], new_logq_[i]);
  }

  void accept(int i) override
  {
    std::copy_n(&new_x_[i * stride_], stride_, x_ + i * stride_);
    logq_[i] = new_logq_[i];
    u_[i] = new_u_[i];
  }

 private:
  BackmapSampler &sampler_;
  const Portion &portion_;
  double *const x_, *const logq_, *const u_;
  const std::size_t stride_;
  std::vector<double> new_x_, new_logq_, new_u_;
};

/* ----------------------------------------------------------------------
   log q becomes what makes -u/kT - log q the annealed log-weight; that of a sample of weight zero stays
------------------------------------------------------------------------- */

void BackmapSampler::anneal(const Portion &all, double *x, double *logq, double *u, double *start,
                            double *obs, double *force)
{
  const Annealing annealing(flow_->circular(), static_cast<std::uint64_t>(options_.seed),
                            stream_of("annealing", options_.stream), flow_->parts());
  const std::size_t stride = 3 * static_cast<std::size_t>(spec_.natoms);
  for (std::int64_t first = all.first; first < all.last; first += BLOCK) {
    const Portion part{all.frames, all.samples, all.stream, first,
                       std::min(all.last, first + BLOCK)};
    const std::size_t at = first - all.first;
    Structures structures(*this, part, x + at * stride, logq + at, u + at);
    AnnealingChains chains = structures.start();
    std::copy(chains.logw.begin(), chains.logw.end(), start + at);
    annealing.run(schedule_, chains, structures);
    if (!observables_.empty() || force)
      energies(part, x + at * stride, logq + at, u + at, obs + at * observables_.size(),
               force ? force + at * 3 * spec_.nbeads() : nullptr);
    for (int i = 0; i < part.size(); i++)
      if (std::isfinite(chains.logweight[i]))
        logq[at + i] = log_weight(u[at + i], chains.logweight[i]);
  }
}

/* ----------------------------------------------------------------------
   rank 0 decides everything, the others evaluate their part of each set of points; so ranks cannot disagree
------------------------------------------------------------------------- */

void BackmapSampler::find_schedule(const std::vector<CoarseFrame> &frames)
{
  if (options_.anneal == 0 || schedule_.steps() > 0) return;
  const int groups = std::min(PILOT_FRAMES, static_cast<int>(frames.size())),
            samples = PILOT_SAMPLES / groups;
  std::vector<CoarseFrame> some;
  for (int g = 0; g < groups; g++)
    some.push_back(frames[static_cast<std::size_t>(g) * frames.size() / groups]);
  const int total = groups * samples;
  const Portion mine{some, samples, stream_of("pilot", options_.stream),
                     static_cast<std::int64_t>(total) * comm->me / comm->nprocs,
                     static_cast<std::int64_t>(total) * (comm->me + 1) / comm->nprocs};
  const std::size_t n = mine.size(), nu = flow_->nlatent();
  std::vector<double> x(n * 3 * spec_.natoms), logq(n), u(n);
  Structures structures(*this, mine, x.data(), logq.data(), u.data());
  AnnealingChains chains;
  backmap_agree(lmp, backmap_attempt(options_.what, [&] { chains = structures.start(); }));

  SharedTarget shared(world, mine.first, mine.last, nu, options_.what, structures);
  chains.latent = backmap_gather(world, chains.latent);
  chains.logw = backmap_gather(world, chains.logw);
  Annealing::Pilot pilot;
  std::string trouble;
  if (comm->me == 0) {
    chains.names.clear();
    for (int i = 0; i < total; i++)
      chains.names.push_back({some[i / samples].step, some[i / samples].molecule, i % samples});
    const Annealing annealing(flow_->circular(), static_cast<std::uint64_t>(options_.seed),
                              stream_of("pilot annealing", options_.stream), flow_->parts());
    try {
      trouble = backmap_attempt(
          options_.what, [&] { pilot = annealing.pilot(options_.anneal, groups, chains, shared); });
      shared.end();
    } catch (const SharedTarget::Failed &) {
    }
  } else
    shared.serve(total);
  backmap_agree(lmp, shared.trouble.empty() ? trouble : shared.trouble);
  schedule_ = pilot.schedule;
  for (auto *list : {&schedule_.lambda, &schedule_.step}) {
    list->resize(options_.anneal);
    MPI_Bcast(list->data(), options_.anneal, MPI_DOUBLE, 0, world);
  }
  if (comm->me != 0) return;
  std::string text;
  for (int k = 0; k < options_.anneal; k++) text += fmt::format(" {:.4g}", schedule_.lambda[k]);
  utils::logmesg(lmp,
                 "{}: annealing in {} steps found on {} samples of {} frame(s): distance {:.2f}, "
                 "acceptance {:.2f} to {:.2f}, moves {:.3g} to {:.3g}, lambda{}\n",
                 options_.what, options_.anneal, total, groups, pilot.length,
                 *std::min_element(pilot.acceptance.begin(), pilot.acceptance.end()),
                 *std::max_element(pilot.acceptance.begin(), pilot.acceptance.end()),
                 *std::min_element(schedule_.step.begin(), schedule_.step.end()),
                 *std::max_element(schedule_.step.begin(), schedule_.step.end()), text);
}

}    // namespace BACKMAP_NS

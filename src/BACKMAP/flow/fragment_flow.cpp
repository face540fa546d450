/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A molecule drawn fragment by fragment: log q is the sum over fragments of log q of their kinds, given
// the points that stand when each is drawn. Fragments of one kind and stage are one batch.

#include "flow/backend.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

constexpr std::size_t MAX_POINTS = 1u << 21;    // of a batch, bounds its memory

class FragmentFlow : public Flow {
 public:
  FragmentFlow(const FlowSpec &spec, Precision precision, const std::string &backend);
  void sample(const FlowRequest &request, double *x, double *logq) override;
  void log_prob(int n, const double *x, double *logq) override;
  std::vector<bool> circular() const override { return circular_; }
  std::vector<int> parts() const override { return first_latent; }
  int natoms() const override { return natoms_; }
  int nbeads() const override { return (int) beads.size(); }

 private:
  struct Kind {
    std::unique_ptr<Flow> flow;
    std::vector<int> environment, own;    // its atoms: the beads in their order, the others
  };
  /// Fragments of one kind that are drawn at once.
  struct Group {
    int kind;
    bool beads_only;    // the environment is the same for all samples of a frame
    std::vector<int> fragments;
  };

  const int natoms_;
  std::vector<int> beads;
  std::vector<Kind> kinds;
  std::vector<FlowSpec::Fragment> fragments;
  std::vector<int> first_latent;    // of each fragment
  std::vector<bool> circular_;
  std::vector<Group> groups;

  void draw(const Group &group, const FlowRequest &request, double *x, double *logq);
};

/* ---------------------------------------------------------------------- */

FragmentFlow::FragmentFlow(const FlowSpec &spec, Precision precision, const std::string &backend) :
    natoms_(spec.natoms), fragments(spec.fragments)
{
  std::vector<char> is_bead(natoms_, 0);
  for (const auto &bead : spec.beads) {
    beads.push_back(bead.atoms[0]);
    is_bead[bead.atoms[0]] = 1;
  }
  for (const auto &one : spec.kinds) {
    Kind kind{Flow::create(one, precision, backend), {}, {}};
    for (const auto &bead : one.beads) kind.environment.push_back(bead.atoms[0]);
    const auto drawn = one.drawn_atoms();
    for (int i = 0; i < one.natoms; i++)
      if (drawn[i]) kind.own.push_back(i);
    kinds.push_back(std::move(kind));
  }
  int stage = -1;
  std::size_t begin = 0;    // groups of this stage
  for (std::size_t f = 0; f < fragments.size(); f++) {
    const auto &fragment = fragments[f];
    const Kind &kind = kinds[fragment.kind];
    first_latent.push_back((int) circular_.size());
    const auto c = kind.flow->circular();
    circular_.insert(circular_.end(), c.begin(), c.end());

    if (fragment.stage != stage) begin = groups.size();
    stage = fragment.stage;
    const bool beads_only = std::all_of(kind.environment.begin(), kind.environment.end(),
                                        [&](int i) { return is_bead[fragment.points[i]]; });
    const auto same = [&](const Group &g) {
      return g.kind == fragment.kind && g.beads_only == beads_only;
    };
    auto group = std::find_if(groups.begin() + begin, groups.end(), same);
    if (group == groups.end()) group = groups.insert(group, {fragment.kind, beads_only, {}});
    group->fragments.push_back((int) f);
  }
}

/* ----------------------------------------------------------------------
   fragments of one group for all samples: their environment out of x, their atoms into x
------------------------------------------------------------------------- */

void FragmentFlow::draw(const Group &group, const FlowRequest &request, double *x, double *logq)
{
  const Kind &kind = kinds[group.kind];
  const std::size_t m = request.samples, total = request.nframes * m;
  const std::size_t ne = kind.environment.size(), n3 = 3 * (std::size_t) kind.flow->natoms();
  const std::size_t nu = kind.flow->nlatent(), all = circular_.size();
  const std::size_t each = group.beads_only ? m : 1;    // samples of one environment
  const std::size_t nz = total / each, count = group.fragments.size() * nz;

  std::vector<double> z(count * 3 * ne), y(count * each * n3), q(count * each), given, drawn;
  std::vector<std::int64_t> timestep(count), molecule(count), first(count);
  for (std::size_t g = 0, i = 0; g < group.fragments.size(); g++) {
    const auto &points = fragments[group.fragments[g]].points;
    for (std::size_t k = 0; k < nz; k++, i++) {
      const std::size_t s = k * each, frame = s / m;
      const double *from = x + s * 3 * natoms_;
      for (std::size_t e = 0; e < ne; e++)
        std::copy_n(from + 3 * points[kind.environment[e]], 3, &z[(i * ne + e) * 3]);
      timestep[i] = request.timestep[frame];
      molecule[i] = request.molecule[frame];
      // random numbers of their own for each fragment; the first has those of a flow of one piece
      first[i] = ((std::int64_t) group.fragments[g] << 32) +
          (request.first ? request.first[frame] : request.first_sample) + (std::int64_t)(s % m);
    }
  }
  const auto latents = [&](const auto &copy) {
    for (std::size_t g = 0, i = 0; g < group.fragments.size(); g++)
      for (std::size_t s = 0; s < total; s++, i++)
        copy(i * nu, s * all + first_latent[group.fragments[g]]);
  };
  if (request.latent) {
    given.resize(count * each * nu);
    latents([&](std::size_t mine, std::size_t whole) {
      std::copy_n(request.latent + whole, nu, &given[mine]);
    });
  }
  if (request.drawn) drawn.resize(count * each * nu);

  FlowRequest part;
  part.nframes = (int) count;
  part.z = z.data();
  part.samples = (int) each;
  part.seed = request.seed;
  part.stream = request.stream;
  part.timestep = timestep.data();
  part.molecule = molecule.data();
  part.first = first.data();
  part.latent = request.latent ? given.data() : nullptr;
  part.drawn = request.drawn ? drawn.data() : nullptr;
  kind.flow->sample(part, y.data(), q.data());

  if (request.drawn)
    latents([&](std::size_t mine, std::size_t whole) {
      std::copy_n(&drawn[mine], nu, request.drawn + whole);
    });
  for (std::size_t g = 0, i = 0; g < group.fragments.size(); g++) {
    const auto &points = fragments[group.fragments[g]].points;
    for (std::size_t s = 0; s < total; s++, i++) {
      for (const int a : kind.own)
        std::copy_n(&y[i * n3 + 3 * a], 3, x + (s * natoms_ + points[a]) * 3);
      logq[s] += q[i];
    }
  }
}

/* ---------------------------------------------------------------------- */

void FragmentFlow::sample(const FlowRequest &request, double *x, double *logq)
{
  if (request.samples < 1 || request.nframes < 0 || request.first_sample < 0)
    throw std::runtime_error("flow: samples, frames and first sample must not be negative");
  const std::size_t m = request.samples, n3 = 3 * (std::size_t) natoms_, nu = circular_.size();
  const int step = (int) std::max<std::size_t>(1, MAX_POINTS / (m * natoms_));
  for (int i = 0; i < request.nframes; i += step) {
    FlowRequest part = request;
    const std::size_t done = (std::size_t) i * m;
    part.nframes = std::min(step, request.nframes - i);
    part.z += (std::size_t) i * 3 * beads.size();
    part.timestep += i;
    part.molecule += i;
    if (part.first) part.first += i;
    if (part.latent) part.latent += done * nu;
    if (part.drawn) part.drawn += done * nu;
    double *at = x + done * n3;
    const std::size_t total = part.nframes * m;
    for (std::size_t s = 0; s < total; s++)
      for (std::size_t b = 0; b < beads.size(); b++)
        std::copy_n(part.z + ((s / m) * beads.size() + b) * 3, 3, at + s * n3 + 3 * beads[b]);
    std::fill_n(logq + done, total, 0.0);
    for (const auto &group : groups) draw(group, part, at, logq + done);
    // what stands on a point without an image has none either, or a density that means nothing
    for (std::size_t s = done; s < done + total; s++)
      if (!(logq[s] < HUGE_VAL)) logq[s] = HUGE_VAL;
  }
}

/* ---------------------------------------------------------------------- */

void FragmentFlow::log_prob(int n, const double *x, double *logq)
{
  std::fill_n(logq, n, 0.0);
  for (const auto &group : groups) {
    const Kind &kind = kinds[group.kind];
    const std::size_t nk = kind.flow->natoms();
    const int step = (int) std::max<std::size_t>(1, MAX_POINTS / (nk * group.fragments.size()));
    for (int first = 0; first < n; first += step) {
      const int part = std::min(step, n - first);
      std::vector<double> y, q(group.fragments.size() * part);
      y.reserve(q.size() * 3 * nk);
      for (const int f : group.fragments)
        for (int i = first; i < first + part; i++)
          for (const int a : fragments[f].points) {
            const double *from = x + ((std::size_t) i * natoms_ + a) * 3;
            y.insert(y.end(), from, from + 3);
          }
      kind.flow->log_prob((int) q.size(), y.data(), q.data());
      for (std::size_t k = 0; k < q.size(); k++) logq[first + k % part] += q[k];
    }
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

std::unique_ptr<Flow> BACKMAP_NS::create_fragment_flow(const FlowSpec &spec,
                                                       Flow::Precision precision,
                                                       const std::string &backend)
{
  return std::unique_ptr<Flow>(new FragmentFlow(spec, precision, backend));
}

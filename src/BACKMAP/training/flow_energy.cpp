/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_energy.h"

#include "core/adjoint.h"
#include "flow/flow.h"
#include "flow/internal_coords.h"
#include "statistics/held_out.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

namespace BACKMAP_NS {

static constexpr double INF = std::numeric_limits<double>::infinity();

namespace {

/* samples for the beads of frames; the same for the same (seed, epoch, frame) */

void draw(const FlowSpec &flow, const std::string &backend, const std::vector<double> &z,
          int samples, std::int64_t seed, int epoch, std::vector<double> &x,
          std::vector<double> &logq)
{
  const std::size_t n = z.size() / (3 * flow.nbeads());
  std::vector<std::int64_t> frame(n), none(n, epoch);
  std::iota(frame.begin(), frame.end(), std::int64_t(0));
  FlowRequest request;
  request.nframes = (int) n;
  request.z = z.data();
  request.samples = samples;
  request.seed = seed;
  request.timestep = frame.data();
  request.molecule = none.data();
  x.resize(n * samples * 3 * flow.natoms);
  logq.resize(n * samples);
  Flow::create(flow, Flow::Precision::Double, backend)->sample(request, x.data(), logq.data());
}

}    // namespace

/* ----------------------------------------------------------------------
   from_internal on numbers that remember where they come from
------------------------------------------------------------------------- */

struct InternalScore::Work {
  explicit Work(const FlowSpec &spec) : coords(spec)
  {
    const InternalView g = coords.view();
    v.resize(g.nl);
    c.resize(g.nc);
    shift.assign(g.nrotors, Adjoint(0.0));
    y.resize(3 * (std::size_t) g.nrows);
    x.resize(3 * (std::size_t) g.npoints);
    plain.resize(3 * (std::size_t) g.natoms);
    force.resize(plain.size());
  }

  InternalCoords coords;
  std::vector<Adjoint> v, c, shift, y, x;
  std::vector<double> plain, force, adjoint;
};

InternalScore::InternalScore(const FlowSpec &s, double temperature, EnergyFunction e) :
    spec(s), kt(temperature), energy(std::move(e)), work(std::make_unique<Work>(s))
{
}

InternalScore::~InternalScore() = default;

/* ---------------------------------------------------------------------- */

bool InternalScore::operator()(const double *x, Point &p)
{
  Work &w = *work;
  const InternalView g = w.coords.view();
  p.l.resize(g.nl);
  p.c.resize(g.nc);
  if (!w.coords.to_internal(x, p.l.data(), p.c.data(), &p.geometry)) return false;
  w.coords.whiten(p.l.data());

  AdjointTape &tape = AdjointTape::current();
  tape.clear();
  for (int i = 0; i < g.nl; i++) w.v[i] = Adjoint::variable(p.l[i]);
  for (int i = 0; i < g.nc; i++) w.c[i] = Adjoint::variable(p.c[i]);
  std::vector<double> z(3 * spec.nbeads());
  MoleculeSpec::apply(spec.beads, x, z.data());
  for (int b = 0; b < spec.nbeads(); b++)
    for (int d = 0; d < 3; d++) w.x[3 * g.bead_atom[b] + d] = z[3 * b + d];
  Adjoint logdet, bad;
  from_internal<Adjoint>(g, w.v.data(), w.c.data(), w.shift.data(), w.y.data(), w.x.data(), 1,
                         &logdet, &bad);
  if (bad.value != 0.0) return false;

  for (std::size_t i = 0; i < w.plain.size(); i++) w.plain[i] = w.x[i].value;
  p.energy = energy(w.plain.data(), w.force.data());
  if (!std::isfinite(p.energy)) return false;
  w.adjoint.assign(tape.size(), 0.0);
  for (std::size_t i = 0; i < w.plain.size(); i++)
    if (w.x[i].id >= 0) w.adjoint[w.x[i].id] += w.force[i] / kt;
  if (logdet.id >= 0) w.adjoint[logdet.id] += 1.0;
  tape.accumulate(w.adjoint);
  p.score.resize(g.nl + g.nc);
  for (int i = 0; i < g.nl; i++) p.score[i] = w.adjoint[w.v[i].id];
  for (int i = 0; i < g.nc; i++) p.score[g.nl + i] = w.adjoint[w.c[i].id];
  return std::all_of(p.score.begin(), p.score.end(), [](double s) { return std::isfinite(s); });
}

/* ---------------------------------------------------------------------- */

FlowEnergy::FlowEnergy(const FlowSpec &s, double temperature, EnergyFunction e, const Options &o) :
    spec(s), kt(temperature), energy(std::move(e)), options(o)
{
}

/* ---------------------------------------------------------------------- */

FlowFrames FlowEnergy::training(const FlowSpec &flow, std::int64_t n, const double *x,
                                std::int64_t count, int epoch) const
{
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  const int m = options.samples;
  std::mt19937_64 gen(0x9e3779b97f4a7c15ull * (std::uint64_t)(options.seed + 1) + epoch);
  std::vector<const double *> chosen;
  std::vector<double> z(3 * spec.nbeads() * (std::size_t) count), y, logq;
  for (std::int64_t i = 0; i < count; i++) {
    chosen.push_back(x + (gen() % (std::uint64_t) n) * stride);
    MoleculeSpec::apply(spec.beads, chosen[i], &z[3 * spec.nbeads() * (std::size_t) i]);
  }
  draw(flow, options.backend, z, m, options.seed, epoch, y, logq);

  FlowFrames out;
  out.constant = -InternalCoords(spec).view().log_chol;
  InternalScore score(spec, kt, energy);
  std::vector<InternalScore::Point> point(m + 1);
  std::vector<double> logw(m), share(m + 1);
  for (std::int64_t i = 0; i < count; i++) {
    for (int j = 0; j < m; j++) {
      const std::size_t s = (std::size_t) i * m + j;
      logw[j] = -INF;
      if (logq[s] < INF && score(&y[s * stride], point[j]))
        logw[j] = -point[j].energy / kt - logq[s];
    }
    const double norm = log_sum_exp(logw.data(), m);
    const bool any = norm > -INF, own = score(chosen[i], point[m]);
    for (int j = 0; j < m; j++) share[j] = any ? std::exp(logw[j] - norm) * m / (m + 1.0) : 0.0;
    share[m] = own ? (any ? 1.0 / (m + 1.0) : 1.0) : 0.0;

    const auto f = standard_features(spec, &z[3 * spec.nbeads() * (std::size_t) i]);
    for (int j = 0; j <= m; j++) {
      if (j < m ? logw[j] == -INF : !own) continue;
      const double plain = j < m ? 1.0 / (m + 1.0) : share[m];
      const auto &p = point[j];
      out.l.insert(out.l.end(), p.l.begin(), p.l.end());
      out.c.insert(out.c.end(), p.c.begin(), p.c.end());
      out.f.insert(out.f.end(), f.begin(), f.end());
      out.score.insert(out.score.end(), p.score.begin(), p.score.end());
      out.weight.push_back((float) share[j]);
      out.path.push_back((float) ((1.0 - options.reverse) * share[j] + options.reverse * plain));
      out.geometry.push_back((float) p.geometry);
      out.n++;
    }
  }
  for (auto *set : {&out.weight, &out.path})
    for (float &w : *set) w *= (float) out.n / count;
  return out;
}

/* ---------------------------------------------------------------------- */

FlowQuality FlowEnergy::quality(const FlowSpec &flow, std::int64_t n, const double *x, int m) const
{
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  std::vector<double> z(3 * spec.nbeads() * (std::size_t) n), y, logq, own(n), f(stride);
  for (std::int64_t i = 0; i < n; i++)
    MoleculeSpec::apply(spec.beads, x + i * stride, &z[3 * spec.nbeads() * (std::size_t) i]);
  draw(flow, options.backend, z, m, options.seed, -1, y, logq);
  Flow::create(flow, Flow::Precision::Double, options.backend)->log_prob((int) n, x, own.data());

  HeldOutFrames held_out(kt);
  std::vector<double> u(m);
  for (std::int64_t i = 0; i < n; i++) {
    const std::size_t first = (std::size_t) i * m;
    for (int j = 0; j < m; j++)
      u[j] = logq[first + j] < INF ? energy(&y[(first + j) * stride], f.data()) : INF;
    held_out.add_frame(m, u.data(), &logq[first], energy(x + i * stride, f.data()), own[i]);
  }
  FlowQuality q;
  q.conditional = held_out.conditional_ess();
  q.conditional_q10 = held_out.conditional_ess(0.1);
  q.forward = held_out.forward_ess();
  return q;
}

}    // namespace BACKMAP_NS

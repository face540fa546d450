/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/refresh.h"

#include "core/rng.h"
#include "flow/flow.h"
#include "flow/internal_coords.h"
#include "statistics/weights.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>

namespace BACKMAP_NS {

static constexpr double INF = std::numeric_limits<double>::infinity();
static constexpr std::size_t CHUNK = 4096;    // frames, so that memory stays small

namespace {

/* proposals for the beads of n frames and log q of the frames themselves */

struct Proposals {
  std::vector<double> x, logq, own;
};

Proposals propose(const FlowSpec &flow, const FrameRefresh::Options &o, std::size_t n,
                  const std::int64_t *which, int epoch, const double *frames)
{
  const std::size_t nz = 3 * (std::size_t) flow.nbeads(), stride = 3 * (std::size_t) flow.natoms;
  Proposals p;
  std::vector<double> z(n * nz);
  for (std::size_t i = 0; i < n; i++) MoleculeSpec::apply(flow.beads, frames + i * stride, &z[i * nz]);
  const std::vector<std::int64_t> step(n, epoch);
  FlowRequest request;
  request.nframes = (int) n;
  request.z = z.data();
  request.samples = o.proposals;
  request.seed = (std::uint64_t) o.seed;
  request.stream = random_stream(0, "refresh");
  request.timestep = step.data();
  request.molecule = which;
  p.x.resize(n * o.proposals * stride);
  p.logq.resize(n * o.proposals);
  p.own.resize(n);
  const auto evaluator = Flow::create(flow, Flow::Precision::Single, o.backend);
  evaluator->sample(request, p.x.data(), p.logq.data());
  evaluator->log_prob((int) n, frames, p.own.data());
  return p;
}

}    // namespace

/* ---------------------------------------------------------------------- */

FrameRefresh::FrameRefresh(double temperature, EnergyFunction e, const Options &o) :
    kt(temperature), energy(std::move(e)), options(o)
{
}

/* ---------------------------------------------------------------------- */

FlowFrames FrameRefresh::operator()(const FlowSpec &flow, const std::vector<std::int64_t> &which,
                              int epoch, std::vector<double> &x)
{
  const std::size_t stride = 3 * (std::size_t) flow.natoms;
  const int m = options.proposals;
  std::vector<double> logw(m + 1), force(stride);
  const std::uint64_t stream = random_stream(0, "refresh choice");
  std::size_t moved = 0;
  const InternalCoords coords(flow);
  FlowFrames out;
  out.constant = -coords.view().log_chol;
  std::vector<double> l(flow.nl()), c(flow.nc()), z(3 * flow.nbeads());
  double ess = 0.0;

  for (std::size_t begin = 0; begin < which.size(); begin += CHUNK * options.threads) {
    const std::size_t end = std::min(which.size(), begin + CHUNK * options.threads);
    std::vector<std::future<Proposals>> parts;
    std::vector<std::vector<double>> frames;
    const std::size_t share = (end - begin + options.threads - 1) / options.threads;
    std::vector<std::size_t> first;
    for (std::size_t at = begin; at < end; at += share) {
      const std::size_t n = std::min(share, end - at);
      std::vector<double> own(n * stride);
      for (std::size_t i = 0; i < n; i++)
        std::copy_n(&x[which[at + i] * stride], stride, &own[i * stride]);
      frames.push_back(std::move(own));
      first.push_back(at);
    }
    for (std::size_t t = 0; t < frames.size(); t++)
      parts.push_back(std::async(std::launch::async, propose, std::cref(flow), std::cref(options),
                                 frames[t].size() / stride, &which[first[t]], epoch,
                                 frames[t].data()));
    for (std::size_t t = 0; t < parts.size(); t++) {
      const Proposals p = parts[t].get();
      for (std::size_t i = 0; i < p.own.size(); i++) {
        const std::int64_t frame = which[first[t] + i];
        double *now = &x[frame * stride];
        for (int j = 0; j < m; j++) {
          const std::size_t s = i * m + j;
          const double u = p.logq[s] < INF ? energy(&p.x[s * stride], force.data()) : INF;
          logw[j] = std::isfinite(u) ? -u / kt - p.logq[s] : -INF;
        }
        // a frame that the flow cannot draw at all has an infinite weight: it stays
        const double u = energy(now, force.data());
        logw[m] = p.own[i] > -INF && std::isfinite(u) ? -u / kt - p.own[i] : INF;
        const double norm = log_sum_exp(logw.data(), m);
        double squares = 0.0;
        for (int j = 0; j < m && norm > -INF; j++) squares += std::exp(2.0 * (logw[j] - norm));
        if (squares > 0.0) ess += 1.0 / (m * squares);
        if (!(logw[m] < INF)) continue;
        const double all = log_sum_exp(logw.data(), m + 1);
        MoleculeSpec::apply(flow.beads, now, z.data());
        const auto f = standard_features(flow, z.data());
        for (int j = 0; j <= m; j++) {
          const double *at = j < m ? &p.x[(i * m + j) * stride] : now;
          if (j < m && !(p.logq[i * m + j] < INF)) continue;
          double geometry;
          if (!coords.to_internal(at, l.data(), c.data(), &geometry)) continue;
          coords.whiten(l.data());
          out.l.insert(out.l.end(), l.begin(), l.end());
          out.c.insert(out.c.end(), c.begin(), c.end());
          out.f.insert(out.f.end(), f.begin(), f.end());
          out.geometry.push_back((float) geometry);
          out.weight.push_back((float) std::exp(logw[j] - all));
          out.share.push_back(j < m ? 1.0f / m : 0.0f);
          out.logq.push_back((float) ((j < m ? p.logq[i * m + j] : p.own[i]) - out.constant + geometry));
          out.n++;
        }
        double left = random_uniform(
            random_bits(options.seed, stream, epoch, frame, 0, 0).v[0]);
        int taken = m;
        for (int j = 0; j < m; j++) {
          left -= std::exp(logw[j] - all);
          if (left < 0.0) {
            taken = j;
            break;
          }
        }
        if (taken == m) continue;
        std::copy_n(&p.x[(i * m + taken) * stride], stride, now);
        moved++;
      }
    }
  }
  for (float &w : out.weight) w *= (float) out.n / which.size();
  for (float &w : out.share) w *= (float) out.n / which.size();
  moved_ = which.empty() ? 0.0 : (double) moved / which.size();
  ess_ = which.empty() ? 0.0 : ess / which.size();
  return out;
}

}    // namespace BACKMAP_NS

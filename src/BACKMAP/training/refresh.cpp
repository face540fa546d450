/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/refresh.h"

#include "core/rng.h"
#include "flow/flow.h"
#include "statistics/weights.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>
#include <memory>
#include <numeric>

namespace BACKMAP_NS {

static constexpr double INF = std::numeric_limits<double>::infinity();
static constexpr std::size_t CHUNK =
    2048;    // frames: the structures stay few; rows are in the order of chunks

namespace {

/* structures for the beads of n frames of a piece and log q of the frames themselves */

struct Proposals {
  std::vector<double> x, logq, own;
};

Proposals propose(Flow &evaluator, const FlowSpec &flow, std::int64_t seed, int m, int piece,
                  int epoch, std::size_t n, const std::int64_t *which, const double *frames)
{
  const std::vector<double> z = flow.bead_positions(n, frames);
  const std::vector<std::int64_t> step(n, epoch), first(n, (std::int64_t) piece << 32);
  FlowRequest request;
  request.nframes = (int) n;
  request.z = z.data();
  request.samples = m;
  request.seed = (std::uint64_t) seed;
  request.stream = random_stream(0, "refresh");
  request.timestep = step.data();
  request.molecule = which;
  request.first = first.data();
  Proposals p;
  p.x.resize(n * m * 3 * flow.natoms);
  p.logq.resize(n * m);
  p.own.resize(n);
  evaluator.sample(request, p.x.data(), p.logq.data());
  evaluator.log_prob((int) n, frames, p.own.data());
  return p;
}

/* log w is normal with variance v among proposals and among frames, whose means differ by v: then 2 Phi(-sqrt(v/2))
   are accepted, and the ESS is exp(-v) */

double ess_of_moved(double moved)
{
  double low = 0.0, high = 40.0;    // of sqrt(v)
  for (int i = 0; i < 60; i++) {
    const double s = 0.5 * (low + high);
    (std::erfc(0.5 * s) > moved ? low : high) = s;
  }
  return std::exp(-low * low);
}

}    // namespace

/* ----------------------------------------------------------------------
   one piece of some frames: weights, rows, choice
------------------------------------------------------------------------- */

struct FrameRefresh::Step {
  const FrameRefresh &refresh;
  const FlowPiece &piece;
  const int epoch;
  const std::uint64_t stream;    // of the choices
  const Rows what;
  FlowRows rows;
  FlowFrames &out;
  std::size_t moved = 0;
  double ess = 0.0;

  Step(const FrameRefresh &r, const FlowSpec &flow, const FlowPiece &p, int k, int e, Rows w,
       FlowFrames &o) :
      refresh(r),
      piece(p), epoch(e), stream(random_stream(k, "choice")), what(w), rows(flow), out(o)
  {
  }

  /* proposals y, logq [m] for the frame `id` with coordinates x, energy u and density own */

  void operator()(std::int64_t id, const double *y, const double *logq, double own, double *x,
                  double &u)
  {
    const int m = refresh.proposals(what);
    const std::size_t stride = piece.stride();
    std::vector<double> logw(m + 1), energies(m), local(stride), whole(x, x + natoms3);
    for (int j = 0; j < m; j++) {
      energies[j] = INF;
      if (logq[j] < INF) {
        piece.give(y + j * stride, whole.data());
        energies[j] = refresh.energy(whole.data());
      }
      logw[j] = std::isfinite(energies[j]) ? -energies[j] / refresh.kt - logq[j] : -INF;
    }
    add_ess(logw);
    // a frame that the flow cannot draw at all has an infinite weight: it stays, and teaches nothing here
    if (!(own > -INF) || !std::isfinite(u)) return;
    logw[m] = -u / refresh.kt - own;
    const double all = log_sum_exp(logw.data(), m + 1);
    piece.take(x, local.data());
    rows.set_beads(local.data());
    if (what == Rows::Structures) {
      for (int j = 0; j < m; j++)
        if (logq[j] < INF) add(y + j * stride, std::exp(logw[j] - all), 1.0 / m, logq[j]);
      add(local.data(), std::exp(logw[m] - all), 0.0, own);
    }
    const auto bits = random_bits(refresh.options.seed, stream, epoch, id, 0, 0);
    double left = random_uniform(bits.v[0]);
    for (int j = 0; j < m; j++) {
      left -= m == 1 ? std::exp(std::min(0.0, logw[0] - logw[1])) : std::exp(logw[j] - all);
      if (left >= 0.0) continue;
      piece.give(y + j * stride, x);
      u = energies[j];
      moved++;
      break;
    }
    if (what == Rows::Structures) return;
    piece.take(x, local.data());
    rows.add(local.data(), out);
  }

  std::size_t natoms3 = 0;

 private:
  void add_ess(const std::vector<double> &logw)
  {
    const int m = (int) logw.size() - 1;
    const double norm = log_sum_exp(logw.data(), m);
    double squares = 0.0;
    for (int j = 0; j < m && norm > -INF; j++) squares += std::exp(2.0 * (logw[j] - norm));
    if (squares > 0.0) ess += 1.0 / (m * squares);
  }

  void add(const double *local, double weight, double share, double logq)
  {
    if (!rows.add(local, out)) return;
    out.weight.push_back((float) weight);
    out.share.push_back((float) share);
    out.logq.push_back((float) (logq - rows.constant() + rows.geometry()));
  }
};

/* ---------------------------------------------------------------------- */

FrameRefresh::FrameRefresh(double temperature, EnergyFunction e, const Options &o) :
    kt(temperature), energy(std::move(e)), options(o)
{
}

/* ---------------------------------------------------------------------- */

FlowSet FrameRefresh::operator()(const FlowSpec &flow, const std::vector<std::int64_t> &which,
                                 int epoch, std::vector<double> &x, Rows rows)
{
  const std::size_t natoms3 = 3 * (std::size_t) flow.natoms, threads = options.threads;
  const auto pieces = flow_pieces(flow);
  for (auto *known : {&energies, &first})
    known->resize(x.size() / natoms3, std::numeric_limits<double>::quiet_NaN());
  FlowSet out(flow.npieces());
  std::vector<std::vector<std::unique_ptr<Flow>>> evaluators(out.size());    // of each thread
  for (std::size_t k = 0; k < out.size(); k++)
    for (std::size_t t = 0; t < threads; t++)
      evaluators[k].push_back(
          Flow::create(flow.piece((int) k), Flow::Precision::Single, options.backend));
  std::vector<double> frames(out.size(), 0.0);
  std::size_t moved = 0;
  double ess = 0.0;

  for (std::size_t begin = 0; begin < which.size(); begin += CHUNK) {
    const std::size_t n = std::min(which.size() - begin, CHUNK);
    const std::int64_t *id = &which[begin];
    std::vector<double> u(n);
    for (std::size_t i = 0; i < n; i++) {
      double &known = energies[id[i]];
      if (std::isnan(known)) known = first[id[i]] = energy(&x[id[i] * natoms3]);
      u[i] = known;
    }
    for (std::size_t k = 0; k < pieces.size(); k++) {
      const FlowPiece &piece = pieces[k];
      const FlowSpec &kind = flow.piece(piece.kind);
      const std::size_t stride = piece.stride(), part = (n + threads - 1) / threads;
      std::vector<double> local(n * stride);
      for (std::size_t i = 0; i < n; i++) piece.take(&x[id[i] * natoms3], &local[i * stride]);
      std::vector<std::future<Proposals>> drawing;
      for (std::size_t at = 0; at < n; at += part)
        drawing.push_back(std::async(std::launch::async, propose,
                                     std::ref(*evaluators[piece.kind][at / part]), std::cref(kind),
                                     options.seed, proposals(rows), (int) k, epoch,
                                     std::min(part, n - at), id + at, &local[at * stride]));
      Step step(*this, kind, piece, (int) k, epoch, rows, out[piece.kind]);
      step.natoms3 = natoms3;
      for (std::size_t i = 0; i < n; i += part) {
        const Proposals p = drawing[i / part].get();
        const std::size_t m = proposals(rows);
        for (std::size_t j = 0; j < p.own.size(); j++)
          step(id[i + j], &p.x[j * m * stride], &p.logq[j * m], p.own[j], &x[id[i + j] * natoms3],
               u[i + j]);
      }
      frames[piece.kind] += (double) n;
      moved += step.moved;
      ess += step.ess;
    }
    for (std::size_t i = 0; i < n; i++) energies[id[i]] = u[i];
  }
  for (std::size_t k = 0; k < out.size(); k++)
    for (auto *set : {&out[k].weight, &out[k].share})
      for (float &w : *set) w *= (float) (out[k].n / frames[k]);
  const double steps = std::max<double>(1.0, (double) (which.size() * pieces.size()));
  moved_ = moved / steps;
  // the loss of m structures is (m-1)/m of the variance of the weights
  const double m = proposals(rows);
  ess_ = m > 1.0 ? std::max(0.0, 1.0 - m / (m - 1.0) * (1.0 - ess / steps)) : ess_of_moved(moved_);
  return out;
}

/* ---------------------------------------------------------------------- */

FrameRefresh::Drift FrameRefresh::drift() const
{
  static constexpr std::size_t BLOCKS = 50;
  std::vector<double> changes;
  for (std::size_t i = 0; i < energies.size(); i++)
    if (std::isfinite(energies[i]) && std::isfinite(first[i]) && energies[i] != first[i])
      changes.push_back((energies[i] - first[i]) / kt);
  Drift d;
  d.frames = (std::int64_t) changes.size();
  if (changes.size() < 2 * BLOCKS) return d;
  const std::size_t each = changes.size() / BLOCKS;    // the rest is left out
  double sum = 0.0, squares = 0.0;
  for (std::size_t b = 0; b < BLOCKS; b++) {
    const auto from = changes.begin() + b * each;
    const double mean = std::accumulate(from, from + each, 0.0) / each;
    sum += mean;
    squares += mean * mean;
  }
  d.mean = sum / BLOCKS;
  d.error = std::sqrt(std::max(0.0, squares / BLOCKS - d.mean * d.mean) / (BLOCKS - 1));
  return d;
}

}    // namespace BACKMAP_NS

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_BENCHMARKS_TORCH_FLOW_H
#define BACKMAP_BENCHMARKS_TORCH_FLOW_H

// Sampling of a flow as one writes it with LibTorch: tensors over the whole batch, the formulas of flow_pytorch.py.
// The rival of bench_flow, operation by operation (eager) or traced into TorchScript. For flows of one piece whose beads
// are atoms, without circular torsions that belong to no rotor.

#include "flow/flow_spec.h"

#include <torch/csrc/jit/frontend/tracer.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
#include <torch/torch.h>

#include <cmath>
#include <memory>
#include <stdexcept>
#include <utility>
#include <vector>

namespace rival {

using torch::Tensor;

class TorchFlow {
 public:
  /// Points of the base distribution and labels of the rotors, each of n samples.
  struct Base {
    Tensor l, c;
    std::vector<Tensor> labels;
  };

  TorchFlow(const BACKMAP_NS::FlowSpec &flow, torch::ScalarType type) : spec(flow), dtype(type)
  {
    if (spec.composed() || !spec.circular.empty() || !spec.bodies.empty())
      throw std::runtime_error("the LibTorch flow knows flows of one piece with rotors only");
    const auto slots = [](const std::vector<int> &v) {
      return torch::tensor(std::vector<int64_t>(v.begin(), v.end()), torch::kInt64);
    };
    mean = numbers(spec.feature_mean, {spec.nf()});
    std = numbers(spec.feature_std, {spec.nf()});
    chol = numbers(spec.linear_chol, {spec.nl(), spec.nl()}).t().contiguous();
    centre = numbers(spec.linear_mean, {spec.nl()});
    for (int i = 0; i < spec.nl(); i++)
      log_chol += std::log(spec.linear_chol[static_cast<std::size_t>(i) * spec.nl() + i]);
    linear = slots(spec.linear);
    for (const auto &layer : spec.affine) affine.push_back(dense(layer));
    for (const auto &c : spec.couplings)
      couplings.push_back({dense(c.in), dense(c.hidden), dense(c.out),
                           numbers(c.cond, {spec.hidden, spec.nf()}).t().contiguous(),
                           slots(c.linear_id), slots(c.circular_id),
                           slots(spec.linear_transformed(c)), slots(spec.circular_transformed(c))});
    distances = columns(spec.features.distances);
    angles = columns(spec.features.angles);
    dihedrals = columns(spec.features.dihedrals);
  }

  Base draw(int64_t n) const
  {
    Base base{torch::randn({n, spec.nl()}, dtype),
              (2.0 * torch::rand({n, spec.nc()}, dtype) - 1.0) * M_PI,
              {}};
    for (const auto &rotor : spec.rotors)
      base.labels.push_back(torch::randint(static_cast<int64_t>(rotor.rows.size()), {n, 1}));
    return base;
  }

  /// Beads z [frames][beads][3] and points of the base -> x [n][atoms][3] and log q [n].
  std::pair<Tensor, Tensor> map(const Tensor &z, int64_t samples, const Base &base) const
  {
    const Tensor f = (features(z) - mean) / std;
    Tensor l = base.l, c = base.c;
    Tensor logq =
        -0.5 * (l * l).sum(-1) - (0.5 * spec.nl() + spec.nc()) * std::log(2.0 * M_PI) - log_chol;
    for (std::size_t k = couplings.size(); k-- > 0;) invert(couplings[k], f, samples, l, c, logq);
    Tensor h = torch::silu(apply(affine[1], torch::silu(apply(affine[0], f))));
    h = apply(affine[2], h).repeat_interleave(samples, 0);
    const Tensor scale = h.slice(1, spec.nl());
    l = l * torch::exp(scale) + h.slice(1, 0, spec.nl());
    logq = logq - scale.sum(-1);
    const Tensor y = torch::zeros({l.size(0), 3 * spec.nrows()}, dtype)
                         .index_copy(1, linear, torch::addmm(centre, l, chol));
    return place(y, c, base.labels, z.repeat_interleave(samples, 0), logq);
  }

  std::pair<Tensor, Tensor> sample(const Tensor &z, int64_t samples) const
  {
    return map(z, samples, draw(z.size(0) * samples));
  }

  /// sample() for z of this shape as a TorchScript program.
  std::unique_ptr<torch::jit::GraphExecutor> script(const Tensor &z, int64_t samples) const
  {
    const auto traced = torch::jit::tracer::trace(
        {z},
        [&](const torch::jit::Stack &in) {
          const auto out = sample(in[0].toTensor(), samples);
          return torch::jit::Stack{out.first, out.second};
        },
        [](const torch::autograd::Variable &) { return std::string(); });
    return std::make_unique<torch::jit::GraphExecutor>(traced.first->graph, "sample");
  }

 private:
  struct Dense {
    Tensor weight, bias;    // [in][out], [out]
  };
  struct Coupling {
    Dense in, hidden, out;
    Tensor cond, linear_id, circular_id, linear, circular;
  };

  BACKMAP_NS::FlowSpec spec;
  torch::ScalarType dtype;
  Tensor mean, std, chol, centre, linear;
  double log_chol = 0.0;
  std::vector<Dense> affine;
  std::vector<Coupling> couplings;
  std::vector<Tensor> distances, angles, dihedrals;

  Tensor numbers(const std::vector<double> &v, const std::vector<int64_t> &shape) const
  {
    return torch::tensor(v, torch::kDouble).reshape(shape).to(dtype);
  }

  Dense dense(const BACKMAP_NS::FlowSpec::Layer &layer) const
  {
    return {numbers(layer.weight, {layer.nout, layer.nin}).t().contiguous(),
            numbers(layer.bias, {layer.nout})};
  }

  static Tensor apply(const Dense &d, const Tensor &x) { return torch::addmm(d.bias, x, d.weight); }

  // first, second, ... bead of all features of one sort
  template <class List> static std::vector<Tensor> columns(const List &list)
  {
    std::vector<Tensor> out;
    for (std::size_t k = 0; !list.empty() && k < list[0].size(); k++) {
      std::vector<int64_t> column;
      for (const auto &entry : list) column.push_back(entry[k]);
      out.push_back(torch::tensor(column, torch::kInt64));
    }
    return out;
  }

  static Tensor dot(const Tensor &a, const Tensor &b) { return (a * b).sum(-1); }
  static Tensor cross(const Tensor &a, const Tensor &b) { return torch::cross(a, b, -1); }
  static Tensor length(const Tensor &a) { return torch::norm(a, 2, -1); }
  static Tensor wrap(const Tensor &x) { return torch::remainder(x + M_PI, 2.0 * M_PI) - M_PI; }

  Tensor features(const Tensor &z) const
  {
    const auto at = [&](const std::vector<Tensor> &sort, int k) {
      return z.index_select(1, sort[k]);
    };
    std::vector<Tensor> out{length(at(distances, 0) - at(distances, 1))};
    if (!angles.empty()) {
      const Tensor u = at(angles, 0) - at(angles, 1), v = at(angles, 2) - at(angles, 1);
      out.push_back(torch::atan2(length(cross(u, v)), dot(u, v)));
    }
    if (!dihedrals.empty()) {
      const Tensor b1 = at(dihedrals, 1) - at(dihedrals, 0),
                   b2 = at(dihedrals, 2) - at(dihedrals, 1),
                   b3 = at(dihedrals, 3) - at(dihedrals, 2), m = cross(b1, b2), n = cross(b2, b3);
      const Tensor phi = torch::atan2(length(b2) * dot(b1, n), dot(m, n));
      std::vector<Tensor> waves;
      for (int k = 1; k <= spec.features.harmonics; k++) {
        waves.push_back(torch::cos(k * phi));
        waves.push_back(torch::sin(k * phi));
      }
      out.push_back(torch::stack(waves, -1).flatten(1));
    }
    return torch::cat(out, 1);
  }

  /// Inverse rational-quadratic spline (Durkan et al. 2019, equations 6 to 8) and log|dx/dy|.
  static std::pair<Tensor, Tensor> inverse_spline(const Tensor &y, const Tensor &raw_w,
                                                  const Tensor &raw_h, const Tensor &d, double end)
  {
    constexpr double LEAST = 1.0e-3;
    const double bins = static_cast<double>(raw_w.size(-1));
    const auto shares = [&](const Tensor &raw) {
      return LEAST + (1.0 - LEAST * bins) * torch::softmax(raw, -1);
    };
    const auto knots = [&](const Tensor &w) {
      return torch::constant_pad_nd(torch::cumsum(w, -1), {1, 0}) * (2.0 * end) - end;
    };
    const Tensor w = shares(raw_w), h = shares(raw_h), x0 = knots(w), y0 = knots(h);
    const Tensor bin =
        (y.unsqueeze(-1) >= y0.slice(-1, 1, y0.size(-1) - 1)).sum(-1, true).to(torch::kInt64);
    const auto pick = [&](const Tensor &t) { return t.gather(-1, bin).squeeze(-1); };
    const Tensor xk = pick(x0), wk = pick(w) * (2.0 * end), yk = pick(y0),
                 hk = pick(h) * (2.0 * end), d0 = pick(d), d1 = d.gather(-1, bin + 1).squeeze(-1);
    const Tensor s = hk / wk, e = d0 + d1 - 2.0 * s, r = y - yk;
    const Tensor a = r * e + hk * (s - d0), b = hk * d0 - r * e, c = -s * r;
    const Tensor t = 2.0 * c / (-b - torch::sqrt((b * b - 4.0 * a * c).clamp_min(0.0)));
    const Tensor q = t * (1.0 - t), u = 1.0 - t;
    const Tensor bottom = s + e * q;
    return {xk + t * wk,
            -torch::log(s * s * (d1 * t * t + 2.0 * s * q + d0 * u * u) / (bottom * bottom))};
  }

  static Tensor slopes(const Tensor &raw)
  {
    constexpr double LEAST = 1.0e-3, UNIT = 0.5413248546129181;
    return torch::softplus(raw + UNIT) + LEAST;
  }

  void invert(const Coupling &k, const Tensor &f, int64_t samples, Tensor &l, Tensor &c,
              Tensor &logq) const
  {
    const int64_t n = l.size(0), nl = k.linear.size(0), nc = k.circular.size(0);
    const int bins = spec.bins, ring_bins = spec.circular_bins;
    const Tensor ring = c.index_select(1, k.circular_id);
    const Tensor waves = torch::stack({torch::cos(ring), torch::sin(ring), torch::cos(2.0 * ring),
                                       torch::sin(2.0 * ring)},
                                      -1)
                             .flatten(1);
    const Tensor seen = torch::mm(f, k.cond).repeat_interleave(samples, 0);
    Tensor h =
        torch::silu(apply(k.in, torch::cat({l.index_select(1, k.linear_id), waves}, 1)) + seen);
    const Tensor out = apply(k.out, torch::silu(apply(k.hidden, h)));
    const int64_t numbers = nl * (3 * bins + 1);
    if (nl > 0) {
      const Tensor q = out.slice(1, 0, numbers).view({n, nl, 3 * bins + 1});
      const Tensor x = l.index_select(1, k.linear), d = slopes(q.slice(2, 2 + 2 * bins));
      const Tensor one = torch::ones_like(d.slice(2, 0, 1)), inside = x.abs() < spec.bound;
      const auto spline = inverse_spline(x.clamp(-spec.bound, spec.bound), q.slice(2, 2, 2 + bins),
                                         q.slice(2, 2 + bins, 2 + 2 * bins),
                                         torch::cat({one, d, one}, 2), spec.bound);
      const Tensor scale = 2.0 * torch::tanh(0.5 * q.select(2, 1));
      const Tensor slope =
          torch::where(inside, spline.second, torch::zeros_like(spline.second)) + scale;
      logq = logq - slope.sum(-1);
      l = l.index_copy(1, k.linear,
                       torch::where(inside, spline.first, x) * torch::exp(scale) + q.select(2, 0));
    }
    if (nc > 0) {
      const Tensor q = out.slice(1, numbers).view({n, nc, 3 * ring_bins + 1});
      const Tensor d = slopes(q.slice(2, 1 + 2 * ring_bins));
      const auto spline = inverse_spline(
          c.index_select(1, k.circular), q.slice(2, 1, 1 + ring_bins),
          q.slice(2, 1 + ring_bins, 1 + 2 * ring_bins), torch::cat({d, d.slice(2, 0, 1)}, 2), M_PI);
      logq = logq - spline.second.sum(-1);
      c = c.index_copy(1, k.circular, wrap(spline.first + q.select(2, 0)));
    }
  }

  /// Internal to Cartesian coordinates, atom by atom; rotors unfolded with their labels.
  std::pair<Tensor, Tensor> place(const Tensor &y, const Tensor &c,
                                  const std::vector<Tensor> &labels, const Tensor &z,
                                  Tensor logq) const
  {
    const int n = spec.nrows();
    auto torsion = y.slice(1, 2 * n).unbind(1);
    for (std::size_t g = 0; g < spec.rotors.size(); g++) {
      const auto &rotor = spec.rotors[g];
      const double m = static_cast<double>(rotor.rows.size());
      Tensor first = (c.select(1, static_cast<int64_t>(g)) + M_PI) / m;
      for (std::size_t j = 1; j < rotor.rows.size(); j++)
        first = first -
            wrap(torsion[rotor.rows[j]] - rotor.sign * 2.0 * M_PI * static_cast<double>(j) / m) / m;
      torsion[rotor.rows[0]] = first;
    }
    std::vector<Tensor> x(spec.natoms);
    for (std::size_t b = 0; b < spec.beads.size(); b++)
      x[spec.beads[b].atoms[0]] = z.select(1, static_cast<int64_t>(b));
    const Tensor bond = y.slice(1, 0, n), angle = y.slice(1, n, 2 * n),
                 turn = torch::stack(torsion, 1);
    const Tensor st = torch::sin(angle), along = -bond * torch::cos(angle),
                 up = bond * st * torch::cos(turn), side = bond * st * torch::sin(turn);
    for (int k = 0; k < n; k++) {
      const auto &row = spec.zmatrix[k];
      const auto column = [&](const Tensor &t) { return t.slice(1, k, k + 1); };
      Tensor bc = x[row[1]] - x[row[2]];
      bc = bc / torch::norm(bc, 2, {1}, true);
      Tensor normal = cross(x[row[2]] - x[row[3]], bc);
      normal = normal / torch::norm(normal, 2, {1}, true);
      x[row[0]] =
          x[row[1]] + column(along) * bc + column(up) * cross(normal, bc) + column(side) * normal;
    }
    logq = logq - (2.0 * torch::log(bond) + torch::log(st)).sum(-1);
    for (std::size_t g = 0; g < spec.rotors.size(); g++) {
      const auto &rows = spec.rotors[g].rows;
      const int64_t m = static_cast<int64_t>(rows.size());
      std::vector<Tensor> group;
      for (const int row : rows) group.push_back(x[spec.zmatrix[row][0]]);
      const Tensor index = torch::remainder(torch::arange(m).unsqueeze(0) + labels[g], m);
      const Tensor turned =
          torch::stack(group, 1).gather(1, index.unsqueeze(-1).expand({-1, -1, 3}));
      for (int64_t j = 0; j < m; j++) x[spec.zmatrix[rows[j]][0]] = turned.select(1, j);
    }
    return {torch::stack(x, 1), logq};
  }
};

}    // namespace rival

#endif

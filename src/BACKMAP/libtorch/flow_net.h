/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_FLOW_NET_H
#define BACKMAP_LIBTORCH_FLOW_NET_H

// The networks of a flow as tensors, and log q once more in plain tensor operations: slow, the
// reference for flow/layers.h and training/flow_gradient.h. Included by libtorch/flow_trainer.cpp
// only: it shows Torch.

#include "training/flow_gradient.h"

#include <torch/torch.h>

#include <cmath>

namespace BACKMAP_NS {

using torch::Tensor;

struct FlowNet {
  FlowNetShape shape;
  std::vector<std::string> names;
  std::vector<Tensor> params;    // in the order of flow_parameters()

  FlowNet(const FlowNetShape &s, torch::ScalarType dtype) : shape(s)
  {
    for (const auto &p : flow_parameters(s)) {
      names.push_back(p.name);
      std::vector<int64_t> size{p.rows};
      if (p.columns) size.push_back(p.columns);
      params.push_back(torch::zeros(size, torch::dtype(dtype)));
    }
  }

  // uniform +-1/sqrt(fan in) as torch::nn::Linear, almost zero in the last layers: identity flow
  void initialise(int64_t seed)
  {
    torch::NoGradGuard no_grad;
    auto gen = at::detail::createCPUGenerator(seed);
    for (size_t k = 0; k < params.size(); k++) {
      const std::string name = names[k].substr(shape.prefix.size());
      const bool bias = params[k].dim() == 1;
      if (name.find(".out.weight") != std::string::npos)
        params[k].normal_(0.0, 1.0e-3, gen);
      else if (name.rfind("affine.2.", 0) == 0 || name.find(".out.bias") != std::string::npos)
        params[k].zero_();
      else if (!bias) {
        double fan = params[k].size(1);
        if (name.find("in.weight") != std::string::npos && name.rfind("coupling", 0) == 0 &&
            name.find(".in.") != std::string::npos)
          fan += shape.nf;
        else if (name.find(".cond.") != std::string::npos)
          fan += params[k - 1].size(1);
        const double a = 1.0 / std::sqrt(fan);
        params[k].uniform_(-a, a, gen);
      } else {
        const double a = 1.0 / std::sqrt((double) params[k].size(0));
        params[k].uniform_(-a, a, gen);
      }
    }
  }

  /* ----------------------------------------------------------------------
     rational-quadratic splines (see flow/layers.h) of x [n][m] by raw numbers [n][m][..] -> results
     and logarithms of the slopes
  ------------------------------------------------------------------------- */

  struct Splined {
    Tensor y, logslope;
  };

  static Splined spline(const Tensor &x, const Tensor &raw, int bins, bool circular, double end)
  {
    using namespace torch;
    constexpr double least = 1.0e-3, unit = 0.5413248546129181;
    const auto parts = [&](int first) {
      return 2.0 * end *
          (least + (1.0 - bins * least) * softmax(raw.slice(2, first, first + bins), 2));
    };
    const Tensor w = parts(0), h = parts(bins);
    Tensor d = softplus(raw.slice(2, 2 * bins) + unit) + least;
    const Tensor outer = circular ? d.slice(2, 0, 1) : torch::ones_like(x).unsqueeze(2);
    d = circular ? cat({d, outer}, 2) : cat({outer, d, outer}, 2);
    const Tensor left = cumsum(w, 2) - w - end, low = cumsum(h, 2) - h - end;
    const Tensor bin = (x.unsqueeze(2) >= left.slice(2, 1)).sum(2, true);
    const auto at = [&](const Tensor &t, int next = 0) {
      return t.gather(2, bin + next).squeeze(2);
    };
    const Tensor wk = at(w), hk = at(h), d0 = at(d), d1 = at(d, 1), s = hk / wk;
    const Tensor t = (x - at(left)) / wk, u = 1 - t;
    const Tensor den = s + (d0 + d1 - 2 * s) * t * u;
    return {at(low) + hk * (s * t * t + d0 * t * u) / den,
            log(d1 * t * t + 2 * s * t * u + d0 * u * u) + 2 * log(s / den)};
  }

  // log q_flow(l,c|f) [n]
  Tensor log_prob(Tensor l, Tensor c, const Tensor &f) const
  {
    using namespace torch;
    const auto dense = [&](int k, const Tensor &x) {
      return addmm(params[k + 1], x, params[k].t());
    };
    const auto index = [](const std::vector<int> &v) {
      return torch::tensor(std::vector<int64_t>(v.begin(), v.end()), torch::kInt64);
    };
    const Tensor affine = dense(4, silu(dense(2, silu(dense(0, f)))));
    const Tensor scale = affine.slice(1, shape.nl);
    l = (l - affine.slice(1, 0, shape.nl)) * exp(-scale);
    Tensor logq = -scale.sum(1);
    for (size_t k = 0; k < shape.linear_id.size(); k++) {
      const int in = 6 + 7 * (int) k, bins = shape.bins, circular = shape.circular_bins;
      const Tensor lt = index(FlowSpec::others(shape.linear_id[k], shape.nl)),
                   ct = index(FlowSpec::others(shape.circular_id[k], shape.nc));
      const Tensor a = c.index_select(1, index(shape.circular_id[k])).unsqueeze(2);
      const Tensor q = cat({l.index_select(1, index(shape.linear_id[k])),
                            cat({cos(a), sin(a), cos(2 * a), sin(2 * a)}, 2).flatten(1)},
                           1);
      const Tensor h = silu(addmm(params[in + 2], f, params[in + 1].t()) + mm(q, params[in].t()));
      const Tensor out = dense(in + 5, silu(dense(in + 3, h)));
      const int64_t n = l.size(0), nlt = lt.size(0), nct = ct.size(0),
                    linear = nlt * (3 * bins + 1);

      const Tensor rl = out.slice(1, 0, linear).reshape({n, nlt, 3 * bins + 1});
      const Tensor logscale = 2 * tanh(rl.select(2, 1) / 2);
      const Tensor x = (l.index_select(1, lt) - rl.select(2, 0)) * exp(-logscale);
      const Tensor inside = x.abs() < shape.bound;
      const auto sl =
          spline(where(inside, x, torch::zeros_like(x)), rl.slice(2, 2), bins, false, shape.bound);
      l = l.index_copy(1, lt, where(inside, sl.y, x));
      logq = logq + (where(inside, sl.logslope, torch::zeros_like(x)) - logscale).sum(1);

      const Tensor rc = out.slice(1, linear).reshape({n, nct, 3 * circular + 1});
      const Tensor shifted = c.index_select(1, ct) - rc.select(2, 0);
      const Tensor turns = floor((shifted + M_PI) / (2 * M_PI)).detach();
      const auto sc = spline(shifted - 2 * M_PI * turns, rc.slice(2, 1), circular, true, M_PI);
      c = c.index_copy(1, ct, sc.y);
      logq = logq + sc.logslope.sum(1);
    }
    return logq - 0.5 * (l * l).sum(1) - (0.5 * shape.nl + shape.nc) * std::log(2 * M_PI);
  }
};

}    // namespace BACKMAP_NS

#endif

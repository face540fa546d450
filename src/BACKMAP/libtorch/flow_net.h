/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_FLOW_NET_H
#define BACKMAP_LIBTORCH_FLOW_NET_H

// The flow as a differentiable function. Included by libtorch/flow_trainer.cpp only: it shows Torch.

#include "libtorch/flow_trainer.h"
#include "libtorch/spline.h"

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace BACKMAP_NS {

using torch::Tensor;
static constexpr double TORCH_PI = 3.14159265358979323846;

/* ----------------------------------------------------------------------
 shift, scale and splines of one coupling, linear and circular variables together
 x [n][ntl], c [n][ntc], o [n][no] as the network gives it -> y, e and the logarithms of their
 slopes by x and c, ld [n][ntl+ntc]
------------------------------------------------------------------------- */

struct TrainSplineSizes {
  int64_t ntl, ntc;
  int bins, circular_bins;
  double bound;
  int64_t linear() const { return 3 * bins + 1; }    // shift, scale, W, H, D(K-1)
  int64_t circular() const { return 3 * circular_bins + 1; }
  int64_t outputs() const { return ntl * linear() + ntc * circular(); }
};

template <class Real> Real wrapped(Real v)
{
  const Real turn = Real(TORCH_PI * 2);
  v -= turn * std::floor((v + Real(TORCH_PI)) / turn);
  return v < Real(-TORCH_PI) ? Real(-TORCH_PI) : (v > Real(TORCH_PI) ? Real(TORCH_PI) : v);
}

template <class Real>
void spline_forward(const TrainSplineSizes &z, int64_t n, const Real *x, const Real *c,
                    const Real *o, Real *y, Real *e, Real *ld)
{
  const int K = z.bins, Kc = z.circular_bins;
  at::parallel_for(0, n, 16, [&](int64_t from, int64_t to) {
    SplineElement<Real> sp;
    const Real B = Real(z.bound);
    for (int64_t i = from; i < to; i++) {
      Real *slope = ld + i * (z.ntl + z.ntc);
      const Real *p = o + i * z.outputs();
      for (int64_t j = 0; j < z.ntl; j++, p += z.linear(), slope++) {
        const Real sc = 2 * std::tanh(p[1] / 2);
        const Real v = (x[i * z.ntl + j] - p[0]) * spline_exp(-sc);
        *slope = -sc;
        const bool in = v > -B && v < B;
        y[i * z.ntl + j] =
            in ? sp.forward(v, p + 2, p + 2 + K, p + 2 + 2 * K, K, -B, B, false, *slope) : v;
      }
      for (int64_t j = 0; j < z.ntc; j++, p += z.circular(), slope++) {
        const Real v = wrapped<Real>(c[i * z.ntc + j] - p[0]);
        *slope = 0;
        e[i * z.ntc + j] = sp.forward(v, p + 1, p + 1 + Kc, p + 1 + 2 * Kc, Kc, Real(-TORCH_PI),
                                      Real(TORCH_PI), true, *slope);
      }
    }
  });
}

template <class Real>
void spline_backward(const TrainSplineSizes &z, int64_t n, const Real *x, const Real *c,
                     const Real *o, const Real *gy, const Real *ge, const Real *gld, Real *gx,
                     Real *gc, Real *go)
{
  const int K = z.bins, Kc = z.circular_bins;
  at::parallel_for(0, n, 16, [&](int64_t from, int64_t to) {
    SplineElement<Real> sp;
    const Real B = Real(z.bound);
    for (int64_t i = from; i < to; i++) {
      Real unused = 0;
      const Real *p = o + i * z.outputs(), *gslope = gld + i * (z.ntl + z.ntc);
      Real *g = go + i * z.outputs();
      for (int64_t j = 0; j < z.ntl; j++, p += z.linear(), g += z.linear(), gslope++) {
        const Real gl = *gslope;
        const Real th = std::tanh(p[1] / 2), ex = spline_exp(-2 * th);
        const Real v = (x[i * z.ntl + j] - p[0]) * ex;
        Real gv = gy[i * z.ntl + j];
        if (v > -B && v < B) {
          sp.forward(v, p + 2, p + 2 + K, p + 2 + 2 * K, K, -B, B, false, unused);
          gv = sp.backward(gv, gl, g + 2, g + 2 + K, g + 2 + 2 * K);
        } else
          for (int64_t k = 2; k < z.linear(); k++) g[k] = 0;
        gx[i * z.ntl + j] = gv * ex;
        g[0] = -gv * ex;
        g[1] = (-gv * v - gl) * (1 - th * th);    // d sc/d raw = 1 - tanh^2
      }
      for (int64_t j = 0; j < z.ntc; j++, p += z.circular(), g += z.circular(), gslope++) {
        const Real v = wrapped<Real>(c[i * z.ntc + j] - p[0]);
        sp.forward(v, p + 1, p + 1 + Kc, p + 1 + 2 * Kc, Kc, Real(-TORCH_PI), Real(TORCH_PI), true,
                   unused);
        const Real gv = sp.backward(ge[i * z.ntc + j], *gslope, g + 1, g + 1 + Kc, g + 1 + 2 * Kc);
        gc[i * z.ntc + j] = gv;
        g[0] = -gv;
      }
    }
  });
}

struct SplineFunction : public torch::autograd::Function<SplineFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext *ctx, Tensor x,
                                                Tensor c, Tensor o, int64_t bins,
                                                int64_t circular_bins, double bound)
  {
    TrainSplineSizes z{x.size(1), c.size(1), (int) bins, (int) circular_bins, bound};
    x = x.contiguous();
    c = c.contiguous();
    o = o.contiguous();
    TORCH_CHECK(o.size(1) == z.outputs(), "coupling outputs, expected ", z.outputs(), ", got ",
                o.size(1));
    Tensor y = torch::empty_like(x), e = torch::empty_like(c),
           ld = torch::empty({x.size(0), z.ntl + z.ntc}, x.options());
    if (x.scalar_type() == torch::kDouble)
      spline_forward<double>(z, x.size(0), x.data_ptr<double>(), c.data_ptr<double>(),
                             o.data_ptr<double>(), y.data_ptr<double>(), e.data_ptr<double>(),
                             ld.data_ptr<double>());
    else
      spline_forward<float>(z, x.size(0), x.data_ptr<float>(), c.data_ptr<float>(),
                            o.data_ptr<float>(), y.data_ptr<float>(), e.data_ptr<float>(),
                            ld.data_ptr<float>());
    ctx->save_for_backward({x, c, o});
    ctx->saved_data["bins"] = bins;
    ctx->saved_data["circular_bins"] = circular_bins;
    ctx->saved_data["bound"] = bound;
    return {y, e, ld};
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext *ctx,
                                                 torch::autograd::variable_list grad)
  {
    auto saved = ctx->get_saved_variables();
    Tensor x = saved[0], c = saved[1], o = saved[2];
    TrainSplineSizes z{x.size(1), c.size(1), (int) ctx->saved_data["bins"].toInt(),
                       (int) ctx->saved_data["circular_bins"].toInt(),
                       ctx->saved_data["bound"].toDouble()};
    auto dense = [](const Tensor &g, const Tensor &like) {
      return g.defined() ? g.contiguous() : torch::zeros_like(like);
    };
    Tensor gy = dense(grad[0], x), ge = dense(grad[1], c);
    Tensor gld = grad[2].defined() ? grad[2].contiguous()
                                   : torch::zeros({x.size(0), z.ntl + z.ntc}, x.options());
    Tensor gx = torch::empty_like(x), gc = torch::empty_like(c), go = torch::empty_like(o);
    if (x.scalar_type() == torch::kDouble)
      spline_backward<double>(z, x.size(0), x.data_ptr<double>(), c.data_ptr<double>(),
                              o.data_ptr<double>(), gy.data_ptr<double>(), ge.data_ptr<double>(),
                              gld.data_ptr<double>(), gx.data_ptr<double>(), gc.data_ptr<double>(),
                              go.data_ptr<double>());
    else
      spline_backward<float>(z, x.size(0), x.data_ptr<float>(), c.data_ptr<float>(),
                             o.data_ptr<float>(), gy.data_ptr<float>(), ge.data_ptr<float>(),
                             gld.data_ptr<float>(), gx.data_ptr<float>(), gc.data_ptr<float>(),
                             go.data_ptr<float>());
    return {gx, gc, go, Tensor(), Tensor(), Tensor()};
  }
};

/* ----------------------------------------------------------------------
   the networks; parameters by their names in the model file
------------------------------------------------------------------------- */

struct FlowNet {
  FlowNetShape shape;
  torch::ScalarType dtype;
  std::vector<std::string> names;
  std::vector<Tensor> params;
  struct Layer {
    Tensor lid, lt, cid, ct;    // indices
    int first;                  // index of in.weight in params
  };
  std::vector<Layer> layers;

  FlowNet(const FlowNetShape &s, torch::ScalarType t) : shape(s), dtype(t)
  {
    const int h = s.hidden;
    if (s.nl < 2 || s.nf < 1 || s.nc < 0 || h < 1 || s.bins < 2 || s.bins > MAX_TRAIN_BINS ||
        s.circular_bins < 2 || s.circular_bins > MAX_TRAIN_BINS)
      throw std::runtime_error("flow networks: impossible sizes");
    if (s.linear_id.size() != s.circular_id.size())
      throw std::runtime_error("flow networks: identity sets of different number");
    add("affine.0.weight", {h, s.nf});
    add("affine.0.bias", {h});
    add("affine.1.weight", {h, h});
    add("affine.1.bias", {h});
    add("affine.2.weight", {2 * s.nl, h});
    add("affine.2.bias", {2 * s.nl});
    for (size_t k = 0; k < s.linear_id.size(); k++) {
      Layer layer;
      auto rest = [](const std::vector<int> &id, int n) {
        std::vector<int64_t> other;
        for (int j = 0; j < n; j++)
          if (std::find(id.begin(), id.end(), j) == id.end()) other.push_back(j);
        return other;
      };
      auto index = [](const std::vector<int64_t> &v) { return torch::tensor(v, torch::kInt64); };
      const auto &li = s.linear_id[k], &ci = s.circular_id[k];
      layer.lid = index(std::vector<int64_t>(li.begin(), li.end()));
      layer.cid = index(std::vector<int64_t>(ci.begin(), ci.end()));
      layer.lt = index(rest(li, s.nl));
      layer.ct = index(rest(ci, s.nc));
      layer.first = params.size();
      TrainSplineSizes z{layer.lt.size(0), layer.ct.size(0), s.bins, s.circular_bins, s.bound};
      const int64_t nin = layer.lid.size(0) + 4 * layer.cid.size(0);
      const std::string p = "coupling." + std::to_string(k) + ".";
      add(p + "in.weight", {h, nin});
      add(p + "cond.weight", {h, s.nf});
      add(p + "in.bias", {h});
      add(p + "hidden.weight", {h, h});
      add(p + "hidden.bias", {h});
      add(p + "out.weight", {z.outputs(), h});
      add(p + "out.bias", {z.outputs()});
      layers.push_back(layer);
    }
  }

  void add(const std::string &name, std::vector<int64_t> size)
  {
    names.push_back(shape.prefix + name);
    params.push_back(torch::zeros(size, torch::dtype(dtype)));
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

  // log q_flow(l,c|f) [n]
  Tensor log_prob(const Tensor &l0, const Tensor &c0, const Tensor &f) const
  {
    using namespace torch;
    Tensor h = silu(addmm(params[1], f, params[0].t()));
    h = silu(addmm(params[3], h, params[2].t()));
    h = addmm(params[5], h, params[4].t());
    const Tensor mean = h.slice(1, 0, shape.nl), scale = h.slice(1, shape.nl, 2 * shape.nl);
    Tensor l = (l0 - mean) * exp(-scale), c = c0;
    Tensor logdet = -scale.sum(1);
    for (const auto &layer : layers) {
      const auto *p = &params[layer.first];
      Tensor q = l.index_select(1, layer.lid);
      if (layer.cid.size(0)) {
        Tensor a = c.index_select(1, layer.cid).unsqueeze(2);
        a = cat({cos(a), sin(a), cos(2 * a), sin(2 * a)}, 2).flatten(1);
        q = cat({q, a}, 1);
      }
      Tensor g = addmm(p[2], f, p[1].t());
      g = silu(addmm(g, q, p[0].t()));
      g = silu(addmm(p[4], g, p[3].t()));
      g = addmm(p[6], g, p[5].t());
      auto out = SplineFunction::apply(l.index_select(1, layer.lt), c.index_select(1, layer.ct), g,
                                       shape.bins, shape.circular_bins, shape.bound);
      logdet = logdet + out[2].sum(1);
      if (layer.lt.size(0)) l = l.index_copy(1, layer.lt, out[0]);
      if (layer.ct.size(0)) c = c.index_copy(1, layer.ct, out[1]);
    }
    const double base =
        -0.5 * shape.nl * std::log(2 * TORCH_PI) - shape.nc * std::log(2 * TORCH_PI);
    return logdet - 0.5 * (l * l).sum(1) + base;
  }
};

}    // namespace BACKMAP_NS

#endif

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
static constexpr double PATH_LIMIT = 2.0;    // of d(log q - log p) a variable, root mean square

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
  Tensor turn;    // multiples of circular variables

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
    names.push_back(name);
    params.push_back(torch::zeros(size, torch::dtype(dtype)));
  }

  // uniform +-1/sqrt(fan in) as torch::nn::Linear, almost zero in the last layers: identity flow
  void initialise(int64_t seed)
  {
    torch::NoGradGuard no_grad;
    auto gen = at::detail::createCPUGenerator(seed);
    for (size_t k = 0; k < params.size(); k++) {
      const std::string &name = names[k];
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

  /** The variables on their way to the base distribution: before the affine layer, before each
      coupling, and at the end. slopes: of the variables that a layer transforms, by themselves (the
      diagonal of its Jacobian, which is triangular), logarithms; linear ones first. */
  struct Stages {
    std::vector<Tensor> l, c;         // [number of couplings + 2][n][nl], [n][nc]
    std::vector<Tensor> logslopes;    // [number of couplings + 1][n][transformed]
    Tensor log_prob;                  // [n] log q_flow(l,c|f)
  };

  Stages normalise(const Tensor &l, const Tensor &c, const Tensor &f) const
  {
    using namespace torch;
    Stages s;
    s.l = {l};
    s.c = {c, c};
    Tensor h = silu(addmm(params[1], f, params[0].t()));
    h = silu(addmm(params[3], h, params[2].t()));
    h = addmm(params[5], h, params[4].t());
    Tensor mean = h.slice(1, 0, shape.nl), scale = h.slice(1, shape.nl, 2 * shape.nl);
    s.l.push_back((l - mean) * exp(-scale));
    s.logslopes = {-scale};
    Tensor logdet = -scale.sum(1);
    for (const auto &layer : layers) {
      const auto *p = &params[layer.first];
      const Tensor last_l = s.l.back(), last_c = s.c.back();
      Tensor q = last_l.index_select(1, layer.lid);
      if (layer.cid.size(0)) {
        Tensor a = last_c.index_select(1, layer.cid).unsqueeze(2);
        a = cat({cos(a), sin(a), cos(2 * a), sin(2 * a)}, 2).flatten(1);
        q = cat({q, a}, 1);
      }
      Tensor g = addmm(p[2], f, p[1].t());
      g = silu(addmm(g, q, p[0].t()));
      g = silu(addmm(p[4], g, p[3].t()));
      g = addmm(p[6], g, p[5].t());
      auto out =
          SplineFunction::apply(last_l.index_select(1, layer.lt), last_c.index_select(1, layer.ct),
                                g, shape.bins, shape.circular_bins, shape.bound);
      logdet = logdet + out[2].sum(1);
      s.logslopes.push_back(out[2]);
      s.l.push_back(layer.lt.size(0) ? last_l.index_copy(1, layer.lt, out[0]) : last_l);
      s.c.push_back(layer.ct.size(0) ? last_c.index_copy(1, layer.ct, out[1]) : last_c);
    }
    const double base =
        -0.5 * shape.nl * std::log(2 * TORCH_PI) - shape.nc * std::log(2 * TORCH_PI);
    const Tensor &end = s.l.back();
    s.log_prob = logdet - 0.5 * (end * end).sum(1) + base;
    return s;
  }

  // log q_flow(l,c|f) [n]
  Tensor log_prob(const Tensor &l, const Tensor &c, const Tensor &f) const
  {
    return normalise(l, c, f).log_prob;
  }

  /** Adds to the gradients of the parameters that of sum_i weight_i KL-like terms whose path
      derivative by the sample is g_i = d(log q - log p)/d(l,c):
        sum_i weight_i g_i dT(u_i)/dparams,  T the generating direction, T(u_i) = (l_i,c_i).
      With samples of p and weights 1/n this is the path gradient of the forward KL divergence,
      with samples of q that of the reverse one; it vanishes sample by sample where q = p. Vaitl,
      Nicoli, Nakajima, Kessel, Mach. Learn.: Sci. Technol. 3, 045006 (2022); recursion over the
      layers without inverting them: Vaitl, Winkler, Richter, Kessel, ICLR 2024.
      score [n][nl+nc] = d log p/d(l,c), weight [n]. Added is also the gradient of
      -sum_i likelihood_i log q, which for samples of p has the same mean, and which sees what the
      path derivative cannot: what leaks behind walls, and the jump of p where rotors exchange
      labels. likelihood [n]. Returns log q_flow [n]. */
  Tensor add_path_gradient(const Tensor &l0, const Tensor &c0, const Tensor &f, const Tensor &score,
                           const Tensor &weight, const Tensor &likelihood)
  {
    using namespace torch;
    const Tensor l = l0.detach().requires_grad_(true), c = c0.detach().requires_grad_(true);
    const Stages s = normalise(l, c, f);
    auto gradient = [](const std::vector<Tensor> &of, const std::vector<Tensor> &by,
                       const std::vector<Tensor> &cotangent) {
      return autograd::grad(of, by, cotangent, true, false, true);
    };
    const auto q = gradient({s.log_prob.sum()}, {l, c}, {});
    // h: cotangent of the variables at the stage reached, weight (d log q - d log p) dT/d(stage)
    Tensor hl = q[0] - score.slice(1, 0, shape.nl),
           hc = shape.nc ? q[1] - score.slice(1, shape.nl, shape.nl + shape.nc)
                         : torch::zeros_like(c);
    // atoms in contact have forces without limit: such a sample pulls as hard as others, no harder
    const Tensor size = sqrt((hl * hl).sum(1) + (hc * hc).sum(1));
    const Tensor w =
        (weight * clamp_max(PATH_LIMIT * std::sqrt(shape.nl + shape.nc) / size, 1.0)).unsqueeze(1);
    hl = hl * w;
    hc = hc * w;

    auto add = [&](size_t first, const std::vector<Tensor> &grads, size_t at) {
      NoGradGuard no_grad;
      for (size_t k = 0; at + k < grads.size(); k++) {
        auto &g = params[first + k].mutable_grad();
        if (!grads[at + k].defined()) continue;
        g = g.defined() ? g + grads[at + k] : grads[at + k];
      }
    };
    add(0, gradient({-(s.log_prob * likelihood).sum()}, params, {}), 0);
    hl = hl * exp(-s.logslopes[0].detach());
    add(0, gradient({s.l[1]}, {params.begin(), params.begin() + 6}, {-hl}), 0);
    for (size_t k = 0; k < layers.size(); k++) {
      const Layer &layer = layers[k];
      const int64_t ntl = layer.lt.size(0), ntc = layer.ct.size(0);
      const Tensor stretch = exp(-s.logslopes[k + 1].detach());
      std::vector<Tensor> of, cotangent, by = {s.l[k + 1], s.c[k + 1]};
      Tensor tl, tc;    // cotangents of the transformed variables behind this layer
      if (ntl) {
        tl = hl.index_select(1, layer.lt) * stretch.slice(1, 0, ntl);
        of.push_back(s.l[k + 2]);
        cotangent.push_back(torch::zeros_like(hl).index_copy(1, layer.lt, -tl));
      }
      if (ntc) {
        tc = hc.index_select(1, layer.ct) * stretch.slice(1, ntl, ntl + ntc);
        of.push_back(s.c[k + 2]);
        cotangent.push_back(torch::zeros_like(hc).index_copy(1, layer.ct, -tc));
      }
      by.insert(by.end(), params.begin() + layer.first, params.begin() + layer.first + 7);
      const auto grads = gradient(of, by, cotangent);
      add(layer.first, grads, 2);
      // the identity set takes up what the transformed variables owe to it
      if (grads[0].defined()) hl = hl + grads[0];
      if (grads[1].defined()) hc = hc + grads[1];
      if (ntl) hl = hl.index_copy(1, layer.lt, tl);
      if (ntc) hc = hc.index_copy(1, layer.ct, tc);
    }
    return s.log_prob.detach();
  }
};

}    // namespace BACKMAP_NS

#endif

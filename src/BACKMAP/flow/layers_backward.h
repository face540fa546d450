/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_LAYERS_BACKWARD_H
#define BACKMAP_FLOW_LAYERS_BACKWARD_H

// Derivatives of the layers in the normalizing direction, for training: from those of a function by
// the results of a layer to those by its arguments. What the forward pass left in the numbers of the
// conditioner is used again: no exponential of a softmax is computed twice.

#include "flow/layers.h"

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   part -> derivative by the logit, for the widths or the heights of a spline
   part_k = least + scale e_k, sum of the scale e_k: room; before and here: derivatives by the parts
   of the bins before the one that holds x, and of that bin; knots: 1 where x is right of knot k
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void softmax_backward(P *e, int stride, int K, const P &scale, double room,
                                       const P *knots, const P &before, const P &here)
{
  P mean = P(0);
  for (int k = 0; k < K; k++) {
    const P g = knots[k + 1] * before + (knots[k] - knots[k + 1]) * here;
    mean = mean + e[k * stride] * g;
  }
  mean = mean * scale * P(1.0 / room);
  for (int k = 0; k < K; k++) {
    const P g = knots[k + 1] * before + (knots[k] - knots[k + 1]) * here;
    e[k * stride] = scale * e[k * stride] * (g - mean);
  }
}

/* ----------------------------------------------------------------------
   width, height: as spline() left them; slope: raw. All become derivatives
   x: argument; gy, gl: derivatives by the result and by the logarithm of the slope
   returns the derivative by x
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION P spline_backward(P *width, P *height, P *slope, int stride, int K, bool circular,
                                   double low, double range, const P &x, const P &gy, const P &gl)
{
  const P zero = P(0), one = P(1), two = P(2);
  const double room = range * (1.0 - SPLINE_MIN * K);
  P sum_w = zero, sum_h = zero;
  for (int k = 0; k < K; k++) {
    sum_w = sum_w + width[k * stride];
    sum_h = sum_h + height[k * stride];
  }
  const P sw = P(room) / sum_w, sh = P(room) / sum_h;
  const SplineBin<P> b =
      spline_bin(width, height, slope, stride, K, circular, false, low, range, sw, sh, x);
  const P &s = b.s, &d0 = b.d0, &d1 = b.d1;

  P t = (x - b.xk) / b.wk;
  t = p_select(t < zero, zero, p_select(t > one, one, t));
  const P u = one - t, tu = t * u, m = u - t;
  const P num = s * t * t + d0 * tu, iden = one / (s + b.e * tu);
  const P q = d1 * t * t + two * s * tu + d0 * u * u;    // y = yk + hk num/den, slope s^2 q/den^2

  const P iwk = one / b.wk, ratio = num * iden;
  const P gnum = gy * b.hk * iden, gden = -(gnum * ratio) - two * gl * iden, gq = gl / q;
  const P gt =
      gnum * (two * s * t + d0 * m) + gden * b.e * m + two * gq * (d1 * t + s * m - d0 * u);
  const P gs = gnum * t * t + gden * (one - two * tu) + two * gq * tu + two * gl / s;
  const P g0 = (gnum + gden) * tu + gq * u * u;
  const P g1 = gden * tu + gq * t * t;
  const P gx = gt * iwk;

  P knots[SplineSizes::MAX_BINS + 1];
  const P least = P(range * SPLINE_MIN);
  P xl = P(low);
  knots[0] = one;
  for (int k = 0; k < K - 1; k++) {
    xl = xl + (least + sw * width[k * stride]);
    knots[k + 1] = p_select(x >= xl, one, zero);
  }
  knots[K] = zero;

  softmax_backward(width, stride, K, sw, room, knots, -gx, -(gs * s + gt * t) * iwk);
  softmax_backward(height, stride, K, sh, room, knots, gy, gy * ratio + gs * iwk);
  const P left = g0 / (one + p_exp(-b.raw0)), right = g1 / (one + p_exp(-b.raw1));
  for (int k = 0; k < (circular ? K : K - 1); k++) {
    const int of_left = circular ? k : k + 1, of_right = circular ? (k + K - 1) % K : k;
    slope[k * stride] = (knots[of_left] - knots[of_left + 1]) * left +
        (knots[of_right] - knots[of_right + 1]) * right;
  }
  return gx;
}

/* ----------------------------------------------------------------------
   o: as transform_linear() left it, becomes derivatives; x: its argument
   g: derivative by the result, becomes that by x; gl: by the logarithm of the slope
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void transform_linear_backward(P *o, int stride, int K, double bound, const P *x,
                                              const P *gl, P *g)
{
  const P tanh = p_tanh_half(o[stride]), scale = p_exp(P(-2) * tanh);
  const P B = P(bound), in = (*x - o[0]) * scale, zero = P(0);
  const P at = p_select(in < -B, -B, p_select(in > B, B, in));
  const auto inside = p_abs(in) < B;
  P *width = o + 2 * stride, *height = width + K * stride, *slope = height + K * stride;
  const P through = spline_backward(width, height, slope, stride, K, false, -bound, 2.0 * bound, at,
                                    p_select(inside, *g, zero), p_select(inside, *gl, zero));
  const P gin = p_select(inside, through, *g);
  o[stride] = -(gin * in + *gl) * (P(1) - tanh * tanh);
  *g = gin * scale;
  o[0] = -*g;
}

/* ---------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void transform_circular_backward(P *o, int stride, int K, const P *x, const P *gl,
                                                P *g)
{
  P *width = o + stride, *height = width + K * stride, *slope = height + K * stride;
  const P at = wrap_circle(*x - o[0]);
  *g = spline_backward(width, height, slope, stride, K, true, -BACKMAP_PI, 2.0 * BACKMAP_PI, at, *g,
                       *gl);
  o[0] = -*g;
}

/* ----------------------------------------------------------------------
   x / (1 + exp(-x)) of n packs in place, with its slopes
------------------------------------------------------------------------- */

template <class P> BACKMAP_KERNEL void silu_slope_run(P *x, P *slope, int n)
{
  for (int i = 0; i < n; i++) {
    const P s = P(1) / (P(1) + p_exp(-x[i]));
    slope[i] = s + x[i] * s * (P(1) - s);
    x[i] = x[i] * s;
  }
}

/* ----------------------------------------------------------------------
   derivatives gq by what coupling_inputs() made -> added to those by l and c
------------------------------------------------------------------------- */

template <class P, class S>
BACKMAP_FUNCTION void coupling_inputs_backward(const CouplingView<S> &k, int np, const P *q,
                                               const P *gq, P *gl, P *gc)
{
  for (int i = 0; i < k.nlid * np; i++) {
    P &g = gl[k.lid[i / np] * np + i % np];
    g = g + gq[i];
  }
  for (int i = 0; i < k.ncid * np; i++) {
    const int at = (k.nlid + 4 * (i / np)) * np + i % np;    // cos, sin, cos 2x, sin 2x
    P &g = gc[k.cid[i / np] * np + i % np];
    g = g - q[at + np] * gq[at] + q[at] * gq[at + np] +
        P(2) * (q[at + 2 * np] * gq[at + 3 * np] - q[at + 3 * np] * gq[at + 2 * np]);
  }
}

}    // namespace BACKMAP_NS

#endif

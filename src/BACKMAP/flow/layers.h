/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_LAYERS_H
#define BACKMAP_FLOW_LAYERS_H

// The layers of the flow, forward and inverse, with their log-determinants; host and device alike.
//
// A tile is np packs of samples. Arrays of a tile hold np packs per row: entry (row, p) is at
// row*np + p. A layer is a function of all members of a team (core/team.h). Work is shared by rank;
// whoever needs results of others calls barrier() first.
// The order of every sum is fixed and one lane never sees another, so that a sample is bitwise the
// same in any tile. P is the pack of network numbers (PackTraits<P>::Scalar = float or double).

#include "core/pack.h"
#include "core/team.h"

#include <cstddef>

namespace BACKMAP_NS {

// ----------------------------------------------------------------------
// dense layers
// ----------------------------------------------------------------------

// Matrices are stored in blocks of up to ROW_BLOCK rows, [column][row of the block].

/* ----------------------------------------------------------------------
   y = start + w x for M rows and N packs; start is a bias, or what y holds
   w: entries (i, k) are at i*row + k*column
------------------------------------------------------------------------- */

template <int M, int N, class P, class S>
BACKMAP_FUNCTION void multiply_rows(const S *w, std::ptrdiff_t row, std::ptrdiff_t column,
                                    const S *bias, int ncolumns, const P *x, int xstride, P *y,
                                    int ystride)
{
  P sum[M][N];
  for (int i = 0; i < M; i++)
    for (int p = 0; p < N; p++) sum[i][p] = bias ? P(bias[i]) : y[i * ystride + p];
  BACKMAP_UNROLL
  for (int k = 0; k < ncolumns; k++, w += column, x += xstride) {
    P value[N];
    for (int p = 0; p < N; p++) value[p] = x[p];
    for (int i = 0; i < M; i++) {
      const P weight(w[i * row]);
      for (int p = 0; p < N; p++) sum[i][p] = sum[i][p] + weight * value[p];
    }
  }
  for (int i = 0; i < M; i++)
    for (int p = 0; p < N; p++) y[i * ystride + p] = sum[i][p];
}

/* ----------------------------------------------------------------------
   one block of rows of any height
------------------------------------------------------------------------- */

template <int N, class P, class S>
BACKMAP_KERNEL void multiply_block(int rows, const S *w, const S *bias, int ncolumns, const P *x,
                                   int xstride, P *y, int ystride)
{
  switch (rows) {
    case 6: multiply_rows<6, N>(w, 1, 6, bias, ncolumns, x, xstride, y, ystride); break;
    case 5: multiply_rows<5, N>(w, 1, 5, bias, ncolumns, x, xstride, y, ystride); break;
    case 4: multiply_rows<4, N>(w, 1, 4, bias, ncolumns, x, xstride, y, ystride); break;
    case 3: multiply_rows<3, N>(w, 1, 3, bias, ncolumns, x, xstride, y, ystride); break;
    case 2: multiply_rows<2, N>(w, 1, 2, bias, ncolumns, x, xstride, y, ystride); break;
    default: multiply_rows<1, N>(w, 1, 1, bias, ncolumns, x, xstride, y, ystride); break;
  }
}

/* ---------------------------------------------------------------------- */

template <class P> BACKMAP_KERNEL void silu_run(P *x, int n)
{
  for (int i = 0; i < n; i++) x[i] = p_silu(x[i]);
}

/* ----------------------------------------------------------------------
   y = w x + bias for a tile; bias null: added to what y holds; N packs at a time
------------------------------------------------------------------------- */

template <int N, class P, class S, class Member>
BACKMAP_FUNCTION void dense(const Member &member, const S *w, const S *bias, int nrows,
                            int ncolumns, int np, const P *x, P *y, bool activate)
{
  const int groups = np / N, blocks = row_blocks(nrows);
  for (int item = member.rank(); item < blocks * groups; item += member.size()) {
    const int p = (item % groups) * N;
    const RowBlock b = row_block(nrows, item / groups);
    P *out = y + b.first * np + p;
    multiply_block<N>(b.rows, w + (std::size_t) b.first * ncolumns, bias ? bias + b.first : bias,
                      ncolumns, x + p, np, out, np);
    if (activate)
      for (int i = 0; i < b.rows; i++) silu_run(out + i * np, N);
  }
}

// ----------------------------------------------------------------------
// monotonic rational-quadratic splines: Durkan, Bekasov, Murray, Papamakarios, "Neural Spline
// Flows", NeurIPS 2019, eqs. 4 to 8 (inverse: appendix A.3); circular: Rezende et al., "Normalizing
// Flows on Tori and Spheres", ICML 2020
// ----------------------------------------------------------------------

constexpr double SPLINE_MIN = 1.0e-3;                 // smallest bin, as part of 1, and slope
constexpr double SPLINE_UNIT = 0.5413248546129181;    // softplus of this is 1

struct SplineSizes {
  static constexpr int MAX_BINS = 32, MAX_OUTPUTS = 3 * MAX_BINS + 1;
  int bins, circular_bins;
  double bound;
};

/* ----------------------------------------------------------------------
   logits -> exp(logit - largest), in place; returns what turns them into parts of `range`
   part = range (min + (1 - K min) softmax)
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION P softmax_run(P *logit, int stride, int K, double range)
{
  P top = logit[0], sum = P(0);
  for (int k = 1; k < K; k++) top = p_max(top, logit[k * stride]);
  for (int k = 0; k < K; k++) {
    const P e = p_exp(logit[k * stride] - top);
    logit[k * stride] = e;
    sum = sum + e;
  }
  return P(range * (1.0 - SPLINE_MIN * K)) / sum;
}

/* ----------------------------------------------------------------------
   the bin that holds x: its left end, sizes, slopes of its ends and what they are made of
   width, height: K numbers as softmax_run leaves them, `stride` apart, with sw, sh that it returned
   slope: raw slopes of knots; circular: K, knot K is knot 0; else K-1, outer knots have slope 1
------------------------------------------------------------------------- */

template <class P> struct SplineBin {
  P xk, yk, wk, hk, raw0, raw1, d0, d1, s, e;
};

template <class P>
BACKMAP_FUNCTION SplineBin<P> spline_bin(const P *width, const P *height, const P *slope,
                                         int stride, int K, bool circular, bool inverse, double low,
                                         double range, const P &sw, const P &sh, const P &x)
{
  const P zero = P(0), one = P(1), two = P(2);
  const P least = P(range * SPLINE_MIN);

  P xl = P(low), yl = P(low);    // left end of bin k
  P xk = xl, yk = yl, wk = zero, hk = zero, raw0 = zero, raw1 = zero;
  P is_first = one, is_last = zero;    // of the bin that holds x
  for (int k = 0; k < K; k++) {
    const P w = least + sw * width[k * stride], h = least + sh * height[k * stride];
    const P left = circular ? slope[k * stride] : (k > 0 ? slope[(k - 1) * stride] : zero);
    const P right = circular ? slope[(k + 1 < K ? k + 1 : 0) * stride]
                             : (k + 1 < K ? slope[k * stride] : zero);
    if (k == 0) {
      wk = w;
      hk = h;
      raw0 = left;
      raw1 = right;
    } else {
      const auto here = inverse ? x >= yl : x >= xl;
      xk = p_select(here, xl, xk);
      yk = p_select(here, yl, yk);
      wk = p_select(here, w, wk);
      hk = p_select(here, h, hk);
      raw0 = p_select(here, left, raw0);
      raw1 = p_select(here, right, raw1);
      is_first = p_select(here, zero, is_first);
      if (k == K - 1) is_last = p_select(here, one, is_last);
    }
    xl = xl + w;
    yl = yl + h;
  }

  raw0 = raw0 + P(SPLINE_UNIT);
  raw1 = raw1 + P(SPLINE_UNIT);
  P d0 = p_softplus(raw0) + P(SPLINE_MIN);
  P d1 = p_softplus(raw1) + P(SPLINE_MIN);
  if (!circular) {
    d0 = p_select(is_first > zero, one, d0);
    d1 = p_select(is_last > zero, one, d1);
  }
  const P s = hk / wk;
  return {xk, yk, wk, hk, raw0, raw1, d0, d1, s, d0 + d1 - two * s};
}

/* ----------------------------------------------------------------------
   one variable of a pack, in place, with log|dy/dx| of the direction that is taken
   width, height: K logits, overwritten (see softmax_run); x within [low, low+range]
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void spline(P *width, P *height, const P *slope, int stride, int K, bool circular,
                             bool inverse, double low, double range, P &x, P &logdet)
{
  const P zero = P(0), one = P(1), two = P(2);
  const P sw = softmax_run(width, stride, K, range), sh = softmax_run(height, stride, K, range);
  const SplineBin<P> b =
      spline_bin(width, height, slope, stride, K, circular, inverse, low, range, sw, sh, x);
  P t;
  if (inverse) {
    const P y = x - b.yk;
    const P a = y * b.e + b.hk * (b.s - b.d0), m = b.hk * b.d0 - y * b.e, c = -(b.s * y);
    const P root = p_sqrt(p_max(m * m - P(4) * a * c, zero));
    t = two * c / (-m - root);
  } else
    t = (x - b.xk) / b.wk;
  t = p_select(t < zero, zero, p_select(t > one, one, t));

  const P u = one - t, tu = t * u;
  const P den = b.s + b.e * tu;
  x = inverse ? b.xk + t * b.wk : b.yk + b.hk * (b.s * t * t + b.d0 * tu) / den;
  const P slope_here = b.s * b.s * (b.d1 * t * t + two * b.s * tu + b.d0 * u * u) / (den * den);
  logdet = inverse ? -p_log(slope_here) : p_log(slope_here);
}

/* ----------------------------------------------------------------------
   shift, scale and spline of one linear variable (normalizing direction; inverse: undone)
   o: numbers of the conditioner [shift, scale, W(K), H(K), D(K-1)], overwritten
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void transform_linear(P *o, int stride, int K, double bound, bool inverse, P *x,
                                     P *logdet)
{
  const P shift = o[0], logscale = P(2) * p_tanh_half(o[stride]);
  const P B = P(bound);
  P *width = o + 2 * stride, *height = width + K * stride, *slope = height + K * stride;

  P in = inverse ? *x : (*x - shift) * p_exp(-logscale);
  P y = p_select(in < -B, -B, p_select(in > B, B, in)), ld;
  spline(width, height, slope, stride, K, false, inverse, -bound, 2.0 * bound, y, ld);
  const auto inside = p_abs(in) < B;
  y = p_select(inside, y, in);
  ld = p_select(inside, ld, P(0));
  if (inverse) {
    *x = y * p_exp(logscale) + shift;
    *logdet = ld + logscale;
  } else {
    *x = y;
    *logdet = ld - logscale;
  }
}

/* ----------------------------------------------------------------------
   same wrapping as wrap() of molecule/geometry.h, which is for coordinates; wrap_angle() of
   molecule/features.h runs on hosts only
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION P wrap_circle(P y)
{
  const P pi = P(BACKMAP_PI), turn = P(2.0 * BACKMAP_PI);
  y = y - turn * p_floor((y + pi) / turn);
  return p_select(y < -pi, -pi, p_select(y > pi, pi, y));
}

/* ----------------------------------------------------------------------
   shift and spline of one circular variable in [-pi, pi)
   o: numbers of the conditioner [shift, W(K), H(K), D(K)], overwritten
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void transform_circular(P *o, int stride, int K, bool inverse, P *x, P *logdet)
{
  const P pi = P(BACKMAP_PI), shift = o[0];
  P *width = o + stride, *height = width + K * stride, *slope = height + K * stride;
  P y = inverse ? p_select(*x < -pi, -pi, p_select(*x > pi, pi, *x)) : wrap_circle(*x - shift);
  spline(width, height, slope, stride, K, true, inverse, -BACKMAP_PI, 2.0 * BACKMAP_PI, y, *logdet);
  if (inverse) y = wrap_circle(y + shift);
  *x = y;
}

// ----------------------------------------------------------------------
// couplings
// ----------------------------------------------------------------------

/// One coupling: plain pointers, on the host or on a device. Matrices in row blocks.
template <class S> struct CouplingView {
  int nlid, ncid, nlt, nct;          // sizes of identity and transformed sets
  const int *lid, *cid, *lt, *ct;    // indices of linear and circular variables
  const S *in_weight;                // [hidden][nlid + 4 ncid]
  const S *hidden_weight, *hidden_bias;
  const S *out_weight, *out_bias;    // one matrix per transformed variable
  const S *cond_weight, *in_bias;    // the part of the first layer that acts on the features

  BACKMAP_FUNCTION int inputs() const { return nlid + 4 * ncid; }
};

/* ----------------------------------------------------------------------
   what the conditioner sees of the identity set -> q
------------------------------------------------------------------------- */

template <class P, class S, class Member>
BACKMAP_FUNCTION void coupling_inputs(const Member &member, const CouplingView<S> &k, int np,
                                      const P *l, const P *c, P *q)
{
  for (int item = member.rank(); item < k.nlid * np; item += member.size())
    q[item] = l[k.lid[item / np] * np + item % np];
  P *after = q + k.nlid * np;
  for (int item = member.rank(); item < k.ncid * np; item += member.size()) {
    const int i = item / np, p = item % np;
    P s1, c1;
    p_sincos(c[k.cid[i] * np + p], s1, c1);
    P *to = after + 4 * i * np + p;
    to[0] = c1;
    to[np] = s1;
    to[2 * np] = c1 * c1 - s1 * s1;
    to[3 * np] = P(2) * s1 * c1;
  }
}

/* ----------------------------------------------------------------------
   last layer of the conditioner and transformation, one variable at a time so that its numbers
   stay in the cache; logdet: one row per transformed variable, linear ones first
------------------------------------------------------------------------- */

template <int N, class P, class S, class Member>
BACKMAP_FUNCTION void coupling_transform(const Member &member, const CouplingView<S> &k,
                                         const SplineSizes &z, int hidden, int np, const P *h,
                                         bool inverse, P *l, P *c, P *logdet)
{
  const int groups = np / N, nlinear = 3 * z.bins + 1, ncircular = 3 * z.circular_bins + 1;
  for (int item = member.rank(); item < (k.nlt + k.nct) * groups; item += member.size()) {
    const int i = item / groups, p = (item % groups) * N;
    const bool linear = i < k.nlt;
    const int rows = linear ? nlinear : ncircular;
    const int before = linear ? i * nlinear : k.nlt * nlinear + (i - k.nlt) * ncircular;
    const S *w = k.out_weight + (std::size_t) before * hidden, *bias = k.out_bias + before;

    P o[SplineSizes::MAX_OUTPUTS * N];
    for (int b = 0; b < row_blocks(rows); b++) {
      const RowBlock block = row_block(rows, b);
      multiply_block<N>(block.rows, w + (std::size_t) block.first * hidden, bias + block.first,
                        hidden, h + p, np, o + block.first * N, N);
    }
    P *x = linear ? l + k.lt[i] * np + p : c + k.ct[i - k.nlt] * np + p;
    P *ld = logdet + i * np + p;
    for (int j = 0; j < N; j++)
      if (linear)
        transform_linear(o + j, N, z.bins, z.bound, inverse, x + j, ld + j);
      else
        transform_circular(o + j, N, z.circular_bins, inverse, x + j, ld + j);
  }
}

}    // namespace BACKMAP_NS

#endif

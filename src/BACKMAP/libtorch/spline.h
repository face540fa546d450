/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_SPLINE_H
#define BACKMAP_LIBTORCH_SPLINE_H

// One element of a rational-quadratic spline in the normalizing direction together with its
// derivatives, for training. Automatic differentiation of the same formulas needs forty small
// tensor operations per coupling and takes three quarters of the training time; here the backward
// pass recomputes what it needs. Plain C++: no Torch, no allocation.
//
// Durkan, Bekasov, Murray, Papamakarios, "Neural Spline Flows", NeurIPS 2019, equations 4 to 8;
// circular version: Rezende et al., "Normalizing Flows on Tori and Spheres", ICML 2020.

#include <cmath>
#include <cstdint>
#include <cstring>

namespace BACKMAP_NS {

static constexpr int MAX_TRAIN_BINS = 64;
static constexpr double SPLINE_MIN = 1.0e-3;                 // smallest bin and derivative
static constexpr double SPLINE_UNIT = 0.5413248546129181;    // softplus(this) = 1 - 0 (unit slope)

/** exp in a form that compilers turn into vector code; 2e-7 relative in float (Cephes' polynomial). */
inline double spline_exp(double x)
{
  return std::exp(x);
}

inline float spline_exp(float x)
{
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = (x * 1.44269504f + 12582912.0f) - 12582912.0f;    // nearest integer
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  const float y = p * r * r + r + 1.0f;
  const std::int32_t bits = ((std::int32_t) n + 127) << 23;
  float scale;
  std::memcpy(&scale, &bits, sizeof(scale));
  return y * scale;
}

/** Widths or heights of the bins as the network's raw numbers give them. */
template <class Real> struct SplineSoftmax {
  Real p[MAX_TRAIN_BINS];    // softmax of the raw numbers
  Real w[MAX_TRAIN_BINS];    // fractions of the interval, sum 1

  void forward(const Real *raw, int bins)
  {
    Real top = raw[0], sum = 0;
    for (int k = 1; k < bins; k++) top = raw[k] > top ? raw[k] : top;
    for (int k = 0; k < bins; k++) p[k] = spline_exp(raw[k] - top);
    for (int k = 0; k < bins; k++) sum += p[k];
    const Real scale = Real(1) / sum, room = Real(1) - Real(SPLINE_MIN) * bins;
    for (int k = 0; k < bins; k++) {
      p[k] *= scale;
      w[k] = Real(SPLINE_MIN) + room * p[k];
    }
  }

  // gw: derivative by the fractions, overwrites graw (not accumulated)
  void backward(const Real *gw, Real *graw, int bins) const
  {
    const Real room = Real(1) - Real(SPLINE_MIN) * bins;
    Real mean = 0;
    for (int k = 0; k < bins; k++) mean += p[k] * gw[k];
    for (int k = 0; k < bins; k++) graw[k] = room * p[k] * (gw[k] - mean);
  }
};

/** A spline on [lo, hi]; deriv has one entry per knot. Linear: knots 0 and K have slope 1.
 *  Circular: knots 0 and K share deriv 0. */
template <class Real> struct SplineElement {
  SplineSoftmax<Real> width, height;
  int bins, bin;
  bool circular;
  Real range, t, s, d0, d1, wk, hk, num, den, q, raw0, raw1;
  int k0, k1;    // raw derivative of the left and the right knot of the bin, -1 = fixed slope

  static double softplus(double v) { return v > 20.0 ? v : std::log1p(std::exp(v)); }
  static float softplus(float v) { return v > 20.0f ? v : std::log(1.0f + spline_exp(v)); }
  static Real sigmoid(Real v) { return Real(1) / (Real(1) + spline_exp(-v)); }

  // x in [lo, hi]; returns y, adds log dy/dx to logdet
  Real forward(Real x, const Real *rawW, const Real *rawH, const Real *rawD, int nbins, Real lo,
               Real hi, bool circ, Real &logdet)
  {
    bins = nbins;
    circular = circ;
    range = hi - lo;
    width.forward(rawW, bins);
    height.forward(rawH, bins);
    Real xk = lo, yk = lo;
    for (bin = 0; bin < bins - 1; bin++) {
      const Real next = xk + range * width.w[bin];
      if (x < next) break;
      xk = next;
      yk += range * height.w[bin];
    }
    wk = range * width.w[bin];
    hk = range * height.w[bin];
    if (circular) {
      k0 = bin;
      k1 = (bin + 1) % bins;
    } else {
      k0 = bin - 1;
      k1 = bin < bins - 1 ? bin : -1;
    }
    raw0 = k0 >= 0 ? rawD[k0] + Real(SPLINE_UNIT) : Real(0);
    raw1 = k1 >= 0 ? rawD[k1] + Real(SPLINE_UNIT) : Real(0);
    d0 = k0 >= 0 ? softplus(raw0) + Real(SPLINE_MIN) : Real(1);
    d1 = k1 >= 0 ? softplus(raw1) + Real(SPLINE_MIN) : Real(1);
    t = (x - xk) / wk;
    t = t < Real(0) ? Real(0) : (t > Real(1) ? Real(1) : t);
    s = hk / wk;
    const Real t1 = t * (Real(1) - t);
    num = s * t * t + d0 * t1;
    den = s + (d0 + d1 - 2 * s) * t1;
    q = d1 * t * t + 2 * s * t1 + d0 * (Real(1) - t) * (Real(1) - t);
    logdet += std::log(q * (s / den) * (s / den));
    return yk + hk * num / den;
  }

  // gy, gl: derivatives by y and by the log-determinant; returns the one by x and
  // overwrites those by the raw numbers (gD has bins entries if circular, else bins-1)
  Real backward(Real gy, Real gl, Real *gW, Real *gH, Real *gD) const
  {
    const Real u = Real(1) - t, t1 = t * u, e = d0 + d1 - 2 * s, m = Real(1) - 2 * t;
    const Real gnum = gy * hk / den;
    const Real gden = -gy * hk * num / (den * den) - 2 * gl / den;
    const Real gq = gl / q;
    const Real gt =
        gnum * (2 * s * t + d0 * m) + gden * e * m + gq * (2 * d1 * t + 2 * s * m - 2 * d0 * u);
    const Real gs = gnum * t * t + gden * (1 - 2 * t1) + gq * 2 * t1 + 2 * gl / s;
    const Real gd0 = gnum * t1 + gden * t1 + gq * u * u;
    const Real gd1 = gden * t1 + gq * t * t;
    const Real ghk = gy * num / den + gs / wk;
    const Real gwk = -gs * s / wk - gt * t / wk;
    const Real gx = gt / wk;

    Real gw[MAX_TRAIN_BINS], gh[MAX_TRAIN_BINS];
    for (int k = 0; k < bins; k++) {
      gw[k] = k < bin ? -range * gx : (k == bin ? range * gwk : Real(0));
      gh[k] = k < bin ? range * gy : (k == bin ? range * ghk : Real(0));
    }
    width.backward(gw, gW, bins);
    height.backward(gh, gH, bins);
    const int nd = circular ? bins : bins - 1;
    for (int k = 0; k < nd; k++) gD[k] = Real(0);
    if (k0 >= 0) gD[k0] += gd0 * sigmoid(raw0);
    if (k1 >= 0) gD[k1] += gd1 * sigmoid(raw1);
    return gx;
  }
};

}    // namespace BACKMAP_NS

#endif

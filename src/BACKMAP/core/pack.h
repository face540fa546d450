/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_PACK_H
#define BACKMAP_CORE_PACK_H

// Several numbers that go through the same arithmetic; their lanes are different samples. On host CPUs
// a Pack is one vector register. On devices Lanes are a few numbers of one thread, which then loads a
// weight once for all of them. Where speed does not matter, the plain type takes their place.
// Algorithms are templates on P, any of the three, and use only the operators and the p_* functions of
// this file. A lane never depends on its neighbours.
//
// exp, log, sin, cos and atan2 of packs are polynomials of our own (after fdlibm, Sun Microsystems 1993,
// and Cephes): a compiler vectorises calls of the library only with -ffast-math, which we must not
// use, because it removes the checks for numbers that are not finite.

#include <cmath>
#include <cstdint>
#include <limits>

#if defined(__SSE2__) && !defined(__CUDACC__) && !defined(__HIPCC__)
#include <immintrin.h>
#endif

#if defined(__CUDACC__) || defined(__HIPCC__)
#define BACKMAP_FUNCTION __host__ __device__ inline
#define BACKMAP_KERNEL __host__ __device__ inline
#elif defined(__GNUC__)
#define BACKMAP_FUNCTION inline __attribute__((always_inline))
// one body whatever the surroundings: its rounding cannot depend on where it is called from
#define BACKMAP_KERNEL inline __attribute__((noinline))
#else
#define BACKMAP_FUNCTION inline
#define BACKMAP_KERNEL inline
#endif

// loads of several turns of a loop in flight at once; a host's processor sees to it itself
#if defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__)
#define BACKMAP_UNROLL _Pragma("unroll 8")
#else
#define BACKMAP_UNROLL
#endif

#if defined(__GNUC__) && !defined(__CUDACC__) && !defined(__HIPCC__)
#define BACKMAP_HAVE_VECTORS 1
#if defined(__AVX512F__)
#define BACKMAP_VECTOR_BYTES 64
#elif defined(__AVX__)
#define BACKMAP_VECTOR_BYTES 32
#else
#define BACKMAP_VECTOR_BYTES 16
#endif
#else
#define BACKMAP_VECTOR_BYTES 16    // what a thread of a device loads at once
#endif

namespace BACKMAP_NS {

constexpr double BACKMAP_PI = 3.14159265358979323846;

/// The number type inside P and how many there are.
template <class P> struct PackTraits {
  using Scalar = P;
  static constexpr int width = 1;
};

// ----------------------------------------------------------------------
// plain numbers
// ----------------------------------------------------------------------

#define BACKMAP_PLAIN(T)                           \
  BACKMAP_FUNCTION T p_select(bool mask, T a, T b) \
  {                                                \
    return mask ? a : b;                           \
  }                                                \
  BACKMAP_FUNCTION T p_sqrt(T x)                   \
  {                                                \
    return std::sqrt(x);                           \
  }                                                \
  BACKMAP_FUNCTION T p_exp(T x)                    \
  {                                                \
    return std::exp(x);                            \
  }                                                \
  BACKMAP_FUNCTION T p_log(T x)                    \
  {                                                \
    return std::log(x);                            \
  }                                                \
  BACKMAP_FUNCTION T p_floor(T x)                  \
  {                                                \
    return std::floor(x);                          \
  }                                                \
  BACKMAP_FUNCTION T p_atan2(T y, T x)             \
  {                                                \
    return std::atan2(y, x);                       \
  }                                                \
  BACKMAP_FUNCTION T p_hypot(T x, T y)             \
  {                                                \
    return std::hypot(x, y);                       \
  }                                                \
  BACKMAP_FUNCTION void p_sincos(T x, T &s, T &c)  \
  {                                                \
    s = std::sin(x);                               \
    c = std::cos(x);                               \
  }
BACKMAP_PLAIN(float)
BACKMAP_PLAIN(double)
#undef BACKMAP_PLAIN

// ----------------------------------------------------------------------
// a few numbers of one thread
// ----------------------------------------------------------------------

template <class T, int W> struct alignas(W * sizeof(T)) Lanes {
  struct Mask {
    bool v[W];
  };

  T v[W];

  Lanes() = default;
  BACKMAP_FUNCTION Lanes(T s)
  {
    for (int i = 0; i < W; i++) v[i] = s;
  }
};

template <class T, int W> struct PackTraits<Lanes<T, W>> {
  using Scalar = T;
  static constexpr int width = W;
};

#define BACKMAP_OPERATOR(op)                                                           \
  template <class T, int W>                                                            \
  BACKMAP_FUNCTION Lanes<T, W> operator op(const Lanes<T, W> &a, const Lanes<T, W> &b) \
  {                                                                                    \
    Lanes<T, W> r;                                                                     \
    for (int i = 0; i < W; i++) r.v[i] = a.v[i] op b.v[i];                             \
    return r;                                                                          \
  }
BACKMAP_OPERATOR(+)
BACKMAP_OPERATOR(-)
BACKMAP_OPERATOR(*)
BACKMAP_OPERATOR(/)
#undef BACKMAP_OPERATOR

#define BACKMAP_COMPARE(op)                                                     \
  template <class T, int W>                                                     \
  BACKMAP_FUNCTION typename Lanes<T, W>::Mask operator op(const Lanes<T, W> &a, \
                                                          const Lanes<T, W> &b) \
  {                                                                             \
    typename Lanes<T, W>::Mask r{};                                             \
    for (int i = 0; i < W; i++) r.v[i] = a.v[i] op b.v[i];                      \
    return r;                                                                   \
  }
BACKMAP_COMPARE(<)
BACKMAP_COMPARE(>)
BACKMAP_COMPARE(<=)
BACKMAP_COMPARE(>=)
#undef BACKMAP_COMPARE

#define BACKMAP_EACH(name, value)                                                   \
  template <class T, int W> BACKMAP_FUNCTION Lanes<T, W> name(const Lanes<T, W> &a) \
  {                                                                                 \
    Lanes<T, W> r;                                                                  \
    for (int i = 0; i < W; i++) r.v[i] = value;                                     \
    return r;                                                                       \
  }
BACKMAP_EACH(operator-, -a.v[i])
BACKMAP_EACH(p_sqrt, p_sqrt(a.v[i]))
BACKMAP_EACH(p_exp, p_exp(a.v[i]))
BACKMAP_EACH(p_log, p_log(a.v[i]))
BACKMAP_EACH(p_floor, p_floor(a.v[i]))
#undef BACKMAP_EACH

template <class T, int W>
BACKMAP_FUNCTION Lanes<T, W> p_select(const typename Lanes<T, W>::Mask &mask, const Lanes<T, W> &a,
                                      const Lanes<T, W> &b)
{
  Lanes<T, W> r;
  for (int i = 0; i < W; i++) r.v[i] = mask.v[i] ? a.v[i] : b.v[i];
  return r;
}

template <class T, int W>
BACKMAP_FUNCTION void p_sincos(const Lanes<T, W> &x, Lanes<T, W> &s, Lanes<T, W> &c)
{
  for (int i = 0; i < W; i++) p_sincos(x.v[i], s.v[i], c.v[i]);
}

// ----------------------------------------------------------------------
// vector registers (GNU vector extension: GCC, Clang, Intel)
// ----------------------------------------------------------------------

#ifdef BACKMAP_HAVE_VECTORS

template <class T> struct PackInt;
template <> struct PackInt<float> {
  using type = std::int32_t;
  using bits = std::uint32_t;
};
template <> struct PackInt<double> {
  using type = std::int64_t;
  using bits = std::uint64_t;
};

template <class T, int W> struct Pack {
  typedef T V __attribute__((vector_size(W * sizeof(T))));
  typedef typename PackInt<T>::type I __attribute__((vector_size(W * sizeof(T))));
  typedef typename PackInt<T>::bits U
      __attribute__((vector_size(W * sizeof(T))));    // may overflow
  using Mask = I;

  V v;

  Pack() = default;
  BACKMAP_FUNCTION Pack(T s) : v(s - V{}) {}
  BACKMAP_FUNCTION static Pack of(V v)
  {
    Pack p;
    p.v = v;
    return p;
  }
};

template <class T, int W> struct PackTraits<Pack<T, W>> {
  using Scalar = T;
  static constexpr int width = W;
};

#define BACKMAP_OPERATOR(op)                                                        \
  template <class T, int W>                                                         \
  BACKMAP_FUNCTION Pack<T, W> operator op(const Pack<T, W> &a, const Pack<T, W> &b) \
  {                                                                                 \
    return Pack<T, W>::of(a.v op b.v);                                              \
  }
BACKMAP_OPERATOR(+)
BACKMAP_OPERATOR(-)
BACKMAP_OPERATOR(*)
BACKMAP_OPERATOR(/)
#undef BACKMAP_OPERATOR

#define BACKMAP_COMPARE(op)                                                                        \
  template <class T, int W>                                                                        \
  BACKMAP_FUNCTION typename Pack<T, W>::Mask operator op(const Pack<T, W> &a, const Pack<T, W> &b) \
  {                                                                                                \
    return a.v op b.v;                                                                             \
  }
BACKMAP_COMPARE(<)
BACKMAP_COMPARE(>)
BACKMAP_COMPARE(<=)
BACKMAP_COMPARE(>=)
#undef BACKMAP_COMPARE

template <class T, int W> BACKMAP_FUNCTION Pack<T, W> operator-(const Pack<T, W> &a)
{
  return Pack<T, W>::of(-a.v);
}

template <class T, int W>
BACKMAP_FUNCTION Pack<T, W> p_select(const typename Pack<T, W>::Mask &mask, const Pack<T, W> &a,
                                     const Pack<T, W> &b)
{
  return Pack<T, W>::of(mask ? a.v : b.v);
}

template <class T, int W> BACKMAP_FUNCTION Pack<T, W> p_sqrt(const Pack<T, W> &x)
{
  // the library's sqrt sets errno, so a loop over it stays a loop; maskz: GCC 12 warns of the
  // plain form

  using V = typename Pack<T, W>::V;
  constexpr int bytes = W * sizeof(T);
  (void) bytes;
#if defined(__AVX512F__)
  if constexpr (bytes == 64) {
    if constexpr (sizeof(T) == 4)
      return Pack<T, W>::of((V) _mm512_maskz_sqrt_ps(0xffff, (__m512) x.v));
    else
      return Pack<T, W>::of((V) _mm512_maskz_sqrt_pd(0xff, (__m512d) x.v));
  } else
#endif
#if defined(__AVX__)
      if constexpr (bytes == 32) {
    if constexpr (sizeof(T) == 4)
      return Pack<T, W>::of((V) _mm256_sqrt_ps((__m256) x.v));
    else
      return Pack<T, W>::of((V) _mm256_sqrt_pd((__m256d) x.v));
  } else
#endif
#if defined(__SSE2__)
      if constexpr (bytes == 16) {
    if constexpr (sizeof(T) == 4)
      return Pack<T, W>::of((V) _mm_sqrt_ps((__m128) x.v));
    else
      return Pack<T, W>::of((V) _mm_sqrt_pd((__m128d) x.v));
  } else
#endif
  {
    Pack<T, W> y;
    for (int i = 0; i < W; i++) y.v[i] = std::sqrt(x.v[i]);
    return y;
  }
}

template <class T, int W>
BACKMAP_FUNCTION Pack<T, W> p_hypot(const Pack<T, W> &x, const Pack<T, W> &y)
{
  return p_sqrt(x * x + y * y);
}

/* ----------------------------------------------------------------------
   atan2: the smaller by the larger, above 0.66 as pi/4 + atan((y-x)/(y+x)); then the octant
   one mask chooses both, so that a number that is none gets through; (0, 0) gives 0
------------------------------------------------------------------------- */

template <class T, int W>
BACKMAP_FUNCTION Pack<T, W> p_atan2(const Pack<T, W> &y, const Pack<T, W> &x)
{
  using P = Pack<T, W>;
  const P zero(T(0)), ay = p_select<T, W>(y < zero, -y, y), ax = p_select<T, W>(x < zero, -x, x);
  const auto steep = ay > ax;
  const P small = p_select<T, W>(steep, ax, ay), large = p_select<T, W>(steep, ay, ax);
  const auto far = small > large * P(T(0.66));
  const P below = p_select<T, W>(far, small + large, large);
  const P t =
      p_select<T, W>(far, small - large, small) / p_select<T, W>(below <= zero, P(T(1)), below);
  const P z = t * t;
  P p = P(T(-8.750608600031904122785e-1)) * z + P(T(-1.615753718733365076637e1));
  p = p * z + P(T(-7.500855792314704667340e1));
  p = p * z + P(T(-1.228866684490136173410e2));
  p = p * z + P(T(-6.485021904942025371773e1));
  P q = z + P(T(2.485846490142306297962e1));
  q = q * z + P(T(1.650270098316988542046e2));
  q = q * z + P(T(4.328810604912902668951e2));
  q = q * z + P(T(4.853903996359136964868e2));
  q = q * z + P(T(1.945506571482613964425e2));
  P a = t * (z * p / q) + t;
  a = p_select<T, W>(far, a + P(T(BACKMAP_PI / 4)), a);
  a = p_select<T, W>(steep, P(T(BACKMAP_PI / 2)) - a, a);
  a = p_select<T, W>(x < zero, P(T(BACKMAP_PI)) - a, a);
  return p_select<T, W>(y < zero, -a, a);
}

/// A number that, added and taken away again, rounds to the nearest integer.
template <class T> struct PackMagic;
template <> struct PackMagic<float> {
  static constexpr float value = 12582912.0f;    // 1.5 * 2^23
};
template <> struct PackMagic<double> {
  static constexpr double value = 6755399441055744.0;    // 1.5 * 2^52
};

/// For |x| below 2^22 (float) or 2^51 (double).
template <class T, int W> BACKMAP_FUNCTION Pack<T, W> p_floor(const Pack<T, W> &x)
{
  const Pack<T, W> magic(PackMagic<T>::value);
  const Pack<T, W> n = (x + magic) - magic;
  return p_select<T, W>(n > x, n - Pack<T, W>(T(1)), n);
}

/* ----------------------------------------------------------------------
   exp: 2^n exp(r), |r| <= ln2/2. +inf above the range, about 1e-38 (1e-308) below it
------------------------------------------------------------------------- */

template <int W> BACKMAP_FUNCTION Pack<float, W> p_exp(const Pack<float, W> &x0)
{
  using P = Pack<float, W>;
  const P magic(PackMagic<float>::value), low(-87.0f), high(88.0f);
  P x = p_select<float, W>(x0 < low, low, x0);
  x = p_select<float, W>(x > high, high, x);
  const P shifted = x * P(1.44269504088896341f) + magic;
  const P n = shifted - magic;
  const P r = (x - n * P(0.693359375f)) - n * P(-2.12194440e-4f);
  P p = P(1.9875691500e-4f) * r + P(1.3981999507e-3f);
  p = p * r + P(8.3334519073e-3f);
  p = p * r + P(4.1665795894e-2f);
  p = p * r + P(1.6666665459e-1f);
  p = p * r + P(5.0000001201e-1f);
  p = p * (r * r) + r + P(1.0f);
  const typename P::U bits = ((typename P::U) shifted.v << 23) + (127u << 23);
  const P y = p * P::of((typename P::V) bits);
  return p_select<float, W>(x0 > high, P(std::numeric_limits<float>::infinity()), y);
}

template <int W> BACKMAP_FUNCTION Pack<double, W> p_exp(const Pack<double, W> &x0)
{
  using P = Pack<double, W>;
  const P magic(PackMagic<double>::value), low(-708.0), high(709.0);
  P x = p_select<double, W>(x0 < low, low, x0);
  x = p_select<double, W>(x > high, high, x);
  const P shifted = x * P(1.44269504088896338700) + magic;
  const P n = shifted - magic;
  const P hi = x - n * P(6.93147180369123816490e-01), lo = n * P(1.90821492927058770002e-10);
  const P r = hi - lo;
  const P z = r * r;
  P q = P(4.13813679705723846039e-08) * z + P(-1.65339022054652515390e-06);
  q = q * z + P(6.61375632143793436117e-05);
  q = q * z + P(-2.77777777770155933842e-03);
  q = q * z + P(1.66666666666666019037e-01);
  const P c = r - z * q;
  const P y = P(1.0) - ((lo - (r * c) / (P(2.0) - c)) - hi);
  const typename P::U bits = ((typename P::U) shifted.v << 52) + (std::uint64_t(1023) << 52);
  return p_select<double, W>(x0 > high, P(std::numeric_limits<double>::infinity()),
                             y * P::of((typename P::V) bits));
}

/* ----------------------------------------------------------------------
   log of positive normal numbers: k ln2 + log(1+f), 1+f in [sqrt(1/2), sqrt(2))
------------------------------------------------------------------------- */

template <int W> BACKMAP_FUNCTION Pack<float, W> p_log(const Pack<float, W> &x)
{
  using P = Pack<float, W>;
  using I = typename P::I;
  const I shifted = (I) ((typename P::U) x.v + (0x3f800000u - 0x3f3504f3u));
  const I k = (shifted >> 23) - 127;
  const P m = P::of((typename P::V)((shifted & 0x007fffff) + 0x3f3504f3));
  const P e = P::of(__builtin_convertvector(k, typename P::V));
  const P f = m - P(1.0f);
  const P s = f / (P(2.0f) + f), z = s * s;
  P t = P(0.24279078841f) * z + P(0.28498786688f);
  t = t * z + P(0.40000972152f);
  t = t * z + P(0.66666662693f);
  const P half = P(0.5f) * f * f;
  return ((s * (half + z * t) + e * P(9.0580006145e-06f)) - half) + f + e * P(6.9313812256e-01f);
}

template <int W> BACKMAP_FUNCTION Pack<double, W> p_log(const Pack<double, W> &x)
{
  using P = Pack<double, W>;
  using I = typename P::I;
  const std::int64_t root = 0x3fe6a09e667f3bcdLL;    // sqrt(1/2)
  const I shifted = (I) ((typename P::U) x.v + std::uint64_t(0x3ff0000000000000LL - root));
  const I k = (shifted >> 52) - 1023;
  const P m = P::of((typename P::V)((shifted & 0x000fffffffffffffLL) + root));
  const P e = P::of(__builtin_convertvector(k, typename P::V));
  const P f = m - P(1.0);
  const P s = f / (P(2.0) + f), z = s * s;
  P t = P(1.479819860511658591e-01) * z + P(1.531383769920937332e-01);
  t = t * z + P(1.818357216161805012e-01);
  t = t * z + P(2.222219843214978396e-01);
  t = t * z + P(2.857142874366239149e-01);
  t = t * z + P(3.999999999940941908e-01);
  t = t * z + P(6.666666666666735130e-01);
  const P half = P(0.5) * f * f;
  return ((s * (half + z * t) + e * P(1.90821492927058770002e-10)) - half) + f +
      e * P(6.93147180369123816490e-01);
}

/* ----------------------------------------------------------------------
   sine and cosine, |x| up to 1e5 (double) or 1e3 (float)
------------------------------------------------------------------------- */

template <int W>
BACKMAP_FUNCTION void p_sincos_poly(const Pack<double, W> &x, const Pack<double, W> &n,
                                    Pack<double, W> &s, Pack<double, W> &c)
{
  using P = Pack<double, W>;
  const P r = ((x - n * P(1.57079632673412561417e+00)) - n * P(6.07710050630396597660e-11)) -
      n * P(2.02226624879595063154e-21);
  const P z = r * r;
  P p = P(1.58969099521155010221e-10) * z + P(-2.50507602534068634195e-08);
  p = p * z + P(2.75573137070700676789e-06);
  p = p * z + P(-1.98412698298579493134e-04);
  p = p * z + P(8.33333333332248946124e-03);
  p = p * z + P(-1.66666666666666324348e-01);
  s = r + r * (z * p);
  P q = P(-1.13596475577881948265e-11) * z + P(2.08757232129817482790e-09);
  q = q * z + P(-2.75573143513906633035e-07);
  q = q * z + P(2.48015872894767294178e-05);
  q = q * z + P(-1.38888888888741095749e-03);
  q = q * z + P(4.16666666666666019037e-02);
  const P half = P(0.5) * z, w = P(1.0) - half;
  c = w + (((P(1.0) - w) - half) + z * (z * q));
}

template <int W>
BACKMAP_FUNCTION void p_sincos_poly(const Pack<float, W> &x, const Pack<float, W> &n,
                                    Pack<float, W> &s, Pack<float, W> &c)
{
  using P = Pack<float, W>;
  const P r = ((x - n * P(1.5703125f)) - n * P(4.8351287841796875e-4f)) -
      n * P(3.13855707645416259765625e-7f) - n * P(6.0771006282767e-11f);
  const P z = r * r;
  P p = P(-1.9515295891e-4f) * z + P(8.3321608736e-3f);
  p = p * z + P(-1.6666654611e-1f);
  s = r + r * (z * p);
  P q = P(2.443315711809948e-5f) * z + P(-1.388731625493765e-3f);
  q = q * z + P(4.166664568298827e-2f);
  c = (P(1.0f) - P(0.5f) * z) + z * (z * q);
}

template <class T, int W>
BACKMAP_FUNCTION void p_sincos(const Pack<T, W> &x, Pack<T, W> &s, Pack<T, W> &c)
{
  using P = Pack<T, W>;
  const P magic(PackMagic<T>::value);
  const P shifted = x * P(T(0.63661977236758134308)) + magic;
  P ps, pc;
  p_sincos_poly<W>(x, shifted - magic, ps, pc);
  const typename P::I n = (typename P::I) shifted.v;    // quarter turns in the lowest bits
  const typename P::I odd = (n & 1) != 0;
  const P a = p_select<T, W>(odd, pc, ps), b = p_select<T, W>(odd, ps, pc);
  s = p_select<T, W>((n & 2) != 0, -a, a);
  c = p_select<T, W>(((n + 1) & 2) != 0, -b, b);
}

#endif    // BACKMAP_HAVE_VECTORS

// ----------------------------------------------------------------------
// choice of the type, common functions
// ----------------------------------------------------------------------

template <class T, int W> struct PackChoice {
#ifdef BACKMAP_HAVE_VECTORS
  using type = Pack<T, W>;
#else
  using type = Lanes<T, W>;
#endif
};
template <class T> struct PackChoice<T, 1> {
  using type = T;
};
template <class T, int W> using PackType = typename PackChoice<T, W>::type;

/// Lanes of the widest pack of T on this host.
template <class T> constexpr int host_pack_width()
{
#ifdef BACKMAP_HAVE_VECTORS
  return BACKMAP_VECTOR_BYTES / (int) sizeof(T);
#else
  return 1;
#endif
}

/// Number of one lane.
template <class T, int W> BACKMAP_FUNCTION T p_lane(const Lanes<T, W> &a, int i)
{
  return a.v[i];
}
#ifdef BACKMAP_HAVE_VECTORS
template <class T, int W> BACKMAP_FUNCTION T p_lane(const Pack<T, W> &a, int i)
{
  return a.v[i];
}
#endif

template <class P> BACKMAP_FUNCTION P p_max(const P &a, const P &b)
{
  return p_select(a < b, b, a);
}

template <class P> BACKMAP_FUNCTION P p_abs(const P &a)
{
  return p_select(a < P(0), -a, a);
}

/// x / (1 + exp(-x))
template <class P> BACKMAP_FUNCTION P p_silu(const P &x)
{
  return x / (P(1) + p_exp(-x));
}

/// log(1 + exp(x))
template <class P> BACKMAP_FUNCTION P p_softplus(const P &x)
{
  return p_max(x, P(0)) + p_log(P(1) + p_exp(-p_abs(x)));
}

/// tanh(x/2)
template <class P> BACKMAP_FUNCTION P p_tanh_half(const P &x)
{
  return P(1) - P(2) / (p_exp(x) + P(1));
}

/// With an absolute error of the last place of 1.
template <class P> BACKMAP_FUNCTION P p_tanh(const P &x)
{
  return p_tanh_half(x + x);
}

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TEST_DUAL_H
#define BACKMAP_TEST_DUAL_H

// Dual numbers: a value and its exact derivative by one variable (forward automatic
// differentiation). The algorithms of the core are templates, so tests run them on Dual and get
// derivatives that know nothing of the log-determinants these algorithms report.

#include "core/pack.h"

#include <vector>

namespace BACKMAP_NS {
namespace test {

struct Dual {
  double v, d;
  Dual() = default;
  Dual(double value, double derivative = 0.0) : v(value), d(derivative) {}
};

inline Dual operator+(const Dual &a, const Dual &b)
{
  return {a.v + b.v, a.d + b.d};
}
inline Dual operator-(const Dual &a, const Dual &b)
{
  return {a.v - b.v, a.d - b.d};
}
inline Dual operator-(const Dual &a)
{
  return {-a.v, -a.d};
}
inline Dual operator*(const Dual &a, const Dual &b)
{
  return {a.v * b.v, a.d * b.v + a.v * b.d};
}
inline Dual operator/(const Dual &a, const Dual &b)
{
  return {a.v / b.v, (a.d * b.v - a.v * b.d) / (b.v * b.v)};
}
inline bool operator<(const Dual &a, const Dual &b)
{
  return a.v < b.v;
}
inline bool operator>(const Dual &a, const Dual &b)
{
  return a.v > b.v;
}
inline bool operator<=(const Dual &a, const Dual &b)
{
  return a.v <= b.v;
}
inline bool operator>=(const Dual &a, const Dual &b)
{
  return a.v >= b.v;
}

inline Dual p_select(bool mask, const Dual &a, const Dual &b)
{
  return mask ? a : b;
}
inline Dual p_sqrt(const Dual &x)
{
  const double r = std::sqrt(x.v);
  return {r, x.d / (2.0 * r)};
}
inline Dual p_exp(const Dual &x)
{
  return {std::exp(x.v), x.d * std::exp(x.v)};
}
inline Dual p_log(const Dual &x)
{
  return {std::log(x.v), x.d / x.v};
}
inline Dual p_floor(const Dual &x)
{
  return {std::floor(x.v), 0.0};
}
inline Dual p_atan2(const Dual &y, const Dual &x)
{
  return {std::atan2(y.v, x.v), (y.d * x.v - x.d * y.v) / (x.v * x.v + y.v * y.v)};
}
inline void p_sincos(const Dual &x, Dual &s, Dual &c)
{
  s = {std::sin(x.v), x.d * std::cos(x.v)};
  c = {std::cos(x.v), -x.d * std::sin(x.v)};
}

/// log|det| of a square matrix, row-major, by Gaussian elimination with pivots.
inline double log_abs_det(std::vector<double> m, int n)
{
  double sum = 0.0;
  for (int k = 0; k < n; k++) {
    int pivot = k;
    for (int i = k + 1; i < n; i++)
      if (std::fabs(m[i * n + k]) > std::fabs(m[pivot * n + k])) pivot = i;
    for (int j = 0; j < n; j++) std::swap(m[k * n + j], m[pivot * n + j]);
    sum += std::log(std::fabs(m[k * n + k]));
    for (int i = k + 1; i < n; i++) {
      const double f = m[i * n + k] / m[k * n + k];
      for (int j = k; j < n; j++) m[i * n + j] -= f * m[k * n + j];
    }
  }
  return sum;
}

}    // namespace test
}    // namespace BACKMAP_NS

#endif

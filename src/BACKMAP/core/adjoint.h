/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_ADJOINT_H
#define BACKMAP_CORE_ADJOINT_H

// A number that remembers how it was computed, so that the algorithms that are templates on P
// (core/pack.h) also give their derivatives: reverse accumulation on a tape. Host only, one tape
// per thread.

#include "core/pack.h"

#include <vector>

namespace BACKMAP_NS {

/// Operations in the order in which they were done; every one has at most two operands.
class AdjointTape {
 public:
  static AdjointTape &current()
  {
    static thread_local AdjointTape tape;
    return tape;
  }

  void clear() { operations.clear(); }

  int record(int a, double da, int b = -1, double db = 0.0)
  {
    operations.push_back({a, b, da, db});
    return (int) operations.size() - 1;
  }

  /// adjoint [operations]: derivatives of something by every number on the tape, of which those of
  /// the results are given; complete on return.
  void accumulate(std::vector<double> &adjoint) const
  {
    for (std::size_t i = operations.size(); i-- > 0;) {
      const Operation &o = operations[i];
      if (o.a >= 0) adjoint[o.a] += o.da * adjoint[i];
      if (o.b >= 0) adjoint[o.b] += o.db * adjoint[i];
    }
  }

  std::size_t size() const { return operations.size(); }

 private:
  struct Operation {
    int a, b;
    double da, db;
  };
  std::vector<Operation> operations;
};

struct Adjoint {
  double value = 0.0;
  int id = -1;    // on the tape; -1: a constant

  Adjoint() = default;
  Adjoint(double v) : value(v) {}
  Adjoint(double v, int i) : value(v), id(i) {}

  /// A number to differentiate by.
  static Adjoint variable(double v) { return {v, AdjointTape::current().record(-1, 0.0)}; }

  static Adjoint unary(double v, const Adjoint &a, double da)
  {
    return {v, a.id < 0 ? -1 : AdjointTape::current().record(a.id, da)};
  }
  static Adjoint binary(double v, const Adjoint &a, double da, const Adjoint &b, double db)
  {
    return {v, a.id < 0 && b.id < 0 ? -1 : AdjointTape::current().record(a.id, da, b.id, db)};
  }
};

inline Adjoint operator+(const Adjoint &a, const Adjoint &b)
{
  return Adjoint::binary(a.value + b.value, a, 1.0, b, 1.0);
}

inline Adjoint operator-(const Adjoint &a, const Adjoint &b)
{
  return Adjoint::binary(a.value - b.value, a, 1.0, b, -1.0);
}

inline Adjoint operator-(const Adjoint &a)
{
  return Adjoint::unary(-a.value, a, -1.0);
}

inline Adjoint operator*(const Adjoint &a, const Adjoint &b)
{
  return Adjoint::binary(a.value * b.value, a, b.value, b, a.value);
}

inline Adjoint operator/(const Adjoint &a, const Adjoint &b)
{
  const double q = a.value / b.value;
  return Adjoint::binary(q, a, 1.0 / b.value, b, -q / b.value);
}

inline bool operator<(const Adjoint &a, const Adjoint &b)
{
  return a.value < b.value;
}
inline bool operator>(const Adjoint &a, const Adjoint &b)
{
  return a.value > b.value;
}
inline bool operator<=(const Adjoint &a, const Adjoint &b)
{
  return a.value <= b.value;
}
inline bool operator>=(const Adjoint &a, const Adjoint &b)
{
  return a.value >= b.value;
}

inline Adjoint p_select(bool mask, const Adjoint &a, const Adjoint &b)
{
  return mask ? a : b;
}

inline Adjoint p_sqrt(const Adjoint &x)
{
  const double y = std::sqrt(x.value);
  return Adjoint::unary(y, x, 0.5 / y);
}

inline Adjoint p_exp(const Adjoint &x)
{
  const double y = std::exp(x.value);
  return Adjoint::unary(y, x, y);
}

inline Adjoint p_log(const Adjoint &x)
{
  return Adjoint::unary(std::log(x.value), x, 1.0 / x.value);
}

/// Constant between its jumps.
inline Adjoint p_floor(const Adjoint &x)
{
  return std::floor(x.value);
}

inline Adjoint p_atan2(const Adjoint &y, const Adjoint &x)
{
  const double r2 = x.value * x.value + y.value * y.value;
  return Adjoint::binary(std::atan2(y.value, x.value), y, x.value / r2, x, -y.value / r2);
}

inline void p_sincos(const Adjoint &x, Adjoint &s, Adjoint &c)
{
  const double vs = std::sin(x.value), vc = std::cos(x.value);
  s = Adjoint::unary(vs, x, vc);
  c = Adjoint::unary(vc, x, -vs);
}

}    // namespace BACKMAP_NS

#endif

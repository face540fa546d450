/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_SLOPES_H
#define BACKMAP_MOLECULE_SLOPES_H

// The coordinates of molecule/geometry.h with their derivatives by the points, for any number type of
// core/pack.h. Where a derivative does not exist (points in one place, an angle of 0 or pi, a torsion
// over three points in line) it is zero. Numbers that are none stay none: comparisons are written so
// that only an exact zero is the exception.

#include "molecule/geometry.h"

namespace BACKMAP_NS {

/// 1 / x, and 0 for 0.
template <class P> BACKMAP_FUNCTION P inverse_or_zero(const P &x)
{
  return p_select(p_abs(x) <= P(0), P(0), P(1) / x);
}

/// Distance; to_b: its derivative by b, that by a is the opposite.
template <class P>
BACKMAP_FUNCTION P distance_slope(const Vec3<P> &a, const Vec3<P> &b, Vec3<P> &to_b)
{
  const Vec3<P> u = b - a;
  const P r = norm(u);
  to_b = scale(inverse_or_zero(r), u);
  return r;
}

/* ----------------------------------------------------------------------
   angle and its derivatives by a and c; that by b makes the sum zero
   the angle grows when an arm turns away from the other one about the normal n of the plane:
   d theta / d u = u x n / |u|^2,  d theta / d v = n x v / |v|^2
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION P angle_slopes(const Vec3<P> &a, const Vec3<P> &b, const Vec3<P> &c, Vec3<P> &to_a,
                                Vec3<P> &to_c)
{
  const Vec3<P> u = a - b, v = c - b, w = cross(u, v);
  const P s = norm(w), uu = dot(u, u), vv = dot(v, v);
  const P inverse = inverse_or_zero(s * uu * vv);
  to_a = scale(inverse * vv, cross(u, w));
  to_c = scale(inverse * uu, cross(w, v));
  return p_atan2(s, dot(u, v));
}

/* ----------------------------------------------------------------------
   sine and cosine of a torsion, from the numbers of which it is the atan2; (0, 0) counts as zero
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION void sine_cosine(const P &y, const P &x, P &sine, P &cosine)
{
  const P r = p_hypot(x, y);
  const auto none = r <= P(0);
  sine = p_select(none, P(0), y / r);
  cosine = p_select(none, P(1), x / r);
}

/* ----------------------------------------------------------------------
   torsion as its sine and cosine, its derivatives by a, b and d; that by c makes the sum zero
   Blondel and Karplus, J. Comput. Chem. 17, 1132 (1996), eq. 27: no division by the sine of the
   torsion, hence no pole at 0 and pi
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void dihedral_slopes(const Vec3<P> &a, const Vec3<P> &b, const Vec3<P> &c,
                                      const Vec3<P> &d, P &sine, P &cosine, Vec3<P> &to_a,
                                      Vec3<P> &to_b, Vec3<P> &to_d)
{
  const Vec3<P> b1 = b - a, b2 = c - b, b3 = d - c;
  const Vec3<P> m = cross(b1, b2), n = cross(b2, b3);
  const P mm = dot(m, m), nn = dot(n, n), gg = dot(b2, b2), g = p_sqrt(gg);
  const P inverse = inverse_or_zero(mm * nn * g);
  const P by_m = inverse * nn, by_n = inverse * mm;    // 1 / (mm g), 1 / (nn g)
  const Vec3<P> fm = scale(by_m * dot(b1, b2), m), fn = scale(by_n * dot(b3, b2), n);
  to_a = scale(-(by_m * gg), m);
  to_b = fm - to_a + fn;
  to_d = scale(by_n * gg, n);
  sine_cosine(g * dot(b1, n), dot(m, n), sine, cosine);
}

}    // namespace BACKMAP_NS

#endif

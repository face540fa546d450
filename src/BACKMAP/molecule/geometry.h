/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_GEOMETRY_H
#define BACKMAP_MOLECULE_GEOMETRY_H

// Points, bond lengths, angles and torsions on the host and on devices. P is a floating-point type
// or a Pack of them (core/pack.h): then every lane is another molecule.

#include "core/pack.h"

namespace BACKMAP_NS {

template <class P> struct Vec3 {
  P x, y, z;
};

template <class P> BACKMAP_FUNCTION Vec3<P> operator+(const Vec3<P> &a, const Vec3<P> &b)
{
  return {a.x + b.x, a.y + b.y, a.z + b.z};
}

template <class P> BACKMAP_FUNCTION Vec3<P> operator-(const Vec3<P> &a, const Vec3<P> &b)
{
  return {a.x - b.x, a.y - b.y, a.z - b.z};
}

template <class P> BACKMAP_FUNCTION Vec3<P> scale(const P &s, const Vec3<P> &a)
{
  return {s * a.x, s * a.y, s * a.z};
}

template <class P> BACKMAP_FUNCTION P dot(const Vec3<P> &a, const Vec3<P> &b)
{
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

template <class P> BACKMAP_FUNCTION Vec3<P> cross(const Vec3<P> &a, const Vec3<P> &b)
{
  return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x};
}

template <class P> BACKMAP_FUNCTION P norm(const Vec3<P> &a)
{
  return p_sqrt(dot(a, a));
}

/// |a - b|
template <class P> BACKMAP_FUNCTION P distance(const Vec3<P> &a, const Vec3<P> &b)
{
  return norm(a - b);
}

/// Angle a-b-c in [0, pi], accurate at both ends.
template <class P> BACKMAP_FUNCTION P angle(const Vec3<P> &a, const Vec3<P> &b, const Vec3<P> &c)
{
  const Vec3<P> u = a - b, v = c - b;
  return p_atan2(norm(cross(u, v)), dot(u, v));
}

/// Torsion a-b-c-d in [-pi, pi], IUPAC sign: looking from b to c, clockwise is positive.
template <class P>
BACKMAP_FUNCTION P dihedral(const Vec3<P> &a, const Vec3<P> &b, const Vec3<P> &c, const Vec3<P> &d)
{
  const Vec3<P> b1 = b - a, b2 = c - b, b3 = d - c;
  const Vec3<P> m = cross(b1, b2), n = cross(b2, b3);
  return p_atan2(norm(b2) * dot(b1, n), dot(m, n));
}

/// Brings an angle into [-pi, pi).
template <class P> BACKMAP_FUNCTION P wrap(const P &x)
{
  const P pi = P(BACKMAP_PI), turn = P(2.0 * BACKMAP_PI);
  const P y = x - turn * p_floor((x + pi) / turn);
  return p_select(y < pi, p_select(y < -pi, -pi, y), y - turn);
}

/// Position at distance r from a, angle t to b, torsion p about a-b against c, and sines and
/// cosines given: inverse of distance, angle and dihedral.
template <class P>
BACKMAP_FUNCTION Vec3<P> place(const Vec3<P> &a, const Vec3<P> &b, const Vec3<P> &c, const P &r,
                               const P &sin_t, const P &cos_t, const P &sin_p, const P &cos_p)
{
  Vec3<P> u = a - b;
  u = scale(P(1.0) / norm(u), u);
  Vec3<P> n = cross(b - c, u);
  n = scale(P(1.0) / norm(n), n);
  const Vec3<P> m = cross(n, u);
  const P along = -(r * cos_t), inplane = r * sin_t * cos_p, out = r * sin_t * sin_p;
  return {a.x + along * u.x + inplane * m.x + out * n.x,
          a.y + along * u.y + inplane * m.y + out * n.y,
          a.z + along * u.z + inplane * m.z + out * n.z};
}

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_INTERNAL_COORDS_H
#define BACKMAP_INTERNAL_COORDS_H

// Cartesian coordinates <-> the variables of the flow: deviations of bond lengths, angles and
// torsions (linear) and free torsions (circular), with log|det dx/dy|. See FlowSpec for the order
// of variables and doc/src/Howto_backmap_model_file.rst for the formulas.
//
// Rotors. The m equivalent atoms of a rotor sit at torsions phi_j = phi_0 + ideal_j + d_j. The
// circular variable is c = wrap(m tau - pi), tau = phi_0 + mean(d): it does not change when the
// atoms exchange labels cyclically. Canonical labels are those with tau in [0, 2 pi/m); sampling
// draws the labels uniformly. The factors m of dc/dtau and 1/m of the labels cancel in the density.
// All d_j (d_0 = 0) must lie within less than pi of each other: otherwise wrapping would make the
// order of the atoms ambiguous, and the density is zero there.

#include "backmap_geometry.h"

#include <vector>

namespace BACKMAP_NS {

struct FlowSpec;

/// Plain pointers to the tables of a molecule, on the host or on a device.
struct InternalView {
  static constexpr int MAX_ROTOR = 3;
  static constexpr int ROTOR_INTS = 2 + MAX_ROTOR;

  int natoms, nbeads, nrows, nl, nc, nrotors;
  double log_chol;         // sum of the logarithms of the diagonal of chol
  const int *bead_atom;    // [nbeads]
  const int *place;        // [nrows][4] atom and references; rotor members share those of the first
  const int *linear;       // [nl] slots
  const int *rotor;        // [nrotors][ROTOR_INTS] m, sign, rows
  const int *circular;     // [nc-nrotors] slots
  const double *mean;      // [nl]
  const double *chol;      // lower triangle, row after row
};

/* ----------------------------------------------------------------------
   c[i], r[i], t[i] of the members of a rotor in other labels:
   result i is member (i + step) mod m; step is a number per lane, 0..m-1
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION void rotate_labels(P *value, int m, const P &step)
{
  P old[InternalView::MAX_ROTOR];
  for (int i = 0; i < m; i++) old[i] = value[i];
  for (int i = 0; i < m; i++) {
    P chosen = old[i];
    for (int k = 1; k < m; k++) {
      const P half = P(0.5), d = p_abs(step - P((double) k));
      chosen = p_select(d < half, old[(i + k) % m], chosen);
    }
    value[i] = chosen;
  }
}

/* ----------------------------------------------------------------------
   whitened deviations v, circular variables c, label shifts -> x
   every array holds one P per entry, `stride` apart; y is scratch [3 nrows]
   x [3 natoms] holds the beads on entry and everything on return
   logdet: log|dx/dy| (without log|det L|); bad: 1 where the point has no image, else 0
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void from_internal(const InternalView &g, const P *v, const P *c, const P *shift,
                                  P *y, P *x, int stride, P *logdet, P *bad)
{
  const int n = g.nrows;
  const P pi = P(BACKMAP_PI), zero = P(0.0), one = P(1.0);
  P fail = zero, sum = zero;

  const double *chol = g.chol;
  for (int i = 0; i < g.nl; i++) {
    P dev = zero;
    for (int j = 0; j <= i; j++) dev = dev + P(chol[j]) * v[j * stride];
    chol += i + 1;
    const int slot = g.linear[i];
    if (slot >= 2 * n) fail = p_select(p_abs(dev) < pi, fail, one);
    y[slot * stride] = P(g.mean[i]) + dev;
  }
  for (int i = g.nrotors; i < g.nc; i++)
    y[g.circular[i - g.nrotors] * stride] = c[i * stride];

  for (int q = 0; q < g.nrotors; q++) {
    const int *rotor = g.rotor + q * InternalView::ROTOR_INTS;
    const int m = rotor[0];
    const double ideal = rotor[1] * 2.0 * BACKMAP_PI / m;
    P d[InternalView::MAX_ROTOR], r[InternalView::MAX_ROTOR], t[InternalView::MAX_ROTOR];
    P low = zero, high = zero, mean = zero;
    d[0] = zero;
    for (int j = 0; j < m; j++) {
      const int k = rotor[2 + j];
      r[j] = y[k * stride];
      t[j] = y[(n + k) * stride];
      if (j) d[j] = wrap(y[(2 * n + k) * stride] - P(j * ideal));
      low = p_select(d[j] < low, d[j], low);
      high = p_select(d[j] > high, d[j], high);
      mean = mean + d[j];
    }
    fail = p_select(high - low < pi, fail, one);
    const P tau = (c[q * stride] + pi) * P(1.0 / m);
    const P first = tau - mean * P(1.0 / m);
    for (int j = 0; j < m; j++) d[j] = first + P(j * ideal) + d[j];

    // label s gets canonical member s + sign*shift

    const P k = shift[q * stride];
    const P step = rotor[1] > 0 ? k : p_select(k < P(0.5), zero, P((double) m) - k);
    rotate_labels(r, m, step);
    rotate_labels(t, m, step);
    rotate_labels(d, m, step);
    for (int j = 0; j < m; j++) {
      const int row = rotor[2 + j];
      y[row * stride] = r[j];
      y[(n + row) * stride] = t[j];
      y[(2 * n + row) * stride] = d[j];
    }
  }

  for (int k = 0; k < n; k++) {
    const int *ref = g.place + 4 * k;
    const P r = y[k * stride], t = y[(n + k) * stride];
    fail = p_select(r > zero, fail, one);
    fail = p_select(t > zero, fail, one);
    fail = p_select(t < pi, fail, one);
    P sin_t, cos_t, sin_p, cos_p;
    p_sincos(t, sin_t, cos_t);
    p_sincos(y[(2 * n + k) * stride], sin_p, cos_p);
    Vec3<P> a[3];
    for (int j = 0; j < 3; j++) {
      const P *at = x + 3 * ref[1 + j] * stride;
      a[j] = {at[0], at[stride], at[2 * stride]};
    }
    const Vec3<P> pos = place(a[0], a[1], a[2], r, sin_t, cos_t, sin_p, cos_p);
    P *to = x + 3 * ref[0] * stride;
    to[0] = pos.x;
    to[stride] = pos.y;
    to[2 * stride] = pos.z;

    // catches coordinates that are not finite, too: every comparison with them is false

    const P size = p_abs(pos.x) + p_abs(pos.y) + p_abs(pos.z);
    fail = p_select(size < P(1.0e30), fail, one);
    const P volume = r * r * sin_t;
    sum = sum + p_log(p_select(volume > P(1.0e-300), volume, one));
    fail = p_select(volume > P(1.0e-300), fail, one);
  }
  *logdet = sum;
  *bad = fail;
}

/* ----------------------------------------------------------------------
   x -> deviations from the means l (before whitening), circular variables c
   arrays as above; y is scratch [3 nrows]
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void to_internal(const InternalView &g, const P *x, P *y, P *l, P *c, int stride,
                                P *logdet, P *bad)
{
  const int n = g.nrows;
  const P pi = P(BACKMAP_PI), zero = P(0.0), one = P(1.0);
  P fail = zero, sum = zero;

  for (int k = 0; k < n; k++) {
    Vec3<P> a[4];
    for (int j = 0; j < 4; j++) {
      const P *at = x + 3 * g.place[4 * k + j] * stride;
      a[j] = {at[0], at[stride], at[2 * stride]};
    }
    const P r = distance(a[0], a[1]), t = angle(a[0], a[1], a[2]);
    y[k * stride] = r;
    y[(n + k) * stride] = t;
    y[(2 * n + k) * stride] = dihedral(a[0], a[1], a[2], a[3]);
    P sin_t, cos_t;
    p_sincos(t, sin_t, cos_t);
    const P volume = r * r * sin_t;
    sum = sum + p_log(p_select(volume > P(1.0e-300), volume, one));
    fail = p_select(volume > P(1.0e-300), fail, one);
  }

  for (int q = 0; q < g.nrotors; q++) {
    const int *rotor = g.rotor + q * InternalView::ROTOR_INTS;
    const int m = rotor[0];
    const double ideal = rotor[1] * 2.0 * BACKMAP_PI / m;
    P d[InternalView::MAX_ROTOR], r[InternalView::MAX_ROTOR], t[InternalView::MAX_ROTOR];
    P low = zero, high = zero, mean = zero;
    const P first = y[(2 * n + rotor[2]) * stride];
    d[0] = zero;
    for (int j = 0; j < m; j++) {
      const int k = rotor[2 + j];
      r[j] = y[k * stride];
      t[j] = y[(n + k) * stride];
      if (j) d[j] = wrap(y[(2 * n + k) * stride] - first - P(j * ideal));
      low = p_select(d[j] < low, d[j], low);
      high = p_select(d[j] > high, d[j], high);
      mean = mean + d[j];
    }
    fail = p_select(high - low < pi, fail, one);

    // how many labels tau is from [0, 2 pi/m)

    const P tau = first + mean * P(1.0 / m);
    const P turn = tau * P(0.5 / BACKMAP_PI);
    P k = p_floor((turn - p_floor(turn)) * P((double) m));
    k = p_select(k < P(m - 0.5), k, zero);
    const P step = rotor[1] < 0 ? k : p_select(k < P(0.5), zero, P((double) m) - k);
    rotate_labels(r, m, step);
    rotate_labels(t, m, step);
    rotate_labels(d, m, step);
    for (int j = 0; j < m; j++) {
      const int row = rotor[2 + j];
      y[row * stride] = r[j];
      y[(n + row) * stride] = t[j];
      y[(2 * n + row) * stride] = P(j * ideal) + (d[j] - d[0]);
    }
    c[q * stride] = wrap(P((double) m) * tau - pi);
  }

  for (int i = g.nrotors; i < g.nc; i++)
    c[i * stride] = wrap(y[g.circular[i - g.nrotors] * stride]);
  for (int i = 0; i < g.nl; i++) {
    const int slot = g.linear[i];
    const P dev = y[slot * stride] - P(g.mean[i]);
    l[i * stride] = slot >= 2 * n ? wrap(dev) : dev;
  }
  *logdet = sum;
  *bad = fail;
}

/* ----------------------------------------------------------------------
   v with L v = l, in place
------------------------------------------------------------------------- */

template <class P> BACKMAP_KERNEL void whiten(const InternalView &g, P *l, int stride)
{
  const double *chol = g.chol;
  for (int i = 0; i < g.nl; i++) {
    P rest = l[i * stride];
    for (int j = 0; j < i; j++) rest = rest - P(chol[j]) * l[j * stride];
    l[i * stride] = rest / P(chol[i]);
    chol += i + 1;
  }
}

/// Tables of one molecule on the host.
struct InternalTables {
  std::vector<int> ints;
  std::vector<double> reals;

  InternalTables() = default;
  /// Needs zmatrix, rotors, circular, linear and beads of spec; linear_mean and linear_chol may be
  /// empty (means 0, unit matrix). Throws std::runtime_error if sizes disagree.
  explicit InternalTables(const FlowSpec &spec);
  /// View on copies of `ints` and `reals` wherever they are.
  InternalView view(const int *ints, const double *reals) const;
  InternalView view() const { return view(ints.data(), reals.data()); }

 private:
  InternalView layout{};    // sizes; pointers unused
};

/// One molecule at a time on the host; what training uses. Thread-safe.
class InternalCoords {
 public:
  explicit InternalCoords(const FlowSpec &spec) : tables(spec) {}

  /// x [natoms][3] -> l [nl] deviations from linear_mean (not whitened), c [nc] in [-pi, pi),
  /// logdet = log|dx/dy|. False if the density is zero there by construction.
  bool to_internal(const double *x, double *l, double *c, double *logdet) const;

  /// Inverse. v [nl] whitened (l = linear_chol v), c [nc], shift [nrotors] label shifts 0..m-1;
  /// x [natoms][3] holds the beads on entry. False: the point has no image, x is unspecified.
  bool from_internal(const double *v, const double *c, const int *shift, double *x,
                     double *logdet) const;

  /// Solves linear_chol v = l in place.
  void whiten(double *l) const;

  InternalView view() const { return tables.view(); }

 private:
  InternalTables tables;
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_INTERNAL_COORDS_H
#define BACKMAP_FLOW_INTERNAL_COORDS_H

// Cartesian coordinates <-> the variables of the flow: deviations of bond lengths, angles and
// torsions (linear) and free torsions (circular), with log|det dx/dy|. See FlowSpec for the order
// of variables and doc/src/Howto_backmap_files.rst for the formulas.
//
// Rotors. The m equivalent atoms of a rotor sit at torsions phi_j = phi_0 + ideal_j + d_j. The
// circular variable is c = wrap(m tau - pi), tau = phi_0 + mean(d): it does not change when the
// atoms exchange labels cyclically. Canonical labels are those with tau in [0, 2 pi/m); sampling
// draws the labels uniformly. The factors m of dc/dtau and 1/m of the labels cancel in the density.
// All d_j (d_0 = 0) must lie within less than pi of each other: otherwise wrapping would make the
// order of the atoms ambiguous, and the density is zero there.
//
// Bodies. The atoms of a bead of several atoms are built as a body in a frame of its own, by rows
// that refer to each other only, and the body is then turned and put where its weighted mean is the
// bead z. Its root is the atom without a row. Three variables orient it, in the slots that its first
// two rows do not need inside: with A the atom `axis`, B the atom `spin` and R1, R2, R3 points that
// stand already,
//    angle slot of row 0:    s = |A R1|         instead of the angle A z R1
//    torsion slot of row 0:  torsion A z R1 R2
//    torsion slot of row 1:  torsion B A z R3   (a body of two atoms has no row 1)
// Points 0..natoms-1 are atoms; natoms+b is the position of bead b, for beads of several atoms.
// The measure delta(sum c_i x_i - z) dx is, for any atom d, the product of d(x_i - x_d): the factor
// c_d^3 of moving the body onto its bead cancels the |c_d|^-3 of the measure. In the body's frame it
// is r_0^2 dr_0 (r_1^2 sin t_1 dr_1 dt_1) ... times the uniform measure of rotations, which is the
// same for every pair of axes fixed in the body: sin(A z R1) d(A z R1) d(torsion) d(torsion), and
// sin d(A z R1) = s ds / (|A z| |R1 z|).

#include "molecule/geometry.h"

#include <vector>

namespace BACKMAP_NS {

struct FlowSpec;

/// Plain pointers to the tables of a molecule, on the host or on a device.
struct InternalView {
  static constexpr int MAX_ROTOR = 3;
  static constexpr int ROTOR_INTS = 2 + MAX_ROTOR;

  /// One body; its atoms and their weights are entries atoms.. of member and weight.
  struct Body {
    int site, root, axis, spin, row, nrows, atoms;
  };
  static constexpr int BODY_INTS = 7;

  int natoms, nbeads, nrows, nl, nc, nrotors, nbodies;
  int npoints;             // atoms, and nbeads more if there are bodies: rows of x are 3 npoints
  double log_chol;         // sum of the logarithms of the diagonal of chol
  const int *bead_atom;    // [nbeads] the point that is the bead: an atom, or natoms + its number
  const int *place;        // [nrows][4] atom and references; rotor members share those of the first
  const int *linear;       // [nl] slots
  const int *rotor;        // [nrotors][ROTOR_INTS] m, sign, rows
  const int *circular;     // [nc-nrotors] slots
  const double *mean;      // [nl]
  const double *chol;      // lower triangle, row after row
  const int *bodies;       // [nbodies][BODY_INTS] in the order of their rows
  const int *member;       // atoms of all bodies
  const double *weight;    // their weights in the beads

  BACKMAP_FUNCTION Body body(int i) const
  {
    const int *b = bodies + i * BODY_INTS;
    return {b[0], b[1], b[2], b[3], b[4], b[5], b[6]};
  }
};

template <class P> BACKMAP_FUNCTION Vec3<P> load_point(const P *x, int point, int stride)
{
  const P *at = x + 3 * point * stride;
  return {at[0], at[stride], at[2 * stride]};
}

template <class P>
BACKMAP_FUNCTION void store_point(const Vec3<P> &pos, P *x, int point, int stride)
{
  P *to = x + 3 * point * stride;
  to[0] = pos.x;
  to[stride] = pos.y;
  to[2 * stride] = pos.z;
}

/* ----------------------------------------------------------------------
   adds log of a volume element, or counts it as no image
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION void add_volume(const P &volume, P &sum, P &fail)
{
  const P one = P(1.0), tiny = P(1.0e-300);
  sum = sum + p_log(p_select(volume > tiny, volume, one));
  fail = p_select(volume > tiny, fail, one);
}

/* ----------------------------------------------------------------------
   catches coordinates that are not finite, too: every comparison with them is false
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION void check_point(const Vec3<P> &pos, P &fail)
{
  const P size = p_abs(pos.x) + p_abs(pos.y) + p_abs(pos.z);
  fail = p_select(size < P(1.0e30), fail, P(1.0));
}

/* ----------------------------------------------------------------------
   atom of row k by bond, angle and torsion against three points
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void place_row(const InternalView &g, int k, const P *y, P *x, int stride, P &sum,
                                P &fail)
{
  const int n = g.nrows, *ref = g.place + 4 * k;
  const P zero = P(0.0), one = P(1.0), pi = P(BACKMAP_PI);
  const P r = y[k * stride], t = y[(n + k) * stride];
  fail = p_select(r > zero, fail, one);
  fail = p_select(t > zero, fail, one);
  fail = p_select(t < pi, fail, one);
  P sin_t, cos_t, sin_p, cos_p;
  p_sincos(t, sin_t, cos_t);
  p_sincos(y[(2 * n + k) * stride], sin_p, cos_p);
  const Vec3<P> pos = place(load_point(x, ref[1], stride), load_point(x, ref[2], stride),
                            load_point(x, ref[3], stride), r, sin_t, cos_t, sin_p, cos_p);
  store_point(pos, x, ref[0], stride);
  check_point(pos, fail);
  add_volume(r * r * sin_t, sum, fail);
}

/* ----------------------------------------------------------------------
   the first two rows of a body in its own frame: root at the origin, first atom on the x axis,
   second in the xy plane
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void start_body(const InternalView &g, const InternalView::Body &b, const P *y,
                                 P *x, int stride, P &sum, P &fail)
{
  const int n = g.nrows, k = b.row, *ref = g.place + 4 * k;
  const P zero = P(0.0), one = P(1.0), pi = P(BACKMAP_PI);
  const P r = y[k * stride];
  fail = p_select(r > zero, fail, one);
  store_point({zero, zero, zero}, x, b.root, stride);
  store_point({r, zero, zero}, x, ref[0], stride);
  if (b.nrows < 2) return;
  ref += 4;
  const P r1 = y[(k + 1) * stride], t1 = y[(n + k + 1) * stride];
  fail = p_select(r1 > zero, fail, one);
  fail = p_select(t1 > zero, fail, one);
  fail = p_select(t1 < pi, fail, one);
  P sin_t, cos_t;
  p_sincos(t1, sin_t, cos_t);
  store_point(place(load_point(x, ref[1], stride), load_point(x, ref[2], stride),
                    Vec3<P>{zero, one, zero}, r1, sin_t, cos_t, zero, one),
              x, ref[0], stride);
  add_volume(r1 * r1 * sin_t, sum, fail);
}

/* ----------------------------------------------------------------------
   turns a finished body and puts it onto its bead
------------------------------------------------------------------------- */

template <class P>
BACKMAP_FUNCTION void orient_body(const InternalView &g, const InternalView::Body &b, const P *y,
                                  P *x, int stride, P &sum, P &fail)
{
  const int n = g.nrows, k = b.row, *ref = g.place + 4 * k;
  const int *member = g.member + b.atoms;
  const double *weight = g.weight + b.atoms;
  const P zero = P(0.0), one = P(1.0);
  Vec3<P> centre = {zero, zero, zero};
  for (int i = 0; i <= b.nrows; i++)
    centre = centre + scale(P(weight[i]), load_point(x, member[i], stride));

  // axis of the body: centre -> A; where it goes

  Vec3<P> e1 = load_point(x, b.axis, stride) - centre, e2 = {zero, zero, zero}, e3 = e2;
  const P rho = norm(e1);
  e1 = scale(one / rho, e1);
  const Vec3<P> z = load_point(x, b.site, stride), r1 = load_point(x, ref[2], stride);
  const P r = y[k * stride], s = y[(n + k) * stride], far = distance(r1, z);
  P cosine = (rho * rho + far * far - s * s) / (P(2.0) * rho * far);
  fail = p_select(s > zero, fail, one);
  fail = p_select(p_abs(cosine) < one, fail, one);    // |rho - far| < s < rho + far
  cosine = p_select(p_abs(cosine) < one, cosine, zero);
  P sin_p, cos_p;
  p_sincos(y[(2 * n + k) * stride], sin_p, cos_p);
  const Vec3<P> top = place(z, r1, load_point(x, ref[3], stride), rho,
                            p_sqrt((one - cosine) * (one + cosine)), cosine, sin_p, cos_p);
  const Vec3<P> t1 = scale(one / rho, top - z);
  Vec3<P> t2 = e2, t3 = e2;
  add_volume(r * r * s / (rho * far), sum, fail);

  if (b.nrows > 1) {
    e2 = load_point(x, b.spin, stride) - centre;
    e2 = e2 - scale(dot(e1, e2), e1);
    e2 = scale(one / norm(e2), e2);
    e3 = cross(e1, e2);
    p_sincos(y[(2 * n + k + 1) * stride], sin_p, cos_p);
    t2 = place(top, z, load_point(x, ref[7], stride), one, one, zero, sin_p, cos_p) - top;
    t3 = cross(t1, t2);
  }
  for (int i = 0; i <= b.nrows; i++) {
    const Vec3<P> v = load_point(x, member[i], stride) - centre;
    const Vec3<P> pos = z + scale(dot(e1, v), t1) + scale(dot(e2, v), t2) + scale(dot(e3, v), t3);
    store_point(pos, x, member[i], stride);
    check_point(pos, fail);
  }
}

/* ----------------------------------------------------------------------
   positions of the beads of bodies from the atoms of x
------------------------------------------------------------------------- */

template <class P> BACKMAP_FUNCTION void place_sites(const InternalView &g, P *x, int stride)
{
  for (int i = 0; i < g.nbodies; i++) {
    const InternalView::Body b = g.body(i);
    Vec3<P> z = {P(0.0), P(0.0), P(0.0)};
    for (int j = b.atoms; j <= b.atoms + b.nrows; j++)
      z = z + scale(P(g.weight[j]), load_point(x, g.member[j], stride));
    store_point(z, x, b.site, stride);
  }
}

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
   x [3 npoints] holds the beads on entry (points bead_atom) and everything on return
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
  for (int i = g.nrotors; i < g.nc; i++) y[g.circular[i - g.nrotors] * stride] = c[i * stride];

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

  for (int k = 0, body = 0; k < n; body++) {
    const int next = body < g.nbodies ? g.body(body).row : n;
    for (; k < next; k++) place_row(g, k, y, x, stride, sum, fail);
    if (k == n) break;
    const InternalView::Body b = g.body(body);
    start_body(g, b, y, x, stride, sum, fail);
    for (k += 2; k < b.row + b.nrows; k++) place_row(g, k, y, x, stride, sum, fail);
    k = b.row + b.nrows;
    orient_body(g, b, y, x, stride, sum, fail);
  }
  *logdet = sum;
  *bad = fail;
}

/* ----------------------------------------------------------------------
   x -> deviations from the means l (before whitening), circular variables c
   arrays as above, the beads of bodies by place_sites(); y is scratch [3 nrows]
------------------------------------------------------------------------- */

template <class P>
BACKMAP_KERNEL void to_internal(const InternalView &g, const P *x, P *y, P *l, P *c, int stride,
                                P *logdet, P *bad)
{
  const int n = g.nrows;
  const P pi = P(BACKMAP_PI), zero = P(0.0), one = P(1.0);
  P fail = zero, sum = zero;

  int body = 0, first = g.nbodies ? g.body(0).row : n;
  for (int k = 0; k < n; k++) {
    const int *ref = g.place + 4 * k;
    Vec3<P> a[4];
    for (int j = 0; j < 4; j++) a[j] = load_point(x, ref[j], stride);
    const P r = distance(a[0], a[1]);
    y[k * stride] = r;
    if (k == first) {
      const InternalView::Body b = g.body(body);
      const Vec3<P> top = load_point(x, b.axis, stride), z = load_point(x, b.site, stride);
      const P s = distance(top, a[2]);
      y[(n + k) * stride] = s;
      y[(2 * n + k) * stride] = dihedral(top, z, a[2], a[3]);
      add_volume(r * r * s / (distance(top, z) * distance(a[2], z)), sum, fail);
      if (b.nrows == 1 && ++body < g.nbodies) first = g.body(body).row;
      continue;
    }
    const P t = angle(a[0], a[1], a[2]);
    y[(n + k) * stride] = t;
    if (k == first + 1 && body < g.nbodies) {
      const InternalView::Body b = g.body(body);
      y[(2 * n + k) * stride] =
          dihedral(load_point(x, b.spin, stride), load_point(x, b.axis, stride),
                   load_point(x, b.site, stride), a[3]);
      if (++body < g.nbodies) first = g.body(body).row;
    } else
      y[(2 * n + k) * stride] = dihedral(a[0], a[1], a[2], a[3]);
    P sin_t, cos_t;
    p_sincos(t, sin_t, cos_t);
    add_volume(r * r * sin_t, sum, fail);
  }

  for (int q = 0; q < g.nrotors; q++) {
    const int *rotor = g.rotor + q * InternalView::ROTOR_INTS;
    const int m = rotor[0];
    const double ideal = rotor[1] * 2.0 * BACKMAP_PI / m;
    P d[InternalView::MAX_ROTOR], r[InternalView::MAX_ROTOR], t[InternalView::MAX_ROTOR];
    P low = zero, high = zero, mean = zero;
    const P origin = y[(2 * n + rotor[2]) * stride];
    d[0] = zero;
    for (int j = 0; j < m; j++) {
      const int k = rotor[2 + j];
      r[j] = y[k * stride];
      t[j] = y[(n + k) * stride];
      if (j) d[j] = wrap(y[(2 * n + k) * stride] - origin - P(j * ideal));
      low = p_select(d[j] < low, d[j], low);
      high = p_select(d[j] > high, d[j], high);
      mean = mean + d[j];
    }
    fail = p_select(high - low < pi, fail, one);

    // how many labels tau is from [0, 2 pi/m)

    const P tau = origin + mean * P(1.0 / m);
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
  /// Needs zmatrix, bodies, rotors, circular, linear and beads of spec; linear_mean and linear_chol may be
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

  /// Points of x in from_internal: atoms, and as many as there are beads if any has several atoms.
  int npoints() const { return tables.view().npoints; }

  /// x [natoms][3] -> l [nl] deviations from linear_mean (not whitened), c [nc] in [-pi, pi),
  /// logdet = log|dx/dy|. False if the density is zero there by construction.
  bool to_internal(const double *x, double *l, double *c, double *logdet) const;

  /// Inverse. v [nl] whitened (l = linear_chol v), c [nc], shift [nrotors] label shifts 0..m-1;
  /// x [npoints][3] holds the beads on entry, each at its point bead_atom of the view.
  /// False: the point has no image, x is unspecified.
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

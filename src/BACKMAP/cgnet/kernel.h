/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_KERNEL_H
#define BACKMAP_CGNET_KERNEL_H

// Energy and forces of a tile of molecules of one piece: one network and its prior. Called by all
// members of a team (core/team.h) on scratch memory of its own.
//
// Coordinates of the beads and the prior are in double; the lanes of a pack are molecules, and every
// coordinate is computed once, whoever needs it. The network is in numbers S; there the lanes are
// outputs of a layer, so that one molecule alone fills them too. Every sum has one order and no
// molecule sees another: the result of a molecule is bitwise the same in any tile.

#include "cgnet/layers.h"
#include "molecule/slopes.h"

#include <cstddef>
#include <limits>

namespace BACKMAP_NS {

/// A piece: plain pointers, on the host or on a device.
template <class S> struct CgnetView {
  int nbeads;

  // coordinates: beads of the distances (2 each), angles (3) and dihedrals (4); of each sort the
  // first are features, the others are of the prior alone
  int ndistances, nangles, ndihedrals;
  int feature_distances, feature_angles, feature_dihedrals, harmonics;
  const int *beads;
  const double *mean, *inverse_std;    // of the features

  int nlayers;
  const CgnetLayer<S> *layers;

  // prior: the numbers of its coordinates, bonds first; and of the distances of its soft spheres
  int nprior, nbonds, nrepulsion;
  const int *prior, *repulsion;
  const double *prior_mean, *precision, *sigma;
  const double *jacobian;    // [nbonds] factors of ln r, energy units
  double kT;

  BACKMAP_FUNCTION int ncoordinates() const { return ndistances + nangles + ndihedrals; }
  BACKMAP_FUNCTION int nfeatures() const { return layers[0].in; }
  BACKMAP_FUNCTION int nslopes() const { return ndistances + 2 * nangles + 3 * ndihedrals; }
};

/// S: numbers of the network, W: of one pack of them. WD: molecules of one pack of doubles.
template <class S, int W, int WD> struct CgnetKernel {
  using D = PackType<double, WD>;
  using P = PackType<S, W>;
  using Layers = CgnetLayers<S, W>;
  static constexpr int TILE = 24;    // molecules at most: whole packs, and whole blocks of rows
  static constexpr double NOT_A_NUMBER = std::numeric_limits<double>::quiet_NaN();
  static_assert(TILE % WD == 0 && TILE % ROW_BLOCK == 0, "tiles are whole packs and blocks");

  /// Of one pack of molecules, between the two halves of the work.
  struct Group {
    D *value;          // distances; angles; cosine and sine of each dihedral
    Vec3<D> *slope;    // derivatives by the beads: 1, 2 and 3 for each coordinate
    D *feature;        // standardised; then derivatives by them
    D *gradient;       // of the energy, by the coordinates
    D *deviation;      // of the prior
    Vec3<D> *bead;     // positions, then gradients
  };

  BACKMAP_FUNCTION static std::size_t group_size(const CgnetView<S> &v)
  {
    return 2 * v.ncoordinates() + v.ndihedrals + v.nfeatures() + 3 * v.nslopes() + v.nprior +
        3 * v.nbeads;
  }

  /// Packs of scratch for one tile of so many molecules, in doubles and in network numbers.
  BACKMAP_FUNCTION static std::size_t scratch_doubles(const CgnetView<S> &v, int tile = TILE)
  {
    return tile / WD * group_size(v);
  }
  BACKMAP_FUNCTION static std::size_t scratch_numbers(const CgnetView<S> &v, int tile = TILE)
  {
    return Layers::scratch(v.nlayers, v.layers, tile);
  }

  BACKMAP_FUNCTION static Group group(const CgnetView<S> &v, D *memory, int g)
  {
    Group s;
    s.value = memory + g * group_size(v);
    s.feature = s.value + v.ncoordinates() + v.ndihedrals;
    s.gradient = s.feature + v.nfeatures();
    s.deviation = s.gradient + v.ncoordinates();
    s.slope = reinterpret_cast<Vec3<D> *>(s.deviation + v.nprior);
    s.bead = s.slope + v.nslopes();
    return s;
  }

  BACKMAP_FUNCTION static double &lane(D &x, int i) { return reinterpret_cast<double *>(&x)[i]; }

  /* ----------------------------------------------------------------------
     n <= tile molecules z [n][nbeads][3]: energy [n], force [n][nbeads][3]
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void evaluate(const Member &member, const CgnetView<S> &v, int tile,
                                        int n, const double *z, double *energy, double *force,
                                        D *doubles, P *numbers)
  {
    const std::size_t size = 3 * (std::size_t) v.nbeads;
    const int first = member.rank() * WD, step = member.size() * WD;
    S *row = reinterpret_cast<S *>(numbers);
    const int stride = v.layers[0].in_pad;
    for (int m = first; m < n; m += step)
      coordinates(v, n - m < WD ? n - m : WD, z + m * size, group(v, doubles, m / WD),
                  row + m * stride, stride);
    const S *slope = Layers::evaluate(member, v.nlayers, v.layers, tile, n, numbers, energy);
    for (int m = first; m < n; m += step)
      forces(v, n - m < WD ? n - m : WD, group(v, doubles, m / WD), slope + m * stride, stride,
             energy + m, force + m * size);
  }

  /* ----------------------------------------------------------------------
     beads of n molecules -> coordinates with their slopes, features
     lanes beyond the end repeat the last molecule, so that they compute something harmless
  ------------------------------------------------------------------------- */

  BACKMAP_KERNEL static void coordinates(const CgnetView<S> &v, int n, const double *z,
                                         const Group &s, S *row, int stride)
  {
    const int size = 3 * v.nbeads;
    D *bead = reinterpret_cast<D *>(s.bead);
    for (int k = 0; k < size; k++)
      for (int i = 0; i < WD; i++) lane(bead[k], i) = z[(i < n ? i : n - 1) * size + k];

    const int *b = v.beads;
    D *value = s.value;
    Vec3<D> *slope = s.slope;
    D *feature = s.feature;
    for (int q = 0; q < v.ndistances; q++, b += 2, slope++) {
      *value = distance_slope(s.bead[b[0]], s.bead[b[1]], slope[0]);
      if (q < v.feature_distances) *feature++ = *value;
      value++;
    }
    for (int q = 0; q < v.nangles; q++, b += 3, slope += 2) {
      *value = angle_slopes(s.bead[b[0]], s.bead[b[1]], s.bead[b[2]], slope[0], slope[1]);
      if (q < v.feature_angles) *feature++ = *value;
      value++;
    }
    for (int q = 0; q < v.ndihedrals; q++, b += 4, slope += 3) {
      D sine, cosine;
      dihedral_slopes(s.bead[b[0]], s.bead[b[1]], s.bead[b[2]], s.bead[b[3]], sine, cosine,
                      slope[0], slope[1], slope[2]);
      *value++ = cosine;
      *value++ = sine;
      if (q >= v.feature_dihedrals) continue;
      D ck = cosine, sk = sine;
      for (int k = 1; k <= v.harmonics; k++) {
        *feature++ = ck;
        *feature++ = sk;
        const D next = ck * cosine - sk * sine;
        sk = sk * cosine + ck * sine;
        ck = next;
      }
    }

    const int nf = v.nfeatures();
    for (int f = 0; f < nf; f++) s.feature[f] = (s.feature[f] - D(v.mean[f])) * D(v.inverse_std[f]);
    for (int i = 0; i < n; i++)
      for (int f = 0; f < nf; f++) row[i * stride + f] = (S) lane(s.feature[f], i);
  }

  /* ----------------------------------------------------------------------
     slopes of the features -> derivatives by the coordinates
  ------------------------------------------------------------------------- */

  BACKMAP_FUNCTION static void by_features(const CgnetView<S> &v, int n, const Group &s,
                                           const S *row, int stride)
  {
    const int nf = v.nfeatures();
    for (int i = 0; i < n; i++)
      for (int f = 0; f < nf; f++) lane(s.feature[f], i) = row[i * stride + f];
    for (int f = 0; f < nf; f++) s.feature[f] = s.feature[f] * D(v.inverse_std[f]);

    const D *feature = s.feature;
    D *gradient = s.gradient;
    for (int q = 0; q < v.ndistances; q++)
      *gradient++ = q < v.feature_distances ? *feature++ : D(0.0);
    for (int q = 0; q < v.nangles; q++) *gradient++ = q < v.feature_angles ? *feature++ : D(0.0);
    const D *value = s.value + v.ndistances + v.nangles;
    for (int q = 0; q < v.ndihedrals; q++, value += 2) {
      const D cosine = value[0], sine = value[1];
      D ck = cosine, sk = sine, sum = D(0.0);
      if (q < v.feature_dihedrals)
        for (int k = 1; k <= v.harmonics; k++) {
          const D by_c = *feature++, by_s = *feature++;
          sum = sum + D((double) k) * (by_s * ck - by_c * sk);
          const D next = ck * cosine - sk * sine;
          sk = sk * cosine + ck * sine;
          ck = next;
        }
      *gradient++ = sum;
    }
  }

  /* ----------------------------------------------------------------------
     energy of the prior, its derivatives by the coordinates added
  ------------------------------------------------------------------------- */

  BACKMAP_FUNCTION static D by_prior(const CgnetView<S> &v, const Group &s)
  {
    D energy = D(0.0);
    for (int k = 0; k < v.nprior; k++) {
      const int q = v.prior[k], torsion = q - (v.ndistances + v.nangles);
      const D mean = D(v.prior_mean[k]);
      const D *value = s.value + (torsion < 0 ? q : q + torsion);
      s.deviation[k] = torsion < 0 ? *value - mean : wrap(p_atan2(value[1], value[0]) - mean);
    }

    // precision is symmetric (checked), so its product with the deviations is the derivative

    for (int k = 0; k < v.nprior; k++) {
      const double *p = v.precision + (std::size_t) k * v.nprior;
      D sum = D(0.0);
      for (int j = 0; j < v.nprior; j++) sum = sum + D(p[j]) * s.deviation[j];
      energy = energy + D(0.5) * s.deviation[k] * sum;
      s.gradient[v.prior[k]] = s.gradient[v.prior[k]] + sum;
    }
    for (int k = 0; k < v.nbonds; k++) {
      // our logarithm wants numbers above zero; the others must not become finite
      const D r = s.value[v.prior[k]], factor = D(v.jacobian[k]);
      energy = energy + factor * p_select(r > D(0.0), p_log(r), D(NOT_A_NUMBER));
      s.gradient[v.prior[k]] = s.gradient[v.prior[k]] + factor * inverse_or_zero(r);
    }
    for (int k = 0; k < v.nrepulsion; k++) {
      const D inverse = D(1.0) / s.value[v.repulsion[k]], x = D(v.sigma[k]) * inverse;
      const D x3 = x * x * x, x6 = x3 * x3, e = D(v.kT) * x6 * x6;
      energy = energy + e;
      s.gradient[v.repulsion[k]] = s.gradient[v.repulsion[k]] - D(12.0) * e * inverse;
    }
    return energy;
  }

  /* ----------------------------------------------------------------------
     derivatives by the coordinates and their slopes -> forces of n molecules
  ------------------------------------------------------------------------- */

  BACKMAP_KERNEL static void forces(const CgnetView<S> &v, int n, const Group &s, const S *row,
                                    int stride, double *energy, double *force)
  {
    by_features(v, n, s, row, stride);
    D prior = by_prior(v, s);
    for (int i = 0; i < n; i++) energy[i] += lane(prior, i);

    const int size = 3 * v.nbeads;
    D *sum = reinterpret_cast<D *>(s.bead);
    for (int k = 0; k < size; k++) sum[k] = D(0.0);
    const auto add = [&s](int bead, const Vec3<D> &g) { s.bead[bead] = s.bead[bead] - g; };
    const int *b = v.beads;
    const D *gradient = s.gradient;
    const Vec3<D> *slope = s.slope;
    for (int q = 0; q < v.ndistances; q++, b += 2, slope++) {
      const Vec3<D> g = scale(*gradient++, slope[0]);
      add(b[1], g);
      s.bead[b[0]] = s.bead[b[0]] + g;
    }
    for (int q = 0; q < v.nangles; q++, b += 3, slope += 2) {
      const Vec3<D> to_a = scale(*gradient, slope[0]), to_c = scale(*gradient, slope[1]);
      gradient++;
      add(b[0], to_a);
      add(b[2], to_c);
      s.bead[b[1]] = s.bead[b[1]] + (to_a + to_c);
    }
    for (int q = 0; q < v.ndihedrals; q++, b += 4, slope += 3) {
      const Vec3<D> to_a = scale(*gradient, slope[0]), to_b = scale(*gradient, slope[1]),
                    to_d = scale(*gradient, slope[2]);
      gradient++;
      add(b[0], to_a);
      add(b[1], to_b);
      add(b[3], to_d);
      s.bead[b[2]] = s.bead[b[2]] + (to_a + to_b + to_d);
    }
    for (int i = 0; i < n; i++)
      for (int k = 0; k < size; k++) force[i * size + k] = lane(sum[k], i);
  }
};

}    // namespace BACKMAP_NS

#endif

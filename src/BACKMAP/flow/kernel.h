/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_KERNEL_H
#define BACKMAP_FLOW_KERNEL_H

// One tile of samples from random numbers to coordinates, or from coordinates to log q; and the
// part of the networks that depends on the beads only, once per frame. Called by one team (host:
// one thread) on scratch memory of its own. See flow/layers.h for tiles and members.

#include "core/rng.h"
#include "flow/internal_coords.h"
#include "flow/layers.h"

#include <cmath>

namespace BACKMAP_NS {

/// A whole flow: plain pointers, on the host or on a device.
template <class S> struct FlowView {
  InternalView geometry;
  SplineSizes splines;
  int hidden, nf, ncouplings, max_inputs;
  const CouplingView<S> *couplings;
  const S *affine_weight[3], *affine_bias[3];

  /// Numbers of a frame that its samples need: for every coupling [hidden], then mean and scale of
  /// the linear variables [nl] each.
  BACKMAP_FUNCTION int frame_size() const { return ncouplings * hidden + 2 * geometry.nl; }
  /// Rows of the arrays that hold the inputs and the hidden layers.
  BACKMAP_FUNCTION int input_rows() const { return max_inputs > nf ? max_inputs : nf; }
  BACKMAP_FUNCTION int hidden_rows() const
  {
    return hidden > 2 * geometry.nl ? hidden : 2 * geometry.nl;
  }
};

/// Input and output of a call, on the host or on a device.
template <class S> struct FlowBatch {
  long total;     // samples (or points) altogether
  int samples;    // per frame
  int nframes;
  const S *features;         // [nframes][nf] standardised
  S *frame;                  // [nframes][frame_size]
  double *frame_logscale;    // [nframes] sum of log scales
  const double *z;           // [nframes][nbeads][3] (sampling)
  const std::int64_t *timestep, *molecule;
  std::uint64_t seed, stream;
  const std::int64_t *first_sample;    // [nframes]
  double *x;                           // [total][natoms][3]
  double *logq;                        // [total]
  const double *latent;                // [total][nl+nc] given points of the base, or null
  double *drawn;                       // [total][nl+nc] gets the points, or null
};

/// S: numbers of the networks. W: lanes of their packs. N: packs that one dense block works on.
template <class S, int W, int N> struct FlowKernel {
  using P = PackType<S, W>;
  static constexpr int WD = W < host_pack_width<double>() ? W : host_pack_width<double>();
  using D = PackType<double, WD>;

  /// Scratch of one tile of np packs, T = np*W lanes; every row holds T numbers.
  struct Scratch {
    double *logq, *volume, *bad;                  // [1]
    double *latent, *circular, *shift, *y, *x;    // [nl] [nc] [nrotors] [3 nrows] [3 npoints]
    S *l, *c, *q, *h1, *h2, *logdet;              // [nl] [nc] inputs, hidden, hidden, [nl+nc]
  };

  BACKMAP_FUNCTION static int double_rows(const FlowView<S> &f)
  {
    const InternalView &g = f.geometry;
    return 3 + g.nl + g.nc + g.nrotors + 3 * g.nrows + 3 * g.npoints;
  }

  BACKMAP_FUNCTION static int network_rows(const FlowView<S> &f)
  {
    return 2 * (f.geometry.nl + f.geometry.nc) + f.input_rows() + 2 * f.hidden_rows();
  }

  /// Bytes of scratch for tiles of np packs; it must be aligned to BACKMAP_VECTOR_BYTES.
  BACKMAP_FUNCTION static std::size_t scratch_bytes(const FlowView<S> &f, int np)
  {
    const std::size_t lanes = (std::size_t) np * W;
    return lanes * (double_rows(f) * sizeof(double) + network_rows(f) * sizeof(S));
  }

  BACKMAP_FUNCTION static Scratch scratch(const FlowView<S> &f, int np, void *memory)
  {
    const InternalView &g = f.geometry;
    const std::size_t lanes = (std::size_t) np * W;
    Scratch s;
    double *d = static_cast<double *>(memory);
    s.logq = d;
    s.volume = s.logq + lanes;
    s.bad = s.volume + lanes;
    s.latent = s.bad + lanes;
    s.circular = s.latent + g.nl * lanes;
    s.shift = s.circular + g.nc * lanes;
    s.y = s.shift + g.nrotors * lanes;
    s.x = s.y + 3 * g.nrows * lanes;
    S *n = reinterpret_cast<S *>(s.x + 3 * g.npoints * lanes);
    s.l = n;
    s.c = s.l + g.nl * lanes;
    s.q = s.c + g.nc * lanes;
    s.h1 = s.q + f.input_rows() * lanes;
    s.h2 = s.h1 + f.hidden_rows() * lanes;
    s.logdet = s.h2 + f.hidden_rows() * lanes;
    return s;
  }

  BACKMAP_FUNCTION static P *packs(S *p) { return reinterpret_cast<P *>(p); }
  BACKMAP_FUNCTION static D *packs(double *p, int) { return reinterpret_cast<D *>(p); }

  /// Lanes beyond the end repeat the last sample, so that they compute something harmless.
  BACKMAP_FUNCTION static long lane_sample(const FlowBatch<S> &b, long first, int lane)
  {
    const long i = first + lane;
    return i < b.total ? i : b.total - 1;
  }

  BACKMAP_FUNCTION static const S *lane_frame(const FlowView<S> &f, const FlowBatch<S> &b,
                                              long first, int lane)
  {
    return b.frame + (lane_sample(b, first, lane) / b.samples) * f.frame_size();
  }

  /* ----------------------------------------------------------------------
     numbers `offset`.. of every lane's frame -> rows of out
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void spread(const Member &member, const FlowView<S> &f,
                                      const FlowBatch<S> &b, long first, int np, int offset,
                                      int rows, S *out)
  {
    const int lanes = np * W;
    for (int lane = member.rank(); lane < lanes; lane += member.size()) {
      const S *frame = lane_frame(f, b, first, lane) + offset;
      for (int i = 0; i < rows; i++) out[i * lanes + lane] = frame[i];
    }
  }

  /* ----------------------------------------------------------------------
     rows of logdet, in their order, times sign -> logq
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void add_logdet(const Member &member, int rows, int lanes, double sign,
                                          const S *logdet, double *logq)
  {
    for (int i = 0; i < rows; i++)
      for (int lane = member.rank(); lane < lanes; lane += member.size())
        logq[lane] += sign * (double) logdet[i * lanes + lane];
  }

  /* ---------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void coupling(const Member &member, const FlowView<S> &f,
                                        const FlowBatch<S> &b, long first, int np, int k,
                                        bool inverse, const Scratch &s)
  {
    const CouplingView<S> &v = f.couplings[k];
    const int h = f.hidden;
    coupling_inputs(member, v, np, packs(s.l), packs(s.c), packs(s.q));
    spread(member, f, b, first, np, k * h, h, s.h1);
    member.barrier();
    dense<N>(member, v.in_weight, (const S *) nullptr, h, v.inputs(), np, packs(s.q), packs(s.h1),
             true);
    member.barrier();
    dense<N>(member, v.hidden_weight, v.hidden_bias, h, h, np, packs(s.h1), packs(s.h2), true);
    member.barrier();
    coupling_transform<N>(member, v, f.splines, h, np, packs(s.h2), inverse, packs(s.l), packs(s.c),
                          packs(s.logdet));
    member.barrier();
    add_logdet(member, v.nlt + v.nct, np * W, inverse ? -1.0 : 1.0, s.logdet, s.logq);
  }

  /* ----------------------------------------------------------------------
     random numbers (or given points) of every lane -> l, c, label shifts, logarithm of their density
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void draw(const Member &member, const FlowView<S> &f,
                                    const FlowBatch<S> &b, long first, int np, const Scratch &s)
  {
    const InternalView &g = f.geometry;
    const int lanes = np * W, pairs = (g.nl + 1) / 2;
    const int calls = (2 * pairs + g.nc + g.nrotors + 3) / 4;
    const int before = b.latent ? (2 * pairs + g.nc) / 4 : 0;    // labels are the last numbers
    double *u = s.y;    // y and x lie one after the other and are not in use yet

    for (int item = member.rank(); item < (calls - before) * lanes; item += member.size()) {
      const int lane = item % lanes, call = before + item / lanes;
      const long i = lane_sample(b, first, lane), frame = i / b.samples;
      const RandomBits bits = random_bits(
          b.seed, b.stream, (std::uint64_t) b.timestep[frame], (std::uint64_t) b.molecule[frame],
          (std::uint64_t)(b.first_sample[frame] + i % b.samples), call);
      for (int j = 0; j < 4; j++) u[(4 * call + j) * lanes + lane] = random_uniform(bits.v[j]);
    }
    member.barrier();

    const int npd = lanes / WD;
    D *ud = packs(u, 0);
    for (int item = member.rank(); !b.latent && item < pairs * npd; item += member.size()) {
      D *a = ud + 2 * (item / npd) * npd + item % npd, *second = a + npd;
      random_normals(D(*a), D(*second), *a, *second);
    }
    member.barrier();

    const double *uc = u + 2 * pairs * lanes, *us = uc + g.nc * lanes;
    const double turn = 2.0 * BACKMAP_PI;
    const double base = -0.5 * g.nl * std::log(turn) - g.nc * std::log(turn);
    for (int lane = member.rank(); lane < lanes; lane += member.size()) s.logq[lane] = base;
    // a point given has the bits of one drawn
    const int nu = g.nl + g.nc;
    const auto point = [&](int i, int lane) {
      const double value = b.latent ? b.latent[lane_sample(b, first, lane) * nu + i]
          : i < g.nl                ? u[i * lanes + lane]
                                    : turn * (uc[(i - g.nl) * lanes + lane] - 0.5);
      if (b.drawn && first + lane < b.total) b.drawn[(first + lane) * nu + i] = value;
      return (S) value;
    };
    for (int i = 0; i < g.nl; i++)
      for (int lane = member.rank(); lane < lanes; lane += member.size()) {
        const S value = point(i, lane);
        s.l[i * lanes + lane] = value;
        s.logq[lane] -= 0.5 * (double) value * (double) value;
      }
    for (int i = 0; i < g.nc; i++)
      for (int lane = member.rank(); lane < lanes; lane += member.size())
        s.c[i * lanes + lane] = point(g.nl + i, lane);
    for (int q = 0; q < g.nrotors; q++) {
      const int m = g.rotor[q * InternalView::ROTOR_INTS];
      for (int lane = member.rank(); lane < lanes; lane += member.size())
        s.shift[q * lanes + lane] = std::floor(m * us[q * lanes + lane]);
    }
    member.barrier();
  }

  /* ----------------------------------------------------------------------
     samples first.. of the batch
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void sample_tile(const Member &member, const FlowView<S> &f,
                                           const FlowBatch<S> &b, long first, int np, void *memory)
  {
    const InternalView &g = f.geometry;
    const Scratch s = scratch(f, np, memory);
    const int lanes = np * W;

    draw(member, f, b, first, np, s);
    for (int k = f.ncouplings - 1; k >= 0; k--) {
      coupling(member, f, b, first, np, k, true, s);
      member.barrier();
    }

    const int offset = f.ncouplings * f.hidden;
    spread(member, f, b, first, np, offset, 2 * g.nl, s.h1);
    for (int lane = member.rank(); lane < lanes; lane += member.size()) {
      const long frame = lane_sample(b, first, lane) / b.samples;
      s.logq[lane] -= b.frame_logscale[frame] + g.log_chol;
      const double *z = b.z + frame * 3 * g.nbeads;
      for (int i = 0; i < g.nbeads; i++)
        for (int d = 0; d < 3; d++) s.x[(3 * g.bead_atom[i] + d) * lanes + lane] = z[3 * i + d];
    }
    member.barrier();
    const S *mean = s.h1, *width = s.h1 + g.nl * lanes;
    for (int item = member.rank(); item < g.nl * lanes; item += member.size())
      s.latent[item] = (double) (s.l[item] * width[item] + mean[item]);
    for (int item = member.rank(); item < g.nc * lanes; item += member.size())
      s.circular[item] = (double) s.c[item];
    member.barrier();

    const int npd = lanes / WD;
    for (int p = member.rank(); p < npd; p += member.size())
      from_internal<D>(g, packs(s.latent, 0) + p, packs(s.circular, 0) + p, packs(s.shift, 0) + p,
                       packs(s.y, 0) + p, packs(s.x, 0) + p, npd, packs(s.volume, 0) + p,
                       packs(s.bad, 0) + p);
    member.barrier();

    const int n3 = 3 * g.natoms;
    for (int lane = member.rank(); lane < lanes && first + lane < b.total; lane += member.size()) {
      double *x = b.x + (first + lane) * n3;
      for (int i = 0; i < n3; i++) x[i] = s.x[i * lanes + lane];
      const double logq = s.logq[lane] - s.volume[lane];
      const bool good = s.bad[lane] == 0.0 && logq < HUGE_VAL && logq > -HUGE_VAL;
      b.logq[first + lane] = good ? logq : HUGE_VAL;
    }
    member.barrier();
  }

  /* ----------------------------------------------------------------------
     log q of points first.. of the batch
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void log_prob_tile(const Member &member, const FlowView<S> &f,
                                             const FlowBatch<S> &b, long first, int np,
                                             void *memory)
  {
    const InternalView &g = f.geometry;
    const Scratch s = scratch(f, np, memory);
    const int lanes = np * W, n3 = 3 * g.natoms;

    for (int lane = member.rank(); lane < lanes; lane += member.size()) {
      const double *x = b.x + lane_sample(b, first, lane) * n3;
      for (int i = 0; i < n3; i++) s.x[i * lanes + lane] = x[i];
    }
    spread(member, f, b, first, np, f.ncouplings * f.hidden, 2 * g.nl, s.h1);
    member.barrier();
    const int npd = lanes / WD;
    for (int p = member.rank(); p < npd; p += member.size()) {
      D *l = packs(s.latent, 0) + p;
      place_sites<D>(g, packs(s.x, 0) + p, npd);
      to_internal<D>(g, packs(s.x, 0) + p, packs(s.y, 0) + p, l, packs(s.circular, 0) + p, npd,
                     packs(s.volume, 0) + p, packs(s.bad, 0) + p);
      whiten<D>(g, l, npd);
    }
    member.barrier();

    const S *mean = s.h1, *width = s.h1 + g.nl * lanes;
    for (int item = member.rank(); item < g.nl * lanes; item += member.size())
      s.l[item] = ((S) s.latent[item] - mean[item]) / width[item];
    for (int item = member.rank(); item < g.nc * lanes; item += member.size())
      s.c[item] = (S) s.circular[item];
    for (int lane = member.rank(); lane < lanes; lane += member.size())
      s.logq[lane] = -b.frame_logscale[lane_sample(b, first, lane)] - g.log_chol - s.volume[lane];
    member.barrier();

    for (int k = 0; k < f.ncouplings; k++) {
      coupling(member, f, b, first, np, k, false, s);
      member.barrier();
    }

    const double turn = 2.0 * BACKMAP_PI;
    const double base = -0.5 * g.nl * std::log(turn) - g.nc * std::log(turn);
    for (int i = 0; i < g.nl; i++)
      for (int lane = member.rank(); lane < lanes; lane += member.size()) {
        const double value = (double) s.l[i * lanes + lane];
        s.logq[lane] -= 0.5 * value * value;
      }
    for (int lane = member.rank(); lane < lanes && first + lane < b.total; lane += member.size()) {
      const double logq = s.logq[lane] + base;
      const bool good = s.bad[lane] == 0.0 && logq < HUGE_VAL;
      b.logq[first + lane] = good ? logq : -HUGE_VAL;
    }
    member.barrier();
  }

  /* ----------------------------------------------------------------------
     what depends on the beads only; lanes are frames first..
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void frame_tile(const Member &member, const FlowView<S> &f,
                                          const FlowBatch<S> &b, long first, int np, void *memory)
  {
    const InternalView &g = f.geometry;
    const Scratch s = scratch(f, np, memory);
    const int lanes = np * W, h = f.hidden, size = f.frame_size();

    for (int lane = member.rank(); lane < lanes; lane += member.size()) {
      const long frame = first + lane < b.nframes ? first + lane : b.nframes - 1;
      for (int i = 0; i < f.nf; i++) s.q[i * lanes + lane] = b.features[frame * f.nf + i];
    }
    member.barrier();

    for (int k = 0; k < f.ncouplings; k++) {
      const CouplingView<S> &v = f.couplings[k];
      dense<N>(member, v.cond_weight, v.in_bias, h, f.nf, np, packs(s.q), packs(s.h1), false);
      member.barrier();
      for (int lane = member.rank(); lane < lanes && first + lane < b.nframes;
           lane += member.size())
        for (int i = 0; i < h; i++)
          b.frame[(first + lane) * size + k * h + i] = s.h1[i * lanes + lane];
      member.barrier();
    }

    dense<N>(member, f.affine_weight[0], f.affine_bias[0], h, f.nf, np, packs(s.q), packs(s.h1),
             true);
    member.barrier();
    dense<N>(member, f.affine_weight[1], f.affine_bias[1], h, h, np, packs(s.h1), packs(s.h2),
             true);
    member.barrier();
    dense<N>(member, f.affine_weight[2], f.affine_bias[2], 2 * g.nl, h, np, packs(s.h2),
             packs(s.h1), false);
    member.barrier();
    for (int p = member.rank(); p < np; p += member.size())
      for (int i = 0; i < g.nl; i++)
        packs(s.h2)[i * np + p] = p_exp(packs(s.h1)[(g.nl + i) * np + p]);
    member.barrier();
    for (int lane = member.rank(); lane < lanes && first + lane < b.nframes;
         lane += member.size()) {
      S *out = b.frame + (first + lane) * size + f.ncouplings * h;
      double sum = 0.0;
      for (int i = 0; i < g.nl; i++) {
        out[i] = s.h1[i * lanes + lane];
        out[g.nl + i] = s.h2[i * lanes + lane];
        sum += (double) s.h1[(g.nl + i) * lanes + lane];
      }
      b.frame_logscale[first + lane] = sum;
    }
    member.barrier();
  }
};

}    // namespace BACKMAP_NS

#endif

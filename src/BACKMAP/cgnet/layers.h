/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_LAYERS_H
#define BACKMAP_CGNET_LAYERS_H

// The network of a CG model: value and derivatives by its inputs, for the rows of a tile (a row is a
// molecule). The lanes of a pack are outputs of a layer. Sums over inputs run in their order, for any
// number of rows and packs computed at a time: that is why a row cannot depend on its neighbours.
// The members of a team (core/team.h) share the packs.

#include "core/pack.h"
#include "core/team.h"

#include <cstddef>

namespace BACKMAP_NS {

/// Weights in both directions; rows padded with zeros to whole packs, on addresses of whole packs.
template <class S> struct CgnetLayer {
  int in, out, in_pad, out_pad;
  const S *forward;     // [in][out_pad]
  const S *backward;    // [out][in_pad]
  const S *bias;        // [out_pad]
};

template <class S, int W> struct CgnetLayers {
  using P = PackType<S, W>;
  using Layer = CgnetLayer<S>;

  /// How many packs of M rows fit into the registers: AVX-512 has 32 of them, others 16.
  static constexpr int packs_at_a_time(int M)
  {
    const int room = BACKMAP_VECTOR_BYTES == 64 ? 24 : 12;
    return M * 8 <= room ? 8 : (M * 4 <= room ? 4 : 2);
  }

  static constexpr int padded(int n) { return (n + W - 1) / W * W; }

  /// Packs of scratch for up to n rows: inputs of every layer, kept for the derivatives, and two
  /// arrays of gradients.
  BACKMAP_FUNCTION static std::size_t scratch(int nlayers, const Layer *layers, int n)
  {
    std::size_t sum = 2 * widest(nlayers, layers) / W;
    for (int k = 0; k < nlayers; k++) sum += layers[k].in_pad / W;
    return n * sum;
  }

  /* ----------------------------------------------------------------------
     n rows of inputs begin at memory, which is scratch for up to `most`
     value[n]; returns the derivatives by the inputs, rows of in_pad
     begins and ends with a barrier
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static const S *evaluate(const Member &member, int nlayers, const Layer *layers,
                                            int most, int n, P *memory, double *value)
  {
    member.barrier();
    P *x = memory;
    for (int k = 0; k + 1 < nlayers; k++) {
      const Layer &l = layers[k];
      P *y = x + most * (l.in_pad / W);
      product(member, n, l.in, pack(l.forward), pack(l.bias), x, l.in_pad / W, y, l.out_pad / W);
      member.barrier();
      tanh_run(member.rank(), member.size(), n * (l.out_pad / W), y);
      member.barrier();
      x = y;
    }

    // the last layer has one output: its weights are where the derivatives start

    const Layer &last = layers[nlayers - 1];
    const int packs = last.in_pad / W;
    P *g = x + most * packs, *other = g + most * (widest(nlayers, layers) / W);
    for (int m = member.rank(); m < n; m += member.size())
      value[m] = last.bias[0] + dot(last.in, last.backward, number(x + m * packs));
    for (int i = member.rank(); i < packs; i += member.size())
      for (int m = 0; m < n; m++) g[m * packs + i] = pack(last.backward)[i];
    member.barrier();
    for (int k = nlayers - 2; k >= 0; k--) {
      const Layer &l = layers[k];
      through_tanh(member.rank(), member.size(), n * (l.out_pad / W), x, g);
      member.barrier();
      product(member, n, l.out, pack(l.backward), nullptr, g, l.out_pad / W, other, l.in_pad / W);
      member.barrier();
      P *const done = g;
      g = other;
      other = done;
      x -= most * (l.in_pad / W);
    }
    return number(g);
  }

 private:
  BACKMAP_FUNCTION static const P *pack(const S *p) { return reinterpret_cast<const P *>(p); }
  BACKMAP_FUNCTION static const S *number(const P *p) { return reinterpret_cast<const S *>(p); }

  BACKMAP_FUNCTION static int widest(int nlayers, const Layer *layers)
  {
    int most = 0;
    for (int k = 0; k < nlayers; k++) most = layers[k].in_pad > most ? layers[k].in_pad : most;
    return most;
  }

  /* ----------------------------------------------------------------------
     y = bias + x w for M rows and N packs of outputs
  ------------------------------------------------------------------------- */

  template <int M, int N>
  BACKMAP_FUNCTION static void block(int nin, const P *w, const P *bias, const S *x, int xstride,
                                     P *y, int packs)
  {
    P sum[M][N];
    for (int m = 0; m < M; m++)
      for (int i = 0; i < N; i++) sum[m][i] = bias ? bias[i] : P(0);
    for (int k = 0; k < nin; k++, w += packs) {
      P weight[N];
      for (int i = 0; i < N; i++) weight[i] = w[i];
      for (int m = 0; m < M; m++) {
        const P input(x[m * xstride + k]);
        for (int i = 0; i < N; i++) sum[m][i] = sum[m][i] + input * weight[i];
      }
    }
    for (int m = 0; m < M; m++)
      for (int i = 0; i < N; i++) y[m * packs + i] = sum[m][i];
  }

  /* ----------------------------------------------------------------------
     the same for one pack of outputs, with packs of inputs: where many members read the same inputs, loads
     cost more than arithmetic
  ------------------------------------------------------------------------- */

  template <int M>
  BACKMAP_FUNCTION static void block_of_one(int nin, const P *w, const P *bias, const P *x,
                                            int xpacks, P *y, int packs)
  {
    P sum[M];
    for (int m = 0; m < M; m++) sum[m] = bias ? *bias : P(0);
    const int whole = nin / W;
    BACKMAP_UNROLL
    for (int k = 0; k < whole; k++, w += W * packs) {
      P weight[W], input[M];
      for (int j = 0; j < W; j++) weight[j] = w[j * packs];
      for (int m = 0; m < M; m++) input[m] = x[m * xpacks + k];
      for (int j = 0; j < W; j++)
        for (int m = 0; m < M; m++) sum[m] = sum[m] + P(p_lane(input[m], j)) * weight[j];
    }
    for (int k = whole * W; k < nin; k++, w += packs)
      for (int m = 0; m < M; m++) sum[m] = sum[m] + P(number(x)[m * xpacks * W + k]) * *w;
    for (int m = 0; m < M; m++) y[m * packs] = sum[m];
  }

  /* ----------------------------------------------------------------------
     the same for all packs from the first one, N at a time while there are as many
  ------------------------------------------------------------------------- */

  template <int M, int N>
  BACKMAP_FUNCTION static void outputs(int first, int nin, const P *w, const P *bias, const S *x,
                                       int xstride, P *y, int packs)
  {
    for (; first + N <= packs; first += N)
      block<M, N>(nin, w + first, bias ? bias + first : bias, x, xstride, y + first, packs);
    if constexpr (N > 1) outputs<M, N / 2>(first, nin, w, bias, x, xstride, y, packs);
  }

  template <int M>
  BACKMAP_KERNEL static void rows(int nin, const P *w, const P *bias, const S *x, int xstride, P *y,
                                  int packs)
  {
    outputs<M, packs_at_a_time(M)>(0, nin, w, bias, x, xstride, y, packs);
  }

  /* ----------------------------------------------------------------------
     and for n rows: a member takes a block of rows, or a block and one pack of many members
  ------------------------------------------------------------------------- */

  template <class Member>
  BACKMAP_FUNCTION static void product(const Member &member, int n, int nin, const P *w,
                                       const P *bias, const P *xpacks, int xstride, P *y, int packs)
  {
    const int groups = Member::alone ? 1 : packs;
    for (int item = member.rank(); item < row_blocks(n) * groups; item += member.size()) {
      const RowBlock b = row_block(n, item / groups);
      const P *from = xpacks + b.first * xstride;
      P *to = y + b.first * packs;
      if constexpr (Member::alone) {
        const S *x = number(from);
        switch (b.rows) {
          case 6: rows<6>(nin, w, bias, x, xstride * W, to, packs); break;
          case 5: rows<5>(nin, w, bias, x, xstride * W, to, packs); break;
          case 4: rows<4>(nin, w, bias, x, xstride * W, to, packs); break;
          case 3: rows<3>(nin, w, bias, x, xstride * W, to, packs); break;
          case 2: rows<2>(nin, w, bias, x, xstride * W, to, packs); break;
          default: rows<1>(nin, w, bias, x, xstride * W, to, packs); break;
        }
      } else {
        const int p = item % groups;
        const P *one = bias ? bias + p : bias;
        switch (b.rows) {
          case 6: block_of_one<6>(nin, w + p, one, from, xstride, to + p, packs); break;
          case 5: block_of_one<5>(nin, w + p, one, from, xstride, to + p, packs); break;
          case 4: block_of_one<4>(nin, w + p, one, from, xstride, to + p, packs); break;
          case 3: block_of_one<3>(nin, w + p, one, from, xstride, to + p, packs); break;
          case 2: block_of_one<2>(nin, w + p, one, from, xstride, to + p, packs); break;
          default: block_of_one<1>(nin, w + p, one, from, xstride, to + p, packs); break;
        }
      }
    }
  }

  /* ---------------------------------------------------------------------- */

  BACKMAP_KERNEL static void tanh_run(int first, int step, int n, P *x)
  {
    for (int i = first; i < n; i += step) x[i] = p_tanh(x[i]);
  }

  BACKMAP_KERNEL static void through_tanh(int first, int step, int n, const P *y, P *g)
  {
    for (int i = first; i < n; i += step) g[i] = g[i] * (P(1) - y[i] * y[i]);
  }

  /* ----------------------------------------------------------------------
     in double, because energies are compared; partial sums, or each term would wait for the last
  ------------------------------------------------------------------------- */

  BACKMAP_KERNEL static double dot(int n, const S *a, const S *b)
  {
    constexpr int PARTS = 8;
    double part[PARTS] = {};
    int i = 0;
    for (; i + PARTS <= n; i += PARTS)
      for (int k = 0; k < PARTS; k++) part[k] += (double) a[i + k] * (double) b[i + k];
    for (int k = 0; i + k < n; k++) part[k] += (double) a[i + k] * (double) b[i + k];
    return ((part[0] + part[1]) + (part[2] + part[3])) +
        ((part[4] + part[5]) + (part[6] + part[7]));
  }
};

}    // namespace BACKMAP_NS

#endif

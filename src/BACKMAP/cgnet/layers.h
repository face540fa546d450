/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_LAYERS_H
#define BACKMAP_CGNET_LAYERS_H

// The network of a CG model: value and derivatives by its inputs, for the rows of a tile (a row is a
// molecule). The lanes of a pack are outputs of a layer. Sums over inputs run in their order, for any
// number of rows and packs computed at a time: that is why a row cannot depend on its neighbours.

#include "core/pack.h"

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

  /// Rows computed together at most, and how many packs of M rows fit into the registers: AVX-512 has
  /// 32 of them, others 16.
  static constexpr int ROWS = 6;
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
  ------------------------------------------------------------------------- */

  BACKMAP_FUNCTION static const S *evaluate(int nlayers, const Layer *layers, int most, int n,
                                            P *memory, double *value)
  {
    P *x = memory;
    for (int k = 0; k + 1 < nlayers; k++) {
      const Layer &l = layers[k];
      P *y = x + most * (l.in_pad / W);
      product(n, l.in, pack(l.forward), pack(l.bias), x, l.in_pad / W, y, l.out_pad / W);
      tanh_run(n * (l.out_pad / W), y);
      x = y;
    }

    // the last layer has one output: its weights are where the derivatives start

    const Layer &last = layers[nlayers - 1];
    const int packs = last.in_pad / W;
    P *g = x + most * packs, *other = g + most * (widest(nlayers, layers) / W);
    for (int m = 0; m < n; m++) {
      value[m] = last.bias[0] + dot(last.in, last.backward, number(x + m * packs));
      for (int i = 0; i < packs; i++) g[m * packs + i] = pack(last.backward)[i];
    }
    for (int k = nlayers - 2; k >= 0; k--) {
      const Layer &l = layers[k];
      through_tanh(n * (l.out_pad / W), x, g);
      product(n, l.out, pack(l.backward), nullptr, g, l.out_pad / W, other, l.in_pad / W);
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
     and for n rows, in blocks that differ by one row at most
  ------------------------------------------------------------------------- */

  BACKMAP_FUNCTION static void product(int n, int nin, const P *w, const P *bias, const P *xpacks,
                                       int xstride, P *y, int packs)
  {
    const S *x = number(xpacks);
    xstride *= W;
    for (int left = n, blocks = (n + ROWS - 1) / ROWS; blocks > 0; blocks--) {
      const int m = (left + blocks - 1) / blocks;
      switch (m) {
        case 6: rows<6>(nin, w, bias, x, xstride, y, packs); break;
        case 5: rows<5>(nin, w, bias, x, xstride, y, packs); break;
        case 4: rows<4>(nin, w, bias, x, xstride, y, packs); break;
        case 3: rows<3>(nin, w, bias, x, xstride, y, packs); break;
        case 2: rows<2>(nin, w, bias, x, xstride, y, packs); break;
        default: rows<1>(nin, w, bias, x, xstride, y, packs); break;
      }
      left -= m;
      x += m * xstride;
      y += m * packs;
    }
  }

  /* ---------------------------------------------------------------------- */

  BACKMAP_KERNEL static void tanh_run(int n, P *x)
  {
    for (int i = 0; i < n; i++) x[i] = p_tanh(x[i]);
  }

  BACKMAP_KERNEL static void through_tanh(int n, const P *y, P *g)
  {
    for (int i = 0; i < n; i++) g[i] = g[i] * (P(1) - y[i] * y[i]);
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

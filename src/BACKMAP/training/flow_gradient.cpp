/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_gradient.h"

#include "flow/layers_backward.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <stdexcept>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

std::vector<FlowParameter> flow_parameters(const FlowNetShape &s)
{
  const int h = s.hidden, most = SplineSizes::MAX_BINS;
  if (s.nl < 2 || s.nf < 1 || s.nc < 0 || h < 1 || s.bins < 2 || s.bins > most ||
      s.circular_bins < 2 || s.circular_bins > most)
    throw std::runtime_error("flow networks: impossible sizes");
  if (s.linear_id.size() != s.circular_id.size())
    throw std::runtime_error("flow networks: identity sets of different number");
  std::vector<FlowParameter> list;
  const auto layer = [&](const std::string &name, int rows, int columns) {
    list.push_back({s.prefix + name + "weight", rows, columns});
    list.push_back({s.prefix + name + "bias", rows, 0});
  };
  layer("affine.0.", h, s.nf);
  layer("affine.1.", h, h);
  layer("affine.2.", 2 * s.nl, h);
  for (std::size_t k = 0; k < s.linear_id.size(); k++) {
    const std::string p = FlowSpec::coupling_name(k);
    const int nl = (int) s.linear_id[k].size(), nc = (int) s.circular_id[k].size();
    const int outputs = (s.nl - nl) * (3 * s.bins + 1) + (s.nc - nc) * (3 * s.circular_bins + 1);
    list.push_back({s.prefix + p + "in.weight", h, nl + 4 * nc});
    list.push_back({s.prefix + p + "cond.weight", h, s.nf});
    list.push_back({s.prefix + p + "in.bias", h, 0});
    layer(p + "hidden.", h, h);
    layer(p + "out.", outputs, h);
  }
  return list;
}

/* ----------------------------------------------------------------------
   sizes, as all threads need them
------------------------------------------------------------------------- */

template <class S> struct FlowGradient<S>::Networks {
  struct Coupling {
    std::vector<int> lid, cid, lt, ct;
    CouplingView<S> view;    // its weights are not used
    int first, outputs;      // in.weight among the parameters
  };
  FlowNetShape shape;
  SplineSizes splines;
  std::vector<FlowParameter> parameters;
  std::vector<Coupling> couplings;

  explicit Networks(const FlowNetShape &s) :
      shape(s), splines{s.bins, s.circular_bins, s.bound}, parameters(flow_parameters(s)),
      couplings(s.linear_id.size())
  {
    for (std::size_t k = 0; k < couplings.size(); k++) {
      Coupling &c = couplings[k];
      c.lid = s.linear_id[k];
      c.cid = s.circular_id[k];
      c.lt = FlowSpec::others(c.lid, s.nl);
      c.ct = FlowSpec::others(c.cid, s.nc);
      c.view = CouplingView<S>();
      c.view.nlid = (int) c.lid.size();
      c.view.ncid = (int) c.cid.size();
      c.view.nlt = (int) c.lt.size();
      c.view.nct = (int) c.ct.size();
      c.view.lid = c.lid.data();
      c.view.cid = c.cid.data();
      c.view.lt = c.lt.data();
      c.view.ct = c.ct.data();
      c.first = 6 + 7 * (int) k;
      c.outputs = parameters[c.first + 5].rows;
    }
  }
};

/* ----------------------------------------------------------------------
   one thread: its tile of rows, with all that the backward pass needs, and its sums of derivatives
   arrays of a tile hold NP packs per row, as in flow/layers.h
------------------------------------------------------------------------- */

template <class S> struct FlowGradient<S>::Tile {
  static constexpr int W = host_pack_width<S>(), ROWS = 64, NP = ROWS / W;
  static constexpr int N = BACKMAP_VECTOR_BYTES == 64 ? 4 : 2;    // packs that stay in registers
  using P = PackType<S, W>;
  using Array = std::vector<P>;

  struct Saved {    // of a coupling: inputs, hidden layers with their slopes, outputs, arguments
    Array q, h1, s1, h2, s2, o, x;
  };

  const Networks &net;
  const std::vector<const S *> *weights = nullptr;
  std::vector<Array> sums;    // [rows][columns, padded to packs] of each parameter
  Array l, c, f, ft, logq, logdet, affine1, slope1, affine2, slope2, affine3, base;
  Array gl, gc, g, g1, g2, gq, transposed;
  std::vector<Saved> saved;

  explicit Tile(const Networks &networks) : net(networks)
  {
    const auto &s = net.shape;
    const auto rows = [](int n) { return Array((std::size_t) n * NP, P(S(0))); };
    const int h = s.hidden, inputs = s.nl + 4 * s.nc;
    for (const auto &p : net.parameters)
      sums.emplace_back((std::size_t) p.rows * std::max(packs(p.columns), 1));
    for (auto *a : {&l, &gl, &base}) *a = rows(s.nl);
    for (auto *a : {&c, &gc}) *a = rows(s.nc);
    for (auto *a : {&affine1, &slope1, &affine2, &slope2, &g1, &g2}) *a = rows(h);
    affine3 = rows(2 * s.nl);
    logdet = rows(s.nl + s.nc);
    logq = g = rows(1);
    gq = rows(std::max(inputs, 2 * s.nl));
    f = rows(s.nf);
    ft.resize(ROWS * packs(s.nf));
    transposed.resize(ROWS * packs(std::max(h, inputs)));
    for (const auto &k : net.couplings) {
      saved.emplace_back();
      auto &a = saved.back();
      a.q = rows(k.view.inputs());
      for (auto *x : {&a.h1, &a.s1, &a.h2, &a.s2}) *x = rows(h);
      a.o = rows(k.outputs);
      a.x = rows(k.view.nlt + k.view.nct);
    }
  }

  static int packs(int columns) { return (columns + W - 1) / W; }
  static S *numbers(Array &a) { return reinterpret_cast<S *>(a.data()); }
  static S *numbers(P *a) { return reinterpret_cast<S *>(a); }
  const S *weight(int k) const { return (*weights)[k]; }

  /* ----------------------------------------------------------------------
     y += w x (bias null) or y = w x + bias; entries (i, k) of w are at i*row + k*column
  ------------------------------------------------------------------------- */

  template <int M>
  static void multiply_block(int n, const S *w, std::ptrdiff_t row, std::ptrdiff_t column,
                             const S *bias, int ncolumns, const P *x, int xstride, P *y)
  {
    int p = 0;
    for (; p + N <= n; p += N)
      multiply_rows<M, N>(w, row, column, bias, ncolumns, x + p, xstride, y + p, n);
    for (; p + 2 <= n; p += 2)
      multiply_rows<M, 2>(w, row, column, bias, ncolumns, x + p, xstride, y + p, n);
    if (p < n) multiply_rows<M, 1>(w, row, column, bias, ncolumns, x + p, xstride, y + p, n);
  }

  static void multiply(const S *w, std::ptrdiff_t row, std::ptrdiff_t column, const S *bias,
                       int nrows, int ncolumns, const P *x, P *y, int n = NP)
  {
    for (int k = 0; k < row_blocks(nrows); k++) {
      const RowBlock b = row_block(nrows, k);
      const S *from = w + b.first * row, *start = bias ? bias + b.first : nullptr;
      P *to = y + (std::size_t) b.first * n;
      switch (b.rows) {
        case 6: multiply_block<6>(n, from, row, column, start, ncolumns, x, n, to); break;
        case 5: multiply_block<5>(n, from, row, column, start, ncolumns, x, n, to); break;
        case 4: multiply_block<4>(n, from, row, column, start, ncolumns, x, n, to); break;
        case 3: multiply_block<3>(n, from, row, column, start, ncolumns, x, n, to); break;
        case 2: multiply_block<2>(n, from, row, column, start, ncolumns, x, n, to); break;
        default: multiply_block<1>(n, from, row, column, start, ncolumns, x, n, to); break;
      }
    }
  }

  /* ----------------------------------------------------------------------
     rows `first`.. of the layer with weights w: forward; derivatives by weights, biases, arguments
  ------------------------------------------------------------------------- */

  void forward(int w, int bias, const P *x, P *y, int first = 0, int nrows = -1) const
  {
    const auto &p = net.parameters[w];
    multiply(weight(w) + (std::size_t) first * p.columns, p.columns, 1,
             bias < 0 ? nullptr : weight(bias) + first, nrows < 0 ? p.rows : nrows, p.columns, x,
             y);
  }

  // arguments of a layer as add_weights() wants them: [row of the tile][column]

  static void transpose(const P *x, int columns, Array &to)
  {
    const S *from = reinterpret_cast<const S *>(x);
    S *out = numbers(to);
    const int stride = packs(columns) * W;
    for (int k = 0; k < columns; k++)
      for (int i = 0; i < ROWS; i++) out[i * stride + k] = from[k * ROWS + i];
    for (int k = columns; k < stride; k++)
      for (int i = 0; i < ROWS; i++) out[i * stride + k] = S(0);
  }

  void add_weights(int w, P *gy, const Array &xt, int first = 0, int nrows = -1)
  {
    const auto &p = net.parameters[w];
    const int n = packs(p.columns);
    multiply(numbers(gy), ROWS, 1, nullptr, nrows < 0 ? p.rows : nrows, ROWS, xt.data(),
             sums[w].data() + (std::size_t) first * n, n);
  }

  void add_bias(int b, const P *gy, int first = 0, int nrows = -1)
  {
    if (nrows < 0) nrows = net.parameters[b].rows;
    for (int i = 0; i < nrows; i++)
      for (int p = 0; p < NP; p++) sums[b][first + i] = sums[b][first + i] + gy[i * NP + p];
  }

  void add_arguments(int w, const P *gy, P *gx, int first = 0, int nrows = -1) const
  {
    const auto &p = net.parameters[w];
    multiply(weight(w) + (std::size_t) first * p.columns, 1, p.columns, nullptr, p.columns,
             nrows < 0 ? p.rows : nrows, gy, gx);
  }

  static void times(const Array &slope, Array &g)
  {
    for (std::size_t i = 0; i < slope.size(); i++) g[i] = g[i] * slope[i];
  }

  static void clear(Array &a) { std::fill(a.begin(), a.end(), P(S(0))); }

  /* ----------------------------------------------------------------------
     the transformed variables of a coupling: which numbers they have
  ------------------------------------------------------------------------- */

  template <class Visit> void each_transformed(int k, const Visit &visit)
  {
    const auto &v = net.couplings[k].view;
    int first = 0;
    for (int i = 0; i < v.nlt + v.nct; i++) {
      const bool linear = i < v.nlt;
      const int n = 3 * (linear ? net.splines.bins : net.splines.circular_bins) + 1;
      visit(i, linear, first, n, (linear ? v.lt[i] : v.ct[i - v.nlt]) * NP);
      first += n;
    }
  }

  /* ----------------------------------------------------------------------
     rows begin.. of n (beyond the end: the last one again) -> logq
  ------------------------------------------------------------------------- */

  void load(const S *from, const int64_t *which, int64_t begin, int64_t n, int columns, Array &to)
  {
    S *out = numbers(to);
    for (int i = 0; i < ROWS; i++) {
      const int64_t at = std::min(begin + i, n - 1);
      const S *row = from + (which ? which[at] : at) * columns;
      for (int k = 0; k < columns; k++) out[k * ROWS + i] = row[k];
    }
  }

  void pass_forward(const FlowRowView<S> &rows, int64_t begin, int64_t n)
  {
    const auto &s = net.shape;
    const SerialMember member;
    load(rows.l, rows.which, begin, n, s.nl, l);
    load(rows.c, rows.which, begin, n, s.nc, c);
    load(rows.f, rows.which, begin, n, s.nf, f);

    forward(0, 1, f.data(), affine1.data());
    silu_slope_run(affine1.data(), slope1.data(), s.hidden * NP);
    forward(2, 3, affine1.data(), affine2.data());
    silu_slope_run(affine2.data(), slope2.data(), s.hidden * NP);
    forward(4, 5, affine2.data(), affine3.data());
    const double turn = 2.0 * BACKMAP_PI;
    logq.assign(NP, P(S(-0.5 * s.nl * std::log(turn) - s.nc * std::log(turn))));
    for (int i = 0; i < s.nl * NP; i++) {
      P &scale = affine3[s.nl * NP + i];
      logq[i % NP] = logq[i % NP] - scale;
      scale = p_exp(-scale);
      base[i] = l[i] = (l[i] - affine3[i]) * scale;
    }

    for (std::size_t k = 0; k < net.couplings.size(); k++) {
      const auto &coupling = net.couplings[k];
      Saved &a = saved[k];
      coupling_inputs(member, coupling.view, NP, l.data(), c.data(), a.q.data());
      forward(coupling.first, coupling.first + 2, a.q.data(), a.h1.data());
      forward(coupling.first + 1, -1, f.data(), a.h1.data());
      silu_slope_run(a.h1.data(), a.s1.data(), s.hidden * NP);
      forward(coupling.first + 3, coupling.first + 4, a.h1.data(), a.h2.data());
      silu_slope_run(a.h2.data(), a.s2.data(), s.hidden * NP);
      each_transformed(k, [&](int i, bool linear, int first, int count, int at) {
        P *o = &a.o[first * NP], *x = linear ? &l[at] : &c[at];
        forward(coupling.first + 5, coupling.first + 6, a.h2.data(), o, first, count);
        std::copy(x, x + NP, &a.x[i * NP]);
        for (int p = 0; p < NP; p++) {
          P ld;
          if (linear)
            transform_linear(o + p, NP, net.splines.bins, net.splines.bound, false, x + p, &ld);
          else
            transform_circular(o + p, NP, net.splines.circular_bins, false, x + p, &ld);
          logq[p] = logq[p] + ld;
        }
      });
    }
    for (int i = 0; i < s.nl * NP; i++) logq[i % NP] = logq[i % NP] - P(S(0.5)) * l[i] * l[i];
  }

  /* ----------------------------------------------------------------------
     derivatives g by logq -> added to the sums
  ------------------------------------------------------------------------- */

  void pass_backward()
  {
    const auto &s = net.shape;
    transpose(f.data(), s.nf, ft);
    for (int i = 0; i < s.nl * NP; i++) gl[i] = -(g[i % NP] * l[i]);
    clear(gc);

    for (int k = (int) net.couplings.size() - 1; k >= 0; k--) {
      const auto &coupling = net.couplings[k];
      const int in = coupling.first, cond = in + 1, hidden = in + 3, out = in + 5;
      Saved &a = saved[k];
      transpose(a.h2.data(), s.hidden, transposed);
      clear(g2);
      each_transformed(k, [&](int i, bool linear, int first, int count, int at) {
        P *o = &a.o[first * NP];
        for (int p = 0; p < NP; p++)
          if (linear)
            transform_linear_backward(o + p, NP, net.splines.bins, net.splines.bound,
                                      &a.x[i * NP + p], &g[p], &gl[at + p]);
          else
            transform_circular_backward(o + p, NP, net.splines.circular_bins, &a.x[i * NP + p],
                                        &g[p], &gc[at + p]);
        add_weights(out, o, transposed, first, count);
        add_bias(out + 1, o, first, count);
        add_arguments(out, o, g2.data(), first, count);
      });
      times(a.s2, g2);
      transpose(a.h1.data(), s.hidden, transposed);
      add_weights(hidden, g2.data(), transposed);
      add_bias(hidden + 1, g2.data());
      clear(g1);
      add_arguments(hidden, g2.data(), g1.data());
      times(a.s1, g1);
      transpose(a.q.data(), coupling.view.inputs(), transposed);
      add_weights(in, g1.data(), transposed);
      add_weights(cond, g1.data(), ft);
      add_bias(in + 2, g1.data());
      clear(gq);
      add_arguments(in, g1.data(), gq.data());
      coupling_inputs_backward(coupling.view, NP, a.q.data(), gq.data(), gl.data(), gc.data());
    }

    for (int i = 0; i < s.nl * NP; i++) {
      gq[i] = -(gl[i] * affine3[s.nl * NP + i]);
      gq[s.nl * NP + i] = -(gl[i] * base[i]) - g[i % NP];
    }
    transpose(affine2.data(), s.hidden, transposed);
    add_weights(4, gq.data(), transposed);
    add_bias(5, gq.data());
    clear(g2);
    add_arguments(4, gq.data(), g2.data());
    times(slope2, g2);
    transpose(affine1.data(), s.hidden, transposed);
    add_weights(2, g2.data(), transposed);
    add_bias(3, g2.data());
    clear(g1);
    add_arguments(2, g2.data(), g1.data());
    times(slope1, g1);
    add_weights(0, g1.data(), ft);
    add_bias(1, g1.data());
  }

  /* ----------------------------------------------------------------------
     rows begin.. to end; slope null: log q alone
  ------------------------------------------------------------------------- */

  void run(const std::vector<const S *> &given, const FlowRowView<S> &rows, int64_t begin,
           int64_t end, const Slope *slope, S *result)
  {
    weights = &given;
    if (slope)
      for (auto &a : sums) clear(a);
    for (int64_t first = begin; first < end; first += ROWS) {
      pass_forward(rows, first, end);
      const S *from = numbers(logq);
      S *to = numbers(g);
      for (int i = 0; i < ROWS; i++) {
        const bool real = first + i < end;
        if (real) result[first + i] = from[i];
        to[i] = real && slope ? (*slope)(first + i, from[i]) : S(0);
      }
      if (slope) pass_backward();
    }
  }

  /* ----------------------------------------------------------------------
     derivatives by parameter k -> out, overwritten or added
  ------------------------------------------------------------------------- */

  void give(int k, bool add, S *out)
  {
    const auto &p = net.parameters[k];
    const S *from = numbers(sums[k]);
    for (int i = 0; i < p.rows; i++) {
      if (!p.columns) {
        S sum = from[i * W];
        for (int j = 1; j < W; j++) sum += from[i * W + j];
        out[i] = add ? out[i] + sum : sum;
      }
      S *row = out + (std::size_t) i * p.columns;
      const S *sum = from + (std::size_t) i * packs(p.columns) * W;
      for (int j = 0; j < p.columns; j++) row[j] = add ? row[j] + sum[j] : sum[j];
    }
  }
};

/* ---------------------------------------------------------------------- */

template <class S>
FlowGradient<S>::FlowGradient(const FlowNetShape &shape, int threads) :
    networks(std::make_unique<Networks>(shape))
{
  for (int i = 0; i < std::max(threads, 1); i++) tiles.push_back(std::make_unique<Tile>(*networks));
}

template <class S> FlowGradient<S>::~FlowGradient() = default;
template <class S> FlowGradient<S>::FlowGradient(FlowGradient &&) noexcept = default;

/* ----------------------------------------------------------------------
   equal numbers of tiles for all threads
------------------------------------------------------------------------- */

template <class S>
void FlowGradient<S>::run(const std::vector<const S *> &weights, const FlowRowView<S> &rows,
                          int64_t n, const Slope *slope, S *logq)
{
  const int64_t all = (n + Tile::ROWS - 1) / Tile::ROWS, threads = (int64_t) tiles.size();
  const int64_t part = (all + threads - 1) / threads * Tile::ROWS;
  const auto work = [&](int64_t t) {
    tiles[t]->run(weights, rows, std::min(t * part, n), std::min((t + 1) * part, n), slope, logq);
  };
  std::vector<std::future<void>> others;
  for (int64_t t = 1; t < threads; t++) others.push_back(std::async(std::launch::async, work, t));
  work(0);
  for (auto &o : others) o.get();
}

template <class S>
void FlowGradient<S>::log_prob(const std::vector<const S *> &weights, const FlowRowView<S> &rows,
                               int64_t n, S *logq)
{
  run(weights, rows, n, nullptr, logq);
}

template <class S>
void FlowGradient<S>::gradient(const std::vector<const S *> &weights, const FlowRowView<S> &rows,
                               int64_t n, const Slope &slope, S *logq, const std::vector<S *> &out)
{
  run(weights, rows, n, &slope, logq);
  for (std::size_t k = 0; k < out.size(); k++)
    for (std::size_t t = 0; t < tiles.size(); t++) tiles[t]->give((int) k, t > 0, out[k]);
}

template class FlowGradient<float>;
template class FlowGradient<double>;

}    // namespace BACKMAP_NS

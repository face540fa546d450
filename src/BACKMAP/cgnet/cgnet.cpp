/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "cgnet/cgnet.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>

using namespace BACKMAP_NS;

#if defined(__GNUC__)
#define BACKMAP_INLINE inline __attribute__((always_inline))
#define BACKMAP_UNROLL _Pragma("GCC unroll 16")    // also at -O2, or the sums go through memory
#else
#define BACKMAP_INLINE inline
#define BACKMAP_UNROLL
#endif

namespace {

constexpr int TILE = 16;     // rows of weights are padded to this
constexpr int ROWS = 4;      // molecules computed together
constexpr int BLOCK = 64;    // molecules whose activations are kept at a time

int padded(int n)
{
  return (n + TILE - 1) / TILE * TILE;
}

// W doubles in one register; a compiler without vector types gets plain numbers

#if defined(__GNUC__)
template <int W> struct Pack {
  typedef double type __attribute__((vector_size(W * sizeof(double))));
};
template <> struct Pack<1> {
  typedef double type;
};
#else
template <int W> struct Pack {
  static_assert(W == 1, "packs need vector types");
  typedef double type;
};
#endif

/* ----------------------------------------------------------------------
   y[m][o] = bias[o] + sum_i x[m][i] w[i][o] for M rows, N packs of W outputs at a time
   every output is one sum in the order of i, whatever M is: the result of a molecule cannot depend
   on its neighbors
------------------------------------------------------------------------- */

// clang-format off
template <int W, int N, int M>
BACKMAP_INLINE void matmul(int nin, int nout_pad, const double *w, const double *bias,
                           const double *x, int ldx, double *y, int ldy)
{
  using pack = typename Pack<W>::type;
  for (int tile = 0; tile < nout_pad; tile += W * N) {
    pack sum[M][N];
    BACKMAP_UNROLL for (int m = 0; m < M; m++) {
      BACKMAP_UNROLL for (int k = 0; k < N; k++) {
        sum[m][k] = pack{};
        if (bias) std::memcpy(&sum[m][k], bias + tile + k * W, sizeof(pack));
      }
    }
    const double *row = w + tile;
    for (int i = 0; i < nin; i++, row += nout_pad) {
      pack wi[N];
      BACKMAP_UNROLL for (int k = 0; k < N; k++) {
        std::memcpy(&wi[k], row + k * W, sizeof(pack));
      }
      BACKMAP_UNROLL for (int m = 0; m < M; m++) {
        const double xi = x[m * ldx + i];
        BACKMAP_UNROLL for (int k = 0; k < N; k++) {
          sum[m][k] += xi * wi[k];
        }
      }
    }
    BACKMAP_UNROLL for (int m = 0; m < M; m++) {
      BACKMAP_UNROLL for (int k = 0; k < N; k++) {
        std::memcpy(y + m * ldy + tile + k * W, &sum[m][k], sizeof(pack));
      }
    }
  }
}
// clang-format on

/* ----------------------------------------------------------------------
   tanh a = 1 - 2 / (exp(2|a|) + 1) with the sign of a, to 2e-16 absolute, in a loop that the
   compiler vectorises; exp by reduction to [-ln2/2, ln2/2] and its Taylor series
   20 is beyond the last |a| with tanh < 1; NaN passes through
------------------------------------------------------------------------- */

BACKMAP_INLINE void tanh_loop(int n, double *a)
{
  constexpr double shift = 6755399441055744.0;    // 1.5 * 2^52: adding it rounds to a whole number
  constexpr double log2e = 1.4426950408889634074;
  constexpr double ln2_high = 6.93147180369123816490e-01, ln2_low = 1.90821492927058770002e-10;
  for (int i = 0; i < n; i++) {
    double t = std::fabs(a[i]);
    t = t > 20.0 ? 20.0 : t;
    const double x = 2.0 * t;
    const double rounded = x * log2e + shift;
    const double k = rounded - shift;
    const double r = (x - k * ln2_high) - k * ln2_low;
    double p = 1.0 / 6227020800.0;
    p = p * r + 1.0 / 479001600.0;
    p = p * r + 1.0 / 39916800.0;
    p = p * r + 1.0 / 3628800.0;
    p = p * r + 1.0 / 362880.0;
    p = p * r + 1.0 / 40320.0;
    p = p * r + 1.0 / 5040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    std::uint64_t bits;
    std::memcpy(&bits, &rounded, sizeof(bits));
    bits = (bits + 1023) << 52;    // 2^k: the low bits of the shifted number are k
    double power;
    std::memcpy(&power, &bits, sizeof(power));
    a[i] = std::copysign(1.0 - 2.0 / (p * power + 1.0), a[i]);
  }
}

// the same two loops compiled for several CPUs; which one runs is decided when the program starts

typedef void (*linear_function)(int, int, const double *, const double *, const double *, int,
                                double *, int);
struct Kernels {
  linear_function rows, one;
  void (*tanh)(int, double *);
};

#define BACKMAP_KERNELS(NAME, TARGET, W, N)                                           \
  TARGET void NAME##_rows(int nin, int nout_pad, const double *w, const double *bias, \
                          const double *x, int ldx, double *y, int ldy)               \
  {                                                                                   \
    matmul<W, N, ROWS>(nin, nout_pad, w, bias, x, ldx, y, ldy);                       \
  }                                                                                   \
  TARGET void NAME##_one(int nin, int nout_pad, const double *w, const double *bias,  \
                         const double *x, int ldx, double *y, int ldy)                \
  {                                                                                   \
    matmul<W, TILE / W, 1>(nin, nout_pad, w, bias, x, ldx, y, ldy);                   \
  }                                                                                   \
  TARGET void NAME##_tanh(int n, double *a)                                           \
  {                                                                                   \
    tanh_loop(n, a);                                                                  \
  }

#if defined(__GNUC__) && defined(__x86_64__)
BACKMAP_KERNELS(avx512, __attribute__((target("avx512f,avx512dq,avx512vl,avx2,fma"))), 8, 2)
BACKMAP_KERNELS(avx2, __attribute__((target("avx2,fma"))), 4, 2)
BACKMAP_KERNELS(plain, , 2, 2)
#elif defined(__GNUC__)
BACKMAP_KERNELS(plain, , 2, 4)
#else
BACKMAP_KERNELS(plain, , 1, 4)
#endif

Kernels choose_kernels()
{
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl"))
    return {avx512_rows, avx512_one, avx512_tanh};
  if (avx2) return {avx2_rows, avx2_one, avx2_tanh};
#endif
  return {plain_rows, plain_one, plain_tanh};
}

const Kernels kernels = choose_kernels();

/* ---------------------------------------------------------------------- */

void linear(int n, int nin, int nout_pad, const double *w, const double *bias, const double *x,
            int ldx, double *y, int ldy)
{
  int m = 0;
  for (; m + ROWS <= n; m += ROWS)
    kernels.rows(nin, nout_pad, w, bias, x + m * ldx, ldx, y + m * ldy, ldy);
  for (; m < n; m++) kernels.one(nin, nout_pad, w, bias, x + m * ldx, ldx, y + m * ldy, ldy);
}

}    // namespace

/* ----------------------------------------------------------------------
   the constants of Update::set_units in LAMMPS
------------------------------------------------------------------------- */

double BACKMAP_NS::boltzmann_constant(const std::string &units)
{
  if (units == "real") return 0.0019872067;
  if (units == "metal") return 8.617343e-5;
  if (units == "lj") return 1.0;
  if (units == "si") return 1.3806504e-23;
  if (units == "cgs") return 1.3806504e-16;
  if (units == "electron") return 3.16681534e-6;
  if (units == "micro") return 1.3806504e-8;
  if (units == "nano") return 0.013806504;
  throw std::runtime_error("units, expected a LAMMPS unit style, got \"" + units + "\"");
}

/* ----------------------------------------------------------------------
   sorts of beads are numbered as they come
------------------------------------------------------------------------- */

static std::shared_ptr<const FarRepulsion> make_far(const CgnetSpec &s, double kT)
{
  std::vector<std::string> names;
  std::vector<int> sort;
  for (int b = 0; b < s.nbeads(); b++) {
    const std::string name = s.bead_formula(b);
    const auto at = std::find(names.begin(), names.end(), name);
    sort.push_back((int) (at - names.begin()));
    if (at == names.end()) names.push_back(name);
  }
  const std::size_t n = names.size();
  std::vector<double> sigma(n * n, 0.0);
  for (const auto &pair : s.far)
    for (std::size_t a = 0; a < n; a++)
      for (std::size_t b = 0; b < n; b++)
        if (names[a] == pair.beads[0] && names[b] == pair.beads[1])
          sigma[a * n + b] = sigma[b * n + a] = pair.sigma;
  return std::make_shared<FarRepulsion>(kT, sort, sigma, s.bead_bonds, CgnetSpec::FAR);
}

/* ---------------------------------------------------------------------- */

Cgnet::Cgnet(const CgnetSpec &spec) : model(spec)
{
  model.validate("cgnet model");
  kT = boltzmann_constant(model.units) * model.temperature;
  for (const auto &kind : model.kinds) kinds.emplace_back(kind);
  views.resize(kinds.size());
  for (const auto &w : model.windows)
    for (const auto &order : w.orders) views[w.kind].push_back({order, 1.0 / w.orders.size()});
  if (model.composed()) far = make_far(model, kT);
  for (const auto &l : model.layers) {
    Layer layer;
    layer.in = l.in;
    layer.out = l.out;
    layer.in_pad = padded(l.in);
    layer.out_pad = padded(l.out);
    layer.forward.assign((std::size_t) l.in * layer.out_pad, 0.0);
    layer.backward.assign((std::size_t) l.out * layer.in_pad, 0.0);
    layer.bias.assign(layer.out_pad, 0.0);
    std::copy(l.bias.begin(), l.bias.end(), layer.bias.begin());
    for (int o = 0; o < l.out; o++)
      for (int i = 0; i < l.in; i++) {
        const double w = l.weight[(std::size_t) o * l.in + i];
        layer.forward[(std::size_t) i * layer.out_pad + o] = w;
        layer.backward[(std::size_t) o * layer.in_pad + i] = w;
      }
    layers.push_back(layer);
  }
}

/* ---------------------------------------------------------------------- */

void Cgnet::evaluate(int nmol, const double *z, double *energy, double *force) const
{
  std::vector<double> scratch;
  const std::size_t size = 3 * (std::size_t) model.nbeads();
  for (int first = 0; first < nmol; first += BLOCK) {
    const int n = std::min(BLOCK, nmol - first);
    if (model.composed())
      evaluate_windows(n, z + first * size, energy + first, force + first * size);
    else
      evaluate_block(n, z + first * size, energy + first, force + first * size, scratch);
  }
}

/* ----------------------------------------------------------------------
   beads out of the molecules, energies and forces into them, kind by kind
------------------------------------------------------------------------- */

void Cgnet::evaluate_windows(int n, const double *z, double *energy, double *force) const
{
  const std::size_t size = 3 * (std::size_t) model.nbeads();
  std::fill(force, force + n * size, 0.0);
  for (int m = 0; m < n; m++) {
    double *f = force + m * size;
    energy[m] = far->evaluate(z + m * size, f);
    for (std::size_t i = 0; i < size; i++) f[i] = -f[i];
  }
  std::vector<double> x, e, f;
  for (std::size_t k = 0; k < kinds.size(); k++) {
    const std::size_t nb = model.kinds[k].nbeads(), count = n * views[k].size();
    x.resize(count * 3 * nb);
    f.resize(count * 3 * nb);
    e.resize(count);
    double *to = x.data();
    for (int m = 0; m < n; m++)
      for (const auto &view : views[k])
        for (const int b : view.beads) to = std::copy_n(z + m * size + 3 * b, 3, to);
    kinds[k].evaluate((int) count, x.data(), e.data(), f.data());
    const double *from = f.data(), *one = e.data();
    for (int m = 0; m < n; m++)
      for (const auto &view : views[k]) {
        energy[m] += view.share * *one++;
        for (const int b : view.beads)
          for (int c = 0; c < 3; c++) force[m * size + 3 * b + c] += view.share * *from++;
      }
  }
}

/* ---------------------------------------------------------------------- */

Cgnet::Cost Cgnet::cost(const double *z) const
{
  Cost out;
  for (const auto &l : layers) out.network += (std::int64_t) l.in * l.out;
  for (std::size_t k = 0; k < kinds.size(); k++)
    out.network += (std::int64_t) views[k].size() * kinds[k].cost(z).network;
  if (far) far->evaluate(z, nullptr, &out.pairs);
  return out;
}

/* ----------------------------------------------------------------------
   scratch: activations of every layer (kept for the derivatives), then two rows of gradients
------------------------------------------------------------------------- */

void Cgnet::evaluate_block(int n, const double *z, double *energy, double *force,
                           std::vector<double> &scratch) const
{
  const int nf = model.features.size(), nlayers = (int) layers.size();
  const std::size_t size = 3 * (std::size_t) model.nbeads();
  int widest = padded(std::max(nf, model.prior.size()));
  std::size_t total = 0;
  for (const auto &l : layers) {
    widest = std::max({widest, l.in_pad, l.out_pad});
    total += (std::size_t) n * l.in_pad;
  }
  scratch.resize(total + 2 * (std::size_t) n * widest);

  std::vector<double *> act(nlayers);
  double *next = scratch.data();
  for (int k = 0; k < nlayers; k++) {
    act[k] = next;
    next += (std::size_t) n * layers[k].in_pad;
  }
  double *grad = next, *other = next + (std::size_t) n * widest;

  for (int m = 0; m < n; m++) {
    double *x = act[0] + (std::size_t) m * layers[0].in_pad;
    features(model.features, z + m * size, x);
    for (int i = 0; i < nf; i++) x[i] = (x[i] - model.feature_mean[i]) / model.feature_std[i];
  }

  for (int k = 0; k + 1 < nlayers; k++) {
    const Layer &l = layers[k];
    linear(n, l.in, l.out_pad, l.forward.data(), l.bias.data(), act[k], l.in_pad, act[k + 1],
           l.out_pad);
    kernels.tanh(n * l.out_pad, act[k + 1]);
  }

  // the last layer has one output; its weights are where the gradient starts

  const Layer &last = layers.back();
  for (int m = 0; m < n; m++) {
    const double *a = act[nlayers - 1] + (std::size_t) m * last.in_pad;
    double sum = last.bias[0];
    for (int i = 0; i < last.in; i++) sum += last.backward[i] * a[i];
    energy[m] = sum;
    std::copy(last.backward.begin(), last.backward.end(), grad + (std::size_t) m * last.in_pad);
  }

  for (int k = nlayers - 2; k >= 0; k--) {
    const Layer &l = layers[k];
    for (std::size_t i = 0; i < (std::size_t) n * l.out_pad; i++)
      grad[i] *= 1.0 - act[k + 1][i] * act[k + 1][i];
    linear(n, l.out, l.in_pad, l.backward.data(), nullptr, grad, l.out_pad, other, l.in_pad);
    std::swap(grad, other);
  }

  for (int m = 0; m < n; m++) {
    double *g = grad + (std::size_t) m * layers[0].in_pad, *f = force + m * size;
    for (int i = 0; i < nf; i++) g[i] /= model.feature_std[i];
    std::fill(f, f + size, 0.0);
    features_gradient(model.features, z + m * size, g, f);
    energy[m] += add_prior(z + m * size, f, other);
    for (std::size_t i = 0; i < size; i++) f[i] = -f[i];
  }
}

/* ----------------------------------------------------------------------
   energy of the prior, its gradient added; d: room for its coordinates
------------------------------------------------------------------------- */

double Cgnet::add_prior(const double *z, double *g, double *d) const
{
  const auto &p = model.prior;
  const int n = p.size();
  const auto at = [z](int bead) { return z + 3 * bead; };
  const auto to = [g](int bead) { return g + 3 * bead; };
  double energy = 0.0;

  int k = 0;
  for (const auto &b : p.bonds) {
    const double r = bead_distance(at(b[0]), at(b[1]));
    const double factor = p.jacobian.empty() ? 2.0 : p.jacobian[k];
    energy += factor * kT * std::log(r);
    bead_distance_gradient(at(b[0]), at(b[1]), factor * kT / r, to(b[0]), to(b[1]));
    d[k] = r - p.mean[k];
    k++;
  }
  for (const auto &a : p.angles) {
    d[k] = bead_angle(at(a[0]), at(a[1]), at(a[2])) - p.mean[k];
    k++;
  }
  for (const auto &t : p.dihedrals) {
    d[k] = wrap_angle(bead_dihedral(at(t[0]), at(t[1]), at(t[2]), at(t[3])) - p.mean[k]);
    k++;
  }

  // precision is symmetric (checked), so its product with d is the derivative

  const auto slope = [&](int row) {
    double sum = 0.0;
    for (int j = 0; j < n; j++) sum += p.precision[(std::size_t) row * n + j] * d[j];
    energy += 0.5 * d[row] * sum;
    return sum;
  };
  k = 0;
  for (const auto &b : p.bonds)
    bead_distance_gradient(at(b[0]), at(b[1]), slope(k++), to(b[0]), to(b[1]));
  for (const auto &a : p.angles)
    bead_angle_gradient(at(a[0]), at(a[1]), at(a[2]), slope(k++), to(a[0]), to(a[1]), to(a[2]));
  for (const auto &t : p.dihedrals)
    bead_dihedral_gradient(at(t[0]), at(t[1]), at(t[2]), at(t[3]), slope(k++), to(t[0]), to(t[1]),
                           to(t[2]), to(t[3]));

  for (std::size_t q = 0; q < p.repulsion.size(); q++) {
    const auto &b = p.repulsion[q];
    const double r = bead_distance(at(b[0]), at(b[1]));
    const double e = kT * std::pow(p.sigma[q] / r, 12);
    energy += e;
    bead_distance_gradient(at(b[0]), at(b[1]), -12.0 * e / r, to(b[0]), to(b[1]));
  }
  return energy;
}

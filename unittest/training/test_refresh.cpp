/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Frames that get new atoms from the flow: the Boltzmann distribution is kept whatever the flow is, what is
// returned trains without bias and with less noise, and flows become better without losing anything.

#include "libtorch/flow_trainer.h"

#include "flow/flow.h"
#include "flow/flow_test_support.h"
#include "train_test_support.h"
#include "training/flow_data.h"
#include "training/flow_quality.h"
#include "training/refresh.h"

#include "gtest/gtest.h"

#include <limits>
#include <numeric>

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

constexpr double KT = 0.6;
constexpr double FIVE = 5.0;    // standard errors: one of 1.7 million right figures is further off

std::vector<int64_t> numbers(int n)
{
  std::vector<int64_t> out(n);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

/* every atom in a harmonic well of its own; the beads never move, so the Boltzmann distribution of the others is a
   Gaussian in Cartesian coordinates, which is curved in internal ones */

struct Wells {
  std::vector<double> x0;
  double sigma;    // standard deviation of a coordinate at KT

  double operator()(const double *x) const
  {
    double u = 0.0;
    for (std::size_t i = 0; i < x0.size(); i++) u += (x[i] - x0[i]) * (x[i] - x0[i]);
    return 0.5 * KT * u / (sigma * sigma);
  }

  std::vector<double> frames(const std::vector<int> &beads, int n, int seed) const
  {
    std::vector<double> x = noisy(x0, n, sigma, seed);
    for (int i = 0; i < n; i++)
      for (int b : beads) std::copy_n(&x0[3 * b], 3, &x[i * x0.size() + 3 * b]);
    return x;
  }
};

/* a molecule whose atoms are in such wells, and flows for it */

struct Small {
  std::vector<int> beads;
  Topology topology;
  Wells wells;
  Mapping map;
  int natoms;

  // the dipeptide
  Small() :
      Small(data_topology(::data + "/ala2/ala2.data"),
            oracle_frames(::data + "/ala2/oracle_vacuum.xyz", 1), 0.03, {4, 6, 8, 10, 14, 16})
  {
  }

  // a chain of five atoms, every second one a bead, with an atom at each side
  static Small chain()
  {
    Small s(make_topology(7, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 5}, {3, 6}}, {5, 6}),
            {0,   0,   0,   1.4,  0.3, 0.2,  2.1, 1.6, 0,   3.5, 1.8,
             0.4, 4.3, 3.0, -0.2, 1.7, -0.4, 1.0, 4.0, 1.0, 1.1},
            0.11, {0, 2, 4});
    s.map.fragments = {{"left", {1, 5}}, {"right", {3, 6}}};
    return s;
  }

  Small(const Topology &t, const std::vector<double> &start, double sigma,
        const std::vector<int> &atoms) :
      beads(atoms),
      topology(t), wells{start, sigma}, map(make_map(atoms)), natoms(t.natoms)
  {
  }

  std::vector<double> frames(int n, int seed) const { return wells.frames(beads, n, seed); }

  std::size_t stride() const { return 3 * (std::size_t) natoms; }

  // no networks yet
  FlowSpec prepare(const std::vector<double> &x, bool parts, int seed) const
  {
    FlowDesign design;
    design.hidden = 16;
    design.couplings = 2;
    design.seed = seed;
    const int n = (int) (x.size() / stride());
    const Fragments fragments = parts ? Fragments::derive(topology, map, wells.x0) : Fragments();
    FlowSpec spec = prepare_flow(topology, map, design, n, x.data(), std::vector<char>(n, 0),
                                 parts ? &fragments : nullptr)
                        .spec;
    test::random_networks(spec, 0.0);
    return spec;
  }

  FlowSpec random(double strength, bool parts, int seed) const
  {
    FlowSpec spec = prepare(frames(1000, seed), parts, seed);
    test::random_networks(spec, strength, seed);
    return spec;
  }

  // by maximum likelihood
  FlowSpec trained(const std::vector<double> &x, const std::vector<double> &check, bool parts,
                   int epochs, int seed) const
  {
    FlowSpec spec = prepare(x, parts, seed);
    FlowTrainer trainer(net_shapes(spec), options(epochs, seed),
                        flow_rows(spec, x.data(), numbers((int) (x.size() / stride()))),
                        flow_rows(spec, check.data(), numbers((int) (check.size() / stride()))));
    while (!trainer.finished()) trainer.epoch();
    set_weights(spec, trainer.best());
    return spec;
  }

  FlowSpec trained(int nframes, bool parts, int epochs, int seed) const
  {
    return trained(frames(nframes, seed), frames(200, seed + 1000), parts, epochs, seed);
  }

  static FlowTrainOptions options(int epochs, int seed)
  {
    FlowTrainOptions o;
    o.epochs = epochs;
    o.batch = 100;
    o.warmup = 10;
    o.ema = 0.9;
    o.threads = 1;
    o.seed = seed;
    return o;
  }

  /* largest deviation, in standard errors, from the Gaussian: means and variances of the coordinates of the atoms that
     are no beads, means of all squared distances */

  double deviation(const std::vector<double> &x) const
  {
    const int n = (int) (x.size() / stride());
    const auto fixed = [&](int a) { return std::count(beads.begin(), beads.end(), a) > 0; };
    const double s2 = wells.sigma * wells.sigma;
    double worst = 0.0;
    const auto look = [&](double mean, double expected, double variance) {
      worst = std::max(worst, std::fabs(mean - expected) / std::sqrt(variance / n));
    };
    for (int a = 0; a < natoms; a++) {
      for (int d = 0; d < 3 && !fixed(a); d++) {
        double m = 0.0, v = 0.0;
        for (int i = 0; i < n; i++) {
          const double off = x[i * stride() + 3 * a + d] - wells.x0[3 * a + d];
          m += off / n;
          v += off * off / n;
        }
        look(m, 0.0, s2);
        look(v, s2, 2.0 * s2 * s2);
      }
      for (int b = 0; b < a; b++) {
        const double var = s2 * (2 - fixed(a) - fixed(b));
        if (var == 0.0) continue;
        double m = 0.0, square = 0.0;
        for (int d = 0; d < 3; d++)
          square += std::pow(wells.x0[3 * a + d] - wells.x0[3 * b + d], 2);
        for (int i = 0; i < n; i++)
          for (int d = 0; d < 3; d++)
            m += std::pow(x[i * stride() + 3 * a + d] - x[i * stride() + 3 * b + d], 2) / n;
        look(m, square + 3.0 * var, 6.0 * var * var + 4.0 * var * square);
      }
    }
    return worst;
  }
};

/* part of the frames of which any atom has another place */

double changed(const std::vector<double> &a, const std::vector<double> &b, std::size_t stride)
{
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); i += stride) n += !std::equal(&a[i], &a[i] + stride, &b[i]);
  return (double) n * stride / a.size();
}

FrameRefresh::Options options(int proposals, int seed, int threads = 1)
{
  FrameRefresh::Options o;
  o.proposals = proposals;
  o.seed = seed;
  o.threads = threads;
  return o;
}

}    // namespace

/* ----------------------------------------------------------------------
   exact frames stay exact. 42 figures a flow at 5 standard errors: false alarm 2e-5 for other seeds
------------------------------------------------------------------------- */

TEST(Refresh, keeps_the_distribution_whatever_the_flow_is)
{
  const Small small = Small::chain();
  const struct {
    const char *name;
    FlowSpec flow;
  } flows[] = {{"random", small.random(0.5, false, 3)},
               {"hardly trained", small.trained(500, false, 2, 4)},
               {"fragments, random", small.random(0.5, true, 5)},
               {"fragments, hardly trained", small.trained(500, true, 2, 6)}};
  for (const auto &f : flows) {
    const auto start = small.frames(2000, 77);
    auto x = start;
    FrameRefresh refresh(KT, small.wells, options(8, 11));
    for (int epoch = 1; epoch <= 15; epoch++) refresh(f.flow, numbers(2000), epoch, x);
    const double moved = changed(start, x, small.stride());
    printf("%-26s: moved %.2f of the pieces a step, %.3f of the frames, ESS %.2f, deviation %.1f\n",
           f.name, refresh.moved(), moved, refresh.ess(), small.deviation(x));
    EXPECT_GT(moved, 0.95) << f.name << ": frames that stay are no proof";
    EXPECT_LT(small.deviation(x), FIVE) << f.name;
    for (int b : small.beads)
      for (std::size_t i = 0; i < x.size(); i += small.stride())
        for (int d = 0; d < 3; d++) ASSERT_EQ(x[i + 3 * b + d], start[i + 3 * b + d]);
  }
}

// the same with weights that lack the density of the flow (this energy takes it out of them), and with another
// temperature: the figures above see it

TEST(Refresh, wrong_weights_are_seen)
{
  const Small small = Small::chain();
  for (const bool parts : {false, true}) {
    const FlowSpec flow = small.random(0.5, parts, 3);
    const auto density = Flow::create(flow, Flow::Precision::Single, "serial");
    const auto forgets = [&](const double *x) {
      double logq;
      density->log_prob(1, x, &logq);
      return small.wells(x) - KT * logq;
    };
    auto forgotten = small.frames(2000, 77), cold = forgotten;
    FrameRefresh wrong(KT, forgets, options(8, 11)), colder(0.7 * KT, small.wells, options(8, 11));
    for (int epoch = 1; epoch <= 5; epoch++) {
      wrong(flow, numbers(2000), epoch, forgotten);
      colder(flow, numbers(2000), epoch, cold);
    }
    printf("log q forgotten: deviation %.1f, another temperature: %.1f\n",
           small.deviation(forgotten), small.deviation(cold));
    EXPECT_GT(small.deviation(forgotten), 2.0 * FIVE);
    EXPECT_GT(small.deviation(cold), 2.0 * FIVE);
  }
}

/* ----------------------------------------------------------------------
   an atom with two places, of which the flow knows one: the populations are kept, and found
------------------------------------------------------------------------- */

namespace {

struct TwoWells {
  Small small = Small::chain();
  double weight = 0.7;    // of the second place
  double far[3];          // of atom 5

  TwoWells()
  {
    const double *a = &small.wells.x0[15], *b = &small.wells.x0[3];
    const double r =
        std::sqrt(std::pow(a[0] - b[0], 2) + std::pow(a[1] - b[1], 2) + std::pow(a[2] - b[2], 2));
    for (int d = 0; d < 3; d++) far[d] = a[d] + 0.6 * (a[d] - b[d]) / r;
  }

  static double square(const double *a, const double *b)
  {
    return std::pow(a[0] - b[0], 2) + std::pow(a[1] - b[1], 2) + std::pow(a[2] - b[2], 2);
  }

  double operator()(const double *x) const
  {
    const double s2 = 2.0 * small.wells.sigma * small.wells.sigma;
    const double first = square(x + 15, &small.wells.x0[15]) / s2,
                 second = square(x + 15, far) / s2;
    return small.wells(x) - KT * first -
        KT * std::log((1.0 - weight) * std::exp(-first) + weight * std::exp(-second));
  }

  std::vector<double> frames(int n, double part, int seed) const
  {
    auto x = small.frames(n, seed);
    std::mt19937 gen(seed + 1);
    std::uniform_real_distribution<double> u;
    for (int i = 0; i < n; i++)
      if (u(gen) < part)
        for (int d = 0; d < 3; d++) x[21 * i + 15 + d] += far[d] - small.wells.x0[15 + d];
    return x;
  }

  double second(const std::vector<double> &x) const
  {
    int count = 0;
    for (std::size_t i = 0; i < x.size(); i += 21)
      count += square(&x[i + 15], far) < square(&x[i + 15], &small.wells.x0[15]);
    return 21.0 * count / x.size();
  }

  // of frames of which this part is in the second well: some of either lie on the other side
  double expected(double part) const
  {
    const double wrong = 0.5 * std::erfc(0.3 / small.wells.sigma / std::sqrt(2.0));
    return part * (1.0 - wrong) + (1.0 - part) * wrong;
  }
};

}    // namespace

// two populations at 5 standard errors for each flow: false alarm 2e-6 for other seeds

TEST(Refresh, a_well_that_the_flow_misses)
{
  const TwoWells two;
  const int n = 1500;
  for (const bool parts : {false, true}) {
    const FlowSpec flow =
        two.small.trained(two.frames(1000, 0.02, 5), two.frames(200, 0.02, 6), parts, 3, 5);
    // what the flow draws: the proposals if all weights are equal
    auto drawn = two.frames(n, 0.0, 7);
    const auto density = Flow::create(flow, Flow::Precision::Single, "serial");
    FrameRefresh draw(
        KT,
        [&](const double *x) {
          double logq;
          density->log_prob(1, x, &logq);
          return -KT * logq;
        },
        options(2, 3));
    for (int epoch = 1; epoch <= 3; epoch++) draw(flow, numbers(n), epoch, drawn);

    const double exact = two.expected(two.weight), error = std::sqrt(exact * (1.0 - exact) / n);
    auto right = two.frames(n, two.weight, 8), wrong = two.frames(n, 0.0, 9);
    const auto start = right;
    FrameRefresh refresh(KT, two, options(8, 12));
    for (int epoch = 1; epoch <= 60; epoch++) {
      refresh(flow, numbers(n), epoch, right);
      refresh(flow, numbers(n), 1000 + epoch, wrong);
    }
    printf("second well: flow %.3f, exact %.3f +- %.3f, kept %.3f, from the first alone %.3f\n",
           two.second(drawn), exact, error, two.second(right), two.second(wrong));
    EXPECT_LT(two.second(drawn), 0.1) << "the flow knows both";
    EXPECT_GT(changed(start, right, 21), 0.9);
    EXPECT_NEAR(two.second(right), exact, FIVE * error);
    EXPECT_NEAR(two.second(wrong), exact, FIVE * error);
    // control: what the flow draws is far from it
    EXPECT_GT(std::fabs(two.second(drawn) - exact), 2.0 * FIVE * error);
  }
}

/* ---------------------------------------------------------------------- */

TEST(Refresh, the_same_for_seed_and_epoch_on_any_number_of_threads)
{
  const Small small = Small::chain();
  const int n = 2500;    // more than are drawn at once
  for (const bool parts : {false, true}) {
    const FlowSpec flow = small.random(0.3, parts, 3);
    const auto start = small.frames(n, 7);
    const auto run = [&](int seed, int epoch, int threads, const std::vector<int64_t> &which,
                         std::vector<double> &x) {
      x = start;
      return FrameRefresh(KT, small.wells, options(3, seed, threads))(flow, which, epoch, x);
    };
    std::vector<double> a, b, c;
    const FlowSet one = run(5, 9, 1, numbers(n), a), three = run(5, 9, 3, numbers(n), b);
    EXPECT_EQ(a, b);
    ASSERT_EQ(one.size(), three.size());
    for (std::size_t k = 0; k < one.size(); k++) {
      EXPECT_EQ(one[k].l, three[k].l);
      EXPECT_EQ(one[k].c, three[k].c);
      EXPECT_EQ(one[k].f, three[k].f);
      EXPECT_EQ(one[k].geometry, three[k].geometry);
      EXPECT_EQ(one[k].weight, three[k].weight);
      EXPECT_EQ(one[k].share, three[k].share);
      EXPECT_EQ(one[k].logq, three[k].logq);
    }
    run(6, 9, 1, numbers(n), c);
    EXPECT_NE(a, c) << "another seed";
    run(5, 10, 1, numbers(n), c);
    EXPECT_NE(a, c) << "another epoch";
    // a frame does not depend on which others are there, and the others stay
    run(5, 9, 2, {2100, 17}, c);
    for (int i = 0; i < n; i++)
      for (int k = 0; k < 21; k++)
        ASSERT_EQ(c[21 * i + k], i == 17 || i == 2100 ? a[21 * i + k] : start[21 * i + k]) << i;
  }
}

/* ----------------------------------------------------------------------
   what has no energy is never taken; a frame that has none, or no density, stays and teaches nothing
------------------------------------------------------------------------- */

TEST(Refresh, energies_and_densities_that_are_not_there)
{
  const Small small = Small::chain();
  for (const bool parts : {false, true}) {
    const FlowSpec flow = small.random(0.3, parts, 3);
    // beyond a plane through the middle of its well atom 6 has no energy: a half-space of the Gaussian
    const auto wall = [&](const double *x) {
      if (x[18] <= small.wells.x0[18]) return small.wells(x);
      return x[19] > small.wells.x0[19] ? std::nan("") : std::numeric_limits<double>::infinity();
    };
    const int n = 1500;
    auto x = small.frames(n, 21);
    for (int i = 0; i < n; i++)    // mirrored at the plane
      x[21 * i + 18] = small.wells.x0[18] - std::fabs(x[21 * i + 18] - small.wells.x0[18]);
    // two frames beyond it, one with an atom on top of another
    x[21 * 3 + 18] = x[21 * 4 + 18] = small.wells.x0[18] + 0.1;
    x[21 * 3 + 19] = small.wells.x0[19] + 0.1;
    x[21 * 4 + 19] = small.wells.x0[19] - 0.1;
    std::copy_n(&x[21 * 5 + 3], 3, &x[21 * 5 + 15]);
    const auto start = x;
    FrameRefresh refresh(KT, wall, options(6, 4));
    FlowSet rows;
    for (int epoch = 0; epoch < 12; epoch++) rows = refresh(flow, numbers(n), epoch, x);
    EXPECT_TRUE(std::isfinite(refresh.ess()) && std::isfinite(refresh.moved()));
    for (const auto &r : rows)
      for (const auto *set : {&r.weight, &r.share, &r.logq, &r.l, &r.geometry})
        for (float v : *set) ASSERT_TRUE(std::isfinite(v));
    // with fragments, the piece of frame 5 that has a density moves, and the atom on the other does not
    for (int i : {3, 4}) EXPECT_TRUE(std::equal(&x[21 * i], &x[21 * i] + 21, &start[21 * i])) << i;
    EXPECT_TRUE(std::equal(&x[21 * 5 + 3], &x[21 * 5 + 6], &x[21 * 5 + 15]));
    double mean = 0.0, square = 0.0;
    for (int i = 0; i < n; i++) {
      if (i >= 3 && i <= 5) continue;
      const double off = x[21 * i + 18] - small.wells.x0[18];
      ASSERT_LE(off, 0.0) << "a structure without an energy was taken";
      mean += off / (n - 3);
      square += off * off / (n - 3);
    }
    // half a Gaussian: two figures at 5 standard errors, false alarm 1e-6
    const double s = small.wells.sigma, half = s * std::sqrt(2.0 / M_PI);
    EXPECT_GT(changed(start, x, 21), 0.9);
    EXPECT_NEAR(mean, -half, FIVE * std::sqrt((s * s - half * half) / n));
    EXPECT_NEAR(square, s * s, FIVE * s * s * std::sqrt(2.0 / n));
  }
}

/* ----------------------------------------------------------------------
   rows: means over them are means over frames
------------------------------------------------------------------------- */

TEST(Refresh, rows_are_weighted_samples)
{
  const int m = 4, n = 400;
  for (const bool parts : {false, true}) {
    const Small small;
    const FlowSpec flow = small.random(0.05, parts, 3);
    auto x = small.frames(n, 31);
    auto hole = [&](const double *y) {
      return y[0] > small.wells.x0[0] + 0.03 ? INFINITY : small.wells(y);
    };
    const auto plain = flow_rows(flow, x.data(), numbers(n));
    const auto shapes = net_shapes(flow);
    const auto weights = get_weights(flow);
    auto y = x;
    const FlowSet rows = FrameRefresh(KT, small.wells, options(m, 3))(flow, numbers(n), 1, x),
                  some = FrameRefresh(KT, hole, options(m, 3))(flow, numbers(n), 1, y);
    ASSERT_EQ(rows.size(), parts ? flow.kinds.size() : 1u);
    for (std::size_t k = 0; k < rows.size(); k++) {
      const FlowFrames &r = rows[k];
      const int copies = shapes[k].copies;
      const auto sum = [](const std::vector<float> &v) {
        return std::accumulate(v.begin(), v.end(), 0.0);
      };
      // every proposal has an image here
      ASSERT_EQ(r.n, (int64_t) n * copies * (m + 1));
      ASSERT_EQ(r.weight.size(), (std::size_t) r.n);
      ASSERT_EQ(r.share.size(), (std::size_t) r.n);
      ASSERT_EQ(r.logq.size(), (std::size_t) r.n);
      ASSERT_EQ(r.geometry.size(), (std::size_t) r.n);
      ASSERT_EQ(r.l.size(), (std::size_t) r.n * shapes[k].nl);
      ASSERT_EQ(r.c.size(), (std::size_t) r.n * shapes[k].nc);
      ASSERT_EQ(r.f.size(), (std::size_t) r.n * shapes[k].nf);
      EXPECT_NEAR(sum(r.weight), (double) r.n, 1.0e-4 * r.n);
      EXPECT_NEAR(sum(r.share), (double) r.n, 1.0e-4 * r.n);
      for (int64_t i = 0; i < r.n; i++) {
        ASSERT_GE(r.weight[i], 0.0f);
        ASSERT_EQ(r.share[i] == 0.0f, i % (m + 1) == m)
            << "the frame itself is no draw of the flow";
      }
      // frames without an energy (they have not been there) leave their part of the mean out
      double there = 0.0;
      for (int i = 0; i < n; i++)
        there += std::isfinite(hole(&y[small.stride() * i])) ? 1.0 / n : 0.0;
      EXPECT_LT(there, 0.95);
      EXPECT_NEAR(sum(some[k].weight), there * some[k].n, 1.0e-4 * some[k].n);

      // logq is that of the networks
      const std::vector<double> l(r.l.begin(), r.l.end()), c(r.c.begin(), r.c.end()),
          f(r.f.begin(), r.f.end());
      const auto lp =
          torch_flow_log_prob(shapes[k], weights, r.n, l.data(), c.data(), f.data(), true);
      for (int64_t i = 0; i < r.n; i++) ASSERT_NEAR(lp[i], r.logq[i], 2.0e-3) << k << " " << i;

      // means of all linear variables against those of other exact frames, at 5 standard errors of both
      const auto many = flow_rows(flow, small.frames(4000, 32).data(), numbers(4000))[k];
      double worst = 0.0;
      for (int j = 0; j < shapes[k].nl; j++) {
        double mean = 0.0, square = 0.0, other = 0.0, var = 0.0;
        for (int64_t i = 0; i < many.n; i++) {
          other += many.l[i * shapes[k].nl + j] / many.n;
          var += std::pow(many.l[i * shapes[k].nl + j], 2) / many.n;
        }
        var -= other * other;
        for (int64_t i = 0; i < r.n; i += m + 1) {
          double g = 0.0;
          for (int64_t a = i; a <= i + m; a++)
            g += r.weight[a] * r.l[a * shapes[k].nl + j] / (m + 1);
          mean += g * (m + 1) / r.n;
          square += g * g * (m + 1) / r.n;
        }
        const double error = std::sqrt((square - mean * mean) / n + var / 4000);
        worst = std::max(worst, std::fabs(mean - other) / error);
      }
      EXPECT_LT(worst, FIVE) << k;
      EXPECT_EQ(plain[k].n, (int64_t) n * copies);
      EXPECT_TRUE(plain[k].weight.empty());
    }
  }
}

/* ----------------------------------------------------------------------
   the gradient of the loss: of every tensor against differences
------------------------------------------------------------------------- */

TEST(FlowLoss, gradient_against_differences)
{
  const Small small;
  const FlowSpec flow = small.random(0.2, false, 5);
  const auto shape = net_shapes(flow)[0];
  const auto weights = get_weights(flow);
  auto x = small.frames(8, 41);
  const FlowFrames rows = FrameRefresh(KT, small.wells, options(3, 3))(flow, numbers(8), 1, x)[0];
  const std::vector<double> l(rows.l.begin(), rows.l.end()), c(rows.c.begin(), rows.c.end()),
      f(rows.f.begin(), rows.f.end());
  const auto loss = [&](const NetworkWeights &w) {
    const auto lp = torch_flow_log_prob(shape, w, rows.n, l.data(), c.data(), f.data(), true);
    double sum = 0.0;
    for (int64_t i = 0; i < rows.n; i++)
      sum += (-rows.weight[i] * lp[i] + rows.share[i] * std::exp(lp[i] - rows.logq[i])) / rows.n;
    return sum;
  };
  const auto gradient = flow_loss_gradient(shape, weights, rows);
  int checked = 0;
  double largest = 0.0;
  for (const auto &t : gradient) {
    const std::size_t at = t.second.data.size() / 2;
    const double h = 1.0e-4;
    auto up = weights, down = weights;
    up[t.first].data[at] += h;
    down[t.first].data[at] -= h;
    const double expected = (loss(up) - loss(down)) / (2 * h);
    EXPECT_NEAR(t.second.data[at], expected, 1.0e-3 * (1.0 + std::fabs(expected))) << t.first;
    largest = std::max(largest, std::fabs(expected));
    checked++;
  }
  EXPECT_EQ(checked, 6 + 2 * 7);
  EXPECT_GT(largest, 0.1);    // or nothing would have been compared
}

/* ----------------------------------------------------------------------
   on average it is that of plain likelihood on exact frames; where the flow is good it has less noise
------------------------------------------------------------------------- */

namespace {

struct Gradients {
  double bias[4] =
      {};    // largest of twenty projections of the mean difference from likelihood, standard errors
  double variance[4] = {};    // sum over all weights
};

enum { LIKELIHOOD, CHAINS, NO_CONTROL, NO_WEIGHTS };

Gradients compare_gradients(const Small &small, const FlowSpec &flow)
{
  const int repeats = 60, n = 100, directions = 20;
  const auto shape = net_shapes(flow)[0];
  const auto weights = get_weights(flow);
  std::vector<std::vector<double>> g[4];
  const auto add = [&](int which, const FlowFrames &rows) {
    g[which].emplace_back();
    for (const auto &t : flow_loss_gradient(shape, weights, rows))
      g[which].back().insert(g[which].back().end(), t.second.data.begin(), t.second.data.end());
  };
  for (int r = 0; r < repeats; r++) {
    auto x = small.frames(n, 500 + r);
    add(LIKELIHOOD, flow_rows(flow, x.data(), numbers(n))[0]);
    FlowFrames rows = FrameRefresh(KT, small.wells, options(8, r))(flow, numbers(n), 1, x)[0];
    add(CHAINS, rows);
    std::fill(rows.share.begin(), rows.share.end(), 0.0f);
    add(NO_CONTROL, rows);
    std::fill(rows.weight.begin(), rows.weight.end(), 1.0f);
    add(NO_WEIGHTS, rows);
  }
  Gradients out;
  const std::size_t size = g[0][0].size();
  for (int which = 0; which < 4; which++) {
    for (std::size_t k = 0; k < size; k++) {
      double m = 0.0, s = 0.0;
      for (int r = 0; r < repeats; r++) {
        m += g[which][r][k] / repeats;
        s += g[which][r][k] * g[which][r][k] / repeats;
      }
      out.variance[which] += (s - m * m) * repeats / (repeats - 1);
    }
    std::mt19937 gen(8);
    std::normal_distribution<double> normal;
    for (int d = 0; d < directions && which; d++) {
      std::vector<double> direction(size);
      for (double &v : direction) v = normal(gen);
      double m = 0.0, s = 0.0;
      for (int r = 0; r < repeats; r++) {
        double p = 0.0;
        for (std::size_t k = 0; k < size; k++)
          p += direction[k] * (g[which][r][k] - g[LIKELIHOOD][r][k]);
        m += p / repeats;
        s += p * p / repeats;
      }
      out.bias[which] =
          std::max(out.bias[which], std::fabs(m) / std::sqrt((s - m * m) / (repeats - 1)));
    }
  }
  return out;
}

}    // namespace

// 5.5 standard errors of 60 repeats (Student's t): false alarm 4e-5 in 2 x 2 x 20 checks for other seeds

TEST(FlowLoss, gradient_is_unbiased_and_has_less_noise)
{
  const Small small = Small::chain();
  const auto bad = compare_gradients(small, small.trained(500, false, 1, 7)),
             good = compare_gradients(small, small.trained(4000, false, 15, 7));
  for (const auto *g : {&bad, &good}) {
    printf(
        "%s flow: bias %.1f, without control %.1f, without weights %.1f standard errors; variance "
        "of likelihood %.4g, chains %.4g, chains without control %.4g\n",
        g == &bad ? "bad" : "good", g->bias[CHAINS], g->bias[NO_CONTROL], g->bias[NO_WEIGHTS],
        g->variance[LIKELIHOOD], g->variance[CHAINS], g->variance[NO_CONTROL]);
    EXPECT_LT(g->bias[CHAINS], 5.5);
    EXPECT_LT(g->bias[NO_CONTROL], 5.5);
  }
  EXPECT_GT(bad.bias[NO_WEIGHTS], 8.0) << "wrong weights would not be seen";
  EXPECT_LT(good.variance[CHAINS], 0.5 * good.variance[LIKELIHOOD]);
  EXPECT_LT(good.variance[CHAINS], 0.8 * good.variance[NO_CONTROL]);
}

/* ----------------------------------------------------------------------
   400 frames are few for the likelihood; the energy tells the rest
------------------------------------------------------------------------- */

namespace {

struct Tuned {
  FlowQuality start, likelihood, energy;
};

Tuned tune(const Small &small, int seed, const EnergyFunction &energy, bool parts)
{
  const int n = 400, epochs = 15, proposals = 4;
  const auto x = small.frames(n, 10 * seed), valid = small.frames(100, 10 * seed + 1),
             check = small.frames(200, 10 * seed + 2);
  const FlowSpec start = small.trained(x, valid, parts, 20, seed);
  const auto plain = flow_rows(start, x.data(), numbers(n)),
             held_back = flow_rows(start, valid.data(), numbers(100));
  const auto quality = [&](const FlowSpec &flow) {
    return flow_quality(flow, KT, small.wells, 200, check.data(), 50, 3);
  };
  Tuned t;
  t.start = quality(start);
  for (const bool chains : {false, true}) {
    // as many steps of either
    FlowTrainer trainer(net_shapes(start),
                        Small::options(chains ? epochs : epochs * (proposals + 1), seed), plain,
                        held_back);
    trainer.start_from(get_weights(start));
    FrameRefresh refresh(KT, energy, options(proposals, seed));
    FlowSpec now = start;
    auto frames = x;
    for (int epoch = 1; !trainer.finished(); epoch++) {
      if (chains) {
        set_weights(now, trainer.average());
        trainer.set_training(refresh(now, numbers(n), epoch, frames));
      }
      trainer.epoch();
    }
    set_weights(now, trainer.best());
    (chains ? t.energy : t.likelihood) = quality(now);
  }
  return t;
}

}    // namespace

TEST(FlowTraining, five_seeds_become_better_and_lose_nothing)
{
  const Small small = Small::chain();
  for (int seed = 1; seed <= 5; seed++) {
    const bool parts = seed > 3;
    const Tuned t = tune(small, seed, small.wells, parts);
    printf("seed %d%s: conditional ESS %.3f, more likelihood %.3f, energy %.3f; forward ESS %.3f, "
           "%.3f, %.3f\n",
           seed, parts ? ", fragments" : "", t.start.conditional, t.likelihood.conditional,
           t.energy.conditional, t.start.forward, t.likelihood.forward, t.energy.forward);
    EXPECT_GT(t.energy.conditional, t.likelihood.conditional + 0.05) << "seed " << seed;
    EXPECT_GT(t.energy.forward, t.likelihood.forward) << "seed " << seed;
    EXPECT_GT(t.energy.forward, t.start.forward) << "seed " << seed;
  }
}

TEST(FlowTraining, a_wrong_energy_gains_nothing)
{
  const Small small = Small::chain();
  Wells wrong = small.wells;
  wrong.sigma *= 1.5;
  for (int i : {5, 15, 19}) wrong.x0[i] += 0.2;
  const Tuned right = tune(small, 2, small.wells, false), t = tune(small, 2, wrong, false);
  printf("conditional ESS %.3f, right energy %.3f, wrong energy %.3f\n", t.start.conditional,
         right.energy.conditional, t.energy.conditional);
  EXPECT_LT(t.energy.conditional - t.start.conditional,
            0.3 * (right.energy.conditional - t.start.conditional));
}

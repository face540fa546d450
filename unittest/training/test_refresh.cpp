/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Frames that get new atoms from the flow: the Boltzmann distribution is kept whatever the flow is, and the rows
// that are returned are weighted samples of it.

#include "libtorch/flow_trainer.h"

#include "flow/flow.h"
#include "harmonic_molecule.h"
#include "training/advice.h"

#include "gtest/gtest.h"

#include <limits>

using namespace train_test;

namespace {

constexpr double FIVE = 5.0;    // standard errors: one of 1.7 million right figures is further off

/* part of the frames of which any atom has another place */

double changed(const std::vector<double> &a, const std::vector<double> &b, std::size_t stride)
{
  std::size_t n = 0;
  for (std::size_t i = 0; i < a.size(); i += stride) n += !std::equal(&a[i], &a[i] + stride, &b[i]);
  return (double) n * stride / a.size();
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
    FrameRefresh refresh(KT, small.wells, chain_options(8, 11));
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
    const auto density = log_density(flow, Flow::Precision::Single);
    const auto forgets = [&](const double *x) { return small.wells(x) - KT * density(x); };
    auto forgotten = small.frames(2000, 77), cold = forgotten;
    FrameRefresh wrong(KT, forgets, chain_options(8, 11)),
        colder(0.5 * KT, small.wells, chain_options(8, 11));
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

// Where the flow is right, all structures have equal weights: m of m + 1 steps move. 5 standard errors, false alarm
// 1e-6 for other seeds.

TEST(Refresh, of_a_right_flow)
{
  const Small small = Small::chain();
  for (const bool parts : {false, true}) {
    const FlowSpec flow = small.random(0.3, parts, 3);
    const auto density = log_density(flow, Flow::Precision::Double);
    const auto energy = [&](const double *x) { return -KT * density(x); };
    const int n = 1000, m = 4, steps = n * (parts ? 2 : 1);
    auto x = small.frames(n, 51);
    FrameRefresh refresh(KT, energy, chain_options(m, 6));
    const FlowSet rows = refresh(flow, numbers(n), 1, x);
    // the other fragment of a composed flow stands on the one that moves, so only the last one has equal weights
    const FlowFrames &last = rows[parts ? flow.fragments.back().kind : 0];
    if (!parts) {
      EXPECT_NEAR(refresh.moved(), m / (m + 1.0),
                  FIVE * std::sqrt(m / std::pow(m + 1.0, 2) / steps));
      EXPECT_NEAR(refresh.ess(), 1.0, 1e-3);
    }
    for (float w : last.weight) ASSERT_NEAR(w, 1.0, 1e-2);
  }
}

/* ----------------------------------------------------------------------
   frames of another temperature: their energies change by as much as equipartition says. Frames of the right one: not at
   all. A figure at 5 standard errors for each flow: false alarm 2e-6 for other seeds
------------------------------------------------------------------------- */

TEST(Refresh, energies_of_frames_change_if_they_are_of_another_temperature)
{
  const Small small = Small::chain();
  const int n = 2000, ndof = 3 * (small.natoms - (int) small.beads.size());
  for (const bool parts : {false, true})
    for (const double factor : {1.0, 0.9}) {    // of the temperature
      const FlowSpec flow = small.trained(2000, parts, 6, 4);
      auto x = small.frames(n, 91);
      for (std::size_t i = 0; i < x.size(); i++) {
        const double well = small.wells.x0[i % small.stride()];
        x[i] = well + std::sqrt(factor) * (x[i] - well);
      }
      FrameRefresh refresh(KT, small.wells, chain_options(8, 11));
      EXPECT_EQ(refresh.drift().frames, 0);
      for (int epoch = 1; epoch <= 15; epoch++) refresh(flow, numbers(n), epoch, x);
      const auto d = refresh.drift();
      printf("%s, temperature %.1f: energies of %d frames %.3f +- %.3f kT, expected %.3f\n",
             parts ? "fragments" : "one piece", factor, (int) d.frames, d.mean, d.error,
             0.5 * ndof * (1.0 - factor));
      EXPECT_GT(d.frames, 0.9 * n);
      EXPECT_LT(d.error, 0.15);
      EXPECT_NEAR(d.mean, 0.5 * ndof * (1.0 - factor), FIVE * d.error);
      EXPECT_EQ(diagnose_drift(d, ndof, 300.0).size(), factor < 1.0 ? 1u : 0u);
    }
}

/* ----------------------------------------------------------------------
   an atom with two places, of which the flow knows one: the populations are kept
------------------------------------------------------------------------- */

namespace {

struct TwoWells {
  Small small = Small::chain();
  double weight = 0.3;    // of the second place
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

// one population at 5 standard errors for each flow: false alarm 1e-6 for other seeds

TEST(Refresh, a_well_that_the_flow_misses)
{
  const TwoWells two;
  const int n = 1000;
  for (const bool parts : {false, true}) {
    const FlowSpec flow =
        two.small.trained(two.frames(1000, 0.05, 5), two.frames(200, 0.05, 6), parts, 4, 5);
    // what the flow draws: the proposals if all weights are equal
    auto drawn = two.frames(n, 0.0, 7);
    const auto density = log_density(flow, Flow::Precision::Single);
    FrameRefresh draw(
        KT, [&](const double *x) { return -KT * density(x); }, chain_options(2, 3));
    for (int epoch = 1; epoch <= 3; epoch++) draw(flow, numbers(n), epoch, drawn);

    const double exact = two.expected(two.weight), error = std::sqrt(exact * (1.0 - exact) / n);
    auto right = two.frames(n, two.weight, 8), wrong = two.frames(n, 0.0, 9);
    const auto start = right;
    FrameRefresh refresh(KT, two, chain_options(8, 12));
    for (int epoch = 1; epoch <= 40; epoch++) {
      refresh(flow, numbers(n), epoch, right);
      refresh(flow, numbers(n), 1000 + epoch, wrong);
    }
    printf("second well: flow %.3f, exact %.3f +- %.3f, kept %.3f, from the first alone %.3f\n",
           two.second(drawn), exact, error, two.second(right), two.second(wrong));
    EXPECT_LT(two.second(drawn), 0.05) << "the flow knows both";
    EXPECT_GT(changed(start, right, 21), 0.75);
    EXPECT_NEAR(two.second(right), exact, FIVE * error);
    // chains that have not forgotten their start, with so little help of the flow, are on their way
    EXPECT_GT(two.second(wrong), 0.5 * exact);
    EXPECT_LT(two.second(wrong), exact + FIVE * error);
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
      return FrameRefresh(KT, small.wells, chain_options(3, seed, threads))(flow, which, epoch, x);
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
    FrameRefresh refresh(KT, wall, chain_options(6, 4));
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
    const FlowSet rows = FrameRefresh(KT, small.wells, chain_options(m, 3))(flow, numbers(n), 1, x),
                  some = FrameRefresh(KT, hole, chain_options(m, 3))(flow, numbers(n), 1, y);
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

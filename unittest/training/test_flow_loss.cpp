/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The loss of weighted structures: its gradient, without bias and with less noise than that of the likelihood, and that
// flows become better by it and lose nothing.

#include "libtorch/flow_trainer.h"

#include "flow/flow.h"
#include "harmonic_molecule.h"
#include "training/flow_quality.h"

#include "gtest/gtest.h"

using namespace train_test;

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
  const FlowFrames rows =
      FrameRefresh(KT, small.wells, chain_options(3, 3))(flow, numbers(8), 1, x)[0];
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
  const int repeats = 60, n = 60, directions = 20;
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
    FlowFrames rows = FrameRefresh(KT, small.wells, chain_options(8, r))(flow, numbers(n), 1, x)[0];
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
             good = compare_gradients(small, small.trained(3000, false, 10, 7));
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

// A flow whose own density is the Boltzmann weight has all of the effective sample sizes.

TEST(FlowQuality, of_a_right_flow)
{
  const Small small = Small::chain();
  for (const bool parts : {false, true}) {
    const FlowSpec flow = small.random(0.3, parts, 3);
    const auto density = log_density(flow, Flow::Precision::Double);
    const auto energy = [&](const double *x) { return -KT * density(x); };
    auto x = small.frames(150, 51);
    const auto right = flow_quality(flow, KT, energy, 150, x.data(), 20, 3),
               cold = flow_quality(flow, 0.5 * KT, energy, 150, x.data(), 20, 3),
               again = flow_quality(flow, 0.5 * KT, energy, 150, x.data(), 20, 3);
    EXPECT_NEAR(right.conditional, 1.0, 1e-6);
    EXPECT_NEAR(right.conditional_q10, 1.0, 1e-6);
    EXPECT_NEAR(right.forward, 1.0, 1e-6);
    EXPECT_LT(cold.conditional, 0.9);
    EXPECT_LT(cold.conditional_q10, cold.conditional);
    EXPECT_EQ(cold.conditional, again.conditional);
    EXPECT_EQ(cold.forward, again.forward);
    std::copy_n(&x[21 * 120 + 3], 3, &x[21 * 120 + 15]);    // an atom on top of another
    const auto wells = [&](const double *y) { return small.wells(y); };
    EXPECT_EQ(flow_quality(flow, KT, wells, 150, x.data(), 20, 3).forward, 0.0);
  }
}

/* ----------------------------------------------------------------------
   300 frames are few for the likelihood; the energy tells the rest
------------------------------------------------------------------------- */

namespace {

struct Tuned {
  FlowQuality start, likelihood, energy;
};

Tuned tune(const Small &small, int seed, const EnergyFunction &energy, bool parts,
           const std::vector<char> &with_chains)
{
  const int n = 300, epochs = 12, proposals = 4;
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
  for (const bool chains : with_chains) {
    // as many steps of either
    FlowTrainer trainer(net_shapes(start),
                        Small::options(chains ? epochs : epochs * (proposals + 1), seed), plain,
                        held_back);
    trainer.start_from(get_weights(start));
    FrameRefresh refresh(KT, energy, chain_options(proposals, seed));
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
    const Tuned t = tune(small, seed, small.wells, parts, {0, 1});
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
  const Tuned right = tune(small, 2, small.wells, false, {1}),
              t = tune(small, 2, wrong, false, {1});
  printf("conditional ESS %.3f, right energy %.3f, wrong energy %.3f\n", t.start.conditional,
         right.energy.conditional, t.energy.conditional);
  EXPECT_LT(t.energy.conditional - t.start.conditional,
            0.3 * (right.energy.conditional - t.start.conditional));
}

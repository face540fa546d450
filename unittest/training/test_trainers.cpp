/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The trainers: derivatives of the splines, one seed one result, interrupted as uninterrupted, and
// that they learn what there is to learn.

#include "libtorch/cgnet_trainer.h"
#include "libtorch/flow_trainer.h"

#include "training/cgnet_data.h"
#include "training/flow_data.h"
#include "training/train_test_support.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

struct Prepared {
  std::vector<FlowNetShape> shapes;
  FlowSet train, valid;
};

Prepared small_flow_data()
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto x = noisy(oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44), 20, 0.02, 5);
  const int n = x.size() / 66;
  std::vector<char> valid(n, 0);
  for (int i = n - 80; i < n; i++) valid[i] = 1;
  FlowDesign design;
  design.hidden = 12;
  design.couplings = 3;
  const FlowData d = prepare_flow(t, make_map({4, 6, 8, 10, 14, 16}), design, n, x.data(), valid);
  return {net_shapes(d.spec), flow_rows(d.spec, x.data(), marked(d.train)),
          flow_rows(d.spec, x.data(), marked(d.valid))};
}

FlowTrainOptions small_options()
{
  FlowTrainOptions o;
  o.epochs = 4;
  o.batch = 50;
  o.warmup = 5;
  o.ema = 0.9;
  o.threads = 1;
  o.seed = 3;
  return o;
}

template <class Map> void expect_equal(const Map &a, const Map &b)
{
  ASSERT_EQ(a.size(), b.size());
  for (const auto &t : a) {
    EXPECT_EQ(t.second.shape, b.at(t.first).shape);
    EXPECT_EQ(t.second.data, b.at(t.first).data) << t.first;
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

TEST(FlowTrainer, same_seed_same_weights_other_seed_others)
{
  const Prepared d = small_flow_data();
  auto run = [&](int64_t seed) {
    FlowTrainOptions o = small_options();
    o.seed = seed;
    FlowTrainer t(d.shapes, o, d.train, d.valid);
    while (!t.finished()) t.epoch();
    return t.best();
  };
  const auto a = run(3);
  expect_equal(a, run(3));
  EXPECT_NE(a.at("coupling.0.out.weight").data, run(4).at("coupling.0.out.weight").data);
}

TEST(FlowTrainer, interrupted_is_uninterrupted)
{
  const Prepared d = small_flow_data();
  FlowTrainer whole(d.shapes, small_options(), d.train, d.valid);
  FlowTrainer first(d.shapes, small_options(), d.train, d.valid);
  FlowTrainer second(d.shapes, small_options(), d.train, d.valid);
  while (!whole.finished()) whole.epoch();
  first.epoch();
  first.epoch();
  second.restore(first.checkpoint());
  while (!second.finished()) second.epoch();
  expect_equal(whole.best(), second.best());
}

TEST(FlowTrainer, refuses_checkpoints_of_others)
{
  const Prepared d = small_flow_data();
  FlowTrainer t(d.shapes, small_options(), d.train, d.valid);
  const std::string good = t.checkpoint();
  auto message = [&](FlowTrainer &to, const std::string &bytes) {
    try {
      to.restore(bytes);
    } catch (const std::runtime_error &e) {
      return std::string(e.what());
    }
    return std::string();
  };
  EXPECT_EQ(message(t, good), "");
  EXPECT_NE(message(t, good.substr(0, good.size() / 2)).find("too short"), std::string::npos);
  EXPECT_NE(message(t, "nonsense").find("not one"), std::string::npos);
  FlowTrainOptions o = small_options();
  o.seed = 9;
  FlowTrainer other(d.shapes, o, d.train, d.valid);
  EXPECT_NE(message(other, good).find("seed"), std::string::npos);
}

TEST(FlowTrainer, learns_and_keeps_the_best)
{
  const Prepared d = small_flow_data();
  FlowTrainOptions o = small_options();
  o.epochs = 12;
  o.rate = 5e-3;
  FlowTrainer t(d.shapes, o, d.train, d.valid);
  const Epoch first = t.epoch();
  Epoch e = first;
  double best = first.valid;
  while (!t.finished()) {
    e = t.epoch();
    best = std::min(best, e.valid);
  }
  EXPECT_EQ(e.best, best);
  EXPECT_LT(e.train, first.train - 0.5);

  // the reported value is that of the weights it gives, by the reference evaluation
  const auto w = t.best();
  const FlowFrames &v = d.valid[0];
  const int64_t n = v.n;
  const std::vector<double> l(v.l.begin(), v.l.end()), c(v.c.begin(), v.c.end()),
      f(v.f.begin(), v.f.end());
  const auto lp = torch_flow_log_prob(d.shapes[0], w, n, l.data(), c.data(), f.data(), true);
  double sum = 0.0;
  for (int64_t i = 0; i < n; i++) sum -= (lp[i] + v.constant - v.geometry[i]) / n;
  EXPECT_NEAR(sum, e.best, 1e-3);
}

TEST(FlowTrainer, refuses_too_few_frames)
{
  const Prepared d = small_flow_data();
  FlowTrainOptions o = small_options();
  o.batch = 100000;
  EXPECT_THROW(FlowTrainer(d.shapes, o, d.train, d.valid), std::runtime_error);
  EXPECT_THROW(FlowTrainer(d.shapes, small_options(), d.train, FlowSet(1)), std::runtime_error);
  EXPECT_THROW(FlowTrainer(d.shapes, small_options(), d.train, FlowSet()), std::runtime_error);
  EXPECT_THROW(FlowTrainer(d.shapes, small_options(), FlowSet(2), d.valid), std::runtime_error);
}

/* ----------------------------------------------------------------------
   forces of a known network: the trainer must find it, and its own force must be the gradient
------------------------------------------------------------------------- */

namespace {
struct CgFixture {
  CgnetData data;
  CgnetForces train, valid;

  CgFixture()
  {
    const Topology t = data_topology(BACKMAP_TEST_DATA "/ala2/ala2.data");
    const Mapping m = make_map({4, 6, 8, 10, 14, 16});
    const auto x =
        noisy(oracle_frames(BACKMAP_TEST_DATA "/ala2/oracle_vacuum.xyz", 44), 30, 0.05, 7);
    const int n = x.size() / 66;
    std::vector<char> valid_mark(n, 0);
    for (int i = n - 120; i < n; i++) valid_mark[i] = 1;
    const std::vector<double> f(x.size(), 0.0);
    data = prepare_cgnet(t, m, "real", 300.0, {12, 12}, n, x.data(), f.data(), valid_mark);
    // targets: a network with other weights
    known = data.spec;
    std::mt19937 gen(2);
    std::normal_distribution<double> g;
    for (auto &l : known.layers) {
      for (double &v : l.weight) v = g(gen) / std::sqrt((double) l.in);
      for (double &v : l.bias) v = 0.1 * g(gen);
    }
    auto set = [&](CgnetForces &to) {
      std::vector<double> e(to.n), all(to.n * 18), prior(to.n * 18);
      Cgnet(known).evaluate(to.n, to.z.data(), e.data(), all.data());
      Cgnet(prior_only(known)).evaluate(to.n, to.z.data(), e.data(), prior.data());
      for (size_t k = 0; k < all.size(); k++) to.force[k] = all[k] - prior[k];
    };
    train = data.train;
    valid = data.valid;
    set(train);
    set(valid);
  }
  CgnetSpec known;
};

CgnetTrainOptions cg_options()
{
  CgnetTrainOptions o;
  o.batch = 64;
  o.epochs = 3;
  o.warmup = 5;
  o.ema = 0.9;
  o.threads = 1;
  return o;
}
}    // namespace

TEST(CgnetTrainer, knows_the_forces_of_the_native_evaluation)
{
  const CgFixture fx;
  CgnetTrainOptions o = cg_options();
  o.rate = 1e-12;    // stay where we are
  o.epochs = 1;
  CgnetTrainer t(cgnet_shape(fx.known), o, fx.train, fx.valid, {}, {}, get_weights(fx.known));
  t.epoch();
  double size = 0.0;
  for (float v : fx.valid.force) size += v * v / fx.valid.force.size();
  EXPECT_LT(t.errors().valid_force, 1e-5 * std::sqrt(size) + 1e-5);
}

TEST(CgnetTrainer, learns_reproduces_and_resumes)
{
  const CgFixture fx;
  CgnetTrainOptions o = cg_options();
  o.epochs = 12;
  o.rate = 1e-2;
  CgnetTrainer a(cgnet_shape(fx.data.spec), o, fx.train, fx.valid, {}, {}, {}),
      b(cgnet_shape(fx.data.spec), o, fx.train, fx.valid, {}, {}, {}),
      c(cgnet_shape(fx.data.spec), o, fx.train, fx.valid, {}, {}, {});
  const Epoch first = a.epoch();
  Epoch last = first;
  while (!a.finished()) last = a.epoch();
  EXPECT_LT(last.best, 0.6 * first.best);
  for (int i = 0; i < 5; i++) b.epoch();
  c.restore(b.checkpoint());
  while (!c.finished()) c.epoch();
  expect_equal(a.best(), c.best());
}

// Wrong forces with little weight do no harm; with the weight of the others they do.
TEST(CgnetTrainer, forces_count_by_their_weights)
{
  const CgFixture fx;
  double error[2];
  for (int heavy : {0, 1}) {
    CgnetForces train = fx.train;
    train.weight.assign(train.n, 1.0f);
    std::mt19937 gen(3);
    std::normal_distribution<float> g(0.0f, 30.0f);
    for (int64_t i = 0; i < train.n; i += 2) {
      if (!heavy) train.weight[i] = 1e-6f;
      for (int k = 0; k < 18; k++) train.force[18 * i + k] += g(gen);
    }
    CgnetTrainOptions o = cg_options();
    o.epochs = 12;
    o.rate = 1e-2;
    CgnetTrainer t(cgnet_shape(fx.data.spec), o, train, fx.valid, {}, {}, {});
    while (!t.finished()) t.epoch();
    error[heavy] = t.errors().valid_force;
  }
  EXPECT_LT(error[0], 0.7 * error[1]);

  CgnetForces wrong = fx.train;
  wrong.weight.assign(wrong.n - 1, 1.0f);
  EXPECT_THROW(CgnetTrainer(cgnet_shape(fx.data.spec), cg_options(), wrong, fx.valid, {}, {}, {}),
               std::runtime_error);
}

TEST(CgnetTrainer, fits_free_energies_up_to_a_constant)
{
  const CgFixture fx;
  auto energies = [&](const CgnetForces &f) {
    CgnetEnergies out;
    out.n = f.n;
    out.z = f.z;
    out.weight.assign(f.n, 1.0);
    std::vector<double> all(f.n), prior(f.n), unused(f.n * 18);
    Cgnet(fx.known).evaluate(f.n, f.z.data(), all.data(), unused.data());
    Cgnet(prior_only(fx.known)).evaluate(f.n, f.z.data(), prior.data(), unused.data());
    for (int64_t i = 0; i < f.n; i++) out.energy.push_back((all[i] - prior[i]) / 0.6 + 123.0);
    return out;
  };
  CgnetTrainOptions o = cg_options();
  o.epochs = 40;
  o.rate = 1e-2;
  o.kT = 0.6;
  CgnetTrainer t(cgnet_shape(fx.data.spec), o, {}, {}, energies(fx.train), energies(fx.valid), {});
  const Epoch first = t.epoch();
  Epoch e;
  while (!t.finished()) e = t.epoch();
  EXPECT_LT(e.best, 0.2 * first.best);
}

/* ----------------------------------------------------------------------
   the guard: a network that digs a hole beside the data loses it, and what it says on the data stays
------------------------------------------------------------------------- */

TEST(CgnetTrainer, guard_fills_holes)
{
  const CgFixture fx;
  // energies that fall steeply along the first feature: off the data the network goes on falling
  auto energies = [&](const CgnetForces &f) {
    CgnetEnergies out;
    out.n = f.n;
    out.z = f.z;
    out.weight.assign(f.n, 1.0);
    std::vector<double> feat(fx.data.spec.features.size());
    for (int64_t i = 0; i < f.n; i++) {
      features(fx.data.spec.features, &f.z[18 * i], feat.data());
      out.energy.push_back(-8.0 * (feat[0] - fx.data.spec.feature_mean[0]) /
                           fx.data.spec.feature_std[0]);
    }
    return out;
  };
  double lowest[2];
  for (int with = 0; with < 2; with++) {
    CgnetTrainOptions o = cg_options();
    o.epochs = 60;
    o.rate = 1e-2;
    o.guard = with;
    CgnetTrainer t(cgnet_shape(fx.data.spec), o, {}, {}, energies(fx.train), energies(fx.valid),
                   {});
    Epoch e;
    while (!t.finished()) e = t.epoch();
    EXPECT_LT(e.best, 1.0);
    CgnetSpec spec = prior_only(fx.data.spec);
    set_weights(spec, t.best());
    const auto off = noisy(std::vector<double>(fx.valid.z.begin(), fx.valid.z.end()), 5, 0.7, 4);
    const int64_t n = off.size() / 18, m = fx.valid.n;
    std::vector<double> on_e(m), off_e(n), prior_on(m), prior_off(n), force(18 * n);
    Cgnet(spec).evaluate(m, fx.valid.z.data(), on_e.data(), force.data());
    Cgnet(spec).evaluate(n, off.data(), off_e.data(), force.data());
    Cgnet(prior_only(spec)).evaluate(m, fx.valid.z.data(), prior_on.data(), force.data());
    Cgnet(prior_only(spec)).evaluate(n, off.data(), prior_off.data(), force.data());
    double on = 1e9, low = 1e9;
    for (int64_t i = 0; i < m; i++) on = std::min(on, on_e[i] - prior_on[i]);
    for (int64_t i = 0; i < n; i++) low = std::min(low, off_e[i] - prior_off[i]);
    lowest[with] = (low - on) / o.kT;    // below the data, kT
  }
  EXPECT_LT(lowest[0], -5.0) << "without the guard there is a hole";
  EXPECT_GT(lowest[1], 0.3 * lowest[0]) << lowest[0];
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The warnings on numbers: each fires where it must and is silent where it must be.

#include "molecule/feature_range.h"
#include "statistics/diagnosis.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

/// Frames with log-weights a_i + b_ij, both normal with these deviations and independent.
WeightSet lognormal(int frames, int m, double between, double within, unsigned seed = 1)
{
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  WeightSet w;
  std::vector<double> l(m);
  for (int i = 0; i < frames; i++) {
    const double a = between * normal(random);
    for (double &v : l) v = a + within * normal(random);
    w.add_frame({i, 0, 1}, m, l.data(), nullptr);
  }
  return w;
}

std::string names(const Diagnoses &found)
{
  std::string all;
  for (const auto &d : found) {
    all += d.name + " ";
    EXPECT_NE(d.text.find("Remedy: "), std::string::npos) << d.text;
  }
  return all;
}

bool has(const Diagnoses &found, const std::string &name)
{
  return names(found).find(name) != std::string::npos;
}

}    // namespace

/* ---------------------------------------------------------------------- */

// like the demo: joint ESS 0.82, conditional 0.87, F(z) to 0.1 kT; 50 runs of 200 frames, none may be warned of
TEST(Diagnosis, healthy_runs_are_silent)
{
  for (unsigned seed = 1; seed <= 50; seed++)
    EXPECT_EQ(names(diagnose_weights(lognormal(200, 16, 0.2, 0.37, seed))), "") << seed;
  EXPECT_TRUE(diagnose_weights(WeightSet()).empty());
}

TEST(Diagnosis, low_ess_names_the_culprit)
{
  const auto coarse = diagnose_weights(lognormal(2000, 16, 2.5, 0.3)),
             flow = diagnose_weights(lognormal(2000, 16, 0.2, 2.5));
  ASSERT_TRUE(has(coarse, "low_ess"));
  EXPECT_NE(coarse[0].text.find("train_cgnet"), std::string::npos);
  ASSERT_TRUE(has(flow, "low_ess"));
  EXPECT_NE(flow[0].text.find("the flow fits worse"), std::string::npos) << flow[0].text;
  EXPECT_FALSE(
      has(diagnose_weights(lognormal(2000, 16, 0.8, 0.8)), "low_ess"));    // joint ESS 0.28
}

// a part of the configurations that vanishes: told from one in a thousand on, with the remedy of the fine script
TEST(Diagnosis, energies_that_are_not_a_number)
{
  for (const int every : {100, 2000}) {
    WeightSet w = lognormal(500, 16, 0.2, 0.37);
    std::vector<double> l(16, -1.0);
    for (int i = 0; i < 500; i++) {
      l[0] = i % (every / 16 + 1) == 0 ? std::nan("") : -1.0;
      w.add_frame({1000 + i, 0, 1}, 16, l.data(), nullptr);
    }
    const auto found = diagnose_weights(w);
    EXPECT_EQ(has(found, "nan_energies"), every == 100);
    if (every == 100) {
      EXPECT_NE(found[0].text.find("fine script"), std::string::npos) << found[0].text;
    }
  }
}

// one figure from the runs of several tables: weighted by frames, those without an error left out
TEST(Diagnosis, ensemble_of_several_runs)
{
  const double none = std::nan("");
  const std::vector<Unity> runs = {
      {1.01, 0.02, 20, 1000}, {0.99, 0.02, 20, 3000}, {3.0, none, 0, 10}};
  const Unity all = Unity::combine(runs);
  EXPECT_NEAR(all.value, 0.995, 1e-12);
  EXPECT_NEAR(all.error, 0.02 * std::sqrt(0.0625 + 0.5625), 1e-12);
  EXPECT_EQ(all.frames, 4000.0);
  EXPECT_FALSE(std::isfinite(Unity::combine({runs[2]}).value));
  EXPECT_TRUE(diagnose_ensemble(runs, runs, 300.0).empty());

  // significant and large enough, for one run of many, or for all together
  const Unity hot{1.10, 0.02, 20, 1000}, warm{1.05, 0.02, 20, 1000}, exact{1.02, 0.001, 20, 1000};
  EXPECT_TRUE(has(diagnose_ensemble({runs[0], runs[1], hot}, runs, 300.0), "wrong_ensemble"));
  EXPECT_FALSE(has(diagnose_ensemble({warm}, runs, 300.0), "wrong_ensemble"));
  EXPECT_TRUE(has(diagnose_ensemble({warm, warm, warm}, runs, 300.0), "wrong_ensemble"));
  EXPECT_FALSE(has(diagnose_ensemble({exact}, runs, 300.0), "wrong_ensemble"));
  const Unity still{0.5, 0.05, 20, 1000}, few{0.5, 0.02, 5, 1000};
  EXPECT_TRUE(has(diagnose_ensemble(runs, {still}, 300.0), "wrong_ensemble"));
  EXPECT_FALSE(has(diagnose_ensemble(runs, {few}, 300.0), "wrong_ensemble"));
}

TEST(Diagnosis, starts_of_all_runs)
{
  EXPECT_TRUE(diagnose_starts({}).empty());
  EXPECT_TRUE(has(diagnose_starts({{-80.0, 75.0}}), "one_start"));
  EXPECT_TRUE(has(diagnose_starts({{-80.0, 179.0}, {-70.0, -150.0}}), "one_start"));
  EXPECT_TRUE(diagnose_starts({{-80.0, 179.0}, {60.0, -150.0}}).empty());
}

TEST(Diagnosis, tables_of_some_partitions)
{
  std::vector<FrameRecord> all(8);
  for (int i = 0; i < 8; i++) {
    all[i].partition = i % 4;
    all[i].partitions = 4;
  }
  EXPECT_TRUE(diagnose_partitions(all).empty());    // two runs of four
  EXPECT_TRUE(diagnose_partitions({FrameRecord(), FrameRecord()}).empty());
  all.pop_back();
  EXPECT_TRUE(has(diagnose_partitions(all), "missing_partitions"));
  EXPECT_TRUE(has(diagnose_partitions({all[0], all[2]}), "missing_partitions"));
}

TEST(Diagnosis, runs_that_nobody_has_looked_at)
{
  const FrameRecord none{};
  FrameRecord told, known;
  told.warnings.emplace_back("it is not checked whether the beads are canonical: ...");
  known.temperature = {1.0, 0.1, 20, 100};
  EXPECT_TRUE(has(diagnose_unchecked({none, none}), "unchecked_ensemble"));
  EXPECT_TRUE(diagnose_unchecked({none, told}).empty());
  EXPECT_TRUE(diagnose_unchecked({none, known}).empty());
}

TEST(Diagnosis, errors_that_are_marked)
{
  ObservableEstimate good{}, brief{}, apart{};
  brief.mean.too_short = true;
  apart.mean.disagree = true;
  const std::vector<std::string> names = {"v_a", "v_b", "v_c"};
  EXPECT_TRUE(diagnose_estimates(names, {good, good, good}).empty());
  const auto found = diagnose_estimates(names, {good, brief, apart});
  EXPECT_TRUE(has(found, "short_run"));
  EXPECT_TRUE(has(found, "walkers_disagree"));
  EXPECT_NE(found[0].text.find("v_b"), std::string::npos);
  EXPECT_EQ(found[0].text.find("v_c"), std::string::npos);
}

TEST(Diagnosis, few_effective_frames)
{
  EXPECT_TRUE(has(diagnose_weights(lognormal(40, 16, 0.2, 0.3)), "low_ess"));
  EXPECT_FALSE(has(diagnose_weights(lognormal(80, 16, 0.2, 0.3)), "low_ess"));
}

// Pareto tails: k = 1 has no mean at all, k = 0.2 a variance
TEST(Diagnosis, high_khat)
{
  const auto tails = [](double k) {
    std::mt19937_64 random(7);
    std::uniform_real_distribution<double> uniform(1e-12, 1.0);
    WeightSet w;
    for (int i = 0; i < 4000; i++) {
      const double l = -k * std::log(uniform(random));
      w.add_frame({i, 0, 1}, 1, &l, nullptr);
    }
    return w;
  };
  EXPECT_TRUE(has(diagnose_weights(tails(1.0)), "high_khat"));
  EXPECT_FALSE(has(diagnose_weights(tails(0.2)), "high_khat"));
}

TEST(Diagnosis, dominating_sample)
{
  const auto with = [](double log_weight) {
    WeightSet w = lognormal(1000, 16, 0.2, 0.3);
    std::vector<double> l(16, 0.0);
    l[3] = log_weight;
    w.add_frame({5000, 0, 1}, 16, l.data(), nullptr);
    return diagnose_weights(w);
  };
  EXPECT_TRUE(has(with(std::log(0.1 * 16000.0)), "dominating_sample"));      // 9 % of the weight
  EXPECT_FALSE(has(with(std::log(0.02 * 16000.0)), "dominating_sample"));    // 2 %
  // 20 equal samples have 5 % each and none dominates
  WeightSet few;
  const std::vector<double> equal(20, 0.0);
  few.add_frame({1, 0, 1}, 20, equal.data(), nullptr);
  EXPECT_FALSE(has(diagnose_weights(few), "dominating_sample"));
}

TEST(Diagnosis, uncertain_free_energies)
{
  EXPECT_TRUE(has(diagnose_weights(lognormal(500, 16, 0.2, 2.0)), "uncertain_free_energies"));
  EXPECT_FALSE(has(diagnose_weights(lognormal(500, 16, 0.2, 0.4)), "uncertain_free_energies"));
  // the same weights, more of them
  EXPECT_FALSE(has(diagnose_weights(lognormal(500, 200, 0.2, 1.2)), "uncertain_free_energies"));
  EXPECT_TRUE(has(diagnose_weights(lognormal(500, 4, 0.2, 1.2)), "uncertain_free_energies"));
  // 12 % of the frames with one sample of weight, 8 %
  for (int bad : {12, 8}) {
    WeightSet w;
    std::vector<double> l(16, 0.0);
    for (int i = 0; i < 100; i++) {
      for (int j = 1; j < 16; j++) l[j] = i < bad ? -std::numeric_limits<double>::infinity() : 0.0;
      w.add_frame({i, 0, 1}, 16, l.data(), nullptr);
    }
    EXPECT_EQ(has(diagnose_weights(w), "uncertain_free_energies"), bad == 12);
  }
  // one sample a frame: F(z) was not asked for
  EXPECT_FALSE(has(diagnose_weights(lognormal(500, 1, 0.2, 2.0)), "uncertain_free_energies"));
}

// half of the molecule's configurations are in a mode that the flow does not have: no frame sampled from the flow tells,
// its conditional ESS is perfect
TEST(Diagnosis, missed_mode)
{
  std::vector<double> v(200, std::log(0.5));
  EXPECT_TRUE(diagnose_flow(v, 1.0).empty());
  for (int i = 0; i < 100; i++) v[2 * i] = 20.0;
  EXPECT_TRUE(has(diagnose_flow(v, 1.0), "missed_mode"));
  // a rare one: 2 % of the frames
  v.assign(200, 0.0);
  for (int i = 0; i < 4; i++) v[50 * i] = 6.0;
  EXPECT_TRUE(has(diagnose_flow(v, 1.0), "missed_mode"));
  // no density at all at a single frame
  v.assign(200, 0.0);
  v[77] = std::numeric_limits<double>::infinity();
  EXPECT_TRUE(has(diagnose_flow(v, 1.0), "missed_mode"));
  // a flow of forward ESS 0.8, 50 times
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal;
  for (int n = 0; n < 50; n++) {
    for (double &l : v) l = 0.47 * normal(random);
    EXPECT_TRUE(diagnose_flow(v, 0.8).empty());
  }
}

// per energy; a bad flow measured with few samples looks too good, and is not called cheaper for that
TEST(Diagnosis, anneal)
{
  const auto said = [](double alone, double annealed, int energies, int m) {
    const auto d = diagnose_annealing(alone, annealed, energies, m);
    return d.empty() ? std::string() : d[0].text;
  };
  EXPECT_NE(said(0.5, 0.9, 5, 500).find("does not pay"), std::string::npos);
  EXPECT_NE(said(0.01, 0.3, 17, 10000).find("annealing pays: 0.0176 "), std::string::npos);
  EXPECT_EQ(said(0.007, 0.05, 17, 500), "") << "3.5 effective samples: an upper bound";
  EXPECT_NE(said(0.007, 0.5, 17, 500).find("at most 0.007"), std::string::npos);
  EXPECT_EQ(said(0.02, 0.02, 1, 500), "");
  EXPECT_NE(said(0.007, 0.007, 1, 500).find("upper bound): annealing may"), std::string::npos);
  EXPECT_EQ(said(std::nan(""), std::nan(""), 5, 16), "");
  EXPECT_EQ(said(1.0 / 16.0, 1.0 / 16.0, 1, 16), "") << "too few samples to tell";
}

/* ----------------------------------------------------------------------
   range of the training data: two modes with a gap between them
------------------------------------------------------------------------- */

TEST(FeatureRange, inside_outside_and_in_the_gap)
{
  const int dim = 12, n = 30000;
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  const auto draw = [&](int count, double centre) {
    std::vector<float> f;
    for (int i = 0; i < count; i++)
      for (int k = 0; k < dim; k++)
        f.push_back(
            static_cast<float>(0.3 * normal(random) + (k < 4 ? (i % 2 ? centre : -centre) : 0.0)));
    return f;
  };
  const auto train = draw(n, 2.0), other = draw(n, 2.0);
  const FeatureRange range = FeatureRange::build(train, other, dim);
  ASSERT_TRUE(range.known());
  EXPECT_EQ(range.centres.size(), static_cast<std::size_t>(FeatureRange::CENTRES * dim));
  const auto share = [&](const std::vector<float> &f) {
    std::vector<double> one(dim);
    std::int64_t out = 0, all = static_cast<std::int64_t>(f.size()) / dim;
    for (std::int64_t i = 0; i < all; i++) {
      std::copy(&f[i * dim], &f[i * dim] + dim, one.begin());
      out += range.outside(one.data());
    }
    return std::make_pair(out, all);
  };
  const auto fresh = share(draw(n, 2.0)), gap = share(draw(1000, 0.0)),
             beyond = share(draw(1000, 4.0));
  EXPECT_LE(fresh.first, 60) << "expected 30 of " << n;    // 5 standard deviations of 30 above
  EXPECT_GT(fresh.first, 0);
  EXPECT_EQ(gap.first, gap.second);
  EXPECT_EQ(beyond.first, beyond.second);
  EXPECT_TRUE(diagnose_range(fresh.first, fresh.second).empty());
  EXPECT_TRUE(has(diagnose_range(gap.first, gap.second), "outside_training_range"));
  // 5 % in the gap is told of, 1 % is not
  EXPECT_TRUE(has(diagnose_range(50, 1000), "outside_training_range"));
  EXPECT_TRUE(diagnose_range(10, 1000).empty());
  EXPECT_TRUE(diagnose_range(0, 0).empty());
  std::vector<double> nan(dim, std::nan(""));
  EXPECT_TRUE(range.outside(nan.data()));
  // one configuration, many times
  const FeatureRange point = FeatureRange::build(std::vector<float>(dim * 200, 1.0f), {}, dim);
  std::vector<double> same(dim, 1.0);
  EXPECT_FALSE(point.outside(same.data()));
  same[0] = 1.1;
  EXPECT_TRUE(point.outside(same.data()));
  EXPECT_THROW(FeatureRange::build({}, {}, dim), std::runtime_error);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Structures chosen by weight: the best ones, and drawn ones whose frequencies are known, with controls that fail.

#include "statistics/selection.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <stdexcept>
#include <vector>

using namespace BACKMAP_NS;

namespace {
constexpr double INF = std::numeric_limits<double>::infinity();

/* structure i of these weights, at one place on a line; its random numbers are its own */

void add(Selection &selection, std::size_t i, double logweight, unsigned seed, int *calls = nullptr)
{
  const double x[3] = {static_cast<double>(i), 0.5, -1.0};
  std::uint64_t state = 1000003ull * seed + i;
  const auto engine =
      [&] {    // SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), twice: the states are neighbors
        for (int k = 0; k < 2; k++) {
          state += 0x9e3779b97f4a7c15ull;
          state = (state ^ (state >> 30)) * 0xbf58476d1ce4e5b9ull;
          state = (state ^ (state >> 27)) * 0x94d049bb133111ebull;
          state ^= state >> 31;
        }
        return state;
      };
  const auto uniform = [&] {
    if (calls) ++*calls;
    return (static_cast<double>(engine() >> 12) + 0.5) / 4503599627370496.0;
  };
  selection.add(static_cast<std::int64_t>(i / 4), 1, static_cast<std::int64_t>(i % 4), logweight,
                -2.0 * static_cast<double>(i), x, uniform);
}

Selection chosen(Selection::Rule rule, int k, const std::vector<double> &logw, unsigned seed)
{
  Selection s(rule, k, 1);
  for (std::size_t i = 0; i < logw.size(); i++) add(s, i, logw[i], seed);
  return s;
}

/* which of the structures were chosen */

std::vector<int> numbers(const Selection &selection)
{
  std::vector<int> list;
  for (const auto &s : selection.structures()) list.push_back(static_cast<int>(s.x[0]));
  return list;
}

/* sum of (seen - expected)^2 / expected of k draws with these weights */

double chi2(const std::vector<int> &drawn, const std::vector<double> &weights)
{
  std::vector<double> seen(weights.size(), 0.0);
  for (int i : drawn) seen[i] += 1.0;
  double total = 0.0, sum = 0.0;
  for (double w : weights) total += w;
  for (std::size_t i = 0; i < weights.size(); i++) {
    const double expected = static_cast<double>(drawn.size()) * weights[i] / total;
    sum += (seen[i] - expected) * (seen[i] - expected) / expected;
  }
  return sum;
}

std::vector<double> logs(std::vector<double> w)
{
  for (double &v : w) v = std::log(v);
  return w;
}
}    // namespace

TEST(Best, AreTheLargestWeightsInOrder)
{
  std::mt19937_64 engine(1);
  std::vector<double> logw(1000);
  for (double &v : logw) v = std::normal_distribution<>(0.0, 3.0)(engine);
  logw[7] = -INF;
  logw[8] = std::nan("");
  const auto list = chosen(Selection::Rule::Best, 10, logw, 1).structures();
  auto sorted = logw;
  sorted[8] = -INF;
  std::sort(sorted.rbegin(), sorted.rend());
  ASSERT_EQ(list.size(), 10u);
  for (int i = 0; i < 10; i++) {
    EXPECT_EQ(list[i].logweight, sorted[i]);
    const auto at = static_cast<std::size_t>(list[i].x[0]);
    EXPECT_EQ(logw[at], sorted[i]) << "the coordinates are those of the weight";
    EXPECT_EQ(list[i].step, static_cast<std::int64_t>(at / 4));
    EXPECT_EQ(list[i].sample, static_cast<std::int64_t>(at % 4));
    EXPECT_EQ(list[i].logq, -2.0 * list[i].x[0]);
  }
}

TEST(Best, EqualWeightsGoByName)
{
  const std::vector<double> logw(20, 0.25);
  EXPECT_EQ(numbers(chosen(Selection::Rule::Best, 3, logw, 1)), (std::vector<int>{0, 1, 2}));
  Selection backwards(Selection::Rule::Best, 3, 1);
  for (std::size_t i = 20; i-- > 0;) add(backwards, i, 0.25, 1);
  EXPECT_EQ(numbers(backwards), (std::vector<int>{0, 1, 2}));
}

TEST(Best, FewerThanAskedFor)
{
  EXPECT_EQ(numbers(chosen(Selection::Rule::Best, 5, {0.0, -INF, 1.0}, 1)),
            (std::vector<int>{2, 0}));
  EXPECT_TRUE(chosen(Selection::Rule::Best, 5, {}, 1).structures().empty());
  EXPECT_TRUE(chosen(Selection::Rule::Drawn, 5, {-INF, std::nan("")}, 1).structures().empty());
  EXPECT_THROW(Selection(Selection::Rule::Best, 0, 1), std::runtime_error);
}

// 20,000 draws out of six: a chi-squared number of 5 degrees of freedom, above 35.9 once in a million
TEST(Drawn, FrequenciesAreProportionalToWeights)
{
  const std::vector<double> w{1.0, 2.0, 4.0, 0.5, 10.0, 3.0}, equal(6, 1.0);
  const auto drawn = numbers(chosen(Selection::Rule::Drawn, 20000, logs(w), 3));
  ASSERT_EQ(drawn.size(), 20000u);
  EXPECT_LT(chi2(drawn, w), 35.9);
  // control: the same test finds draws that do not know the weights, and weights that are a little wrong
  EXPECT_GT(chi2(numbers(chosen(Selection::Rule::Drawn, 20000, logs(equal), 3)), w), 1000.0);
  auto wrong = w;
  wrong[2] *= 1.2;
  EXPECT_GT(chi2(numbers(chosen(Selection::Rule::Drawn, 20000, logs(wrong), 3)), w), 35.9);
}

// Two places, structures of weight 0.8, 0.15 and 0.05: the first comes 2 x 0.8 = 1.6 times, with variance 2 x 0.8 x 0.2.
// Without replacement it could not come more than once.
TEST(Drawn, PlacesAreIndependentOfEachOther)
{
  const int runs = 20000;
  double sum = 0.0, square = 0.0;
  for (int r = 0; r < runs; r++) {
    const auto drawn = numbers(chosen(Selection::Rule::Drawn, 2, logs({0.8, 0.15, 0.05}), 100 + r));
    const auto n = static_cast<double>(std::count(drawn.begin(), drawn.end(), 0));
    sum += n;
    square += n * n;
  }
  const double mean = sum / runs;
  EXPECT_NEAR(mean, 1.6, 5.0 * std::sqrt(0.32 / runs));
  // the variance of a squared deviation is 0.1024 here, at most
  EXPECT_NEAR(square / runs - mean * mean, 0.32, 5.0 * std::sqrt(0.1536 / runs));
}

// many more structures than places, in one pass: the share of a structure by its weight, over many seeds
TEST(Drawn, ALateStructureHasItsShare)
{
  const int runs = 4000;
  std::vector<double> w(60, 1.0);
  w[50] = 20.0;    // of 79
  int seen = 0;
  for (int r = 0; r < runs; r++)
    for (int i : numbers(chosen(Selection::Rule::Drawn, 3, logs(w), 7000 + r))) seen += i == 50;
  const double p = 20.0 / 79.0, n = 3.0 * runs;
  EXPECT_NEAR(seen / n, p, 5.0 * std::sqrt(p * (1.0 - p) / n));
}

TEST(Drawn, TheOrderOfStructuresDoesNotMatter)
{
  std::mt19937_64 engine(5);
  std::vector<double> logw(3000);
  for (double &v : logw) v = std::normal_distribution<>(-2000.0, 2.0)(engine);
  std::vector<std::size_t> order(logw.size());
  for (std::size_t i = 0; i < order.size(); i++) order[i] = i;
  const auto reference = numbers(chosen(Selection::Rule::Drawn, 50, logw, 9));
  EXPECT_GT(std::set<int>(reference.begin(), reference.end()).size(), 30u);
  EXPECT_NE(reference, numbers(chosen(Selection::Rule::Drawn, 50, logw, 10)));
  for (int repeat = 0; repeat < 3; repeat++) {
    std::shuffle(order.begin(), order.end(), engine);
    Selection s(Selection::Rule::Drawn, 50, 1);
    for (std::size_t i : order) add(s, i, logw[i], 9);
    EXPECT_EQ(numbers(s), reference);
  }
}

TEST(Drawn, OneRandomNumberForMostStructures)
{
  const int n = 20000, k = 10;
  Selection s(Selection::Rule::Drawn, k, 1);
  int calls = 0;
  for (int i = 0; i < n; i++) add(s, i, 0.0, 1, &calls);
  // each place changes about ln n times
  EXPECT_LT(calls, n + 10 * k * std::log(n));
  EXPECT_GE(calls, n);
}

TEST(Pack, GoesOnAsIfNothingHadHappened)
{
  std::mt19937_64 engine(5);
  std::vector<double> logw(500);
  for (double &v : logw) v = std::normal_distribution<>(0.0, 2.0)(engine);
  for (auto rule : {Selection::Rule::Best, Selection::Rule::Drawn}) {
    const auto whole = chosen(rule, 20, logw, 2);
    Selection first(rule, 20, 1), second(rule, 20, 1);
    for (std::size_t i = 0; i < 300; i++) add(first, i, logw[i], 2);
    second.unpack(first.pack());
    EXPECT_EQ(numbers(second), numbers(first));
    for (std::size_t i = 300; i < logw.size(); i++) add(second, i, logw[i], 2);
    EXPECT_EQ(numbers(second), numbers(whole));
    EXPECT_EQ(second.structures()[3].logweight, whole.structures()[3].logweight);
    EXPECT_NE(numbers(first), numbers(whole)) << "the second part matters";

    Selection empty(rule, 20, 1);
    empty.unpack(Selection(rule, 20, 1).pack());
    EXPECT_TRUE(empty.structures().empty());

    const auto other = rule == Selection::Rule::Best ? Selection::Rule::Drawn
                                                     : Selection::Rule::Best;
    EXPECT_THROW(Selection(other, 20, 1).unpack(first.pack()), std::runtime_error);
    EXPECT_THROW(Selection(rule, 21, 1).unpack(first.pack()), std::runtime_error);
    EXPECT_THROW(Selection(rule, 20, 2).unpack(first.pack()), std::runtime_error);
    auto cut = first.pack();
    cut.pop_back();
    EXPECT_THROW(Selection(rule, 20, 1).unpack(cut), std::runtime_error);
    EXPECT_THROW(Selection(rule, 20, 1).unpack({}), std::runtime_error);
  }
}

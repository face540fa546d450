/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Which tables are one replica exchange and which are independent runs, found by partitions and timesteps.

#include "statistics/report.h"

#include "gtest/gtest.h"

#include <cstdint>
#include <functional>
#include <random>
#include <set>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

struct Named {
  std::string name;
  SampleTable table;
};
using Tables = std::vector<Named>;
using Lists = std::vector<std::vector<std::string>>;

SampleTable empty_table(int partition, int partitions)
{
  SampleTable t;
  t.name = "m";
  t.temperature = 300.0;
  t.kt = 0.596;
  t.samples = 1;
  t.partition = partition;
  t.partitions = partitions;
  return t;
}

/* a run from the first step on, 60 frames; holder(i): which table has frame i. Every frame is another one in every run */

Tables run(const std::string &name, int tables, int partitions, std::int64_t first,
           const std::function<int(int)> &holder)
{
  static std::mt19937 engine(7);
  static double energy = 0.0;
  Tables list;
  for (int p = 0; p < tables; p++) {
    const SampleTable t = empty_table(p, partitions);
    std::string text = t.header();
    for (int i = 0; i < 60; i++) {
      energy += 1.0;
      if (holder(i) != p && holder(i) >= 0) continue;
      const double u = static_cast<double>(engine()) * 0x1p-32;
      text += t.line({first + 10 * i, 1, 0, -u, u, energy, u}, nullptr);
    }
    const std::string label = name + (tables > 1 ? "." + std::to_string(p) : "");
    list.push_back({label, SampleTable::parse(text, label)});
  }
  return list;
}

MergedTables merged(const Tables &tables)
{
  MergedTables m;
  for (const auto &t : tables) m.add(t.table, t.name);
  return m;
}

Tables operator+(Tables a, const Tables &b)
{
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

/* samples.0.minus, samples.0.plus, samples.1.minus, ... */

Tables partition_first(const Tables &a, const Tables &b)
{
  Tables list;
  for (std::size_t i = 0; i < a.size(); i++) {
    list.push_back(a[i]);
    list.push_back(b[i]);
  }
  return list;
}

int swapping(int i)
{
  return (i / 7) % 4;
}

int other_way(int i)
{
  return 3 - (i / 5) % 4;
}

}    // namespace

TEST(RunsOfTables, PartitionsOfOneExchange)
{
  const auto m = merged(run("minus", 4, 4, 0, swapping));
  EXPECT_EQ(m.weights.runs(), 1);
  EXPECT_EQ(m.weights.walkers(), 1);
  EXPECT_EQ(m.weights.frames(), 60u);
  EXPECT_EQ(m.tables_of_runs(), Lists({{"minus.0", "minus.1", "minus.2", "minus.3"}}));
}

TEST(RunsOfTables, TwoExchangesInAnyOrderOfNames)
{
  const auto minus = run("minus", 4, 4, 0, swapping), plus = run("plus", 4, 4, 0, other_way);
  const std::set<std::set<std::string>> expected{{"minus.0", "minus.1", "minus.2", "minus.3"},
                                                 {"plus.0", "plus.1", "plus.2", "plus.3"}};
  for (const auto &tables : {minus + plus, plus + minus, partition_first(minus, plus)}) {
    const auto m = merged(tables);
    EXPECT_EQ(m.weights.runs(), 2);
    EXPECT_EQ(m.weights.walkers(), 2);
    std::set<std::set<std::string>> found;
    for (const auto &r : m.tables_of_runs()) found.insert({r.begin(), r.end()});
    EXPECT_EQ(found, expected);
  }
  // without their partitions, tables of both that share no timestep by chance would be one run
  const auto late = run("minus", 2, 2, 0, [](int i) { return i < 30 ? 0 : 1; }),
             early = run("plus", 2, 2, 0, [](int i) { return i < 30 ? 1 : 0; });
  const auto mixed = partition_first(late, early);
  EXPECT_EQ(merged(mixed).tables_of_runs(), Lists({{"minus.0", "minus.1"}, {"plus.0", "plus.1"}}));
  Tables unknown = mixed;
  for (auto &t : unknown) t.table.records[0].partitions = 1;
  EXPECT_EQ(merged(unknown).tables_of_runs(),
            Lists({{"minus.0", "plus.0"}, {"minus.1", "plus.1"}}));
  // the user has the last word
  auto told = merged(mixed);
  told.set_runs(1);
  EXPECT_EQ(told.weights.runs(), 1);
  EXPECT_EQ(told.tables_of_runs(), Lists({{"minus.0", "plus.0", "minus.1", "plus.1"}}));
}

TEST(RunsOfTables, IndependentRuns)
{
  const auto one = [](int) { return 0; };
  const auto all = [](int) { return -1; };
  // two runs without partitions
  auto m = merged(run("minus", 1, 1, 0, one) + run("plus", 1, 1, 0, one));
  EXPECT_EQ(m.tables_of_runs(), Lists({{"minus"}, {"plus"}}));
  // partitions that do not exchange temperatures: each has all timesteps
  m = merged(run("replica", 3, 3, 0, all));
  EXPECT_EQ(m.weights.walkers(), 3);
  EXPECT_EQ(m.tables_of_runs(), Lists({{"replica.0"}, {"replica.1"}, {"replica.2"}}));
  // a replica exchange and a run beside it
  m = merged(run("minus", 4, 4, 0, swapping) + run("single", 1, 1, 0, one));
  EXPECT_EQ(m.tables_of_runs(), Lists({{"minus.0", "minus.1", "minus.2", "minus.3"}, {"single"}}));
}

TEST(RunsOfTables, ContinuedRunsAreOne)
{
  const auto first = run("a", 4, 4, 0, swapping), second = run("b", 4, 4, 600, other_way);
  for (const auto &tables : {first + second, partition_first(first, second)}) {
    const auto m = merged(tables);
    EXPECT_EQ(m.weights.runs(), 1);
    EXPECT_EQ(m.weights.walkers(), 1);
  }
  const auto one = [](int) { return 0; };
  EXPECT_EQ(merged(run("a", 1, 1, 0, one) + run("b", 1, 1, 600, one)).tables_of_runs(),
            Lists({{"a", "b"}}));
}

// A partition that never had the temperature has a table without frames.
TEST(RunsOfTables, TablesWithoutFrames)
{
  const auto never = [](int i) { return (i / 7) % 2; };
  const auto m = merged(run("minus", 3, 3, 0, never) + run("plus", 3, 3, 0, never));
  EXPECT_EQ(m.weights.runs(), 2);
  EXPECT_EQ(m.tables_of_runs(),
            Lists({{"minus.0", "minus.1", "minus.2"}, {"plus.0", "plus.1", "plus.2"}}));
  EXPECT_TRUE(merged(run("none", 2, 2, 0, [](int) { return 5; })).tables_of_runs().empty());
}

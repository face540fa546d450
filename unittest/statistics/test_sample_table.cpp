/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Sample table: what is written is read again, and what is broken is refused with its line.

#include "statistics/sample_table.h"
#include "statistics/summary.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <string>

using namespace BACKMAP_NS;

namespace {

SampleTable example()
{
  SampleTable t;
  t.units = "real";
  t.name = "alanine dipeptide";
  t.temperature = 300.0;
  t.kt = 0.596;
  t.samples = 2;
  t.observables = {"v_phi", "c_rg[1]"};
  return t;
}

std::string text(const SampleTable &t)
{
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  const double a[] = {-60.0, 2.5}, b[] = {nan, nan};
  return t.header() + t.line({100, 1, 0, -3.25, 10.5, -2.0, 17.0}, a) + "# constant -3.5\n" +
      t.line({100, 1, 1, -inf, inf, -2.0, inf}, b) +
      t.line({200, 1, 0, -1.0 / 3.0, 1.0, 2.0, 3.0}, a) +
      t.line({200, 1, 1, nan, nan, 2.0, 3.0}, b) + "# seconds 1.5\n# seconds 2.5\n";
}

void refused(const std::string &bad, const std::string &expected)
{
  try {
    SampleTable::parse(bad, "file.txt").weights();
    FAIL() << "accepted, expected: " << expected;
  } catch (const std::runtime_error &e) {
    EXPECT_NE(std::string(e.what()).find(expected), std::string::npos) << e.what();
  }
}

}    // namespace

TEST(SampleTable, RoundTrip)
{
  const SampleTable t = SampleTable::parse(text(example()), "file.txt");
  EXPECT_EQ(t.units, "real");
  EXPECT_EQ(t.name, "alanine dipeptide");
  EXPECT_EQ(t.temperature, 300.0);
  EXPECT_EQ(t.samples, 2);
  EXPECT_EQ(t.constant, -3.5);
  EXPECT_EQ(t.seconds, 4.0);
  EXPECT_EQ(t.observables, example().observables);
  ASSERT_EQ(t.rows.size(), 4u);
  EXPECT_EQ(t.rows[2].step, 200);
  EXPECT_NEAR(t.rows[2].logweight, -1.0 / 3.0, 1e-15);
  EXPECT_EQ(t.values[4], -60.0);
  EXPECT_TRUE(std::isinf(t.rows[1].u));
  const WeightSet w = t.weights();
  EXPECT_EQ(w.frames(), 2u);
  EXPECT_EQ(w.zero_weights(), 1u);
  EXPECT_EQ(w.nan_energies(), 1u);
}

TEST(SampleTable, AppendedTablesAreOne)
{
  const auto twice = text(example()) + text(example());
  EXPECT_EQ(SampleTable::parse(twice, "file.txt").rows.size(), 8u);
  SampleTable other = example();
  other.temperature = 310.0;
  refused(text(example()) + text(other), "temperature differs");
  other = example();
  other.observables = {"v_psi", "c_rg[1]"};
  refused(text(example()) + text(other), "observables differs");
}

// the line may come in the header or, once a pilot has found it, before the first row
TEST(SampleTable, ScheduleOfAnnealing)
{
  SampleTable annealed = example();
  annealed.provenance.anneal = "1 0.5 0.25";
  const std::string header = example().header() + annealed.anneal_line();
  EXPECT_EQ(SampleTable::parse(text(annealed), "file.txt").provenance.anneal, "1 0.5 0.25");
  EXPECT_EQ(SampleTable::parse(header, "file.txt").provenance.anneal, "1 0.5 0.25");
  EXPECT_EQ(example().anneal_line(), "");
  SampleTable other = annealed;
  other.provenance.anneal = "1 0.5 0.26";
  for (const auto &t : {other, example()})
    refused(text(annealed) + text(t), "annealing (steps, then lambda and size of moves of each)");
}

TEST(SampleTable, EmptyIsAllowedBrokenIsNot)
{
  EXPECT_EQ(SampleTable::parse(example().header(), "file.txt").weights().frames(), 0u);
  refused("", "expected a header");
  refused("step molecule\n1 1\n", "line 1");
  const auto good = text(example());
  refused(good + "300 1 0 1.0\n", "expected another number");
  refused(good + "300 1 0 1.0 1 1 1 1 1 1\n", "too many columns");
  refused(good + "300 1 zero 1.0 1 1 1 1 1\n", "expected another number");
  for (const char *step : {"1e80", "nan", "-inf", "1.5"})
    refused(good + step + " 1 0 1.0 1 1 1 1 1\n", "expected a whole number");
  refused(good + "300 1 3e9 1.0 1 1 1 1 1\n", "expected a whole number, got 3000000000");
  refused(good + "# outside 1e99 2\n", "expected a whole number");
  // a second end of the header, after rows (found by fuzzing: it read values that were not there)
  refused(good + "# step molecule sample logweight U U_CG logq v_phi c_rg[1] v_b\n", "observables");
  refused(good + "# samples 4\n", "samples differs");
  refused(good + "300 1 0 1.0 1 1 1 1 1\n400 1 0 1.0 1 1 1 1 1\n400 1 1 1.0 1 1 1 1 1\n",
          "step 300");    // one of two samples
  refused("# backmap sample table 1\n# units real\n1 2 3\n", "before the line of column names");
  SampleTable cold = example();
  cold.temperature = 0.0;
  refused(cold.header(), "temperature");
}

// what a run that is killed leaves, cut off after every byte: whole frames and no others, and they are those of the whole
TEST(SampleTable, CutOffAnywhere)
{
  const auto whole = text(example());
  const auto all = SampleTable::parse(whole, "file.txt");
  for (std::size_t n = example().header().size(); n < whole.size(); n++) {
    const auto t = SampleTable::parse(whole.substr(0, n), "file.txt");
    EXPECT_EQ(t.rows.size() % 2, 0u) << n;
    EXPECT_EQ(t.values.size(), t.rows.size() * t.observables.size());
    EXPECT_EQ(t.weights().frames(), t.rows.size() / 2);
    for (std::size_t i = 0; i < t.rows.size(); i++) {
      EXPECT_EQ(t.rows[i].step, all.rows[i].step);
      const std::size_t last = t.observables.size() * (i + 1) - 1;
      EXPECT_TRUE(t.values[last] == all.values[last] || std::isnan(all.values[last])) << n;
    }
    const auto &told = t.records[0].warnings;
    EXPECT_TRUE(!told.empty() || whole[n - 1] == '\n') << n;
    EXPECT_TRUE(told.empty() || told[0].find("cut off") != std::string::npos) << n;
  }
  for (std::size_t n = 0; n < example().header().size(); n++)
    EXPECT_THROW(SampleTable::parse(whole.substr(0, n), "file.txt"), std::runtime_error) << n;
}

TEST(Summary, NumbersThatAreNoneAreNull)
{
  Summary s;
  s.set("a", std::nan(""));
  s.set("b", 1.5);
  s.set_observable("v_phi", {1.0, std::nan(""), 2.0});
  s.set("flow", std::string("f"));
  s.set_list("probe_energies", std::vector<double>{1.0, 2.0});
  const std::string same = "\"flow\": \"f\", \"probe_energies\": [1.0, 2.000000001]";
  s.include("{\"c\": 7, " + same + "}", "file.json");
  const std::string json = s.json();
  EXPECT_NE(json.find("\"a\": null"), std::string::npos);
  EXPECT_NE(json.find("\"b\": 1.5"), std::string::npos);
  EXPECT_NE(json.find("\"phi\""), std::string::npos);
  EXPECT_NE(json.find("\"c\": 7"), std::string::npos);
  EXPECT_THROW(s.include("[1]", "file.json"), std::runtime_error);
  EXPECT_THROW(s.include("{", "file.json"), std::runtime_error);

  // what is there already, another flow, another energy, and what does not tell
  const auto refused = [&](const std::string &text, const std::string &why) {
    try {
      s.include(text, "file.json");
      ADD_FAILURE() << text;
    } catch (const std::runtime_error &e) {
      EXPECT_NE(std::string(e.what()).find(why), std::string::npos) << e.what();
    }
  };
  refused("{\"c\": 7, " + same + "}", "the figure c is there already");
  refused("{\"flow\": \"g\", \"probe_energies\": [1.0, 2.0]}", "model of the flow");
  refused("{\"flow\": \"f\", \"probe_energies\": [1.0, 2.1]}", "all-atom energy");
  refused("{\"d\": 7}", "expected the member \"flow\"");
}

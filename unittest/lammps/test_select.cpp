/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// fix backmap ... select: the structures that are written, beside the sample table and beside all structures; the same
// on any number of ranks.
// ranks: 4

#include "backmap_test_models.h"

#include "statistics/sample_table.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

// every rank works alone in files of its own, but for the test of several ranks

/* step and sample of a structure, its log-weight, the x of its atoms */

struct Written {
  std::array<int, 2> name;
  double logweight;
  std::vector<double> x;
};

std::vector<Written> read_dump(const std::string &path)
{
  std::vector<Written> list;
  std::istringstream in(read_file(path));
  std::string line;
  while (std::getline(in, line)) {
    if (line.find("ITEM: ATOMS") == std::string::npos) continue;
    Written w{};
    for (int i = 0; i < 4; i++) {
      double id, x, step, sample;
      in >> id >> x >> w.logweight >> step >> sample;
      w.name = {static_cast<int>(step), static_cast<int>(sample)};
      w.x.push_back(x);
    }
    list.push_back(w);
  }
  return list;
}

void refused(PlainLammps &lmp, const std::string &script, const std::string &expected)
{
  const std::string text = lmp.error_of(script);
  EXPECT_NE(text.find(expected), std::string::npos) << script << "\ngot: " << text;
}

/* frames of the toy, five samples each: 60 structures with weights of one size */

struct Example {
  const Toy toy;
  std::string flow = write_model("toy.flow", toy.flow()), table = scratch_file("table"),
              xyz = scratch_file("xyz"), dump;

  Example()
  {
    std::mt19937_64 engine(21);
    for (int i = 0; i < 12; i++) dump += dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
    dump = write_file("toy.dump", dump);
  }

  std::string fine(const std::string &out) const
  {
    return write_file("fine.in",
                      toy.fine_script("variable lw atom v_logweight\nvariable s atom "
                                      "v_cgstep\nvariable j atom v_sample\ndump d all "
                                      "custom 1 " +
                                      out +
                                      " id x v_lw v_s v_j\ndump_modify d sort id format "
                                      "float %.15g\n"));
  }

  std::string fix(const std::string &script, const std::string &keywords) const
  {
    return "fix bm all backmap 1 " + flow + " " + script + " samples 5 temp 300 " + keywords + "\n";
  }

  std::string rerun(const std::string &more = "") const
  {
    return "rerun " + dump + " " + more + " dump x y z box no\n";
  }

  std::vector<Written> operator()(const std::string &keywords) const
  {
    const auto out = scratch_file("out");
    {
      PlainLammps lmp(toy.coarse_script() + fix(fine(out), keywords) + rerun());
    }
    return read_dump(out);
  }
};

bool same(const std::vector<Written> &a, const std::vector<Written> &b)
{
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto &p, const auto &q) {
    return p.name == q.name && p.x == q.x && p.logweight == q.logweight;
  });
}

std::vector<Written> best_of(std::vector<Written> all, std::size_t k)
{
  std::sort(all.begin(), all.end(),
            [](const auto &a, const auto &b) { return a.logweight > b.logweight; });
  all.resize(k);
  return all;
}

}    // namespace

TEST(Select, BestAreThoseOfAllStructures)
{
  if (world_rank() != 0) return;
  const Example run;
  const auto all = run(""), best = run("select 7 best xyz " + run.xyz + " table " + run.table);
  ASSERT_EQ(all.size(), 60u);
  ASSERT_EQ(best.size(), 7u);
  EXPECT_TRUE(same(best, best_of(all, 7)));
  const auto table = SampleTable::parse(read_file(run.table), run.table);
  EXPECT_EQ(table.rows.size(), 60u) << "the table has all samples";

  // the same ones in extended XYZ
  std::istringstream in(read_file(run.xyz));
  std::string line;
  std::size_t n = 0;
  while (std::getline(in, line)) {
    const auto at = line.find(" step=");
    if (at == std::string::npos) continue;
    const auto number = [&](const std::string &key) {
      const auto from = line.find(key, at);
      EXPECT_NE(from, std::string::npos) << line;
      return std::stoi(line.substr(from + key.size()));
    };
    const std::array<int, 2> name = {number(" step="), number(" sample=")};
    EXPECT_EQ(name, best.at(n++).name);
  }
  EXPECT_EQ(n, 7u);
}

TEST(Select, DrawnComeFromTheSamplesByTheirWeights)
{
  if (world_rank() != 0) return;
  const Example run;
  const auto all = run("");
  const int k = 40000;
  const auto drawn = run("select " + std::to_string(k) + " drawn");
  ASSERT_EQ(drawn.size(), static_cast<std::size_t>(k));
  std::map<std::array<int, 2>, int> count;
  for (const auto &d : drawn) count[d.name]++;
  double total = 0.0, top = -1e300;
  for (const auto &a : all) top = std::max(top, a.logweight);
  for (const auto &a : all) total += std::exp(a.logweight - top);
  double largest = 0.0, control = 0.0;
  for (const auto &a : all) {
    const double p = std::exp(a.logweight - top) / total,
                 sigma = std::sqrt(k * p * (1.0 - p) + 1.0);
    largest = std::max(largest, std::fabs(count[a.name] - k * p) / sigma);
    control = std::max(control, std::fabs(k / 60.0 - k * p) / sigma);
  }
  EXPECT_LT(largest, 5.0);
  EXPECT_GT(control, 12.0) << "draws that do not know the weights would be seen";
  for (const auto &d : drawn) {
    const auto it =
        std::find_if(all.begin(), all.end(), [&](const auto &a) { return a.name == d.name; });
    ASSERT_NE(it, all.end());
    ASSERT_EQ(it->x, d.x);
  }
}

TEST(Select, SeedsAndBatches)
{
  if (world_rank() != 0) return;
  const Example run;
  const auto one = run("select 6 drawn");
  EXPECT_TRUE(same(one, run("select 6 drawn batch 5")));
  EXPECT_FALSE(same(one, run("select 6 drawn seed 77")));
}

TEST(Select, SeveralRunsAreOneSelection)
{
  if (world_rank() != 0) return;
  const Example run;
  for (const std::string rule : {"best", "drawn"}) {
    const auto whole = run("select 5 " + rule);
    std::vector<std::vector<Written>> orders;
    for (const bool forward : {true, false}) {
      const auto out = scratch_file("parts");
      {
        PlainLammps lmp(run.toy.coarse_script() + run.fix(run.fine(out), "select 5 " + rule));
        lmp.commands(run.rerun(forward ? "last 5" : "first 6"));
        lmp.commands(run.rerun(forward ? "first 6" : "last 5"));
        lmp.commands("run 0\n");    // nothing new: nothing is written again
      }
      auto parts = read_dump(out);
      ASSERT_EQ(parts.size(), 10u) << "one selection at the end of each run";
      orders.emplace_back(parts.begin() + 5, parts.end());
      EXPECT_TRUE(same(orders.back(), whole)) << rule << ": the last one is of both runs";
    }
  }
}

TEST(Select, RestartGoesOn)
{
  if (world_rank() != 0) return;
  const Example run;
  for (const std::string rule : {"best", "drawn"}) {
    const auto restart = scratch_file("restart"), out = scratch_file("after");
    const auto whole = run("select 5 " + rule);
    {
      PlainLammps lmp(run.toy.coarse_script() + run.fix(run.fine(out), "select 5 " + rule));
      lmp.commands(run.rerun("last 5") + "write_restart " + restart + "\n");
    }
    const std::string again =
        "units real\natom_modify map array\ncomm_modify cutoff 20.0\nread_restart " + restart +
        "\n";
    {
      PlainLammps lmp(again + run.fix(run.fine(out), "select 5 " + rule));
      lmp.commands(run.rerun("first 6"));
    }
    EXPECT_TRUE(same(read_dump(out), whole)) << rule;
    for (const std::string other : {"select 6 best", "select 6 drawn"}) {
      PlainLammps lmp(again + run.fix(run.fine(out), other));
      refused(lmp, run.rerun("first 6"), "select, expected that of the restart file");
    }
  }
}

// what the manual says of a run that is over
TEST(Select, ARerunGivesTheStructuresOfTheRun)
{
  if (world_rank() != 0) return;
  const Example run;
  const auto out = scratch_file("run"), frames = scratch_file("frames");
  {
    PlainLammps lmp(run.toy.coarse_script() + "velocity all create 300 4711\nfix 1 all nve\n" +
                    run.fix(run.fine(out), "select 6 drawn"));
    lmp.commands("dump z all custom 1 " + frames +
                 " id x y z\ndump_modify z sort id format float %.17g\nrun 30");
  }
  const auto drawn = read_dump(out);
  ASSERT_EQ(drawn.size(), 6u);
  {
    PlainLammps lmp(run.toy.coarse_script() + run.fix(run.fine(out), "select 6 drawn"));
    lmp.commands("rerun " + frames + " first 1 dump x y z box no");
  }
  EXPECT_TRUE(same(read_dump(out), drawn));
}

TEST(Select, Refusals)
{
  if (world_rank() != 0) return;
  const Example run;
  const auto fine = write_file("quiet.in", run.toy.fine_script());
  const auto refuse = [&](const std::string &script, const std::string &keywords,
                          const std::string &text) {
    PlainLammps lmp(run.toy.coarse_script());
    refused(lmp, run.fix(script, keywords), text);
  };
  refuse("NONE", "select 5 best xyz out.xyz", "select needs weights, expected a fine script");
  refuse(fine, "select 5 best", "expected a dump in the fine script");
  refuse(fine, "xyz out.xyz select 0 best", "select");
  refuse(fine, "xyz out.xyz select 5 worst", "best or drawn");
  refuse(fine, "xyz out.xyz select best 5", "integer");
  refuse(fine, "xyz out.xyz select 5", "select");
}

TEST(Select, TheSameOnAnyNumberOfRanks)
{
  const auto share = [](std::string &name) {
    char text[400] = {0};
    snprintf(text, sizeof(text), "%s", name.c_str());
    MPI_Bcast(text, sizeof(text), MPI_CHAR, 0, MPI_COMM_WORLD);
    name = text;
  };
  Example run;
  std::string out = scratch_file("ranks"), fine = run.fine(out);
  for (std::string *name : {&run.flow, &run.dump, &out, &fine}) share(*name);
  std::string reference;
  for (int n : {1, 2, 4}) {
    MPI_Comm comm;
    MPI_Comm_split(MPI_COMM_WORLD, world_rank() < n ? 0 : MPI_UNDEFINED, world_rank(), &comm);
    if (comm != MPI_COMM_NULL) {
      {
        PlainLammps lmp("processors * 1 1\n", comm);
        lmp.commands(run.toy.coarse_script() + run.fix(fine, "select 8 drawn batch 3") +
                     run.rerun());
      }
      if (world_rank() == 0) {
        if (n == 1) reference = read_file(out);
        EXPECT_EQ(read_file(out), reference) << n << " ranks";
        EXPECT_EQ(read_dump(out).size(), 8u);
      }
      MPI_Comm_free(&comm);
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
}

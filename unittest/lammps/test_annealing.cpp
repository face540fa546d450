/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Keyword anneal of fix backmap and backmap_validate: weights against closed forms, one schedule for everything that
// belongs together, bad input.

#include "backmap_test_models.h"
#include "json_beside_lammps.h"

#include "lammps.h"
#include "statistics/report.h"
#include "statistics/sample_table.h"

#include <cmath>
#include <sstream>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

void refused(PlainLammps &lmp, const std::string &script, const std::string &expected)
{
  const std::string text = lmp.error_of(script);
  EXPECT_NE(text.find(expected), std::string::npos)
      << script << "\nexpected: " << expected << "\ngot: " << text;
}

/* the toy, with a flow that is too wide and off its place */

struct Bad : Toy {
  BACKMAP_NS::FlowSpec flow() const
  {
    FlowSpec s = Toy::flow();
    s.linear_mean = {r0 + 1.5 * sr, t0 - st};
    s.linear_chol = {1.4 * sr, 0.0, 0.0, 1.4 * st};
    return s;
  }

  std::string dump(int first, int frames, unsigned seed) const
  {
    std::mt19937_64 engine(seed);
    std::string text;
    for (int i = 0; i < first + frames; i++) {
      const auto z = draw(engine, coarse_k);
      if (i >= first) text += dump_frame(i + 1, z);
    }
    return text;
  }
};

std::string fix_line(const std::string &flow, const std::string &fine, const std::string &rest)
{
  return "fix bm all backmap 1 " + flow + " " + fine + " " + rest + "\n";
}

/* rows of a table, without the comments */

std::string rows(const std::string &table)
{
  std::istringstream in(read_file(table));
  std::string text;
  for (std::string line; std::getline(in, line);)
    if (line[0] != '#') text += line + "\n";
  return text;
}

std::string schedule_of(const std::string &table)
{
  return SampleTable::parse(read_file(table), table).provenance.anneal;
}

struct Mean {
  double value = 0.0, error = 0.0;
  explicit Mean(const std::vector<double> &list)
  {
    double square = 0.0;
    for (double v : list) {
      value += v / list.size();
      square += v * v / list.size();
    }
    error = std::sqrt((square - value * value) / list.size());
  }
  double sigmas(double truth) const { return std::fabs(value - truth) / error; }
};

}    // namespace

// mean of w exp(F/kT) over frames is 1 and that of r is known; up to 4 standard errors: for other seeds 1 of 8,000 fails.
// Controls: a density that lacks the volume element, and the structure of the start with the weight of the end.
TEST(Annealing, WeightsOfAToyAreExact)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto table = scratch_file("exact"), plain = scratch_file("plain");
  for (const auto &name : {table, plain}) {
    PlainLammps lmp(toy.coarse_script() +
                    fix_line(flow, fine,
                             "samples 40 temp 300 observables v_r table " + name + " batch 50" +
                                 (name == table ? " anneal 8" : "")));
    lmp.commands("rerun " + write_file("z.dump", toy.dump(0, 500, 3)) + " dump x y z box no");
  }
  const SampleTable t = SampleTable::parse(read_file(table), table),
                    alone = SampleTable::parse(read_file(plain), plain);
  ASSERT_EQ(t.rows.size(), 20000u);
  EXPECT_EQ(t.provenance.anneal.substr(0, 2), "8 ");

  std::mt19937_64 engine(3);
  std::vector<double> w, r, no_volume, mixed;
  const double mean_r =
      (std::pow(toy.r0, 3) + 3.0 * toy.r0 * toy.sr * toy.sr) / (toy.r0 * toy.r0 + toy.sr * toy.sr);
  std::vector<double> z;
  for (std::size_t i = 0; i < t.rows.size(); i++) {
    if (i % 40 == 0) z = toy.draw(engine, toy.coarse_k);
    const double b = std::hypot(z[3] - z[0], z[4] - z[1]), c = std::hypot(z[6] - z[3], z[7] - z[4]);
    const auto &row = t.rows[i];
    ASSERT_NEAR(row.logweight, -row.u / t.kt + row.ucg / t.kt - row.logq, 1e-9);
    w.push_back(std::exp(row.logweight - row.ucg / t.kt + toy.free_energy(b, c) / t.kt));
    r.push_back(w.back() * (t.values[i] - mean_r));
    no_volume.push_back(r.back() / std::pow(t.values[i] / toy.r0, 2));
    mixed.push_back(w.back() * (alone.values[i] - mean_r));
  }
  EXPECT_LT(Mean(w).sigmas(1.0), 4.0);
  EXPECT_LT(Mean(r).sigmas(0.0), 4.0);
  EXPECT_GT(Mean(no_volume).sigmas(0.0), 8.0);
  EXPECT_GT(Mean(mixed).sigmas(0.0), 8.0);
  EXPECT_GT(t.weights().conditional_ess(), 1.5 * alone.weights().conditional_ess());
}

TEST(Annealing, NoStepsAreTheFlowAlone)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto dump = write_file("z.dump", toy.dump(0, 5, 3));
  std::string text[2];
  for (int k : {0, 1}) {
    const auto table = scratch_file("none");
    PlainLammps lmp(
        toy.coarse_script() +
        fix_line(flow, fine, "samples 4 temp 300 table " + table + (k ? " anneal 0" : "")));
    lmp.commands("rerun " + dump + " dump x y z box no");
    text[k] = read_file(table);
    text[k].resize(std::min(text[k].size(), text[k].find("# seconds")));
  }
  EXPECT_EQ(text[0], text[1]);
}

// in one piece, in two with the schedule of the first table, in other batches, with energies asked for in between
TEST(Annealing, PiecesAreTheWhole)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto run = [&](const std::string &name, int first, int frames, const std::string &more) {
    auto table = scratch_file(name);
    PlainLammps lmp(
        toy.coarse_script() +
        fix_line(flow, fine, "samples 6 temp 300 observables v_r table " + table + more));
    lmp.commands("rerun " + write_file("z.dump", toy.dump(first, frames, 3)) +
                 " dump x y z box no");
    return table;
  };
  const auto whole = run("whole", 0, 12, " anneal 4 batch 5");
  EXPECT_EQ(rows(run("small", 0, 12, " anneal 4 batch 1")), rows(whole));
  const auto a = run("first", 0, 7, " anneal 4"), b = run("rest", 7, 5, " anneal " + whole),
             own = run("own", 7, 5, " anneal 4");
  EXPECT_EQ(rows(a) + rows(b), rows(whole));
  EXPECT_EQ(schedule_of(b), schedule_of(whole));
  EXPECT_NE(schedule_of(own), schedule_of(whole)) << "of another frame";

  // what has another schedule is not merged

  const auto plain = run("plain", 7, 5, "");
  MergedTables merged;
  merged.add(SampleTable::parse(read_file(a), a), a);
  merged.add(SampleTable::parse(read_file(b), b), b);
  EXPECT_EQ(Report(merged).summary.json().find("\"anneal\": \"4 ") != std::string::npos, true);
  for (const auto &other : {own, plain})
    EXPECT_NE(error_text([&] {
                merged.add(SampleTable::parse(read_file(other), other), other);
              }).find("annealing (steps, then lambda and size of moves of each), expected 4 "),
              std::string::npos);
}

TEST(Annealing, RestartKeepsTheSchedule)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto restart = scratch_file("state.restart"), first = scratch_file("first"),
             second = scratch_file("second");
  const auto line = [&](const std::string &rest) {
    return fix_line(flow, fine, "samples 5 temp 300 ensemble none " + rest);
  };
  double ess = 0.0;
  {
    PlainLammps lmp(toy.coarse_script() + "velocity all create 300 4711\nfix 1 all nve\n" +
                    line("anneal 3 table " + first) + "run 4\n");
    ess = lmp.value("f_bm[3]");
    lmp.commands("write_restart " + restart);
  }
  const std::string start = "units real\natom_modify map array\ncomm_modify cutoff "
                            "20.0\nread_restart " +
      restart + "\nfix 1 all nve\n";
  {
    PlainLammps lmp(start + line("anneal 3 table " + second) + "run 0\n");
    EXPECT_EQ(lmp.value("f_bm[3]"), ess);
    lmp.commands("run 3");
  }
  EXPECT_EQ(schedule_of(second), schedule_of(first));
  EXPECT_FALSE(schedule_of(first).empty());
  PlainLammps more(start + line("anneal " + first) + "run 1\n");
  for (const std::string other : {"", "anneal 4"}) {
    PlainLammps lmp(start + line(other));
    refused(lmp, "run 0", "anneal, expected the 3 steps of the restart file");
  }
}

TEST(Annealing, BadInput)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  const auto dump = write_file("z.dump", toy.dump(0, 1, 3));
  const auto with = [&](const std::string &script, const std::string &rest,
                        const std::string &expected) {
    PlainLammps lmp(toy.coarse_script());
    refused(lmp, fix_line(flow, script, rest), expected);
  };
  with("NONE", "anneal 4", "anneal needs energies, expected a fine script, got NONE");
  with(fine, "temp 300 anneal", "keyword anneal, expected a value after it");
  with(fine, "temp 300 anneal -1", "keyword anneal, expected at least 0, got -1");
  with(fine, "temp 300 anneal nowhere", "nowhere");
  with(fine, "temp 300 anneal " + fine, "expected a number of steps, or a file with a line");
  with(fine, "temp 300 anneal " + write_file("bad.table", "# anneal 2 0.5 0.5 0.4 0.5\n"),
       "expected lambda that rises between 0 and 1");

  // a flow of which no sample has a weight

  const auto none = write_file("none.in",
                               toy.fine_script("variable zero atom 0.0\nvariable ea atom "
                                               "1.0e308*1.0e10\nfix f all addforce v_zero 0.0 0.0 "
                                               "energy v_ea\nfix_modify f energy yes\n"));
  PlainLammps lmp(toy.coarse_script() + fix_line(flow, none, "samples 4 temp 300 anneal 2"));
  refused(lmp, "rerun " + dump + " dump x y z box no", "samples of the flow has a weight");
}

// the figures of both, and a schedule that the fix takes
TEST(Annealing, Validate)
{
  const Bad toy;
  const auto flow = write_model("bad.flow", toy.flow());
  const auto script = toy.fine_script(), fine = write_file("toy.in", script);
  std::mt19937_64 engine(5);
  std::string dump;
  for (int i = 0; i < 40; i++) {
    auto x = toy.draw(engine, toy.fine_k);
    x.insert(x.end(), {x[6] - 0.5, x[7] + 1.4, x[8]});
    dump += dump_frame(i + 1, x);
  }
  const auto frames = write_file("fine.dump", dump);
  const auto json = scratch_file("json"), schedule = scratch_file("schedule");
  const std::string rest =
      " frames 40 samples 400 json " + json + " files " + frames + " dump x y z box no";
  PlainLammps lmp(script);
  lmp.commands("backmap_validate " + flow + " " + fine + " temp 300" + rest);
  const auto alone = nlohmann::json::parse(read_file(json));
  lmp.commands("backmap_validate " + flow + " " + fine + " temp 300 anneal 6 schedule " + schedule +
               rest);
  const auto both = nlohmann::json::parse(read_file(json));
  EXPECT_EQ(both["conditional_ess_fg_m400"], alone["conditional_ess_fg_m400"]);
  EXPECT_GT(both["conditional_ess_fg_m400_anneal6"].get<double>(),
            1.5 * both["conditional_ess_fg_m400"].get<double>());
  EXPECT_GT(both["conditional_ess_fg_m400_anneal6_q10"], both["conditional_ess_fg_m400_q10"]);
  EXPECT_FALSE(alone.contains("conditional_ess_fg_m400_anneal6"));
  lmp.commands("backmap_validate " + flow + " " + fine + " temp 300 anneal " + schedule + rest);
  EXPECT_EQ(nlohmann::json::parse(read_file(json)), both) << "the same schedule";

  const auto table = scratch_file("table");
  PlainLammps run(
      toy.coarse_script() +
      fix_line(flow, fine, "samples 4 temp 300 anneal " + schedule + " table " + table));
  run.commands("rerun " + write_file("z.dump", toy.dump(0, 2, 3)) + " dump x y z box no");
  EXPECT_NE(read_file(schedule).find("# anneal " + schedule_of(table) + "\n"), std::string::npos);

  refused(lmp, "backmap_validate " + flow + " " + fine + " temp 300 schedule " + schedule + rest,
          "keyword schedule, expected anneal K beside it");
}

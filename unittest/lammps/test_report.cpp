/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// backmap_report and backmap_validate: tables of two partitions are one series, and figures have closed forms.

#include "backmap_test_models.h"

#include "statistics/sample_table.h"

#include "lammps.h"

#include "json_beside_lammps.h"

using namespace BACKMAP_NS;
using namespace fix_test;

TEST(Report, PartsOfASeriesAreTheWhole)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto fine = write_file("toy.in", toy.fine_script());
  std::mt19937_64 engine(3);
  std::string all, another, parts[2];
  for (int i = 0; i < 60; i++) {
    another += dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
    const auto frame = dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
    all += frame;
    parts[(i / 7) % 2] += frame;
  }
  const auto table_of = [&](const std::string &name, const std::string &dump,
                            const std::string &more = "") {
    PlainLammps lmp(toy.coarse_script() + "fix bm all backmap 1 " + flow + " " + fine +
                    " samples 4 temp 300 observables v_b v_r table " + scratch_file(name) + more +
                    "\n");
    lmp.commands("rerun " + write_file(name + ".dump", dump) + " dump x y z box no");
    return scratch_file(name);
  };
  const auto whole = table_of("whole", all), first = table_of("first", parts[0]),
             second = table_of("second", parts[1]);
  const auto json = [&](const std::string &tables, const std::string &more = "") {
    PlainLammps lmp("");
    const auto file = scratch_file("summary.json");
    lmp.commands("backmap_report " + tables + " json " + file + more);
    return nlohmann::json::parse(read_file(file));
  };
  auto a = json(whole), b = json(first + " " + second);
  EXPECT_EQ(a["frames"], 60);
  EXPECT_EQ(a["samples"], 240);
  EXPECT_EQ(a["samples_per_frame"], 4);
  EXPECT_EQ(a["temperature"], 300.0);
  EXPECT_EQ(b["tables"], 2);
  for (const char *key :
       {"joint_ess", "marginal_ess", "marginal_ess_corrected", "conditional_ess_cg", "khat",
        "observables", "zero_weights", "nan_energies", "frames", "samples"})
    EXPECT_EQ(a[key], b[key]) << key;
  EXPECT_EQ(a["observables"]["b"].size(), 3u);
  EXPECT_TRUE(a["weighted_samples_per_s"].is_number());

  // what is known of an observable, and of the mean weight
  EXPECT_EQ(b["runs"], 1);
  EXPECT_EQ(b["walkers"], 1);
  const auto &bond = a["estimates"]["b"];
  EXPECT_EQ(bond["value"], a["observables"]["b"][0]);
  EXPECT_EQ(bond["error"], a["observables"]["b"][1]);
  EXPECT_LT(bond["interval_95"][0], bond["value"]);
  EXPECT_GE(bond["autocorrelation_time"], 1.0);
  EXPECT_GT(bond["effective_samples"], 10.0);
  EXPECT_FALSE(bond.contains("delta_f"));
  EXPECT_EQ(bond, b["estimates"]["b"]);
  EXPECT_NEAR(a["log_mean_weight_estimate"]["value"], a["log_mean_weight"], 0.05);
  EXPECT_GT(a["log_mean_weight_estimate"]["error"], 0.0);

  // by a pattern, and which tables are which run
  const auto c0 = json(first + " " + scratch_file("secon?"));
  EXPECT_EQ(c0["estimates"], b["estimates"]);
  EXPECT_EQ(c0["tables_of_runs"],
            nlohmann::json::parse("[[\"" + first + "\", \"" + second + "\"]]"));

  // two tables of the same timesteps are two runs; told to be one, they are one
  const auto again = table_of("again", another);
  const auto twice = json(whole + " " + again);
  EXPECT_EQ(twice["runs"], 2);
  EXPECT_EQ(twice["estimates"]["b"]["walkers"], 2);
  EXPECT_EQ(json(whole + " " + again, " runs 1")["runs"], 1);

  // the same samples twice would make the error too small: the table itself, a copy, a part, or twice in one file
  {
    PlainLammps lmp("");
    const auto text = read_file(whole);
    for (const auto &tables :
         {whole + " " + whole, whole + " " + write_file("copy", text), whole + " " + second})
      EXPECT_NE(lmp.error_of("backmap_report " + tables).find("once more"), std::string::npos);
    EXPECT_NE(
        lmp.error_of("backmap_report " + write_file("double", text + text)).find("table twice"),
        std::string::npos);
    // other samples of the same frames are no second run
    const auto reseeded = table_of("reseeded", all, " seed 2");
    EXPECT_NE(lmp.error_of("backmap_report " + whole + " " + reseeded).find("no independent run"),
              std::string::npos);
  }

  // another flow, another all-atom energy, another CG potential: not merged
  {
    FlowSpec other = toy.flow();
    other.linear_mean[0] += 0.01;
    const auto table_with = [&](const std::string &coarse, const std::string &with_flow,
                                const std::string &with_fine) {
      PlainLammps lmp(coarse + "fix bm all backmap 1 " + with_flow + " " + with_fine +
                      " samples 4 temp 300 observables v_b v_r table " + scratch_file("other") +
                      "\n");
      lmp.commands("rerun " + write_file("other.dump", another) + " dump x y z box no");
    };
    const auto refused = [&](const std::string &why) {
      PlainLammps lmp("");
      const auto text = lmp.error_of("backmap_report " + whole + " " + scratch_file("other"));
      EXPECT_NE(text.find(why), std::string::npos) << text;
    };
    table_with(toy.coarse_script(), write_model("other.flow", other), fine);
    refused("model of the flow");
    table_with(toy.coarse_script(), flow,
               write_file("other.in", toy.fine_script("bond_coeff 1 20.01 1.6\n")));
    refused("all-atom energy");
    table_with(
        toy.coarse_script(), flow,
        write_file("other.in", toy.fine_script("variable b delete\nvariable b equal 2.0*x[1]\n")));
    refused("observables of these names");
    table_with(toy.coarse_script() + "bond_coeff 1 12.01 1.6\n", flow, fine);
    refused("coarse-grained potential");
    table_with(toy.coarse_script(), flow, fine);
    PlainLammps lmp("");
    EXPECT_NO_THROW(lmp.commands("backmap_report " + whole + " " + scratch_file("other")));
  }
  EXPECT_EQ(json(first + " " + second, " runs 2")["estimates"]["b"]["walkers"], 2);

  // an observable that is 0 or 1 has a free energy: that of bonds beyond the all-atom minimum
  SampleTable state = SampleTable::parse(read_file(whole), whole);
  std::string text = state.header();
  for (std::size_t i = 0; i < state.rows.size(); i++) {
    const double obs[] = {state.values[2 * i] > toy.b0 ? 1.0 : 0.0, state.values[2 * i + 1]};
    text += state.line(state.rows[i], obs);
  }
  const auto c = json(write_file("state", text));
  const auto &delta = c["estimates"]["b"]["delta_f"];
  const double p = c["observables"]["b"][0], error = c["observables"]["b"][1];
  EXPECT_NEAR(delta["value"], -toy.kt * std::log(p / (1.0 - p)), toy.kt * error);
  EXPECT_NEAR(delta["error"], toy.kt * error / (p * (1.0 - p)), 0.2 * delta["error"].get<double>());
  EXPECT_NEAR(c["estimates"]["b"]["delta_f_kT"][0].get<double>() * toy.kt, delta["value"], 1e-9);

  // an empty table is a partition that never had the temperature
  const auto empty = write_file("empty", SampleTable::parse(read_file(whole), whole).header());
  EXPECT_EQ(json(whole + " " + empty)["joint_ess"], a["joint_ess"]);
  nlohmann::json held_out = {{"conditional_ess_fg_m500", 0.8}};
  for (const char *key : {"flow", "probe_energies"}) held_out[key] = a[key];
  const auto more = json(whole, " include " + write_file("more.json", held_out.dump()));
  EXPECT_EQ(more["conditional_ess_fg_m500"], 0.8);
  held_out.erase("conditional_ess_fg_m500");
  held_out["conditional_ess_minus_m500"] = 0.7;
  write_file("more.minus.json", held_out.dump());
  const auto both = json(whole, " include " + scratch_file("more*.json"));
  EXPECT_EQ(both["conditional_ess_fg_m500"], 0.8);
  EXPECT_EQ(both["conditional_ess_minus_m500"], 0.7);

  PlainLammps lmp("");
  const auto refused = [&](const std::string &command, const std::string &expected) {
    const auto said = lmp.error_of(command);
    EXPECT_NE(said.find(expected), std::string::npos) << said;
  };
  refused("backmap_report", "at least one sample table");
  refused("backmap_report no-such-table", "no-such-table");
  refused("backmap_report no-such-*.txt", "tables: expected files that match no-such-*.txt");
  refused("backmap_report " + whole + " include no-such-*.json",
          "keyword include: expected files that match no-such-*.json");
  refused("backmap_report " + whole + " json", "keyword json");
  refused("backmap_report " + whole + " blocks 2", "blocks");
  refused("backmap_report " + whole + " " + again + " runs 3", "runs, expected a divisor");
  refused("backmap_report " + whole + " runs 0", "runs");
  SampleTable other = SampleTable::parse(read_file(whole), whole);
  other.samples = 5;
  refused("backmap_report " + whole + " " + write_file("other", other.header()),
          "samples per frame");
  refused("backmap_report " + write_file("broken", read_file(whole).substr(3)), "broken");
  // what a run that was killed leaves: whole frames count, and it is said
  const std::string rows = read_file(whole);
  const auto killed = json(write_file("killed", rows.substr(0, rows.find("\n60 1 2 ") + 12)));
  EXPECT_EQ(killed["frames"], 59);
  EXPECT_NE(killed.dump().find("because the run was cut off"), std::string::npos) << killed.dump();
}

// The toy's weights are r^2 sin t: Kish ESS and forward ESS from moments of the two Gaussians.
TEST(Validate, ToyAgainstClosedForms)
{
  const Toy toy;
  const auto flow = write_model("toy.flow", toy.flow());
  const auto script = toy.fine_script();
  const auto fine = write_file("toy.in", script);
  // frames of the all-atom model: beads, then r and t with densities times r^2 and sin t, by rejection
  std::mt19937_64 engine(5);
  const auto uniform = [&] { return ((engine() >> 11) + 0.5) * 0x1p-53; };
  const auto normal = [&] {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
  };
  std::string dump;
  const int n = 400;
  for (int i = 0; i < n; i++) {
    auto x = toy.draw(engine, toy.fine_k);
    double r, t;
    do r = toy.r0 + toy.sr * normal();
    while (uniform() > r * r / 4.0);
    do t = toy.t0 + toy.st * normal();
    while (uniform() > std::sin(t));
    toy.add_atom(x, r, t, 2.0 * M_PI * uniform());
    dump += dump_frame(i + 1, x);
  }
  PlainLammps lmp(script);
  const auto json = scratch_file("validate.json");
  lmp.commands("backmap_validate " + flow + " " + fine + " temp 300 samples 2000 frames " +
               std::to_string(n) + " json " + json + " files " + write_file("fine.dump", dump) +
               " dump x y z box no");
  const auto j = nlohmann::json::parse(read_file(json));
  const double r2 = toy.r0 * toy.r0 + toy.sr * toy.sr;
  const double r4 =
      std::pow(toy.r0, 4) + 6.0 * std::pow(toy.r0 * toy.sr, 2) + 3.0 * std::pow(toy.sr, 4);
  const double s1 = std::sin(toy.t0) * std::exp(-0.5 * toy.st * toy.st);
  const double s2 = 0.5 * (1.0 - std::cos(2.0 * toy.t0) * std::exp(-2.0 * toy.st * toy.st));
  const double expected =
      r2 * r2 / r4 * s1 * s1 / s2;    // (E w)^2 / E w^2, which is also the forward ESS
  EXPECT_NEAR(j["conditional_ess_fg_m2000"], expected, 0.002);
  EXPECT_NEAR(j["forward_ess_fg"], expected, 0.005);
  EXPECT_LT(j["conditional_ess_fg_m2000_q10"], j["conditional_ess_fg_m2000"]);
  EXPECT_EQ(j["frames_fg"], n);
  EXPECT_LT(expected, 0.99);    // the bounds tell it from 1
}

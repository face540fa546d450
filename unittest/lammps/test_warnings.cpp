/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Warnings of fix backmap, backmap_report and backmap_validate in the log and in the summary: one run where each must come,
// and one where none may.  Numbers and thresholds: weights/test_diagnosis.cpp.

#include "backmap_test_models.h"

#include "lammps.h"

#include "json_beside_lammps.h"

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

struct Result {
  std::string log;
  nlohmann::json summary;
  int count(const std::string &word) const
  {
    int n = 0;
    for (std::size_t at = log.find(word); at != std::string::npos; at = log.find(word, at + 1)) n++;
    return n;
  }
};

/// CG frames of the toy, every k-th with its first bond stretched, through fix backmap and backmap_report.
Result run(const Toy &toy, const FlowSpec &spec, const std::string &name, int samples = 8,
           int stretch_every = 0)
{
  const auto flow = write_model(name + ".flow", spec);
  const auto fine = write_file(name + ".in", toy.fine_script());
  std::mt19937_64 engine(3);
  std::string dump;
  for (int i = 0; i < 200; i++) {
    auto z = toy.draw(engine, toy.coarse_k);
    if (stretch_every && i % stretch_every == 0)
      for (int b = 1; b < 3; b++) z[3 * b] += 1.5;
    dump += dump_frame(i + 1, z);
  }
  const auto table = scratch_file(name + ".txt"), log = scratch_file(name + ".log"),
             json = scratch_file(name + ".json");
  {
    PlainLammps lmp("log " + log + "\n" + toy.coarse_script() +
                    "fix move all nve\nfix bm all backmap 1 " + flow + " " + fine + " samples " +
                    std::to_string(samples) + " temp 300 observables v_b table " + table + "\n");
    lmp.commands("rerun " + write_file(name + ".dump", dump) + " dump x y z box no");
  }
  PlainLammps lmp("");
  lmp.commands("backmap_report " + table + " json " + json);
  return {read_file(log), nlohmann::json::parse(read_file(json))};
}

/// The range of the beads that the healthy CG model visits.
FeatureRange toy_range(const Toy &toy, const FlowSpec &spec)
{
  std::mt19937_64 engine(99);
  std::vector<float> all[2];
  std::vector<double> f(spec.nf());
  for (int i = 0; i < 20000; i++) {
    const auto z = toy.draw(engine, toy.coarse_k);
    features(spec.features, z.data(), f.data());
    for (int k = 0; k < spec.nf(); k++)
      all[i % 2].push_back(static_cast<float>((f[k] - spec.feature_mean[k]) / spec.feature_std[k]));
  }
  return FeatureRange::build(all[0], all[1], spec.nf());
}

}    // namespace

/* ---------------------------------------------------------------------- */

TEST(Warnings, a_healthy_run_has_none)
{
  const Toy toy;
  FlowSpec spec = toy.flow();
  spec.range = toy_range(toy, spec);
  const Result r = run(toy, spec, "healthy");
  EXPECT_EQ(r.count("WARNING"), 0) << r.log;
  ASSERT_TRUE(r.summary["warnings"].is_array());
  EXPECT_TRUE(r.summary["warnings"].empty()) << r.summary["warnings"];
}

// the flow draws a bond length four standard deviations off: few samples carry everything, in every frame
TEST(Warnings, a_poor_flow_is_told_of_once_with_the_remedy)
{
  const Toy toy;
  FlowSpec spec = toy.flow();
  spec.linear_mean[0] += 4.0 * toy.sr;
  const Result r = run(toy, spec, "poor");
  EXPECT_EQ(r.count("low effective sample size"), 1) << r.log;
  EXPECT_EQ(r.count("F(z) is uncertain"), 1) << r.log;
  EXPECT_GE(r.count("Remedy: "), 2);
  EXPECT_EQ(r.count("outside the range"), 0);    // a model without a range cannot tell
  std::string all;
  for (const auto &w : r.summary["warnings"]) all += w.get<std::string>() + "\n";
  EXPECT_NE(all.find("low effective sample size"), std::string::npos);
  EXPECT_NE(all.find("F(z) is uncertain"), std::string::npos);
}

TEST(Warnings, frames_outside_the_training_data)
{
  const Toy toy;
  FlowSpec spec = toy.flow();
  spec.range = toy_range(toy, spec);
  EXPECT_EQ(run(toy, spec, "stretched", 8, 10).count("outside the range"), 1);
  EXPECT_EQ(run(toy, spec, "rarely", 8, 100).count("outside the range"), 0);    // 1 %
}

// a state that was never seen and a constant have no error, in compute reweight as in the report; what is seen often has
TEST(Warnings, states_that_were_never_seen)
{
  const Toy toy;
  const auto flow = write_model("states.flow", toy.flow());
  const auto fine =
      write_file("states.in",
                 toy.fine_script("variable far equal v_b>99\nvariable long equal v_b>" +
                                 std::to_string(toy.b0) + "\nvariable half equal 0.5\n"));
  std::mt19937_64 engine(3);
  std::string dump;
  for (int i = 0; i < 400; i++) dump += dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
  const auto table = scratch_file("states.txt"), log = scratch_file("states.log"),
             json = scratch_file("states.json");
  double array[3][6];
  {
    PlainLammps lmp("log " + log + "\n" + toy.coarse_script() +
                    "fix move all nve\nfix bm all backmap 1 " + flow + " " + fine +
                    " samples 8 temp 300 table " + table +
                    "\ncompute rw all reweight bm v_far v_long v_half\n"
                    "thermo_style custom step c_rw[1][1]\n");
    lmp.commands("rerun " + write_file("states.dump", dump) + " dump x y z box no");
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 6; j++)
        array[i][j] =
            lmp.value("c_rw[" + std::to_string(i + 1) + "][" + std::to_string(j + 1) + "]");
  }
  {
    PlainLammps lmp("log " + scratch_file("report.log") + "\n");
    lmp.commands("backmap_report " + table + " json " + json);
  }
  const auto summary = nlohmann::json::parse(read_file(json));
  const auto warned = read_file(log), report = read_file(scratch_file("report.log"));
  const char *names[] = {"far", "long", "half"};
  for (int i = 0; i < 3; i++) {
    const auto &e = summary["estimates"][names[i]];
    const nlohmann::json pairs[] = {
        e["value"],          e["error"],          summary["observables"][names[i]][2],
        e["interval_95"][0], e["interval_95"][1], e.value("entries", nlohmann::json())};
    for (int j = 0; j < 6; j++) {
      EXPECT_EQ(pairs[j].is_null(), std::isnan(array[i][j])) << names[i] << j;
      if (pairs[j].is_number()) {
        EXPECT_NEAR(pairs[j].get<double>(), array[i][j], 1e-6 * std::fabs(array[i][j])) << names[i];
      }
    }
  }
  EXPECT_EQ(array[0][0], 0.0);
  EXPECT_EQ(array[0][5], 0.0);
  EXPECT_TRUE(std::isnan(array[0][1]));
  EXPECT_EQ(array[2][0], 0.5);
  EXPECT_TRUE(std::isnan(array[2][1]));
  EXPECT_GT(array[1][1], 0.0);
  EXPECT_GT(array[1][5], 50.0);
  EXPECT_EQ(summary["estimates"]["far"]["marks"], nlohmann::json({"unseen"}));
  EXPECT_EQ(summary["estimates"]["half"]["marks"], nlohmann::json({"constant"}));
  EXPECT_TRUE(summary["estimates"]["long"]["marks"].empty());
  EXPECT_TRUE(summary["observables"]["far"][1].is_null());
  EXPECT_EQ(summary["warnings"].size(), 1u) << summary["warnings"];
  for (const auto &text : {warned, report}) {
    EXPECT_NE(text.find("v_far was 0 in all of 400 frames"), std::string::npos) << text;
    EXPECT_EQ(text.find("v_long was"), std::string::npos);
  }
  EXPECT_NE(report.find(" entries "), std::string::npos) << report;
  EXPECT_NE(report.find("Delta F of v_far = 1: not known"), std::string::npos) << report;
  EXPECT_EQ(report.find("nan"), std::string::npos) << report;
}

// what was read is what was written, and a model without it is as before
TEST(Warnings, range_in_the_model_file)
{
  const Toy toy;
  FlowSpec spec = toy.flow();
  const std::string none = spec.to_model().serialize();
  EXPECT_FALSE(FlowSpec::from_model(ModelFile::parse(none, "m")).range.known());
  spec.range = toy_range(toy, spec);
  const FlowSpec back = FlowSpec::from_model(ModelFile::parse(spec.to_model().serialize(), "m"));
  EXPECT_EQ(back.range.radius, spec.range.radius);
  EXPECT_EQ(back.range.centres, spec.range.centres);
  spec.range.dim--;
  EXPECT_NE(error_text([&] { spec.validate("flow"); }).find("range of the training data"),
            std::string::npos);
}

// held-out frames of the toy: its own flow has them all, a flow of a third of their width does not
TEST(Warnings, a_flow_that_misses_configurations)
{
  const Toy toy;
  const auto script = toy.fine_script();
  const auto fine = write_file("missed.in", script);
  std::mt19937_64 engine(5);
  const auto uniform = [&] { return ((engine() >> 11) + 0.5) * 0x1p-53; };
  const auto normal = [&] {
    return std::sqrt(-2.0 * std::log(uniform())) * std::cos(2.0 * M_PI * uniform());
  };
  std::string dump;
  const int n = 300;
  for (int i = 0; i < n; i++) {
    auto x = toy.draw(engine, toy.fine_k);
    const double r = toy.r0 + toy.sr * normal(), t = toy.t0 + toy.st * normal();
    toy.add_atom(x, r, t, 2.0 * M_PI * uniform());
    dump += dump_frame(i + 1, x);
  }
  const auto frames = write_file("missed.dump", dump);
  for (const bool narrow : {false, true}) {
    FlowSpec spec = toy.flow();
    if (narrow)
      for (double &v : spec.linear_chol) v /= 3.0;
    const auto flow = write_model("missed.flow", spec);
    const auto json = scratch_file("missed.json"), log = scratch_file("missed.log");
    {
      PlainLammps lmp("log " + log + "\n" + script);
      lmp.commands("backmap_validate " + flow + " " + fine + " temp 300 samples 200 frames " +
                   std::to_string(n) + " json " + json + " files " + frames + " dump x y z box no");
    }
    const auto j = nlohmann::json::parse(read_file(json));
    EXPECT_EQ(j["warnings"].size(), narrow ? 1u : 0u) << j["warnings"];
    EXPECT_EQ(read_file(log).find("the flow misses configurations") != std::string::npos, narrow);

    // the report that includes the validation has its warnings, too; that of another flow is refused, and a name twice
    const Result r = run(toy, spec, "beside");
    const auto report = "backmap_report " + scratch_file("beside.txt") + " json " +
        scratch_file("both.json") + " include " + json;
    PlainLammps lmp("");
    lmp.commands(report);
    int missed = 0;
    const auto both = nlohmann::json::parse(read_file(scratch_file("both.json")));
    for (const auto &w : both["warnings"])
      missed += w.get<std::string>().find("misses configurations") != std::string::npos;
    EXPECT_EQ(missed, narrow ? 1 : 0);
    EXPECT_NE(lmp.error_of(report + " include " + json).find("is there already"),
              std::string::npos);
    FlowSpec another = spec;
    another.linear_mean[0] += 0.01;
    run(toy, another, "beside");
    EXPECT_NE(lmp.error_of(report).find("model of the flow"), std::string::npos);
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Observables of a fine script: what is no function of the coordinates is refused with the reason, everything else is what
// `run 0` gives, in whatever order it is asked for.

#include "fix_test_support.h"
#include "lammps/fine_engine.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

const auto SILENT = FineEngine::Role::Silent;

const char *const PRESSURES = "compute virial all pressure NULL virial\n"
                              "variable pv equal c_virial\n"
                              "variable pxy equal 2*v_pv+c_virial[4]\n"
                              "compute stress all stress/atom NULL virial\n"
                              "compute sum all reduce sum c_stress[1]\n"
                              "variable nkt equal 22*0.0019872067*300.0*68568.415/vol\n"
                              "variable p equal v_pv+v_nkt\n";

struct Case {
  const char *observable, *definition, *reason;
};

/* each in an instance that knows all of the definitions */

void expect_refused(const std::vector<Case> &cases)
{
  std::string script;
  for (const Case &c : cases) script += c.definition;
  FineEngine engine(write_file("refused.in", ala2_script(script)), SILENT);
  const std::string name = scratch_file("refused.in");
  for (const Case &c : cases) {
    const auto text = error_text([&] { engine.request(c.observable); });
    EXPECT_EQ(
        text.find(std::string("observable ") + c.observable + " of the fine script " + name + ": "),
        0u)
        << text;
    EXPECT_NE(text.find(c.reason), std::string::npos)
        << c.observable << ", expected: " << c.reason << "\ngot: " << text;
  }
  // control: the instance is as good as before, and did not refuse everything
  EXPECT_EQ(engine.nobservables(), 0);
  engine.request("v_phi");
  double seen;
  const Frame frame = oracle("vacuum")[0];
  EXPECT_NEAR(engine.evaluate(frame.x.data(), &seen), frame.energy, 1e-6);
  EXPECT_NEAR(std::remainder(seen - frame.phi, 360.0), 0.0, 1e-6);
}

/* values of the oracle frames, by an instance that was asked in this order; one row a frame */

std::vector<std::vector<double>> values(const std::string &extra,
                                        const std::vector<std::string> &observables)
{
  FineEngine engine(write_file("values.in", ala2_script(extra)), SILENT);
  for (const auto &o : observables) engine.request(o);
  std::vector<std::vector<double>> rows;
  for (const Frame &frame : oracle("vacuum")) {
    rows.emplace_back(observables.size());
    engine.evaluate(frame.x.data(), rows.back().data());
  }
  return rows;
}

}    // namespace

TEST(Observables, VelocitiesAreRefused)
{
  const char *const why = "changes with the velocities of the atoms";
  expect_refused({{"c_t", "compute t all temp\n", why},
                  {"c_t[4]", "", why},
                  {"c_thermo_temp", "", why},
                  {"c_ke", "compute ke all ke\n", why},
                  {"c_kesum", "compute kea all ke/atom\ncompute kesum all reduce sum c_kea\n", why},
                  {"c_vx", "compute vx all reduce max vx\n", why},
                  {"c_vacf[4]", "compute vacf all vacf\n", why},
                  {"v_temp", "variable temp equal temp\n", why},
                  {"v_ke", "variable ke equal ke\n", why},
                  {"v_hot", "variable hot equal v_temp>300\n", why},
                  {"v_e", "variable e equal etotal\n", why},
                  {"v_h", "variable h equal enthalpy\n", why},
                  {"v_press", "variable press equal press\n", why},
                  {"v_pxx", "variable pxx equal pxx\n", why},
                  {"v_vcm", "variable vcm equal vcm(all,y)\n", why},
                  {"v_v5", "variable v5 equal vz[5]\n", why}});
}

TEST(Observables, KineticPressureIsRefusedWithTheRemedy)
{
  const char *const remedy =
      "use compute ID all pressure NULL virial, and add the exact kinetic part N kT / V";
  expect_refused(
      {{"c_thermo_press", "", remedy},
       {"c_thermo_press[2]", "", remedy},
       {"c_p", "compute p all pressure thermo_temp\n", remedy},
       {"v_total", "variable total equal press\n", remedy},
       {"c_ssum", "compute s all stress/atom thermo_temp\ncompute ssum all reduce sum c_s[2]\n",
        remedy}});
}

TEST(Observables, TimeIsRefused)
{
  const char *const why = "changes with the timestep or the time";
  expect_refused({{"v_step", "variable step equal step\n", why},
                  {"v_odd", "variable odd equal step%2\n", why},
                  {"v_late", "variable late equal (step>1000000)*c_rg\n", why},
                  {"v_elapsed", "variable elapsed equal elapsed\n", why},
                  {"v_elaplong", "variable elaplong equal elaplong\n", why},
                  {"v_dt", "variable dt equal dt\n", why},
                  {"v_time", "variable time equal time\n", why},
                  {"v_ramp", "variable ramp equal ramp(100,200)\n", why},
                  {"v_stagger", "variable stagger equal stagger(1000,100)\n", why},
                  {"v_log", "variable log equal logfreq(10,3,10)\n", why},
                  {"v_stride", "variable stride equal stride(0,1000000,100)\n", why},
                  {"v_vd", "variable vd equal vdisplace(0,1)\n", why},
                  {"v_swiggle", "variable swiggle equal swiggle(0,1,1000)\n", why},
                  {"v_cwiggle", "variable cwiggle equal cwiggle(0,1,1000)\n", why}});
  expect_refused({{"v_cpu", "variable cpu equal cpu\n", "uses cpu, a clock"},
                  {"v_left", "variable left equal 1+cpuremain\n", "uses cpuremain, a clock"},
                  {"v_inner", "variable inner equal c_rg*(v_left-1)\n", "uses cpuremain, a clock"},
                  {"v_tp", "variable tp equal tpcpu\n", "uses tpcpu, a clock"},
                  {"v_sp", "variable sp equal spcpu\n", "uses spcpu, a clock"},
                  {"v_tl", "variable tl equal timeremain\n", "uses timeremain, a clock"}});
}

TEST(Observables, RandomNumbersAreRefused)
{
  const char *const why = "as random numbers do";
  expect_refused(
      {{"v_r", "variable r equal random(0,1,4711)\n", why},
       {"v_n", "variable n equal c_rg+1e-6*normal(0,1,4711)\n", why},
       {"v_f", "fix l all langevin 300.0 300.0 100.0 4711\nvariable f equal fx[5]\n", why},
       {"c_ra", "variable ra atom random(0,1,4711)\ncompute ra all reduce sum v_ra\n", why}});
}

TEST(Observables, LabelsAreRefused)
{
  const char *const why = "changes with logweight, cgstep, molecule or sample";
  expect_refused({{"v_logweight", "", why},
                  {"v_sample", "", why},
                  {"v_w", "variable w equal exp(v_logweight)*c_rg\n", why}});
}

TEST(Observables, FixesOfMotionAreRefused)
{
  const char *const why = "the fix works when atoms move or when a step ends";
  expect_refused({{"f_av", "fix av all ave/time 1 1 1 c_rg\n", why},
                  {"f_nvt", "fix nvt all nvt temp 300.0 300.0 100.0\n", why},
                  {"v_av", "variable av equal f_av\n", "compatible time"},
                  {"c_av",
                   "compute one all property/atom x\nfix ava all ave/atom 1 1 1 c_one\n"
                   "compute av all reduce sum f_ava\n",
                   "compatible time"}});
}

TEST(Observables, ExtremaOfEmptyListsAreRefused)
{
  const char *const why = "1e20, the extremum of an empty list";
  expect_refused(
      {{"c_lo", "group nobody empty\ncompute lo nobody reduce min x\n", why},
       {"c_hi[1]", "compute hi nobody reduce max x y\n", why},
       {"c_hi[2]", "", "1e20"},
       {"v_hi", "variable hi equal c_hi[1]\n", why},
       {"v_up", "variable up equal c_hi[1]>0\n", "compute hi of style reduce gives -1e20"}});
}

TEST(Observables, AtomsThatAreNotThereAreAnError)
{
  const auto text = error_text([] {
    FineEngine(
        write_file("nobody.in", ala2_script("compute none all backmap/internal distance 1 23\n")),
        SILENT);
  });
  EXPECT_NE(text.find("there is no atom with ID 23"), std::string::npos) << text;
}

TEST(Observables, LaterSamplesWithoutAValueAreAnError)
{
  const auto frames = oracle("vacuum");
  // phi is below 0 in the data file; above it 0/1 becomes 1e20 and 1 - 1 becomes infinity less infinity
  for (const char *formula : {"1e20*(v_phi>0)", "exp(1000*(v_phi>0))-exp(1000*(v_phi>0))"}) {
    FineEngine engine(
        write_file("later.in", ala2_script(std::string("variable no equal ") + formula + "\n")),
        SILENT);
    engine.request("c_rg");
    engine.request("v_no");
    int refused = 0;
    for (const Frame &frame : frames) {
      double seen[2];
      const auto text = error_text([&] { engine.evaluate(frame.x.data(), seen); });
      EXPECT_EQ(text.empty(), frame.phi < 1e-6) << frame.phi;
      if (text.empty()) continue;
      refused++;
      EXPECT_EQ(text.find("observable v_no of the fine script"), 0u) << text;
      EXPECT_NE(text.find(formula[0] == '1' ? "got 1e20" : "got -nan"), std::string::npos) << text;
    }
    EXPECT_GT(refused, 0);
    EXPECT_LT(refused, 64);
  }
}

TEST(Observables, LargeValuesOfClashesAreValues)
{
  FineEngine engine(
      write_file("clash.in", ala2_script(PRESSURES + std::string("variable e equal pe\n"))),
      SILENT);
  engine.request("v_e");
  engine.request("v_p");
  auto x = oracle("vacuum")[0].x;
  for (int d = 0; d < 3; d++) x[3 * 5 + d] = x[3 * 20 + d] + (d == 0 ? 0.001 : 0.0);
  double seen[2];
  const double energy = engine.evaluate(x.data(), seen);
  EXPECT_GT(energy, 1e21);
  EXPECT_LT(energy, 1e300);
  EXPECT_EQ(seen[0], energy);
  EXPECT_GT(seen[1], energy);
}

/* any order gives the same numbers as any other, which are those of `run 0` */

TEST(Observables, AnyOrder)
{
  const std::vector<std::string> names = {"v_phi", "v_p", "v_pxy", "c_virial", "c_sum", "c_rg"};
  const auto alone = [&](const std::string &name) { return values(PRESSURES, {name}); };
  std::vector<std::vector<std::vector<double>>> first;
  for (const auto &name : names) first.push_back(alone(name));
  for (std::size_t shift = 0; shift < names.size(); shift++)
    for (const bool back : {false, true}) {
      std::vector<std::size_t> order;
      for (std::size_t k = 0; k < names.size(); k++)
        order.push_back((shift + (back ? names.size() - k : k)) % names.size());
      std::vector<std::string> asked;
      for (const std::size_t k : order) asked.push_back(names[k]);
      const auto rows = values(PRESSURES, asked);
      for (std::size_t frame = 0; frame < rows.size(); frame++)
        for (std::size_t k = 0; k < order.size(); k++)
          EXPECT_NEAR(rows[frame][k], first[order[k]][frame][0],
                      1e-12 * std::fabs(first[order[k]][frame][0]))
              << asked[k] << " asked for as number " << k;
    }

  PlainLammps plain(ala2_script(PRESSURES) +
                    "\nthermo_style custom step pe v_phi v_p v_pxy c_virial c_sum c_rg\n");
  const auto frames = oracle("vacuum");
  for (std::size_t i = 0; i < frames.size(); i++) {
    plain.set(frames[i].x);
    plain.commands("run 0 post no");
    for (std::size_t k = 0; k < names.size(); k++)
      EXPECT_NEAR(first[k][i][0], plain.value(names[k]), 1e-9 * (1.0 + std::fabs(first[k][i][0])))
          << names[k];
  }
}

TEST(Observables, AFailedRequestLeavesNothingBehind)
{
  const std::string bad = "variable bad equal v_inner\nvariable inner equal c_rg+c_none\n";
  FineEngine engine(write_file("failed.in", ala2_script(bad + PRESSURES)), SILENT);
  for (int attempt = 0; attempt < 2; attempt++) {
    const auto text = error_text([&] { engine.request("v_bad"); });
    EXPECT_NE(text.find("Invalid compute ID"), std::string::npos) << text;
    EXPECT_EQ(text.find("circular"), std::string::npos) << text;
  }
  engine.request("v_p");
  double seen;
  engine.evaluate(oracle("vacuum")[0].x.data(), &seen);
  EXPECT_TRUE(std::isfinite(seen));
}

/* the structure of the script may be of no use: then the first sample of finite energy is */

TEST(Observables, CheckedWithTheFirstSampleIfTheScriptHasNoEnergy)
{
  const std::string clash =
      "variable t equal temp\nvariable p equal press\nset atom 6 x 0 y 0 z 0\n"
      "set atom 21 x 0 y 0 z 0\n";
  const auto frames = oracle("vacuum");
  double seen[2];
  for (const char *name : {"v_t", "v_p"}) {
    FineEngine engine(write_file("noenergy.in", ala2_script(clash)), SILENT);
    engine.request(name);
    const auto text = error_text([&] { engine.evaluate(frames[0].x.data(), seen); });
    EXPECT_NE(text.find("changes with the velocities"), std::string::npos) << name << text;
  }
  FineEngine engine(write_file("noenergy.in", ala2_script(clash)), SILENT);
  engine.request("v_psi");
  for (const Frame &frame : frames) {
    EXPECT_NEAR(engine.evaluate(frame.x.data(), seen), frame.energy, 1e-6);
    EXPECT_NEAR(std::remainder(seen[0] - frame.psi, 360.0), 0.0, 1e-6);
  }
}

/* the virial is evaluated for who asks for it, and for nobody else */

TEST(Observables, OnlyThePressurePaysForTheVirial)
{
  const auto frames = oracle("vacuum");
  const auto seconds = [&](const std::string &observable) {
    FineEngine engine(write_file("pays.in", ala2_script(PRESSURES)), SILENT);
    engine.request(observable);
    double seen;
    const auto t0 = std::clock();
    for (int i = 0; i < 5000; i++) engine.evaluate(frames[i % 44].x.data(), &seen);
    return static_cast<double>(std::clock() - t0) / CLOCKS_PER_SEC;
  };
  double without = 1e9, with = 1e9;
  for (int i = 0; i < 5; i++) {
    without = std::min(without, seconds("c_rg"));
    with = std::min(with, seconds("c_virial"));
  }
  printf("evaluation with the virial takes %.2f times as long as without\n", with / without);
  EXPECT_GT(with, without);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Networks in single precision: energies and forces beside those in double, on frames of a run of the
// shipped model; conservation of energy in LAMMPS, with a control that shows which drift is seen.

#include "cgnet/cgnet.h"
#include "windows_support.h"

#include "library.h"
#include "lmptype.h"

#include <mpi.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <sstream>

using namespace BACKMAP_NS;
using namespace cgnet_support;

namespace {

const std::string MODEL = std::string(BACKMAP_POTENTIALS) + "/ala2.cgnet.safetensors";
constexpr int NMOL = 64;

class Lammps {
 public:
  Lammps()
  {
    const char *args[] = {"test", "-log", "none", "-screen", "none", "-nocite"};
    handle = lammps_open(6, const_cast<char **>(args), MPI_COMM_WORLD, nullptr);
  }
  ~Lammps() { lammps_close(handle); }
  void run(const std::string &commands)
  {
    lammps_commands_string(handle, commands.c_str());
    char text[1000] = "";
    if (lammps_has_error(handle)) lammps_get_last_error_message(handle, text, sizeof(text));
    ASSERT_STREQ(text, "");
  }

  void *handle;
};

/// 64 molecules at 300 K, after 500 steps with a thermostat.
std::string start(const std::string &style, int seed)
{
  return "units real\natom_style molecular\nread_data " + std::string(BACKMAP_EXAMPLES) +
      "/alanine-dipeptide/ala2.coarse.minus.data\nreplicate 4 4 4\npair_style " + style +
      "\npair_coeff * * " + MODEL + " C N CA CB C N\nvelocity all create 300 " +
      std::to_string(seed) + " loop geom\ntimestep 0.75\nthermo_modify flush no\n" +
      "fix 1 all nve\nfix 2 all langevin 300 300 100 " + std::to_string(seed + 1) +
      "\nrun 500\nunfix 2\nrun 0\n";
}

CgnetSpec shipped()
{
  std::ifstream file(MODEL, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return CgnetSpec::from_model(ModelFile::parse(bytes.str(), MODEL));
}

/// Beads of 64 molecules of a run, in order of their IDs, as they are: none is cut by the box here.
std::vector<double> frames()
{
  Lammps lmp;
  lmp.run(start("cgnet", 4711));
  const int nlocal = lammps_extract_setting(lmp.handle, "nlocal");
  const auto *id = (const LAMMPS_NS::tagint *) lammps_extract_atom(lmp.handle, "id");
  const auto *const *x = (const double *const *) lammps_extract_atom(lmp.handle, "x");
  std::vector<std::pair<LAMMPS_NS::tagint, int>> order;
  for (int i = 0; i < nlocal; i++) order.emplace_back(id[i], i);
  std::sort(order.begin(), order.end());
  std::vector<double> z;
  for (const auto &one : order) z.insert(z.end(), x[one.second], x[one.second] + 3);
  return z;
}

struct Mean {
  double value, error;
};

Mean mean_of(const std::vector<double> &x)
{
  double sum = 0.0, square = 0.0;
  for (const double v : x) sum += v;
  const double mean = sum / x.size();
  for (const double v : x) square += (v - mean) * (v - mean);
  return {mean, std::sqrt(square / (x.size() * (x.size() - 1.0)))};
}

/// Drift of the energy of a molecule, kT/ps, in runs of 3 ps that start alike for any style.
std::vector<double> drifts(const std::string &style, const std::string &more = "")
{
  const double kT = boltzmann_constant("real") * 300.0;
  std::vector<double> slopes, deviations;
  for (int seed = 1; seed <= 5; seed++) {
    Lammps lmp;
    lmp.run(start(style, 1000 * seed) + more);
    std::vector<double> t, e;
    for (int k = 0; k <= 200; k++) {
      t.push_back(0.015 * k);
      e.push_back(lammps_get_thermo(lmp.handle, "etotal") / NMOL / kT);
      lmp.run("run 20 pre no post no");
    }
    const double tm = mean_of(t).value, em = mean_of(e).value;
    double te = 0.0, tt = 0.0, ee = 0.0;
    for (std::size_t k = 0; k < t.size(); k++) {
      te += (t[k] - tm) * (e[k] - em);
      tt += (t[k] - tm) * (t[k] - tm);
      ee += (e[k] - em) * (e[k] - em);
    }
    slopes.push_back(te / tt);
    deviations.push_back(std::sqrt(ee / t.size()));
  }
  const Mean slope = mean_of(slopes), noise = mean_of(deviations);
  printf("%s%s: drift %.2e +- %.1e kT/ps a molecule, fluctuation %.2e +- %.0e kT\n", style.c_str(),
         more.empty() ? "" : ", with friction", slope.value, slope.error, noise.value, noise.error);
  return slopes;
}

Mean difference(std::vector<double> a, const std::vector<double> &b)
{
  for (std::size_t i = 0; i < a.size(); i++) a[i] -= b[i];
  const Mean m = mean_of(a);
  printf("difference of the drifts %.1e +- %.0e kT/ps\n", m.value, m.error);
  return m;
}

}    // namespace

TEST(Precision, EnergiesAndForcesOfARun)
{
  const CgnetSpec spec = shipped();
  const auto z = frames();
  ASSERT_EQ(z.size(), 18u * NMOL);
  std::vector<double> e(NMOL), f(z.size()), e1(NMOL), f1(z.size());
  Cgnet(spec).evaluate(NMOL, z.data(), e.data(), f.data());
  Cgnet(spec, Cgnet::Precision::Single).evaluate(NMOL, z.data(), e1.data(), f1.data());
  double energy = 0.0, force = 0.0, largest = 0.0;
  for (int m = 0; m < NMOL; m++) energy = std::max(energy, std::fabs(e[m] - e1[m]));
  for (std::size_t i = 0; i < f.size(); i++) {
    force = std::max(force, std::fabs(f[i] - f1[i]));
    largest = std::max(largest, std::fabs(f[i]));
  }
  printf("largest differences: energy %.1e kcal/mol, force %.1e of %.0f kcal/mol/A\n", energy,
         force, largest);
  EXPECT_LT(energy, 2e-6);
  EXPECT_LT(force, 1e-6 * largest);
  EXPECT_GT(energy, 0.0) << "the two are the same";
}

// the slope of the energy in double, which has the digits for it
TEST(Precision, ForcesAgainstDifferencesInDouble)
{
  for (const bool windows : {false, true}) {
    const CgnetSpec spec = windows ? windows_support::dipeptide() : make_cgnet();
    const Cgnet exact(spec), net(spec, Cgnet::Precision::Single);
    for (int m = 0; m < 10; m++) {
      const auto z0 = configurations(1, 60 + m, 0.15);
      std::vector<double> z = z0, f(18), unused(18);
      double e, largest = 0.0;
      net.evaluate(1, z.data(), &e, f.data());
      for (const double x : f) largest = std::max(largest, std::fabs(x));
      const double h = 1e-5, step[4] = {-2 * h, -h, h, 2 * h};
      for (std::size_t i = 0; i < z.size(); i++) {
        double v[4];
        for (int k = 0; k < 4; k++) {
          z[i] = z0[i] + step[k];
          exact.evaluate(1, z.data(), &v[k], unused.data());
        }
        z[i] = z0[i];
        EXPECT_NEAR(f[i], -(v[0] - 8 * v[1] + 8 * v[2] - v[3]) / (12 * h), 3e-6 * largest);
      }
    }
  }
}

TEST(Precision, BitwiseIndependentOfBatch)
{
  for (const bool windows : {false, true}) {
    const Cgnet net(windows ? windows_support::dipeptide() : make_cgnet({128, 40, 128}),
                    Cgnet::Precision::Single);
    const int n = 131;
    const auto z = configurations(n, 7, 0.2);
    std::vector<double> e(n), f(18 * n), e1(n), f1(18 * n);
    net.evaluate(n, z.data(), e.data(), f.data());
    for (const int size : {1, 2, 3, 4, 5, 6, 7, 8, 9, 24, 25, 64}) {
      for (int first = 0; first < n; first += size)
        net.evaluate(std::min(size, n - first), &z[18 * first], &e1[first], &f1[18 * first]);
      EXPECT_EQ(std::memcmp(e.data(), e1.data(), n * sizeof(double)), 0) << "batches of " << size;
      EXPECT_EQ(std::memcmp(f.data(), f1.data(), 18 * n * sizeof(double)), 0)
          << "batches of " << size;
    }
  }
}

TEST(Precision, SingleIsTheDefaultOfThePairStyle)
{
  const auto energy = [](const std::string &style) {
    Lammps lmp;
    lmp.run("units real\natom_style molecular\nread_data " + std::string(BACKMAP_EXAMPLES) +
            "/alanine-dipeptide/ala2.coarse.minus.data\npair_style " + style + "\npair_coeff * * " +
            MODEL + " C N CA CB C N\nrun 0\n");
    return lammps_get_thermo(lmp.handle, "pe");
  };
  const double single = energy("cgnet precision single"), both = energy("cgnet precision double");
  EXPECT_EQ(energy("cgnet"), single);
  EXPECT_NE(single, both);
  EXPECT_NEAR(single, both, 2e-5);
}

TEST(Precision, SingleConservesEnergyAsWellAsDouble)
{
  const double bound =
      5e-6;    // kT/ps: 0.5 % of kT in a nanosecond, of a molecule of 18 coordinates
  const auto reference = drifts("cgnet precision double");
  const Mean single = difference(drifts("cgnet precision single"), reference);
  EXPECT_LT(std::fabs(single.value), bound + 3.0 * single.error);
  EXPECT_LT(single.error, bound) << "too noisy to see anything";

  // control: a friction that takes 1.3e-5 kT/ps from a molecule is seen
  const std::string friction = "fix 3 all viscous 3.5e-5\nrun 0\n";
  const Mean control = difference(drifts("cgnet precision single", friction), reference);
  EXPECT_GT(std::fabs(control.value), bound + 3.0 * control.error);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Features of the beads: definitions, gradients against central differences, edges of angles and
// torsions, JSON form.

#include "molecule/features.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

constexpr double PI = 3.14159265358979323846;

// six beads of a dipeptide: C N CA CB C N
const std::vector<std::array<int, 2>> DIPEPTIDE = {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}};

std::vector<double> random_beads(int n, unsigned seed)
{
  std::mt19937_64 rng(seed);
  std::normal_distribution<double> g(0.0, 1.0);
  std::vector<double> z(3 * n);
  for (int i = 0; i < n; i++)
    for (int k = 0; k < 3; k++) z[3 * i + k] = 1.2 * i * (k == 0) + g(rng);
  return z;
}

// a chain of four beads with given angle at the second and third bead and given torsion
std::vector<double> chain(double theta1, double theta2, double phi)
{
  std::vector<double> z = {
      1.4 * std::cos(theta1), 1.4 * std::sin(theta1), 0.0, 0, 0, 0, 1.5, 0, 0, 0, 0, 0};
  z[9] = 1.5 - 1.3 * std::cos(theta2);
  z[10] = 1.3 * std::sin(theta2) * std::cos(phi);
  z[11] = 1.3 * std::sin(theta2) * std::sin(phi);
  return z;
}

// largest deviation of the analytic gradient of sum_k weight_k f_k from central differences,
// relative to the largest component
double gradient_error(const FeatureSpec &spec, const std::vector<double> &z0, double h = 1e-6)
{
  std::vector<double> z = z0, f(spec.size()), w(spec.size()), g(z.size(), 0.0);
  std::mt19937_64 rng(7);
  std::normal_distribution<double> normal(0.0, 1.0);
  for (double &x : w) x = normal(rng);
  features_gradient(spec, z.data(), w.data(), g.data());
  double scale = 0.0, worst = 0.0;
  for (double x : g) scale = std::max(scale, std::fabs(x));
  auto value = [&]() {
    features(spec, z.data(), f.data());
    double e = 0.0;
    for (int k = 0; k < spec.size(); k++) e += w[k] * f[k];
    return e;
  };
  for (std::size_t i = 0; i < z.size(); i++) {
    z[i] = z0[i] + h;
    const double up = value();
    z[i] = z0[i] - h;
    const double down = value();
    z[i] = z0[i];
    worst = std::max(worst, std::fabs((up - down) / (2 * h) - g[i]));
  }
  return worst / scale;
}

std::string message_of(const std::string &json, int nbeads)
{
  try {
    FeatureSpec::from_json(json, nbeads, "model x");
  } catch (const std::runtime_error &e) {
    return e.what();
  }
  return "";
}

}    // namespace

TEST(Features, OrderAndValues)
{
  FeatureSpec spec;
  spec.nbeads = 4;
  spec.distances = {{0, 3}, {1, 2}};
  spec.angles = {{0, 1, 2}};
  spec.dihedrals = {{0, 1, 2, 3}};
  spec.harmonics = 2;
  ASSERT_EQ(spec.size(), 7);
  const double t1 = 1.1, t2 = 2.0, phi = -2.3;
  const auto z = chain(t1, t2, phi);
  double f[7];
  features(spec, z.data(), f);
  EXPECT_NEAR(f[1], 1.5, 1e-14);
  EXPECT_NEAR(f[2], t1, 1e-14);
  EXPECT_NEAR(bead_angle(&z[3], &z[6], &z[9]), t2, 1e-14);
  EXPECT_NEAR(std::fabs(bead_dihedral(&z[0], &z[3], &z[6], &z[9])), std::fabs(phi), 1e-14);
  const double p = bead_dihedral(&z[0], &z[3], &z[6], &z[9]);
  EXPECT_NEAR(f[3], std::cos(p), 1e-14);
  EXPECT_NEAR(f[4], std::sin(p), 1e-14);
  EXPECT_NEAR(f[5], std::cos(2 * p), 1e-14);
  EXPECT_NEAR(f[6], std::sin(2 * p), 1e-14);
}

// IUPAC: looking along the middle bond, the far bead turned clockwise from the near one is positive
TEST(Features, DihedralSign)
{
  const double a[3] = {0, 1, 0}, b[3] = {0, 0, 0}, c[3] = {0, 0, 1};
  const double d[3] = {-std::sin(0.5), std::cos(0.5), 1};
  EXPECT_NEAR(bead_dihedral(a, b, c, d), 0.5, 1e-14);
}

TEST(Features, GradientRandom)
{
  const FeatureSpec spec = derive_features(6, DIPEPTIDE, 3);
  for (unsigned seed = 1; seed <= 20; seed++)
    EXPECT_LT(gradient_error(spec, random_beads(6, seed)), 1e-6) << "seed " << seed;
}

// torsions of 0 and pi, angles near 0 and pi: the analytic form has no pole that differences would
// not show as well
TEST(Features, GradientAtEdges)
{
  FeatureSpec torsion;
  torsion.nbeads = 4;
  torsion.dihedrals = {{0, 1, 2, 3}};
  torsion.harmonics = 2;
  for (double phi : {0.0, 1e-7, PI, PI - 1e-7, -PI + 1e-7})
    EXPECT_LT(gradient_error(torsion, chain(1.9, 2.0, phi)), 1e-6) << "phi " << phi;

  FeatureSpec angle;
  angle.nbeads = 4;
  angle.angles = {{0, 1, 2}};
  for (double theta : {0.01, 0.1, PI - 0.1, PI - 0.01})
    EXPECT_LT(gradient_error(angle, chain(theta, 2.0, 1.0), 1e-7), 1e-6) << "theta " << theta;
}

TEST(Features, GradientIsFiniteWhereItDoesNotExist)
{
  const FeatureSpec spec = derive_features(4, {{0, 1}, {1, 2}, {2, 3}});
  for (double theta : {0.0, PI}) {
    auto z = chain(theta, 2.0, 1.0);
    z[1] = 0.0;    // sin(pi) is not exactly zero
    std::vector<double> w(spec.size(), 1.0), g(12, 0.0), f(spec.size());
    features(spec, z.data(), f.data());
    features_gradient(spec, z.data(), w.data(), g.data());
    for (double x : f) EXPECT_TRUE(std::isfinite(x));
    for (double x : g) EXPECT_TRUE(std::isfinite(x));
  }
  std::vector<double> z(12, 0.0), w(spec.size(), 1.0), g(12, 0.0);
  features_gradient(spec, z.data(), w.data(), g.data());
  for (double x : g) EXPECT_EQ(x, 0.0);
}

TEST(Features, NanStaysNan)
{
  const FeatureSpec spec = derive_features(4, {{0, 1}, {1, 2}, {2, 3}});
  auto z = chain(1.9, 2.0, 1.0);
  z[0] = std::nan("");
  std::vector<double> f(spec.size());
  features(spec, z.data(), f.data());
  EXPECT_TRUE(std::isnan(f[0]));
  EXPECT_TRUE(std::isnan(f.back()));
}

TEST(Features, InvariantUnderRotationNotReflection)
{
  const FeatureSpec spec = derive_features(6, DIPEPTIDE);
  const auto z = random_beads(6, 3);
  auto moved = z, mirrored = z;
  const double c = std::cos(0.7), s = std::sin(0.7);
  for (int i = 0; i < 6; i++) {
    moved[3 * i] = c * z[3 * i] - s * z[3 * i + 1] + 5.0;
    moved[3 * i + 1] = s * z[3 * i] + c * z[3 * i + 1] - 2.0;
    mirrored[3 * i + 2] = -z[3 * i + 2];
  }
  std::vector<double> f(spec.size()), g(spec.size()), h(spec.size());
  features(spec, z.data(), f.data());
  features(spec, moved.data(), g.data());
  features(spec, mirrored.data(), h.data());
  double change = 0.0;
  for (int k = 0; k < spec.size(); k++) {
    EXPECT_NEAR(f[k], g[k], 1e-12);
    change = std::max(change, std::fabs(f[k] - h[k]));
  }
  EXPECT_GT(change, 0.1);
}

TEST(Features, Derived)
{
  const FeatureSpec spec = derive_features(6, DIPEPTIDE);
  EXPECT_EQ(spec.distances.size(), 15u);
  const std::vector<std::array<int, 3>> angles = {
      {0, 1, 2}, {1, 2, 3}, {1, 2, 4}, {2, 4, 5}, {3, 2, 4}};
  EXPECT_EQ(spec.angles, angles);
  const std::vector<std::array<int, 4>> dihedrals = {
      {0, 1, 2, 3}, {0, 1, 2, 4}, {1, 2, 4, 5}, {3, 2, 4, 5}};
  EXPECT_EQ(spec.dihedrals, dihedrals);
  EXPECT_EQ(spec.size(), 15 + 5 + 16);

  // a long chain keeps the pairs within four bonds only
  std::vector<std::array<int, 2>> bonds;
  for (int i = 0; i + 1 < 30; i++) bonds.push_back({i, i + 1});
  EXPECT_EQ(derive_features(30, bonds).distances.size(), 29u + 28u + 27u + 26u);

  // a star has no torsion along bonds, but must still tell its mirror image
  EXPECT_EQ(derive_features(4, {{0, 1}, {0, 2}, {0, 3}}).dihedrals.size(), 1u);
  // a ring of three has no torsion that would use a bead twice
  EXPECT_EQ(derive_features(3, {{0, 1}, {1, 2}, {0, 2}}).dihedrals.size(), 0u);
}

TEST(Features, JsonRoundTripAndErrors)
{
  const FeatureSpec spec = derive_features(6, DIPEPTIDE, 3);
  const FeatureSpec back = FeatureSpec::from_json(spec.to_json(), 6, "x");
  EXPECT_EQ(back.distances, spec.distances);
  EXPECT_EQ(back.angles, spec.angles);
  EXPECT_EQ(back.dihedrals, spec.dihedrals);
  EXPECT_EQ(back.harmonics, 3);

  auto has = [](const std::string &text, const std::string &part) {
    return text.find(part) != std::string::npos;
  };
  const std::string rest = R"(,"angles":[],"dihedrals":[],"harmonics":2})";
  EXPECT_TRUE(has(message_of("[", 6), "must be a JSON object"));
  EXPECT_TRUE(
      has(message_of(R"({"angles":[],"dihedrals":[],"harmonics":2})", 6), "distances is missing"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[0,6]])" + rest, 6), "expected 0 to 5, got 6"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[0,-1]])" + rest, 6), "got -1"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[0,4294967297]])" + rest, 6), "got -1"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[2,2]])" + rest, 6), "bead 2 is repeated"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[0,1,2]])" + rest, 6), "2 whole numbers"));
  EXPECT_TRUE(has(message_of(R"({"distances":[[0,1.5]])" + rest, 6), "2 whole numbers"));
  EXPECT_TRUE(
      has(message_of(R"({"distances":[],"torsions":[])" + rest, 6), "unknown key torsions"));
  EXPECT_TRUE(has(message_of(R"({"distances":[],"angles":[],"dihedrals":[],"harmonics":0})", 6),
                  "harmonics"));
}

TEST(Features, Wrap)
{
  EXPECT_DOUBLE_EQ(wrap_angle(PI), -PI);
  EXPECT_DOUBLE_EQ(wrap_angle(-PI), -PI);
  EXPECT_NEAR(wrap_angle(7.0), 7.0 - 2 * PI, 1e-15);
  EXPECT_NEAR(wrap_angle(-100.0), -100.0 + 32 * PI, 1e-13);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The native CG network: forces against differences, independence of the batch, model file round
// trip and bad models.

#include "cgnet/cgnet.h"
#include "cgnet_support.h"
#include "error_of.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <cstring>
#include <functional>

using namespace BACKMAP_NS;
using namespace cgnet_support;

namespace {

double worst_force_error(const Cgnet &net, const std::vector<double> &z0)
{
  std::vector<double> z = z0, f(z.size()), g(z.size());
  double e, largest = 0.0, worst = 0.0;
  net.evaluate(1, z.data(), &e, f.data());
  for (double x : f) largest = std::max(largest, std::fabs(x));
  const double h = 1e-5;
  for (std::size_t i = 0; i < z.size(); i++) {
    // fourth order: the second-order error of a stiff bond is as large as the tolerance
    double v[4];
    const double step[4] = {-2 * h, -h, h, 2 * h};
    for (int k = 0; k < 4; k++) {
      z[i] = z0[i] + step[k];
      net.evaluate(1, z.data(), &v[k], g.data());
    }
    z[i] = z0[i];
    const double slope = (v[0] - 8 * v[1] + 8 * v[2] - v[3]) / (12 * h);
    worst = std::max(worst, std::fabs(slope + f[i]));
  }
  return worst / largest;
}

// U(z) written down as directly as possible, from the spec alone
double plain_energy(const CgnetSpec &s, const double *z)
{
  std::vector<double> x(s.features.size());
  features(s.features, z, x.data());
  for (std::size_t i = 0; i < x.size(); i++) x[i] = (x[i] - s.feature_mean[i]) / s.feature_std[i];
  for (std::size_t k = 0; k < s.layers.size(); k++) {
    std::vector<double> y = s.layers[k].bias;
    for (int o = 0; o < s.layers[k].out; o++) {
      for (int i = 0; i < s.layers[k].in; i++)
        y[o] += s.layers[k].weight[o * s.layers[k].in + i] * x[i];
      if (k + 1 < s.layers.size()) y[o] = std::tanh(y[o]);
    }
    x = y;
  }
  double u = x[0];
  const double kT = 0.0019872067 * s.temperature;
  std::vector<double> d;
  auto p = [z](int b) { return z + 3 * b; };
  for (auto b : s.prior.bonds) d.push_back(bead_distance(p(b[0]), p(b[1])));
  for (double r : d) u += 2 * kT * std::log(r);
  for (auto a : s.prior.angles) d.push_back(bead_angle(p(a[0]), p(a[1]), p(a[2])));
  for (auto t : s.prior.dihedrals) d.push_back(bead_dihedral(p(t[0]), p(t[1]), p(t[2]), p(t[3])));
  const int n = s.prior.size();
  for (int i = 0; i < n; i++) {
    d[i] -= s.prior.mean[i];
    if (i >= n - (int) s.prior.dihedrals.size()) d[i] = wrap_angle(d[i]);
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < n; j++) u += 0.5 * d[i] * s.prior.precision[i * n + j] * d[j];
  for (std::size_t q = 0; q < s.prior.sigma.size(); q++) {
    auto b = s.prior.repulsion[q];
    u += kT * std::pow(s.prior.sigma[q] / bead_distance(p(b[0]), p(b[1])), 12);
  }
  return u;
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "no error");
}

}    // namespace

TEST(Cgnet, EnergyAgainstPlainFormula)
{
  for (const auto &hidden : std::vector<std::vector<int>>{{24, 20}, {128, 128, 128}, {7}, {}}) {
    const CgnetSpec spec = make_cgnet(hidden);
    const Cgnet net(spec);
    const int n = 37;
    const auto z = configurations(n, 5, 0.15);
    std::vector<double> e(n), f(18 * n);
    net.evaluate(n, z.data(), e.data(), f.data());
    for (int m = 0; m < n; m++) {
      const double expected = plain_energy(spec, &z[18 * m]);
      EXPECT_NEAR(e[m], expected, 1e-12 * (1 + std::fabs(expected)));
    }
  }
}

TEST(Cgnet, ForcesAgainstCentralDifferences)
{
  for (const auto &hidden : std::vector<std::vector<int>>{{24, 20}, {128, 128, 128}, {}}) {
    const Cgnet net(make_cgnet(hidden));
    const auto z = configurations(10, 6, 0.15);
    for (int m = 0; m < 10; m++)
      EXPECT_LT(worst_force_error(net, {z.begin() + 18 * m, z.begin() + 18 * m + 18}), 1e-6);
  }
}

// no net force and no torque: what makes the virial independent of the reference point
TEST(Cgnet, NetForceAndTorqueVanish)
{
  const Cgnet net(make_cgnet());
  const auto z = configurations(1, 8);
  double e, f[18], sum[3] = {0, 0, 0}, torque[3] = {0, 0, 0};
  net.evaluate(1, z.data(), &e, f);
  for (int b = 0; b < 6; b++)
    for (int k = 0; k < 3; k++) {
      const int l = (k + 1) % 3, m = (k + 2) % 3;
      sum[k] += f[3 * b + k];
      torque[k] += z[3 * b + l] * f[3 * b + m] - z[3 * b + m] * f[3 * b + l];
    }
  for (int k = 0; k < 3; k++) {
    EXPECT_NEAR(sum[k], 0.0, 1e-11);
    EXPECT_NEAR(torque[k], 0.0, 1e-10);
  }
}

TEST(Cgnet, BitwiseIndependentOfBatch)
{
  for (const auto &hidden : std::vector<std::vector<int>>{{24, 20}, {128, 128, 128}}) {
    const Cgnet net(make_cgnet(hidden));
    const int n = 131;
    const auto z = configurations(n, 7, 0.2);
    std::vector<double> e(n), f(18 * n), e1(n), f1(18 * n);
    net.evaluate(n, z.data(), e.data(), f.data());
    for (int size : {1, 2, 3, 5, 64}) {
      for (int first = 0; first < n; first += size)
        net.evaluate(std::min(size, n - first), &z[18 * first], &e1[first], &f1[18 * first]);
      EXPECT_EQ(std::memcmp(e.data(), e1.data(), n * sizeof(double)), 0) << "batches of " << size;
      EXPECT_EQ(std::memcmp(f.data(), f1.data(), 18 * n * sizeof(double)), 0)
          << "batches of " << size;
    }
  }
}

TEST(Cgnet, SaturatedAndNotFinite)
{
  CgnetSpec spec = make_cgnet();
  for (double &b : spec.layers[0].bias) b *= 1e6;    // tanh far outside its range
  const Cgnet net(spec);
  auto z = configurations(2, 9);
  std::vector<double> e(2), f(36);
  net.evaluate(2, z.data(), e.data(), f.data());
  for (double x : f) EXPECT_TRUE(std::isfinite(x));
  EXPECT_NEAR(e[0], plain_energy(spec, z.data()), 1e-10);

  z[4] = std::nan("");
  net.evaluate(2, z.data(), e.data(), f.data());
  EXPECT_TRUE(std::isnan(e[0]));
  EXPECT_TRUE(std::isfinite(e[1]));    // the other molecule of the batch does not notice

  z = configurations(1, 9);
  for (int k = 0; k < 3; k++) z[3 + k] = z[k];    // two beads in one place
  net.evaluate(1, z.data(), e.data(), f.data());
  EXPECT_FALSE(std::isfinite(e[0]));
}

TEST(Cgnet, ModelFileRoundTrip)
{
  const CgnetSpec spec = make_cgnet();
  const auto z = configurations(3, 3);
  std::vector<double> e(3), f(54), e2(3), f2(54);
  Cgnet(spec).evaluate(3, z.data(), e.data(), f.data());
  for (auto type : {ModelFile::DType::F32, ModelFile::DType::F64}) {
    const std::string bytes = spec.to_model(type).serialize();
    const CgnetSpec back = CgnetSpec::from_model(ModelFile::parse(bytes, "m.safetensors"));
    Cgnet(back).evaluate(3, z.data(), e2.data(), f2.data());
    EXPECT_EQ(e, e2);
    EXPECT_EQ(f, f2);
    EXPECT_EQ(back.training, spec.training);
    EXPECT_EQ(back.to_model(type).serialize(), bytes);
  }
}

TEST(Cgnet, BadModels)
{
  const ModelFile good = make_cgnet().to_model();
  const auto read = [](const ModelFile &m) {
    return error_of(
        [&]() { CgnetSpec::from_model(ModelFile::parse(m.serialize(), "m.safetensors")); });
  };
  EXPECT_EQ(read(good), "no error");
  const auto expect = [&](const ModelFile &m, const std::string &part) {
    const std::string text = read(m);
    EXPECT_NE(text.find(part), std::string::npos) << text;
    EXPECT_EQ(text.find("model file m.safetensors"), 0u) << text;
  };
  const auto with_spec = [&](const std::function<void(nlohmann::json &)> &edit) {
    ModelFile m = good;
    auto j = nlohmann::json::parse(m.meta("spec"));
    edit(j);
    m.set_meta("spec", j.dump());
    return m;
  };

  ModelFile m = good;
  m.set_meta("format", "backmap.flow");
  expect(m, "format, expected backmap.cgnet, got backmap.flow");
  m = good;
  m.set_meta("format_version", "2");
  expect(m, "format_version: expected \"1\", got \"2\"");
  m = good;
  m.set_meta("spec", "{");
  expect(m, "not valid JSON");
  m = good;
  m.add("net.9.weight", {1}, {0.0});
  expect(m, "net.9.weight");
  m = good;
  m.add("features.mean", {2}, {0.0, 0.0});
  expect(m, "features.mean");
  m = good;
  m.add("features.std", {36}, std::vector<double>(36, 0.0));
  expect(m, "features.std: expected positive values");
  m = good;
  m.add("net.0.weight", {24, 35}, std::vector<double>(24 * 35, 0.0));
  expect(m, "net.0.weight");
  m = good;
  auto crooked = make_cgnet().prior.precision;
  crooked[1] += 1.0;
  m.add("prior.precision", {11, 11}, crooked);
  expect(m, "symmetric");

  expect(with_spec([](auto &j) { j["network"]["activation"] = "relu"; }), "activation");
  expect(with_spec([](auto &j) { j["network"]["hidden"] = {24, 0}; }), "hidden");
  expect(with_spec([](auto &j) { j["network"]["hidden"] = {24, 20, 20}; }), "net.2.weight");
  expect(with_spec([](auto &j) { j["network"]["dropout"] = 1; }), "dropout");
  expect(with_spec([](auto &j) { j.erase("prior"); }), "prior");
  expect(with_spec([](auto &j) { j["prior"]["bonds"][0] = {0, 6}; }), "bonds");
  expect(with_spec([](auto &j) { j["prior"]["bonds"][0] = {2, 2}; }), "bead 2 is repeated");
  expect(with_spec([](auto &j) { j["features"]["angles"][0] = {0, 1}; }), "angles");
  expect(with_spec([](auto &j) { j["units"] = "imperial"; }),
         "expected a LAMMPS unit style, got \"imperial\"");
  expect(with_spec([](auto &j) { j["beads"].erase(5); }), "bead");
  expect(with_spec([](auto &j) { j["extra"] = 1; }), "extra");
}

TEST(Cgnet, TruncatedAndDamagedFile)
{
  const std::string bytes = make_cgnet().to_model().serialize();
  const auto read = [](const std::string &b) {
    return error_of([&]() { CgnetSpec::from_model(ModelFile::parse(b, "m.safetensors")); });
  };
  ASSERT_EQ(read(bytes), "no error");
  for (std::size_t n :
       {std::size_t(0), std::size_t(4), std::size_t(100), bytes.size() / 2, bytes.size() - 1})
    EXPECT_NE(read(bytes.substr(0, n)), "no error") << n;
  for (std::size_t at = 0; at < bytes.size(); at += bytes.size() / 57) {
    std::string bad = bytes;
    bad[at] = (char) (bad[at] ^ 0x10);
    EXPECT_NE(read(bad), "no error") << at;
  }
}

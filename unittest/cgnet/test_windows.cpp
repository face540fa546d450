/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// CG models composed of windows: the sum against its parts, forces, symmetries, cost, files, and
// models of other molecules out of their kinds.

#include "error_of.h"
#include "training/cgnet_data.h"
#include "windows_support.h"

#include <nlohmann/json.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <functional>

using namespace BACKMAP_NS;
using namespace windows_support;

namespace {

// carbon chain with an oxygen at every third place
std::string letters(int n)
{
  std::string s;
  for (int i = 0; i < n; i++) s += i % 3 == 1 ? 'O' : 'C';
  return s;
}

double energy(const Cgnet &net, const std::vector<double> &z)
{
  double e;
  std::vector<double> f(z.size());
  net.evaluate(1, z.data(), &e, f.data());
  return e;
}

double worst_force_error(const Cgnet &net, std::vector<double> z)
{
  std::vector<double> f(z.size());
  double e, largest = 0.0, worst = 0.0;
  net.evaluate(1, z.data(), &e, f.data());
  for (const double x : f) largest = std::max(largest, std::fabs(x));
  const double h = 1e-5;
  for (std::size_t i = 0; i < z.size(); i++) {
    const double at = z[i];
    double v[4];
    const double step[4] = {-2 * h, -h, h, 2 * h};
    for (int k = 0; k < 4; k++) {
      z[i] = at + step[k];
      v[k] = energy(net, z);
    }
    z[i] = at;
    worst = std::max(worst, std::fabs((v[0] - 8 * v[1] + 8 * v[2] - v[3]) / (12 * h) + f[i]));
  }
  return worst / largest;
}

// loosely wound: a random one of this length would overlap
std::vector<double> coil(const Chain &c, int n)
{
  Numbers random(4);
  std::vector<double> torsions;
  for (int i = 3; i < n; i++)
    torsions.push_back((150.0 + 60.0 * random.uniform()) * BACKMAP_PI / 180);
  return c.place(torsions, random, 1.0);
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "no error");
}

}    // namespace

TEST(Windows, sum_of_the_kinds)
{
  const Chain c(letters(11));
  CgnetSpec spec = compose(c);
  const auto z = c.configurations(20, 3);
  std::vector<double> e(20), f(z.size());
  Cgnet(spec).evaluate(20, z.data(), e.data(), f.data());
  for (int m = 0; m < 20; m++) {
    const double *zm = &z[33 * m];
    double sum = 0.0;
    for (const auto &w : spec.windows)
      for (const auto &order : w.orders) {
        std::vector<double> local;
        for (const int b : order) local.insert(local.end(), zm + 3 * b, zm + 3 * b + 3);
        sum += energy(Cgnet(spec.kinds[w.kind]), local) / w.orders.size();
      }
    // the repulsion, pair by pair
    const double kT = boltzmann_constant("real") * 300.0;
    for (int a = 0; a < 11; a++)
      for (int b = 0; b + CgnetSpec::FAR <= a; b++)
        for (const auto &pair : spec.far) {
          const std::string na = spec.bead_formula(a), nb = spec.bead_formula(b);
          if (pair.beads[0] != std::min(na, nb) || pair.beads[1] != std::max(na, nb)) continue;
          const double r = bead_distance(zm + 3 * a, zm + 3 * b) / pair.sigma;
          if (r < 2.0) sum += kT * (std::pow(r, -12) + (6 * r - 13) * std::pow(2.0, -12));
        }
    EXPECT_NEAR(e[m], sum, 1e-10 * (1 + std::fabs(sum)));
  }
}

TEST(Windows, forces_against_differences)
{
  for (const int reach : {2, 3, 4}) {
    const Chain c(letters(10));
    const Cgnet net(compose(c, {16, 12}, reach));
    const auto z = c.configurations(4, 8);
    for (int m = 0; m < 4; m++)
      EXPECT_LT(worst_force_error(net, {z.begin() + 30 * m, z.begin() + 30 * (m + 1)}), 1e-6);
  }
}

// the prior of all windows is one prior: bonds, angles and the Jacobian count once, in chains
// the diagonal of the precision too
TEST(Windows, shares_of_the_prior_add_up)
{
  const Chain c("CCCCCCCC");
  const auto z = c.configurations(400, 5);
  const CgnetSpec spec = prior_only(compose_cgnet(c.t, c.m, c.windows(), "real", 300.0, {4}, z));
  std::vector<double> bond(8, 0.0), pair2(8, 0.0), pair3(8, 0.0);
  for (const auto &w : spec.windows)
    for (const auto &order : w.orders) {
      const auto &p = spec.kinds[w.kind].prior;
      for (std::size_t k = 0; k < p.bonds.size(); k++)
        bond[std::min(order[p.bonds[k][0]], order[p.bonds[k][1]])] +=
            p.jacobian[k] / w.orders.size();
      for (std::size_t k = 0; k < p.repulsion.size(); k++) {
        const int a = order[p.repulsion[k][0]], b = order[p.repulsion[k][1]];
        (std::abs(a - b) == 2 ? pair2 : pair3)[std::min(a, b)] += 1.0 / w.orders.size();
        EXPECT_LE(std::abs(a - b), 3);
      }
    }
  for (int i = 0; i < 7; i++) EXPECT_NEAR(bond[i], 2.0, 1e-12) << i;
  for (int i = 0; i < 6; i++) EXPECT_NEAR(pair2[i], 1.0, 1e-12) << i;
  for (int i = 0; i < 5; i++)
    EXPECT_NEAR(pair3[i], 2.0, 1e-12) << i;    // each with half its energy
}

// a helix: every window in the middle has one energy, so each further unit adds the same
TEST(Windows, energy_grows_with_the_length)
{
  const Chain first(letters(24));
  CgnetSpec spec = compose(first);
  std::vector<double> e;
  for (int n = 24; n <= 48; n += 3) {
    const Chain c(letters(n));
    Numbers random(1);
    std::vector<double> torsions;
    for (int i = 3; i < n; i++) torsions.push_back((i % 3 ? 150.0 : 80.0) * BACKMAP_PI / 180.0);
    e.push_back(
        energy(Cgnet(assemble_cgnet(c.t, c.m, c.straight(), {spec})), c.place(torsions, random)));
  }
  const double unit = e[1] - e[0];
  EXPECT_GT(std::fabs(unit), 1e-3);
  for (std::size_t k = 1; k + 1 < e.size(); k++) EXPECT_NEAR(e[k + 1] - e[k], unit, 1e-8);
}

TEST(Windows, order_of_beads_does_not_matter)
{
  const std::string text = "CCOCCNCCOCC";
  const Chain c(text);
  const CgnetSpec spec = compose(c);
  const auto x = c.configurations(5, 12);
  Numbers random(3);
  for (int trial = 0; trial < 4; trial++) {
    std::vector<int> order(text.size());
    std::iota(order.begin(), order.end(), 0);
    for (std::size_t i = order.size(); i-- > 1;)
      std::swap(order[i], order[(int) (random.uniform() * (i + 1))]);
    const Chain other(text, order);
    const Cgnet a(spec), b(assemble_cgnet(other.t, other.m, other.straight(), {spec}));
    const auto z = c.beads(x), y = other.beads(x);
    std::vector<double> ea(5), eb(5), fa(z.size()), fb(z.size());
    a.evaluate(5, z.data(), ea.data(), fa.data());
    b.evaluate(5, y.data(), eb.data(), fb.data());
    for (int m = 0; m < 5; m++) {
      EXPECT_NEAR(ea[m], eb[m], 1e-10);
      for (std::size_t k = 0; k < text.size(); k++)
        for (int d = 0; d < 3; d++)
          EXPECT_NEAR(fb[33 * m + 3 * k + d], fa[33 * m + 3 * order[k] + d], 1e-9);
    }
  }
  // read backwards it is the same molecule
  const Chain back(std::string(text.rbegin(), text.rend()));
  const Cgnet b(assemble_cgnet(back.t, back.m, back.straight(), {spec}));
  std::vector<double> y(33);
  for (int k = 0; k < 11; k++) std::copy_n(&x[3 * (10 - k)], 3, &y[3 * k]);
  EXPECT_NEAR(energy(b, y), energy(Cgnet(spec), {x.begin(), x.begin() + 33}), 1e-10);
}

TEST(Windows, bitwise_independent_of_batch)
{
  const Chain c(letters(9));
  const Cgnet net(compose(c));
  const int n = 131;
  const auto z = c.configurations(n, 2);
  std::vector<double> e(n), f(27 * n), e1(n), f1(27 * n);
  net.evaluate(n, z.data(), e.data(), f.data());
  for (const int size : {1, 3, 64}) {
    for (int first = 0; first < n; first += size)
      net.evaluate(std::min(size, n - first), &z[27 * first], &e1[first], &f1[27 * first]);
    EXPECT_EQ(std::memcmp(e.data(), e1.data(), n * sizeof(double)), 0);
    EXPECT_EQ(std::memcmp(f.data(), f1.data(), 27 * n * sizeof(double)), 0);
  }
}

// the ends of a chain are in no common window, but in each other's way
TEST(Windows, ends_that_meet)
{
  const Chain c(letters(30));
  CgnetSpec spec = compose(c);
  for (auto &pair : spec.far) pair.sigma = 2.5;
  const Cgnet net(spec);
  const auto z = c.straight();
  const double apart = energy(net, z);
  const int a = 0, b = 29;
  const auto at = [&](double r) {
    auto y = z;
    // the first window goes where the end is; nothing in it changes
    for (int k = 0; k < 3; k++) y[3 * a + k] = z[3 * b + k] + (k == 0 ? r : 0.0);
    return y;
  };
  CgnetSpec without = spec;
  for (auto &pair : without.far) pair.sigma = 0.0;
  const double kT = boltzmann_constant("real") * 300.0;
  const double felt = energy(net, at(2.5)) - energy(Cgnet(without), at(2.5));
  EXPECT_GT(felt, 0.9 * kT);
  EXPECT_NEAR(apart, energy(Cgnet(without), z), 1e-4 * kT);    // a straight chain hardly feels it
  // continuous at the cutoff, with its slope
  FarRepulsion pair(1.0, {0, 0}, {1.5}, {}, CgnetSpec::FAR);
  std::vector<double> y = {0, 0, 0, 3.0 - 1e-7, 0, 0}, g(6, 0.0);
  EXPECT_NEAR(pair.evaluate(y.data(), g.data()), 0.0, 1e-12);
  EXPECT_NEAR(g[3], 0.0, 1e-9);
  y[3] = 1.5;
  g.assign(6, 0.0);
  EXPECT_NEAR(pair.evaluate(y.data(), g.data()), 1.0 - 7.0 / 4096.0, 1e-12);
  y[3] = std::nan("");
  EXPECT_TRUE(std::isnan(pair.evaluate(y.data(), nullptr)));
}

// in cells pairs are found as without them, wherever the molecule is
TEST(Windows, cells_miss_no_pair)
{
  Numbers random(8);
  const int n = 200;
  std::vector<double> z;
  for (int i = 0; i < 3 * n; i++) z.push_back(14.0 * random.uniform() - 7.0);
  std::vector<int> sort;
  for (int i = 0; i < n; i++) sort.push_back(i % 2);
  const std::vector<double> sigma = {0.8, 1.1, 1.1, 1.4};
  const FarRepulsion far(1.0, sort, sigma, {}, CgnetSpec::FAR);
  double sum = 0.0;
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++) {
      const double r = bead_distance(&z[3 * i], &z[3 * j]) / sigma[2 * sort[i] + sort[j]];
      if (r < 2.0) sum += std::pow(r, -12) + (6 * r - 13) * std::pow(2.0, -12);
    }
  for (const double shift : {0.0, 1000.3, -77.7}) {
    auto y = z;
    for (double &v : y) v += shift;
    EXPECT_NEAR(far.evaluate(y.data(), nullptr), sum, 1e-8 * sum);
  }
}

TEST(Windows, cost_per_bead_is_constant)
{
  const Chain first(letters(24));
  CgnetSpec spec = compose(first);
  for (auto &pair : spec.far) pair.sigma = 2.5;
  double network = 0.0, pairs = 0.0;
  for (const int n : {120, 480, 1920}) {
    const Chain c(letters(n));
    const Cgnet net(assemble_cgnet(c.t, c.m, c.straight(), {spec}));
    const auto cost = net.cost(coil(c, n).data());
    if (network > 0.0) {
      EXPECT_NEAR(cost.network / (double) n, network, 0.05 * network);
      EXPECT_LT(cost.pairs / (double) n, 1.5 * pairs + 5.0);    // all pairs would be 4 times
    }
    network = cost.network / (double) n;
    pairs = cost.pairs / (double) n;
    EXPECT_GT(pairs, 0.5);
  }
}

TEST(Windows, model_file_round_trip)
{
  const Chain c(letters(11));
  CgnetSpec spec = compose(c);
  for (auto &k : spec.kinds)
    for (auto &l : k.layers)
      for (double &w : l.weight) w = (float) w;
  const auto z = c.configurations(3, 6);
  std::vector<double> e(3), f(99), e2(3), f2(99);
  Cgnet(spec).evaluate(3, z.data(), e.data(), f.data());
  for (const auto type : {ModelFile::DType::F32, ModelFile::DType::F64}) {
    const std::string bytes = spec.to_model(type).serialize();
    const auto back = CgnetSpec::from_model(ModelFile::parse(bytes, "m.safetensors"));
    Cgnet(back).evaluate(3, z.data(), e2.data(), f2.data());
    EXPECT_EQ(e, e2);
    EXPECT_EQ(f, f2);
    EXPECT_EQ(back.to_model(type).serialize(), bytes);
  }
}

TEST(Windows, bad_models)
{
  const Chain c(letters(9));
  const ModelFile good = compose(c).to_model();
  const auto expect = [&](const std::function<void(nlohmann::json &)> &edit,
                          const std::string &part) {
    ModelFile m = good;
    auto j = nlohmann::json::parse(m.meta("spec"));
    edit(j);
    m.set_meta("spec", j.dump());
    const std::string text = error_of(
        [&]() { CgnetSpec::from_model(ModelFile::parse(m.serialize(), "m.safetensors")); });
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
    EXPECT_EQ(text.find("model file m.safetensors"), 0u) << text;
  };
  expect([](auto &j) { j["windows"] = nlohmann::json::array(); }, "windows");
  expect([](auto &j) { j["windows"][0]["kind"] = 99; }, "kind");
  expect([](auto &j) { j["windows"][0]["orders"] = nlohmann::json::array(); },
         "at least one order");
  expect([](auto &j) { j["windows"][0]["orders"][0].erase(0); }, "beads as its kind has");
  expect([](auto &j) { j["windows"][0]["orders"][0][0] = 9; }, "orders");
  expect([](auto &j) { j["windows"][0]["orders"][0][0] = j["windows"][0]["orders"][0][1]; },
         "different beads");
  expect([](auto &j) { j["windows"][0]["weight"] = 1; }, "weight");
  expect([](auto &j) { j["prior"] = 1; }, "prior");
  expect([](auto &j) { j["reach"] = 0; }, "reach");
  expect([](auto &j) { j.erase("bead_bonds"); }, "bead_bonds");
  expect([](auto &j) { j["bead_bonds"][0] = {0, 9}; }, "bead_bonds");
  expect([](auto &j) { j["repulsion"].erase(0); }, "repulsion.sigma");
  expect([](auto &j) { j["repulsion"][0] = {"C", "Xx"}; }, "no repulsion of beads C and C");
  expect([](auto &j) { j["repulsion"][0] = "C"; }, "pairs of names");
  expect([](auto &j) { j["kinds"][0].erase("prior"); }, "kind 0");
  expect([](auto &j) { j["kinds"][0].erase("signature"); }, "kind 0: expected a signature");
  expect([](auto &j) { j["kinds"][0]["temperature"] = 310.0; },
         "kind 0: units and temperature, expected those of the model");
  expect([](auto &j) { j["kinds"][0]["windows"] = 1; }, "models of one piece");
  expect([](auto &j) { j["kinds"].erase(j["kinds"].size() - 1); }, "kind");
  // a tensor of a kind that is not there, and one too many
  ModelFile m = good;
  m.add("kind.9.net.0.bias", {1}, {0.0});
  EXPECT_NE(error_of([&] {
              CgnetSpec::from_model(ModelFile::parse(m.serialize(), "m"));
            }).find("kind.9.net.0.bias"),
            std::string::npos);
}

TEST(Windows, assembly_names_what_is_missing)
{
  const Chain known(letters(24)), other("CCCCNCCCC");
  const CgnetSpec spec = compose(known);
  const auto error = [&](const Chain &c, const std::vector<CgnetSpec> &models) {
    return error_of([&] { assemble_cgnet(c.t, c.m, c.straight(), models); });
  };
  EXPECT_EQ(error(known, {spec}), "no error");
  const std::string text = error(other, {spec});
  EXPECT_NE(text.find("no model has the windows"), std::string::npos) << text;
  EXPECT_NE(text.find("N2|2"), std::string::npos) << text;    // the nitrogen with its two bonds
  EXPECT_EQ(error(other, {spec, compose(other)}), "no error");

  CgnetSpec warm = compose(other);
  warm.temperature = 310.0;
  for (auto &k : warm.kinds) k.temperature = 310.0;
  EXPECT_NE(error(known, {spec, warm}).find("temperature"), std::string::npos);
  EXPECT_NE(error(known, {spec, compose(other, {8}, 2)}).find("reach"), std::string::npos);
  EXPECT_NE(error(known, {cgnet_support::make_cgnet()}).find("of one piece"), std::string::npos);
  EXPECT_NE(error(known, {}).find("no models"), std::string::npos);
}

// kinds that never were neighbors: their sum was not trained
TEST(Windows, assembly_tells_of_strangers)
{
  const auto notes = [](const Chain &from, const Chain &c) {
    std::vector<std::string> out;
    assemble_cgnet(c.t, c.m, c.straight(), {compose(from)}, &out);
    return out;
  };
  // eleven beads: three windows do not see the ends, and no two of one kind
  EXPECT_FALSE(notes(Chain("CCOCCOCCOCC"), Chain("CCOCCOCCOCCOCCOCCOCC")).empty());
  EXPECT_TRUE(notes(Chain("CCOCCOCCOCCOCC"), Chain("CCOCCOCCOCCOCCOCCOCC")).empty());
  EXPECT_TRUE(notes(Chain("CCOCCOCCOCC"), Chain("CCOCCOCCOCC")).empty());
}

// two beads are the smallest molecule
TEST(Windows, two_beads)
{
  const Chain c("CO");
  const CgnetSpec spec = compose(c);
  EXPECT_EQ(spec.windows.size(), 2u);
  EXPECT_LT(worst_force_error(Cgnet(spec), {0.0, 0.0, 0.0, 1.45, 0.1, -0.1}), 1e-6);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// log q and its derivatives by the weights, tile by tile, against automatic differentiation by
// LibTorch in double precision.

#include "training/flow_gradient.h"

#include "libtorch/flow_trainer.h"

#include "gtest/gtest.h"

#include <cmath>
#include <random>

using namespace BACKMAP_NS;

namespace {

/// A network of odd sizes with random weights, and rows with some of them beyond the splines.
struct Case {
  FlowNetShape shape;
  NetworkWeights weights;
  std::vector<double> l, c, f, slope;
  std::int64_t n;

  Case(int nc, int hidden, std::int64_t rows) : n(rows)
  {
    shape.nl = 11;
    shape.nc = nc;
    shape.nf = 7;
    shape.hidden = hidden;
    shape.bins = 5;
    shape.circular_bins = 4;
    shape.bound = 2.5;
    shape.prefix = "kind.";
    shape.linear_id = {{0, 2, 4, 6, 8, 10}, {1, 3, 5, 7, 9}, {0, 1, 2}};
    shape.circular_id = {{}, {}, {}};
    if (nc > 1) shape.circular_id = {{}, {0}, {1}};
    std::mt19937_64 random(nc + hidden);
    std::normal_distribution<double> normal;
    for (const auto &p : flow_parameters(shape)) {
      WeightTensor w;
      w.shape.push_back(p.rows);
      if (p.columns) w.shape.push_back(p.columns);
      double size = p.columns ? 1.0 / std::sqrt(p.columns) : 0.3;
      if (p.name.find("affine.2.") != std::string::npos) size *= 0.1;    // widths near 1
      for (std::int64_t i = 0; i < p.size(); i++) w.data.push_back(size * normal(random));
      weights[p.name] = w;
    }
    for (int i = 0; i < n * shape.nl; i++) l.push_back(normal(random));
    for (int i = 0; i < n * nc; i++) c.push_back(3.1 * std::tanh(normal(random)));
    for (int i = 0; i < n * shape.nf; i++) f.push_back(normal(random));
    for (int i = 0; i < n; i++) slope.push_back(normal(random));
  }

  NetworkWeights reference() const
  {
    return torch_flow_gradient(shape, weights, n, l.data(), c.data(), f.data(), slope.data());
  }

  /// By FlowGradient: log q of all rows in turn, and derivatives.
  template <class S>
  NetworkWeights own(int threads, std::vector<S> &logq, bool backwards = false) const
  {
    const auto parameters = flow_parameters(shape);
    std::vector<std::vector<S>> w, g;
    std::vector<const S *> in;
    std::vector<S *> out;
    for (const auto &p : parameters) {
      const auto &d = weights.at(p.name).data;
      w.emplace_back(d.begin(), d.end());
      g.emplace_back(d.size(), S(17));    // must be overwritten
    }
    for (auto &v : w) in.push_back(v.data());
    for (auto &v : g) out.push_back(v.data());
    const std::vector<S> ls(l.begin(), l.end()), cs(c.begin(), c.end()), fs(f.begin(), f.end());
    std::vector<std::int64_t> which(n);
    for (std::int64_t i = 0; i < n; i++) which[i] = backwards ? n - 1 - i : i;
    const FlowRowView<S> rows{ls.data(), cs.data(), fs.data(), backwards ? which.data() : nullptr};
    logq.assign(n, S(0));
    FlowGradient<S> flow(shape, threads);
    flow.gradient(
        in, rows, n, [&](std::int64_t i, S) { return S(slope[which[i]]); }, logq.data(), out);
    std::vector<S> alone(n);
    flow.log_prob(in, rows, n, alone.data());
    EXPECT_EQ(alone, logq);
    NetworkWeights named;
    for (std::size_t k = 0; k < g.size(); k++)
      named[parameters[k].name] = {{}, std::vector<double>(g[k].begin(), g[k].end())};
    return named;
  }

  void expect_near(const NetworkWeights &a, const NetworkWeights &b, double tolerance) const
  {
    double most = 0.0;
    for (const auto &p : flow_parameters(shape)) {
      const auto &x = a.at(p.name).data, &y = b.at(p.name).data;
      ASSERT_EQ(x.size(), y.size());
      double norm = 0.0, difference = 0.0;
      for (std::size_t i = 0; i < x.size(); i++) {
        norm += y[i] * y[i];
        difference += (x[i] - y[i]) * (x[i] - y[i]);
      }
      EXPECT_GT(norm, 1e-6) << p.name;    // or nothing would have been compared
      EXPECT_LT(std::sqrt(difference / norm), tolerance) << p.name;
      most = std::max(most, norm);
    }
    EXPECT_TRUE(std::isfinite(most));
  }
};

}    // namespace

TEST(FlowGradient, is_that_of_automatic_differentiation)
{
  for (const int nc : {0, 3})
    for (const int hidden : {6, 19})
      for (const std::int64_t n : {1, 64, 150}) {
        SCOPED_TRACE(::testing::Message() << nc << " " << hidden << " " << n);
        const Case one(nc, hidden, n);
        std::vector<double> logq;
        const auto got = one.own<double>(1, logq);
        one.expect_near(got, one.reference(), 1e-10);
        const auto expected = torch_flow_log_prob(one.shape, one.weights, n, one.l.data(),
                                                  one.c.data(), one.f.data(), true);
        for (std::int64_t i = 0; i < n; i++) EXPECT_NEAR(logq[i], expected[i], 1e-9);
      }
}

// a derivative by finite differences: the reference itself is right

TEST(FlowGradient, reference_against_differences)
{
  const Case one(3, 8, 20);
  const auto expected = one.reference();
  const auto value = [&](const NetworkWeights &w) {
    const auto logq =
        torch_flow_log_prob(one.shape, w, one.n, one.l.data(), one.c.data(), one.f.data(), true);
    double sum = 0.0;
    for (std::int64_t i = 0; i < one.n; i++) sum += one.slope[i] * logq[i];
    return sum;
  };
  for (const auto &p : flow_parameters(one.shape)) {
    auto up = one.weights;
    auto down = up;
    const std::size_t at = p.size() / 2;
    const double h = 1e-6, g = expected.at(p.name).data[at];
    up[p.name].data[at] += h;
    down[p.name].data[at] -= h;
    EXPECT_NEAR((value(up) - value(down)) / (2 * h), g, 1e-5 * (1 + std::fabs(g))) << p.name;
  }
}

TEST(FlowGradient, single_precision_threads_and_order)
{
  const Case one(3, 19, 333);
  const auto expected = one.reference();
  std::vector<float> logq, again, turned;
  const auto first = one.own<float>(1, logq);
  one.expect_near(first, expected, 1e-4);
  one.expect_near(one.own<float>(3, again), expected, 1e-4);
  EXPECT_EQ(again, logq);    // of a row: whatever its neighbours
  one.expect_near(one.own<float>(1, turned, true), expected, 1e-4);
  EXPECT_EQ(turned, std::vector<float>(logq.rbegin(), logq.rend()));
  const auto same = one.own<float>(1, again);
  for (const auto &t : first) EXPECT_EQ(t.second.data, same.at(t.first).data) << t.first;
}

TEST(FlowGradient, refuses_impossible_sizes)
{
  FlowNetShape shape = Case(0, 4, 1).shape;
  shape.bins = 33;
  EXPECT_THROW(FlowGradient<float>(shape, 1), std::runtime_error);
  shape.bins = 8;
  shape.circular_id.pop_back();
  EXPECT_THROW(FlowGradient<float>(shape, 1), std::runtime_error);
}

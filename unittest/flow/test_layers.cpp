/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Every layer: inverse and Jacobian against automatic differentiation, at edges too, and dense
// layers against a plain double loop. The same tests for every transform.

#include "dual.h"
#include "flow/layers_backward.h"

#include "gtest/gtest.h"

#include <random>

using namespace BACKMAP_NS;
using namespace BACKMAP_NS::test;

namespace {

constexpr double PI = BACKMAP_PI;

/// One transform of one variable: which, and how many bins.
struct Transform {
  const char *name;
  bool circular;
  int bins;
  double bound;
  double strength;    // of the random numbers of the conditioner
};

std::ostream &operator<<(std::ostream &out, const Transform &t)
{
  return out << t.name;
}

class TransformTest : public ::testing::TestWithParam<Transform> {
 protected:
  std::vector<double> numbers(unsigned seed) const
  {
    const Transform &t = GetParam();
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0.0, t.strength);
    std::vector<double> o(3 * t.bins + 1);
    for (auto &v : o) v = normal(random);
    return o;
  }

  template <class P> void apply(const std::vector<double> &o, bool inverse, P &x, P &logdet) const
  {
    const Transform &t = GetParam();
    std::vector<P> copy(o.begin(), o.end());
    if (t.circular)
      transform_circular(copy.data(), 1, t.bins, inverse, &x, &logdet);
    else
      transform_linear(copy.data(), 1, t.bins, t.bound, inverse, &x, &logdet);
  }

  /// Inside, at and outside the ends.
  std::vector<double> points(unsigned seed) const
  {
    const Transform &t = GetParam();
    const double end = t.circular ? PI : t.bound;
    std::vector<double> x = {-end,       std::nextafter(-end, 0.0), -end + 1e-9, 0.0,
                             end - 1e-9, std::nextafter(end, 0.0)};
    std::mt19937_64 random(seed);
    std::uniform_real_distribution<double> uniform(-end, end);
    for (int i = 0; i < 50; i++) x.push_back(uniform(random));
    if (!t.circular)
      for (const double more : {-3.0 * end, -end - 1e-9, end, end + 1e-9, 3.0 * end})
        x.push_back(more);
    return x;
  }
};

const Transform TRANSFORMS[] = {
    {"linear8", false, 8, 5.0, 1.0},    {"linear2", false, 2, 1.0, 1.0},
    {"linear32", false, 32, 3.0, 1.0},  {"linear8steep", false, 8, 5.0, 5.0},
    {"circular8", true, 8, 0.0, 1.0},   {"circular2", true, 2, 0.0, 1.0},
    {"circular10", true, 10, 0.0, 3.0}, {"circular32", true, 32, 0.0, 1.0}};

double difference(const Transform &t, double a, double b)
{
  const double d = a - b;
  return t.circular ? std::fabs(std::remainder(d, 2 * PI)) : std::fabs(d);
}

}    // namespace

TEST_P(TransformTest, InverseAndLogDet)
{
  const Transform &t = GetParam();
  const double tolerance = t.strength > 2.0 ? 1e-8 : 1e-10;
  for (unsigned seed = 1; seed <= 20; seed++) {
    const auto o = numbers(seed);
    for (const double x : points(seed)) {
      double y = x, forward, backward;
      apply(o, true, y, forward);
      double back = y;
      apply(o, false, back, backward);
      ASSERT_LT(difference(t, back, x), tolerance * (1 + std::fabs(x))) << seed << " " << x;
      ASSERT_NEAR(forward + backward, 0.0, 100 * tolerance) << seed << " " << x;
      ASSERT_TRUE(std::isfinite(forward));
      if (t.circular) {
        ASSERT_GE(y, -PI);
        ASSERT_LE(y, PI);
      }
    }
  }
}

TEST_P(TransformTest, LogDetAgainstAutomaticDifferentiation)
{
  double caught = 1e30;
  for (const bool inverse : {false, true})
    for (unsigned seed = 1; seed <= 20; seed++) {
      const Transform &t = GetParam();
      const auto o = numbers(seed);
      for (const double x : points(seed)) {
        // rounding may carry the last number before an end across it, where derivatives stop

        if (x == std::nextafter(t.circular ? PI : t.bound, 0.0)) continue;
        if (x == std::nextafter(t.circular ? -PI : -t.bound, 0.0)) continue;
        Dual y(x, 1.0), logdet;
        apply(o, inverse, y, logdet);
        ASSERT_GT(y.d, 0.0) << "must increase: " << seed << " " << x;
        ASSERT_NEAR(std::log(y.d), logdet.v, 1e-8) << inverse << " " << seed << " " << x;
        double z = x, same;
        apply(o, inverse, z, same);
        ASSERT_NEAR(z, y.v, 1e-14 * (1 + std::fabs(z)));
        caught = std::fmin(caught, std::fabs(std::log(y.d) - (logdet.v + 1e-6)));
      }
    }
  EXPECT_GT(caught, 1e-8) << "an error of 1e-6 in the log-determinant would not be seen";
}

// what the backward pass makes of derivatives by the result and by the logarithm of the slope

TEST_P(TransformTest, DerivativesAgainstAutomaticDifferentiation)
{
  const Transform &t = GetParam();
  const double gy = 0.7, gl = -1.3;
  double largest = 0.0;
  for (unsigned seed = 1; seed <= 10; seed++) {
    const auto o = numbers(seed);
    for (const double x : points(seed)) {
      // derivatives stop at the ends
      if (std::fabs(std::fabs(x - o[0]) - (t.circular ? PI : t.bound)) < 1e-8) continue;
      auto back = o;
      double y = x, logdet, g = gy;
      if (t.circular) {
        transform_circular(back.data(), 1, t.bins, false, &y, &logdet);
        transform_circular_backward(back.data(), 1, t.bins, &x, &gl, &g);
      } else {
        transform_linear(back.data(), 1, t.bins, t.bound, false, &y, &logdet);
        transform_linear_backward(back.data(), 1, t.bins, t.bound, &x, &gl, &g);
      }
      for (std::size_t k = 0; k <= o.size(); k++) {
        if (!t.circular && k + 1 == o.size()) continue;    // one number less
        std::vector<Dual> p(o.begin(), o.end());
        Dual z(x, k == o.size()), ld;
        if (k < o.size()) p[k].d = 1.0;
        if (t.circular)
          transform_circular(p.data(), 1, t.bins, false, &z, &ld);
        else
          transform_linear(p.data(), 1, t.bins, t.bound, false, &z, &ld);
        const double expected = gy * z.d + gl * ld.d, got = k < o.size() ? back[k] : g;
        ASSERT_NEAR(got, expected, 1e-8 * (1 + std::fabs(expected)))
            << seed << " " << x << " " << k;
        largest = std::fmax(largest, std::fabs(expected));
      }
    }
  }
  EXPECT_GT(largest, 0.1);    // or nothing would have been compared
}

// the density of the transformed variable must integrate to one: midpoint rule on the uniform or
// normal base; the sum of exp(logdet) over the image is exact for splines up to the step

TEST_P(TransformTest, Normalisation)
{
  const Transform &t = GetParam();
  const double tolerance = t.strength > 2.0 ? 1e-2 : 1e-4;    // steep ones need finer steps
  const double end = t.circular ? PI : 40.0;
  const int n = 50000;
  for (unsigned seed = 1; seed <= 3; seed++) {
    const auto o = numbers(seed);
    double sum = 0.0;
    for (int i = 0; i < n; i++) {
      double x = -end + (i + 0.5) * 2 * end / n, logdet;
      apply(o, false, x, logdet);
      const double base = t.circular ? 1.0 / (2 * PI) : std::exp(-0.5 * x * x) / std::sqrt(2 * PI);
      sum += std::exp(logdet) * base * 2 * end / n;
    }
    EXPECT_NEAR(sum, 1.0, tolerance);
  }
}

TEST_P(TransformTest, ContinuousAcrossBinsAndEnds)
{
  const Transform &t = GetParam();
  const auto o = numbers(5);
  const double end = t.circular ? PI : t.bound * 1.5;
  double last = 0.0, lastdet = 0.0;
  const int n = 100000;
  for (int i = 0; i <= n; i++) {
    double x = -end + i * 2 * end / n, logdet;
    apply(o, true, x, logdet);
    if (i && t.strength < 2.0) {
      ASSERT_LT(difference(t, x, last), 0.2) << i;
      ASSERT_LT(std::fabs(logdet - lastdet), 0.2) << i;
    }
    last = x;
    lastdet = logdet;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TransformTest, ::testing::ValuesIn(TRANSFORMS),
                         [](const auto &test) { return std::string(test.param.name); });

// by hand: two bins of equal width and height, slopes 1 at the ends, one knot in the middle

TEST(Spline, ByHand)
{
  const double slope = std::log1p(std::exp(0.7 + SPLINE_UNIT)) + SPLINE_MIN;
  for (const double x : {0.1, 0.5, 0.9}) {
    double W[2] = {0, 0}, H[2] = {0, 0}, D[1] = {0.7}, y = x, logdet;
    spline(W, H, D, 1, 2, false, false, -1.0, 2.0, y, logdet);

    // Durkan et al. eq. 4 on [0,1]: s = 1, d0 = slope, d1 = 1

    const double u = x * (1 - x), den = 1 + (slope + 1 - 2) * u;
    EXPECT_NEAR(y, (x * x + slope * u) / den, 1e-15);
    const double top = x * x + 2 * u + slope * (1 - x) * (1 - x);
    EXPECT_NEAR(logdet, std::log(top / (den * den)), 1e-14);
  }
}

TEST(Spline, UntrainedIsAlmostTheIdentity)
{
  // numbers of an untrained conditioner: all zero. Inner slopes are 1 + SPLINE_MIN.

  std::vector<double> o(25, 0.0);
  for (const double x : {-7.0, -4.9, -1.0, 0.3, 4.0, 6.0}) {
    auto copy = o;
    double y = x, logdet;
    transform_linear(copy.data(), 1, 8, 5.0, true, &y, &logdet);
    EXPECT_NEAR(y, x, 1e-3);
    EXPECT_NEAR(logdet, 0.0, 2e-3);
  }
}

TEST(Spline, CircularIsPeriodic)
{
  std::mt19937_64 random(8);
  std::normal_distribution<double> normal;
  std::vector<double> o(25);
  for (auto &v : o) v = normal(random);
  for (const bool inverse : {false, true}) {
    auto a = o, b = o;
    double x = -PI, y = std::nextafter(PI, 0.0), lx, ly;
    transform_circular(a.data(), 1, 8, inverse, &x, &lx);
    transform_circular(b.data(), 1, 8, inverse, &y, &ly);
    EXPECT_NEAR(std::remainder(x - y, 2 * PI), 0.0, 1e-12);
    EXPECT_NEAR(lx, ly, 1e-12);
  }
}

// ----------------------------------------------------------------------

TEST(Dense, AgainstPlainLoops)
{
  std::mt19937_64 random(1);
  std::normal_distribution<double> normal;
  for (int nrows = 1; nrows <= 40; nrows++) {
    const int ncolumns = 1 + nrows % 7, np = 4;
    std::vector<double> w(nrows * ncolumns), packed, bias(nrows), x(ncolumns * np);
    for (auto *v : {&w, &bias, &x})
      for (auto &e : *v) e = normal(random);
    int covered = 0;
    for (int b = 0; b < row_blocks(nrows); b++) {
      const RowBlock block = row_block(nrows, b);
      EXPECT_EQ(block.first, covered);
      EXPECT_GE(block.rows, 1);
      EXPECT_LE(block.rows, ROW_BLOCK);
      covered += block.rows;
      for (int k = 0; k < ncolumns; k++)
        for (int i = 0; i < block.rows; i++) packed.push_back(w[(block.first + i) * ncolumns + k]);
    }
    EXPECT_EQ(covered, nrows);

    const SerialMember member;
    std::vector<double> one(nrows * np), four(nrows * np), added(nrows * np, 0.5);
    dense<1>(member, packed.data(), bias.data(), nrows, ncolumns, np, x.data(), one.data(), false);
    dense<4>(member, packed.data(), bias.data(), nrows, ncolumns, np, x.data(), four.data(), true);
    dense<2>(member, packed.data(), (const double *) nullptr, nrows, ncolumns, np, x.data(),
             added.data(), false);
    for (int i = 0; i < nrows; i++)
      for (int p = 0; p < np; p++) {
        double sum = 0.0;
        for (int k = 0; k < ncolumns; k++) sum += w[i * ncolumns + k] * x[k * np + p];
        const double y = sum + bias[i];
        EXPECT_NEAR(one[i * np + p], y, 1e-13);
        EXPECT_NEAR(four[i * np + p], y / (1 + std::exp(-y)), 1e-13);
        EXPECT_NEAR(added[i * np + p], sum + 0.5, 1e-13);
      }
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The elementary functions of packs against the library in long double.

#include "molecule/geometry.h"

#include "gtest/gtest.h"

#include <limits>
#include <random>

using namespace BACKMAP_NS;

namespace {

template <class P> typename PackTraits<P>::Scalar &lane(P &p, int i)
{
  return reinterpret_cast<typename PackTraits<P>::Scalar *>(&p)[i];
}

template <class P> class PackTest : public ::testing::Test {
};
using Types = ::testing::Types<float, double, Lanes<float, 4>, Lanes<double, 2>,
                               PackType<float, BACKMAP_VECTOR_BYTES / 4>,
                               PackType<double, BACKMAP_VECTOR_BYTES / 8>>;
TYPED_TEST_SUITE(PackTest, Types);

/// Largest error of f on [low, high] in units of the last place of `size(exact)`.
template <class P, class F, class G, class H>
double largest_error(double low, double high, F f, G exact, H size)
{
  using S = typename PackTraits<P>::Scalar;
  std::mt19937_64 random(3);
  std::uniform_real_distribution<double> uniform(low, high);
  double worst = 0.0;
  for (int trial = 0; trial < 20000; trial++) {
    P x;
    for (int i = 0; i < PackTraits<P>::width; i++) lane(x, i) = (S) uniform(random);
    P y = f(x);
    for (int i = 0; i < PackTraits<P>::width; i++) {
      const long double want = exact((long double) lane(x, i));
      const double error = std::fabs((double) ((long double) lane(y, i) - want)) /
          (size(want) * std::numeric_limits<S>::epsilon());
      worst = error > worst ? error : worst;
    }
  }
  return worst;
}

const auto relative = [](long double y) { return (double) std::fabs(y); };
const auto absolute = [](long double) { return 1.0; };

}    // namespace

TYPED_TEST(PackTest, ExpAndLog)
{
  using P = TypeParam;
  const auto e = [](P x) { return p_exp(x); };
  const auto l = [](P x) { return p_log(x); };
  const auto exact_e = [](long double x) { return std::exp(x); };
  const auto exact_l = [](long double x) { return std::log(x); };
  EXPECT_LT(largest_error<P>(-80.0, 80.0, e, exact_e, relative), 1.0);
  EXPECT_LT(largest_error<P>(-1.0, 1.0, e, exact_e, relative), 1.0);
  EXPECT_LT(largest_error<P>(0.5, 2.0, l, exact_l, relative), 1.0);
  EXPECT_LT(largest_error<P>(1e-30, 1e-20, l, exact_l, relative), 1.0);
  EXPECT_LT(largest_error<P>(1.0, 1e30, l, exact_l, relative), 1.0);
}

TYPED_TEST(PackTest, SinAndCos)
{
  using P = TypeParam;
  const auto s = [](P x) {
    P a, b;
    p_sincos(x, a, b);
    return a;
  };
  const auto c = [](P x) {
    P a, b;
    p_sincos(x, a, b);
    return b;
  };
  const auto exact_s = [](long double x) { return std::sin(x); };
  const auto exact_c = [](long double x) { return std::cos(x); };
  for (const double range : {0.8, 4.0, 100.0}) {
    EXPECT_LT(largest_error<P>(-range, range, s, exact_s, absolute), 1.0);
    EXPECT_LT(largest_error<P>(-range, range, c, exact_c, absolute), 1.0);
  }
}

TYPED_TEST(PackTest, Derived)
{
  using P = TypeParam;
  EXPECT_LT(largest_error<P>(
                -30.0, 30.0, [](P x) { return p_softplus(x); },
                [](long double x) { return std::log1p(std::exp(x)); },
                [](long double y) { return std::fmax((double) y, 1.0); }),
            3.0);
  EXPECT_LT(largest_error<P>(
                -30.0, 30.0, [](P x) { return p_tanh_half(x); },
                [](long double x) { return std::tanh(x / 2); }, absolute),
            3.0);
  EXPECT_LT(largest_error<P>(
                -15.0, 15.0, [](P x) { return p_tanh(x); },
                [](long double x) { return std::tanh(x); }, absolute),
            3.0);
  EXPECT_LT(largest_error<P>(
                -30.0, 30.0, [](P x) { return p_silu(x); },
                [](long double x) { return x / (1 + std::exp(-x)); },
                [](long double y) { return std::fmax(std::fabs((double) y), 1e-9); }),
            4.0);
  EXPECT_LT(largest_error<P>(
                0.0, 1e6, [](P x) { return p_sqrt(x); }, [](long double x) { return std::sqrt(x); },
                relative),
            1.0);
  EXPECT_EQ(largest_error<P>(
                -1e5, 1e5, [](P x) { return p_floor(x); },
                [](long double x) { return std::floor(x); }, absolute),
            0.0);
}

// not of Lanes: they are for networks only
template <class P> class AngleTest : public ::testing::Test {
};
using AngleTypes = ::testing::Types<float, double, PackType<float, BACKMAP_VECTOR_BYTES / 4>,
                                    PackType<double, BACKMAP_VECTOR_BYTES / 8>>;
TYPED_TEST_SUITE(AngleTest, AngleTypes);

TYPED_TEST(AngleTest, WholeCircle)
{
  using P = TypeParam;
  for (const double y0 : {3.0, -3.0, 1e-6, -1e-6})
    EXPECT_LT(largest_error<P>(
                  -4.0, 4.0, [y0](P x) { return p_atan2(P((float) y0), x); },
                  [y0](long double x) { return std::atan2((long double) (float) y0, x); },
                  relative),
              3.0);
  for (const double x0 : {3.0, -3.0})
    EXPECT_LT(largest_error<P>(
                  -4.0, 4.0, [x0](P y) { return p_atan2(y, P((float) x0)); },
                  [x0](long double y) { return std::atan2(y, (long double) x0); }, relative),
              3.0);
  EXPECT_LT(largest_error<P>(
                -4.0, 4.0, [](P x) { return p_hypot(x, P(3)); },
                [](long double x) { return std::hypot(x, 3.0L); }, relative),
            2.0);
}

TYPED_TEST(AngleTest, AxesAndNoNumbers)
{
  using P = TypeParam;
  using S = typename PackTraits<P>::Scalar;
  const auto at = [](double y, double x) {
    P a = p_atan2(P((S) y), P((S) x));
    return (double) lane(a, 0);
  };
  const double nan = std::nan("");
  EXPECT_EQ(at(0.0, 0.0), 0.0);
  EXPECT_EQ(at(0.0, 2.0), 0.0);
  EXPECT_EQ(at(0.0, -2.0), (double) (S) BACKMAP_PI);
  EXPECT_EQ(at(2.0, 0.0), (double) (S) (BACKMAP_PI / 2));
  EXPECT_EQ(at(-2.0, 0.0), -(double) (S) (BACKMAP_PI / 2));
  EXPECT_TRUE(std::isnan(at(nan, 1.0)));
  EXPECT_TRUE(std::isnan(at(1.0, nan)));
  EXPECT_TRUE(std::isnan(at(nan, -1.0)));
}

TYPED_TEST(PackTest, EndsOfTheRange)
{
  using P = TypeParam;
  using S = typename PackTraits<P>::Scalar;
  P y = p_exp(P(S(1000)));
  EXPECT_EQ(lane(y, 0), std::numeric_limits<S>::infinity());
  y = p_exp(P(S(-1000)));
  EXPECT_GE(lane(y, 0), S(0));
  EXPECT_LT(lane(y, 0), S(1e-37));
  y = p_exp(P(std::numeric_limits<S>::quiet_NaN()));
  EXPECT_TRUE(std::isnan(lane(y, 0))) << "must not be hidden";
  y = p_exp(P(S(0)));
  EXPECT_EQ(lane(y, 0), S(1));
  y = p_log(P(S(1)));
  EXPECT_EQ(lane(y, 0), S(0));
}

TYPED_TEST(PackTest, LanesAreIndependent)
{
  using P = TypeParam;
  using S = typename PackTraits<P>::Scalar;
  const int width = PackTraits<P>::width;
  for (int other = 0; other < width; other++) {
    P x(S(0.3)), y(S(0.3));
    if (other) lane(y, other) = S(7.5);
    const P a = p_exp(x) * p_log(x) + p_sqrt(x), b = p_exp(y) * p_log(y) + p_sqrt(y);
    P c = a, d = b;
    EXPECT_EQ(lane(c, 0), lane(d, 0));
  }
}

TEST(Wrap, Edges)
{
  const double pi = BACKMAP_PI;
  for (const double x : {pi, -pi, 3 * pi, -3 * pi, 0.0, 1.0, 100.0, -100.0, std::nextafter(pi, 4.0),
                         std::nextafter(pi, 3.0), std::nextafter(-pi, -4.0)}) {
    const double y = wrap(x);
    EXPECT_GE(y, -pi) << x;
    EXPECT_LT(y, pi) << x;
    EXPECT_NEAR(std::sin(y), std::sin(x), 1e-13) << x;
    EXPECT_NEAR(std::cos(y), std::cos(x), 1e-13) << x;
  }
  EXPECT_EQ(wrap(1.25), 1.25);
}

TEST(Geometry, KnownValues)
{
  using V = Vec3<double>;
  const V a{1, 0, 0}, b{0, 0, 0}, c{0, 1, 0};
  EXPECT_NEAR(angle(a, b, c), BACKMAP_PI / 2, 1e-15);
  EXPECT_NEAR(distance(a, c), std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(angle(a, b, V{2, 0, 0}), 0.0, 1e-15);
  EXPECT_NEAR(angle(a, b, V{-2, 0, 0}), BACKMAP_PI, 1e-15);
  EXPECT_NEAR(angle(a, b, V{1, 1e-9, 0}), 1e-9, 1e-17) << "accurate for small angles";

  // IUPAC: looking along b-c, positive if the far bond is turned clockwise

  EXPECT_NEAR(dihedral(a, b, V{0, 0, 1}, V{1, 0, 1}), 0.0, 1e-15);
  EXPECT_NEAR(dihedral(a, b, V{0, 0, 1}, V{0, 1, 1}), BACKMAP_PI / 2, 1e-15);
  EXPECT_NEAR(dihedral(a, b, V{0, 0, 1}, V{0, -1, 1}), -BACKMAP_PI / 2, 1e-15);
  EXPECT_NEAR(std::fabs(dihedral(a, b, V{0, 0, 1}, V{-1, 0, 1})), BACKMAP_PI, 1e-15);
}

TEST(Geometry, PlaceIsTheInverse)
{
  using V = Vec3<double>;
  const V a{0.1, 0.2, 0.3}, b{1.4, -0.2, 0.5}, c{2.0, 1.1, 0.0};
  for (const double r : {0.01, 1.1, 20.0})
    for (const double t : {1e-6, 0.4, 1.9, BACKMAP_PI - 1e-6})
      for (const double p : {-BACKMAP_PI, -3.1415, -1.0, 0.0, 0.5, 3.1415}) {
        const V d = place(a, b, c, r, std::sin(t), std::cos(t), std::sin(p), std::cos(p));
        EXPECT_NEAR(distance(d, a), r, 1e-13 * (1 + r));
        EXPECT_NEAR(angle(d, a, b), t, 1e-12 / std::fmin(r, 1.0));
        EXPECT_NEAR(wrap(dihedral(d, a, b, c) - p), 0.0, 1e-13 / (std::sin(t) * std::fmin(r, 1.0)));
      }
}

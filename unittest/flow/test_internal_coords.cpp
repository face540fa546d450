/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Cartesian and internal coordinates: inverse of each other, Jacobian against automatic
// differentiation, labels of rotors, edges.

#include "dual.h"
#include "flow_test_support.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace BACKMAP_NS;
using namespace BACKMAP_NS::test;

namespace {

constexpr double PI = BACKMAP_PI;

/// A point in the variables of the flow, and where it lies.
struct Point {
  std::vector<double> v, c, x;
  std::vector<int> shift;
  double logdet = 0.0;
  bool good = false;
};

FlowSpec molecule(bool free_torsion = false)
{
  FlowShape shape;
  shape.free_torsion = free_torsion;
  return random_flow(5, shape);
}

void place_beads(const FlowSpec &spec, unsigned seed, std::vector<double> &x)
{
  const auto z = ala2_bead_positions(seed);
  x.assign(3 * spec.natoms, 0.0);
  for (int i = 0; i < spec.nbeads(); i++)
    for (int d = 0; d < 3; d++) x[3 * spec.beads[i].atoms[0] + d] = z[3 * i + d];
}

Point random_point(const FlowSpec &spec, unsigned seed, double spread = 1.0)
{
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(-PI, PI);
  Point p;
  for (int i = 0; i < spec.nl(); i++) p.v.push_back(spread * normal(random));
  for (int i = 0; i < spec.nc(); i++) p.c.push_back(uniform(random));
  for (const auto &rotor : spec.rotors) p.shift.push_back((int) (random() % rotor.rows.size()));
  place_beads(spec, seed, p.x);
  const InternalCoords ic(spec);
  p.good = ic.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &p.logdet);
  return p;
}

/// log|det dx/d(l,c)| of from_internal by automatic differentiation, unit matrix as chol.
double autodiff_logdet(const FlowSpec &spec, const Point &p, double *reported)
{
  const InternalCoords ic(spec);
  const InternalView g = ic.view();
  const int n = spec.nl() + spec.nc();
  std::vector<int> rest;
  for (const auto &row : spec.zmatrix)
    for (int d = 0; d < 3; d++) rest.push_back(3 * row[0] + d);
  EXPECT_EQ((int) rest.size(), n);
  std::vector<double> jacobian(n * n);
  for (int k = 0; k < n; k++) {
    std::vector<Dual> v(p.v.begin(), p.v.end()), c(p.c.begin(), p.c.end()),
        shift(p.shift.begin(), p.shift.end()), x(3 * spec.natoms), y(3 * spec.nrows());
    for (const auto &bead : spec.beads)
      for (int d = 0; d < 3; d++) x[3 * bead.atoms[0] + d] = p.x[3 * bead.atoms[0] + d];
    (k < spec.nl() ? v[k] : c[k - spec.nl()]).d = 1.0;
    Dual logdet, bad;
    from_internal<Dual>(g, v.data(), c.data(), shift.data(), y.data(), x.data(), 1, &logdet, &bad);
    EXPECT_EQ(bad.v, 0.0);
    for (int i = 0; i < n; i++) jacobian[i * n + k] = x[rest[i]].d;
    *reported = logdet.v;
  }
  return log_abs_det(jacobian, n);
}

}    // namespace

TEST(InternalCoords, FromAndBack)
{
  for (const bool free_torsion : {false, true}) {
    const FlowSpec spec = molecule(free_torsion);
    const InternalCoords ic(spec);
    for (unsigned seed = 1; seed <= 200; seed++) {
      const Point p = random_point(spec, seed);
      ASSERT_TRUE(p.good);
      std::vector<double> l(spec.nl()), c(spec.nc());
      double logdet = 0.0;
      ASSERT_TRUE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));
      ic.whiten(l.data());
      for (int i = 0; i < spec.nl(); i++) ASSERT_NEAR(l[i], p.v[i], 1e-11);
      for (int i = 0; i < spec.nc(); i++) ASSERT_NEAR(wrap(c[i] - p.c[i]), 0.0, 1e-12);
      ASSERT_NEAR(logdet, p.logdet, 1e-12);
    }
  }
}

// the geometry itself, not only the inverse of the inverse

TEST(InternalCoords, BondsAnglesAndTorsionsAreWhatTheSpecSays)
{
  const FlowSpec spec = molecule(true);
  const int n = spec.nrows(), nl = spec.nl();
  const Point p = random_point(spec, 9);
  ASSERT_TRUE(p.good);
  const auto at = [&](int i) { return Vec3<double>{p.x[3 * i], p.x[3 * i + 1], p.x[3 * i + 2]}; };
  double sum = 0.0;
  for (int k = 0; k < n; k++) {
    const auto &row = spec.zmatrix[k];
    const double r = distance(at(row[0]), at(row[1])),
                 t = angle(at(row[0]), at(row[1]), at(row[2]));
    sum += 2.0 * std::log(r) + std::log(std::sin(t));
    for (int i = 0; i < nl; i++) {
      double dev = spec.linear_mean[i];
      for (int j = 0; j <= i; j++) dev += spec.linear_chol[i * nl + j] * p.v[j];
      const bool rotor = k >= 7;
      if (rotor) continue;    // labels are exchanged there
      const int slot = spec.linear[i];
      if (slot == k) { EXPECT_NEAR(r, dev, 1e-13); }
      if (slot == n + k) { EXPECT_NEAR(t, dev, 1e-12); }
      if (slot == 2 * n + k) {
        const double torsion = dihedral(at(row[0]), at(row[1]), at(row[2]), at(row[3]));
        EXPECT_NEAR(wrap(torsion - dev), 0.0, 1e-12);
      }
    }
  }
  EXPECT_NEAR(sum, p.logdet, 1e-12);
  EXPECT_NEAR(wrap(dihedral(at(5), at(4), at(6), at(1)) - p.c[3]), 0.0, 1e-12) << "free torsion";
}

TEST(InternalCoords, JacobianAgainstAutomaticDifferentiation)
{
  for (const bool free_torsion : {false, true}) {
    FlowSpec spec = molecule(free_torsion);
    for (unsigned seed = 1; seed <= 5; seed++) {
      const Point p = random_point(spec, seed);
      ASSERT_TRUE(p.good);
      double reported = 0.0;
      const double exact = autodiff_logdet(spec, p, &reported);

      // chol and the factors 1/m of dtau/dc belong to the density, not to logdet

      double constant = InternalCoords(spec).view().log_chol;
      for (const auto &rotor : spec.rotors) constant -= std::log((double) rotor.rows.size());
      EXPECT_NEAR(exact, reported + constant, 1e-9);

      // the test sees what it is for: a lost factor sin t or r^2 of one atom, or of one rotor

      EXPECT_GT(std::fabs(exact - (reported + constant + std::log(3.0))), 1e-3);
      EXPECT_GT(std::fabs(exact - (reported + constant - std::log(std::sin(1.95)))), 1e-3);
    }
  }
}

TEST(InternalCoords, LabelsOfRotors)
{
  const FlowSpec spec = molecule();
  const InternalCoords ic(spec);
  for (unsigned seed = 1; seed <= 30; seed++) {
    Point p = random_point(spec, seed);
    ASSERT_TRUE(p.good);

    // any cyclic exchange of equivalent atoms gives the same variables

    std::vector<double> l0(spec.nl()), c0(spec.nc()), l(spec.nl()), c(spec.nc());
    double logdet0 = 0.0, logdet = 0.0;
    ASSERT_TRUE(ic.to_internal(p.x.data(), l0.data(), c0.data(), &logdet0));
    for (const auto &rotor : spec.rotors)
      for (int turn = 0; turn < 2; turn++) {
        const int a = spec.zmatrix[rotor.rows[0]][0], b = spec.zmatrix[rotor.rows[1]][0],
                  d = spec.zmatrix[rotor.rows[2]][0];
        for (int i = 0; i < 3; i++) {
          const double first = p.x[3 * a + i];
          p.x[3 * a + i] = p.x[3 * b + i];
          p.x[3 * b + i] = p.x[3 * d + i];
          p.x[3 * d + i] = first;
        }
        ASSERT_TRUE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));
        for (int i = 0; i < spec.nl(); i++) ASSERT_NEAR(l[i], l0[i], 1e-12);
        for (int i = 0; i < spec.nc(); i++) ASSERT_NEAR(wrap(c[i] - c0[i]), 0.0, 1e-11);
        ASSERT_NEAR(logdet, logdet0, 1e-12);
      }

    // label shifts give three different sets of positions of the same three atoms

    Point q = p;
    for (int k = 0; k < 3; k++) {
      Point r = p;
      r.shift[1] = k;
      ASSERT_TRUE(ic.from_internal(r.v.data(), r.c.data(), r.shift.data(), r.x.data(), &r.logdet));
      if (k == 0) {
        q = r;
        continue;
      }
      std::vector<double> first, now;
      for (const int atom : {11, 12, 13}) {
        first.push_back(q.x[3 * atom]);
        now.push_back(r.x[3 * atom]);
      }
      EXPECT_NE(first, now);
      std::sort(first.begin(), first.end());
      std::sort(now.begin(), now.end());
      for (int i = 0; i < 3; i++) EXPECT_NEAR(first[i], now[i], 1e-12);
    }
  }
}

TEST(InternalCoords, CanonicalAngleLiesInTheFirstSector)
{
  // c close to -pi and pi are the two ends of the sector: neighbours in space, other labels

  const FlowSpec spec = molecule();
  const InternalCoords ic(spec);
  for (const double edge : {-PI, -PI + 1e-9, 0.0, PI - 1e-9}) {
    Point p = random_point(spec, 4);
    p.c[0] = p.c[2] = edge;
    ASSERT_TRUE(ic.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &p.logdet));
    std::vector<double> l(spec.nl()), c(spec.nc());
    double logdet = 0.0;
    ASSERT_TRUE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));
    EXPECT_NEAR(wrap(c[0] - edge), 0.0, 1e-12);
    EXPECT_NEAR(wrap(c[2] - edge), 0.0, 1e-12);
    EXPECT_GE(c[0], -PI);
    EXPECT_LT(c[0], PI);
    EXPECT_NEAR(logdet, p.logdet, 1e-12);
  }
}

TEST(InternalCoords, RotorsOfTwo)
{
  // two hydrogens on one carbon: rows 1 and 2 of the last methyl group, the third atom free

  const FlowSpec three = molecule();
  FlowSpec spec = three;
  const int n = spec.nrows();
  spec.zmatrix[15][3] = 14;
  spec.rotors[2] = {{13, 14}, 1};
  spec.linear = spec.derive_linear();
  spec.linear_mean.clear();
  spec.linear_chol.clear();
  for (const int slot : spec.linear) {
    double mean = slot == 2 * n + 14 ? 3.1 : 0.5;
    for (int i = 0; i < three.nl(); i++)
      if (three.linear[i] == slot && slot < 2 * n + 13) mean = three.linear_mean[i];
    spec.linear_mean.push_back(mean);
  }
  InternalCoords ic(spec);
  Point p;
  std::mt19937_64 random(2);
  std::normal_distribution<double> normal(0.0, 0.05);
  for (int i = 0; i < spec.nl(); i++) p.v.push_back(normal(random));
  p.c = {0.3, -1.0, 2.5};
  for (int k = 0; k < 2; k++) {
    p.shift = {0, 0, k};
    place_beads(spec, 3, p.x);
    ASSERT_TRUE(ic.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &p.logdet));
    std::vector<double> l(spec.nl()), c(spec.nc());
    double logdet = 0.0;
    ASSERT_TRUE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));
    for (int i = 0; i < spec.nl(); i++)
      ASSERT_NEAR(wrap(l[i] - p.v[i]), 0.0, 1e-11) << k << " " << i;
    for (int i = 0; i < spec.nc(); i++) ASSERT_NEAR(c[i], p.c[i], 1e-11);
  }
}

TEST(InternalCoords, PointsWithoutAnImage)
{
  FlowSpec spec = molecule();
  const int n = spec.nrows();
  spec.linear_chol.clear();    // v are the deviations themselves
  const InternalCoords ic(spec);
  const auto image = [&](int slot, double value) {
    Point p = random_point(molecule(), 1);
    std::fill(p.v.begin(), p.v.end(), 0.0);
    for (int i = 0; i < spec.nl(); i++)
      if (spec.linear[i] == slot) p.v[i] = slot < 2 * n ? value - spec.linear_mean[i] : value;
    return ic.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &p.logdet);
  };
  const double nan = std::nan(""), inf = HUGE_VAL;
  EXPECT_TRUE(image(2, 0.2));
  EXPECT_FALSE(image(2, 0.0));
  EXPECT_FALSE(image(2, -0.1));
  EXPECT_FALSE(image(2, nan));
  EXPECT_FALSE(image(2, inf));
  EXPECT_TRUE(image(n + 2, 1e-3));
  EXPECT_TRUE(image(n + 2, PI - 1e-3));
  EXPECT_FALSE(image(n + 2, 0.0));
  EXPECT_FALSE(image(n + 2, -0.1));
  EXPECT_FALSE(image(n + 2, PI));
  EXPECT_FALSE(image(n + 2, PI + 0.1));
  EXPECT_FALSE(image(n + 2, nan));
  EXPECT_TRUE(image(2 * n + 2, 3.14));
  EXPECT_TRUE(image(2 * n + 2, -3.14));
  EXPECT_FALSE(image(2 * n + 2, PI));
  EXPECT_FALSE(image(2 * n + 2, -3.2));
  EXPECT_FALSE(image(2 * n + 2, nan));

  // members of a rotor more than half a turn apart in their deviations

  Point p = random_point(molecule(), 1);
  std::fill(p.v.begin(), p.v.end(), 0.0);
  for (int i = 0; i < spec.nl(); i++) {
    if (spec.linear[i] == 2 * n + 8) p.v[i] = 1.7;
    if (spec.linear[i] == 2 * n + 9) p.v[i] = -1.7;
  }
  EXPECT_FALSE(ic.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &p.logdet));
}

TEST(InternalCoords, DegenerateStructuresHaveNoDensity)
{
  const FlowSpec spec = molecule();
  const InternalCoords ic(spec);
  std::vector<double> l(spec.nl()), c(spec.nc());
  double logdet = 0.0;
  Point p = random_point(spec, 1);
  ASSERT_TRUE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));
  for (int d = 0; d < 3; d++) p.x[3 * 5 + d] = p.x[3 * 4 + d];    // O on C
  EXPECT_FALSE(ic.to_internal(p.x.data(), l.data(), c.data(), &logdet));

  // references in line: the torsion is not defined, the atom has nowhere to go

  Point q = random_point(spec, 1);
  for (int i = 0; i < 22; i++) q.x[3 * i + 1] = q.x[3 * i + 2] = 0.0;
  EXPECT_FALSE(ic.from_internal(q.v.data(), q.c.data(), q.shift.data(), q.x.data(), &q.logdet));
}

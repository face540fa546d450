/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The bias of a torsion: hills against their formula, slopes against differences, sums, tables and what is refused.

#include "molecule/torsion_bias.h"

#include "error_of.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

/* a wrapped normal distribution, as a sum over images, with the value 1 at 0 */

double hill(double phi, double sigma)
{
  double sum = 0.0, top = 0.0;
  for (int k = -8; k <= 8; k++) {
    sum += std::exp(-0.5 * std::pow((phi + 2 * M_PI * k) / sigma, 2));
    top += std::exp(-0.5 * std::pow(2 * M_PI * k / sigma, 2));
  }
  return sum / top;
}

double value(const TorsionBias &bias, double phi)
{
  double slope;
  return bias.energy(phi, slope);
}

}    // namespace

TEST(TorsionBias, HillIsAWrappedNormal)
{
  for (const double width : {3.0, 10.0, 30.0, 90.0}) {
    TorsionBias bias(width);
    bias.add(2.9, 1.7);
    for (double phi = -3.1; phi < 3.2; phi += 0.1)
      // harmonics below a thousandth of the first are left out
      EXPECT_NEAR(value(bias, phi), 1.7 * hill(phi - 2.9, width * M_PI / 180.0), 3e-3) << width;
    EXPECT_NEAR(value(bias, 2.9), 1.7, 1e-12);
  }
}

TEST(TorsionBias, SlopeIsTheDerivative)
{
  TorsionBias bias(12.0);
  for (int k = 0; k < 20; k++) bias.add(0.7 * k, 1.0 + 0.1 * k);
  const double h = 1e-5;
  for (double phi = -3.0; phi < 3.2; phi += 0.37) {
    double slope;
    bias.energy(phi, slope);
    EXPECT_NEAR(slope, (value(bias, phi + h) - value(bias, phi - h)) / (2 * h), 1e-7);
  }
}

TEST(TorsionBias, SeriesOfRanksAdd)
{
  TorsionBias all(10.0), parts(10.0);
  std::vector<double> one(parts.size(), 0.0), two(parts.size(), 0.0);
  for (int k = 0; k < 10; k++) {
    all.add(0.3 * k, 0.5);
    parts.add(0.3 * k, 0.5, k % 2 ? one.data() : two.data());
  }
  parts.add_series(one.data());
  parts.add_series(two.data());
  for (double phi = -3.0; phi < 3.0; phi += 0.5)
    EXPECT_NEAR(value(all, phi), value(parts, phi), 1e-12);
  EXPECT_GT(all.range(), 0.5);
}

TEST(TorsionBias, TableComesBack)
{
  TorsionBias bias(10.0), again(10.0);
  for (int k = 0; k < 10; k++) bias.add(0.3 * k * k, 0.5);
  const std::string text = "# bias\n\nother\nN 360\n\n" + bias.table("phi");
  again.read(text, "phi", "x.table");
  const double shift = value(bias, 0.0) - value(again, 0.0);
  double highest = -1e9;
  for (int k = -180; k < 180; k++) {
    const double phi = k * M_PI / 180.0;
    EXPECT_NEAR(value(bias, phi), value(again, phi) + shift, 1e-8);
    highest = std::max(highest, value(again, phi));
  }
  EXPECT_NEAR(highest, 0.0, 1e-8);
}

/* the energies of a table */

static std::vector<double> energies(const std::string &table)
{
  std::istringstream in(table.substr(table.find("DEGREES") + 7));
  std::vector<double> e;
  int number, degree;
  for (double v; in >> number >> degree >> v;) e.push_back(v);
  return e;
}

TEST(TorsionBias, TableOfWhatIsAbove)
{
  TorsionBias bias(10.0);
  for (int k = 0; k < 200; k++) bias.add(0.001 * k, 0.05);    // 10 high from 0 to 0.2
  const auto whole = energies(bias.table("phi")), cut = energies(bias.table("phi", 4.0, 0.1));
  ASSERT_EQ(whole.size(), 360u);
  ASSERT_EQ(cut.size(), 360u);
  int wells = 0, barriers = 0;
  for (int i = 0; i < 360; i++) {
    EXPECT_NEAR(cut[i], std::min(0.0, whole[i] + 4.0), 0.1 * std::log(2.0) + 1e-9);
    if (whole[i] > -3.0) {
      EXPECT_NEAR(cut[i], 0.0, 1e-4);
      wells++;
    } else if (whole[i] < -5.0) {
      EXPECT_NEAR(cut[i], whole[i] + 4.0, 1e-4);
      barriers++;
    }
  }
  EXPECT_GT(wells, 10);
  EXPECT_GT(barriers, 100);
}

TEST(TorsionBias, WhatIsRefused)
{
  TorsionBias bias(10.0);
  const std::string good = bias.table("phi");
  const auto of = [&](const std::string &text, const std::string &name) {
    return test::error_of([&] { bias.read(text, name, "x.table"); }, "none");
  };
  EXPECT_EQ(of(good, "psi"), "x.table: expected a section psi, got none");
  EXPECT_EQ(of("phi\nN 72 DEGREES\n", "phi"),
            "x.table, section phi: expected \"N 360 NOF DEGREES\", got \"N 72 DEGREES\"");
  EXPECT_EQ(of(good.substr(0, good.size() / 2), "phi").find("x.table, section phi: expected row "),
            0u);
  std::string bad = good;
  bad.replace(bad.find("\n5 -176 ") + 8, 1, "x");
  EXPECT_EQ(of(bad, "phi"), "x.table, section phi: expected row 5 with its degree and energy");
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The CG network on Kokkos' default execution space beside the one on this thread: the same bits on hosts, the same
// to rounding on a GPU; and the energy of a molecule does not depend on how many there are.

#include "cgnet/cgnet_device.h"
#include "cgnet_support.h"
#include "device/arrays.h"
#include "error_of.h"
#include "windows_support.h"

#include <Kokkos_Core.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

using namespace BACKMAP_NS;
using namespace cgnet_support;

namespace {

struct Result {
  std::vector<double> energy, force;
};

Result on_device(CgnetDevice &net, const std::vector<double> &z, int n)
{
  DeviceArray<double> x("test:z"), e("test:energy"), f("test:force");
  Result r{std::vector<double>(n), std::vector<double>(z.size())};
  net.evaluate(n, x.filled(z), e.sized(n), f.sized(z.size()));
  e.fetch(r.energy.data(), n);
  f.fetch(r.force.data(), z.size());
  Kokkos::fence();
  return r;
}

double largest(const std::vector<double> &v)
{
  double most = 0.0;
  for (double x : v) most = std::max(most, std::fabs(x));
  return most;
}

double difference(const std::vector<double> &a, const std::vector<double> &b)
{
  double most = 0.0;
  for (std::size_t i = 0; i < a.size(); i++) most = std::max(most, std::fabs(a[i] - b[i]));
  return most;
}

}    // namespace

TEST(CgnetOnDevice, AsOnTheHost)
{
  for (const auto precision : {Cgnet::Precision::Single, Cgnet::Precision::Double}) {
    for (const auto &hidden :
         {std::vector<int>{24, 20}, std::vector<int>{128, 128, 128}, {7}, {}}) {
      const CgnetSpec spec = make_cgnet(hidden);
      const Cgnet host(spec, precision);
      const auto device = CgnetDevice::create(spec, precision);
      for (const int n : {1, 5, 24, 25, 1000}) {
        SCOPED_TRACE(n);
        const auto z = configurations(n, 3, 0.1);
        Result expected{std::vector<double>(n), std::vector<double>(z.size())};
        host.evaluate(n, z.data(), expected.energy.data(), expected.force.data());
        const Result got = on_device(*device, z, n);
        if (device_is_host) {
          EXPECT_EQ(got.energy, expected.energy);
          EXPECT_EQ(got.force, expected.force);
        } else {
          const double rounding = precision == Cgnet::Precision::Single ? 1e-5 : 1e-11;
          EXPECT_LT(difference(got.energy, expected.energy),
                    rounding * (1 + largest(expected.energy)));
          EXPECT_LT(difference(got.force, expected.force),
                    rounding * (1 + largest(expected.force)));
        }
      }
    }
  }
}

TEST(CgnetOnDevice, NoMoleculeSeesAnother)
{
  const int n = 777;
  const auto z = configurations(n, 9, 0.1);
  const auto device = CgnetDevice::create(make_cgnet({128, 128}), Cgnet::Precision::Single);
  const Result all = on_device(*device, z, n);
  for (const int m : {0, 23, 24, 500, n - 1}) {
    const Result one = on_device(*device, {z.begin() + 18 * m, z.begin() + 18 * (m + 1)}, 1);
    EXPECT_EQ(one.energy[0], all.energy[m]);
    for (int k = 0; k < 18; k++) EXPECT_EQ(one.force[k], all.force[18 * m + k]);
  }
}

TEST(CgnetOnDevice, WhatIsNoNumberStaysNone)
{
  auto z = configurations(3, 9, 0.1);
  std::copy_n(z.begin() + 18, 3, z.begin() + 21);    // two beads in one place
  const auto device = CgnetDevice::create(make_cgnet(), Cgnet::Precision::Single);
  const Result r = on_device(*device, z, 3);
  EXPECT_TRUE(std::isfinite(r.energy[0]));
  EXPECT_FALSE(std::isfinite(r.energy[1]));
  EXPECT_TRUE(std::isfinite(r.energy[2]));
}

TEST(CgnetOnDevice, ModelsOfWindowsAreForTheHost)
{
  const std::string text = test::error_of(
      [] { CgnetDevice::create(windows_support::dipeptide(), Cgnet::Precision::Single); }, "");
  EXPECT_NE(text.find("windows"), std::string::npos) << text;
}

int main(int argc, char **argv)
{
  ::testing::InitGoogleTest(&argc, argv);
  const Kokkos::ScopeGuard kokkos;
  return RUN_ALL_TESTS();
}

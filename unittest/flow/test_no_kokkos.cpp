/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The serial backend where Kokkos is not initialised, as in LAMMPS started without "-k on".

#include "flow/flow.h"
#include "flow_test_support.h"

#include <Kokkos_Core.hpp>

#include "gtest/gtest.h"

using namespace BACKMAP_NS;

TEST(FlowSerial, WorksWithoutKokkos)
{
  ASSERT_FALSE(Kokkos::is_initialized());
  const FlowSpec spec = test::random_flow(1);
  for (const auto precision : {Flow::Precision::Single, Flow::Precision::Double}) {
    auto flow = Flow::create(spec, precision, "serial");
    const auto z = test::ala2_bead_positions(1);
    const std::int64_t step = 5, molecule = 1;
    FlowRequest r;
    r.nframes = 1;
    r.z = z.data();
    r.samples = 50;
    r.timestep = &step;
    r.molecule = &molecule;
    std::vector<double> x(50 * 66), logq(50), again(50);
    flow->sample(r, x.data(), logq.data());
    flow->log_prob(50, x.data(), again.data());
    int finite = 0;
    for (int i = 0; i < 50; i++) {
      if (!std::isfinite(logq[i])) continue;
      finite++;
      const double tolerance = precision == Flow::Precision::Double ? 1e-9 : 1e-2;
      EXPECT_NEAR(logq[i], again[i], tolerance);
    }
    EXPECT_GT(finite, 40);
    flow.reset();
  }
}

TEST(FlowSerial, KokkosBackendSaysWhatIsMissing)
{
  ASSERT_FALSE(Kokkos::is_initialized());
  try {
    Flow::create(test::random_flow(1), Flow::Precision::Single, "kokkos");
    FAIL() << "no error";
  } catch (const std::runtime_error &e) {
    EXPECT_NE(std::string(e.what()).find("initialised"), std::string::npos) << e.what();
  }
}

// the last test: what fix backmap does in a LAMMPS without "-k on"; Kokkos ends with the program

TEST(FlowSerial, KokkosIsStartedOnRequest)
{
  ASSERT_FALSE(Kokkos::is_initialized());
  start_kokkos();
  start_kokkos();
  ASSERT_TRUE(Kokkos::is_initialized());
  EXPECT_EQ(Flow::create(test::random_flow(1), Flow::Precision::Single, "kokkos")->natoms(), 22);
}

int main(int argc, char **argv)
{
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}

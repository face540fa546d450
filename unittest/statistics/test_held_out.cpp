/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Conditional and forward ESS of held-out frames, against weights and sums done by hand.

#include "statistics/held_out.h"

#include "gtest/gtest.h"

#include <cmath>
#include <limits>
#include <stdexcept>
#include <vector>

using namespace BACKMAP_NS;

namespace {

constexpr double INF = std::numeric_limits<double>::infinity(), KT = 0.5;

/* energy and log-density that give the weight w: half of log w from each */

void sample(double w, double &u, double &logq)
{
  logq = -0.25 * std::log(w);
  u = -KT * (std::log(w) + logq);
}

void add(HeldOutFrames &frames, const std::vector<double> &w, double own)
{
  std::vector<double> u(w.size()), logq(w.size());
  for (size_t j = 0; j < w.size(); j++) sample(w[j], u[j], logq[j]);
  double own_u, own_logq;
  sample(own, own_u, own_logq);
  frames.add_frame((int) w.size(), u.data(), logq.data(), own_u, own_logq);
}

}    // namespace

TEST(HeldOut, by_hand)
{
  HeldOutFrames frames(KT);
  add(frames, {1.0, 1.0, 1.0, 1.0}, 2.0);
  add(frames, {1.0, 2.0, 3.0, 4.0}, 5.0);
  add(frames, {8.0, 1.0, 1.0, 2.0}, 1.0);
  EXPECT_NEAR(frames.conditional_ess(0.0), 144.0 / (4 * 70), 1e-12);
  EXPECT_NEAR(frames.conditional_ess(), 100.0 / (4 * 30), 1e-12);
  EXPECT_NEAR(frames.conditional_ess(1.0), 1.0, 1e-12);
  // v = own weight / mean weight of the frame
  const double v[] = {2.0, 5.0 / 2.5, 1.0 / 3.0};
  for (int i = 0; i < 3; i++) EXPECT_NEAR(frames.log_forward()[i], std::log(v[i]), 1e-12);
  const double mean = (v[0] + v[1] + v[2]) / 3, inverse = (1 / v[0] + 1 / v[1] + 1 / v[2]) / 3;
  EXPECT_NEAR(frames.forward_ess(), 1.0 / (mean * inverse), 1e-12);
}

// weights with a tail of known shape, in frames whose means are far apart
TEST(HeldOut, khat_of_the_flow_alone)
{
  for (const double k : {0.3, 1.0}) {
    HeldOutFrames frames(KT);
    const int m = 4000;
    for (int i = 0; i < 20; i++) {
      std::vector<double> w;
      for (int j = 0; j < m; j++)    // quantiles of the generalized Pareto distribution
        w.push_back(std::exp(3.0 * i) * (1.0 + (std::pow(1.0 - (j + 0.5) / m, -k) - 1.0) / k));
      add(frames, w, 1.0);
    }
    EXPECT_NEAR(frames.weights().khat_conditional().khat, k, 0.12);
    if (k < 0.5) {
      EXPECT_GT(frames.weights().khat().khat, k + 0.5) << "that of all sees the frames";
    }
  }
}

TEST(HeldOut, no_geometry_overlap_and_nan_are_weight_zero)
{
  HeldOutFrames frames(KT);
  const double u[] = {0.0, INF, 0.0, std::nan(""), 0.0}, logq[] = {0.0, 0.0, INF, 0.0, 0.0};
  frames.add_frame(5, u, logq, 0.0, 0.0);
  EXPECT_NEAR(frames.conditional_ess(), 2.0 / 5.0, 1e-12);
  EXPECT_NEAR(frames.log_forward()[0], std::log(5.0 / 2.0), 1e-12);
  EXPECT_EQ(frames.weights().zero_weights(), 2u);
  EXPECT_EQ(frames.weights().nan_energies(), 1u);
}

TEST(HeldOut, a_frame_that_the_flow_cannot_draw)
{
  HeldOutFrames frames(KT);
  add(frames, {1.0, 1.0}, 1.0);
  EXPECT_NEAR(frames.forward_ess(), 1.0, 1e-12);
  const double u[] = {0.0, 0.0}, logq[] = {0.0, 0.0};
  frames.add_frame(2, u, logq, 0.0, -INF);
  EXPECT_EQ(frames.forward_ess(), 0.0);
  EXPECT_NEAR(frames.conditional_ess(), 1.0, 1e-12);    // which is why forward ESS is there
}

TEST(HeldOut, an_atom_without_a_core)
{
  HeldOutFrames frames(KT);
  const double u[] = {-INF, 0.0}, logq[] = {0.0, 0.0};
  EXPECT_THROW(frames.add_frame(2, u, logq, 0.0, 0.0), std::runtime_error);
}

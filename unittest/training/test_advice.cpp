/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What would help a training most: each remedy where it is the right one, and not where it is not.

#include "training/advice.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using Remedy = TrainingAdvice::Remedy;

namespace {

TrainingEvidence evidence(double training, double held_back, double second_half,
                          const std::string &openings = "")
{
  TrainingEvidence e;
  e.training = {training, 0.6 * training, 0.5};
  e.held_back = {held_back, 0.6 * held_back, 0.5};
  e.frames = 200;
  e.second_half = second_half;
  e.openings = openings;
  return e;
}

Remedy remedy(const TrainingEvidence &e)
{
  return TrainingAdvice(e).remedy;
}

}    // namespace

TEST(Advice, NothingForAGoodFlow)
{
  auto e = evidence(0.95, 0.90, 0.1);
  EXPECT_EQ(remedy(e), Remedy::None);
  e.held_back.conditional_q10 = 0.3;    // a tail of bad frames
  EXPECT_NE(remedy(e), Remedy::None);
}

TEST(Advice, FramesIfThoseOfTheTrainingAreBetter)
{
  EXPECT_EQ(remedy(evidence(0.7, 0.4, 0.0)), Remedy::Frames);
  EXPECT_EQ(remedy(evidence(0.7, 0.4, 0.1)), Remedy::Frames);     // 0.28 nats by frames
  EXPECT_NE(remedy(evidence(0.42, 0.4, 0.0)), Remedy::Frames);    // within the noise
  auto few = evidence(0.5, 0.4, 0.0);
  EXPECT_EQ(remedy(few), Remedy::Frames);
  few.frames = 10;
  EXPECT_NE(remedy(few), Remedy::Frames);
}

TEST(Advice, TimeIfItsSecondHalfWasWorthMore)
{
  EXPECT_EQ(remedy(evidence(0.41, 0.4, 0.1)), Remedy::Time);
  EXPECT_EQ(remedy(evidence(0.7, 0.4, 0.5)), Remedy::Time);
  EXPECT_NE(remedy(evidence(0.41, 0.4, 0.01)), Remedy::Time);
}

TEST(Advice, ReachOfFragmentsThatSeeLittle)
{
  auto e = evidence(0.4, 0.4, 0.0, "a torsion");
  e.reach = 3;
  EXPECT_EQ(remedy(e), Remedy::Reach);
  e.reach = 6;
  EXPECT_EQ(remedy(e), Remedy::Beads);
  e.reach = 3;
  e.second_half = 0.1;
  EXPECT_EQ(remedy(e), Remedy::Time);
}

TEST(Advice, BeadsOrNetworksIfNeitherHelps)
{
  EXPECT_EQ(remedy(evidence(0.4, 0.4, 0.0, "a torsion")), Remedy::Beads);
  EXPECT_EQ(remedy(evidence(0.4, 0.4, 0.0)), Remedy::Networks);
  const TrainingAdvice none(evidence(0.0, 0.0, 0.0));
  EXPECT_EQ(none.remedy, Remedy::Networks);
  EXPECT_EQ(none.evidence.find("nan"), std::string::npos) << none.evidence;
}

TEST(Advice, EnergiesThatNewAtomsChange)
{
  FrameRefresh::Drift d;
  EXPECT_TRUE(diagnose_drift(d, 48, 300.0).empty());    // no chains
  d = {0.24, 0.01, 100000};                             // 1 % of the temperature
  EXPECT_TRUE(diagnose_drift(d, 48, 300.0).empty());
  d.mean = -2.4;
  const auto found = diagnose_drift(d, 48, 300.0);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_NE(found[0].text.find("330 instead of 300"), std::string::npos) << found[0].text;
  d.error = 0.5;    // within five errors
  EXPECT_TRUE(diagnose_drift(d, 48, 300.0).empty());
}

TEST(Advice, NatsOfLogNormalWeights)
{
  EXPECT_NE(TrainingAdvice(evidence(0.5, 0.5, 0.0)).evidence.find("0.347 nats"), std::string::npos);
}

TEST(FitAdvice, EachRemedyWhereItIsTheRightOne)
{
  using Fit = FitAdvice::Remedy;
  const auto fit = [](double training, double held_back, double error, double second_half) {
    return FitAdvice({training, held_back, error, second_half}).remedy;
  };
  EXPECT_EQ(fit(0.3, 0.3, 0.1, 0.5), Fit::None);
  EXPECT_EQ(fit(0.9, 0.9, 0.88, 0.0), Fit::None);    // 0.19 kT beside the error of F
  EXPECT_EQ(fit(0.4, 0.9, 0.1, 0.0), Fit::Frames);
  EXPECT_EQ(fit(0.4, 0.9, 0.1, 0.3), Fit::Frames);
  EXPECT_EQ(fit(0.85, 0.9, 0.1, 0.0), Fit::Networks);
  EXPECT_EQ(fit(0.85, 0.9, 0.1, 0.2), Fit::Time);
  EXPECT_EQ(fit(0.7, 0.9, 0.1, 0.6), Fit::Time);
  EXPECT_EQ(fit(0.85, 0.9, 0.75, 0.0), Fit::Samples);
  EXPECT_EQ(fit(0.0, 0.0, 0.0, 0.0), Fit::None);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Maps: the JSON form and its errors, positions, the aggregated force map, bonds between beads.

#include "train_test_support.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

Mapping parse(const std::string &text)
{
  return Mapping::parse(text, data_topology(data + "/ala2/ala2.data"), "a.json");
}

void expect_error(const std::string &text, const std::string &part)
{
  try {
    parse(text);
    FAIL() << "no error for " << text;
  } catch (const std::runtime_error &e) {
    EXPECT_NE(std::string(e.what()).find(part), std::string::npos) << e.what();
    EXPECT_NE(std::string(e.what()).find("a.json"), std::string::npos) << e.what();
  }
}

}    // namespace

TEST(Mapping, reads_beads_in_order)
{
  const Mapping m = parse(R"({"molecule":"x","beads":[{"name":"N","atoms":[7]},
    {"name":"CO","atoms":[5,6]},{"name":"W","atoms":[1,2],"weights":[3,1]}]})");
  ASSERT_EQ(m.nbeads(), 3);
  EXPECT_FALSE(m.slicing());
  EXPECT_EQ(m.beads[0].atoms, std::vector<int>({6}));
  EXPECT_DOUBLE_EQ(m.beads[1].weights[0], 12.01 / 28.01);    // center of mass
  EXPECT_DOUBLE_EQ(m.beads[2].weights[0], 0.75);
  std::vector<double> x(66), z(9);
  for (int i = 0; i < 66; i++) x[i] = i;
  m.apply(x.data(), z.data());
  EXPECT_DOUBLE_EQ(z[0], 18.0);
  EXPECT_DOUBLE_EQ(z[7], 0.75 * 1 + 0.25 * 4);
}

TEST(Mapping, names_what_is_wrong)
{
  expect_error("{", "not valid JSON");
  expect_error(R"({"beads":[{"name":"N","atoms":[7]}]})", "molecule");
  expect_error(R"({"molecule":"x","beads":[]})", "beads");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7]}],"bead":1})", "bead");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[23]}]})", "1 to 22");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[0]}]})", "1 to 22");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[]}]})", "at least one");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7]},{"name":"M","atoms":[7]}]})",
               "already in bead 1");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"weights":[1,2]}]})", "one number");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"weights":[-1]}]})", "positive");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"wights":[1]}]})", "wights");
}

TEST(Mapping, force_groups_follow_the_bonds)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const Mapping m = make_map({4, 6, 8, 10, 14, 16});
  const std::vector<int> expected = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 3, 3, 4, 4,
                                     5, 5, 5, 5, 5, 5};
  EXPECT_EQ(m.force_groups(t), expected);
  const std::vector<std::array<int, 2>> bonds = {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}};
  EXPECT_EQ(m.bead_bonds(t), bonds);

  std::vector<double> f(66, 1.0), F(18);
  Mapping::apply_forces(expected, 6, f.data(), F.data());
  EXPECT_DOUBLE_EQ(F[0], 6.0);
  EXPECT_DOUBLE_EQ(F[17], 6.0);
  EXPECT_DOUBLE_EQ(F[4], 2.0);
}

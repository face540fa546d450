/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Maps: the JSON form and its errors, positions, the aggregated force map, bonds between beads.

#include "training/train_test_support.h"

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
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"weights":[1,2]}]})",
               "one number");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"weights":[-1]}]})", "positive");
  expect_error(R"({"molecule":"x","beads":[{"name":"N","atoms":[7],"wights":[1]}]})", "wights");
}

TEST(Mapping, force_groups_follow_the_bonds)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const Mapping m = make_map({4, 6, 8, 10, 14, 16});
  const std::vector<int> expected = {0, 0, 0, 0, 0, 0, 1, 1, 2, 2, 3,
                                     3, 3, 3, 4, 4, 5, 5, 5, 5, 5, 5};
  EXPECT_EQ(m.force_groups(t), expected);
  const std::vector<std::array<int, 2>> bonds = {{0, 1}, {1, 2}, {2, 3}, {2, 4}, {4, 5}};
  EXPECT_EQ(m.bead_bonds(t), bonds);

  std::vector<double> f(66, 1.0), F(18);
  Mapping::apply_forces(expected, 6, f.data(), F.data());
  EXPECT_DOUBLE_EQ(F[0], 6.0);
  EXPECT_DOUBLE_EQ(F[17], 6.0);
  EXPECT_DOUBLE_EQ(F[4], 2.0);
}

// Independent harmonic atoms: the mean force on z = sum c x is -(z - sum c a)/sum c^2 s^2, and the sum of
// the atoms' forces has that mean; a control with the weighted sum does not.

TEST(Mapping, forces_on_centres_of_mass)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const std::string file = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/ala2.com.map.json";
  const Mapping m = Mapping::parse(read_file(file), t, file);
  ASSERT_EQ(m.nbeads(), 3);
  const auto groups = m.force_groups(t);
  EXPECT_EQ(groups, m.bead_of_atom(22));
  const std::vector<std::array<int, 2>> bonds = {{0, 1}, {1, 2}};
  EXPECT_EQ(m.bead_bonds(t), bonds);

  std::vector<double> s(22), f(66), F(9), z(9), var(3, 0.0), weighted(9, 0.0);
  for (int i = 0; i < 22; i++) s[i] = 0.1 + 0.01 * i;
  for (int k = 0; k < 9; k++) z[k] = 0.1 * k - 0.3;
  for (int b = 0; b < 3; b++)
    for (size_t j = 0; j < m.beads[b].atoms.size(); j++)
      var[b] += std::pow(m.beads[b].weights[j] * s[m.beads[b].atoms[j]], 2);
  for (int b = 0; b < 3; b++)
    for (size_t j = 0; j < m.beads[b].atoms.size(); j++)
      for (int k = 0; k < 3; k++) {
        const int i = m.beads[b].atoms[j];
        const double c = m.beads[b].weights[j],
                     mean = s[i] * s[i] * c / var[b] * z[3 * b + k];    // of x given z
        f[3 * i + k] = -mean / (s[i] * s[i]);
        weighted[3 * b + k] += c * f[3 * i + k];
      }
  Mapping::apply_forces(groups, 3, f.data(), F.data());
  for (int k = 0; k < 9; k++) {
    EXPECT_NEAR(F[k], -z[k] / var[k / 3], 1e-12 / var[k / 3]);
    if (std::fabs(z[k]) > 0.05) {
      EXPECT_GT(std::fabs(weighted[k] - F[k]), 0.1 * std::fabs(F[k]))
          << "the control is not noticed";
    }
  }
}

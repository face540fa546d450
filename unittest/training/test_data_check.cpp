/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The look at training frames: each thing that can be wrong is told with its numbers, healthy frames give no word.

#include "molecule/geometry.h"
#include "training/data_check.h"
#include "training/flow_data.h"
#include "training/train_test_support.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <functional>

using namespace BACKMAP_NS;
using namespace train_test;
using ::testing::HasSubstr;

namespace {

constexpr double DEG = M_PI / 180.0;
constexpr int FILES = 10, EACH = 500, N = FILES * EACH, NATOMS = 8;

/// The chain 0-1-2-3-4-5 with beads 0, 1, 2, and two different end atoms 6 and 7 on atom 1, a chiral center.
/// Torsions, in degrees: soft 0123, rotamer 1234, planar 2345; bead: angle 012; hand: 1 or -1.
struct Shape {
  double soft = 70.0, rotamer = 60.0, planar = 180.0, bead = 111.0, hand = 1.0;
};

Topology chain()
{
  Topology t = make_topology(NATOMS, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {4, 5}, {1, 6}, {1, 7}}, {6});
  t.types[7] = 3;
  return t;
}

using Noise = std::function<double(double)>;    // Gaussian of a standard deviation

std::vector<double> build(const Shape &s, const Noise &noise)
{
  using V = Vec3<double>;
  std::vector<V> at = {{0.0, 0.0, 0.0}, {1.5 + noise(0.03), 0.0, 0.0}};
  const double b = (s.bead + noise(2.0)) * DEG;
  at.push_back({at[1].x - 1.5 * std::cos(b), 1.5 * std::sin(b), 0.0});
  const auto add = [&](int i, int j, int k, double torsion) {
    const double t = (111.0 + noise(3.0)) * DEG, p = torsion * DEG;
    at.push_back(place(at[i], at[j], at[k], 1.5 + noise(0.03), std::sin(t), std::cos(t),
                       std::sin(p), std::cos(p)));
  };
  add(2, 1, 0, s.soft);
  add(3, 2, 1, s.rotamer);
  add(4, 3, 2, s.planar);
  add(1, 0, 2, s.hand * (120.0 + noise(5.0)));
  add(1, 0, 2, -s.hand * (120.0 + noise(5.0)));
  std::vector<double> x;
  for (const V &v : at) x.insert(x.end(), {v.x, v.y, v.z});
  return x;
}

/// Frames of ten files; where(file, frame of the file) gives the shape without noise of the torsions.
struct Frames {
  std::vector<double> x;
  std::vector<int> file;
  std::vector<std::string> names;
  std::mt19937 gen;

  double gauss(double sigma) { return std::normal_distribution<double>(0.0, sigma)(gen); }
  double uniform() { return std::uniform_real_distribution<double>()(gen); }

  explicit Frames(int seed, const std::function<void(int, int, Shape &, Frames &)> &where) :
      gen(seed)
  {
    const Noise noise = [this](double sigma) { return gauss(sigma); };
    for (int f = 0; f < FILES; f++) {
      names.push_back("f" + std::to_string(f));
      for (int i = 0; i < EACH; i++) {
        Shape s;
        // every file visits all rotamers
        s.rotamer = 60.0 + 120.0 * std::floor(3.0 * uniform());
        where(f, i, s, *this);
        s.soft += gauss(9.0);
        s.rotamer += gauss(9.0);
        s.planar += gauss(9.0);
        const auto one = build(s, noise);
        x.insert(x.end(), one.begin(), one.end());
        file.push_back(f);
      }
    }
  }

  // with a flow of one piece, or one that is composed of fragments
  Diagnoses look(bool parts = false) const
  {
    const Topology t = chain();
    const Mapping map = make_map({0, 1, 2});
    const auto start = build(Shape(), [](double) { return 0.0; });
    DataCheck check({NATOMS, N, x.data(), file, names});
    check.isomers(t, start);
    const Fragments fragments = parts ? Fragments::derive(t, map, start) : Fragments();
    check.torsions(prepare_flow(t, map, FlowDesign(), N, x.data(), std::vector<char>(N, 0),
                                parts ? &fragments : nullptr)
                       .spec);
    return check.found();
  }
};

/// Exactly one finding of this name, which says all of these.
void expect_one(const Diagnoses &found, const std::string &name,
                const std::vector<std::string> &says)
{
  ASSERT_EQ(found.size(), 1u) << (found.empty() ? "nothing found" : found[1].text);
  EXPECT_EQ(found[0].name, name);
  for (const auto &s : says) EXPECT_THAT(found[0].text, HasSubstr(s));
}

void expect_none(const Diagnoses &found)
{
  for (const auto &f : found) ADD_FAILURE() << f.name << ": " << f.text;
}

}    // namespace

TEST(DataCheck, healthy_frames_give_no_word)
{
  for (int seed = 1; seed <= 20; seed++)
    expect_none(Frames(seed, [](int, int, Shape &, Frames &) {}).look());
}

TEST(DataCheck, a_second_peak)
{
  // a tenth of two files, 50 frames of each
  const auto where = [](int f, int i, Shape &s, Frames &) {
    if ((f == 3 || f == 7) && i % 10 == 0) s.soft -= 100.0;
  };
  expect_one(Frames(1, where).look(), "second peak",
             {"torsion 4 3 2 1", "100 of 5000 frames, in 2 of 10 files (f3 f7)", "hardly a frame"});
}

TEST(DataCheck, of_fragments_as_of_one_piece)
{
  expect_none(Frames(2, [](int, int, Shape &, Frames &) {}).look(true));
  const auto peak = [](int f, int i, Shape &s, Frames &) {
    if ((f == 3 || f == 7) && i % 10 == 0) s.soft -= 100.0;
  };
  expect_one(Frames(1, peak).look(true), "second peak",
             {"torsion 4 3 2 1", "100 of 5000 frames, in 2 of 10 files (f3 f7)", "hardly a frame"});
}

TEST(DataCheck, one_broad_peak_is_not_two)
{
  // from -45 to 185 degrees, dense in the middle: narrow for the flow, with long tails
  const auto where = [](int, int, Shape &s, Frames &r) {
    s.soft += std::max(-85.0, std::min(85.0, r.gauss(r.uniform() < 0.9 ? 10.0 : 45.0)));
  };
  for (int seed = 1; seed <= 5; seed++) expect_none(Frames(seed, where).look());
}

TEST(DataCheck, cis_where_the_system_is_trans)
{
  // two files from the start, one from its middle on
  const auto where = [](int f, int i, Shape &s, Frames &) {
    if (f < 2 || (f == 2 && i >= EACH / 2)) s.planar = 0.0;
  };
  expect_one(Frames(1, where).look(), "another isomer",
             {"torsion 3 4 5 6 is cis and not trans",
              "1250 of 5000 frames, in 3 of 10 files (f0 f1 f2)", "changed sides 1 times"});

  // a bond that turns all the time is no isomer, and the flow lets it turn
  const auto turns = [](int, int, Shape &s, Frames &r) {
    if (r.uniform() < 0.1) s.planar = 0.0;
  };
  expect_none(Frames(1, turns).look());
}

TEST(DataCheck, mirror_images)
{
  const auto where = [](int f, int, Shape &s, Frames &) {
    if (f == 9) s.hand = -1.0;
  };
  expect_one(Frames(1, where).look(), "mirror image",
             {"atom 2", "500 of 5000 frames, in 1 of 10 files (f9)"});

  // one frame is enough; all frames are those of another system than this one
  expect_one(
      Frames(1, [](int f, int i, Shape &s, Frames &) { s.hand = f + i == 0 ? -1.0 : 1.0; }).look(),
      "mirror image", {"1 of 5000 frames"});
  expect_one(Frames(1, [](int, int, Shape &s, Frames &) { s.hand = -1.0; }).look(), "mirror image",
             {"5000 of 5000 frames, in 10 of 10 files (f0 f1 f2 ...)"});
}

TEST(DataCheck, a_rotamer_that_each_file_keeps)
{
  const auto where = [](int f, int, Shape &s, Frames &) { s.rotamer = 60.0 + 120.0 * (f % 3); };
  for (const bool parts : {false, true})
    expect_one(Frames(1, where).look(parts), "frozen torsion",
               {"torsion 5 4 3 2", "in 4 files with 2000 frames", "in 3 files with 1500 frames",
                "5000 of 5000 frames, in 10 of 10 files", "replica exchange"});

  // windows along the beads, each with the rotamer of the one before it, but for one change: two windows contradict
  expect_one(Frames(1,
                    [](int f, int, Shape &s, Frames &) {
                      s.bead = 95.0 + 3.0 * f;
                      s.rotamer = f < 5 ? 60.0 : 180.0;
                    })
                 .look(),
             "frozen torsion", {"in 5 files with 2500 frames", "5000 of 5000 frames"});

  // no word where the beads of the files differ and may hold the torsion,
  expect_none(Frames(1, [&](int f, int i, Shape &s, Frames &r) {
                where(f, i, s, r);
                s.bead = 85.0 + 25.0 * (f % 3);
              }).look());
  // where all files have the same value, which is then the only one known,
  expect_none(Frames(1, [&](int, int, Shape &s, Frames &) { s.rotamer = 60.0; }).look());
  // and where it changes within the files
  expect_none(Frames(1, [&](int f, int i, Shape &s, Frames &) {
                s.rotamer = 60.0 + 120.0 * ((f + i / 100) % 3);
              }).look());
}

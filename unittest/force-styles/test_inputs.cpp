/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The models and data files that the YAML files are about are made here, and are still what is made here.
// BACKMAP_WRITE_INPUTS=FOLDER writes them; "test_fix_timestep OLD.yaml -g NEW.yaml" then writes the figures anew.

#include "cgnet/cgnet_support.h"
#include "lammps/backmap_test_models.h"

#include "gmock/gmock.h"

#include <cstdint>
#include <cstdlib>
#include <cstring>

using namespace fix_test;

namespace {

const char *const HEADER = "0 13 xlo xhi\n0 13 ylo yhi\n0 13 zlo zhi\n\nMasses\n\n";

/* three molecules, two of them cut by faces of the box, with interleaved IDs, and two atoms that are no beads */

std::string cgnet_data()
{
  const int nmol = 3;
  const double shift[nmol][3] = {{0.0, 7.0, 12.5}, {6.0, 6.0, 6.0}, {12.0, 0.5, 3.0}};
  const auto z = cgnet_support::configurations(nmol, 5, 0.1);
  std::string text =
      std::string("beads of three molecules\n\n20 atoms\n7 atom types\n5 bond types\n"
                  "4 angle types\n1 dihedral types\n\n") +
      HEADER + "1 12.01\n2 14.01\n3 12.01\n4 12.01\n5 12.01\n6 14.01\n7 39.95\n\nAtoms # full\n\n";
  char line[200];
  for (int b = 0; b < 6; b++)
    for (int m = 0; m < nmol; m++) {
      const double *x = &z[18 * m + 3 * b];
      snprintf(line, sizeof(line), "%d %d %d 0.0 %.12f %.12f %.12f\n", b * nmol + m + 1, m + 1,
               b + 1, x[0] + shift[m][0], x[1] + shift[m][1], x[2] + shift[m][2]);
      text += line;
    }
  return text + "19 0 7 0.0 9.5 9.0 9.0\n20 0 7 0.0 3.0 3.5 9.0\n";
}

/* three molecules of the toy, one cut by faces of the box, in motion; types for all that the tester sets */

std::string toy_data()
{
  std::string text = std::string("beads of three toys\n\n9 atoms\n6 bonds\n3 angles\n5 atom types\n"
                                 "5 bond types\n4 angle types\n\n") +
      HEADER + "1 12.0\n2 12.0\n3 12.0\n4 12.0\n5 12.0\n\nAtoms # full\n\n";
  const double x[3][3] = {{0.0, 0.0, 0.0}, {1.55, 0.1, 0.0}, {2.1, 1.25, 0.2}};
  const double shift[3][3] = {{1.0, 6.5, 6.5}, {6.0, 6.5, 6.5}, {11.4, 12.1, 12.9}};
  std::string velocities = "\nVelocities\n\n", bonds = "\nBonds\n\n", angles = "\nAngles\n\n";
  cgnet_support::Numbers random(3);
  char line[200];
  for (int m = 0; m < 3; m++)
    for (int b = 0; b < 3; b++) {
      const int id = 3 * m + b + 1;
      snprintf(line, sizeof(line), "%d %d %d 0.0 %.12f %.12f %.12f\n", id, m + 1, b + 1,
               x[b][0] + shift[m][0], x[b][1] + shift[m][1], x[b][2] + shift[m][2]);
      text += line;
      snprintf(line, sizeof(line), "%d %.12f %.12f %.12f\n", id, 4e-3 * random.normal(),
               4e-3 * random.normal(), 4e-3 * random.normal());
      velocities += line;
    }
  for (int m = 0; m < 3; m++) {
    snprintf(line, sizeof(line), "%d 1 %d %d\n%d 3 %d %d\n", 2 * m + 1, 3 * m + 1, 3 * m + 2,
             2 * m + 2, 3 * m + 2, 3 * m + 3);
    bonds += line;
    snprintf(line, sizeof(line), "%d 2 %d %d %d\n", m + 1, 3 * m + 1, 3 * m + 2, 3 * m + 3);
    angles += line;
  }
  return text + velocities + bonds + angles;
}

/* of a data file its words, of a model its tensors (doubles after the length of the header and the header): the last
   bits depend on the processor */

std::vector<double> numbers(const std::string &text)
{
  std::vector<double> all;
  if (text.find("{\"") != 8) {
    std::istringstream in(text);
    for (std::string word; in >> word;) all.push_back(std::strtod(word.c_str(), nullptr));
    return all;
  }
  std::uint64_t header;
  std::memcpy(&header, text.data(), sizeof(header));
  all.resize((text.size() - sizeof(header) - header) / sizeof(double));
  std::memcpy(all.data(), text.data() + sizeof(header) + header, all.size() * sizeof(double));
  return all;
}

}    // namespace

TEST(Inputs, AreWhatIsMadeHere)
{
  const std::pair<const char *, std::string> files[] = {
      {"test.cgnet.safetensors", cgnet_support::make_cgnet().to_model().serialize()},
      {"test.flow.safetensors", Toy().flow().to_model().serialize()},
      {"data.cgnet", cgnet_data()},
      {"data.toy", toy_data()}};
  for (const auto &file : files) {
    if (const char *folder = std::getenv("BACKMAP_WRITE_INPUTS"))
      std::ofstream(folder + std::string("/") + file.first, std::ios::binary) << file.second;
    const auto path = std::string(TEST_INPUT_FOLDER) + "/" + file.first;
    const auto a = numbers(read_file(path)), b = numbers(file.second);
    EXPECT_FALSE(a.empty()) << path;
    EXPECT_THAT(a, ::testing::Pointwise(::testing::DoubleNear(1e-10), b)) << path;
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Writes tests/test.cgnet.safetensors and tests/data.cgnet, the input of mol-pair-cgnet.yaml (run once by hand):
//   g++ -std=c++17 -I../../src/BACKMAP -I../cgnet make_cgnet_input.cpp ../../src/BACKMAP/backmap_{features,cgnet,cgnet_spec,model_file,molecule_spec,sha256}.cpp
//   ./a.out tests

#include "cgnet_support.h"

#include <cstdio>
#include <fstream>
#include <string>

int main(int argc, char **argv)
{
  using namespace cgnet_support;
  const std::string folder = argc > 1 ? argv[1] : ".";
  std::ofstream(folder + "/test.cgnet.safetensors", std::ios::binary)
      << make_cgnet().to_model().serialize();

  // three molecules, two of them cut by faces of the box, with interleaved IDs, and two atoms that are no beads
  const int nmol = 3;
  const double shift[nmol][3] = {{0.0, 7.0, 12.5}, {6.0, 6.0, 6.0}, {12.0, 0.5, 3.0}};
  const auto z = configurations(nmol, 5, 0.1);
  std::ofstream data(folder + "/data.cgnet");
  data << "beads of three molecules\n\n20 atoms\n7 atom types\n\n0 13 xlo xhi\n0 13 ylo yhi\n0 13 "
          "zlo zhi\n"
          "\nMasses\n\n1 12.01\n2 14.01\n3 12.01\n4 12.01\n5 12.01\n6 14.01\n7 39.95\n\nAtoms # "
          "full\n\n";
  char line[200];
  for (int b = 0; b < 6; b++)
    for (int m = 0; m < nmol; m++) {
      const double *x = &z[18 * m + 3 * b];
      snprintf(line, sizeof(line), "%d %d %d 0.0 %.12f %.12f %.12f\n", b * nmol + m + 1, m + 1,
               b + 1, x[0] + shift[m][0], x[1] + shift[m][1], x[2] + shift[m][2]);
      data << line;
    }
  data << "19 0 7 0.0 9.5 9.0 9.0\n20 0 7 0.0 3.0 3.5 9.0\n";
}

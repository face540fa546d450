/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef TRAIN_TEST_SUPPORT_H
#define TRAIN_TEST_SUPPORT_H

// Molecules and frames for the tests of training, from the files in unittest/data.

#include "training/flow_data.h"

#include <cmath>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace train_test {

using BACKMAP_NS::Mapping;
using BACKMAP_NS::Topology;

inline std::string read_file(const std::string &path)
{
  std::ifstream in(path);
  if (!in) throw std::runtime_error("no file " + path);
  std::stringstream s;
  s << in.rdbuf();
  return s.str();
}

/// Topology of a LAMMPS data file of atom_style full.
inline Topology data_topology(const std::string &path)
{
  std::istringstream in(read_file(path));
  std::string line, section;
  Topology t;
  std::vector<double> mass(100, 0.0);
  std::getline(in, line);
  while (std::getline(in, line)) {
    const std::string text = line.substr(0, line.find('#'));
    std::istringstream words(text);
    std::string first, second;
    words >> first >> second;
    if (first.empty()) continue;
    if (second == "atoms") {
      t.natoms = std::stoi(first);
      t.types.resize(t.natoms);
      t.charges.resize(t.natoms);
      t.masses.resize(t.natoms);
    }
    if (std::isalpha((unsigned char) first[0])) {
      section = first == "Pair" || second == "Coeffs" ? "" : first;
      continue;
    }
    std::istringstream row(text);
    double v[7];
    if (section == "Masses" && row >> v[0] >> v[1]) mass[(int) v[0]] = v[1];
    if (section == "Atoms" && row >> v[0] >> v[1] >> v[2] >> v[3]) {
      const int i = (int) v[0] - 1;
      t.types[i] = (int) v[2];
      t.charges[i] = v[3];
      t.masses[i] = mass[t.types[i]];
    }
    if (section == "Bonds" && row >> v[0] >> v[1] >> v[2] >> v[3]) {
      t.bonds.push_back({(int) v[2] - 1, (int) v[3] - 1});
      t.bond_types.push_back((int) v[1]);
    }
  }
  return t;
}

/// A molecule of which only the bonds matter; all atoms of one type unless said otherwise.
inline Topology make_topology(int natoms, const std::vector<std::array<int, 2>> &bonds,
                              const std::vector<int> &hydrogens)
{
  Topology t;
  t.natoms = natoms;
  t.bonds = bonds;
  t.bond_types.assign(bonds.size(), 1);
  t.types.assign(natoms, 1);
  t.charges.assign(natoms, 0.0);
  t.masses.assign(natoms, 12.0);
  for (int h : hydrogens) {
    t.types[h] = 2;
    t.masses[h] = 1.0;
  }
  return t;
}

/// A map of single atoms (0-based).
inline Mapping make_map(const std::vector<int> &atoms)
{
  Mapping m;
  m.molecule = "test";
  for (int a : atoms) m.beads.push_back({"B" + std::to_string(a), {a}, {1.0}});
  return m;
}

/// The first n frames of an oracle file [n*natoms*3]; those of molecular dynamics come first.
inline std::vector<double> oracle_frames(const std::string &path, int n)
{
  std::istringstream in(read_file(path));
  std::vector<double> x;
  std::string line, name;
  for (int f = 0; f < n; f++) {
    if (!std::getline(in, line)) break;
    const int natoms = std::stoi(line);
    std::getline(in, line);
    for (int i = 0; i < natoms; i++) {
      std::getline(in, line);
      std::istringstream row(line);
      double v;
      row >> name;
      for (int k = 0; k < 3; k++) {
        row >> v;
        x.push_back(v);
      }
    }
  }
  return x;
}

/// Copies of frames with Gaussian noise on every coordinate.
inline std::vector<double> noisy(const std::vector<double> &x, int copies, double sigma, int seed)
{
  std::mt19937 gen(seed);
  std::normal_distribution<double> noise(0.0, sigma);
  std::vector<double> out;
  for (int c = 0; c < copies; c++)
    for (double v : x) out.push_back(v + noise(gen));
  return out;
}

/// A flow of one piece, or composed of fragments.
inline BACKMAP_NS::FlowData prepare_flow(const Topology &t, const Mapping &m,
                                         const BACKMAP_NS::FlowDesign &design, int64_t n,
                                         const double *x, const std::vector<char> &valid,
                                         const BACKMAP_NS::Fragments *fragments = nullptr)
{
  const BACKMAP_NS::FlowSystem system{t, m, n, x, valid};
  return fragments ? BACKMAP_NS::prepare_flows({system}, {*fragments}, design)[0]
                   : BACKMAP_NS::prepare_flow(system, design);
}

}    // namespace train_test

#endif

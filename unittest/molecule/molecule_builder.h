/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef MOLECULE_BUILDER_H
#define MOLECULE_BUILDER_H

// Molecules for tests, atom by atom from internal coordinates: peptides with a few side chains,
// polymers.

#include "molecule/geometry.h"
#include "molecule/mapping.h"
#include "training/train_test_support.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <random>
#include <string>
#include <vector>

namespace molecule_test {

using BACKMAP_NS::Mapping;
using BACKMAP_NS::Topology;

struct Molecule {
  Topology t;
  std::vector<double> x;
  std::vector<std::string> names;    // of atoms, unique only where a test looks for them
  std::vector<int> beads;

  Mapping map() const { return train_test::make_map(beads); }

  BACKMAP_NS::Vec3<double> at(int i) const { return {x[3 * i], x[3 * i + 1], x[3 * i + 2]}; }

  int atom(const std::string &name)
  {
    return (int) (std::find(names.begin(), names.end(), name) - names.begin());
  }

  /// Sign of the volume of three bonds from a centre, 0 if they lie nearly in a plane.
  int hand(int centre, int a, int b, int c) const
  {
    const auto u = at(a) - at(centre), v = at(b) - at(centre), w = at(c) - at(centre);
    const double volume = dot(u, cross(v, w)) / (norm(u) * norm(v) * norm(w));
    return volume > 0.2 ? 1 : (volume < -0.2 ? -1 : 0);
  }

  /// Adds an atom bonded to a, at an angle to b and a torsion to c in degrees; a < 0: the first
  /// ones.
  int add(const std::string &name, double charge, int a, int b, int c, double r, double angle,
          double torsion, bool bead = false)
  {
    const std::map<char, double> mass = {
        {'H', 1.008}, {'C', 12.01}, {'N', 14.01}, {'O', 16.0}, {'S', 32.06}};
    const int i = t.natoms++;
    names.push_back(name);
    t.masses.push_back(mass.at(name[0]));
    t.types.push_back(1 + (int) std::distance(mass.begin(), mass.find(name[0])));
    t.charges.push_back(charge);
    if (bead) beads.push_back(i);
    const double rad = BACKMAP_NS::BACKMAP_PI / 180.0;
    // the first three atoms are placed against points that are no atoms
    const BACKMAP_NS::Vec3<double> p0{0.0, 0.0, 0.0}, p1{-1.5, 0.3, 0.0}, p2{-2.0, -1.0, 0.4};
    const auto pa = a < 0 ? p0 : at(a), pb = b < 0 ? (a < 0 ? p1 : p0) : at(b),
               pc = c < 0 ? p2 : at(c);
    const auto p = BACKMAP_NS::place(pa, pb, pc, r, std::sin(angle * rad), std::cos(angle * rad),
                                     std::sin(torsion * rad), std::cos(torsion * rad));
    x.insert(x.end(), {p.x, p.y, p.z});
    if (a >= 0) {
      t.bonds.push_back({a, i});
      t.bond_types.push_back(1);
    }
    return i;
  }

  void bond(int a, int b)
  {
    t.bonds.push_back({a, b});
    t.bond_types.push_back(1);
  }

  /// Hydrogen atoms of a group about a with other neighbor b, at the torsions to c.
  void hydrogens(int a, int b, int c, const std::vector<double> &torsions, double charge)
  {
    for (const double p : torsions) add("H" + names[a], charge, a, b, c, 1.09, 109.5, p);
  }

  /// The mirror image.
  Molecule mirrored() const
  {
    Molecule m = *this;
    for (int i = 0; i < t.natoms; i++) m.x[3 * i] *= -1.0;
    return m;
  }

  /// The same molecule with atom i now atom to[i].
  Molecule renumbered(const std::vector<int> &to) const
  {
    Molecule m = *this;
    for (int i = 0; i < t.natoms; i++) {
      const int j = to[i];
      m.names[j] = names[i];
      m.t.masses[j] = t.masses[i];
      m.t.types[j] = t.types[i];
      m.t.charges[j] = t.charges[i];
      for (int k = 0; k < 3; k++) m.x[3 * j + k] = x[3 * i + k];
    }
    for (auto &b : m.t.bonds) b = {to[b[1]], to[b[0]]};
    std::reverse(m.t.bonds.begin(), m.t.bonds.end());
    for (int &b : m.beads) b = to[b];
    return m;
  }

  std::vector<int> shuffle(int seed) const
  {
    std::vector<int> to(t.natoms);
    std::iota(to.begin(), to.end(), 0);
    std::mt19937 gen(seed);
    for (int i = t.natoms - 1; i > 0; i--) std::swap(to[i], to[gen() % (i + 1)]);
    return to;
  }
};

/// CB at a dihedral to the backbone, then the side chain; returns nothing, adds beads as told.
inline void side_chain(Molecule &m, const std::string &residue, int ca, int n, int cb)
{
  if (residue == "ALA") m.hydrogens(cb, ca, n, {60, 180, -60}, 0.0603);
  if (residue == "LEU") {
    m.hydrogens(cb, ca, n, {60, -60}, 0.0457);
    const int cg = m.add("CG", 0.3531, cb, ca, n, 1.53, 114, 180, true);
    m.hydrogens(cg, cb, ca, {60}, -0.0361);
    for (const double p : {180.0, -60.0}) {
      const int cd = m.add(p > 0 ? "CD1" : "CD2", -0.4121, cg, cb, ca, 1.53, 110, p);
      m.hydrogens(cd, cg, cb, {60, 180, -60}, 0.1000);
    }
  }
  if (residue == "PHE") {
    m.hydrogens(cb, ca, n, {60, -60}, 0.0295);
    int last = m.add("CG", 0.0118, cb, ca, n, 1.51, 114, 180, true);
    const int cg = last;
    int before = cb, third = ca;
    const char *names[] = {"CD1", "CE1", "CZ", "CE2", "CD2"};
    const double charge[] = {-0.1256, -0.1704, -0.1072, -0.1704, -0.1256};
    std::vector<int> ring;
    for (int k = 0; k < 5; k++) {
      const double torsion = k == 0 ? 90 : (k == 1 ? 180 : 0);
      const int next = m.add(names[k], charge[k], last, before, third, 1.39, 120, torsion);
      third = before;
      before = last;
      last = next;
      ring.push_back(next);
    }
    m.bond(last, cg);
    for (int k = 0; k < 5; k++) {
      const int in = k == 0 ? cg : ring[k - 1], out = k == 4 ? cg : ring[k + 1];
      m.add("H" + m.names[ring[k]], 0.13, ring[k], in, out, 1.08, 120, 180);
    }
  }
}

/// ACE-residues-NME of GLY, ALA, LEU, PHE; beads C N CA CB (and CG) C N.
inline Molecule peptide(const std::vector<std::string> &residues)
{
  Molecule m;
  const int ch3 = m.add("CH3", -0.3662, -1, -1, -1, 0.5, 100, 10);
  const int c0 = m.add("C", 0.5972, ch3, -1, -1, 1.52, 100, 20, true);
  m.hydrogens(ch3, c0, -1, {60, 180, -60}, 0.1123);
  m.add("O", -0.5679, c0, ch3, -1, 1.23, 120, 20);
  int c = c0, ca = ch3, o = m.t.natoms - 1;
  for (const auto &residue : residues) {
    const int n = m.add("N", -0.4157, c, ca, o, 1.335, 116, 180, true);
    m.add("H", 0.2719, n, c, ca, 1.01, 119, 0);
    const int next =
        m.add("CA", residue == "GLY" ? -0.0252 : 0.0337, n, c, ca, 1.45, 122, 180, true);
    if (residue == "GLY")
      m.hydrogens(next, n, c, {0, 120}, 0.0698);
    else {
      m.hydrogens(next, n, c, {0}, 0.0823);
      const int cb = m.add("CB", -0.1825, next, n, c, 1.53, 110, 120, true);
      side_chain(m, residue, next, n, cb);
    }
    const int carbonyl = m.add("C", 0.5973, next, n, c, 1.52, 111, -120, true);
    o = m.add("O", -0.5679, carbonyl, next, n, 1.23, 120, -40);
    c = carbonyl;
    ca = next;
  }
  const int n = m.add("N", -0.4157, c, ca, o, 1.335, 116, 180, true);
  m.add("H", 0.2719, n, c, ca, 1.01, 119, 0);
  const int end = m.add("CH3", -0.149, n, c, ca, 1.45, 122, 180);
  m.hydrogens(end, n, c, {60, 180, -60}, 0.0976);
  return m;
}

/// CH3-(body)-CH3 with hydrogen atoms on carbon; beads: every k-th heavy atom from `first` on.
inline Molecule chain(const std::string &heavy, int every, int first = 0)
{
  Molecule m;
  std::vector<int> atoms;
  for (int k = 0; k < (int) heavy.size(); k++) {
    const int a = k > 0 ? atoms[k - 1] : -1, b = k > 1 ? atoms[k - 2] : -1,
              c = k > 2 ? atoms[k - 3] : -1;
    atoms.push_back(m.add(std::string(1, heavy[k]) + std::to_string(k),
                          heavy[k] == 'O' ? -0.4 : 0.0, a, b, c, 1.5, 112, k > 2 ? 170 : 30,
                          k >= first && (k - first) % every == 0));
  }
  const int last = (int) heavy.size() - 1;
  for (int k = 0; k <= last; k++) {
    if (heavy[k] != 'C') continue;
    const int in = atoms[k > 0 ? k - 1 : 1],
              out = atoms[k > 0 && k < last ? k + 1 : (k ? k - 2 : 2)];
    m.hydrogens(atoms[k], in, out,
                k > 0 && k < last ? std::vector<double>{120, -120}
                                  : std::vector<double>{60, 180, -60},
                0.06);
  }
  return m;
}

/// CH3-(O-CH2-CH2)n-O-CH3
inline Molecule poly_ethylene_oxide(int n, int every = 1, int first = 0)
{
  std::string heavy = "C";
  for (int k = 0; k < n; k++) heavy += "OCC";
  return chain(heavy + "OC", every, first);
}

}    // namespace molecule_test

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_MAPPING_H
#define BACKMAP_MOLECULE_MAPPING_H

#include "molecule/molecule_spec.h"

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** The bonds of one molecule and what is needed to tell its atoms apart. Atoms count from 0. */
struct Topology {
  int natoms = 0;
  std::vector<std::array<int, 2>> bonds;
  std::vector<int> bond_types;    // same length as bonds
  std::vector<int> types;         // [natoms]
  std::vector<double> charges, masses;

  /** Neighbors of every atom, ascending. Throws std::runtime_error if the lists do not fit. */
  std::vector<std::vector<int>> neighbors() const;
  /** Number of bonds between two atoms, -1 if there is no way. [natoms][natoms] */
  std::vector<std::vector<int>> bond_distances() const;
};

/** Which atoms make up each bead: the map that users type as a small JSON file,

      {"molecule":"alanine dipeptide","beads":[{"name":"C","atoms":[5]}, ...]}

    atom IDs as in the data file (from 1), "weights" optional (centre of mass if left out).
    In memory atoms count from 0 and the weights of a bead add up to 1.
    Optional are the groups in which the other atoms are drawn (see Fragments),

      "fragments":[{"name":"LEU","atoms":[8,10,12]}, ...]

    every atom that is in no bead being in one of them, and "drawn_first":"odd", which draws the
    fragments at odd places of the chain before those at even places; "even" if left out. */
struct Mapping {
  using Bead = MoleculeSpec::Bead;
  struct Group {
    std::string name;
    std::vector<int> atoms;
  };
  std::string molecule;
  std::vector<Bead> beads;
  std::vector<Group> fragments;    // empty if the map names none
  bool odd_first = false;

  int nbeads() const { return (int) beads.size(); }
  /** Every bead is one atom. */
  bool slicing() const;
  /** Bead of each atom, -1 for atoms in no bead. */
  std::vector<int> bead_of_atom(int natoms) const;

  /** Parses the text of a map. origin names it in errors. Throws std::runtime_error for anything
      else than the form above: unknown fields, atoms outside 1..natoms or in two beads, weights
      that are not positive, fragments that are not all other atoms once. */
  static Mapping parse(const std::string &text, const Topology &topology,
                       const std::string &origin);

  /** z [nbeads*3] = map of x [natoms*3] (molecule whole). */
  void apply(const double *x, double *z) const;

  /** The bead whose force each atom's force is added to: the one with the fewest bonds to it,
      the first of these if there are several (aggregated force map; its noise is lower than that of
      the beads' own atoms, Kramer et al., J. Phys. Chem. Lett. 14, 3970 (2023)). -1 for atoms that
      no bond leads to. Valid for flexible molecules. */
  std::vector<int> force_groups(const Topology &topology) const;
  /** F [nbeads*3] = sums of f [natoms*3] over groups. */
  static void apply_forces(const std::vector<int> &groups, int nbeads, const double *f, double *F);

  /** Pairs of beads whose force groups are bonded, sorted. */
  std::vector<std::array<int, 2>> bead_bonds(const Topology &topology) const;
};

/** The groups of Mapping::force_groups for the molecule of a model. */
std::vector<int> force_groups(const MoleculeSpec &molecule);

/** The fields that every model states, without units and temperature. */
MoleculeSpec describe_molecule(const Topology &topology, const Mapping &mapping);

}    // namespace BACKMAP_NS

#endif

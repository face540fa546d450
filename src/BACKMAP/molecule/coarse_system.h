/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_COARSE_SYSTEM_H
#define BACKMAP_MOLECULE_COARSE_SYSTEM_H

// The beads of a molecule as atoms of LAMMPS: a data file to start from, a dump of frames.

#include "molecule/mapping.h"

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct CoarseRule {
  enum Mass {
    Group,    // of all atoms whose forces the bead feels: the beads have the mass of the molecule
    Bead,     // of the atoms of the bead
    Equal     // `mass` for every bead
  };
  Mass sort = Group;
  double mass = 0.0;
  bool atom_ids = false;    // the ID of a bead is that of its atom, and not its place in the map
};

class CoarseSystem {
 public:
  struct Type {
    std::string name;
    double mass;
    bool operator==(const Type &o) const { return name == o.name && mass == o.mass; }
  };

  /** Throws std::runtime_error: fewer than two beads, several molecules, IDs of atoms for beads of
      several atoms or beads that do not ascend with them. */
  CoarseSystem(const Topology &topology, const Mapping &mapping, const CoarseRule &rule);

  int nbeads() const { return (int) bead_ids.size(); }
  const std::vector<int> &ids() const { return bead_ids; }
  /// Atom type of each bead, from 1: a type for each name and mass, in the order of the beads.
  const std::vector<int> &types() const { return bead_types; }
  const std::vector<Type> &type_list() const { return distinct; }
  /// The command for pair style cgnet, with the names of the types; long ones go on after "&".
  std::string pair_coeff(const std::string &model) const;

  /** Edge of the cube for a molecule in any conformation: 2.5 times the longest way over bonds, with the
      longest of them in z [n][nbeads][3]. So no two beads are ever half a cube apart. */
  double spacing(const std::vector<double> &z) const;
  /// The smallest one for these conformations; below it molecules overlap or images are mistaken.
  double smallest_spacing(const std::vector<double> &z) const;

  struct Layout {
    double spacing = 0.0;    // edge of the cube of each copy
    bool bonds = false;      // bonds between beads
    bool full = false;       // atom style full, molecular if not; charges are summed as masses are
    std::vector<std::array<int, 4>> torsions;    // places of beads, a dihedral type each
  };
  /** Edges of the box of n copies, cubes on a grid. */
  static std::array<double, 3> box(int n, double spacing);
  /** A data file of LAMMPS with a molecule for each of z [n][nbeads][3], centred in its cube. */
  std::string data_text(const std::vector<double> &z, const Layout &layout) const;

  /** The box of a dump of z [n][nbeads][3], as lo and hi of each dimension: holds all frames, and is as
      large as a data file's. */
  std::array<double, 6> dump_box(const std::vector<double> &z) const;
  /** A frame of a dump custom: id type x y z. */
  std::string dump_frame(int64_t step, const std::array<double, 6> &box, const double *z) const;

 private:
  std::string molecule;
  std::vector<int> bead_ids, bead_types;
  std::vector<double> bead_charges;
  std::vector<Type> distinct;
  std::vector<std::array<int, 2>> bonds;
  std::vector<int> bond_types;                       // [bonds], from 1
  std::vector<std::array<std::string, 2>> bonded;    // names of the beads of each bond type
  int longest = 0;                                   // number of bonds of the longest way

  void find_ids(const Mapping &mapping, bool of_atoms);
  void find_types(const Topology &topology, const Mapping &mapping, const CoarseRule &rule);
  void find_bonds(const Topology &topology, const Mapping &mapping);
};

}    // namespace BACKMAP_NS

#endif

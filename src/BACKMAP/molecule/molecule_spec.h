/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_MOLECULE_SPEC_H
#define BACKMAP_MOLECULE_MOLECULE_SPEC_H

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// What every model states about the molecule it was trained on. Atoms and beads count from 0.
struct MoleculeSpec {
  struct Bead {
    std::string name;
    std::vector<int> atoms;
    std::vector<double> weights;    // one per atom, sum 1
  };

  std::string molecule;
  std::string units = "real";    // LAMMPS units of lengths and energies
  double temperature = 0.0;      // K
  int natoms = 0;
  std::vector<double> masses;               // [natoms]
  std::vector<int> types;                   // [natoms] LAMMPS atom types of the training system
  std::vector<double> charges;              // [natoms]
  std::vector<std::array<int, 2>> bonds;    // of the all-atom molecule
  std::vector<Bead> beads;                  // in bead order

  int nbeads() const { return (int) beads.size(); }
  std::vector<std::string> bead_names() const;
  /// true if every bead is one atom
  bool slicing() const;

  /// z [beads][3] of x [atoms][3], a whole molecule.
  static void apply(const std::vector<Bead> &beads, const double *x, double *z);
  /// [n][beads][3] of n structures x [n][atoms][3].
  std::vector<double> bead_positions(std::size_t n, const double *x) const;

  /// Throws std::runtime_error, starting with `where`, for anything inconsistent.
  void validate(const std::string &where) const;

  /// JSON text of an object with exactly the fields above.
  std::string to_json() const;
  /// Inverse of to_json(); validated. Fields listed in `others` may stand beside and are ignored
  /// here, any other unknown field is an error.
  static MoleculeSpec from_json(const std::string &text, const std::vector<std::string> &others,
                                const std::string &where);
};

}    // namespace BACKMAP_NS

#endif

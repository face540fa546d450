/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_FLOW_SPEC_H
#define BACKMAP_FLOW_FLOW_SPEC_H

#include "molecule/feature_range.h"
#include "molecule/features.h"
#include "molecule/molecule_spec.h"

#include <array>
#include <cstddef>
#include <string>
#include <vector>

namespace BACKMAP_NS {

class ModelFile;

/// Architecture and parameters of a conditional flow q(x_R|z), independent of how it is evaluated.
///
/// A flow is of one of two sorts. One piece: the molecule has a Z-matrix, variables and networks. Or it
/// is composed of `fragments`, each drawn by one of `kinds`, which are flows of one piece for a few
/// atoms given the points near them; then it has no Z-matrix of its own, and the features are those of
/// all beads, which tell whether a frame is like the training data.
///
/// Placed atoms: row k of the Z-matrix, n rows. Points are the atoms and, natoms + b, the positions
/// of the beads b of several atoms. "Slots" number the raw internal variables:
/// bond lengths 0..n-1, angles n..2n-1, torsions 2n..3n-1. Lengths in the model's units, angles in
/// radians. Everything counts from 0; matrices are row-major.
struct FlowSpec : public MoleculeSpec {
  static constexpr int MAX_BINS = 32;
  static constexpr int MAX_HIDDEN = 4096;
  static constexpr int MAX_COUPLINGS = 64;
  static constexpr int MAX_ROTOR = 3;

  /// m = rows.size() equivalent leaf atoms on one parent; member j ideally at sign*2*pi*j/m from
  /// the first. Rows 1.. have the atom of row 0 as torsion reference.
  struct Rotor {
    std::vector<int> rows;
    int sign = 1;
  };

  /// The atoms of a bead of several atoms, see flow/internal_coords.h: all but one have
  /// consecutive rows, the first of them `row`; axis and spin are atoms that orient the body.
  struct Body {
    int bead, row, axis, spin;
  };

  /// y = weight x + bias
  struct Layer {
    int nout = 0, nin = 0;
    std::vector<double> weight;    // [nout][nin]
    std::vector<double> bias;      // [nout]
  };

  /// One coupling: the identity set conditions the transformation of the rest.
  struct Coupling {
    std::vector<int> linear_id, circular_id;
    Layer in;                    // [hidden][n_linear_id + 4 n_circular_id]
    std::vector<double> cond;    // [hidden][nf], acts on the features beside `in`
    Layer hidden;                // [hidden][hidden]
    Layer out;                   // [noutputs][hidden]
  };

  /// Atoms that are drawn by a flow of their own. `points` are the atoms of the molecule that are the
  /// atoms of the kind, one by one: its own and, as the kind's beads, those that stand already: beads
  /// of the molecule and atoms of fragments of earlier stages. Fragments of one stage are drawn at once.
  struct Fragment {
    int kind, stage;
    std::vector<int> points;
  };

  FeatureSpec features;
  std::vector<Fragment> fragments;    // stages ascending; empty: a flow of one piece
  std::vector<FlowSpec> kinds;
  int reach = 3;            // bonds from a fragment to the points that it sees (FragmentOptions)
  std::string signature;    // of a kind: what it is, whatever the molecule (molecule/fragments.h)
  std::vector<std::array<int, 4>> zmatrix;    // atom, bond, angle and torsion reference
  std::vector<Body> bodies;                   // one for each bead of several atoms, rows ascending
  std::vector<Rotor> rotors;
  std::vector<int> circular;    // slots of circular torsions that belong to no rotor
  std::vector<int> linear;      // all remaining slots, ascending

  int hidden = 0;           // width of all networks
  int bins = 0;             // of the splines of linear variables
  int circular_bins = 0;    // of the splines of circular variables
  double bound = 0.0;       // splines of linear variables act on [-bound, bound]

  std::vector<double> linear_mean;                  // [nl] centre of each linear variable
  std::vector<double> linear_chol;                  // [nl][nl] lower triangular
  std::vector<double> feature_mean, feature_std;    // [nf]
  FeatureRange range;    // of the training data; models before it have none
  std::array<Layer, 3> affine;
  std::vector<Coupling> couplings;
  std::string training = "{}";    // free JSON: figures of the training, for people

  bool composed() const { return !fragments.empty(); }
  /// The flows of one piece that this one consists of: its kinds, or itself.
  int npieces() const { return composed() ? (int) kinds.size() : 1; }
  const FlowSpec &piece(int kind) const { return composed() ? kinds[kind] : *this; }
  FlowSpec &piece(int kind) { return composed() ? kinds[kind] : *this; }
  /// Names of the tensors of a piece begin with this.
  std::string piece_name(int kind) const;
  int nrows() const { return (int) zmatrix.size(); }
  int nl() const { return (int) linear.size(); }
  int nc() const { return (int) (rotors.size() + circular.size()); }
  int nf() const { return features.size(); }

  /// All slots that are neither the first torsion of a rotor nor circular.
  std::vector<int> derive_linear() const;
  /// The numbers below n that are not in the set, ascending.
  static std::vector<int> others(const std::vector<int> &set, int n);
  /// Complements of the identity sets, ascending.
  std::vector<int> linear_transformed(const Coupling &c) const;
  std::vector<int> circular_transformed(const Coupling &c) const;
  /// Numbers the conditioner gives per transformed variable.
  int linear_outputs() const { return 3 * bins + 1; }               // shift, scale, W, H, D(K-1)
  int circular_outputs() const { return 3 * circular_bins + 1; }    // shift, W, H, D
  int outputs(const Coupling &c) const;
  /// Names of the tensors of coupling k begin with this.
  static std::string coupling_name(std::size_t k);
  /// Atoms that are exchanged freely, each group in the order of its labels.
  std::vector<std::vector<int>> equivalent_atoms() const;
  /// True for the atoms of a kind that are drawn, false for its beads.
  std::vector<char> drawn_atoms() const;

  /// Checks every index, size and value; throws std::runtime_error starting with `where`.
  void validate(const std::string &where) const;

  /// Throws std::runtime_error naming file and field.
  static FlowSpec from_model(const ModelFile &file);
  ModelFile to_model() const;
};

}    // namespace BACKMAP_NS

#endif

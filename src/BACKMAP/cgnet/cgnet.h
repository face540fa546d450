/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The coarse-grained network potential: its description (CgnetSpec) and its native evaluation
// (Cgnet).  Plain C++.

#ifndef BACKMAP_CGNET_CGNET_H
#define BACKMAP_CGNET_CGNET_H

#include "cgnet/repulsion.h"
#include "core/model_file.h"
#include "molecule/features.h"
#include "molecule/molecule_spec.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Boltzmann constant in energy units per K of a LAMMPS unit style, the values LAMMPS uses; throws
/// for an unknown style
double boltzmann_constant(const std::string &units);

/// A potential of one molecule of beads; what pair cgnet evaluates, whatever computes it.
class CgPotential {
 public:
  virtual ~CgPotential() = default;
  virtual std::vector<std::string> bead_names() const = 0;
  virtual std::string units() const = 0;
  virtual double temperature() const = 0;    // K
  /**
     nmol molecules z[nmol][nbeads][3], each whole: energy[nmol] and force[nmol][nbeads][3], the
     negative gradient.  Not finite where the potential is not.  Throws std::runtime_error only if
     the evaluation itself fails.
  */
  virtual void evaluate(int nmol, const double *z, double *energy, double *force) const = 0;
};

/**
   Everything a "backmap.cgnet" model holds.

   U(z) = prior(z) + net((features(z) - feature_mean) / feature_std), in the energy unit of `units`;
   net is a multilayer perceptron Linear, tanh, ..., Linear with one output (CGnet: Wang et al.,
   ACS Cent. Sci. 5, 755 (2019)).
   The prior is a Gaussian in its stiff coordinates d (bond lengths, angles in radians, narrow
   dihedrals wrapped about their mean, minus prior.mean) with the Jacobian of the bond lengths, and
   soft spheres that keep beads apart:
   prior(z) = 1/2 d^T precision d + 2 kT sum_bonds ln r + kT sum_pairs (sigma / r)^12

   A model is of one piece, as above, or composed of windows, small sets of beads
   (molecule/bead_windows.h): then

   U(z) = sum over windows of the mean over its orders of U_kind(beads in this order) + far(z)

   and features, network and prior are those of the kinds, which are models of one piece. A
   coordinate that several windows have is divided between their priors: their precision, sigma and
   jacobian hold a share of it. far(z) keeps beads apart that no prior knows (cgnet/repulsion.h).
*/
struct CgnetSpec : public MoleculeSpec {
  struct Linear {
    int in = 0, out = 0;
    std::vector<double> weight;    // [out][in]
    std::vector<double> bias;      // [out]
  };

  struct Prior {
    std::vector<std::array<int, 2>> bonds;
    std::vector<std::array<int, 3>> angles;
    std::vector<std::array<int, 4>> dihedrals;
    std::vector<std::array<int, 2>> repulsion;
    std::vector<double> mean;         // [size()]
    std::vector<double> precision;    // [size()][size()], energy units
    std::vector<double> sigma;        // [repulsion.size()], length units
    std::vector<double> jacobian;     // [bonds.size()] factors of kT ln r; empty: 2 each
    int size() const { return (int) (bonds.size() + angles.size() + dihedrals.size()); }
  };

  /// Its beads, in each of its equivalent orders, are those of the kind, one by one.
  struct Window {
    int kind = 0;
    std::vector<std::vector<int>> orders;
  };

  /// Soft spheres of beads that are `FAR` or more bonds apart, by the formulas of the beads.
  struct FarPair {
    std::array<std::string, 2> beads;    // sorted
    double sigma = 0.0;
  };
  static constexpr int FAR = 4;

  std::vector<Window> windows;    // empty: a model of one piece
  std::vector<CgnetSpec> kinds;
  std::string signature;    // of a kind: what it is, whatever the molecule
  int reach = 0;            // of the windows, in bonds from their centres
  std::vector<std::array<int, 2>> bead_bonds;
  std::vector<FarPair> far;

  // of one piece
  FeatureSpec features;
  std::vector<int> hidden;                          // widths of the hidden layers
  std::vector<double> feature_mean, feature_std;    // [features.size()]
  std::vector<Linear> layers;                       // hidden.size() + 1, the last with out = 1
  Prior prior;
  std::string training = "{}";    // JSON text of an object, free-form figures of the training

  bool composed() const { return !windows.empty(); }
  /// The models of one piece that this one consists of: its kinds, or itself.
  int npieces() const { return composed() ? (int) kinds.size() : 1; }
  const CgnetSpec &piece(int kind) const { return composed() ? kinds[kind] : *this; }
  CgnetSpec &piece(int kind) { return composed() ? kinds[kind] : *this; }
  /// Names of the tensors of a piece begin with this.
  std::string piece_name(int kind) const;
  /// Formula of a bead: the sort of bead that FarPair names.
  std::string bead_formula(int bead) const;
  /// Pairs of formulas that `far` must know.
  std::vector<std::array<std::string, 2>> far_sorts() const;

  /// Throws std::runtime_error, starting with `where`, for anything inconsistent.
  void validate(const std::string &where) const;

  /// Reads and checks a parsed model; errors name its origin and the field.
  static CgnetSpec from_model(const ModelFile &model);
  /// The inverse; network weights in `type`, everything else in double.
  ModelFile to_model(ModelFile::DType type = ModelFile::DType::F32) const;

 private:
  void validate_piece(const std::string &where) const;
  void validate_windows(const std::string &where) const;
};

class CgnetPiece;

/**
   Native evaluation. Windows of one kind, of all molecules, are one batch. Precision is that of the
   networks: their inputs, the prior and sums of energies are in double in any case.

   Const methods may be called from several threads, and allocate nothing once a thread has called
   them.  The result of a molecule does not depend, bitwise, on how many molecules are evaluated in
   one call.
*/
class Cgnet : public CgPotential {
 public:
  enum class Precision { Single, Double };

  explicit Cgnet(const CgnetSpec &spec, Precision precision = Precision::Double);

  const CgnetSpec &spec() const { return model; }
  std::vector<std::string> bead_names() const override { return model.bead_names(); }
  std::string units() const override { return model.units; }
  double temperature() const override { return model.temperature; }
  void evaluate(int nmol, const double *z, double *energy, double *force) const override;

  /// What one molecule costs: multiplications of the networks, and pairs of beads that were compared.
  struct Cost {
    std::int64_t network = 0, pairs = 0;
  };
  Cost cost(const double *z) const;

 private:
  CgnetSpec model;
  std::shared_ptr<const CgnetPiece> piece;    // null of composed models

  // of composed models: beads of each order of the windows of a kind, with the share of the order
  struct View {
    std::vector<int> beads;
    double share;
  };
  std::vector<Cgnet> kinds;
  std::vector<std::vector<View>> views;
  std::shared_ptr<const FarRepulsion> far;

  void evaluate_windows(int n, const double *z, double *energy, double *force) const;
};

}    // namespace BACKMAP_NS

#endif

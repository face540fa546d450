/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Features of a bead configuration that do not change when it is moved or rotated: what the CG
// network and the flow see of the beads.  Plain C++; knows neither networks nor LAMMPS.

#ifndef BACKMAP_MOLECULE_FEATURES_H
#define BACKMAP_MOLECULE_FEATURES_H

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/**
   Which features are computed, in which order (bead-order features in the sense of CGnet, Wang et
   al., ACS Cent. Sci. 5, 755 (2019), with harmonics of the torsions).

   The feature vector holds: all distances; all angles (radians, 0..pi); then for every dihedral phi
   (IUPAC sign) and k = 1..harmonics the pair cos(k phi), sin(k phi).  Bead indices are 0-based.
*/
struct FeatureSpec {
  int nbeads = 0;
  std::vector<std::array<int, 2>> distances;
  std::vector<std::array<int, 3>> angles;
  std::vector<std::array<int, 4>> dihedrals;
  int harmonics = 2;

  /// number of features
  int size() const;

  /// throws std::runtime_error when an index is out of range or repeated inside one feature, or
  /// harmonics < 1
  void validate(const std::string &where) const;

  /// JSON text {"distances":[[0,1],..],"angles":[..],"dihedrals":[..],"harmonics":2}
  std::string to_json() const;

  /// the inverse of to_json; validates; unknown keys are errors; throws std::runtime_error starting
  /// with where
  static FeatureSpec from_json(const std::string &text, int nbeads, const std::string &where);
};

/**
   The default features of a molecule: all pair distances up to 20 beads, beyond that the pairs
   within 4 bonds; all angles and dihedrals along bead bonds, sorted.  A branch through which no
   dihedral passes gets one dihedral over its centre, so that mirror images differ.
*/
FeatureSpec derive_features(int nbeads, const std::vector<std::array<int, 2>> &bead_bonds,
                            int harmonics = 2);

/// f[size()] of one configuration z[nbeads*3]
void features(const FeatureSpec &spec, const double *z, double *f);

/**
   Chain rule: adds to dEdz[nbeads*3] the derivative of E by the beads, given dEdf[size()].
   Where a feature has no derivative (coincident beads, an angle of exactly 0 or pi, a torsion over
   three beads in line) its contribution is zero.
*/
void features_gradient(const FeatureSpec &spec, const double *z, const double *dEdf, double *dEdz);

// The single coordinates, with derivatives added to g (one row of three per bead) times scale.
// Also used by the prior.

double bead_distance(const double *a, const double *b);
double bead_angle(const double *a, const double *b, const double *c);
double bead_dihedral(const double *a, const double *b, const double *c, const double *d);

void bead_distance_gradient(const double *a, const double *b, double scale, double *ga, double *gb);
void bead_angle_gradient(const double *a, const double *b, const double *c, double scale,
                         double *ga, double *gb, double *gc);
void bead_dihedral_gradient(const double *a, const double *b, const double *c, const double *d,
                            double scale, double *ga, double *gb, double *gc, double *gd);

/// x brought into [-pi, pi)
double wrap_angle(double x);

}    // namespace BACKMAP_NS

#endif

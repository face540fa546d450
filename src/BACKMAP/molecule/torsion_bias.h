/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_TORSION_BIAS_H
#define BACKMAP_MOLECULE_TORSION_BIAS_H

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/**
   An energy along a torsion that grows by hills, as a Fourier series: smooth, with an exact derivative, and a sum of the
   series of the hills, whoever adds them. Plain C++.

   A hill is a wrapped normal distribution of the width sigma, scaled to its height:
   h [1 + 2 sum_k g_k cos k(phi - phi_0)] / [1 + 2 sum_k g_k], g_k = exp(-k^2 sigma^2 / 2)
*/
class TorsionBias {
 public:
  /// width: sigma in degrees, which decides how many harmonics there are
  explicit TorsionBias(double width);

  /// One more hill at phi (radians).
  void add(double phi, double height) { add(phi, height, series_.data()); }
  /// The same to another series of this size, which may be summed over ranks and then given to add_series().
  void add(double phi, double height, double *series) const;
  void add_series(const double *series);
  int size() const { return static_cast<int>(series_.size()); }
  const std::vector<double> &series() const { return series_; }

  /// Energy at phi (radians), and its derivative by phi.
  double energy(double phi, double &slope) const;
  /// Difference of the largest and the smallest value, of a degree each.
  double range() const;

  /// A section of a file of LAMMPS's dihedral_style table, 360 values from -180 degrees on, the largest 0.
  /// keep: the part of the depth d below the largest value that is left out, with a rounding of the width smooth:
  /// - smooth log(1 + exp((d - keep) / smooth)); 0: nothing, - d.
  std::string table(const std::string &name, double keep = 0.0, double smooth = 1.0) const;
  /// Takes the values of such a section, as far as the harmonics go; throws std::runtime_error, starting with
  /// `where`, if the file has none of that name or it is not as table() writes it.
  void read(const std::string &text, const std::string &name, const std::string &where);

 private:
  static constexpr int POINTS = 360;    // of a table: whole degrees from -180 on

  std::array<double, POINTS> energies() const;

  std::vector<double> kernel_;    // [harmonics + 1] of a hill of height 1 at 0
  std::vector<double> series_;    // [1 + 2 harmonics]: constant, cosines, sines
};

}    // namespace BACKMAP_NS

#endif

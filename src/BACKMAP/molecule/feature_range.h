/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Where in the space of the bead features the training data were. Plain C++.

#ifndef BACKMAP_MOLECULE_FEATURE_RANGE_H
#define BACKMAP_MOLECULE_FEATURE_RANGE_H

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/**
   Balls of one radius about centres that were training data. A configuration is outside when its nearest
   centre is further than the radius (Euclidean distance of the normalised features). The centres are chosen
   by farthest points (Gonzalez, Theor. Comput. Sci. 38, 293 (1985)), so they lie in every mode and at the
   edges; a gap between modes stays a gap, which limits of single features or a Mahalanobis distance fill in.
   The radius is the 0.999 quantile of the distances of frames that were not among those the centres were
   chosen from: one in a thousand such frames is outside.
*/
struct FeatureRange {
  static constexpr int CENTRES = 256;
  static constexpr std::int64_t FRAMES = 20000;    // looked at, evenly spaced
  static constexpr double QUANTILE = 0.999;

  int dim = 0;
  std::vector<double> centres;    // [n][dim]
  double radius = 0.0;

  bool known() const { return !centres.empty(); }
  /// Distance of normalised features f [dim] to the nearest centre.
  double distance(const double *f) const;
  bool outside(const double *f) const { return distance(f) > radius; }

  /// From normalised features: centres from train [n][dim], the radius from other [m][dim], or from train if m = 0.
  /// Throws std::runtime_error for n = 0 or sizes that do not fit.
  static FeatureRange build(const std::vector<float> &train, const std::vector<float> &other,
                            int dim);

  /// Throws std::runtime_error, starting with `where`, unless it is empty or consistent with dim features.
  void validate(const std::string &where, int features) const;
};

}    // namespace BACKMAP_NS
#endif

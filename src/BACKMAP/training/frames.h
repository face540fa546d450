/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FRAMES_H
#define BACKMAP_TRAINING_FRAMES_H

// What both trainings do with all-atom frames: hold some back, look at their beads.

#include "molecule/features.h"
#include "molecule/mapping.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace BACKMAP_NS {

/** Marks the last `share` of each series (equal block and file numbers, in time order) as validation:
    neighboring frames are correlated, so random ones would not be independent. */
std::vector<char> validation_tail(const std::vector<int> &block, const std::vector<int> &file,
                                  double share);

/** The other frames. */
std::vector<char> opposite(const std::vector<char> &marks);

/** At most n frames at equal distances out of x [all][stride]. */
std::vector<double> spread_frames(const std::vector<double> &x, size_t stride, size_t n);

/** Bead positions [count][nbeads*3] of the marked frames of x [n][natoms*3]. */
std::vector<double> bead_positions(const Mapping &mapping, int natoms, int64_t n, const double *x,
                                   const std::vector<char> &take);

/** Mean and standard deviation (1 where it vanishes) of each feature over z [n][nbeads*3]. */
void feature_statistics(const FeatureSpec &spec, const std::vector<double> &z,
                        std::vector<double> &mean, std::vector<double> &deviation);

}    // namespace BACKMAP_NS

#endif

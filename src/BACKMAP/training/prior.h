/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_PRIOR_H
#define BACKMAP_TRAINING_PRIOR_H

#include "cgnet/cgnet.h"
#include "molecule/bead_windows.h"

#include <array>
#include <vector>

namespace BACKMAP_NS {

/** The prior of a CG potential from bead positions z [n][nbeads*3] and the bonds between beads: the stiff
    coordinates (bonds, angles, torsions that stay in one place) as a Gaussian of the data's covariance, without those that others
    determine, and a repulsion between beads that are not bonded, 0.1 kT at the shortest distance of the
    data. Throws std::runtime_error if the covariance is singular. */
CgnetSpec::Prior fit_prior(int nbeads, const std::vector<std::array<int, 2>> &bonds,
                           const std::vector<double> &z, double kT);

/** The part of a window, z [n][beads of the kind*3]: coordinates about its centre, bead 0. These are its bonds and
    angles, the narrow torsions about its bonds, and the repulsion of beads two bonds apart by way of
    it or three bonds apart by way of one of its bonds. What other windows have as well is divided
    equally: the parts of all windows of a molecule add up to one prior. */
CgnetSpec::Prior fit_window_prior(const BeadWindows::Kind &kind, const std::vector<double> &z,
                                  double kT);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_BEAD_FRAMES_H
#define BACKMAP_TRAINING_BEAD_FRAMES_H

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace BACKMAP_NS {

/** Bead positions of a dump custom file, by (step, molecule), and the mean forces on them where it has these. */
struct BeadFrames {
  using Vectors = std::map<std::pair<int64_t, int64_t>, std::vector<double>>;    // [nbeads*3] each
  int nbeads = 0;
  Vectors z;    // whole
  Vectors force,
      error;    // columns mean_fx ... and error_fx ... of fix backmap; empty without them

  /** Text of a dump custom with the columns id, x y z (or xu yu zu) and, with several molecules, mol;
      atoms in the order of their IDs are the beads in bead order. Wrapped molecules are made whole by
      minimum image in bead order (orthogonal box). Throws std::runtime_error naming origin. */
  static BeadFrames parse(const std::string &text, int nbeads, const std::string &origin);
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_DATA_CHECK_H
#define BACKMAP_TRAINING_DATA_CHECK_H

// A look at all-atom frames before a flow is trained on them: isomers, second peaks, frozen torsions.

#include "flow/flow_spec.h"
#include "molecule/mapping.h"
#include "statistics/diagnosis.h"
#include "training/flow_pieces.h"

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Frames x [n][natoms*3] of several dump files; those of one file in time order. */
struct SourcedFrames {
  int natoms;
  int64_t n;
  const double *x;
  const std::vector<int> &file;             // [n] number in names
  const std::vector<std::string> &names;    // of the files
};

/** The limits, with their reasons. */
struct DataLimits {
  /** Frames of another planar torsion, or in a second peak: share of all that is worth a word. A flow leaves out fewer
      than 0.2 % by itself. A mirror image is told from the first frame on: it cannot be reached by thermal motion. */
  static constexpr double SHARE = 1.0e-3;
  /** Fewer frames than this are no peak. */
  static constexpr int64_t PEAK_FRAMES = 20;
  /** Width in degrees of what lies empty on both sides of a second peak, ... */
  static constexpr int GAP = 40;
  /** ... which holds more than this many times what lies in either gap. With one peak, the density falls on both sides
      of it all round the circle: what lies beyond both gaps is at most 280 degrees wide, so it has at most seven times
      the frames of the fuller gap. One peak, however broad, is therefore never taken for two. */
  static constexpr int64_t PEAK_OVER_GAP = 10;
  /** A torsion that is planar to this many degrees in the reference ... */
  static constexpr double PLANAR = 30.0;
  /** ... and to this many in the frames, but for one in a hundred of them, belongs to a bond that does not turn, ... */
  static constexpr double PLANAR_FRAMES = 60.0;
  /** ... unless it is seen to turn so often that the shares of both isomers are known to a quarter. */
  static constexpr int64_t CROSSINGS = 20;
  /** Triple product of the unit vectors to three neighbors from which on three bonds are a pyramid; a tetrahedron has 0.77. */
  static constexpr double PYRAMID = 0.4;
  /** Within a file a torsion is frozen if its circular standard deviation is below this (degrees; three rotamers
      visited equally have no mean at all, free rotation neither) ... */
  static constexpr double FROZEN = 30.0;
  /** ... and 99 of 100 frames are nearer to the mean than this. Frozen files differ from this on. */
  static constexpr double APART = 60.0;
  /** Files with fewer frames say nothing. */
  static constexpr int64_t FILE_FRAMES = 100;
  /** Share of all frames in files where the torsion is frozen, if two of them contradict each other. */
  static constexpr double FROZEN_SHARE = 0.1;
  /** Two files have beads in common if the means of all features are nearer than this many times the sum of
      their standard deviations. Neighboring umbrella windows have; far ones have not, and their torsions may differ. */
  static constexpr double OVERLAP = 1.5;
};

class DataCheck {
 public:
  explicit DataCheck(const SourcedFrames &frames) : fr(frames) {}

  /** Frames that are another isomer than reference [natoms*3]: mirror images at an atom with four neighbors, or with three
      in a pyramid that inverts in no file; cis instead of trans (and the reverse) at a planar bond between flat atoms that
      hardly ever turns.
      Three end atoms of one type on an atom (methyl) turn and have no handedness. */
  void isomers(const Topology &topology, const std::vector<double> &reference);

  /** In the coordinates of a flow: torsions that are frozen within files, at different values in files whose beads
      overlap; other narrow torsions with a second peak. What isomers() has told is not told again. */
  void torsions(const FlowSpec &flow);

  const Diagnoses &found() const { return out; }

 private:
  SourcedFrames fr;
  Diagnoses out;
  std::set<std::array<int, 2>> told_bonds;
  std::set<int> told_centres;

  void handedness(const std::vector<std::vector<int>> &near, int centre,
                  const std::vector<double> &reference);
  void planar_bond(const std::vector<std::vector<int>> &near, int j, int k,
                   const std::vector<double> &reference);
  void torsions(const FlowSpec &flow, const FlowPiece &piece);
  void second_peak(const std::string &name, const std::vector<std::vector<int64_t>> &bins);
  bool frozen(const FlowSpec &spec, const std::string &name,
              const std::vector<std::vector<int64_t>> &bins);

  std::string files_of(const std::vector<int64_t> &count) const;
};

}    // namespace BACKMAP_NS

#endif

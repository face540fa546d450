/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_CORRECTION_H
#define BACKMAP_TRAINING_CORRECTION_H

// Free energies of CG configurations from backmapped samples: what the CG potential is corrected with
// (back-projection). Plain C++: sample table and bead frames as text, no LAMMPS, no Torch.

#include "statistics/sample_table.h"
#include "training/bead_frames.h"
#include "training/cgnet_data.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Mean forces -grad F(z) of some of the frames. */
struct MeanForceData {
  std::vector<int64_t> frame;          // which of the frames
  std::vector<double> force, error;    // [size()][nbeads*3], energy/length
  int64_t size() const { return (int64_t) frame.size(); }
};

/** F(z)/kT of frames and its error. */
struct FreeEnergies {
  int64_t n = 0;
  std::vector<double> z;                    // [n][nbeads*3]
  std::vector<double> value, error, ucg;    // [n] F/kT without bias of the logarithm, its jackknife
                                            // error, U_CG/kT of the run that gave the frame
  std::vector<int> series;                  // [n] number of the table
  int64_t without = 0;                      // frames left out: fewer than two samples with weight
  MeanForceData forces;                     // where the dump has them

  void append(const FreeEnergies &other);
};

/** F(z) = -kT ln mean_j exp(-U/kT)/q over the samples of each frame of the table. Throws
    std::runtime_error if the dump lacks a frame of the table. */
FreeEnergies free_energies(const SampleTable &table, const BeadFrames &beads, int series,
                           const std::string &origin);

/** Weights of frames with errors [n], mean 1: 1/(floor^2 + variance), the variance averaged over the `neighbors`
    frames nearest in the given coordinates [n][dim]. Own errors are not used: a low F and its
    error come from the same few samples. floor in units of the errors. */
std::vector<double> smoothed_weights(const std::vector<double> &error,
                                     const std::vector<float> &coordinates, int dim, double floor,
                                     int neighbors = 16);

/** Free energies of the frames as targets of the network, F/kT - prior/kT, with their smoothed weights; the last
    tenth of every table is for validation. */
void energy_targets(const CgnetSpec &spec, const FreeEnergies &free, double kT,
                    CgnetEnergies &train, CgnetEnergies &valid);

/** Mean forces as targets of the network beside those that are there, prior subtracted, with smoothed weights whose
    mean is `weight` (a frame of an all-atom run has weight 1); the frames held back are those of energy_targets(). */
void mean_force_targets(const CgnetSpec &spec, const FreeEnergies &free, double weight,
                        CgnetForces &train, CgnetForces &valid);

/** A spread in kT: standard deviation, and interquartile range / 1.349, which a few frames do not change. */
struct Spread {
  double plain, robust;
};

/** U_CG - F of a model at the frames: at all, at those of the training and at those held back. */
struct SpreadOfDifference {
  Spread all, training, held_back;
};
SpreadOfDifference spread_of_difference(const CgnetSpec &spec, const FreeEnergies &free, double kT);

}    // namespace BACKMAP_NS

#endif

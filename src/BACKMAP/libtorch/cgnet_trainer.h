/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_CGNET_TRAINER_H
#define BACKMAP_LIBTORCH_CGNET_TRAINER_H

// Training of the CG network by force matching, and by free energies of CG configurations, with
// LibTorch. The header shows standard types only.

#include "libtorch/trainer.h"
#include "training/cgnet_data.h"

namespace BACKMAP_NS {

struct CgnetTrainOptions : TrainOptions {
  double kT = 0.6;               // energy units
  double force_weight = 1.0;     // of the squared force error in (energy/length)^2 / 100
  double energy_weight = 2.0;    // of the energy error in kT^2
  double robust = 2.0;           // energy errors beyond this many kT count linearly
  double guard = 1.0;            // of holes outside the data, see CgnetTrainer
  double length = 2.4;    // displacements of the guard: 0.02 to 0.8 of this (a distance of beads)
};

/** A network is free to do anything where there are no data, and a CG run finds the holes. Guard: in each
    step some configurations are displaced by noise of 0.02 to 0.8 of a bead distance per coordinate (a
    tenth of them mirrored), and the network is pushed up where it is lower there than anywhere on the
    batch they come from; each kind of a composed model by itself. What the prior does outside the data stays. */
class CgnetTrainer : public Trainer {
 public:
  /** Either set may be empty (n = 0), not both. start: weights to begin with (names as in the
      model file), empty = random. Throws std::runtime_error. */
  CgnetTrainer(const CgnetShape &shape, const CgnetTrainOptions &options, CgnetForces train,
               CgnetForces valid, CgnetEnergies train_energies, CgnetEnergies valid_energies,
               const NetworkWeights &start);

  /** Of the newest epoch: root mean square errors of forces, robust mean errors of energies (kT). */
  struct Errors {
    double train_force = 0.0, valid_force = 0.0, train_energy = 0.0, valid_energy = 0.0;
  };
  const Errors &errors() const;

 private:
  struct Networks;
};

}    // namespace BACKMAP_NS

#endif

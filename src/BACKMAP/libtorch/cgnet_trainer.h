/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_CGNET_TRAINER_H
#define BACKMAP_LIBTORCH_CGNET_TRAINER_H

// Training of the CG network by force matching, and by free energies of CG configurations, with
// LibTorch. The header shows standard types only.

#include "molecule/features.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** The network: features, their normalisation, widths of the hidden layers (tanh). */
struct CgnetShape {
  FeatureSpec features;
  std::vector<double> mean, std;
  std::vector<int> hidden;
};

/** Configurations z [n][nbeads*3] with the force that the network should give: mapped force minus
    the force of the prior [n][nbeads*3]; energies per length. */
struct CgnetForces {
  int64_t n = 0;
  std::vector<double> z;
  std::vector<float> force;
};

/** Configurations z with the energy that the network should give up to one constant, F(z) minus
    prior, in kT, and the weight of each (mean 1). */
struct CgnetEnergies {
  int64_t n = 0;
  std::vector<double> z;
  std::vector<double> energy, weight;
};

struct CgnetTensor {
  std::vector<int64_t> shape;
  std::vector<double> data;
};

struct CgnetTrainOptions {
  int64_t seed = 1;
  int epochs = 10;
  double minutes = 0.0;
  int batch = 512;
  double rate = 1.0e-3;
  double ema = 0.999;
  double decay = 0.0;
  double clip = 20.0;
  int warmup = 200;
  int patience = 0;
  int threads = 2;
  double kT = 0.6;               // energy units
  double force_weight = 1.0;     // of the squared force error in (energy/length)^2 / 100
  double energy_weight = 2.0;    // of the energy error in kT^2
  double robust = 2.0;           // energy errors beyond this many kT count linearly
  double guard = 1.0;            // of holes outside the data, see CgnetTrainer
  double length = 2.4;    // displacements of the guard: 0.02 to 0.8 of this (a distance of beads)
};

/** Root mean square errors of forces, robust mean error of energies (kT). */
struct CgnetEpoch {
  int epoch = 0;
  double train_force = 0.0, valid_force = 0.0, train_energy = 0.0, valid_energy = 0.0;
  double loss = 0.0, best = 0.0;    // validation loss
  int best_epoch = 0;
  double rate = 0.0, seconds = 0.0, seconds_left = 0.0;
  int64_t skipped = 0;
  bool last = false;
};

/** A network is free to do anything where there are no data, and a CG run finds the holes. Guard: in each
    step some configurations are displaced by noise of 0.02 to 0.8 of a bead distance per coordinate (a
    tenth of them mirrored), and the network is pushed up where it is lower there than anywhere on the
    batch they come from. What the prior does outside the data stays. */
class CgnetTrainer {
 public:
  /** Either set may be empty (n = 0), not both. start: weights to begin with (net.<k>.weight,
      net.<k>.bias), empty = random. Throws std::runtime_error. */
  CgnetTrainer(const CgnetShape &shape, const CgnetTrainOptions &options, CgnetForces train,
               CgnetForces valid, CgnetEnergies train_energies, CgnetEnergies valid_energies,
               const std::map<std::string, CgnetTensor> &start);
  ~CgnetTrainer();

  CgnetEpoch epoch();
  bool finished() const;
  std::map<std::string, CgnetTensor> best() const;
  std::string checkpoint() const;
  void restore(const std::string &bytes);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

}    // namespace BACKMAP_NS

#endif

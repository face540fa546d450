/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_CGNET_DATA_H
#define BACKMAP_TRAINING_CGNET_DATA_H

// From all-atom frames with forces to what the training of a CG network needs. No Torch, no LAMMPS.

#include "cgnet/cgnet.h"
#include "molecule/mapping.h"
#include "training/network_weights.h"

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** The networks: features, their normalisation, widths of the hidden layers (tanh), and the sets of beads
    on which each is evaluated. Their sum is the energy. A model of one piece has one network on all beads. */
struct CgnetShape {
  struct View {
    std::vector<int> beads;
    double share;    // factor of the energy
  };
  struct Kind {
    FeatureSpec features;
    std::vector<double> mean, std;
    std::vector<int> hidden;
    std::string prefix;    // of the names of its tensors
    std::vector<View> views;
  };
  int nbeads = 0;
  std::vector<Kind> kinds;
};

/** Configurations z [n][nbeads*3] with the force that the network should give: mapped force minus
    the force of the prior [n][nbeads*3]; energies per length. weight: of each in the loss; none are 1. */
struct CgnetForces {
  int64_t n = 0;
  std::vector<double> z;
  std::vector<float> force, weight;
};

/** Configurations z with the energy that the network should give up to one constant, F(z) minus
    prior, in kT, and the weight of each (mean 1). */
struct CgnetEnergies {
  int64_t n = 0;
  std::vector<double> z;
  std::vector<double> energy, weight;
};

struct CgnetData {
  CgnetSpec spec;    // prior and features from the data, network all zeros
  CgnetForces train, valid;
  std::vector<std::string> notes;    // for people
};

/** x, f [n][natoms*3]: coordinates and forces of the molecule alone; valid[i] != 0 marks frames held
    back. units and temperature (K) fix kT. Prior: the stiff bead coordinates (bonds, angles, narrow
    torsions) as a Gaussian of the data's covariance, with the 2 kT ln r of the bonds; a repulsion
    between beads that are not bonded that is small (0.1 kT) at the shortest distance of
    the data. Throws std::runtime_error. */
CgnetData prepare_cgnet(const Topology &topology, const Mapping &mapping, const std::string &units,
                        double temperature, const std::vector<int> &hidden, int64_t n,
                        const double *x, const double *f, const std::vector<char> &valid);

/** The same for a sum of windows (molecule/bead_windows.h), which share networks and prior by kind. reference
    [natoms*3]: a relaxed structure. */
CgnetData prepare_local_cgnet(const Topology &topology, const Mapping &mapping,
                              const std::vector<double> &reference, int reach,
                              const std::string &units, double temperature,
                              const std::vector<int> &hidden, int64_t n, const double *x,
                              const double *f, const std::vector<char> &valid);

/** Mapped positions and aggregated forces of n frames, force minus prior as target. */
CgnetForces force_targets(const CgnetSpec &spec, const Topology &topology, const Mapping &mapping,
                          int64_t n, const double *x, const double *f,
                          const std::vector<char> &take);

/** The model with the network set to zero: the prior alone. */
CgnetSpec prior_only(const CgnetSpec &spec);

CgnetShape cgnet_shape(const CgnetSpec &spec);
void set_weights(CgnetSpec &spec, const NetworkWeights &weights);
NetworkWeights get_weights(const CgnetSpec &spec);

}    // namespace BACKMAP_NS

#endif

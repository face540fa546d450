/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_CGNET_WINDOWS_H
#define BACKMAP_TRAINING_CGNET_WINDOWS_H

// CG models composed of windows: before their training, and for other molecules after it. No Torch,
// no LAMMPS.

#include "cgnet/cgnet.h"
#include "molecule/bead_windows.h"
#include "molecule/mapping.h"

#include <string>
#include <vector>

namespace BACKMAP_NS {

/** The composed model of a molecule, its networks all zeros: features and priors of the kinds, and
    the repulsion, from bead positions z [n][nbeads*3] of it. For each pair of sorts of beads the repulsion
    is 0.1 kT at the shortest distance of pairs four or more bonds apart; where the molecule has none
    (longer ones may), three, or two. Throws std::runtime_error. */
CgnetSpec compose_cgnet(const Topology &topology, const Mapping &mapping,
                        const BeadWindows &windows, const std::string &units, double temperature,
                        const std::vector<int> &hidden, const std::vector<double> &z);

/** The model of this molecule out of kinds that other models have, each kind from the first model that has
    it; x [natoms*3] as for BeadWindows. Sorts of beads that never met in a model repel each other
    like the pair of least sigma that one of them is in. Throws std::runtime_error: a kind that is in no
    model, with its name and signature; models of one piece; units, temperatures or reaches that differ.

    Windows overlap, so training determines their sum and not each of them: what belongs to common beads may
    be in one or in the other. The kinds hold for another molecule if those that are neighbors in it
    were neighbors in one training. Each pair that was not is told in `notes`, unless it is null. */
CgnetSpec assemble_cgnet(const Topology &topology, const Mapping &mapping,
                         const std::vector<double> &x, const std::vector<CgnetSpec> &models,
                         std::vector<std::string> *notes = nullptr);

/** Layers for the hidden widths of a model of one piece, all zeros. */
void add_empty_network(CgnetSpec &spec);

}    // namespace BACKMAP_NS

#endif

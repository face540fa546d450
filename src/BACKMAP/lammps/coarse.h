/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The CG side of fix backmap: whole molecules, what energy each of them has, and whether the model fits them.

#ifndef BACKMAP_LAMMPS_COARSE_H
#define BACKMAP_LAMMPS_COARSE_H

#include "pointers.h"

#include "lammps/molecules.h"
#include "lammps/sampler.h"

#include <string>
#include <vector>

namespace LAMMPS_NS {
class Compute;
}

namespace BACKMAP_NS {

/// Collective over world; errors through error->all.
class BackmapCoarse : protected LAMMPS_NS::Pointers {
 public:
  /// pe, peatom: IDs of computes of styles pe and pe/atom, empty if no energies are wanted
  BackmapCoarse(LAMMPS_NS::LAMMPS *lmp, const std::string &what, int groupbit, const FlowSpec &spec,
                const std::string &pe, const std::string &peatom);

  /// names[type] of the beads (index 0 unused), from the keyword beads; empty: ask the pair style
  void bead_names(const std::vector<std::string> &names) { names_ = names; }

  /// At the start of a run: units, temperature and bead names of the pair style, fixes whose energy is left out.
  void init();
  /// Ask for energies at a timestep to come.
  void addstep(LAMMPS_NS::bigint step);
  /// The newest configuration of all molecules, sorted by molecule-ID, on every rank.
  /// forces [nlocal][3]: of pair, bonded and kspace styles on the atoms of this rank, or empty; used up.
  std::vector<CoarseFrame> frames(std::vector<double> &forces);

  /// Why the forces of U_CG cannot be told, empty if they can.
  std::string unknown_forces() const;
  /// Styles of the CG potential, each with a checksum of its coefficients where it can tell them.
  std::string potential() const;

 private:
  const std::string what_;
  const int groupbit_;
  const FlowSpec &spec_;
  const std::string pe_, peatom_;
  std::vector<std::string> names_;
  BackmapMolecules molecules_;
  bool checked_ = false;

  LAMMPS_NS::Compute *find(const std::string &id) const;
  void check_beads();
  void energies(std::vector<CoarseFrame> &frames);
  void add_bias_forces(std::vector<double> &forces);
  std::string interactions() const;
};

}    // namespace BACKMAP_NS
#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_TRAINING_MOLECULE_H
#define BACKMAP_LAMMPS_TRAINING_MOLECULE_H

#include "lammps/fine_engine.h"
#include "lammps/trajectory.h"
#include "molecule/mapping.h"

#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** A molecule of train_flow with its frames and its energy: the one of the input script, or another one, which an
    all-atom script of its own defines. Frames of the first are read by all ranks, those of others by the rank that
    asks, in a LAMMPS instance of the script. */
class TrainingMolecule {
 public:
  /// The system of lmp, whose frames `trajectory` reads.
  TrainingMolecule(LAMMPS_NS::LAMMPS *lmp, LAMMPS_NS::BackmapTrajectory &trajectory);
  /// Another one; throws std::runtime_error.
  TrainingMolecule(LAMMPS_NS::LAMMPS *lmp, const std::string &map_file, const std::string &script,
                   const std::string &what);

  /// As BackmapTrajectory::keyword().
  int keyword(int narg, char **arg, int iarg);

  /// Topology, map and reference structure; map_text is what map_file holds. Throws std::runtime_error.
  void describe(const std::string &map_text);
  /// Makes the instance of the script that computes energies. Throws std::runtime_error.
  void start_engine();
  /// Frames of another molecule; throws std::runtime_error.
  void read();

  /// Energy of x [natoms][3]; needs start_engine().
  double energy(const double *x) { return engine->evaluate(x, nullptr); }
  /// Exchanging equivalent atoms must not change the energy of the first frame. Throws std::runtime_error.
  void check_equivalent(const std::vector<std::vector<int>> &groups);

  bool other() const { return reader != nullptr; }
  bool has_files() const { return trajectory->given(); }
  LAMMPS_NS::BackmapTrajectory::Frames &frames() { return trajectory->frames(); }

  std::string map_file, script;          // of the first molecule: to be set before describe()
  std::vector<std::string> variables;    // for the script
  Topology topology;
  Mapping mapping;
  std::vector<double> reference;

 private:
  LAMMPS_NS::LAMMPS *lmp;
  std::unique_ptr<FineEngine> reader, engine;
  std::unique_ptr<LAMMPS_NS::BackmapTrajectory> own;
  LAMMPS_NS::BackmapTrajectory *trajectory;

  template <class F> void guarded(F &&f);
};

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef PAIR_CLASS
// clang-format off
PairStyle(cgnet,PairCgnet);
// clang-format on
#else

#ifndef LMP_PAIR_CGNET_H
#define LMP_PAIR_CGNET_H

#include "pair.h"

#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {
class BackmapMolecules;
class CgPotential;
}    // namespace BACKMAP_NS

namespace LAMMPS_NS {

class PairCgnet : public Pair {
 public:
  PairCgnet(class LAMMPS *);
  ~PairCgnet() override;

  void compute(int, int) override;
  void settings(int, char **) override;
  void coeff(int, char **) override;
  void init_style() override;
  double init_one(int, int) override;
  /// "bead_names": std::vector<std::string> *, index = atom type, empty for NULL types;
  /// "temperature": double * (K) of the model; "units": std::string * of the model
  void *extract(const char *, int &) override;
  double memory_usage() override;

 protected:
  std::unique_ptr<BACKMAP_NS::CgPotential> potential;
  std::unique_ptr<BACKMAP_NS::BackmapMolecules> molecules;
  std::vector<std::string> model_names;    // beads of the model, in order
  std::vector<std::string> type_names;     // bead name of each atom type
  std::string precision;                   // of the networks, single or double
  bool run_code = false;                   // the user trusts a TorchScript file
  std::string model_units, model_sum;      // SHA-256 of the model's file
  double model_temperature = 0.0;
  bool checked = false;    // beads compared with the model since init
  std::vector<double> energies, forces, virials;

  void allocate();
  void load(const std::string &path);
  void check_beads();
  void check_finite() const;
  [[noreturn]] void not_finite(int molecule, bigint step, double energy) const;
  void tally_global();
  void tally_atoms();
};

}    // namespace LAMMPS_NS

#endif
#endif

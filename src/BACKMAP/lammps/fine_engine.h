/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A second LAMMPS instance of one rank: runs the fine script once, then gives the energy and the observables of any
// configuration, or writes the output that the script asks for.  Knows nothing of weights and flows.

#ifndef BACKMAP_LAMMPS_FINE_ENGINE_H
#define BACKMAP_LAMMPS_FINE_ENGINE_H

#include "lammps/observables.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace LAMMPS_NS {
class LAMMPS;
}

namespace BACKMAP_NS {

/// What labels a sample; reachable in the fine script as internal-style variables of these names.
struct SampleLabel {
  double logweight;
  std::int64_t cgstep, molecule, sample;
};

/// Lives on MPI_COMM_SELF, so every method is local to the rank.  Every method throws std::runtime_error with the script
/// and LAMMPS's text when the instance reports an error (without LAMMPS_EXCEPTIONS LAMMPS prints it to stderr and exits).
class FineEngine {
 public:
  /// Silent: dumps, write_* commands and the files of fix print and fix ave/... are left out.
  /// Writer: they are kept; only write() may be called.
  enum class Role { Silent, Writer };

  /// Runs the script; variables: name, value pairs set as -var does; parent: knows the styles of plugins.
  FineEngine(const std::string &script, Role role, const std::vector<std::string> &variables = {},
             const LAMMPS_NS::LAMMPS *parent = nullptr);
  ~FineEngine();
  FineEngine(const FineEngine &) = delete;
  FineEngine &operator=(const FineEngine &) = delete;

  /// Runs f on the instance; an error that LAMMPS reports there is thrown. f leaves the system as it is.
  void use(const std::function<void(LAMMPS_NS::LAMMPS *)> &f) const;

  int natoms() const { return natoms_; }
  const std::string &units() const { return units_; }
  /// [natoms] masses in the order of atom-IDs
  std::vector<double> masses() const;
  /// pairs of 0-based atoms, lower first, sorted; empty for an atomic system
  std::vector<std::array<int, 2>> bonds() const;
  std::array<double, 3> box_centre() const;
  /// true if the script has something to write: dumps, fix print or fix ave/...
  bool has_output() const;
  /// true if the neighbor list holds all pairs for ever, false if it is rebuilt for every configuration
  bool static_neighbors() const { return static_; }

  /// Have an observable (v_NAME, c_ID, c_ID[i], c_ID[i][j], f_ID...) evaluated; its column in evaluate().  Refused with the
  /// reason if it is no function of the coordinates; if the energy of the script's structure is not finite, by evaluate().
  int request(const std::string &observable);
  int nobservables() const { return static_cast<int>(observables_.size()); }

  /// Potential energy of x [natoms][3], in the units of the script; observables to obs [nobservables] unless null,
  /// which are left at NaN when the energy is not finite; otherwise an observable without a value is an error.
  double evaluate(const double *x, double *obs);
  /// [natoms][3] forces of the last evaluate()
  void forces(double *f) const;

  /// Next configuration of the output, row = 0, 1, 2, ... is its timestep. Rows nobody asked for cost nothing.
  void write(std::int64_t row, const double *x, const SampleLabel &label);

 private:
  std::string script_, units_;
  LAMMPS_NS::LAMMPS *lmp_ = nullptr;
  int natoms_ = 0;
  int pe_ = -1;
  bool static_ = false, every_row_ = false, ready_ = false, virial_ = false;
  std::int64_t step0_ = 0;
  std::vector<int> index_;    // local index of the atom with ID i+1
  std::vector<Observable> observables_;

  template <class F> void guarded(F &&f) const;
  template <class F> void guarded(const std::string &what, F &&f) const;
  void take_styles(const LAMMPS_NS::LAMMPS *parent);
  void silence();
  void check();
  void start();
  void find_atoms();
  bool all_pairs_listed() const;
  bool fixes_write() const;
  void set_coordinates(const double *x);
  void next_step(std::int64_t step);
  double energy_at(std::int64_t step);
  void check(Observable &observable);
  void label(const SampleLabel &label);
  void close();
};

}    // namespace BACKMAP_NS
#endif

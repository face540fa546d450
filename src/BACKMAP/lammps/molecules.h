/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The molecules of a CG box, each whole on one rank: what pair cgnet and fix backmap work on.

#ifndef BACKMAP_LAMMPS_MOLECULES_H
#define BACKMAP_LAMMPS_MOLECULES_H

#include "pointers.h"

#include <string>
#include <vector>

namespace BACKMAP_NS {

/**
   Gathers the beads of every molecule, in the order of their atom-IDs, to the rank that has the
   bead with the lowest ID.  No ghost atoms are used: a molecule may be larger than the
   communication cutoff, and its beads on any ranks.

   Positions are made whole by the minimum image of each bead to the one before it, so consecutive
   beads must be closer than half the box.  Given the same atom->x they are bitwise the same on any
   number of ranks.
*/
class BackmapMolecules : protected LAMMPS_NS::Pointers {
 public:
  /// what names the user of the class in error messages, e.g. "Pair style cgnet"
  BackmapMolecules(LAMMPS_NS::LAMMPS *lmp, int groupbit, int nbeads, const std::string &what);

  /// forget what was found; the next setup() also looks for molecule-IDs used twice (call it when a
  /// run is initialised)
  void reset() { ready_ = false; }

  /// restrict the beads to atom types with types[type] != 0 (index 0 unused); empty = all types
  void select_types(const std::vector<char> &types);

  /**
     Collective.  Finds which rank has which bead.  Calls error->all when the atoms have no
     molecule-IDs, a bead belongs to none, or a molecule has not exactly nbeads beads.
  */
  void setup();

  /**
     Collective.  Positions of all molecules, to their owners.  same_atoms: no atom has changed its
     rank or its place in the arrays since the last call (neighbor->ago != 0 for a pair style), so
     that setup() need not be repeated.
  */
  void gather(bool same_atoms = false);

  /// Collective, after gather().  values[nlocal][3] of the atoms of each rank to the owners of the
  /// molecules: [nowned][nbeads][3]
  std::vector<double> gather_vectors(const double *values);

  /// molecules owned by this rank, in ascending order of molecule-ID
  int nowned() const { return static_cast<int>(molecules_.size()); }
  /// molecules on all ranks together
  LAMMPS_NS::bigint nmolecules() const { return nmolecules_; }
  int nbeads() const { return nbeads_; }

  LAMMPS_NS::tagint molecule(int i) const { return molecules_[i]; }
  /// [nbeads][3] positions; those of the molecules lie one after another
  const double *x(int i) const { return x_.data() + 3 * static_cast<std::size_t>(nbeads_) * i; }
  /// [nbeads] atom types
  const int *type(int i) const { return type_.data() + static_cast<std::size_t>(nbeads_) * i; }
  /// [nbeads] atom-IDs, ascending
  const LAMMPS_NS::tagint *tags(int i) const
  {
    return tag_.data() + static_cast<std::size_t>(nbeads_) * i;
  }

  /// beads that are atoms of this rank (local indices), in the order of scatter()
  const std::vector<int> &local_atoms() const { return local_; }

  /**
     Collective, after gather().  The way back: values[nowned][nbeads][ncol] per bead of the owned
     molecules to the ranks that have the atoms.  Returns [local_atoms().size()][ncol], valid until
     the next call.
  */
  const double *scatter(int ncol, const double *values);

  /// scatter of three columns, added to atom->f
  void scatter_add(const double *f);

  // After setup(), for positions and forces that are not in atom->x and atom->f (lammps/molecules_kokkos.h).
  // A slot is a bead of an owned molecule: (owned molecule)*nbeads + bead.

  /// the local index of the atom of each slot, -1 if it is of another rank
  std::vector<int> slot_atoms() const;
  /// slots of atoms of other ranks
  const std::vector<int> &split_slots() const { return recv_slot_; }
  /// local indices of atoms that are beads of molecules of other ranks
  std::vector<int> split_atoms() const;
  /// Collective: three numbers of each of split_atoms() to split_slots(), and back.
  void split_to_owners(const std::vector<double> &atoms, std::vector<double> &slots);
  void split_to_atoms(const std::vector<double> &slots, std::vector<double> &atoms);

 private:
  struct Peer {
    int rank, count;
  };

  const int groupbit_, nbeads_;
  const std::string what_;
  std::vector<char> types_;
  bool ready_ = false;
  LAMMPS_NS::bigint nmolecules_ = 0;

  // beads of this rank: local index and ID when setup() was called

  std::vector<int> local_;
  std::vector<LAMMPS_NS::tagint> local_tag_;

  // owned molecules

  std::vector<LAMMPS_NS::tagint> molecules_, tag_;
  std::vector<int> type_;
  std::vector<double> x_;

  // route: slots are (owned molecule)*nbeads + bead; a position of local_ goes to a slot here, or
  // to a peer's

  std::vector<int> here_position_, here_slot_;
  std::vector<Peer> send_, recv_;
  std::vector<int> send_position_, recv_slot_;
  std::vector<double> send_buffer_, recv_buffer_, result_;

  bool selected(int i) const;
  void gather_rows(const double *const *rows, double *to);
  void find_local();
  void route_split(const std::vector<int> &split, const std::vector<int> &whole,
                   std::vector<int> &owner);
  void check_counts(LAMMPS_NS::tagint bad);
  bool find_owners(std::vector<int> &owner);
  std::vector<LAMMPS_NS::tagint> announce(const std::vector<int> &owner, bool any,
                                          std::vector<int> &source);
  /// rows of the atoms that are beads of molecules of other ranks, in the order of send_position_
  const double *scatter_split(int ncol, const double *values);
  void exchange(const std::vector<Peer> &from, std::vector<double> &in, const std::vector<Peer> &to,
                const std::vector<double> &out, int ncol);
};

}    // namespace BACKMAP_NS

#endif

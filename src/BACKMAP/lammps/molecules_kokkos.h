/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LAMMPS_MOLECULES_KOKKOS_H
#define BACKMAP_LAMMPS_MOLECULES_KOKKOS_H

// BackmapMolecules where positions and forces are on the default execution space of Kokkos: which bead is where is
// found on the host, with every new neighbor list; what moves in every step moves here. Only beads of molecules
// that are divided between ranks go through the host.

#include "device/arrays.h"
#include "lammps/molecules.h"
#include "lammps/periodic_box.h"

namespace BACKMAP_NS {

/// Rows: LAMMPS's view of positions or forces, [atoms][3].
template <class Rows> struct GatherMolecules {
  Rows rows;
  PeriodicBox box;
  int nbeads;
  const int *atom;    // of each slot
  double *x;          // [slots][3]

  KOKKOS_INLINE_FUNCTION void operator()(int molecule) const
  {
    const int first = molecule * nbeads;
    for (int slot = first; slot < first + nbeads; slot++)
      if (atom[slot] >= 0)
        for (int c = 0; c < 3; c++) x[3 * slot + c] = rows(atom[slot], c);
    box.make_whole(nbeads, x + 3 * first);
  }
};

template <class Rows> struct TakeRows {
  Rows rows;
  const int *index;
  double *to;
  KOKKOS_INLINE_FUNCTION void operator()(int k) const
  {
    for (int c = 0; c < 3; c++) to[3 * k + c] = rows(index[k], c);
  }
};

template <class Rows> struct AddRows {
  Rows rows;
  const int *index;    // -1: not one of ours
  const double *from;
  KOKKOS_INLINE_FUNCTION void operator()(int k) const
  {
    if (index[k] >= 0)
      for (int c = 0; c < 3; c++) rows(index[k], c) += from[3 * k + c];
  }
};

/// Slots are numbers of three doubles here too.
struct MoveSlots {
  const int *slot;
  const double *from;
  double *to;
  bool into_slots;
  KOKKOS_INLINE_FUNCTION void operator()(int k) const
  {
    const int a = into_slots ? k : slot[k], b = into_slots ? slot[k] : k;
    for (int c = 0; c < 3; c++) to[3 * b + c] = from[3 * a + c];
  }
};

class MoleculesOnDevice {
 public:
  using Range = Kokkos::RangePolicy<DeviceSpace>;

  explicit MoleculesOnDevice(BackmapMolecules &molecules) : molecules_(molecules) {}

  /// Collective, after molecules.setup().
  void setup()
  {
    const auto atoms = molecules_.slot_atoms(), split = molecules_.split_atoms();
    slots_ = (int) atoms.size();
    slot_atom_.filled(atoms);
    split_atom_.filled(split);
    split_slot_.filled(molecules_.split_slots());
    Kokkos::fence();    // the lists above go out of scope
    nsent_ = (int) split.size();
    nreceived_ = (int) molecules_.split_slots().size();
  }

  /// Collective. Positions of the owned molecules, whole: [nowned][nbeads][3] in the memory of the device.
  template <class Rows> const double *gather(const Rows &rows, const LAMMPS_NS::Domain *domain)
  {
    x_.sized(3 * (std::size_t) slots_);
    if (nsent_) {
      sent_.resize(3 * (std::size_t) nsent_);
      Kokkos::parallel_for("backmap:take_split", Range(0, nsent_),
                           TakeRows<Rows>{rows, split_atom_.data(), buffer_.sized(sent_.size())});
      buffer_.fetch(sent_.data(), sent_.size());
      Kokkos::fence();
    }
    if (nsent_ || nreceived_) molecules_.split_to_owners(sent_, received_);
    if (nreceived_)
      Kokkos::parallel_for(
          "backmap:put_split", Range(0, nreceived_),
          MoveSlots{split_slot_.data(), buffer_.filled(received_), x_.data(), true});
    if (slots_)
      Kokkos::parallel_for("backmap:gather", Range(0, molecules_.nowned()),
                           GatherMolecules<Rows>{rows, PeriodicBox(domain), molecules_.nbeads(),
                                                 slot_atom_.data(), x_.data()});
    return x_.data();
  }

  /// Collective. Forces [nowned][nbeads][3] in the memory of the device, added to those of the atoms.
  template <class Rows> void scatter_add(const Rows &rows, const double *force)
  {
    if (slots_)
      Kokkos::parallel_for("backmap:scatter", Range(0, slots_),
                           AddRows<Rows>{rows, slot_atom_.data(), force});
    if (nreceived_) {
      received_.resize(3 * (std::size_t) nreceived_);
      Kokkos::parallel_for(
          "backmap:take_slots", Range(0, nreceived_),
          MoveSlots{split_slot_.data(), force, buffer_.sized(received_.size()), false});
      buffer_.fetch(received_.data(), received_.size());
      Kokkos::fence();
    }
    if (nsent_ || nreceived_) molecules_.split_to_atoms(received_, sent_);
    if (nsent_)
      Kokkos::parallel_for("backmap:scatter_split", Range(0, nsent_),
                           AddRows<Rows>{rows, split_atom_.data(), buffer_.filled(sent_)});
  }

 private:
  BackmapMolecules &molecules_;
  int slots_ = 0, nsent_ = 0, nreceived_ = 0;
  DeviceArray<int> slot_atom_{"backmap:slot_atom"}, split_atom_{"backmap:split_atom"},
      split_slot_{"backmap:split_slot"};
  DeviceArray<double> x_{"backmap:x"}, buffer_{"backmap:split"};
  std::vector<double> sent_, received_;
};

}    // namespace BACKMAP_NS

#endif

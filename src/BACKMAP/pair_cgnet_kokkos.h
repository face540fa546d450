/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifdef PAIR_CLASS
// clang-format off
PairStyle(cgnet/kk,PairCgnetKokkos<LMPDeviceType>);
PairStyle(cgnet/kk/device,PairCgnetKokkos<LMPDeviceType>);
PairStyle(cgnet/kk/host,PairCgnetKokkos<LMPHostType>);
// clang-format on
#else

#ifndef LMP_PAIR_CGNET_KOKKOS_H
#define LMP_PAIR_CGNET_KOKKOS_H

#include "kokkos_type.h"
#include "pair_cgnet.h"

namespace LAMMPS_NS {

/// pair cgnet whose positions and forces stay on the device. Where there is no evaluator for the device (models of
/// windows, TorchScript, cgnet/kk/host beside a GPU) it is the plain style with copies to the host and back.
template <class DeviceType> class PairCgnetKokkos : public PairCgnet {
 public:
  typedef DeviceType device_type;

  PairCgnetKokkos(class LAMMPS *);
  ~PairCgnetKokkos() override;

  void compute(int, int) override;
  void settings(int, char **) override;
  void coeff(int, char **) override;

 private:
  struct OnDevice;
  std::unique_ptr<OnDevice> device;    // null: on the host

  void finish();
  void check_failure();
};

}    // namespace LAMMPS_NS

#endif
#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "pair_cgnet_kokkos.h"

#include "cgnet/cgnet_device.h"
#include "lammps/io.h"
#include "lammps/molecules_kokkos.h"
#include "lammps/partitions.h"

#include "atom_kokkos.h"
#include "atom_masks.h"
#include "comm.h"
#include "domain.h"
#include "neighbor.h"
#include "update.h"
#include "utils.h"

#include <exception>
#include <limits>

using namespace LAMMPS_NS;
using namespace BACKMAP_NS;

namespace {

/// The first molecule that is not finite.
struct Failure {
  int molecule;    // -1: none
  std::int64_t step;
  double energy;
};

struct CheckMolecules {
  int nbeads;
  std::int64_t step;
  const double *energy, *force;
  Failure *failure;

  KOKKOS_INLINE_FUNCTION void operator()(int molecule) const
  {
    constexpr double most = std::numeric_limits<double>::max();
    const double *f = force + 3 * nbeads * (std::size_t) molecule;
    bool good = fabs(energy[molecule]) <= most;
    for (int k = 0; k < 3 * nbeads; k++) good = good && fabs(f[k]) <= most;
    if (good || Kokkos::atomic_compare_exchange(&failure->molecule, -1, molecule) != -1) return;
    failure->step = step;
    failure->energy = energy[molecule];
  }
};

/// Energy and virial of the box: (x - centroid) F.
struct SumMolecules {
  int nbeads;
  const double *x, *energy, *force;

  KOKKOS_INLINE_FUNCTION void operator()(int molecule, EV_FLOAT &sum) const
  {
    sum.evdwl += energy[molecule];
    const std::size_t first = 3 * nbeads * (std::size_t) molecule;
    double center[3] = {0.0, 0.0, 0.0};
    for (int b = 0; b < nbeads; b++)
      for (int c = 0; c < 3; c++) center[c] += x[first + 3 * b + c] / nbeads;
    for (int b = 0; b < nbeads; b++) {
      const double *f = force + first + 3 * b;
      double d[3];
      for (int c = 0; c < 3; c++) d[c] = x[first + 3 * b + c] - center[c];
      for (int c = 0; c < 3; c++) sum.v[c] += d[c] * f[c];
      sum.v[3] += d[0] * f[1];
      sum.v[4] += d[0] * f[2];
      sum.v[5] += d[1] * f[2];
    }
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

template <class DeviceType> struct PairCgnetKokkos<DeviceType>::OnDevice {
  std::unique_ptr<CgnetDevice> net;
  MoleculesOnDevice molecules;
  const double *x = nullptr;    // of this step
  DeviceArray<double> energy{"backmap:energy"}, force{"backmap:force"};
  DeviceArray<Failure> failure{"backmap:failure"};

  OnDevice(std::unique_ptr<CgnetDevice> n, BackmapMolecules &m) : net(std::move(n)), molecules(m)
  {
    clear();
  }
  void clear()
  {
    const Failure none{-1, 0, 0.0};
    failure.filled(&none, 1);
    Kokkos::fence();
  }
};

/* ----------------------------------------------------------------------
   LAMMPS syncs nothing for us: compute() does, what it needs and when
------------------------------------------------------------------------- */

template <class DeviceType>
PairCgnetKokkos<DeviceType>::PairCgnetKokkos(LAMMPS *lmp) : PairCgnet(lmp)
{
  kokkosable = 1;
  execution_space = ExecutionSpaceFromDevice<DeviceType>::space;
  datamask_read = EMPTY_MASK;
  datamask_modify = EMPTY_MASK;
}

template <class DeviceType> PairCgnetKokkos<DeviceType>::~PairCgnetKokkos() = default;

/* ---------------------------------------------------------------------- */

template <class DeviceType> void PairCgnetKokkos<DeviceType>::settings(int narg, char **arg)
{
  device.reset();
  PairCgnet::settings(narg, arg);
}

/* ---------------------------------------------------------------------- */

template <class DeviceType> void PairCgnetKokkos<DeviceType>::coeff(int narg, char **arg)
{
  device.reset();    // it refers to the molecules
  PairCgnet::coeff(narg, arg);
  const auto *net = dynamic_cast<const Cgnet *>(potential.get());
  const char *why = nullptr;
  if (!net)
    why = "it is a TorchScript program";
  else if (net->spec().composed())
    why = "it consists of windows";
  else if (!std::is_same<typename DeviceType::memory_space, DeviceMemory>::value)
    return;    // asked for
  if (why) {
    if (comm->me == 0 && !device_is_host)
      utils::logmesg(lmp, "Pair style cgnet/kk: the model is evaluated on the host, because {}\n",
                     why);
    return;
  }
  backmap_agree(lmp, backmap_attempt("Pair style cgnet/kk", [&] {
                  device = std::make_unique<OnDevice>(
                      CgnetDevice::create(net->spec(),
                                          precision == "single" ? Cgnet::Precision::Single
                                                                : Cgnet::Precision::Double),
                      *molecules);
                }));
}

/* ---------------------------------------------------------------------- */

template <class DeviceType> void PairCgnetKokkos<DeviceType>::compute(int eflag, int vflag)
{
  constexpr unsigned int WHO = TAG_MASK | TYPE_MASK | MASK_MASK | MOLECULE_MASK;
  if (!device) {
    atomKK->sync(Host, X_MASK | F_MASK | WHO);
    PairCgnet::compute(eflag, vflag);
    atomKK->modified(Host, F_MASK);
    return;
  }

  ev_init(eflag, vflag);
  if (!checked || neighbor->ago == 0) {
    atomKK->sync(Host, WHO);
    molecules->setup();
    check_beads();
    device->molecules.setup();
  }
  const int nmol = molecules->nowned();
  const std::size_t size = 3 * (std::size_t) molecules->nbeads() * nmol;
  atomKK->sync(execution_space, X_MASK | F_MASK);
  device->x = device->molecules.gather(atomKK->k_x.template view<DeviceType>(), domain);
  device->net->evaluate(nmol, device->x, device->energy.sized(nmol), device->force.sized(size));
  device->molecules.scatter_add(atomKK->k_f.template view<DeviceType>(), device->force.data());
  atomKK->modified(execution_space, F_MASK);
  finish();

  if (eflag_atom || vflag_atom) {
    energies.resize(nmol);
    forces.resize(size);
    device->energy.fetch(energies.data(), nmol);
    device->force.fetch(forces.data(), size);
    Kokkos::fence();
    atomKK->sync(Host, X_MASK | WHO);
    molecules->gather(true);
    tally_atoms();
  }
}

/* ----------------------------------------------------------------------
   sums where they are asked for. A molecule that is not finite is noted in every step, but a device is waited for
   only where it is waited for anyway: then the message comes late, with the step it happened in
------------------------------------------------------------------------- */

template <class DeviceType> void PairCgnetKokkos<DeviceType>::finish()
{
  const int nmol = molecules->nowned(), nbeads = molecules->nbeads();
  const double *energy = device->energy.data(), *force = device->force.data();
  const Kokkos::RangePolicy<DeviceSpace> all(0, nmol);
  if (nmol > 0)
    Kokkos::parallel_for(
        "backmap:check", all,
        CheckMolecules{nbeads, update->ntimestep, energy, force, device->failure.data()});
  const bool sums = eflag_global || vflag_global;
  if (sums) {
    EV_FLOAT sum;
    Kokkos::parallel_reduce("backmap:sum", all, SumMolecules{nbeads, device->x, energy, force},
                            sum);
    if (eflag_global) eng_vdwl += sum.evdwl;
    if (vflag_global)
      for (int k = 0; k < 6; k++) virial[k] += sum.v[k];
  }
  if (sums || device_is_host || neighbor->ago == 0) check_failure();
}

/* ---------------------------------------------------------------------- */

template <class DeviceType> void PairCgnetKokkos<DeviceType>::check_failure()
{
  Failure found{};
  device->failure.fetch(&found, 1);
  Kokkos::fence();
  if (found.molecule < 0) return;
  device->clear();
  not_finite(found.molecule, found.step, found.energy);
}

namespace LAMMPS_NS {
template class PairCgnetKokkos<LMPDeviceType>;
#ifdef LMP_KOKKOS_GPU
template class PairCgnetKokkos<LMPHostType>;
#endif
}    // namespace LAMMPS_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on Kokkos' default execution space. A team works on a tile of molecules: on hosts it is one
// thread; on devices the threads share molecules, then blocks of the layers, then molecules again.

#include "cgnet/cgnet_device.h"
#include "cgnet/parameters.h"
#include "device/teams.h"

#include <algorithm>
#include <stdexcept>

using namespace BACKMAP_NS;

#ifdef BACKMAP_HAVE_KOKKOS
namespace {

template <class S> struct CgnetFunctor {
  static constexpr int W = device_is_host ? host_pack_width<S>()
                                          : BACKMAP_VECTOR_BYTES / (int) sizeof(S);
  static constexpr int WD = device_is_host ? host_pack_width<double>() : 1;
  using Kernel = CgnetKernel<S, W, WD>;
  using D = typename Kernel::D;
  using P = typename Kernel::P;

  CgnetView<S> view;
  int total, tile;    // molecules
  const double *z;
  double *energy, *force;

  KOKKOS_INLINE_FUNCTION std::size_t bytes_of_numbers() const
  {
    return sizeof(P) * Kernel::scratch_numbers(view, tile);
  }
  KOKKOS_INLINE_FUNCTION std::size_t bytes() const
  {
    return with_alignment(bytes_of_numbers() + sizeof(D) * Kernel::scratch_doubles(view, tile));
  }

  KOKKOS_INLINE_FUNCTION void operator()(const DeviceTeam &team) const
  {
    unsigned char *memory = team_memory(team, bytes());
    const int first = team.league_rank() * tile, left = total - first;
    const std::size_t size = 3 * (std::size_t) view.nbeads;
    Kernel::evaluate(DeviceMember(team), view, tile, left < tile ? left : tile, z + first * size,
                     energy + first, force + first * size,
                     reinterpret_cast<D *>(memory + bytes_of_numbers()),
                     reinterpret_cast<P *>(memory));
  }
};

template <class S> class CgnetKokkos : public CgnetDevice {
 public:
  using Functor = CgnetFunctor<S>;

  explicit CgnetKokkos(const CgnetSpec &spec)
  {
    const CgnetParameters<S, Functor::W> p(spec);
    ints.filled(p.ints);
    reals.filled(p.reals);
    weights.filled(p.weights);
    const auto list = p.layers(weights.data());
    layers.filled(list);
    Kokkos::fence();
    view = p.view(ints.data(), reals.data(), layers.data());
    // the widest layer on the device has so many packs
    widest = 1;
    for (const auto &l : list)
      widest = std::max(widest, std::max(l.in_pad, l.out_pad) / Functor::W);
    host_layers = list;
  }

  void evaluate(int nmol, const double *z, double *energy, double *force) override
  {
    if (nmol == 0) return;
    // on devices small tiles where large ones would leave multiprocessors, of about 2048 threads, without work
    int tile = Functor::Kernel::TILE, team = 1;
    if constexpr (!device_is_host) {
      const int processors = std::max(1, DeviceSpace().concurrency() / 2048);
      while (tile > ROW_BLOCK && nmol < 2 * processors * tile) tile /= 2;
      const int items = row_blocks(tile) * widest;
      team = std::min(256, (std::max(items, tile) + 31) / 32 * 32);
    }
    const Functor functor{view, nmol, tile, z, energy, force};
    DevicePolicy policy((nmol + tile - 1) / tile, team);
    policy.set_scratch_size(1, Kokkos::PerTeam((int) bytes(functor)));
    Kokkos::parallel_for("backmap:cgnet", policy, functor);
  }

 private:
  DeviceArray<int> ints{"backmap:cgnet:ints"};
  DeviceArray<double> reals{"backmap:cgnet:reals"};
  DeviceArray<typename Functor::P> weights{"backmap:cgnet:weights"};
  DeviceArray<CgnetLayer<S>> layers{"backmap:cgnet:layers"};
  std::vector<CgnetLayer<S>> host_layers;    // sizes, for the host
  CgnetView<S> view;
  int widest;

  std::size_t bytes(Functor functor) const
  {
    functor.view.layers = host_layers.data();
    return functor.bytes();
  }
};

}    // namespace
#endif

/* ---------------------------------------------------------------------- */

std::unique_ptr<CgnetDevice> CgnetDevice::create(const CgnetSpec &spec, Cgnet::Precision precision)
{
  spec.validate("cgnet model");
  if (spec.composed())
    throw std::runtime_error("cgnet model: expected one of one piece, got windows");
#ifdef BACKMAP_HAVE_KOKKOS
  if (!Kokkos::is_initialized())
    throw std::runtime_error("cgnet: Kokkos is not initialised, expected -k on");
  if (precision == Cgnet::Precision::Single) return std::make_unique<CgnetKokkos<float>>(spec);
  return std::make_unique<CgnetKokkos<double>>(spec);
#else
  (void) precision;
  throw std::runtime_error("cgnet: this was built without Kokkos");
#endif
}

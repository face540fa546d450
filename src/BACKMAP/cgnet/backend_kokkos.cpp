/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on Kokkos' default execution space. On hosts a thread works on a tile of molecules. On devices
// there are three kernels: coordinates and forces, with a thread for a molecule, need so many registers that
// the network, for which the threads of a team share a tile, would have none left.

#include "cgnet/cgnet_device.h"
#include "cgnet/parameters.h"
#include "device/teams.h"

#include <algorithm>
#include <stdexcept>

using namespace BACKMAP_NS;

#ifdef BACKMAP_HAVE_KOKKOS
namespace {

/// How the numbers of a network are packed here.
template <class S> constexpr int network_pack()
{
  return device_is_host ? host_pack_width<S>() : BACKMAP_VECTOR_BYTES / (int) sizeof(S);
}

template <class S>
using DeviceKernel =
    CgnetKernel<S, network_pack<S>(), device_is_host ? host_pack_width<double>() : 1>;

// ----------------------------------------------------------------------
// hosts: a team is one thread
// ----------------------------------------------------------------------

template <class S> struct CgnetTile {
  using Kernel = DeviceKernel<S>;
  using D = typename Kernel::D;
  using P = typename Kernel::P;

  CgnetView<S> view;
  int total;    // molecules
  const double *z;
  double *energy, *force;

  KOKKOS_INLINE_FUNCTION std::size_t bytes_of_numbers() const
  {
    return sizeof(P) * Kernel::scratch_numbers(view);
  }
  std::size_t bytes() const
  {
    return with_alignment(bytes_of_numbers() + sizeof(D) * Kernel::scratch_doubles(view));
  }

  KOKKOS_INLINE_FUNCTION void operator()(const DeviceTeam &team) const
  {
    unsigned char *memory = team_memory(team, bytes_of_team);
    const int first = team.league_rank() * Kernel::TILE, left = total - first;
    const std::size_t size = 3 * (std::size_t) view.nbeads;
    Kernel::evaluate(DeviceMember(team), view, Kernel::TILE,
                     left < Kernel::TILE ? left : Kernel::TILE, z + first * size, energy + first,
                     force + first * size, reinterpret_cast<D *>(memory + bytes_of_numbers()),
                     reinterpret_cast<P *>(memory));
  }
  std::size_t bytes_of_team = 0;
};

// ----------------------------------------------------------------------
// devices
// ----------------------------------------------------------------------

/// Of some molecules, between the kernels.
template <class S> struct CgnetBatch {
  using Kernel = DeviceKernel<S>;

  CgnetView<S> view;
  const double *z;
  double *energy, *force;
  typename Kernel::D *groups;
  S *rows;    // [molecules][stride] features, then derivatives by them
  int stride;

  KOKKOS_INLINE_FUNCTION int size() const { return 3 * view.nbeads; }
};

template <class S> struct CgnetCoordinates {
  CgnetBatch<S> b;
  KOKKOS_INLINE_FUNCTION void operator()(int m) const
  {
    using Kernel = DeviceKernel<S>;
    Kernel::coordinates(b.view, 1, b.z + (std::size_t) m * b.size(),
                        Kernel::group(b.view, b.groups, m), b.rows + (std::size_t) m * b.stride,
                        b.stride);
  }
};

template <class S> struct CgnetForces {
  CgnetBatch<S> b;
  KOKKOS_INLINE_FUNCTION void operator()(int m) const
  {
    using Kernel = DeviceKernel<S>;
    Kernel::forces(b.view, 1, Kernel::group(b.view, b.groups, m),
                   b.rows + (std::size_t) m * b.stride, b.stride, b.energy + m,
                   b.force + (std::size_t) m * b.size());
  }
};

template <class S> struct CgnetNetwork {
  using Layers = typename DeviceKernel<S>::Layers;
  using P = typename DeviceKernel<S>::P;

  CgnetBatch<S> b;
  int total, tile, level;    // molecules; of a team; where its memory is
  std::size_t bytes;

  KOKKOS_INLINE_FUNCTION void operator()(const DeviceTeam &team) const
  {
    const DeviceMember member(team);
    const int first = team.league_rank() * tile, n = total - first < tile ? total - first : tile;
    const int numbers = n * b.stride;
    S *rows = b.rows + (std::size_t) first * b.stride;
    P *memory = reinterpret_cast<P *>(team_memory(team, bytes, level));
    S *inputs = reinterpret_cast<S *>(memory);
    for (int i = member.rank(); i < numbers; i += member.size()) inputs[i] = rows[i];
    const S *slopes =
        Layers::evaluate(member, b.view.nlayers, b.view.layers, tile, n, memory, b.energy + first);
    for (int i = member.rank(); i < numbers; i += member.size()) rows[i] = slopes[i];
  }
};

// ----------------------------------------------------------------------
// both
// ----------------------------------------------------------------------

template <class S> class CgnetKokkos : public CgnetDevice {
 public:
  using Kernel = DeviceKernel<S>;
  static constexpr int W = network_pack<S>();
  /// Molecules between whose kernels the caches of a device are enough.
  static constexpr int BATCH = 16384;
  /// Fast memory that a team may ask for, so that a multiprocessor has several teams.
  static constexpr std::size_t FAST = 40000;

  explicit CgnetKokkos(const CgnetSpec &spec)
  {
    const CgnetParameters<S, W> p(spec);
    ints.filled(p.ints);
    reals.filled(p.reals);
    weights.filled(p.weights);
    layers_of_host = p.layers(weights.data());
    layers.filled(layers_of_host);
    Kokkos::fence();
    view = p.view(ints.data(), reals.data(), layers.data());
    view_of_host = p.view(ints.data(), reals.data(), layers_of_host.data());
    widest = 1;
    for (const auto &l : layers_of_host)
      widest = std::max(widest, std::max(l.in_pad, l.out_pad) / W);
  }

  void evaluate(int nmol, const double *z, double *energy, double *force) override
  {
    if (nmol == 0) return;
    if constexpr (device_is_host) {
      CgnetTile<S> tile{view, nmol, z, energy, force};
      tile.bytes_of_team = tile.bytes();
      DevicePolicy policy((nmol + Kernel::TILE - 1) / Kernel::TILE, 1);
      policy.set_scratch_size(1, Kokkos::PerTeam((int) tile.bytes_of_team));
      Kokkos::parallel_for("backmap:cgnet", policy, tile);
    } else {
      const std::size_t size = 3 * (std::size_t) view.nbeads;
      for (int m = 0; m < nmol; m += BATCH)
        on_device(std::min(BATCH, nmol - m), z + m * size, energy + m, force + m * size);
    }
  }

 private:
  DeviceArray<int> ints{"backmap:cgnet:ints"};
  DeviceArray<double> reals{"backmap:cgnet:reals"};
  DeviceArray<typename Kernel::P> weights{"backmap:cgnet:weights"};
  DeviceArray<CgnetLayer<S>> layers{"backmap:cgnet:layers"};
  std::vector<CgnetLayer<S>> layers_of_host;
  CgnetView<S> view, view_of_host;    // the latter has sizes that the host can read
  int widest;                         // layer, in packs
  DeviceArray<typename Kernel::D> groups{"backmap:cgnet:groups"};
  DeviceArray<S> rows{"backmap:cgnet:rows"};

  void on_device(int n, const double *z, double *energy, double *force)
  {
    const int stride = layers_of_host[0].in_pad;
    const CgnetBatch<S> b{view,
                          z,
                          energy,
                          force,
                          groups.sized(n * Kernel::group_size(view_of_host)),
                          rows.sized((std::size_t) n * stride),
                          stride};
    // blocks of one warp: with the usual ones a batch would not reach all multiprocessors
    const Kokkos::RangePolicy<DeviceSpace, Kokkos::LaunchBounds<32, 1>> molecules(0, n);
    Kokkos::parallel_for("backmap:cgnet:coordinates", molecules, CgnetCoordinates<S>{b});
    network(b, n);
    Kokkos::parallel_for("backmap:cgnet:forces", molecules, CgnetForces<S>{b});
  }

  /* ----------------------------------------------------------------------
     small tiles where large ones would leave multiprocessors, of about 2048 threads, without work, or where
     their memory would not be fast
  ------------------------------------------------------------------------- */

  void network(const CgnetBatch<S> &b, int n)
  {
    const auto bytes = [&](int tile) {
      return with_alignment(sizeof(typename Kernel::P) *
                            Kernel::scratch_numbers(view_of_host, tile));
    };
    const int processors = std::max(1, DeviceSpace().concurrency() / 2048);
    int tile = Kernel::TILE;
    while (tile > ROW_BLOCK && (n < 2 * processors * tile || bytes(tile) > FAST)) tile /= 2;
    const int level = bytes(tile) > FAST ? 1 : 0;
    const int items = row_blocks(tile) * widest, team = std::min(256, (items + 31) / 32 * 32);
    DevicePolicy policy((n + tile - 1) / tile, team);
    policy.set_scratch_size(level, Kokkos::PerTeam((int) bytes(tile)));
    Kokkos::parallel_for("backmap:cgnet:network", policy,
                         CgnetNetwork<S>{b, n, tile, level, bytes(tile)});
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

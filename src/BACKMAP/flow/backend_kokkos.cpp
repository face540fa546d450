/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on Kokkos' default execution space. A team works on a tile: on hosts a team is one
// thread and a tile up to four vector registers wide; on devices the threads of a team share the rows
// of the layers and the packs of a tile.

#include "device/teams.h"
#include "flow/backend.h"

#include <cstdlib>
#include <stdexcept>
#include <utility>

using namespace BACKMAP_NS;

#ifdef BACKMAP_HAVE_KOKKOS
namespace {

enum FlowTask { FRAME, SAMPLE, LOG_PROB };

/// One tile a team, a kernel for each task: together they need more registers. N: packs of a dense
/// block, on hosts also of a tile.
template <class S, int N, FlowTask TASK> struct FlowFunctor {
  static constexpr int W = device_is_host ? host_pack_width<S>()
                                          : BACKMAP_VECTOR_BYTES / (int) sizeof(S);

  using Kernel = FlowKernel<S, W, N>;

  FlowView<S> view;
  FlowBatch<S> batch;
  int device_packs;    // of a tile; one kernel for all, so that no result depends on it

  KOKKOS_INLINE_FUNCTION int packs() const { return device_is_host ? N : device_packs; }
  KOKKOS_INLINE_FUNCTION std::size_t bytes() const
  {
    return with_alignment(Kernel::scratch_bytes(view, packs()));
  }

  KOKKOS_INLINE_FUNCTION void operator()(const DeviceTeam &team) const
  {
    const DeviceMember member(team);
    unsigned char *memory = team_memory(team, bytes());
    const long first = (long) team.league_rank() * packs() * W;
    if constexpr (TASK == FRAME)
      Kernel::frame_tile(member, view, batch, first, packs(), memory);
    else if constexpr (TASK == SAMPLE)
      Kernel::sample_tile(member, view, batch, first, packs(), memory);
    else
      Kernel::log_prob_tile(member, view, batch, first, packs(), memory);
  }
};

template <class S> class FlowKokkos : public FlowBackend<S> {
 public:
  explicit FlowKokkos(const FlowSpec &spec) : FlowBackend<S>(spec)
  {
    auto &p = this->parameters;
    geometry_ints.filled(p.tables.ints);
    geometry_reals.filled(p.tables.reals);
    ints.filled(p.ints);
    weights.filled(p.weights);
    const auto list = p.couplings(ints.data(), weights.data());
    couplings.filled(list);
    Kokkos::fence();
    view = p.view(geometry_ints.data(), geometry_reals.data(), weights.data(), couplings.data());
  }

 protected:
  void execute(FlowBatch<S> &b, bool sampling) override
  {
    const InternalView &g = view.geometry;
    const std::size_t n = b.nframes, total = b.total, n3 = 3 * (std::size_t) g.natoms;
    const std::size_t points = total * (g.nl + g.nc);
    FlowBatch<S> device = b;
    device.frame = frame.sized(n * view.frame_size());
    device.frame_logscale = logscale.sized(n);
    device.features = inputs.filled(b.features, n * view.nf);
    device.x = sampling ? x.sized(total * n3) : x.filled(b.x, total * n3);
    device.logq = logq.sized(total);
    if (sampling) {
      device.z = z.filled(b.z, n * 3 * g.nbeads);
      device.timestep = timestep.filled(b.timestep, n);
      device.molecule = molecule.filled(b.molecule, n);
      device.first_sample = first_sample.filled(b.first_sample, n);
      if (b.latent) device.latent = latent.filled(b.latent, points);
      if (b.drawn) device.drawn = drawn.sized(points);
    }
    launch<FRAME>(device, b.nframes);
    if (sampling)
      launch<SAMPLE>(device, b.total);
    else
      launch<LOG_PROB>(device, b.total);
    logq.fetch(b.logq, total);
    if (sampling) x.fetch(b.x, total * n3);
    if (b.drawn) drawn.fetch(b.drawn, points);
    Kokkos::fence();
  }

  // small tiles where large ones would leave threads without work; results do not depend on it

  template <FlowTask TASK> void launch(const FlowBatch<S> &batch, long total) const
  {
    if (total == 0) return;
    if constexpr (device_is_host) {
      const long lanes = (long) host_pack_width<S>() * DeviceSpace().concurrency();
      if (total > 2 * lanes)
        launch_tiles<4, TASK>(batch, total, 4, 1);
      else if (total > lanes)
        launch_tiles<2, TASK>(batch, total, 2, 1);
      else
        launch_tiles<1, TASK>(batch, total, 1, 1);
    } else {
      // one tile for each multiprocessor, of about 2048 threads; in smaller tiles than of 4 packs the
      // threads of a warp load too many different weights

      const long tiles = DeviceSpace().concurrency() / 2048;
      int packs = 32;
      while (packs > 4 && total < tiles * packs * FlowFunctor<S, 1, TASK>::W) packs /= 2;
      launch_tiles<1, TASK>(batch, total, packs, 1024 / (int) sizeof(S));
    }
  }

  template <int N, FlowTask TASK>
  void launch_tiles(const FlowBatch<S> &batch, long total, int packs, int team) const
  {
    using Functor = FlowFunctor<S, N, TASK>;
    const Functor functor{view, batch, packs};
    const long lanes = (long) packs * Functor::W;
    DevicePolicy policy((int) ((total + lanes - 1) / lanes), team);
    policy.set_scratch_size(1, Kokkos::PerTeam((int) functor.bytes()));
    Kokkos::parallel_for("backmap:flow", policy, functor);
  }

 private:
  DeviceArray<int> geometry_ints{"backmap:flow:geometry_ints"}, ints{"backmap:flow:ints"};
  DeviceArray<double> geometry_reals{"backmap:flow:geometry_reals"};
  DeviceArray<S> weights{"backmap:flow:weights"};
  DeviceArray<CouplingView<S>> couplings{"backmap:flow:couplings"};
  FlowView<S> view;

  // of the batches
  DeviceArray<S> frame{"backmap:flow:frame"}, inputs{"backmap:flow:inputs"};
  DeviceArray<double> logscale{"backmap:flow:logscale"}, x{"backmap:flow:x"},
      logq{"backmap:flow:logq"}, z{"backmap:flow:z"}, latent{"backmap:flow:latent"},
      drawn{"backmap:flow:drawn"};
  DeviceArray<std::int64_t> timestep{"backmap:flow:timestep"}, molecule{"backmap:flow:molecule"},
      first_sample{"backmap:flow:first_sample"};
};

}    // namespace
#endif

/* ---------------------------------------------------------------------- */

std::unique_ptr<Flow> BACKMAP_NS::create_kokkos_flow(const FlowSpec &spec,
                                                     Flow::Precision precision)
{
#ifdef BACKMAP_HAVE_KOKKOS
  if (!Kokkos::is_initialized())
    throw std::runtime_error("flow: backend kokkos needs Kokkos to be initialised");
  if (precision == Flow::Precision::Single)
    return std::unique_ptr<Flow>(new FlowKokkos<float>(spec));
  return std::unique_ptr<Flow>(new FlowKokkos<double>(spec));
#else
  (void) spec;
  (void) precision;
  throw std::runtime_error("flow: backend kokkos is not there, this was built without Kokkos");
#endif
}

/* ---------------------------------------------------------------------- */

void BACKMAP_NS::start_kokkos()
{
#ifdef BACKMAP_HAVE_KOKKOS
  if (Kokkos::is_initialized()) return;
  Kokkos::initialize();
  std::atexit([] {
    if (Kokkos::is_initialized()) Kokkos::finalize();
  });
#endif
}

/* ---------------------------------------------------------------------- */

bool BACKMAP_NS::kokkos_is_on_host()
{
#ifdef BACKMAP_HAVE_KOKKOS
  return device_is_host;
#else
  return true;
#endif
}

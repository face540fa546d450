/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on Kokkos' default execution space. A team works on a tile: on hosts a team is one
// thread and a tile up to four vector registers wide; on devices the threads of a team share the rows
// of the layers and the packs of a tile.

#include "flow/backend.h"

#include <cstdlib>
#include <stdexcept>
#include <type_traits>
#include <utility>

#if defined(__has_include)
#if __has_include(<Kokkos_Core.hpp>) && !defined(BACKMAP_NO_KOKKOS)
#define BACKMAP_HAVE_KOKKOS 1
#endif
#endif

#ifdef BACKMAP_HAVE_KOKKOS
#include <Kokkos_Core.hpp>
#endif

using namespace BACKMAP_NS;

#ifdef BACKMAP_HAVE_KOKKOS
namespace {

/// Members of a Kokkos team.
template <class Team> struct TeamMember {
  const Team &team;
  KOKKOS_INLINE_FUNCTION explicit TeamMember(const Team &t) : team(t) {}
  KOKKOS_INLINE_FUNCTION int rank() const { return team.team_rank(); }
  KOKKOS_INLINE_FUNCTION int size() const { return team.team_size(); }
  KOKKOS_INLINE_FUNCTION void barrier() const { team.team_barrier(); }
};

enum FlowTask { FRAME, SAMPLE, LOG_PROB };

/// One tile a team, a kernel for each task: together they need more registers. N: packs of a dense
/// block, on hosts also of a tile.
template <class Space, class S, int N, FlowTask TASK> struct FlowFunctor {
  static constexpr bool on_host =
      std::is_same<typename Space::memory_space, Kokkos::HostSpace>::value;
  static constexpr int W = on_host ? host_pack_width<S>() : BACKMAP_VECTOR_BYTES / (int) sizeof(S);

  using Kernel = FlowKernel<S, W, N>;
  using Policy = Kokkos::TeamPolicy<Space>;
  using Team = typename Policy::member_type;

  FlowView<S> view;
  FlowBatch<S> batch;
  int device_packs;    // of a tile; one kernel for all, so that no result depends on it

  KOKKOS_INLINE_FUNCTION int packs() const { return on_host ? N : device_packs; }
  KOKKOS_INLINE_FUNCTION std::size_t bytes() const
  {
    return Kernel::scratch_bytes(view, packs()) + BACKMAP_VECTOR_BYTES;
  }

  KOKKOS_INLINE_FUNCTION void operator()(const Team &team) const
  {
    const TeamMember<Team> member(team);
    auto *memory = static_cast<unsigned char *>(team.team_scratch(1).get_shmem(bytes()));
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    memory += BACKMAP_VECTOR_BYTES - address % BACKMAP_VECTOR_BYTES;
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
  using Space = Kokkos::DefaultExecutionSpace;
  using Memory = typename Space::memory_space;
  static constexpr bool on_host = FlowFunctor<Space, S, 1, FRAME>::on_host;

  explicit FlowKokkos(const FlowSpec &spec) : FlowBackend<S>(spec)
  {
    auto &p = this->parameters;
    geometry_ints = upload(p.tables.ints);
    geometry_reals = upload(p.tables.reals);
    ints = upload(p.ints);
    weights = upload(p.weights);
    couplings = upload(p.couplings(ints.data(), weights.data()));
    view = p.view(geometry_ints.data(), geometry_reals.data(), weights.data(), couplings.data());
  }

 protected:
  void execute(FlowBatch<S> &b, bool sampling) override
  {
    const InternalView &g = view.geometry;
    const std::size_t n = b.nframes, total = b.total, n3 = 3 * (std::size_t) g.natoms;
    const std::size_t points = total * (g.nl + g.nc);
    FlowBatch<S> device = b;
    device.frame = sized(frame, n * view.frame_size());
    device.frame_logscale = sized(logscale, n);
    device.features = filled(inputs, b.features, n * view.nf);
    device.x = sampling ? sized(x, total * n3) : filled(x, b.x, total * n3);
    device.logq = sized(logq, total);
    if (sampling) {
      device.z = filled(z, b.z, n * 3 * g.nbeads);
      device.timestep = filled(timestep, b.timestep, n);
      device.molecule = filled(molecule, b.molecule, n);
      device.first_sample = filled(first_sample, b.first_sample, n);
      if (b.latent) device.latent = filled(latent, b.latent, points);
      if (b.drawn) device.drawn = sized(drawn, points);
    }
    launch<FRAME>(device, b.nframes);
    if (sampling)
      launch<SAMPLE>(device, b.total);
    else
      launch<LOG_PROB>(device, b.total);
    fetch(logq, b.logq, total);
    if (sampling) fetch(x, b.x, total * n3);
    if (b.drawn) fetch(drawn, b.drawn, points);
    Kokkos::fence();
  }

 private:
  template <class T> using Array = Kokkos::View<T *, Memory>;
  template <class T>
  using HostArray = Kokkos::View<T *, Kokkos::HostSpace, Kokkos::MemoryTraits<Kokkos::Unmanaged>>;

  Array<int> geometry_ints, ints;
  Array<double> geometry_reals;
  Array<S> weights;
  Array<CouplingView<S>> couplings;
  FlowView<S> view;

  // of the batches; they only grow: a device takes longer to allocate them than to fill them
  Array<S> frame, inputs;
  Array<double> logscale, x, logq, z, latent, drawn;
  Array<std::int64_t> timestep, molecule, first_sample;

  template <class T> static T *sized(Array<T> &a, std::size_t n)
  {
    if (a.extent(0) < n)
      a = Array<T>(Kokkos::view_alloc(std::string("backmap:flow"), Kokkos::WithoutInitializing), n);
    return a.data();
  }

  // copies are in order with the kernels and end before the fence

  template <class T> static T *filled(Array<T> &a, const T *p, std::size_t n)
  {
    sized(a, n);
    Kokkos::deep_copy(Space(), Kokkos::subview(a, std::make_pair(std::size_t(0), n)),
                      HostArray<T>(const_cast<T *>(p), n));
    return a.data();
  }

  template <class T> static Array<T> upload(const std::vector<T> &v)
  {
    Array<T> a;
    filled(a, v.data(), v.size());
    Kokkos::fence();
    return a;
  }

  template <class T> static void fetch(const Array<T> &a, T *p, std::size_t n)
  {
    Kokkos::deep_copy(Space(), HostArray<T>(p, n),
                      Kokkos::subview(a, std::make_pair(std::size_t(0), n)));
  }

  // small tiles where large ones would leave threads without work; results do not depend on it

  template <FlowTask TASK> void launch(const FlowBatch<S> &batch, long total) const
  {
    if (total == 0) return;
    if constexpr (on_host) {
      const long lanes = (long) host_pack_width<S>() * Space().concurrency();
      if (total > 2 * lanes)
        launch_tiles<4, TASK>(batch, total, 4, 1);
      else if (total > lanes)
        launch_tiles<2, TASK>(batch, total, 2, 1);
      else
        launch_tiles<1, TASK>(batch, total, 1, 1);
    } else {
      // one tile for each multiprocessor, of about 2048 threads; in smaller tiles than of 4 packs the
      // threads of a warp load too many different weights

      const long tiles = Space().concurrency() / 2048;
      int packs = 32;
      while (packs > 4 && total < tiles * packs * FlowFunctor<Space, S, 1, TASK>::W) packs /= 2;
      launch_tiles<1, TASK>(batch, total, packs, 1024 / (int) sizeof(S));
    }
  }

  template <int N, FlowTask TASK>
  void launch_tiles(const FlowBatch<S> &batch, long total, int packs, int team) const
  {
    using Functor = FlowFunctor<Space, S, N, TASK>;
    const Functor functor{view, batch, packs};
    const long lanes = (long) packs * Functor::W;
    typename Functor::Policy policy((int) ((total + lanes - 1) / lanes), team);
    policy.set_scratch_size(1, Kokkos::PerTeam((int) functor.bytes()));
    Kokkos::parallel_for("backmap:flow", policy, functor);
  }
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
  return FlowKokkos<float>::on_host;
#else
  return true;
#endif
}

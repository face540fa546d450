/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on Kokkos' default execution space. A team works on a tile: on hosts a team is one
// thread and a tile four vector registers wide; on devices a thread is a lane.

#include "flow/backend.h"

#include <stdexcept>

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

/// One tile a team. N: packs of a dense block, on hosts also of a tile.
template <class Space, class S, int N> struct FlowFunctor {
  static constexpr bool on_host =
      std::is_same<typename Space::memory_space, Kokkos::HostSpace>::value;
  static constexpr int W = on_host ? host_pack_width<S>() : 1;
  static constexpr int NP = on_host ? N : 64;    // packs of a tile
  static constexpr int LANES = NP * W;

  using Kernel = FlowKernel<S, W, N>;
  using Policy = Kokkos::TeamPolicy<Space>;
  using Team = typename Policy::member_type;

  FlowView<S> view;
  FlowBatch<S> batch;
  FlowTask task;

  std::size_t bytes() const { return Kernel::scratch_bytes(view, NP) + BACKMAP_VECTOR_BYTES; }

  KOKKOS_INLINE_FUNCTION void operator()(const Team &team) const
  {
    const TeamMember<Team> member(team);
    auto *memory = static_cast<unsigned char *>(
        team.team_scratch(1).get_shmem(Kernel::scratch_bytes(view, NP) + BACKMAP_VECTOR_BYTES));
    const auto address = reinterpret_cast<std::uintptr_t>(memory);
    memory += BACKMAP_VECTOR_BYTES - address % BACKMAP_VECTOR_BYTES;
    const long first = (long) team.league_rank() * LANES;
    if (task == FRAME)
      Kernel::frame_tile(member, view, batch, first, NP, memory);
    else if (task == SAMPLE)
      Kernel::sample_tile(member, view, batch, first, NP, memory);
    else
      Kernel::log_prob_tile(member, view, batch, first, NP, memory);
  }
};

template <class S> class FlowKokkos : public FlowBackend<S> {
 public:
  using Space = Kokkos::DefaultExecutionSpace;
  using Memory = typename Space::memory_space;
  static constexpr bool on_host = FlowFunctor<Space, S, 1>::on_host;

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
    const auto frame = array<S>("backmap:frame", n * view.frame_size());
    const auto logscale = array<double>("backmap:logscale", n);
    const auto inputs = upload(b.features, n * view.nf);
    const auto x = sampling ? array<double>("backmap:x", total * n3) : upload(b.x, total * n3);
    const auto logq = array<double>("backmap:logq", total);
    Array<double> z, latent, drawn;
    Array<std::int64_t> timestep, molecule, first_sample;
    if (sampling) {
      z = upload(b.z, n * 3 * g.nbeads);
      timestep = upload(b.timestep, n);
      molecule = upload(b.molecule, n);
      first_sample = upload(b.first_sample, n);
      const std::size_t points = total * (g.nl + g.nc);
      if (b.latent) latent = upload(b.latent, points);
      if (b.drawn) drawn = array<double>("backmap:latent", points);
    }

    FlowBatch<S> device = b;
    device.frame = frame.data();
    device.frame_logscale = logscale.data();
    device.features = inputs.data();
    device.x = x.data();
    device.logq = logq.data();
    device.z = z.data();
    device.timestep = timestep.data();
    device.molecule = molecule.data();
    device.first_sample = first_sample.data();
    device.latent = latent.data();
    device.drawn = drawn.data();
    launch(device, b.nframes, FRAME);
    launch(device, b.total, sampling ? SAMPLE : LOG_PROB);
    Kokkos::fence();
    download(logq, b.logq);
    if (sampling) download(x, b.x);
    if (b.drawn) download(drawn, b.drawn);
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

  template <class T> static Array<T> array(const char *name, std::size_t n)
  {
    return Array<T>(Kokkos::view_alloc(std::string(name), Kokkos::WithoutInitializing), n);
  }

  template <class T> static Array<T> upload(const T *p, std::size_t n)
  {
    auto a = array<T>("backmap:input", n);
    Kokkos::deep_copy(a, HostArray<T>(const_cast<T *>(p), n));
    return a;
  }

  template <class T> static Array<T> upload(const std::vector<T> &v)
  {
    return upload(v.data(), v.size());
  }

  template <class T> static void download(const Array<T> &a, T *p)
  {
    Kokkos::deep_copy(HostArray<T>(p, a.extent(0)), a);
  }

  // on hosts small tiles where large ones would leave threads without work; results do not depend
  // on it

  void launch(const FlowBatch<S> &batch, long total, FlowTask task) const
  {
    if (total == 0) return;
    if constexpr (on_host) {
      const long lanes = (long) host_pack_width<S>() * Space().concurrency();
      if (total > 2 * lanes)
        launch_tiles<4>(batch, total, task);
      else if (total > lanes)
        launch_tiles<2>(batch, total, task);
      else
        launch_tiles<1>(batch, total, task);
    } else
      launch_tiles<1>(batch, total, task);
  }

  template <int N> void launch_tiles(const FlowBatch<S> &batch, long total, FlowTask task) const
  {
    using Functor = FlowFunctor<Space, S, N>;
    using Policy = typename Functor::Policy;
    const Functor functor{view, batch, task};
    const int league = (int) ((total + Functor::LANES - 1) / Functor::LANES);
    const auto scratch = Kokkos::PerTeam((int) functor.bytes());
    int size = 1;
    if (!on_host) {
      Policy probe(league, Kokkos::AUTO);
      probe.set_scratch_size(1, scratch);
      const int largest = probe.team_size_max(functor, Kokkos::ParallelForTag());
      size = largest < 256 ? largest : 256;
    }
    Policy policy(league, size);
    policy.set_scratch_size(1, scratch);
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
    throw std::runtime_error("flow: backend kokkos needs Kokkos to be initialised (lmp -k on)");
  if (precision == Flow::Precision::Single)
    return std::unique_ptr<Flow>(new FlowKokkos<float>(spec));
  return std::unique_ptr<Flow>(new FlowKokkos<double>(spec));
#else
  (void) spec;
  (void) precision;
  throw std::runtime_error("flow: backend kokkos is not there, this was built without Kokkos");
#endif
}

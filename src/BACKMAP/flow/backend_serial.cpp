/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator on the calling thread. Uses nothing of Kokkos, which may not be initialised.

#include "flow/backend.h"

using namespace BACKMAP_NS;

namespace {

template <class S> class FlowSerial : public FlowBackend<S> {
 public:
  static constexpr int W = host_pack_width<S>();
  static constexpr int MAX_PACKS = 4;    // of a tile: enough to use every weight several times

  explicit FlowSerial(const FlowSpec &spec) : FlowBackend<S>(spec)
  {
    const auto &p = this->parameters;
    couplings = p.couplings(p.ints.data(), p.weights.data());
    view = p.view(p.tables.ints.data(), p.tables.reals.data(), p.weights.data(), couplings.data());
    memory.resize(FlowKernel<S, W, 1>::scratch_bytes(view, MAX_PACKS) + BACKMAP_VECTOR_BYTES);
    const auto address = reinterpret_cast<std::uintptr_t>(memory.data());
    scratch = memory.data() + (BACKMAP_VECTOR_BYTES - address % BACKMAP_VECTOR_BYTES);
  }

 protected:
  void execute(FlowBatch<S> &b, bool sampling) override
  {
    frame.resize((std::size_t) b.nframes * view.frame_size());
    logscale.resize(b.nframes);
    b.frame = frame.data();
    b.frame_logscale = logscale.data();
    tiles(b, b.nframes, FRAME);
    tiles(b, b.total, sampling ? SAMPLE : LOG_PROB);
  }

 private:
  enum Task { FRAME, SAMPLE, LOG_PROB };

  std::vector<CouplingView<S>> couplings;
  FlowView<S> view;
  std::vector<unsigned char> memory;
  unsigned char *scratch;
  std::vector<S> frame;
  std::vector<double> logscale;

  template <int N, int LANES = W> void tile(const FlowBatch<S> &b, long first, Task task)
  {
    using Kernel = FlowKernel<S, LANES, N>;
    const SerialMember member;
    if (task == FRAME)
      Kernel::frame_tile(member, view, b, first, N, scratch);
    else if (task == SAMPLE)
      Kernel::sample_tile(member, view, b, first, N, scratch);
    else
      Kernel::log_prob_tile(member, view, b, first, N, scratch);
  }

  // half of a vector of 64 bytes if that is enough: many processors do two such instructions in the time of one. Not in
  // double, where the packs of the geometry would be others, and with them the last bits

  void last_tile(const FlowBatch<S> &b, long first, long left, Task task)
  {
    if constexpr (BACKMAP_VECTOR_BYTES == 64 && sizeof(S) == sizeof(float))
      if (left <= W / 2) {
        tile<1, W / 2>(b, first, task);
        return;
      }
    (void) left;
    tile<1>(b, first, task);
  }

  // small tiles at the end and for small batches; the results do not depend on it

  void tiles(const FlowBatch<S> &b, long total, Task task)
  {
    for (long first = 0; first < total;) {
      const long left = total - first;
      if (left > 2 * W) {
        tile<4>(b, first, task);
        first += 4 * W;
      } else if (left > W) {
        tile<2>(b, first, task);
        first += 2 * W;
      } else {
        last_tile(b, first, left, task);
        first += W;
      }
    }
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

std::unique_ptr<Flow> BACKMAP_NS::create_serial_flow(const FlowSpec &spec,
                                                     Flow::Precision precision)
{
  if (precision == Flow::Precision::Single)
    return std::unique_ptr<Flow>(new FlowSerial<float>(spec));
  return std::unique_ptr<Flow>(new FlowSerial<double>(spec));
}

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_DRAWN_BATCH_H
#define BACKMAP_DRAWN_BATCH_H

#include "core/random_stream.h"
#include "flow/flow.h"

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {
namespace test {

/// Frames with different beads and identities, and what a flow gave for them.
struct DrawnBatch {
  int frames, samples;
  std::vector<double> z, x, logq;
  std::vector<std::int64_t> timestep, molecule;
  std::vector<std::int64_t> first;      // samples of each frame, if not the same for all
  std::vector<double> latent, drawn;    // given points of the base, if any; those that were mapped

  DrawnBatch(int nframes, int nsamples) : frames(nframes), samples(nsamples)
  {
    for (int i = 0; i < frames; i++) {
      timestep.push_back(1000 * i);
      molecule.push_back(1 + i % 3);
    }
  }

  void sample(Flow &flow, std::uint64_t seed = 17, int first_sample = 0)
  {
    FlowRequest r;
    r.nframes = frames;
    r.z = z.data();
    r.samples = samples;
    r.seed = seed;
    r.stream = random_stream(0, "bm");
    r.timestep = timestep.data();
    r.molecule = molecule.data();
    r.first_sample = first_sample;
    r.first = first.empty() ? nullptr : first.data();
    r.latent = latent.empty() ? nullptr : latent.data();
    drawn.assign((std::size_t) total() * flow.nlatent(), 0.0);
    r.drawn = drawn.data();
    x.assign((std::size_t) total() * 3 * flow.natoms(), 0.0);
    logq.assign(total(), 0.0);
    flow.sample(r, x.data(), logq.data());
  }

  int total() const { return frames * samples; }
};

inline std::unique_ptr<Flow> make(const FlowSpec &spec,
                                  Flow::Precision precision = Flow::Precision::Double,
                                  const std::string &backend = "serial")
{
  return Flow::create(spec, precision, backend);
}

inline bool same_bits(const double *a, const double *b, std::size_t n)
{
  return std::memcmp(a, b, n * sizeof(double)) == 0;
}

}    // namespace test
}    // namespace BACKMAP_NS

#endif

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Samples per second of the flow evaluator, without energies.
//   bench_flow [serial|kokkos] [single|double] [hidden | FLOW.safetensors [batch ...]]
// Without a model: random flows of the size of the shipped one (alanine dipeptide, 6 beads, 6 couplings,
// 8 bins; speed does not depend on the weights). With one: its beads lie as those of alanine dipeptide, up
// to 16 samples share a frame.

#include "core/model_file.h"
#include "flow/flow.h"
#include "flow_test_support.h"

#if __has_include(<Kokkos_Core.hpp>)
#include <Kokkos_Core.hpp>
#define HAVE_KOKKOS 1
#endif

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

using namespace BACKMAP_NS;

static double now()
{
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

/* ---------------------------------------------------------------------- */

static void measure(Flow &flow, int frames, int samples)
{
  std::vector<double> z;
  std::vector<std::int64_t> steps, molecules;
  for (int i = 0; i < frames; i++) {
    const auto one = test::ala2_bead_positions(i);
    z.insert(z.end(), one.begin(), one.end());
    steps.push_back(i);
    molecules.push_back(1);
  }
  const int n = frames * samples;
  std::vector<double> x((std::size_t) n * 3 * flow.natoms()), logq(n);
  FlowRequest r;
  r.nframes = frames;
  r.z = z.data();
  r.samples = samples;
  r.seed = 1;
  r.timestep = steps.data();
  r.molecule = molecules.data();

  flow.sample(r, x.data(), logq.data());
  double best = 1.0e30;
  for (int repeat = 0; repeat < 5; repeat++) {
    long calls = 0;
    const double start = now();
    double spent = 0.0;
    do {
      flow.sample(r, x.data(), logq.data());
      calls++;
      spent = now() - start;
    } while (spent < 0.3);
    const double one = spent / calls / n;
    if (one < best) best = one;
  }
  const double start = now();
  long calls = 0;
  do {
    flow.log_prob(n, x.data(), logq.data());
    calls++;
  } while (now() - start < 0.3);
  const double density = (now() - start) / calls / n;
  std::printf("%6d %8d %8d %12.2f %12.0f %14.0f\n", frames, samples, n, best * 1e6, 1.0 / best,
              1.0 / density);
  std::fflush(stdout);
}

/* ---------------------------------------------------------------------- */

static void header(const std::string &flow)
{
  std::printf("# %s\n# frames samples    batch    us/sample    samples/s     log q's per s\n",
              flow.c_str());
}

/* ---------------------------------------------------------------------- */

int main(int argc, char **argv)
{
  const std::string backend = argc > 1 ? argv[1] : "serial";
  const std::string numbers = argc > 2 ? argv[2] : "single", which = argc > 3 ? argv[3] : "";
  const auto precision = numbers == "double" ? Flow::Precision::Double : Flow::Precision::Single;
#ifdef HAVE_KOKKOS
  if (backend == "kokkos") Kokkos::initialize();
#endif
  if (which.find('.') != std::string::npos) {
    header("backend " + backend + ", " + numbers + ", " + which);
    std::ifstream file(which, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, which));
    if (spec.nbeads() != 6) {
      std::fprintf(stderr, "%s: expected the six beads of alanine dipeptide\n", which.c_str());
      return 2;
    }
    const auto flow = Flow::create(spec, precision, backend);
    std::vector<int> batches;
    for (int i = 4; i < argc; i++) batches.push_back(std::stoi(argv[i]));
    if (batches.empty()) batches = {1, 64, 1024, 16384, 262144};
    for (const int batch : batches) {
      const int samples = std::min(batch, 16);
      measure(*flow, batch / samples, samples);
    }
  }
  for (const int hidden : {64, 128}) {
    if (!which.empty() && which != std::to_string(hidden)) continue;
    test::FlowShape shape;
    shape.hidden = hidden;
    shape.circular_bins = 8;
    shape.couplings = 6;
    shape.bound = 5.0;
    shape.strength = 0.3;
    const auto flow = Flow::create(test::random_flow(1, shape), precision, backend);
    header("backend " + backend + ", " + numbers + ", hidden " + std::to_string(hidden));
    measure(*flow, 1, 1);
    measure(*flow, 1, 16);
    measure(*flow, 4, 16);
    measure(*flow, 64, 16);
    measure(*flow, 1, 1024);
  }
#ifdef HAVE_KOKKOS
  if (backend == "kokkos") Kokkos::finalize();
#endif
  return 0;
}

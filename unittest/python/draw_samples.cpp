/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// draw_samples PRECISION STREAM_ID < z: samples by the library of the frames of beads on standard input (doubles), for
// test_backmap.py to compare with: x, then log q, as doubles on standard output.

#include "core/model_file.h"
#include "core/random_stream.h"
#include "flow/flow.h"
#include "flow/flow_spec.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <numeric>

using namespace BACKMAP_NS;

int main(int, char **argv)
{
  const std::string name = BACKMAP_POTENTIALS "/ala2.flow.safetensors";
  std::ifstream file(name, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, name));
  const bool single = std::string(argv[1]) == "single";
  const auto flow =
      Flow::create(spec, single ? Flow::Precision::Single : Flow::Precision::Double, "serial");

  std::vector<double> z(10000);
  z.resize(fread(z.data(), sizeof(double), z.size(), stdin));
  FlowRequest request;
  request.nframes = (int) z.size() / (3 * spec.nbeads());
  request.z = z.data();
  request.samples = 33;
  request.seed = 12345678901234567890ull;
  request.stream = random_stream(1, argv[2]);
  request.first_sample = 7;
  std::vector<std::int64_t> timestep(request.nframes), molecule(request.nframes);
  std::iota(timestep.begin(), timestep.end(), 1000);
  std::iota(molecule.begin(), molecule.end(), 5);
  request.timestep = timestep.data();
  request.molecule = molecule.data();
  const std::size_t total = (std::size_t) request.nframes * request.samples;
  std::vector<double> x(total * 3 * spec.natoms), logq(total);
  flow->sample(request, x.data(), logq.data());
  fwrite(x.data(), sizeof(double), x.size(), stdout);
  fwrite(logq.data(), sizeof(double), logq.size(), stdout);
}

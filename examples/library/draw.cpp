/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// draw MODEL BEADS SAMPLES: all-atom structures for one frame of beads. For each: log q as drawn, log q of its atoms.

#include "core/model_file.h"
#include "flow/flow.h"
#include "flow/flow_spec.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

static void draw(const char *model, const char *beads, int samples)
{
  std::ifstream file(model, std::ios::binary), text(beads);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const std::vector<double> z{std::istream_iterator<double>(text), {}};
  const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, model));
  if (z.size() != 3u * spec.nbeads())
    throw std::runtime_error(std::string(beads) + ": not a frame of the model's beads");

  const auto flow = Flow::create(spec, Flow::Precision::Double, "serial");
  const std::int64_t timestep = 0, molecule = 1;
  FlowRequest request;
  request.nframes = 1;
  request.z = z.data();
  request.samples = samples;
  request.seed = 4711;
  request.timestep = &timestep;
  request.molecule = &molecule;
  std::vector<double> x(3u * spec.natoms * samples), drawn(samples), again(samples);
  flow->sample(request, x.data(), drawn.data());
  flow->log_prob(samples, x.data(), again.data());
  for (int i = 0; i < samples; i++) printf("%.17g %.17g\n", drawn[i], again[i]);
}

int main(int argc, char **argv)
{
  try {
    if (argc != 4) throw std::runtime_error("usage: draw MODEL BEADS SAMPLES");
    draw(argv[1], argv[2], std::atoi(argv[3]));
  } catch (const std::exception &e) {
    fprintf(stderr, "draw: %s\n", e.what());
    return 1;
  }
}

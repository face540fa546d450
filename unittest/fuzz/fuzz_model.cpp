/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Model files: whatever the bytes, parse() and from_model() throw std::runtime_error or give a model that can be used.
// The preset `fuzz` leaves out the checksum, which no made-up file would pass.

#include "cgnet/cgnet.h"
#include "core/model_file.h"
#include "flow/flow.h"
#include "flow/flow_spec.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

extern "C" {
int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);
std::size_t LLVMFuzzerMutate(std::uint8_t *data, std::size_t size, std::size_t max);
std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max,
                                    unsigned seed);
}

namespace {

constexpr int SMALL = 100;    // molecules for which samples are drawn

std::vector<double> some_beads(int n)
{
  std::vector<double> z(3 * static_cast<std::size_t>(n));
  for (std::size_t i = 0; i < z.size(); i++)
    z[i] = 1.4 * static_cast<double>(i / 3) * (i % 3 == 0) + std::sin(static_cast<double>(i));
  return z;
}

void draw(const FlowSpec &spec)
{
  if (spec.natoms > SMALL) return;
  for (const auto precision : {Flow::Precision::Single, Flow::Precision::Double}) {
    const auto flow = Flow::create(spec, precision, "serial");
    const auto z = some_beads(flow->nbeads());
    const std::int64_t one = 1;
    constexpr int samples = 3;
    FlowRequest r;
    r.nframes = 1;
    r.z = z.data();
    r.samples = samples;
    r.timestep = r.molecule = &one;
    std::vector<double> x(samples * 3 * static_cast<std::size_t>(flow->natoms())), logq(samples);
    flow->sample(r, x.data(), logq.data());
    flow->log_prob(samples, x.data(), logq.data());
  }
}

void evaluate(const CgnetSpec &spec)
{
  const auto n = static_cast<int>(spec.beads.size());
  if (n > SMALL) return;
  for (const auto precision : {Cgnet::Precision::Single, Cgnet::Precision::Double}) {
    const Cgnet net(spec, precision);
    const auto z = some_beads(n);
    double energy = 0.0;
    std::vector<double> force(z.size());
    net.evaluate(1, z.data(), &energy, force.data());
  }
}

}    // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string bytes(reinterpret_cast<const char *>(data), size);
  try {
    const ModelFile file = ModelFile::parse(bytes, "fuzz");
    if (file.meta("format") == "backmap.flow")
      draw(FlowSpec::from_model(file));
    else
      evaluate(CgnetSpec::from_model(file));
  } catch (const std::runtime_error &) {
  }
  return 0;
}

/* the header alone or the numbers alone, so that most files get past their lengths */

std::size_t LLVMFuzzerCustomMutator(std::uint8_t *data, std::size_t size, std::size_t max,
                                    unsigned seed)
{
  std::uint64_t header = 0;
  if (size >= 8) memcpy(&header, data, 8);
  if (seed % 20 == 0 || size < 8 || header > size - 8) return LLVMFuzzerMutate(data, size, max);
  std::string text(reinterpret_cast<char *>(data) + 8, header),
      numbers(reinterpret_cast<char *>(data) + 8 + header, size - 8 - header);
  const bool on_header = seed % 4 != 0 || numbers.empty();
  std::string &part = on_header ? text : numbers;
  const std::size_t rest = size - part.size(), length = part.size();
  part.resize(on_header ? std::max(length, std::min(max - rest, length + 256)) : length);
  part.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t *>(&part[0]), length, part.size()));
  if (!on_header) part.resize(length, '\0');
  header = text.size();
  memcpy(data, &header, 8);
  memcpy(data + 8, text.data(), text.size());
  memcpy(data + 8 + header, numbers.data(), numbers.size());
  return 8 + text.size() + numbers.size();
}

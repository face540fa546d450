/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Model files: whatever the bytes, parse() and from_model() throw std::runtime_error or give a model that can be
// written and read again.
// The preset `fuzz` leaves out the checksum, which no made-up file would pass.

#include "cgnet/cgnet.h"
#include "core/model_file.h"
#include "flow/flow_spec.h"

#include <algorithm>
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

/* what was accepted can be written, and is accepted again */

template <class Spec> void use(const ModelFile &file)
{
  const Spec spec = Spec::from_model(file);
  spec.validate("fuzz");
  Spec::from_model(ModelFile::parse(spec.to_model().serialize(), "again"));
}

}    // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string bytes(reinterpret_cast<const char *>(data), size);
  ModelFile file;
  try {
    file = ModelFile::parse(bytes, "fuzz");
    if (file.meta("format") == "backmap.flow")
      FlowSpec::from_model(file);
    else
      CgnetSpec::from_model(file);
  } catch (const std::runtime_error &) {
    return 0;
  }
  if (file.meta("format") == "backmap.flow")
    use<FlowSpec>(file);
  else
    use<CgnetSpec>(file);
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

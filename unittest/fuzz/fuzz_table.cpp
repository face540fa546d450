/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Sample tables: whatever the text, they are refused with std::runtime_error or can be reported of. The same bytes are also
// tried as a summary to include (JSON) and as a dump of beads.

#include "statistics/report.h"
#include "statistics/sample_table.h"
#include "training/bead_frames.h"

#include <cstdint>
#include <stdexcept>
#include <string>

using namespace BACKMAP_NS;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
  const std::string text(reinterpret_cast<const char *>(data), size);
  try {
    MergedTables tables;
    const SampleTable table = SampleTable::parse(text, "fuzz");
    tables.add(table, "fuzz");
    tables.tables_of_runs();
    Report report(tables, BlockRule());
    report.summary.json();
    tables.add(table, "again");
  } catch (const std::runtime_error &) {
  }
  try {
    Summary summary;
    summary.include(text, "fuzz");
    summary.json();
  } catch (const std::runtime_error &) {
  }
  try {
    BeadFrames::parse(text, 2, "fuzz");
  } catch (const std::runtime_error &) {
  }
  return 0;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// write_seeds FOLDER: small files of each kind, in the folders model, map and table of FOLDER.

#include "cgnet/cgnet_support.h"
#include "flow/flow_test_support.h"

#include "statistics/sample_table.h"

#include <fstream>
#include <random>
#include <string>

using namespace BACKMAP_NS;

namespace {

std::string folder;

void write(const std::string &name, const std::string &text)
{
  std::ofstream(folder + "/" + name, std::ios::binary) << text;
}

void models()
{
  test::FlowShape shape;
  shape.hidden = 4;
  shape.bins = shape.circular_bins = 4;
  shape.couplings = 2;
  write("model/flow", test::random_flow(1, shape).to_model().serialize());
  shape.free_torsion = true;
  write("model/flow_torsion", test::random_flow(2, shape).to_model().serialize());
  write("model/cgnet", cgnet_support::make_cgnet({4}).to_model().serialize());
}

void maps()
{
  write("map/atoms",
        R"({"molecule":"m","beads":[{"name":"C","atoms":[1]},{"name":"N","atoms":[4]}]})");
  write("map/centres",
        R"({"molecule":"m","beads":[{"name":"A","atoms":[1,2,3],"weights":[1,2.5,0.5]},)"
        R"({"name":"B","atoms":[10,11]},{"name":"B","atoms":[22]}]})");
  write(
      "map/fragments",
      R"({"molecule":"m","beads":[{"name":"A","atoms":[1]}],"drawn_first":"odd","fragments":)"
      R"([{"name":"F","atoms":[2,3,4,5,6,7,8,9]},{"name":"G","atoms":[10,11,12,13,14,15,16,17,18,19,20,21,22]}]})");
  write("map/schedule", "3 0.25 0.1 0.5 0.08 1 0.05");
}

void tables()
{
  SampleTable t;
  t.temperature = 300.0;
  t.kt = 0.596;
  t.samples = 2;
  t.name = "molecule";
  t.observables = {"v_a", "c_b[1]"};
  t.provenance = {"0123", "bond/harmonic", {-1.5, 2.5}, {1.0, 2.0, 3.0, 4.0}, "in.fine", ""};
  std::mt19937 random(1);
  std::string rows;
  for (int step = 1; step <= 12; step++)
    for (int j = 0; j < 2; j++) {
      const double w = 1e-9 * static_cast<double>(random()), obs[] = {w > 2.0 ? 1.0 : 0.0, 3.0 * w};
      rows += t.line({10 * step, 1, j, -w, w, -2.0, 17.0}, obs);
    }
  FrameRecord record;
  record.dynamics = "langevin nve";
  record.starts = {{-60.0, 120.0}};
  record.outside = 1;
  record.looked = 12;
  record.temperature = {1.01, 0.02, 30.0, 12.0};
  record.warnings = {"something"};
  const std::string whole = t.header() + "# constant -3.5\n" + rows + t.trailer(record, 1.5);
  write("table/one", whole);
  write("table/appended", whole + whole);
  t.partitions = 2;
  t.provenance.anneal = "1 0.5 0.25";
  write("table/partition", t.header() + rows.substr(0, rows.size() - 20));
  write("table/summary",
        R"({"flow":"0123","probe_energies":[-1.5,2.5],"c":7,"d":[1,2],"e":{"f":null}})");
  write(
      "table/beads",
      "ITEM: TIMESTEP\n10\nITEM: NUMBER OF ATOMS\n4\nITEM: BOX BOUNDS pp pp pp\n-9 9\n-9 9\n-9 9\n"
      "ITEM: ATOMS id mol x y z\n1 1 0 0 0\n2 1 1.5 0 0\n3 2 3 0 0\n4 2 4.5 0 1\n");
}

}    // namespace

int main(int argc, char **argv)
{
  if (argc != 2) return 1;
  folder = argv[1];
  models();
  maps();
  tables();
  return 0;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The main job with -k on -sf kk: cgnet/kk and backmap/kk give the run of the plain styles, to rounding, with one
// and two threads, on one and two ranks.
// ranks: 1 2

#include "fix_test_support.h"

#include "fix.h"
#include "force.h"
#include "library.h"
#include "modify.h"
#include "statistics/sample_table.h"

#include <algorithm>
#include <cmath>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

struct Outcome {
  std::string pair, fix;    // styles that have run
  std::vector<std::vector<double>> rows;
};

/* numbers of the lines of a table that are samples */

std::vector<std::vector<double>> rows_of(const std::string &path)
{
  std::istringstream in(read_file(path));
  std::vector<std::vector<double>> rows;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream s(line);
    rows.emplace_back();
    for (double x; s >> x;) rows.back().push_back(x);
  }
  return rows;
}

/* back where it was, whatever the script does */

class Folder {
 public:
  Folder() { path = getcwd(buffer, sizeof(buffer)); }
  ~Folder()
  {
    if (chdir(path.c_str()) != 0) ADD_FAILURE() << path;
  }
  std::string path;

 private:
  char buffer[4096];
};

/* eight molecules under a thermostat that both runs have on the host: its random numbers are those of the atoms */

Outcome main_job(const std::vector<const char *> &options, const std::string &precision = "double")
{
  std::vector<const char *> words = {"test", "-screen", "none", "-log", "none", "-nocite"};
  words.insert(words.end(), options.begin(), options.end());
  const Folder here;
  const std::string examples = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/",
                    table = here.path + "/kokkos.txt";
  Outcome out;
  {
    LAMMPS_NS::LAMMPS lmp((int) words.size(), const_cast<char **>(words.data()), MPI_COMM_WORLD);
    for (const std::string &line :
         {std::string("units real"), std::string("atom_style molecular"),
          "read_data " + examples + "ala2.coarse.minus.data", std::string("replicate 2 2 2"),
          "pair_style cgnet precision " + precision,
          std::string("pair_coeff * * ala2.cgnet.safetensors C N CA CB C N"),
          std::string("velocity all create 300 4711 mom yes rot yes dist gaussian loop geom"),
          std::string("timestep 1.0"), std::string("suffix off"),
          std::string("fix thermostat all langevin 300 300 200 881 gjf vhalf"),
          std::string(options.empty() ? "" : "suffix kk"), std::string("fix move all nve"),
          "shell cd " + examples,
          std::string("fix bm all backmap 20 ala2.flow.safetensors in.fine samples 4 temp 300.0 "
                      "precision double observables v_phi seed 11 table ") +
              table,
          std::string("run 100")})
      if (!line.empty()) lmp.input->one(line);
    out.pair = lmp.force->pair_style;
    out.fix = lmp.modify->fix[lmp.modify->find_fix("bm")]->style;
  }
  MPI_Barrier(MPI_COMM_WORLD);
  out.rows = rows_of(table);
  return out;
}

double deviation(const Outcome &a, const Outcome &b)
{
  double most = a.rows.size() == std::size_t(5 * 8 * 4) && b.rows.size() == a.rows.size() ? 0.0
                                                                                          : 1e9;
  for (std::size_t i = 0; i < a.rows.size() && most < 1e9; i++)
    for (std::size_t k = 0; k < a.rows[i].size(); k++)
      most =
          std::max(most, std::fabs(a.rows[i][k] - b.rows[i].at(k)) / (1 + std::fabs(b.rows[i][k])));
  return most;
}

}    // namespace

TEST(Kokkos, MainJobIsThatOfThePlainStyles)
{
  if (!lammps_config_has_package("KOKKOS")) GTEST_SKIP() << "this LAMMPS has no package KOKKOS";
  const Outcome plain = main_job({});
  ASSERT_EQ(plain.pair, "cgnet");
  ASSERT_EQ(plain.fix, "backmap");
  for (const char *threads : {"1", "2"}) {
    SCOPED_TRACE(threads);
    const Outcome kokkos = main_job({"-k", "on", "t", threads, "-sf", "kk"});
    EXPECT_EQ(kokkos.pair, "cgnet/kk");
    EXPECT_EQ(kokkos.fix, "backmap/kk");
    EXPECT_LT(deviation(kokkos, plain), 1e-8);
  }

  // the comparison sees a difference that is small
  EXPECT_GT(deviation(main_job({}, "single"), plain), 1e-8);
}

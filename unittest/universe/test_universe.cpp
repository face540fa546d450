/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Under -partition, with universe yes: one partition trains or reports, after all have written their files; the others
// sleep until what it wrote is there.
// ranks: 4

#include "lammps/fix_test_support.h"

#include "lammps/partitions.h"

#include "exceptions.h"
#include "input.h"
#include "lammps.h"
#include "universe.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <fstream>
#include <mpi.h>
#include <sstream>
#include <string>
#include <thread>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

/// LAMMPS with four partitions of one rank.
class Partitions {
 public:
  Partitions()
  {
    const char *words[] = {"test",    "-partition", "4x1",  "-in",  "/dev/null",
                           "-screen", "none",       "-log", "none", "-nocite"};
    lmp = new LAMMPS_NS::LAMMPS(10, const_cast<char **>(words), MPI_COMM_WORLD);
  }
  ~Partitions() { delete lmp; }
  Partitions(const Partitions &) = delete;
  Partitions &operator=(const Partitions &) = delete;
  void commands(const std::string &text)
  {
    std::istringstream in(text);
    std::string line;
    while (std::getline(in, line)) lmp->input->one(line);
  }
  LAMMPS_NS::LAMMPS *lmp;
};

double wall()
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double processor()
{
  return static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
}

void sleep_for(double seconds)
{
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
}

}    // namespace

/* ---------------------------------------------------------------------- */

TEST(Universe, the_first_works_when_all_are_there_and_the_others_sleep)
{
  Partitions s;
  const std::string mine = "universe." + std::to_string(world_rank()) + ".txt";
  for (int r = 0; r < 4; r++) std::remove(("universe." + std::to_string(r) + ".txt").c_str());
  std::remove("universe.result.txt");
  MPI_Barrier(MPI_COMM_WORLD);
  int worked = 0;
  if (world_rank() == 3) sleep_for(0.5);    // the last to come
  std::ofstream(mine) << "there";
  const double w = wall(), p = processor();
  backmap_universe_run(s.lmp, true, [&] {
    worked++;
    for (int r = 0; r < 4; r++) EXPECT_TRUE(exists("universe." + std::to_string(r) + ".txt")) << r;
    sleep_for(2.0);
    std::ofstream("universe.result.txt") << "done";
  });
  EXPECT_EQ(worked, world_rank() == 0 ? 1 : 0);
  EXPECT_EQ(read_file("universe.result.txt"), "done");
  EXPECT_GE(wall() - w, 1.9);
  EXPECT_LT(processor() - p, 0.5);    // MPI_Barrier would have used all of the two seconds

  // without the keyword every partition works for itself
  worked = 0;
  backmap_universe_run(s.lmp, false, [&] { worked++; });
  EXPECT_EQ(worked, 1);
}

/* ----------------------------------------------------------------------
   the barrier alone
------------------------------------------------------------------------- */

TEST(Universe, waiting_sleeps)
{
  const double w = wall(), p = processor();
  if (world_rank() == 0) sleep_for(2.0);
  backmap_wait(MPI_COMM_WORLD);
  EXPECT_GE(wall() - w, 1.9);
  EXPECT_LT(processor() - p, 0.5);
}

TEST(Universe, keyword)
{
  Partitions s;
  std::string words[] = {"a", "universe", "yes", "b"};
  std::vector<char *> args;
  for (auto &w : words) args.push_back(&w[0]);
  EXPECT_TRUE(backmap_universe_keyword(s.lmp, "test", args));
  ASSERT_EQ(args.size(), 2u);
  EXPECT_STREQ(args[1], "b");
  EXPECT_FALSE(backmap_universe_keyword(s.lmp, "test", args));
  args = {&words[1][0], &words[0][0]};
  EXPECT_THROW(backmap_universe_keyword(s.lmp, "test", args), LAMMPS_NS::LAMMPSException);
  args = {&words[1][0]};
  EXPECT_THROW(backmap_universe_keyword(s.lmp, "test", args), LAMMPS_NS::LAMMPSException);
}

/* ----------------------------------------------------------------------
   one report of the tables of all partitions, by the partition that does it
------------------------------------------------------------------------- */

TEST(Universe, report_of_all_partitions)
{
  Partitions s;
  const std::string me = std::to_string(world_rank());
  if (world_rank() == 0) std::remove("universe.json");
  MPI_Barrier(MPI_COMM_WORLD);
  if (world_rank() == 2) sleep_for(0.3);
  {
    std::ofstream out("universe.table." + me + ".txt");
    out << "# backmap sample table 1\n# units real\n# temperature 300\n# kT 0.596\n# samples 2\n# "
           "molecule m\n"
           "# step molecule sample logweight U U_CG logq v_a\n";
    for (int k = 0; k < 8; k++)
      for (int j = 0; j < 2; j++)
        out << 40 * k + 10 * world_rank() << " 1 " << j << " " << 0.1 * ((k + j + world_rank()) % 3)
            << " 1 1 1 " << k << "\n";
  }
  s.commands("backmap_report universe.table.?.txt json universe.json universe yes");
  const std::string json = read_file("universe.json");
  EXPECT_NE(json.find("\"frames\": 32"), std::string::npos) << json;
  EXPECT_NE(json.find("\"joint_ess\""), std::string::npos);
}

/* ----------------------------------------------------------------------
   a model that all partitions go on with
------------------------------------------------------------------------- */

#ifdef BACKMAP_TORCH

TEST(Universe, training_by_one_partition)
{
  Partitions s;
  const std::string me = std::to_string(world_rank()),
                    examples = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/";
  if (world_rank() == 0) std::remove("universe.safetensors");
  s.commands("units real\natom_style full\nboundary s s s\nspecial_bonds amber\npair_style "
             "lj/cut/coul/cut 12.0\n"
             "pair_modify mix arithmetic\nbond_style harmonic\nangle_style "
             "harmonic\ndihedral_style charmm\nread_data " +
             examples + "ala2.data\nvelocity all create 600 " +
             std::to_string(4711 + world_rank()) +
             " loop geom\nfix bare all store/force\nfix 1 all nve\nfix 2 all langevin 300 300 50 " +
             std::to_string(11 + world_rank()) + "\ntimestep 1.0\nrun " +
             std::to_string(200 + 400 * world_rank()) +
             "\nreset_timestep 0\ndump d all custom 10 universe." + me +
             ".dump id x y z f_bare[1] f_bare[2] f_bare[3]\ndump_modify d sort id format float "
             "%.8g\nrun 990\nundump d");
  s.commands("train_cgnet " + examples +
             "ala2.map.json universe.safetensors temperature 300 epochs 2 batch 64 hidden 1 8 "
             "threads 1 universe yes files universe.?.dump dump x y z fx "
             "fy fz label fx f_bare[1] label fy f_bare[2] label fz f_bare[3] box no");
  EXPECT_TRUE(exists("universe.safetensors"));
  EXPECT_FALSE(half_written("universe.safetensors"));
  s.commands("clear\nunits real\natom_style molecular\nread_data " + examples +
             "ala2.coarse.minus.data\npair_style cgnet\npair_coeff * * universe.safetensors C N CA "
             "CB C N\nrun 0");
}

#endif

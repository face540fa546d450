/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// backmap_coarse: LAMMPS reads what it writes and finds the energies of pair cgnet; starts from frames; its errors.
// ranks: 1 2

#include "fix_test_support.h"

#include "molecule/mapping.h"
#include "training/train_test_support.h"

#include <cmath>
#include <cstdio>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

const std::string examples = std::string(BACKMAP_EXAMPLES) + "/alanine-dipeptide/";
const std::string map_file = examples + "ala2.map.json", com_file = examples + "ala2.com.map.json";
const std::string model = std::string(BACKMAP_POTENTIALS) + "/ala2.cgnet.safetensors";

/* files of all ranks: the names must not depend on the process */

const std::string data = "tmp_coarse.data", dump = "tmp_coarse.dump",
                  frames_file = "tmp_frames.dump", more_file = "tmp_frames.more.dump";
constexpr int NFRAMES = 8;

/* the first frames of the oracle, as they stand in frames_file */

std::vector<std::vector<double>> frames()
{
  std::vector<std::vector<double>> out;
  const auto all = oracle("vacuum");
  for (int i = 0; i < NFRAMES; i++) out.push_back(all[i].x);
  return out;
}

std::string dump_text(const std::vector<std::vector<double>> &all)
{
  std::string text;
  for (std::size_t k = 0; k < all.size(); k++) {
    const auto &x = all[k];
    text += "ITEM: TIMESTEP\n" + std::to_string(100 * k) + "\nITEM: NUMBER OF ATOMS\n" +
        std::to_string(x.size() / 3) +
        "\nITEM: BOX BOUNDS pp pp pp\n-99 99\n-99 99\n-99 99\nITEM: ATOMS id x y z\n";
    char line[200];
    for (std::size_t i = 0; i < x.size() / 3; i++) {
      snprintf(line, sizeof(line), "%zu %.9f %.9f %.9f\n", i + 1, x[3 * i], x[3 * i + 1],
               x[3 * i + 2]);
      text += line;
    }
  }
  return text;
}

const std::string from_frames = " files " + frames_file + " dump x y z box no";

class BackmapCoarse : public testing::Test {
 protected:
  PlainLammps lmp{ala2_script(), MPI_COMM_WORLD};

  void SetUp() override
  {
    remove();
    if (world_rank() == 0) {
      std::ofstream(frames_file) << dump_text(frames());
      std::ofstream(more_file) << dump_text(frames());
    }
    MPI_Barrier(MPI_COMM_WORLD);
  }
  void TearDown() override { remove(); }

  void remove() { remove_files({data, dump, frames_file, more_file}); }

  void write(const std::string &arguments)
  {
    lmp.commands("backmap_coarse " + arguments);
    MPI_Barrier(MPI_COMM_WORLD);
  }
  std::string error(const std::string &arguments)
  {
    return lmp.error_of("backmap_coarse " + arguments);
  }
};

/* a run of the beads */

struct Beads : PlainLammps {
  explicit Beads(const std::string &file, const std::string &style = "molecular",
                 const std::string &names = "C N CA CB C N") :
      PlainLammps("units real\natom_style " + style + "\natom_modify map array\nread_data " + file +
                      "\npair_style cgnet precision double\npair_coeff * * " + model + " " + names +
                      "\nthermo 1\n",
                  MPI_COMM_WORLD)
  {
  }
  double energy()
  {
    commands("run 0 post no");
    return value("pe");
  }
};

/* energy of the beads of all-atom coordinates in the data file of the example, which people have made */

double energy_by_hand(const std::vector<double> &x)
{
  Beads beads(examples + "ala2.coarse.minus.data");
  beads.set(x);
  return beads.energy();
}

}    // namespace

TEST_F(BackmapCoarse, HasTheEnergyOfTheDataFileByHand)
{
  const auto all = frames();
  write(map_file + " data " + data + " ids atoms" + from_frames);
  Beads beads(data);
  EXPECT_EQ(beads.lmp->atom->natoms, 6);
  EXPECT_EQ(beads.lmp->atom->ntypes, 6);
  const double u = beads.energy();
  EXPECT_NEAR(u, energy_by_hand(all[0]), 1e-7);
  EXPECT_GT(std::fabs(u - energy_by_hand(all[1])), 1e-3) << "another frame is seen";
  // the dump of atoms is one of beads, as the IDs are those of the atoms
  beads.commands("rerun " + frames_file + " first 300 last 300 dump x y z box no");
  EXPECT_NEAR(beads.value("pe"), energy_by_hand(all[3]), 1e-7);
}

TEST_F(BackmapCoarse, StartsFromTheSystem)
{
  lmp.commands("read_dump " + frames_file + " 500 x y z box no");
  write(map_file + " data " + data);
  Beads beads(data);
  EXPECT_NEAR(beads.energy(), energy_by_hand(frames()[5]), 1e-7);
  EXPECT_EQ(beads.value("type[6]"), 6.0);    // IDs are consecutive
}

TEST_F(BackmapCoarse, CopiesStartFromFramesAndDoNotInteract)
{
  const auto all = frames();
  write(map_file + " data " + data + " copies 4" + from_frames);
  double sum = 0.0;
  for (const int k : {0, 2, 4, 6}) sum += energy_by_hand(all[k]);
  Beads four(data);
  EXPECT_EQ(four.lmp->atom->natoms, 24);
  EXPECT_NEAR(four.energy(), sum, 1e-6);

  // copies of one structure
  lmp.commands("read_dump " + frames_file + " 500 x y z box no");
  const double one = energy_by_hand(all[5]);
  for (const std::string n : {"1", "2", "9"}) {
    write(map_file + " data " + data + " overwrite yes copies " + n);
    EXPECT_NEAR(Beads(data).energy(), std::stoi(n) * one, 1e-6);
  }

  // nor through another style with a cutoff, as long as they stand apart by half a cube
  write(map_file + " data " + data + " overwrite yes copies 2");
  Beads two(data);
  const std::string cutoff =
      "pair_style hybrid/overlay cgnet precision double lj/cut 6.0\npair_coeff * * cgnet " + model +
      " C N CA CB C N\npair_coeff * * lj/cut 0.1 3.0\nneigh_modify exclude molecule/intra "
      "all";
  two.commands(cutoff);
  EXPECT_NEAR(two.energy(), 2.0 * one, 1e-6);

  // control: nearer to each other they do
  write(map_file + " data " + data + " overwrite yes copies 2 spacing 7.0");
  Beads near(data);
  near.commands(cutoff);
  EXPECT_GT(std::fabs(near.energy() - 2.0 * one), 1e-3);
  // what the manual says against that
  near.commands("neigh_modify exclude molecule/inter all");
  EXPECT_NEAR(near.energy(), 2.0 * one, 1e-6);
}

TEST_F(BackmapCoarse, SeedDrawsFrames)
{
  const auto text = [&](const std::string &seed) {
    write(map_file + " data " + data + " overwrite yes copies 3 " + seed + from_frames);
    return read_file(data);
  };
  const std::string a = text("seed 1");
  EXPECT_EQ(a, text("seed 1"));
  EXPECT_NE(a, text("seed 2"));
  EXPECT_NE(a, text(""));
  // all frames drawn: each once
  write(map_file + " data " + data + " overwrite yes seed 3 copies " + std::to_string(NFRAMES) +
        from_frames);
  double sum = 0.0;
  for (const auto &x : frames()) sum += energy_by_hand(x);
  EXPECT_NEAR(Beads(data).energy(), sum, 1e-6);
}

TEST_F(BackmapCoarse, MassesBondsAndStyles)
{
  write(map_file + " data " + data + " mass 40 style full bonds yes copies 2");
  Beads beads(data, "full", "C N CA CB");
  EXPECT_EQ(beads.value("mass[1]"), 40.0);
  EXPECT_NEAR(beads.value("mass(all)"), 480.0, 1e-9);
  EXPECT_EQ(beads.lmp->atom->nbonds, 10);
  EXPECT_NEAR(beads.value("charge(all)"), 0.0, 1e-6);
  // the bonds are between beads that are neighbors: one of second neighbors alone has 2.4 Angstrom, an energy of 81
  beads.commands("bond_style harmonic\nbond_coeff * 100.0 1.5\ncomm_modify cutoff 20\n"
                 "thermo_style custom step pe ebond\nrun 0 post no");
  EXPECT_LT(beads.value("ebond"), 40.0);
  write(map_file + " data " + data + " overwrite yes mass bead");
  EXPECT_NEAR(Beads(data, "molecular", "C N CA CB").value("mass(all)"), 4 * 12.01 + 2 * 14.01,
              1e-6);
  write(map_file + " data " + data + " overwrite yes spacing 25.0");
  EXPECT_EQ(Beads(data).value("lx"), 25.0);
}

TEST_F(BackmapCoarse, PrintsTheCommandsThatReadIt)
{
  const std::string log = "tmp_coarse.log";
  lmp.commands("log " + log);
  write(map_file + " data " + data);
  lmp.commands("log none");
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string text = read_file(log);
  EXPECT_NE(text.find("BACKMAP coarse " + data + ": 6 beads, 1 copy, 6 atom types, box"),
            std::string::npos)
      << text;
  EXPECT_NE(
      text.find("\nread_data       " + data + "\npair_style      cgnet\npair_coeff      * * "),
      std::string::npos)
      << text;
  // a long name of the model may have moved the last beads to another line
  EXPECT_NE(text.find("/ala2.cgnet.safetensors C N"), std::string::npos) << text;
}

TEST_F(BackmapCoarse, DumpHasTheBeads)
{
  const Topology t = train_test::data_topology(data_folder() + "/ala2/ala2.data");
  for (const auto &file : {map_file, com_file}) {
    const Mapping map = Mapping::parse(read_file(file), t, file);
    write(file + " dump " + dump + " overwrite yes" + from_frames);
    write(file + " data " + data + " overwrite yes");
    // read as a user would, the box of the dump included
    PlainLammps beads("units real\natom_style molecular\natom_modify map array\nread_data " + data +
                          "\npair_style zero 5.0\npair_coeff * *\n",
                      MPI_COMM_WORLD);
    const auto all = frames();
    for (int k = 0; k < NFRAMES; k++) {
      beads.commands("read_dump " + dump + " " + std::to_string(100 * k) + " x y z\nrun 0 post no");
      std::vector<double> z(3 * map.nbeads());
      map.apply(all[k].data(), z.data());
      for (int b = 0; b < map.nbeads(); b++)
        for (int d = 0; d < 3; d++)
          EXPECT_NEAR(beads.value(std::string(1, "xyz"[d]) + "[" + std::to_string(b + 1) + "]"),
                      z[3 * b + d], 1e-8);
    }
    EXPECT_GT(beads.value("lx"), 10.0);
  }
}

TEST_F(BackmapCoarse, RerunOfTheDumpHasTheEnergies)
{
  write(map_file + " dump " + dump + " files " + frames_file + " every 200 dump x y z box no");
  write(map_file + " data " + data);
  Beads beads(data);
  beads.commands("log tmp_rerun.log\nrerun " + dump + " dump x y z\nlog none");
  EXPECT_EQ(beads.value("step"), 600.0);
  EXPECT_NEAR(beads.value("pe"), energy_by_hand(frames()[6]), 1e-6);
  // by IDs of atoms, in the data file of the example
  write(map_file + " dump " + dump + " overwrite yes ids atoms" + from_frames);
  Beads hand(examples + "ala2.coarse.minus.data");
  hand.commands("rerun " + dump + " dump x y z box no");
  EXPECT_NEAR(hand.value("pe"), energy_by_hand(frames()[7]), 1e-6);
}

TEST_F(BackmapCoarse, StepsOfADumpAscend)
{
  const std::string two = " files " + frames_file + " " + more_file + " dump x y z box no";
  const std::string text = error(map_file + " dump " + dump + two);
  EXPECT_NE(text.find("dump file " + more_file + ": step 0 after step 700, expected ascending"),
            std::string::npos)
      << text;
  EXPECT_FALSE(exists(dump));
  write(map_file + " dump " + dump + " steps count" + two);
  const std::string written = read_file(dump);
  EXPECT_NE(written.find("TIMESTEP\n15\n"), std::string::npos);
  EXPECT_EQ(written.find("TIMESTEP\n16\n"), std::string::npos);
}

TEST_F(BackmapCoarse, KeepsAFileThatExists)
{
  write(map_file + " data " + data);
  const std::string before = read_file(data);
  EXPECT_NE(error(map_file + " data " + data + " copies 2")
                .find("exists, expected a new one, or overwrite yes"),
            std::string::npos);
  EXPECT_NE(error(map_file + " dump " + data + from_frames).find("exists"), std::string::npos);
  EXPECT_EQ(read_file(data), before);
  write(map_file + " data " + data + " copies 2 overwrite yes");
  EXPECT_NE(read_file(data), before);
}

TEST_F(BackmapCoarse, NamesWhatIsWrong)
{
  const auto expect = [&](const std::string &arguments, const std::string &part) {
    const std::string text = error(arguments);
    EXPECT_NE(text.find(part), std::string::npos) << arguments << ": " << text;
    EXPECT_NE(text.find("backmap_coarse"), std::string::npos) << text;
  };
  const std::string d = map_file + " data " + data + " ", f = map_file + " dump " + dump + " ";
  expect("", "expected backmap_coarse MAP data|dump FILE");
  expect(map_file + " beads " + data, "second argument, expected data or dump, got beads");
  expect("none.map.json data " + data, "cannot read none.map.json");
  expect(d + "size 3", "unknown keyword size");
  expect(d + "mass 0", "keyword mass, expected group, bead or a mass above 0, got 0");
  expect(d + "mass heavy", "keyword mass, expected group, bead or a mass above 0, got heavy");
  expect(d + "copies 0", "keyword copies, expected at least 1, got 0");
  expect(d + "style atomic", "keyword style, expected molecular or full, got atomic");
  expect(d + "ids file", "keyword ids, expected consecutive or atoms, got file");
  expect(d + "seed 4", "keyword seed, expected keyword files beside it, got none");
  expect(d + "steps count", "keyword steps, expected with dump, got data");
  expect(d + "spacing 3", "keyword spacing, expected at least");
  expect(d + "ids atoms copies 2", "expected one copy of the molecule, got 2");
  expect(d + "copies 9" + from_frames, "at least one for each of 9 copies, got 8");
  expect(com_file + " data " + data + " ids atoms", "bead 1 (ACE), expected one atom, got 6");
  expect(f, "expected keyword files with all-atom dumps, got none");
  expect(f + "copies 2" + from_frames, "keyword copies, expected with data, got dump");
  expect(f + "files none.dump dump x y z box no", "none.dump: cannot open");
  EXPECT_FALSE(exists(data)) << "nothing is written before an error";
  EXPECT_FALSE(exists(dump));
  PlainLammps empty("units real\natom_style full\n", MPI_COMM_WORLD);
  EXPECT_NE(empty.error_of("backmap_coarse " + d).find("before simulation box"), std::string::npos);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// backmap_map: the file it writes, what it prints, files that exist, and its errors.
// ranks: 1 2

#include "fix_test_support.h"

#include "molecule/mapping.h"
#include "training/train_test_support.h"

#include <cstdio>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

std::string map_file()
{
  return "tmp_map.json";
}

class BackmapMap : public testing::Test {
 protected:
  PlainLammps lmp{ala2_script(), MPI_COMM_WORLD};

  void SetUp() override { remove(); }
  void TearDown() override { remove(); }

  void remove() { remove_files({map_file()}); }

  Mapping propose(const std::string &keywords)
  {
    lmp.commands("backmap_map " + map_file() + " overwrite yes " + keywords);
    MPI_Barrier(MPI_COMM_WORLD);
    const Topology t = train_test::data_topology(data_folder() + "/ala2/ala2.data");
    return Mapping::parse(read_file(map_file()), t, map_file());
  }

  std::string error(const std::string &arguments)
  {
    return lmp.error_of("backmap_map " + arguments);
  }
};

std::vector<int> first_atoms(const Mapping &map)
{
  std::vector<int> out;
  for (const auto &b : map.beads) out.push_back(b.atoms[0] + 1);
  return out;
}

}    // namespace

TEST_F(BackmapMap, WritesTheMapOfTheExample)
{
  const Mapping map = propose("name dipeptide");
  EXPECT_EQ(map.molecule, "dipeptide");
  EXPECT_EQ(first_atoms(map), std::vector<int>({5, 7, 9, 11, 15, 17}));
  EXPECT_EQ(map.beads[3].name, "CB");
  EXPECT_TRUE(map.fragments.empty());
  EXPECT_EQ(propose("").molecule, "C6H12N2O2");
}

TEST_F(BackmapMap, Rules)
{
  EXPECT_EQ(first_atoms(propose("every 2")), std::vector<int>({5, 9, 17}));
  const Mapping units = propose("centers unit");
  ASSERT_EQ(units.nbeads(), 3);
  EXPECT_EQ(units.beads[1].atoms.size(), 10u);
  const Mapping pairs = propose("centers 2");
  EXPECT_EQ(pairs.nbeads(), 4);    // CH3 CO, N CA CB, CO, N CH3
  EXPECT_EQ(pairs.beads[1].name, "C2H5N");
  const Mapping grouped = propose("fragments yes");
  ASSERT_EQ(grouped.fragments.size(), 3u);
  EXPECT_EQ(grouped.fragments[1].name, "C3H5NO");
  EXPECT_EQ(grouped.fragments[1].atoms.size(), 6u);
}

/* in proline the ring leads back to CA, so that the chain does not ascend with the IDs */

TEST_F(BackmapMap, OrderOfIds)
{
  const std::string pro = std::string(BACKMAP_EXAMPLES) + "/../benchmarks/molecules/pro.data";
  PlainLammps other(ala2_script("", "1.0", pro), MPI_COMM_WORLD);
  const auto atoms = [&](const std::string &keywords) {
    other.commands("backmap_map " + map_file() + " overwrite yes " + keywords);
    MPI_Barrier(MPI_COMM_WORLD);
    return first_atoms(
        Mapping::parse(read_file(map_file()), train_test::data_topology(pro), map_file()));
  };
  EXPECT_EQ(atoms(""), std::vector<int>({5, 7, 17, 14, 11, 19, 21}));
  EXPECT_EQ(atoms("order ids"), std::vector<int>({5, 7, 11, 14, 17, 19, 21}));
}

TEST_F(BackmapMap, SaysWhatIsLeftOpen)
{
  const std::string log = "tmp_map.log";
  lmp.commands("log " + log);
  propose("");
  propose("every 2");
  lmp.commands("log none");
  MPI_Barrier(MPI_COMM_WORLD);
  const std::string text = read_file(log);
  EXPECT_NE(text.find("6 beads for 22 atoms"), std::string::npos) << text;
  EXPECT_NE(text.find("  C3H5NO                    1      6         0            0       1      0"),
            std::string::npos)
      << text;
  // one of the two maps turns heavy atoms
  EXPECT_EQ(text.find("WARNING"), text.rfind("WARNING"));
  EXPECT_GT(text.find("WARNING: Command backmap_map: the map leaves"), text.find("3 beads for 22"));
}

TEST_F(BackmapMap, KeepsAFileThatExists)
{
  propose("every 2");
  const std::string before = read_file(map_file());
  EXPECT_NE(error(map_file()).find("exists, expected a new one, or overwrite yes"),
            std::string::npos);
  EXPECT_NE(error(map_file() + " overwrite no").find("exists"), std::string::npos);
  EXPECT_EQ(read_file(map_file()), before);
  propose("");
  EXPECT_NE(read_file(map_file()), before);
}

TEST_F(BackmapMap, NamesWhatIsWrong)
{
  const std::string f = map_file() + " ";
  EXPECT_NE(error("").find("expected backmap_map FILE"), std::string::npos);
  EXPECT_NE(error(f + "every 2 centers 3").find("expected one rule"), std::string::npos);
  EXPECT_NE(error(f + "every 0").find("every"), std::string::npos);
  EXPECT_NE(error(f + "centers some").find("expected unit or a number"), std::string::npos);
  EXPECT_NE(error(f + "centers 0").find("centers"), std::string::npos);
  EXPECT_NE(error(f + "centers 3 fragments yes").find("expected beads of one atom"),
            std::string::npos);
  EXPECT_NE(error(f + "centers 3 order ids").find("expected beads of one atom"), std::string::npos);
  EXPECT_NE(error(f + "order names").find("order"), std::string::npos);
  EXPECT_NE(error(f + "every 5").find("expected at least three"), std::string::npos);
  EXPECT_NE(error(f + "backbone yes").find("backbone"), std::string::npos);
  EXPECT_FALSE(exists(map_file())) << "nothing is written before an error";
  PlainLammps empty("units real\natom_style full\n", MPI_COMM_WORLD);
  EXPECT_NE(empty.error_of("backmap_map " + f).find("before simulation box"), std::string::npos);
}

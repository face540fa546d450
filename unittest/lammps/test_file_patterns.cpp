/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Lists of files by patterns: natural order, what wildcards stand for, pairs, and what is said where nothing matches.
// ranks: 1 2

#include "lammps/file_patterns.h"

#include "error_of.h"
#include "fix_test_support.h"

#include "lammps.h"

#include <algorithm>
#include <sys/stat.h>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

using Names = std::vector<std::string>;

/* a folder of this test with empty files, the same for all ranks */

std::string folder(const std::string &name, const Names &files)
{
  int ranks;
  MPI_Comm_size(MPI_COMM_WORLD, &ranks);
  std::string path = "patterns" + std::to_string(ranks) + "." + name + "/";
  if (world_rank() == 0) {
    mkdir(path.c_str(), 0777);
    for (const auto &f : files) std::ofstream(path + f) << "";
  }
  MPI_Barrier(MPI_COMM_WORLD);
  return path;
}

Names in(const std::string &path, Names names)
{
  for (auto &n : names) n = path + n;
  return names;
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "no error");
}

}    // namespace

TEST(FilePatterns, NumbersCountAsNumbers)
{
  const Names ordered{"a",        "a.1.dump",

                      "a.2.dump", "a.2b.dump", "a.10.dump",   "a1.1",
                      "a9.20",    "a10.3",     "a10.3x",      "a100000000000000000000.1",
                      "b.0",      "b.0.1",     "b.minus.10.", "b.plus.2."};
  for (std::size_t i = 0; i < ordered.size(); i++)
    for (std::size_t j = 0; j < ordered.size(); j++)
      EXPECT_EQ(natural_less(ordered[i], ordered[j]), i < j) << ordered[i] << " " << ordered[j];
  // the same number: one of them is first, and stays it
  EXPECT_NE(natural_less("a.1.dump", "a.01.dump"), natural_less("a.01.dump", "a.1.dump"));
  EXPECT_TRUE(natural_less("a.01.dump", "a.2.dump"));
  EXPECT_FALSE(natural_less("a.2.dump", "a.01.dump"));
}

TEST(FilePatterns, WhatWildcardsStandFor)
{
  Names got;
  EXPECT_TRUE(match_pattern("samples.*.?.txt", "samples.minus.0.txt", got));
  EXPECT_EQ(got, Names({"minus", "0"}));
  EXPECT_TRUE(match_pattern("*.*.txt", "a.b.c.txt", got));
  EXPECT_EQ(got, Names({"a", "b.c"}));
  EXPECT_TRUE(match_pattern("a*", "a", got));
  EXPECT_EQ(got, Names({""}));
  EXPECT_TRUE(match_pattern("a", "a", got));
  EXPECT_TRUE(got.empty());
  for (const auto &wrong : {"a.b", "a.10.b.c", "a//b", "x.1.b", "a.1.b/"})
    EXPECT_FALSE(match_pattern("a.?.b", wrong, got)) << wrong;
  EXPECT_FALSE(match_pattern("a*b", "a/b", got));
  EXPECT_FALSE(match_pattern("a?b", "a/b", got));
}

TEST(FilePatterns, FilesInNaturalOrder)
{
  const auto path = folder("list",
                           {"u.10.dump", "u.1.dump", "u.2.dump", "u.log", "u[1].2.dump",
                            "u[1].11.dump", "heldout.dump", ".hidden.dump"});
  if (world_rank() == 0) mkdir((path + "u.3.dump").c_str(), 0777);    // a folder is no file
  MPI_Barrier(MPI_COMM_WORLD);
  EXPECT_EQ(find_files(path + "u.*.dump"), in(path, {"u.1.dump", "u.2.dump", "u.10.dump"}));
  EXPECT_EQ(find_files(path + "u.?.dump"), in(path, {"u.1.dump", "u.2.dump"}));
  EXPECT_EQ(find_files(path + "u[1].*.dump"), in(path, {"u[1].2.dump", "u[1].11.dump"}));
  EXPECT_EQ(find_files(path.substr(0, path.size() - 2) + "?/u.1*.dump"),
            in(path, {"u.1.dump", "u.10.dump"}));
  // without wildcards a name is itself
  EXPECT_EQ(find_files("not-there"), Names({"not-there"}));
  EXPECT_EQ(find_files("u[0-9]"), Names({"u[0-9]"}));
}

TEST(FilePatterns, SaysWhatIsThere)
{
  const auto path = folder("there", {"u.1.dump", "u.2.dump", "u.3.dump", "u.10.dump", "v.1.txt"});
  const auto said = [&](const std::string &pattern) {
    return error_of([&] { find_files(path + pattern); });
  };
  const std::string here = path.substr(0, path.size() - 1);
  for (const auto &pattern : {"u.*.dmp", "x.*.dump"}) {
    const auto text = said(pattern);
    EXPECT_EQ(
        text.find("expected files that match " + path + pattern + ", got none in the folder "), 0u)
        << text;
    EXPECT_NE(text.find(here + ", which has u.1.dump, u.2.dump, u.3.dump and 1 more"),
              std::string::npos)
        << text;
  }
  const auto nothing = said("x.*.data");
  EXPECT_EQ(nothing.find("which has"), std::string::npos) << nothing;
  EXPECT_NE(said("none/u.*.dump").find("there is no folder " + path + "none/"), std::string::npos);
  EXPECT_NE(said("*/*.dump").find("got none"), std::string::npos);
}

TEST(FilePatterns, PairsByWhatWildcardsStandFor)
{
  const auto path = folder("pairs",
                           {"s.minus.2.txt", "s.minus.10.txt", "s.plus.2.txt", "c.minus.2.dump",
                            "c.minus.10.dump", "c.plus.2.dump", "s.1.txt", "s.2.txt", "c.1.dump",
                            "s.10.txt", "d.1.dump", "d.2.dump", "d.3.dump", "d.10.dump"});
  using Pairs = std::vector<std::array<std::string, 2>>;
  const auto pairs = [&](const std::string &a, const std::string &b) {
    return find_file_pairs(path + a, path + b);
  };
  const auto pair = [&](const std::string &a, const std::string &b) {
    return std::array<std::string, 2>{path + a, path + b};
  };
  EXPECT_EQ(
      pairs("s.*.*.txt", "c.*.*.dump"),
      Pairs({pair("s.minus.2.txt", "c.minus.2.dump"), pair("s.minus.10.txt", "c.minus.10.dump"),
             pair("s.plus.2.txt", "c.plus.2.dump")}));
  EXPECT_EQ(pairs("s.1.txt", "not-there"), Pairs({pair("s.1.txt", "not-there")}));

  const auto said = [&](const std::string &a, const std::string &b) {
    return error_of([&] { pairs(a, b); });
  };
  // the first table without a dump, and a dump without a table
  EXPECT_EQ(said("s.?.txt", "c.?.dump")
                .find(path + "s.2.txt has no partner, expected " + path + "c.2.dump"),
            0u)
      << said("s.?.txt", "c.?.dump");
  EXPECT_EQ(
      said("s.?.txt", "d.?.dump")
          .find(path + "d.3.dump has no partner, expected " + path + "s.3.txt (2 files match"),
      0u)
      << said("s.?.txt", "d.?.dump");
  EXPECT_NE(said("s.*.txt", "c.1.dump").find("the same number of * and ?"), std::string::npos);
  EXPECT_NE(said("s.*.txt", "x.*.dump").find("got none"), std::string::npos);
}

TEST(FilePatterns, AllRanksHaveTheList)
{
  const auto path = folder("ranks", {"a.2.txt", "a.11.txt", "b.2.dump", "b.11.dump"});
  const char *words[] = {"test", "-screen", "none", "-log", "patterns.log", "-nocite"};
  LAMMPS_NS::LAMMPS lmp(6, const_cast<char **>(words), MPI_COMM_WORLD);
  EXPECT_EQ(backmap_files(&lmp, path + "a.*.txt", "test"), in(path, {"a.2.txt", "a.11.txt"}));
  const auto pairs = backmap_file_pairs(&lmp, path + "a.*.txt", path + "b.*.dump", "test");
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[1][1], path + "b.11.dump");
  for (const auto &name : {std::string("plain"), std::string()})
    EXPECT_EQ(backmap_files(&lmp, name, "test"), Names({name}));
  std::string text;
  try {
    backmap_files(&lmp, path + "c.*", "test");
  } catch (const LAMMPS_NS::LAMMPSException &e) {
    text = e.what();
  }
  EXPECT_NE(text.find("test: expected files that match"), std::string::npos) << text;
  if (world_rank() == 0) {
    fflush(nullptr);
    EXPECT_NE(read_file("patterns.log")
                  .find("test: " + path + "a.*.txt: 2 file(s), " + path + "a.2.txt to " + path +
                        "a.11.txt"),
              std::string::npos);
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Files that cannot be written: a full disk, a limit of the file size, a folder without rights, two writers of one file,
// a table that a restart continues. Every rank gets the error, and what was written stays.
// ranks: 1 2

#include "lammps/backmap_test_models.h"

#include "lammps/io.h"
#include "lammps/line_file.h"
#include "statistics/sample_table.h"

#include <csignal>
#include <functional>
#include <map>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace BACKMAP_NS;
using namespace fix_test;

namespace {

/* no file of this process grows beyond so many bytes, as on a full disk, while f runs */

void with_limit(rlim_t bytes, const std::function<void()> &f)
{
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit low{bytes, old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &low);
  f();
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
}

/* a toy of 40 frames of 5 samples for all ranks */

struct Files : public ::testing::Test {
  const Toy toy{};
  const std::string flow = from_rank_0(write_model("toy.flow", toy.flow())),
                    fine = from_rank_0(write_file("toy.in", toy.fine_script())),
                    data = from_rank_0(write_file("toy.lmp", toy.coarse_script())),
                    table = from_rank_0(scratch_file("table")),
                    xyz = from_rank_0(scratch_file("xyz"));
  std::string dump;

  void SetUp() override
  {
    std::mt19937_64 engine(21);
    for (int i = 0; i < 40; i++) dump += dump_frame(i + 1, toy.draw(engine, toy.coarse_k));
    dump = from_rank_0(write_file("toy.dump", dump));
    MPI_Barrier(MPI_COMM_WORLD);
  }

  std::string fix(const std::string &keywords) const
  {
    return "fix bm all backmap 1 " + flow + " " + fine + " samples 5 temp 300 " + keywords + "\n";
  }

  std::string rerun(const std::string &more = "") const
  {
    return "rerun " + dump + " " + more + " dump x y z box no\n";
  }

  std::string start() const { return "processors * 1 1\ninclude " + data + "\n"; }

  /* an error with both texts, on every rank */
  void expect_error(const std::string &script, const std::string &a, const std::string &b) const
  {
    PlainLammps lmp("", MPI_COMM_WORLD);
    const std::string text = lmp.error_of(start() + script);
    EXPECT_NE(text.find(a), std::string::npos) << script << "got: " << text;
    EXPECT_NE(text.find(b), std::string::npos) << script << "got: " << text;
  }

  /* rows alone: comments come with batches and runs */
  static std::string rows(const std::string &text)
  {
    std::istringstream in(text);
    std::string kept;
    for (std::string line; std::getline(in, line);)
      if (line[0] != '#') kept += line + "\n";
    return kept;
  }

  std::string whole_run() const
  {
    {
      PlainLammps lmp("", MPI_COMM_WORLD);
      lmp.commands(start() + fix("table " + table) + rerun());
    }
    MPI_Barrier(MPI_COMM_WORLD);
    std::string text = read_file(table);
    MPI_Barrier(MPI_COMM_WORLD);
    return text;
  }
};

}    // namespace

TEST_F(Files, FullDisk)
{
  expect_error(fix("table /dev/full") + rerun(), "cannot write file /dev/full",
               "No space left on device");
  expect_error(fix("table " + table + " xyz /dev/full") + rerun(), "cannot write file /dev/full",
               "No space left on device");
}

TEST_F(Files, DiskThatFillsUpKeepsWhatWasWritten)
{
  const std::string whole = whole_run();
  for (const double part : {0.02, 0.3, 0.55, 0.8, 0.97})
    with_limit(static_cast<rlim_t>(part * static_cast<double>(whole.size())), [&] {
      expect_error(fix("batch 3 table " + table) + rerun(), "cannot write file " + table, "large");
      const std::string text = read_file(table);
      if (text.empty()) {
        EXPECT_LT(part, 0.1);
        return;
      }
      EXPECT_EQ(text.back(), '\n');
      const auto t = SampleTable::parse(text, table);
      EXPECT_TRUE(t.records[0].warnings.empty()) << "whole frames";
      EXPECT_EQ(rows(whole).substr(0, rows(text).size()), rows(text));
      EXPECT_GT(static_cast<double>(text.size()),
                (part - 0.15) * static_cast<double>(whole.size()));
      MPI_Barrier(MPI_COMM_WORLD);
    });
}

// files that are written anew as a whole: the old one stays
TEST_F(Files, FullDiskKeepsTheOldReport)
{
  whole_run();
  const auto json = from_rank_0(scratch_file("summary.json"));
  const std::string report = "backmap_report " + table + " json " + json + "\n";
  PlainLammps("", MPI_COMM_WORLD).commands(report);
  const std::string old = read_file(json);
  ASSERT_GT(old.size(), 300u);
  with_limit(200, [&] { expect_error(report, "cannot write " + json, "large"); });
  EXPECT_EQ(read_file(json), old);
  EXPECT_FALSE(half_written(json));
}

// ranks that write one file at the same time, as partitions do whose script forgets their number in its name: the file is
// that of one of them, whole
TEST_F(Files, TwoWritersOfOneWholeFile)
{
  const auto path = from_rank_0(scratch_file("whole"));
  const std::string mine(50000, static_cast<char>('a' + world_rank()));
  MPI_Barrier(MPI_COMM_WORLD);
  for (int i = 0; i < 500; i++) {
    ASSERT_EQ(backmap_replace_file(path, mine), "");
    const std::string there = read_file(path);
    ASSERT_EQ(there, std::string(50000, there[0]));
  }
  remove_files({path});
  EXPECT_FALSE(half_written(path));
}

// root may write everywhere, so somebody else tries
TEST_F(Files, FolderWithoutRights)
{
  const auto folder = from_rank_0(scratch_file("folder"));
  if (world_rank() == 0) mkdir(folder.c_str(), 0555);
  MPI_Barrier(MPI_COMM_WORLD);
  const bool root = geteuid() == 0;
  if (root) { ASSERT_EQ(seteuid(65534), 0); }
  expect_error(fix("table " + folder + "/table") + rerun(), "cannot open file " + folder,
               "Permission denied");
  expect_error(fix("xyz " + folder + "/xyz") + rerun(), "cannot open file " + folder,
               "Permission denied");
  if (root) { ASSERT_EQ(seteuid(0), 0); }
  expect_error(fix("table " + folder + "/no/table") + rerun(), "cannot open file " + folder,
               "No such file or directory");
  if (world_rank() == 0) rmdir(folder.c_str());
}

TEST_F(Files, TwoWritersOfOneFile)
{
  const std::string second =
      "fix other all backmap 1 " + flow + " " + fine + " samples 5 temp 300 table " + table + "\n";
  expect_error(fix("table " + table) + second + rerun(), table,
               "is being written by another run, fix or partition");
  expect_error(fix("table " + table + " xyz " + table) + rerun(), table, "is being written");
  // one after the other is no matter
  PlainLammps lmp("", MPI_COMM_WORLD);
  EXPECT_EQ(
      lmp.error_of(start() + fix("table " + table) + rerun() + "unfix bm\n" + second + rerun()),
      "");
}

// rerun in two parts with a restart file between them, the second part tried twice: the rows of the whole
TEST_F(Files, RestartGoesOnWhereItWas)
{
  const std::string whole = whole_run();
  const auto state = from_rank_0(scratch_file("state.restart"));
  const std::string go_on =
      "processors * 1 1\nunits real\natom_modify map array\ncomm_modify cutoff "
      "20.0\nread_restart " +
      state + "\n";
  PlainLammps("", MPI_COMM_WORLD)
      .commands(start() + fix("batch 4 append yes table " + table + ".2 xyz " + xyz) +
                rerun("last 17") + "write_restart " + state);
  const std::string first = read_file(table + ".2"), structures = read_file(xyz);
  MPI_Barrier(MPI_COMM_WORLD);
  {
    PlainLammps lmp("", MPI_COMM_WORLD);
    const auto text = lmp.error_of(go_on + fix("table " + table + ".2") + rerun("first 18"));
    EXPECT_NE(text.find("expected append yes or another name"), std::string::npos) << text;
  }
  EXPECT_EQ(read_file(table + ".2"), first) << "nothing is overwritten";
  MPI_Barrier(MPI_COMM_WORLD);
  for (const std::string end : {"last 29", "", ""}) {
    double frames = 0.0, ess = 0.0;
    {
      PlainLammps lmp("", MPI_COMM_WORLD);
      lmp.commands(go_on + fix("batch 7 append yes table " + table + ".2 xyz " + xyz) +
                   rerun("first 18 " + end));
      frames = lmp.value("f_bm[1]");
      ess = lmp.value("f_bm[3]");
    }
    MPI_Barrier(MPI_COMM_WORLD);
    const auto t = SampleTable::parse(read_file(table + ".2"), table);
    EXPECT_EQ(t.weights().frames(), frames);
    EXPECT_EQ(frames, end.empty() ? 40.0 : 29.0);
    EXPECT_NEAR(t.weights().joint_ess(), ess, 1e-12)
        << "table and averages are of the same samples";
    MPI_Barrier(MPI_COMM_WORLD);
  }
  EXPECT_EQ(rows(read_file(table + ".2")), rows(whole));
  // what was drawn before another try: steps 18 to 29, then 18 to 40
  const auto frames_at = [](const std::string &text) {
    std::map<std::string, int> count;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) count[line.substr(0, line.find(' '))]++;
    return count;
  };
  const auto cut = frames_at(rows(read_file(table + ".2.cut")));
  EXPECT_EQ(cut.size(), 23u);
  EXPECT_EQ(cut.at("18"), 10);
  EXPECT_EQ(cut.at("40"), 5);
  const std::string all = read_file(xyz);
  EXPECT_EQ(all.substr(0, structures.size()), structures);
  std::size_t n = 0;
  for (std::size_t at = 0; (at = all.find("Properties=", at)) != std::string::npos; at++) n++;
  EXPECT_EQ(n, 200u);
  remove_files({table + ".2", table + ".2.cut", xyz, xyz + ".cut", state});
}

// the file itself: half a line, a file that is shorter than it was
TEST_F(Files, LinesAreWhole)
{
  if (world_rank() != 0) return;
  const std::string name = scratch_file("lines");
  for (const std::string &half : {std::string(), std::string("half"), std::string(200000, 'x')}) {
    std::remove((name + ".cut").c_str());
    std::ofstream(name) << "one\ntwo\n" << half;
    LineFile file;
    const std::string told = file.open(name, true);
    EXPECT_EQ(told.empty(), half.empty()) << told;
    file.write("three\n");
    EXPECT_EQ(read_file(name), "one\ntwo\nthree\n");
    EXPECT_EQ(read_file(name + ".cut"), half);
  }
  LineMark mark;
  {
    LineFile file;
    file.open(name, false);
    file.write("one\n", false);
    EXPECT_EQ(read_file(name), "");
    mark = file.mark();
    EXPECT_EQ(read_file(name), "one\n");
    file.write("two\n", false);
  }
  EXPECT_EQ(read_file(name), "one\ntwo\n");
  LineFile again, other;
  EXPECT_NE(again.open(name, true, mark).find("4 bytes"), std::string::npos);
  EXPECT_EQ(read_file(name), "one\n");
  const std::string locked = error_text([&] { other.open(name, true); });
  EXPECT_NE(locked.find("written by another run"), std::string::npos) << locked;
  std::ofstream(name + "2") << "o\n";
  LineFile renamed;
  EXPECT_EQ(renamed.open(name + "2", true, mark), "") << "a mark of another file";
}

TEST_F(Files, AFileThatLostItsEnd)
{
  if (world_rank() != 0) return;
  const std::string name = scratch_file("lines");
  LineMark mark;
  {
    LineFile file;
    file.open(name, false);
    file.write("one\ntwo\n");
    mark = file.mark();
  }
  std::ofstream(name) << "one\n";
  LineFile again;
  const std::string shorter = error_text([&] { again.open(name, true, mark); });
  EXPECT_NE(shorter.find("at least the 8 bytes"), std::string::npos) << shorter;
}

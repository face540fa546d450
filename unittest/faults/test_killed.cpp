/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// A run of fix backmap that is killed (signal 9) again and again, at any moment, and goes on from its newest restart file
// that is whole. BACKMAP_TEST_KILLS sets how often.

#include "lammps/backmap_test_models.h"

#include "statistics/sample_table.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <sys/wait.h>
#include <unistd.h>

using namespace BACKMAP_NS;
using namespace fix_test;
namespace fs = std::filesystem;

namespace {

constexpr int SAMPLES = 20, EVERY = 10, RESTART = 40;

/* one lmp, killed after so many milliseconds unless that is below 0; its exit status, or minus the signal */

int run_lmp(const std::string &script, const std::string &output, int milliseconds = -1,
            const std::string &when_grows = "")
{
  const auto size = [&] {
    std::error_code none;
    const auto n = fs::file_size(when_grows, none);
    return none ? 0 : n;
  };
  const auto before = size();
  const pid_t pid = fork();
  if (pid == 0) {
    const int fd = open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    dup2(fd, 1);
    dup2(fd, 2);
    execl(BACKMAP_LMP, "lmp", "-in", script.c_str(), "-log", "none", "-nocite", (char *) nullptr);
    _exit(127);
  }
  int status = 0;
  if (milliseconds >= 0) {
    while (waitpid(pid, &status, WNOHANG) == 0 && size() == before) usleep(500);
    usleep(1000 * milliseconds + 137);
    kill(pid, SIGKILL);
  }
  waitpid(pid, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

struct Walk {
  const Toy toy{};
  const std::string flow = write_model("toy.flow", toy.flow()),
                    fine = write_file("toy.in", toy.fine_script()),
                    table = scratch_file("killed.table"), xyz = scratch_file("killed.xyz"),
                    output = scratch_file("killed.out"), state = scratch_file("killed.restart.");

  /* from the data file, or from a restart file */
  std::string script(const std::string &from, const std::string &length) const
  {
    return write_file("killed.in",
                      (from.empty() ? toy.coarse_script(2) + "velocity all create 300 4711\n"
                                    : "units real\natom_modify map array\ncomm_modify cutoff "
                                      "20.0\nread_restart " +
                               from + "\n") +
                          "fix 1 all nve\nfix 2 all langevin 300 300 100 99\nfix bm all backmap " +
                          std::to_string(EVERY) + " " + flow + " " + fine + " samples " +
                          std::to_string(SAMPLES) + " thermostat 2 batch 8 append yes table " +
                          table + " xyz " + xyz + "\ncompute rw all reweight bm v_b v_r\nrestart " +
                          std::to_string(RESTART) + " " + state +
                          "*\nthermo_style custom step pe f_bm[1] c_rw[1][1]\nthermo 0\n"
                          "thermo_modify format float %.12g\nrun " +
                          length +
                          "\nprint \"figures $(step) $(f_bm[1]:%.0f) $(f_bm[3]:%.12g) "
                          "$(c_rw[1][1]:%.12g)\"\n");
  }

  /* restart files by their steps */
  std::map<long, std::string> restarts() const
  {
    std::map<long, std::string> found;
    for (const auto &e : fs::directory_iterator(".")) {
      const std::string name = e.path().filename().string();
      if (name.compare(0, state.size(), state) == 0)
        found[std::stol(name.substr(state.size()))] = name;
    }
    return found;
  }
};

}    // namespace

TEST(Killed, AtAnyMomentWithoutLossOrRepetition)
{
  const char *wish = std::getenv("BACKMAP_TEST_KILLS");
  const int kills = wish ? std::stoi(wish) : 6;
  const Walk walk;
  for (const auto &r : walk.restarts()) std::remove(r.second.c_str());
  for (const auto &file : {walk.table, walk.xyz}) {
    std::remove(file.c_str());
    std::remove((file + ".cut").c_str());
  }
  std::mt19937 random(4711);
  std::string from;
  int half_restarts = 0, cuts = 0, half_lines = 0;
  for (int i = 0; i < kills; i++) {
    const auto before = read_file(walk.table + ".cut").size();
    for (;;) {
      const auto all = walk.restarts();
      from = all.empty() ? "" : all.rbegin()->second;
      const int status = run_lmp(walk.script(from, "1000000"), walk.output,
                                 static_cast<int>(random() % 40), walk.table);
      if (status == -SIGKILL) break;
      // half a restart file is refused, and the one before it is whole
      half_restarts++;
      ASSERT_EQ(status, 1) << "an error, not a crash: " << read_file(walk.output);
      ASSERT_GT(all.size(), 1u) << "no restart file is whole: " << read_file(walk.output);
      std::remove(from.c_str());
    }
    cuts += read_file(walk.table + ".cut").size() > before;
    const std::string text = read_file(walk.table);
    ASSERT_FALSE(text.empty());
    half_lines += text.back() != '\n';
    const auto t = SampleTable::parse(text, walk.table);
    EXPECT_EQ(t.weights().samples(), t.rows.size());
  }
  printf("%d kills: %d restart files cut off, %d tables with half a line, %d tables taken back\n",
         kills, half_restarts, half_lines, cuts);

  // to a good end
  do {
    const auto all = walk.restarts();
    ASSERT_FALSE(all.empty()) << "killed too early every time";
    from = all.rbegin()->second;
    if (run_lmp(walk.script(from, "200"), walk.output) == 0) break;
    std::remove(from.c_str());
  } while (true);
  const auto t = SampleTable::parse(read_file(walk.table), walk.table);
  const std::string out = read_file(walk.output);
  long step = 0, frames = 0;
  double ess = 0.0, mean = 0.0;
  const auto at = out.rfind("\nfigures ");
  ASSERT_NE(at, std::string::npos) << out;
  std::istringstream figures(out.substr(at + 9));
  ASSERT_TRUE(figures >> step >> frames >> ess >> mean) << out.substr(at);
  EXPECT_EQ(frames, 2 * step / EVERY);
  ASSERT_EQ(static_cast<long>(t.rows.size()), frames * SAMPLES);
  for (std::size_t i = 0; i < t.rows.size(); i++) {
    ASSERT_EQ(t.rows[i].step, static_cast<long>(EVERY * (1 + i / (2 * SAMPLES))));
    ASSERT_EQ(t.rows[i].sample, static_cast<int>(i % SAMPLES));
  }
  EXPECT_NEAR(t.weights().joint_ess(), ess, 1e-9);
  EXPECT_NEAR(t.weights().means()[0].mean, mean, 1e-9);
  EXPECT_GT(step, 400);

  // the structures, each once and whole
  std::istringstream in(read_file(walk.xyz));
  std::set<std::string> seen;
  for (std::string line; std::getline(in, line);) {
    ASSERT_EQ(line, "4");
    std::getline(in, line);
    EXPECT_TRUE(seen.insert(line.substr(0, line.find(" logweight"))).second) << line;
    for (int i = 0; i < 4; i++) ASSERT_TRUE(std::getline(in, line));
  }
  EXPECT_EQ(seen.size(), t.rows.size());
}

// half a file, cut off at many places: an error of LAMMPS, never a crash or a run from what is there
TEST(Killed, HalfARestartFileIsRefused)
{
  const Walk walk;
  const auto whole = walk.state + "40", half = scratch_file("half.restart");
  std::remove(walk.table.c_str());
  std::remove(walk.xyz.c_str());
  ASSERT_EQ(run_lmp(walk.script("", "60"), walk.output), 0) << read_file(walk.output);
  const std::string bytes = read_file(whole);
  ASSERT_EQ(run_lmp(walk.script(whole, "0"), walk.output), 0) << read_file(walk.output);
  for (int i = 0; i < 6; i++) {
    // the last 16 bytes are a mark without data
    const std::size_t length = bytes.size() - 17 - i * i * bytes.size() / 36;
    std::ofstream(half, std::ios::binary) << bytes.substr(0, length);
    EXPECT_EQ(run_lmp(walk.script(half, "0"), walk.output), 1)
        << length << " of " << bytes.size() << read_file(walk.output);
  }
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// All-atom energies per second.
//   bench_energies NAME SCRIPT STRUCTURES.dump [options of Google Benchmark]
//
// energy/engine/NAME   the second LAMMPS of fix backmap, with the frames of the dump (columns id x y z)
// energy/run0/NAME     the same frames in an ordinary LAMMPS of this process, by `run 0 pre no`; it must give the same energies

#include "lammps/fine_engine.h"

#include "atom.h"
#include "input.h"
#include "lammps.h"
#include "library.h"
#include "neighbor.h"
#include "update.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <mpi.h>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

using Frames = std::vector<std::vector<double>>;    // [frames][3 atoms]

Frames read_frames(const std::string &name)
{
  std::ifstream in(name);
  Frames frames;
  std::string line;
  std::size_t atoms = 0;
  while (std::getline(in, line)) {
    if (line.rfind("ITEM: NUMBER", 0) == 0 && std::getline(in, line)) atoms = std::stoul(line);
    if (line.rfind("ITEM: ATOMS id x y z", 0) != 0) continue;
    std::vector<double> x(3 * atoms);
    for (std::size_t i = 0; i < atoms && std::getline(in, line); i++) {
      std::istringstream row(line);
      std::size_t id = 0;
      row >> id;
      if (id < 1 || id > atoms) throw std::runtime_error(name + ": wrong ID of an atom: " + line);
      row >> x[3 * id - 3] >> x[3 * id - 2] >> x[3 * id - 1];
    }
    frames.push_back(x);
  }
  if (frames.empty()) throw std::runtime_error(name + ": expected frames with columns id x y z");
  return frames;
}

/* ----------------------------------------------------------------------
   what a user would do without the engine
------------------------------------------------------------------------- */

class PlainLammps {
 public:
  explicit PlainLammps(const std::string &script)
  {
    std::vector<std::string> words{"lmp", "-log", "none", "-screen", "none"};
    std::vector<char *> argv;
    for (auto &w : words) argv.push_back(w.data());
    lmp = lammps_open(static_cast<int>(argv.size()), argv.data(), MPI_COMM_SELF, nullptr);
    lammps_file(lmp, script.c_str());
    lammps_command(lmp, "thermo_style custom step pe");
    lammps_command(lmp, "run 0 post no");
  }
  ~PlainLammps() { lammps_close(lmp); }
  PlainLammps(const PlainLammps &) = delete;
  PlainLammps &operator=(const PlainLammps &) = delete;

  double energy(const std::vector<double> &x)
  {
    LAMMPS_NS::Atom *atom = static_cast<LAMMPS_NS::LAMMPS *>(lmp)->atom;
    for (int i = 0; i < atom->nlocal; i++)
      for (int d = 0; d < 3; d++) atom->x[i][d] = x[3 * (atom->tag[i] - 1) + d];
    lammps_command(lmp, "run 0 post no");
    return lammps_get_thermo(lmp, "pe");
  }

 private:
  void *lmp;
};

/* ---------------------------------------------------------------------- */

void engine(benchmark::State &state, const std::string &script, const Frames &frames)
{
  FineEngine fine(script, FineEngine::Role::Silent);
  std::size_t i = 0;
  double sum = 0.0;
  for (auto _ : state) sum += fine.evaluate(frames[i++ % frames.size()].data(), nullptr);
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}

void run0(benchmark::State &state, const std::string &script, const Frames &frames)
{
  PlainLammps plain(script);
  std::size_t i = 0;
  double sum = 0.0;
  for (auto _ : state) sum += plain.energy(frames[i++ % frames.size()]);
  benchmark::DoNotOptimize(sum);
  state.SetItemsProcessed(state.iterations());
}

void compare(const std::string &script, const Frames &frames)
{
  FineEngine fine(script, FineEngine::Role::Silent);
  PlainLammps plain(script);
  for (std::size_t i = 0; i < frames.size() && i < 10; i++) {
    const double ours = fine.evaluate(frames[i].data(), nullptr), theirs = plain.energy(frames[i]);
    if (!(std::fabs(ours - theirs) < 1.0e-6 * (1.0 + std::fabs(theirs))))
      throw std::runtime_error(script + ": frame " + std::to_string(i + 1) + ", engine " +
                               std::to_string(ours) + ", run 0 " + std::to_string(theirs));
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

int main(int argc, char **argv)
{
  MPI_Init(&argc, &argv);
  int status = 0;
  benchmark::Initialize(&argc, argv);
  try {
    if (argc != 4)
      throw std::runtime_error(
          "expected NAME SCRIPT STRUCTURES.dump and options of Google Benchmark");
    const std::string name = argv[1], script = argv[2];
    const Frames frames = read_frames(argv[3]);
    compare(script, frames);
    benchmark::RegisterBenchmark(("energy/engine/" + name).c_str(), [&](benchmark::State &s) {
      engine(s, script, frames);
    })->Unit(benchmark::kMicrosecond);
    benchmark::RegisterBenchmark(("energy/run0/" + name).c_str(), [&](benchmark::State &s) {
      run0(s, script, frames);
    })->Unit(benchmark::kMicrosecond);
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception &e) {
    std::fprintf(stderr, "bench_energies: ERROR: %s\n", e.what());
    status = 1;
  }
  MPI_Finalize();
  return status;
}

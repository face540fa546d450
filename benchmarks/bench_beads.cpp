/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Energies and forces of the coarse-grained network against the number of beads: chains with random networks of the
// shipped one's width, 256 molecules at once.
//   bench_beads [options of Google Benchmark]
//
// cgnet_beads/native/B      of one piece

#include "cgnet/cgnet.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

constexpr int WIDTH = 128;    // of the three hidden layers, as in the network that is shipped

/// A zigzag of bonds of 1.5.
std::vector<double> chain(int beads, int molecules)
{
  std::mt19937 bits(1);
  std::normal_distribution<double> noise(0.0, 0.05);
  std::vector<double> z;
  for (int m = 0; m < molecules; m++)
    for (int b = 0; b < beads; b++)
      for (const double v : {1.25 * b, 0.8 * (b % 2), 0.4 * (b % 3)}) z.push_back(v + noise(bits));
  return z;
}

CgnetSpec random_cgnet(int beads)
{
  std::mt19937 bits(2);
  std::normal_distribution<double> normal;
  CgnetSpec s;
  s.molecule = "chain";
  s.units = "real";
  s.temperature = 300.0;
  s.natoms = beads;
  std::vector<std::array<int, 2>> bonds;
  for (int b = 0; b < beads; b++) {
    s.masses.push_back(14.0);
    s.types.push_back(1);
    s.charges.push_back(0.0);
    s.beads.push_back({"B" + std::to_string(b + 1), {b}, {1.0}});
    if (b > 0) bonds.push_back({b - 1, b});
  }
  s.bonds = bonds;
  s.features = derive_features(beads, bonds);
  const int nf = s.features.size();
  s.feature_mean.assign(nf, 0.0);
  s.feature_std.assign(nf, 1.0);
  s.hidden = {WIDTH, WIDTH, WIDTH};
  int in = nf;
  for (const int out : {WIDTH, WIDTH, WIDTH, 1}) {
    CgnetSpec::Linear layer;
    layer.in = in;
    layer.out = out;
    for (int i = 0; i < in * out; i++) layer.weight.push_back(normal(bits) / std::sqrt(in));
    layer.bias.assign(out, 0.1);
    s.layers.push_back(layer);
    in = out;
  }
  s.prior.bonds = bonds;
  s.prior.angles = s.features.angles;
  const int np = s.prior.size();
  s.prior.mean.assign(np, 1.5);
  s.prior.precision.assign(static_cast<std::size_t>(np) * np, 0.0);
  for (int i = 0; i < np; i++) s.prior.precision[static_cast<std::size_t>(i) * np + i] = 100.0;
  return s;
}

void beads(benchmark::State &state)
{
  constexpr int MOLECULES = 256;
  const int n = static_cast<int>(state.range(0));
  const Cgnet net(random_cgnet(n));
  const auto z = chain(n, MOLECULES);
  std::vector<double> energy(MOLECULES), force(z.size());
  for (auto _ : state) net.evaluate(MOLECULES, z.data(), energy.data(), force.data());
  state.SetItemsProcessed(state.iterations() * MOLECULES);
}

BENCHMARK(beads)
    ->Name("cgnet_beads/native")
    ->Arg(4)
    ->Arg(6)
    ->Arg(8)
    ->Arg(12)
    ->Arg(16)
    ->Arg(20)
    ->Unit(benchmark::kMicrosecond);

}    // namespace

BENCHMARK_MAIN();

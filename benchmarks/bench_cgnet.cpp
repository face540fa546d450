/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Energies and forces of the shipped network of alanine dipeptide for N molecules in one call, on one
// thread: natively, and by LibTorch with the same weights as a TorchScript program, which
// `pair_style cgnet` can run too. The model is looked for in LAMMPS_POTENTIALS, or in potentials/.
//   bench_cgnet [options of Google Benchmark]
//
// cgnet/native_single/N       networks in single precision (the default of the pair style)
// cgnet/native_double/N       in double
// cgnet/kokkos_single/N       on Kokkos' default execution space, whose memory has the beads and gets the
//                             forces, as in pair cgnet/kk; there wall-clock time counts
// cgnet/torchscript/N         all in double, as export_cgnet.py writes it
// cgnet/torchscript_single/N  its network in single
//
// ratio: time of a call over that of native_single. macs: multiply-adds of the network in one call,
// forward and back.

#include "cgnet/cgnet_device.h"
#include "cgnet_support.h"
#include "device/arrays.h"
#ifdef BENCH_TORCH
#include "libtorch/torch_script.h"
#include "torch_script_support.h"

#include <ATen/Parallel.h>
#endif

#include <Kokkos_Core.hpp>
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <ctime>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>

using namespace BACKMAP_NS;

namespace {

CgnetSpec shipped()
{
  const char *folder = std::getenv("LAMMPS_POTENTIALS");
  const std::string path = std::string(folder ? folder : "potentials") + "/ala2.cgnet.safetensors";
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return CgnetSpec::from_model(ModelFile::parse(bytes.str(), path));
}

std::map<int, double> native;    // seconds of a call, of cgnet/native_single

void evaluate(benchmark::State &state, const std::string &name, const CgPotential &net, double macs)
{
  const int n = (int) state.range(0);
  const auto z = cgnet_support::configurations(n, 7, 0.05);
  std::vector<double> e(n), f(z.size());
  for (int i = 0; i < 3; i++)    // the first calls of a TorchScript program optimise it
    net.evaluate(n, z.data(), e.data(), f.data());
  const std::clock_t start = std::clock();
  for (auto _ : state) net.evaluate(n, z.data(), e.data(), f.data());
  const double seconds = (double) (std::clock() - start) / CLOCKS_PER_SEC / state.iterations();
  state.SetItemsProcessed(state.iterations() * n);
  state.counters["macs"] = macs * n;
  if (name == "native_single") native[n] = seconds;
  if (native.count(n) && name != "native_single") state.counters["ratio"] = seconds / native[n];
}

void evaluate_on_device(benchmark::State &state, CgnetDevice &net, double macs)
{
  const int n = (int) state.range(0);
  const auto z = cgnet_support::configurations(n, 7, 0.05);
  DeviceArray<double> x("bench:z"), e("bench:energy"), f("bench:force");
  x.filled(z);
  for (auto _ : state) {
    net.evaluate(n, x.data(), e.sized(n), f.sized(z.size()));
    Kokkos::fence();
  }
  state.SetItemsProcessed(state.iterations() * n);
  state.counters["macs"] = macs * n;
}

}    // namespace

int main(int argc, char **argv)
{
  const CgnetSpec spec = shipped();
  std::vector<std::pair<std::string, std::shared_ptr<CgPotential>>> nets;
  nets.emplace_back("native_single", std::make_shared<Cgnet>(spec, Cgnet::Precision::Single));
  nets.emplace_back("native_double", std::make_shared<Cgnet>(spec, Cgnet::Precision::Double));
#ifdef BENCH_TORCH
  at::set_num_threads(1);
  using torch_script_support::archive;
  nets.emplace_back("torchscript", make_torch_script(archive(spec), "double"));
  nets.emplace_back("torchscript_single", make_torch_script(archive(spec, true), "single"));
#endif
  double macs = 0.0;
  for (const auto &l : spec.layers) macs += 2.0 * l.in * l.out;
  for (const auto &net : nets)
    benchmark::RegisterBenchmark(
        ("cgnet/" + net.first).c_str(),
        [net, macs](benchmark::State &state) { evaluate(state, net.first, *net.second, macs); })
        ->Arg(1)
        ->Arg(16)
        ->Arg(64)
        ->Arg(256)
        ->Arg(1024);
  const Kokkos::ScopeGuard kokkos;
  // gone before Kokkos is, unlike what the registered functions hold
  const auto device = CgnetDevice::create(spec, Cgnet::Precision::Single);
  benchmark::RegisterBenchmark(
      "cgnet/kokkos_single",
      [&device, macs](benchmark::State &state) { evaluate_on_device(state, *device, macs); })
      ->RangeMultiplier(4)
      ->Range(1, device_is_host ? 1024 : 262144)
      ->UseRealTime();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Samples per second of the flow, without energies, and the same flow in LibTorch beside it.
//   bench_flow FLOW.safetensors [options of Google Benchmark]      FLOW: with the six beads of alanine dipeptide
//
// flow/native_single/N, native_double/N     N samples, up to 16 of one frame
// flow/kokkos_single/N, kokkos_double/N     the same in Kokkos' default execution space, by the clock
// flow/torch_eager/N, torch_script/N        LibTorch in single precision, one thread
// flow/torch_eager_threads2/N               two threads: processor time of both
// flow_density/native_single/N, torch/N     log q of N given structures; LibTorch as train_flow's reference has it
// flow_hidden/native_single/H               1,024 samples of random flows of width H
//
// macs: multiply-adds of the networks in one call. Before anything is measured both must agree on the same points.

#include "core/model_file.h"
#include "flow/flow.h"
#include "flow_test_support.h"

#ifdef BENCH_TORCH
#include "libtorch/flow_net.h"
#include "torch_flow.h"
#include "training/flow_networks.h"

#include <torch/version.h>
#endif

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

using namespace BACKMAP_NS;

namespace {

/// Frames of up to 16 samples, as fix backmap asks for them.
struct Batch {
  int n, samples, frames;
  std::vector<double> z, x, logq;
  std::vector<std::int64_t> steps, molecules;
  FlowRequest request;

  Batch(int size, int natoms) : n(size), samples(std::min(size, 16)), frames(n / samples)
  {
    for (int i = 0; i < frames; i++) {
      const auto one = test::ala2_bead_positions(i);
      z.insert(z.end(), one.begin(), one.end());
      steps.push_back(i);
      molecules.push_back(1);
    }
    x.resize(static_cast<std::size_t>(n) * 3 * natoms);
    logq.resize(n);
    request.nframes = frames;
    request.z = z.data();
    request.samples = samples;
    request.seed = 1;
    request.timestep = steps.data();
    request.molecule = molecules.data();
  }
};

/* ----------------------------------------------------------------------
   multiply-adds of the networks, without splines and geometry; those of the beads once a frame
------------------------------------------------------------------------- */

double multiply_adds(const FlowSpec &s, const Batch &b)
{
  double sample = 0.0, frame = static_cast<double>(s.hidden) * (s.nf() + s.hidden + 2 * s.nl());
  for (const auto &c : s.couplings) {
    sample += static_cast<double>(s.hidden) * (c.in.nin + s.hidden + s.outputs(c));
    frame += static_cast<double>(s.hidden) * s.nf();
  }
  return b.n * sample + b.frames * frame;
}

void count(benchmark::State &state, const FlowSpec &spec, const Batch &b)
{
  state.SetItemsProcessed(state.iterations() * b.n);
  state.counters["macs"] = multiply_adds(spec, b);
}

/* ---------------------------------------------------------------------- */

void sampling(benchmark::State &state, const FlowSpec &spec, Flow::Precision precision,
              const char *backend)
{
  const auto flow = Flow::create(spec, precision, backend);
  Batch b(static_cast<int>(state.range(0)), spec.natoms);
  for (auto _ : state) flow->sample(b.request, b.x.data(), b.logq.data());
  count(state, spec, b);
}

void density(benchmark::State &state, const FlowSpec &spec)
{
  const auto flow = Flow::create(spec, Flow::Precision::Single, "serial");
  Batch b(static_cast<int>(state.range(0)), spec.natoms);
  flow->sample(b.request, b.x.data(), b.logq.data());
  for (auto _ : state) flow->log_prob(b.n, b.x.data(), b.logq.data());
  state.SetItemsProcessed(state.iterations() * b.n);
}

void hidden(benchmark::State &state)
{
  test::FlowShape shape;
  shape.hidden = static_cast<int>(state.range(0));
  shape.circular_bins = 8;
  shape.couplings = 8;
  shape.bound = 5.0;
  shape.strength = 0.3;
  const FlowSpec spec = test::random_flow(1, shape);
  const auto flow = Flow::create(spec, Flow::Precision::Single, "serial");
  Batch b(1024, spec.natoms);
  for (auto _ : state) flow->sample(b.request, b.x.data(), b.logq.data());
  count(state, spec, b);
}

/* ---------------------------------------------------------------------- */

#ifdef BENCH_TORCH

Tensor beads_of(const Batch &b, torch::ScalarType type)
{
  return torch::tensor(b.z, torch::kDouble).reshape({b.frames, -1, 3}).to(type);
}

void torch_eager(benchmark::State &state, const FlowSpec &spec, int threads)
{
  const torch::NoGradGuard no_grad;
  at::set_num_threads(threads);
  const rival::TorchFlow flow(spec, torch::kFloat);
  const Batch b(static_cast<int>(state.range(0)), spec.natoms);
  const Tensor z = beads_of(b, torch::kFloat);
  for (auto _ : state) benchmark::DoNotOptimize(flow.sample(z, b.samples).second.data_ptr());
  count(state, spec, b);
  at::set_num_threads(1);
}

void torch_script(benchmark::State &state, const FlowSpec &spec)
{
  const torch::NoGradGuard no_grad;
  const rival::TorchFlow flow(spec, torch::kFloat);
  const Batch b(static_cast<int>(state.range(0)), spec.natoms);
  const Tensor z = beads_of(b, torch::kFloat);
  const auto program = flow.script(z, b.samples);
  const auto call = [&] {
    torch::jit::Stack stack{z};
    program->run(stack);
    return stack.back().toTensor().data_ptr();
  };
  for (int warm = 0; warm < 3; warm++) call();    // it is specialised in its first calls
  for (auto _ : state) benchmark::DoNotOptimize(call());
  count(state, spec, b);
}

void torch_density(benchmark::State &state, const FlowSpec &spec)
{
  const torch::NoGradGuard no_grad;
  const FlowNetShape shape = net_shapes(spec)[0];
  FlowNet net(shape, torch::kFloat);
  net.initialise(1);
  const int64_t n = state.range(0);
  const Tensor l = torch::randn({n, shape.nl}), f = torch::randn({n, shape.nf}),
               c = (2.0 * torch::rand({n, shape.nc}) - 1.0) * M_PI;
  for (auto _ : state) benchmark::DoNotOptimize(net.log_prob(l, c, f).data_ptr());
  state.SetItemsProcessed(state.iterations() * n);
}

/* ----------------------------------------------------------------------
   the rival is the same flow: in double precision the same points give the same structures and log q
------------------------------------------------------------------------- */

void compare(const FlowSpec &spec)
{
  const torch::NoGradGuard no_grad;
  Batch b(64, spec.natoms);
  std::vector<double> points(static_cast<std::size_t>(b.n) * (spec.nl() + spec.nc()));
  b.request.drawn = points.data();
  Flow::create(spec, Flow::Precision::Double, "serial")
      ->sample(b.request, b.x.data(), b.logq.data());
  const Tensor drawn = torch::tensor(points, torch::kDouble).reshape({b.n, -1});
  const rival::TorchFlow flow(spec, torch::kDouble);
  rival::TorchFlow::Base base = flow.draw(b.n);
  base.l = drawn.slice(1, 0, spec.nl());
  base.c = drawn.slice(1, spec.nl());
  const auto theirs = flow.map(beads_of(b, torch::kDouble), b.samples, base);

  std::vector<char> exchanged(spec.natoms, 0);    // atoms with labels, which are drawn anew
  for (const auto &rotor : spec.rotors)
    for (const int row : rotor.rows) exchanged[spec.zmatrix[row][0]] = 1;
  const Tensor x = theirs.first.contiguous(), logq = theirs.second.contiguous();
  double worst = 0.0;
  for (int i = 0; i < b.n; i++) {
    if (!std::isfinite(b.logq[i])) continue;
    worst = std::max(worst, std::fabs(logq.data_ptr<double>()[i] - b.logq[i]));
    for (int a = 0; a < spec.natoms; a++)
      for (int d = 0; d < 3 && !exchanged[a]; d++) {
        const std::size_t at = (static_cast<std::size_t>(i) * spec.natoms + a) * 3 + d;
        worst = std::max(worst, std::fabs(x.data_ptr<double>()[at] - b.x[at]));
      }
  }
  std::fprintf(stderr, "LibTorch and ours: largest difference %.1e\n", worst);
  if (!(worst < 1.0e-8)) throw std::runtime_error("LibTorch and ours: not the same flow");
}

#endif

/* ---------------------------------------------------------------------- */

void register_all(const FlowSpec &spec)
{
  const std::vector<std::int64_t> sizes{1, 16, 64, 256, 1024, 4096};
  const auto add = [&](const std::string &name, const std::vector<std::int64_t> &batches, auto f) {
    auto *b = benchmark::RegisterBenchmark(name.c_str(), f)->Unit(benchmark::kMicrosecond);
    for (const auto n : batches) b->Arg(n);
    return b;
  };
  for (const bool single : {true, false}) {
    const auto precision = single ? Flow::Precision::Single : Flow::Precision::Double;
    const std::string suffix = single ? "_single" : "_double";
    add("flow/native" + suffix, sizes,
        [=](benchmark::State &s) { sampling(s, spec, precision, "serial"); });
    add("flow/kokkos" + suffix, {1, 64, 1024, 16384, 262144}, [=](benchmark::State &s) {
      start_kokkos();
      sampling(s, spec, precision, "kokkos");
    })->UseRealTime();
  }
  add("flow_density/native_single", {1, 1024}, [=](benchmark::State &s) { density(s, spec); });
  add("flow_hidden/native_single", {16, 32, 64, 128, 256}, [](benchmark::State &s) { hidden(s); });
#ifdef BENCH_TORCH
  add("flow/torch_eager", sizes, [=](benchmark::State &s) { torch_eager(s, spec, 1); });
  add("flow/torch_script", sizes, [=](benchmark::State &s) { torch_script(s, spec); });
  add("flow/torch_eager_threads2", {1, 1024}, [=](benchmark::State &s) {
    torch_eager(s, spec, 2);
  })->MeasureProcessCPUTime();
  add("flow_density/torch", {1, 1024}, [=](benchmark::State &s) { torch_density(s, spec); });
#endif
}

}    // namespace

/* ---------------------------------------------------------------------- */

int main(int argc, char **argv)
{
  benchmark::Initialize(&argc, argv);
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_flow FLOW.safetensors [options of Google Benchmark]\n");
    return 2;
  }
  try {
    std::ifstream file(argv[1], std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const FlowSpec spec = FlowSpec::from_model(ModelFile::parse(bytes, argv[1]));
    if (spec.composed() || spec.nbeads() != 6)
      throw std::runtime_error(std::string(argv[1]) +
                               ": expected the six beads of alanine dipeptide");
    register_all(spec);
#ifdef BENCH_TORCH
    benchmark::AddCustomContext("libtorch", TORCH_VERSION);
    at::set_num_threads(1);
    compare(spec);
#endif
    benchmark::RunSpecifiedBenchmarks();
  } catch (const std::exception &e) {
    std::fprintf(stderr, "bench_flow: ERROR: %s\n", e.what());
    return 1;
  }
  return 0;
}

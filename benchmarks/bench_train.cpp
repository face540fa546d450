/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Rows per second of the training of a flow (8 couplings, 45 linear and 4 circular variables, 36 features, 8 bins) on
// random rows: forward, backward, optimizer.
//   bench_train [options of Google Benchmark]
//
// train/flow/H/T      networks of width H, T threads: processor time of all

#include "libtorch/flow_trainer.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <random>

using namespace BACKMAP_NS;

namespace {

FlowNetShape shape_of(int hidden)
{
  FlowNetShape s;
  s.nl = 45;
  s.nc = 4;
  s.nf = 36;
  s.hidden = hidden;
  for (int k = 0; k < 8; k++) {
    std::vector<int> linear, circular;
    for (int j = k % 2; j < s.nl; j += 2) linear.push_back(j);
    for (int j = k % 2; j < s.nc; j += 2) circular.push_back(j);
    s.linear_id.push_back(linear);
    s.circular_id.push_back(circular);
  }
  return s;
}

FlowFrames random_rows(const FlowNetShape &s, int n, int seed)
{
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> angle(-3.14f, 3.14f);
  FlowFrames rows;
  rows.n = n;
  for (int i = 0; i < n * s.nl; i++) rows.l.push_back(normal(bits));
  for (int i = 0; i < n * s.nc; i++) rows.c.push_back(angle(bits));
  for (int i = 0; i < n * s.nf; i++) rows.f.push_back(normal(bits));
  rows.geometry.assign(n, 0.0f);
  return rows;
}

/* ---------------------------------------------------------------------- */

void epoch(benchmark::State &state)
{
  const FlowNetShape shape = shape_of(static_cast<int>(state.range(0)));
  FlowTrainOptions options;
  options.threads = static_cast<int>(state.range(1));
  options.batch = 512;
  options.epochs = 1000000;    // the benchmark decides
  const int n = 4096, nvalid = 256;
  FlowTrainer trainer({shape}, options, {random_rows(shape, n, 1)},
                      {random_rows(shape, nvalid, 2)});
  for (auto _ : state)
    if (!std::isfinite(trainer.epoch().train)) state.SkipWithError("the loss is not finite");
  state.SetItemsProcessed(state.iterations() * n);
}

BENCHMARK(epoch)
    ->Name("train/flow")
    ->Args({64, 1})
    ->Args({64, 2})
    ->Args({128, 1})
    ->Unit(benchmark::kMillisecond)
    ->MeasureProcessCPUTime();

}    // namespace

BENCHMARK_MAIN();

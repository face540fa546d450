/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// What one core of this machine can do, as others measure it.
//   bench_limits [options of Google Benchmark]
//
// limit/sgemm, dgemm   matrices of 1024 x 1024 by OpenBLAS, one thread; macs: multiply-adds of one product
// limit/triad          a = b + 3 c over 64 MiB each, far more than the caches hold; bytes_per_second

#include <benchmark/benchmark.h>

#include <cstdint>
#include <dlfcn.h>
#include <vector>

namespace {

constexpr int N = 1024;

/// The library of the package libopenblas0: taken at run time, so that none of its headers are needed, and whatever
/// library stands behind libblas.
void *openblas()
{
  static void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  return library;
}

template <class S>
using Gemm = void(int order, int transpose_a, int transpose_b, int m, int n, int k, S alpha,
                  const S *a, int lda, const S *b, int ldb, S beta, S *c, int ldc);

template <class S> void gemm(benchmark::State &state, const char *name)
{
  constexpr int ROW_MAJOR = 101, AS_IS = 111;
  if (!openblas()) {
    state.SkipWithError("libopenblas.so.0 is not there (Debian: libopenblas0-pthread)");
    return;
  }
  auto *product = reinterpret_cast<Gemm<S> *>(dlsym(openblas(), name));
  auto *threads = reinterpret_cast<void (*)(int)>(dlsym(openblas(), "openblas_set_num_threads"));
  if (!product || !threads) {
    state.SkipWithError("libopenblas.so.0 lacks cblas or openblas_set_num_threads");
    return;
  }
  threads(1);
  std::vector<S> a(N * N, S(0.5)), b(N * N, S(0.25)), c(N * N, S(0));
  for (auto _ : state) {
    product(ROW_MAJOR, AS_IS, AS_IS, N, N, N, S(1), a.data(), N, b.data(), N, S(0), c.data(), N);
    benchmark::DoNotOptimize(c.data());
  }
  state.counters["macs"] = static_cast<double>(N) * N * N;
}

void triad(benchmark::State &state)
{
  const std::size_t n = (64u << 20) / sizeof(double);
  std::vector<double> a(n, 1.0), b(n, 2.0), c(n, 0.5);
  for (auto _ : state) {
    for (std::size_t i = 0; i < n; i++) a[i] = b[i] + 3.0 * c[i];
    benchmark::DoNotOptimize(a.data());
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * 3 * n * sizeof(double)));
}

}    // namespace

/* ---------------------------------------------------------------------- */

int main(int argc, char **argv)
{
  using benchmark::State;
  benchmark::RegisterBenchmark("limit/sgemm", [](State &s) { gemm<float>(s, "cblas_sgemm"); });
  benchmark::RegisterBenchmark("limit/dgemm", [](State &s) { gemm<double>(s, "cblas_dgemm"); });
  benchmark::RegisterBenchmark("limit/triad", triad);
  benchmark::Initialize(&argc, argv);
  if (openblas())
    if (auto *config = reinterpret_cast<char *(*) ()>(dlsym(openblas(), "openblas_get_config")))
      benchmark::AddCustomContext("openblas", config());
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

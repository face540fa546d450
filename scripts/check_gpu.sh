#!/usr/bin/env bash
# Do flow and coarse-grained network run on this GPU, and how fast? Builds the libraries with a Kokkos that has CUDA, runs
# their tests on the GPU, and prints samples and molecules per second on the GPU and on one core; with a PyTorch that sees
# the GPU also PyTorch's. On a machine without a GPU everything is compiled, and nothing run.
#
#   scripts/check_gpu.sh Kokkos_ROOT=DIR [PYTHON=PYTHON] [NAME=VALUE ...]
#
#   Kokkos_ROOT  an installed Kokkos with CUDA, see doc/src/Howto_backmap_gpu.rst
#   NAME=VALUE   options of CMake, for example nlohmann_json_DIR=DIR
#
# Exit status 1 if a test fails.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"
cd "$here"

root=${Kokkos_ROOT:-}
python=$(backmap_python)
definitions=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,12p' "$0"; exit 0 ;;
    Kokkos_ROOT=*) root=${1#*=} ;;
    PYTHON=*) python=${1#*=} ;;
    [A-Za-z]*=*) definitions+=(-D "$1") ;;
    *) fail "$1: expected NAME=VALUE" ;;
  esac
  shift
done
[ -x "$root/bin/nvcc_wrapper" ] || fail "expected Kokkos_ROOT, an installed Kokkos with CUDA, got '$root'"
root=$(cd "$root" && pwd)
command -v nvcc >/dev/null || fail "nvcc, the compiler of CUDA, is not in PATH"

build=build/check-gpu
quietly "configuring with $root" $build.configure.log cmake --preset library -B $build -D BACKMAP_SETUP= -D BACKMAP_TESTS=ON \
  -D CMAKE_CXX_COMPILER="$root/bin/nvcc_wrapper" -D Kokkos_ROOT="$root" "${definitions[@]}"
targets=(test_core_pack test_cgnet_device test_flow_{layers,internal_coords,flow_spec,flow,fragment_flow,annealing,no_kokkos})
# the rates need Google Benchmark (Debian: libbenchmark-dev), the tests do not
rates=yes
if grep -q '^benchmark_DIR:.*NOTFOUND' $build/CMakeCache.txt; then
  rates=no
  say "samples per second are left out: Google Benchmark was not found (libbenchmark-dev, or benchmark_DIR=DIR)"
else
  targets+=(bench_flow bench_cgnet)
fi
quietly "building" $build.log cmake --build $build -j "$(backmap_jobs)" --target "${targets[@]}"
if ! nvidia-smi -L >/dev/null 2>&1; then
  say "compiled for the GPU; nothing was run, because this machine has none (nvidia-smi -L)"
  exit 0
fi
ctest --test-dir $build -R '^(cgnet[.]device|flow[.](layers|internal_coords|flow_spec|flow|fragment_flow|annealing|no_kokkos)|core[.]pack)$' \
  --output-on-failure --no-tests=error

model=potentials/ala2.flow.safetensors
if [ $rates = yes ]; then
  $build/benchmarks/bench_flow $model --benchmark_filter='flow/(kokkos.*|native.*/1024$)'
  LAMMPS_POTENTIALS=potentials $build/benchmarks/bench_cgnet --benchmark_filter='cgnet/(kokkos.*|native_single/1024$)'
fi
if "$python" -c 'import sys, torch; sys.exit(not torch.cuda.is_available())' 2>/dev/null; then
  for way in eager graph; do
    echo "# PyTorch, $way"
    "$python" benchmarks/flow_pytorch.py --device cuda --way $way --samples 16 $model \
      examples/alanine-dipeptide/ala2.heldout.dump 1 64 1024 16384 262144
    "$python" benchmarks/cgnet_pytorch.py --device cuda --way $way potentials/ala2.cgnet.safetensors \
      examples/alanine-dipeptide/ala2.heldout.dump 64 256 1024 4096 16384 65536 262144
  done
fi

#!/usr/bin/env bash
# Speed of everything that BACKMAP does, of its rivals in the same run, and the limits of this machine.
#
#   benchmarks/run.sh [--out DIR] [--lmp PATH] [--build DIR] [--quick]
#
# --out DIR    folder for the results (default speed-out): speed.json, speed.txt (the table), plots
# --lmp PATH   LAMMPS with BACKMAP for the whole runs (default: that of the build)
# --build DIR  build folder with the tests (default build/tests, which is set up where it is missing)
# --quick      one minute with figures that mean little, instead of about twenty
#
# Rates are per core: processor time, whatever else runs on the machine. Needs Google Benchmark (Debian: libbenchmark-dev).
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"

out=speed-out lmp='' build='' options=()
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,11p' "$0"; exit 0 ;;
    --out | --lmp | --build) [ $# -ge 2 ] || fail "$1 needs a value"; printf -v "${1#--}" %s "$2"; shift ;;
    --quick) options+=(--quick) ;;
    *) fail "unknown option $1; usage: benchmarks/run.sh [--out DIR] [--lmp PATH] [--build DIR] [--quick]" ;;
  esac
  shift
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
if [ -n "$lmp" ]; then
  [ -x "$lmp" ] || fail "--lmp $lmp: expected a program"
  lmp=$(realpath "$lmp")
fi
if [ -n "$build" ]; then
  [ -e "$build/CMakeCache.txt" ] || fail "--build $build: expected a build folder"
  build=$(cd "$build" && pwd)
fi
cd "$here"

if [ -z "$build" ]; then
  build=$here/build/tests
  if [ ! -e "$build/build.ninja" ]; then
    BACKMAP_CALLER=benchmarks/run.sh scripts/setup.sh --full
    quietly "configuring" "$here/build/benchmarks.log" cmake --preset tests
  fi
fi
export CCACHE_BASEDIR=$here
quietly "building the benchmarks" "$out/build.log" cmake --build "$build" -j "$(backmap_jobs)" --target backmap_benchmarks
lmp=${lmp:-$build/lammps/lmp}
mpi_environment
export OMP_NUM_THREADS=1 LAMMPS_POTENTIALS=$here/potentials
"$(backmap_python)" benchmarks/speed.py --out "$out" --lmp "$lmp" --build "$build" "${options[@]}"

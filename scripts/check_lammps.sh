#!/usr/bin/env bash
# Does BACKMAP work with this LAMMPS? Builds it once without our styles (for the plugin), once with them built in, and
# runs the tests that depend on LAMMPS and the small main job with both.
#
#   scripts/check_lammps.sh LAMMPS_DIR [KOKKOS=off|on] [SIZES=smallbig|bigbig] [-R REGEX] [NAME=VALUE ...]
#
#   KOKKOS      with LAMMPS's KOKKOS package or without (default off)
#   SIZES       widths of LAMMPS's integers (default smallbig)
#   -R REGEX    only the tests whose names fit
#   NAME=VALUE  see scripts/setup.sh, for example Kokkos_ROOT=DIR, BACKMAP_TORCH=OFF, LAMMPS_OPTIMIZE=-O2 (default -O1:
#               nothing is timed here)
#
# One line a check: `ok NAME: SECONDS` or `FAILED NAME: why`; the exit status is 1 if one fails. LAMMPS and Kokkos are kept
# in the cache of scripts/setup.sh, everything else in build/check-*.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"
cd "$here"

package=off
only=.
# what depends on LAMMPS
tests='^(lammps|cgnet|universe|mainjob|examples|force-styles|faults)\.|^training\.commands|^build\.(lists_backmap|same_styles|style_headers)'
export LAMMPS_DIR="" LAMMPS_SIZES=smallbig LAMMPS_OPTIMIZE=${LAMMPS_OPTIMIZE:--O1} BACKMAP_CALLER=scripts/check_lammps.sh
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,15p' "$0"; exit 0 ;;
    KOKKOS=on | KOKKOS=off) package=${1#*=} ;;
    SIZES=smallbig | SIZES=bigbig) LAMMPS_SIZES=${1#*=} ;;
    KOKKOS=* | SIZES=*) fail "$1: expected KOKKOS=on|off and SIZES=smallbig|bigbig" ;;
    -R) [ $# -ge 2 ] || fail "-R needs a regular expression"; only=$2; shift ;;
    [A-Za-z]*=*) export "${1?}" ;;
    *) LAMMPS_DIR=$1 ;;
  esac
  shift
done
[ -f "$LAMMPS_DIR/src/version.h" ] || fail "expected the folder of a LAMMPS source, got '$LAMMPS_DIR'"
LAMMPS_DIR=$(cd "$LAMMPS_DIR" && pwd)
version=$(sed -n 's/.*LAMMPS_VERSION "\(.*\)".*/\1/p' "$LAMMPS_DIR/src/version.h")

# ----------------------------------------------------------------------
# the same CMake project as for the tests, in a folder of this LAMMPS
# ----------------------------------------------------------------------

build=build/check-${version// /}-$LAMMPS_SIZES-kokkos-$package
mkdir -p "$build"
export BACKMAP_SETUP=$here/$build/setup.cmake
kind=--full
[ "$package" = on ] || kind=--without
scripts/setup.sh "$kind"
definitions=(-D "BACKMAP_SETUP=$BACKMAP_SETUP" -D BACKMAP_WERROR=OFF)
for setting in BACKMAP_TORCH BACKMAP_NATIVE Torch_DIR MPI_HOME; do
  if [ -n "${!setting:-}" ]; then definitions+=("-D$setting=${!setting}"); fi
done
if command -v ccache >/dev/null 2>&1; then definitions+=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache); fi
export CCACHE_BASEDIR=$PWD
quietly "configuring BACKMAP for LAMMPS $version" "$build/configure.log" \
  cmake --preset tests -B "$build" "${definitions[@]}"
kokkos=$(sed -n 's/^-- Kokkos: \([0-9.]*\) .*/\1/p' "$build/configure.log")
echo "# LAMMPS $version, sizes $LAMMPS_SIZES, KOKKOS package $package, Kokkos $kokkos"

failed=0
report() { # name, status, detail
  if [ "$2" = 0 ]; then echo "ok $1: $3"; else echo "FAILED $1: $3"; failed=1; fi
}

# build NAME TARGET...: one line, with the first error of the compiler if there is one
build() {
  local log=$build/build-$1.log start=$SECONDS status=0 name=$1
  shift
  say "building $name"
  cmake --build "$build" -j "$(backmap_jobs)" --target "$@" -- -k 0 >"$log" 2>&1 </dev/null || status=$?
  if [ $status = 0 ]; then report "$name" 0 "$((SECONDS - start)) s"
  else report "$name" 1 "$(grep -m 1 -E '(error|Error): ' "$log" || echo "see $log")"; fi
}

build built-in lmp
build plugin backmapplugin
mapfile -t programs < <(cmake --build "$build" --target help | sed -n 's/^\(test_[a-z_-]*\): phony$/\1/p' |
  grep -E '^test_((lammps|cgnet|universe|force-styles|faults)_|training_commands|pair_style|fix_timestep)')
build test-programs "${programs[@]}"

# ----------------------------------------------------------------------
# one test at a time, by name
# ----------------------------------------------------------------------

mpi_environment
mapfile -t names < <(ctest --test-dir "$build" -N -R "$tests" | sed -n 's/^ *Test *#[0-9]*: //p' | grep -E "$only")
[ ${#names[@]} -gt 0 ] || fail "no test fits $only"
for name in "${names[@]}"; do
  log=$build/test-$name.log start=$SECONDS status=0
  ctest --test-dir "$build" -R "^${name//./\\.}\$" -V >"$log" 2>&1 </dev/null || status=$?
  if [ $status = 0 ]; then report "$name" 0 "$((SECONDS - start)) s"
  else
    report "$name" 1 "$(grep -m 1 -E 'ERROR|FAILED|Failure|differ|rror:|Timeout|Not Run' "$log" | sed 's/^[0-9]*: //' || true) ($log)"
  fi
done
exit $failed

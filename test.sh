#!/usr/bin/env bash
# Build BACKMAP and run all tests (CTest, GoogleTest).
#
#   ./test.sh [-R REGEX and other options of ctest] [NAME=VALUE ...]
#
# NAME=VALUE   settings of scripts/setup.sh, for example LAMMPS_DIR=/path/to/lammps Kokkos_ROOT=/path/to/kokkos
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/scripts/lib.sh"
cd "$here"

ctest_options=()
for arg in "$@"; do
  case $arg in
    -h | --help) sed -n '2,6p' "$0"; exit 0 ;;
    [A-Za-z]*=*) export "${arg?}" ;;
    *) ctest_options+=("$arg") ;;
  esac
done

BACKMAP_CALLER=test.sh scripts/setup.sh --full
build_preset tests
mpi_environment
say "running the tests"
ctest --preset tests -j "$(backmap_jobs)" "${ctest_options[@]}"

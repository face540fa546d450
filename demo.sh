#!/usr/bin/env bash
# Build BACKMAP and run the example alanine dipeptide, with the models in potentials/: sample six coarse-grained beads,
# backmap them to all atoms, reweight and plot.
#
#   ./demo.sh [--out DIR] [NAME=VALUE ...]
#
# --out DIR    folder for the results (default demo-out): summary.json, the sample table, a dump of weighted all-atom
#              structures, ramachandran.png
# NAME=VALUE   settings of scripts/setup.sh, for example LAMMPS_DIR=/path/to/lammps Kokkos_ROOT=/path/to/kokkos
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$here/scripts/lib.sh"

out=demo-out
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) sed -n '2,9p' "$0"; exit 0 ;;
    --out) [ $# -ge 2 ] || fail "--out needs a folder"; out=$2; shift ;;
    --out=*) out=${1#--out=} ;;
    [A-Za-z]*=*) export "${1?}" ;;
    *) fail "unknown option $1; usage: ./demo.sh [--out DIR] [NAME=VALUE ...]" ;;
  esac
  shift
done
case $out in /*) ;; *) out=$PWD/$out ;; esac
cd "$here"

BACKMAP_CALLER=demo.sh scripts/setup.sh --lean
build_preset demo
mpi_environment
mkdir -p "$out"
export PYTHON
PYTHON=$(backmap_python)
examples/alanine-dipeptide/run_demo.sh "$here/build/demo/lammps/lmp" "$out"

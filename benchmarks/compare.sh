#!/usr/bin/env bash
# fix backmap (flow, all-atom energies, observables, statistics, table) beside PyTorch (the same flow alone), in turn:
# samples per processor second of one thread at batches of 1,024, and their ratio.
#
#   benchmarks/compare.sh LMP [rounds, default 3]      PYTHON: a python3 with torch
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
[ $# -ge 1 ] || { sed -n '2,5p' "$0" >&2; exit 2; }
export LAMMPS_POTENTIALS=$PWD/../potentials OMP_NUM_THREADS=1
for _ in $(seq "${2:-3}"); do
  ours=$("$1" -in in.throughput -log none | sed -n 's/^throughput: .* \([0-9]*\) per core and second$/\1/p')
  rival=$("${PYTHON:-python3}" flow_pytorch.py ../potentials/ala2.flow.safetensors \
    ../examples/alanine-dipeptide/ala2.heldout.dump 1024 | awk '{print $4}')
  echo "$ours $rival" | awk '{printf "fix backmap %d/s   PyTorch, no energies %d/s   ratio %.2f\n", $1, $2, $1 / $2}'
done

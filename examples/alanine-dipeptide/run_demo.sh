#!/usr/bin/env bash
# The main job with the shipped models: steps 3 and 4 of this example.
#
#   run_demo.sh LMP OUT      LMP: LAMMPS with BACKMAP, OUT: folder for the results
#
# Settings: STEPS (CG steps of each molecule, default 250000), MPIEXEC (default mpirun), PYTHON (default python3)
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ $# -eq 2 ] || { sed -n '2,6p' "$0" >&2; exit 2; }
lmp=$1
mkdir -p "$2"
cd "$2"
steps=${STEPS:-250000}
read -ra mpiexec <<<"${MPIEXEC:-mpirun --oversubscribe}"
export LAMMPS_POTENTIALS=$here/../../potentials OMP_NUM_THREADS=1

say() { printf '[demo %4ds] %s\n' "$SECONDS" "$*" >&2; }
# a step's own output stays in a file, shown when it fails
quietly() {
  local log=$1
  shift
  "$@" >"$log" 2>&1 && return
  { tail -n 20 "$log"; grep -h -A1 '^ERROR' log.* || true; echo "demo: ERROR: failed: $* (see $PWD/$log)"; } >&2
  exit 1
}

cp "$here"/in.* "$here"/ala2.* .
rm -f log.* samples.*.txt structures.*.dump heldout*.json summary.json

# walkers FOLDER MODEL STEPS: from both sides of phi = 0, each on a core
walkers() {
  cd "$1"
  quietly walkers.minus.out "$lmp" -in in.walkers -var side minus -var model "$2" -var steps "$3" -log log.walkers.minus -screen none &
  local minus=$!
  quietly walkers.plus.out "$lmp" -in in.walkers -var side plus -var seed 8222 -var model "$2" -var steps "$3" \
    -log log.walkers.plus -screen none &
  local plus=$!
  while kill -0 $minus 2>/dev/null || kill -0 $plus 2>/dev/null; do
    sleep 10
    say "step $(awk '$1 ~ /^[0-9]+$/ { n = $1 } END { print n + 0 }' log.walkers.minus) of $3"
  done
  wait $minus
  wait $plus
  cd - >/dev/null
}

say "64 coarse-grained molecules on each side of phi = 0, backmapping their frames"
walkers . ala2.cgnet.safetensors "$steps"
say "the same, shorter, with the model before its correction: its weights have more to do"
rm -rf uncorrected && mkdir uncorrected && cp in.* ala2.* uncorrected
walkers uncorrected ala2.cgnet.uncorrected.safetensors $((steps / 3))

say "200 held-out all-atom frames and those of each side, 500 samples each"
quietly validate.out "${mpiexec[@]}" -np 2 "$lmp" -in in.validate -log log.validate
say "merging both runs"
quietly report.out "$lmp" -in in.report -log log.report
cp heldout*.json uncorrected
(cd uncorrected && quietly report.out "$lmp" -in in.report -log log.report)
say "plotting"
quietly plot.out "${PYTHON:-python3}" "$here/plot_ramachandran.py" ramachandran.png ala2.reference.txt samples.*.txt \
  --uncorrected uncorrected/samples.*.txt --hbond ala2.observables.txt
quietly compare.out "${PYTHON:-python3}" "$here/compare.py" uncorrected/summary.json summary.json
cat structures.minus.dump structures.plus.dump >structures.dump && rm structures.*.dump uncorrected/structures.*
say "done"

sed -n '/BACKMAP report/,$p' report.out | grep -v '^Total wall'
grep '^BACKMAP validation' validate.out    # of all frames, and of those of each side
cat plot.out compare.out
printf 'results in %s: summary.json, samples.*.txt, structures.dump, ramachandran.png\n' "$PWD"

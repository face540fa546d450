#!/usr/bin/env bash
# annealing.sh LMP [FOLDER]: conditional ESS against steps of annealing at an equal number of all-atom energies, the table
# of "When it pays" in doc/src/Howto_backmap_theory.rst. Samples, trains flows of different quality, validates: about an
# hour on two free cores. STEPS, BUDGET (energies a frame) and FRAMES from the environment make it shorter.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
lmp=$(realpath "$1")
folder=${2:-annealing}
budget=${BUDGET:-34000}
frames=${FRAMES:-16}
export LAMMPS_POTENTIALS=$root/potentials OMP_NUM_THREADS=1
mkdir -p "$folder"
cd "$folder"

# molecule, frames apart, steps: one run at 300 K
sample() {
  local here=$1 every=$2 steps=$3
  mkdir -p "$here"
  cp "$root"/examples/"$4"/* "$here"
  cp "$root"/examples/alanine-dipeptide/in.gjf "$here"
  cat >"$here/in.sample" <<END
include in.forcefield
velocity all create 300.0 101 mom yes rot yes dist gaussian
variable t equal 300.0
variable gjfseed equal 102
include in.gjf
timestep 1.0
run 20000
reset_timestep 0
dump frames all custom $every allatom.dump id x y z
dump_modify frames sort id format line "%d %.6f %.6f %.6f"
run $steps
END
  (cd "$here" && "$lmp" -in in.sample -log log.sample >/dev/null)
}

# folder, flow, hidden, epochs, keywords of the frames
train() {
  local here=$1 flow=$2 hidden=$3 epochs=$4
  shift 4
  printf 'include in.forcefield\ntrain_flow %s.map.json %s temperature 300 seed 1 epochs %s rate 2e-3 hidden %s threads 1 files allatom.dump %s dump x y z box no\n' \
    "$here" "$flow" "$epochs" "$hidden" "$*" >"$here/in.train.$flow"
  (cd "$here" && "$lmp" -in "in.train.$flow" -log "log.train.$flow" >/dev/null)
}

# folder, flow, fine script, keywords of the held-out frames
sweep() {
  local here=$1 flow=$2 fine=$3 k
  shift 3
  for k in ${STEPS:-0 4 8 16 32 64}; do
    printf 'include in.forcefield\nbackmap_validate %s %s temp 300.0 samples %d frames %d anneal %d files %s dump x y z box no\n' \
      "$flow" "$fine" $((budget / (k + 1))) "$frames" "$k" "$*" >"$here/in.validate"
    echo "$here $flow, K = $k"
    (cd "$here" && "$lmp" -in in.validate -log none | grep '^BACKMAP validation')
  done
}

sample ala2 50 "${ALA2:-1000000}" alanine-dipeptide
sample ala3 100 "${ALA3:-2500000}" tri-alanine
train ala2 mid 32 3
train ala2 small 16 1
train ala3 large 64 6 last "$((${ALA3:-2500000} * 4 / 5 - 100))"
train ala3 small 16 1 last "$((${ALA3:-2500000} * 4 / 5 - 100))"
for flow in ala2.flow.safetensors mid small; do sweep ala2 "$flow" in.fine ala2.heldout.dump; done
for flow in large small; do
  sweep ala3 "$flow" in.forcefield allatom.dump first "$((${ALA3:-2500000} * 4 / 5 + 100))" every 100
done

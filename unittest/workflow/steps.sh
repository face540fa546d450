#!/usr/bin/env bash
# steps.sh LMP SOURCE MPIEXEC: all steps of backmap_workflow on glycine dipeptide, in a folder that has nothing but the molecule.
set -eu
lmp=$1 source=$2 mpiexec=$3
rm -rf work && mkdir work && cd work
unset LAMMPS_POTENTIALS
cp "$source/benchmarks/molecules/gly.data" .
sed '/^variable/d; s/${name}/gly/' "$source/benchmarks/molecules/in.forcefield" >in.forcefield

steps() { "$BACKMAP_PYTHON" "$source/scripts/backmap_workflow" --lmp "$lmp" --mpirun "$mpiexec" --cores 2 --progress 5 "$@"; }
must() { # text that the output has, arguments
  local text=$1
  shift
  steps "$@" >out 2>&1 && grep -E "$text" out && return
  cat out
  echo "FAILED: backmap_workflow $*, expected '$text'"
  exit 1
}
setting() { sed -Ei "s/^(variable $1 +index) \S+/\1 $2/" in.settings; }

must "19 atoms, 5 beads, .* about 75 min on 2 cores" plan
grep -q 'observables *index "v_phi v_psi v_rg v_energy"' in.settings
for pair in minima=4 replicas=2 last_replica=1 steps=20000 every=20 trained=16000 flow_minutes=0.1 forces_minutes=0.05 force_frames=40 \
    free_frames=200 rounds=1 correct_minutes=0.05 coarse_replicas=2 coarse_every=50 samples=4 round_steps=2000 coarse_steps=2000; do
  setting "${pair%=*}" "${pair#*=}"
done
plots=(plot)
"$BACKMAP_PYTHON" -c 'import numpy, matplotlib' 2>/dev/null || plots=()
must "start 1 lies .* and differs in [1-2] of 2 torsions" starts
must "reference: done in" sample reference
must "coarse.1: done in" train forces freeenergy correct coarse
must "[1-9][0-9]+ frames at the temperature" structures
[ "$(grep -c TIMESTEP structures.dump)" -eq 200 ] && [ "$(grep -c logweight= structures.xyz)" -eq 200 ] && test -s structures.data
# so short a training says nothing about the molecule, except that all steps fit together
must "2 run\(s\)" validate report
for f in summary.json summary.0.json heldout.json round.1.json cgnet.safetensors; do test -s $f || { echo "FAILED: no $f"; exit 1; }; done
if [ ${#plots[@]} -gt 0 ]; then
  must "plot: done" plot
  test -s surface.png && test -s histogram.phi.png && test -s training.png
  must "plot +done" status
fi
must "coarse.1 +done" status
setting samples 5
must "correct +samples was 4 and is 5" status

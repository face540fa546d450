#!/usr/bin/env bash
# peptide.sh LMP SOURCE MPIEXEC: every script of the peptide, each on what the ones before it wrote, with few steps, frames and epochs.
# The flow of five residues comes from fragments of three.
set -eu
lmp=$1 mpiexec=$3
rm -rf work && mkdir -p work/examples work/benchmarks
cp -r "$2/examples/peptide" work/examples
cp -r "$2/benchmarks/molecules" work/benchmarks
cd work/examples/peptide
unset LAMMPS_POTENTIALS

run() { # text that the output has, ranks (one partition each), arguments of lmp
  local text=$1 ranks=$2 partition=()
  shift 2
  [ "$ranks" = 1 ] || partition=(-partition "${ranks}x1" -plog none -pscreen none)
  echo "lmp $*"
  timeout 300 "$mpiexec" --oversubscribe -np "$ranks" "$lmp" "${partition[@]}" "$@" -log none >out 2>&1 &&
    grep -E "$text" out && return
  tail -n 20 out
  echo "FAILED: lmp $*, expected '$text'"
  exit 1
}

for side in minus plus; do
  for name in lgt gtf tfv penta; do
    run "Step" 2 -in ../../benchmarks/molecules/in.sample -var name $name -var side $side -var replicas 2 -var top 310 \
      -var steps 2000 -var every 20
    mv $name.$side.0.dump $name.$side.dump
  done
done
cp penta.minus.dump penta.heldout.dump

sed -i 's/minutes ${minutes}/epochs 3 batch 64/' in.train
for name in lgt gtf tfv; do run "wrote $name.flow" 1 -in in.train -var name $name; done
# all kinds of five residues are in tripeptides
run "1 C9H9NO" 1 -in in.assemble
# so short a training says nothing about the peptide, except that all structures have a geometry and an energy
run "10 all-atom frames, 20 samples each: .* weight zero 0, energy NaN 0" 1 -in in.validate -var frames 10 -var samples 20

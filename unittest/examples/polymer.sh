#!/usr/bin/env bash
# polymer.sh LMP EXAMPLES: every script of the oligomers, each on what the ones before it wrote, with few steps, frames and epochs.
# The flow and the energy of 12 monomers come from 3 and 4 monomers.
set -eu
lmp=$1
rm -rf work && mkdir work && cp -r "$2"/polymer "$2"/alanine-dipeptide work && cd work/polymer
unset LAMMPS_POTENTIALS
sed -i -e 's/minutes ${minutes}/epochs 3/' -e 's/ last 2700000//' -e 's/ skip 2//' in.train in.cgnet

run() { # text that the output has, arguments of lmp
  local text=$1
  shift
  echo "lmp $*"
  timeout 300 "$lmp" "$@" -log none >out 2>&1 && grep -E "$text" out && return
  tail -n 20 out
  echo "FAILED: lmp $*, expected '$text'"
  exit 1
}

# the data files are what the script writes
if python3 -c 'import numpy' 2>/dev/null; then
  mkdir again
  (cd again && python3 ../make_oligomer.py 3 4 12)
  for file in *.data; do cmp "$file" "again/$file"; done
fi

for start in trans gauche; do
  for n in 3 4; do
    run "Loop time" -in in.sample -var n $n -var start $start -var settle 5000 -var steps 15000 -var every 20
  done
  run "Loop time" -in in.sample -var n 12 -var start $start -var settle 2000 -var steps 2000 -var every 200
done
for n in 3 4 12; do run "it leaves open" -in in.map -var n $n; done
# all kinds of 12 monomers are there: caps and monomers
run "10 C2H4O" -in in.train -var threads 1
run "forward ESS 0[.][0-9]*[1-9]" -in in.validate -var n 3 -var first 0 -var frames 10 -var samples 50
# so short a training says nothing about 12 monomers, except that all structures have a geometry and an energy
run "10 all-atom frames, 50 samples each: .* weight zero 0, energy NaN 0" -in in.validate -var n 12 -var first 0 -var frames 10 \
  -var samples 50 -var flow peo12.flow.safetensors
run "37 windows of 5 kinds" -in in.cgnet -var epochs 3
for start in trans gauche; do run "Fix backmap bm: 20 frames" -in in.coarse -var start $start -var steps 5000; done
run "BACKMAP report: 2 table.s., 40 frames, 640 samples" -in in.report

#!/usr/bin/env bash
# pipeline.sh LMP EXAMPLES MPIEXEC: every input script of the two molecules, from all-atom sampling to the corrected model,
# one after another, each on what the ones before it wrote; with few steps, frames and epochs. (in.validate, in.coarse and in.report
# of alanine dipeptide are the demo.)
set -eu
lmp=$1 mpiexec=$2
rm -rf work && mkdir work && cp -r "$3"/* work && cd work
unset LAMMPS_POTENTIALS

run() { # ranks, arguments of lmp; several ranks are one partition each
  local ranks=$1 partition=()
  shift
  [ "$ranks" = 1 ] || partition=(-partition "${ranks}x1")
  echo "lmp $*"
  timeout 300 "$mpiexec" --oversubscribe -np "$ranks" "$lmp" "${partition[@]}" "$@" -screen none >out 2>&1 && return
  { tail -n 20 out; grep -h -A1 "^ERROR" log.* | tail -n 4; } 2>/dev/null
  echo "FAILED: lmp $*"
  exit 1
}
stops() { # text of the error, ranks, arguments of lmp
  local text=$1
  shift
  ! (run "$@") >stops.out 2>&1 && grep -q "ERROR.*$text" stops.out && return
  cat stops.out
  echo "FAILED: expected the error '$text' of lmp $*"
  exit 1
}
written() { for file in "$@"; do test -s "$file" || { echo "FAILED: no $file"; exit 1; }; done; }

cd alanine-dipeptide
sed -i -e 's/epochs [0-9]*/epochs 1/' -e 's/minutes [0-9]*/epochs 3/' -e 's/samples 500/samples 20/' in.train in.com in.retarget
sed -i 's/every 1200/every 100/' in.retarget
for side in minus plus; do
  run 5 -in in.allatom -log log.allatom.$side -var side $side -var steps 8000 -var every 10
done
# the sampling stops if the molecule is another isomer, here the mirror image
cp ala2.data whole.data
awk '/^Atoms/ { atoms = 1 } /^Bonds/ { atoms = 0 } atoms && NF > 6 { $5 = -$5 } { print }' whole.data >ala2.data
stops "Fix halt.*isomer" 1 -in in.umbrella -log log.mirror -var last 1 -var steps 100 -var turnsteps 1000 -var out mirror
mv whole.data ala2.data
for set in "0 15000" "1 2400" "2 2400"; do
  read -r seed steps <<<"$set"
  run 1 -in in.umbrella -log log.umbrella -var steps "$steps" -var every 100 -var seed "$seed" -var out "umbrella${seed#0}" \
    -var turnsteps 20000
done
run 1 -in in.train -log log.train
written ala2.flow.safetensors ala2.cgnet.0.safetensors
run 1 -in in.freeenergy -log log.freeenergy
run 4 -in in.correct -log log.correct -var rounds 1 -var steps 2000 -var epochs 1
written ala2.cgnet.1.safetensors round.1.json round.2.json
cp ala2.cgnet.1.safetensors ala2.cgnet.safetensors
for side in minus plus; do
  run 4 -in in.coarse -log log.coarse -var side $side -var steps 2000 -var samples 4 -var diel 80.0
done
run 1 -in in.freeenergy -log log.free80 -var from umbrella -var every 1200 -var diel 80.0 -var out free80
run 1 -in in.retarget -log log.retarget
written ala2.cgnet.80.safetensors
run 1 -in in.com -log log.com
written ala2.com.flow.safetensors
run 1 -in in.bias -log log.bias -var steps 400 -var copies 8
grep -q "^phi.whole$" ala2.bias.table
run 1 -in in.walkers -log log.walkers -var steps 200 -var every 50 -var copies 8 -var samples 2
written samples.minus.walkers.txt

cd ../tri-alanine
sed -i -e 's/epochs [0-9]*/epochs 1/' -e 's/minutes [$0-9].*/epochs 3 \&/' -e 's/frames 200/frames 20/' -e 's/samples 500/samples 20/' \
  in.train in.validate in.com
sed -i 's/samples 100 frames 100/samples 20 frames 20/' in.anneal
sed -i 's/\(last 3240000\) every [0-9]*/\1/' in.train
rm ala3.starts.dump
run 1 -in in.starts -log log.starts
written ala3.starts.dump
for side in minus plus; do
  run 5 -in in.allatom -log log.allatom.$side -var side $side -var steps 12000
done
run 1 -in in.train -log log.train
written ala3.flow.safetensors ala3.cgnet.0.safetensors
run 1 -in in.validate -log log.validate
run 1 -in in.anneal -log log.anneal -var steps 4
written ala3.schedule.txt annealed.json
run 1 -in in.freeenergy -log log.freeenergy -var every 400
run 4 -in in.correct -log log.correct -var rounds 2 -var steps 2000 -var minutes 0.02
written ala3.cgnet.1.safetensors ala3.cgnet.2.safetensors round.1.json round.2.json
cp ala3.cgnet.1.safetensors ala3.cgnet.safetensors
sed -i 's/run  *200000/run 1000/' in.hot
run 1 -in in.hot -log log.hot
for side in minus plus; do
  run 4 -in in.coarse -log log.coarse -var side $side -var steps 2000 -var anneal ala3.schedule.txt
done
run 1 -in in.report -log log.report
written summary.json summary.minus.json summary.plus.json hot.minus.dump hot.plus.dump
run 1 -in in.com -log log.com
written ala3.com.flow.safetensors
sed -i 's/minutes ${minutes}/epochs 1 batch 64/' in.helix.train
for order in even odd; do run 1 -in in.helix.train -log log.helix.$order -var order $order; done
run 1 -in in.helix -log log.helix -var samples 10 -var anneal 4
written ala3.even.flow.safetensors ala3.odd.flow.safetensors a15.flow.safetensors a15.json

# what was written can be drawn
if "$BACKMAP_PYTHON" -c 'import numpy, matplotlib' 2>/dev/null; then
  for plot in "training log.train log.correct" "rounds round.1.json round.2.json" "weights" "histogram --x U" \
    "surface --x U --y logq --least 1 --bins 8"; do
    read -ra words <<<"$plot"
    case $plot in *log.*|*json) ;; *) words+=(samples.minus.*.txt samples.plus.*.txt) ;; esac
    "$BACKMAP_PYTHON" "$3/../scripts/backmap_plot" "${words[@]}" || { echo "FAILED: backmap_plot ${words[*]}"; exit 1; }
    written "${words[0]}.png" "${words[0]}.txt"
  done
fi
echo "all examples ran in $SECONDS s"

#!/usr/bin/env bash
# readme.sh LMP SOURCE: the input scripts of README.md as they stand there, with few steps and epochs: a coarse-grained run from both sides
# with the report of both, and the training of one's own molecule
set -eu
lmp=$1
rm -rf work && cp -r "$2/examples/alanine-dipeptide" work && cd work

block() { # heading: the lines of its code
  awk -v heading="## $1" '/^## / { here = $0 == heading } /^```/ { code = !code; next } here && code { print }' "$2"
}
run() { # arguments of lmp
  "$lmp" -log none -in "$@" >out 2>&1 || { cat "$1"; tail -n 20 out; exit 1; }
}

block "What an input script looks like" "$2/README.md" | sed 's/100000$/2000/' >in.readme
echo 'backmap_report samples.*.txt json summary.json' >in.both
run in.readme -var side minus
run in.readme -var side plus -var seed 5000
run in.both
grep "BACKMAP report: 2 table(s), 40 frames, 640 samples, 300 K" out || { tail -n 20 out; exit 1; }

cat >in.frames <<'END'
include in.forcefield
velocity all create 300 4711
fix 1 all nve
fix 2 all langevin 300 300 100 4711
timestep 0.5
dump 1 all custom 10 run.dump id x y z
dump_modify 1 sort id
run 8000
END
run in.frames
block "Your own molecule" "$2/README.md" | sed 's/temperature 300/temperature 300 epochs 8 batch 64 hidden 16 frames 300/' >in.own
run in.own
grep "held-back frames, 200 samples each: conditional ESS" out || { tail -n 20 out; exit 1; }

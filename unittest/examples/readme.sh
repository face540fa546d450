#!/usr/bin/env bash
# readme.sh LMP SOURCE: the input script of README.md as it stands there, from both sides, with few steps, and the report of both
set -eu
lmp=$1
rm -rf work && cp -r "$2/examples/alanine-dipeptide" work && cd work
awk '/^## What an input script/ { here = 1 } /^```/ { code = !code; next } here && code { print } here && /^## Figures/ { exit }' \
  "$2/README.md" | sed 's/100000$/2000/' >in.readme
echo 'backmap_report samples.minus.txt samples.plus.txt json summary.json' >in.both
for run in "in.readme -var side minus" "in.readme -var side plus -var seed 5000" in.both; do
  # shellcheck disable=SC2086
  "$lmp" -log none -in $run >out 2>&1 || { cat in.readme; tail -n 20 out; exit 1; }
done
grep "BACKMAP report: 2 table(s), 40 frames, 640 samples, 300 K" out || { tail -n 20 out; exit 1; }

#!/usr/bin/env bash
# blas.sh LMP EXAMPLES: a training says which BLAS it uses and on how many threads, and warns of the reference one.
# Where the reference BLAS of Debian is installed beside another, it is put first in the way for a second run.
set -u
lmp=$1 examples=$2/alanine-dipeptide
cp "$examples"/ala2.data "$examples"/in.forcefield "$examples"/ala2.map.json .
failed=0
require() { # description, command
  if eval "$2"; then echo "ok: $1"; else echo "FAILED: $1"; failed=1; fi
}
cat >in.blas <<'END'
include in.forcefield
velocity all create 300 4711
fix 1 all nve
fix 2 all langevin 300 300 100 4711
dump 1 all custom 10 blas.dump id x y z fx fy fz
dump_modify 1 sort id
run 5000
undump 1
train_cgnet ala2.map.json out.safetensors temperature 300 epochs 1 batch 64 hidden 1 8 threads 1 files blas.dump dump x y z fx fy fz box no
END
"$lmp" -in in.blas -log none >out || failed=1
require "names the BLAS and the threads" "grep -Eq 'train_cgnet: 1 threads, matrices by .+' out"
case $(grep 'matrices by' out) in
  *"reference BLAS"*) warns=1 ;;
  *) warns=0 ;;
esac
require "warns of the reference BLAS and of no other" "[ \$(grep -c 'WARNING.*reference BLAS' out) = $warns ]"

for library in /usr/lib/*/blas/libblas.so.3; do
  [ -e "$library" ] || continue
  LD_LIBRARY_PATH=$(dirname "$library")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} "$lmp" -in in.blas -log none >out || failed=1
  require "$library: warns" "grep -q 'WARNING: train_cgnet: the reference BLAS' out"
  require "$library: says what to do" "grep -q 'Remedy: install OpenBLAS' out"
done
exit $failed

#!/usr/bin/env bash
# error.sh LMP MPIEXEC EXAMPLES: an error of the first partition ends all four, soon, and its text stands in the log of
# the partition, in the log of the run and on the terminal
set -u
lmp=$1 mpiexec=$2 examples=$3/alanine-dipeptide
cp "$examples"/ala2.data "$examples"/in.forcefield "$examples"/ala2.map.json .
failed=0
require() { # description, command
  if eval "$2"; then echo "ok: $1"; else echo "FAILED: $1"; failed=1; fi
}

run() { # name, arguments of train_cgnet
  rm -f log.* ./*.out
  { echo 'include in.forcefield'; echo "$2"; echo 'print "went on"'; } >"in.$1"
  timeout 60 "$mpiexec" --oversubscribe -np 4 "$lmp" -partition 4x1 -in "in.$1" -log "log.$1" -pscreen none >"$1.out" 2>&1
  status=$?
}

# found by the reader of files (collective), by the training itself, and by the parsing of keywords (every partition)
run absent 'train_cgnet none.json out.safetensors temperature 300 universe yes files none.dump dump x y z fx fy fz'
for file in log.absent.0 log.absent absent.out; do
  require "missing map: the reason is in $file" "grep -q 'train_cgnet: map: cannot read none.json' $file"
done
require "missing map: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "missing map: nobody went on" "! grep -q 'went on' log.absent*"

printf '# backmap sample table 1\nnot a table\n' >bad.txt
touch bad.dump
cp "$examples"/../../potentials/ala2.cgnet.safetensors .
run table 'train_cgnet ala2.map.json out.safetensors temperature 300 universe yes init ala2.cgnet.safetensors correct bad.txt bad.dump'
for file in log.table.0 log.table table.out; do
  require "broken table: the reason is in $file" "grep -q 'train_cgnet: .*bad.txt' $file"
done
require "broken table: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"

run keyword 'train_cgnet ala2.map.json out.safetensors temperature 300 universe maybe'
require "keyword: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "keyword: the reason is in a log" "grep -q 'keyword universe, expected yes or no, got maybe' log.keyword.?"

# an error of a style is LAMMPS's own on the partition: it must be in its log and on its screen before MPI_Abort
run fix 'fix bm all backmap 1 none.safetensors NONE samples 0 temp 300'
require "fix backmap: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "fix backmap: the reason is in a log" "grep -q 'Fix backmap bm: .*samples, expected at least 1, got 0' log.fix.?"
run anneal 'fix bm all backmap 1 none.safetensors in.fine anneal 4 temp 300'
require "anneal: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "anneal: the reason is in a log" "grep -q 'anneal with several partitions, expected a file' log.anneal.?"
run compute 'compute t all backmap/internal angle 1 2'
require "compute: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "compute: the reason is in a log" "grep -q 'expected 3 atom IDs, got 2 and then nothing' log.compute.?"
exit $failed

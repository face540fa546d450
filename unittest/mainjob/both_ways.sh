#!/usr/bin/env bash
# Coarse-grained replica exchange with backmapping, once in the LAMMPS that has the styles built in and once in one
# that loads backmapplugin.so: the sample tables and structures must be the same, digit for digit.
set -euo pipefail
example=$BACKMAP_EXAMPLES/alanine-dipeptide
rm -rf builtin plugin
for way in builtin plugin; do
  mkdir $way
  cp "$example"/in.* "$example"/ala2.* $way
done
echo "include in.coarse" >builtin/in.job
printf 'plugin load %s\ninclude in.coarse\n' "$BACKMAP_PLUGIN" >plugin/in.job

run() { # folder lmp
  (cd "$1" && "$BACKMAP_MPIEXEC" -np 2 "$2" -partition 2x1 -in in.job -log log -screen none \
    -var steps 600 -var samples 8 >out 2>&1) || { tail -n 30 "$1"/out "$1"/log*; exit 1; }
}
# two of the ladder's temperatures are enough here
sed -i -e 's/^variable  *t world.*/variable t world 300.0 375.0/' -e 's/^variable  *p world.*/variable p world 0 1/' \
  builtin/in.coarse plugin/in.coarse
run builtin "$BACKMAP_LMP"
run plugin "$BACKMAP_LMP_PLAIN"

rows=0
for file in builtin/samples.*.txt builtin/structures.*.dump; do
  other=plugin/${file#builtin/}
  # lines with the time of the run or the name of the program may differ; there are none in numbers
  if ! cmp <(grep -v '^#' "$file") <(grep -v '^#' "$other"); then
    echo "$file and $other differ"
    diff <(grep -v '^#' "$file") <(grep -v '^#' "$other") | head -n 10
    exit 1
  fi
  # a partition that never had the temperature of the model has no rows, which is no failure of grep
  rows=$((rows + $(grep -vc '^#' "$file" || true)))
done
echo "$rows lines are the same both ways"
test "$rows" -ge 40

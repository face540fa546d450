#!/usr/bin/env bash
# read_errors.sh LMP MPIEXEC EXAMPLES: what is wrong with a file that training reads is said where a user looks, although
# MPI_Abort may come next, which loses what file buffers hold. Standard output is a file here, so that it is buffered.
set -u
lmp=$1 mpiexec=$2 examples=$3/alanine-dipeptide
rm -rf run && mkdir run && cd run || exit 1
cp "$examples"/ala2.data "$examples"/in.forcefield "$examples"/ala2.map.json .
failed=0
require() { # description, command
  if eval "$2"; then echo "ok: $1"; else echo "FAILED: $1"; failed=1; fi
}

# dumps of two frames: whole, cut off in the second one, without a column, without an atom
head -n 62 "$examples/ala2.heldout.dump" >whole.dump
head -n 50 whole.dump >cut.dump
awk '/^ITEM: ATOMS/ {print "ITEM: ATOMS id x z"; atoms = 1; next} /^ITEM/ {atoms = 0} atoms {print $1, $2, $4; next} {print}' \
  whole.dump >narrow.dump
awk '/^ITEM: NUMBER/ {print; getline; print 21; next} /^ITEM: ATOMS/ {atoms = 1; print; next} /^ITEM/ {atoms = 0}
  atoms && $1 == 3 {next} {print}' whole.dump >short.dump
echo nonsense >nonsense.dump

flow='train_flow ala2.map.json out.safetensors temperature 300'
cgnet='train_cgnet ala2.map.json out.safetensors temperature 300'
# name, what is expected, command without its keyword universe, the rest of it
cases() {
  cat <<END
absent|train_flow: dump file none.dump: cannot open: No such file|$flow|files whole.dump none.dump dump x y z box no
column|train_flow: dump file narrow.dump: has no column y, its columns are: id x z|$flow|files narrow.dump dump x y z box no
force|dump file whole.dump: has no column f_bare\[1\] for field fx|$cgnet|files whole.dump dump x y z fx fy fz label fx f_bare[1] label fy f_bare[2] label fz f_bare[3] box no
nonsense|dump file nonsense.dump: has no line 'ITEM: ATOMS'|$flow|files nonsense.dump dump x y z box no
cut|Unexpected end of \(dump \)\?file|$flow|files cut.dump dump x y z box no
atom|dump file short.dump, step [0-9]*, atom 3: not in the frame|$flow|files short.dump dump x y z box no
steps|dump file whole.dump has no frame of the steps asked for|$flow|files whole.dump first 900000000 dump x y z box no
temper|train_flow: log of temper: cannot read none.log|$flow|files whole.dump whole.dump temper none.log 0 dump x y z box no
map|train_flow: map: cannot read none.json|train_flow none.json out.safetensors temperature 300|files whole.dump dump x y z box no
END
}

run() { # folder, ranks, text of the command, options of lmp: leaves its standard output, its log files and status there
  mkdir -p "$1"
  (cd "$1" && cp ../*.dump ../ala2.* ../in.forcefield . &&
    { echo 'include in.forcefield'; echo "$3"; echo 'print "went on"'; } >in.train &&
    timeout 60 "$mpiexec" --oversubscribe -np "$2" "$lmp" -in in.train -log log "${@:4}" >out 2>err </dev/null)
  status=$?
}

while IFS='|' read -r name text command rest; do
  for ranks in 1 2; do
    run "$name.$ranks" $ranks "$command $rest"
    require "$name, $ranks rank(s): standard output has the reason" "grep -q \"$text\" $name.$ranks/out"
    require "$name, $ranks rank(s): the log has it, too" "grep -q \"$text\" $name.$ranks/log"
    require "$name, $ranks rank(s): ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
    require "$name, $ranks rank(s): did not go on" "! grep -q '^went on' $name.$ranks/log"
  done
  # partitions that train by themselves have files of their own
  run "$name.partitions" 2 "variable p world 0 1
${command/out.safetensors/out.\$p.safetensors} $rest" -partition 2x1
  require "$name, partitions: a log of a partition has the reason" "grep -q \"$text\" $name.partitions/log.?"
  require "$name, partitions: its screen has it, too" "grep -q \"$text\" $name.partitions/screen.?"
  require "$name, partitions: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
  run "$name.universe" 4 "$command universe yes $rest" -partition 2x2
  for file in out log log.0; do
    require "$name, one for all partitions: the reason is in $file" "grep -q \"$text\" $name.universe/$file"
  done
  require "$name, one for all partitions: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
done < <(cases)
exit $failed

#!/usr/bin/env bash
# rank_fails.sh LMP MPIEXEC EXAMPLES: an error of one rank alone ends all ranks, soon, with its text: a CG model whose energy
# is no number, on one rank of three; a rank that is killed.
set -u
lmp=$1 mpiexec=$2 examples=$3/alanine-dipeptide potentials=$3/../potentials
failed=0
require() { # description, command
  if eval "$2"; then echo "ok: $1"; else echo "FAILED: $1"; failed=1; fi
}

# two molecules side by side, on two ranks; the second is whole or has two beads in one place
beads() { # x of the fourth bead of the second molecule
  printf 'beads\n\n12 atoms\n6 atom types\n\n-30 30 xlo xhi\n-30 30 ylo yhi\n-30 30 zlo zhi\n\nMasses\n\n'
  for type in 1 2 3 4 5 6; do echo "$type 12.0"; done
  printf '\nAtoms # molecular\n\n'
  for m in 1 2; do
    x=$((m * 30 - 45))
    awk -v m=$m -v x=$x -v last="$1" 'BEGIN {
      split("-1.98 0.72 -0.21 -0.72 0.35 0.09 0.25 1.32 0.56 0.12 2.66 -0.18 1.61 0.70 0.22 2.55 1.48 -0.35", z)
      for (b = 0; b < 6; b++) {
        if (m == 2 && b == 3 && last == "same") b2 = 2; else b2 = b
        print 6 * (m - 1) + b + 1, m, b + 1, z[3 * b2 + 1] + x, z[3 * b2 + 2], z[3 * b2 + 3]
      }
    }'
  done
}
script() {
  printf 'units real\natom_style molecular\nprocessors * 1 1\nread_data %s\npair_style cgnet\n' "$1"
  printf 'pair_coeff * * %s C N CA CB C N\nfix 1 all nve\nthermo 1\nrun %s\nprint "went on"\n' \
    "$potentials/ala2.cgnet.safetensors" "$2"
}
run() { # name
  timeout 60 "$mpiexec" --oversubscribe -np 3 "$lmp" -in "in.$1" -log "log.$1" >"$1.out" 2>&1
  status=$?
}

beads other >whole.data
script whole.data 2 >in.whole
run whole
require "whole molecules run ($status)" "[ $status -eq 0 ] && grep -q 'went on' whole.out"

beads same >same.data
script same.data 2 >in.same
run same
require "two beads in one place: ended by the error ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
require "two beads in one place: the reason is on the terminal" \
  "grep -q 'energy or force of molecule-ID 2 is not finite at step 0' same.out"
require "two beads in one place: nobody went on" "! grep -q 'went on' same.out log.same"

# mpiexec ends the others when one is gone
script whole.data 100000000 >in.killed
timeout 60 "$mpiexec" --oversubscribe -np 3 "$lmp" -in in.killed -log log.killed >killed.out 2>&1 &
mpi=$!
for _ in $(seq 100); do
  sleep 0.2
  if grep -q '^ *Step' killed.out 2>/dev/null; then break; fi
done
victim=$(pgrep -P "$(pgrep -P $mpi)" | tail -n 1) # timeout, mpiexec, lmp
kill -9 "$victim"
wait $mpi
status=$?
require "a rank is killed: the run ends ($status)" "[ $status -ne 0 ] && [ $status -ne 124 ]"
exit $failed

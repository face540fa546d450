#!/usr/bin/env bash
# run_example.sh LMP EXAMPLES NAME [VARIABLE VALUE]...: other-coarse-potentials/in.NAME in a copy of the examples
set -eu
lmp=$1 examples=$2 name=$3
shift 3
rm -rf work && mkdir work && cp -r "$examples"/* work && cd work/other-coarse-potentials
variables=()
while [ $# -gt 0 ]; do variables+=(-var "$1" "$2"); shift 2; done
"$lmp" -in "in.$name" "${variables[@]}" -log none >out 2>&1 || { tail -n 20 out; exit 1; }
grep -E "^($name:|psi|Rg)" out
# the joint ESS is a number above 0
grep -qE "^$name: .*[1-9][0-9]* samples, ESS joint 0[.][0-9]*[1-9]" out || { echo "FAILED: no effective samples"; exit 1; }
[ "$name" = bias ] || exit 0

# With and without bias the reweighted means of psi and Rg agree within 4 standard errors. Errors of Rg come from 5 blocks
# or more, of psi from 9 or more: as Student's t with 8 and 16 degrees of freedom, one or the other is beyond 4 in 0.5 % of
# all seeds. Control: the same comparison without weights fails.
awk '/^(psi|Rg) +of the two runs differs by/ {
    n++
    for (i = 8; i <= 12; i += 4) if ($i !~ /^-?[0-9]+[.][0-9]+$/) bad = 1
    if ($8 * $8 > 16) reweighted++
    if ($12 * $12 > 16) unweighted++
  }
  END {
    if (n != 2 || bad) { print "FAILED: expected two comparisons"; exit 1 }
    if (reweighted) { print "FAILED: the bias changes reweighted means"; exit 1 }
    if (!unweighted) { print "FAILED: the comparison would not see a bias that is left out of the weights"; exit 1 }
  }' out

#!/usr/bin/env bash
# run_example.sh LMP EXAMPLES NAME: other-coarse-potentials/in.NAME with few steps, in a copy of the examples
set -eu
cp -r "$2"/* .
cd other-coarse-potentials
"$1" -in "in.$3" -var steps 6400 -log none >out 2>&1 || { tail -n 20 out; exit 1; }
# the joint ESS is a number above 0
grep -E "^$3: 1024 samples, ESS joint 0[.][0-9]*[1-9]" out || { tail -n 20 out; exit 1; }

#!/usr/bin/env bash
# A long run: a million weighted samples of alanine dipeptide in one run of fix backmap. Is the memory constant, and do the
# averages of compute reweight agree with those that backmap_report finds in the sample table? After a build.
#
#   scripts/check_soak.sh LMP OUT [SAMPLES]
#
#   LMP      LAMMPS with BACKMAP
#   OUT      folder for the results (a table of 120 bytes a sample)
#   SAMPLES  about so many (1000000)
#
# Memory may grow by what the statistics keep: a log-weight of each sample and the sums of each frame, 21 bytes a sample
# with 16 samples a frame and 6 observables. Exit status 1 if it grows by more than twice that between the first tenth of
# the run and its end, or if a mean differs by more than 1e-9 of its error.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"
case ${1:-} in -h | --help) sed -n '2,14p' "$0"; exit 0 ;; esac
[ $# -ge 2 ] || { sed -n '2,14p' "$0" >&2; exit 2; }
lmp=$(realpath "$1")
mkdir -p "$2"
cd "$2"
frames=$((${3:-1000000} / 1024 + 1)) # of 64 molecules, 16 samples each
steps=$((frames * 50))
export LAMMPS_POTENTIALS=$here/potentials OMP_NUM_THREADS=1
cp "$here"/examples/alanine-dipeptide/{in.*,ala2.*} .
rm -f samples.* structures.*
cat >in.soak <<END
variable        samples index 16
variable        every index 50
variable        steps index 0
include         in.walkers
thermo_style    custom step f_bm[2] c_rw[1][1] c_rw[1][2] c_rw[3][1] c_rw[3][2] c_rw[4][1] c_rw[4][2]
thermo_modify   format float %.16g
thermo          1000000000
run             $steps
END
mpi_environment
say "$((frames * 1024)) samples"
"$lmp" -in in.soak -log log.soak -screen none &
process=$!
resident=()
while kill -0 $process 2>/dev/null; do
  kb=$(sed -n 's/^VmRSS:[[:space:]]*\([0-9]*\) kB/\1/p' /proc/$process/status 2>/dev/null || true)
  [ -z "$kb" ] || [ ! -s samples.minus.walkers.txt ] || resident+=("$(stat -c %s samples.minus.walkers.txt) $kb")
  sleep 0.5
done
wait $process
printf '%s\n' "${resident[@]}" >memory.txt
echo 'backmap_report samples.minus.walkers.txt json report.json' >in.soak.report
"$lmp" -in in.soak.report -log log.soak.report -screen none
"$(backmap_python)" - <<'END'
import json
import re
import sys

memory = [tuple(map(int, line.split())) for line in open("memory.txt")]
size = memory[-1][0]
early = next(kb for bytes_, kb in memory if bytes_ >= 0.1 * size)
report = json.load(open("report.json"))
samples = report["samples"]
growth = 1024 * (memory[-1][1] - early)
# the last line of eight numbers is that of the end
last = [list(map(float, line.split())) for line in open("log.soak") if re.fullmatch(r"( *-?[0-9][-+.e0-9]*){8} *\n", line)][-1]
worst = 0.0
for name, at in (("phi", 2), ("phi_positive", 4), ("rg", 6)):
    mean, error = report["observables"][name][:2]
    worst = max(worst, abs(mean - last[at]) / error, abs(error - last[at + 1]) / error)
print(f"{samples} samples; memory {early / 1024:.1f} MB at a tenth, {memory[-1][1] / 1024:.1f} MB at the end: "
      f"{growth / samples:.1f} bytes a sample; the table and the averages differ by {worst:.1e} of an error")
sys.exit(not (samples == last[1] and growth <= 44 * samples and worst < 1e-9))
END

#!/usr/bin/env bash
# Made-up model files, maps and sample tables by libFuzzer (clang with its compiler-rt), under the sanitizers of addresses and of
# undefined behaviour. After scripts/setup.sh.
#
#   scripts/check_fuzz.sh [RUNS] [TARGET ...]
#
# RUNS     executions of each target (100000)
# TARGET   model, map or table (all of them)
# What it finds stays in build/fuzz/corpus; the next call goes on from there. A file that crashes a target is named and kept.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"
case ${1:-} in -h | --help) sed -n '2,10p' "$0"; exit 0 ;; esac
runs=${1:-100000}
[ $# -eq 0 ] || shift
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(model map table)

cd "$here"
build_preset fuzz
programs=$here/build/fuzz/unittest/fuzz corpus=$here/build/fuzz/corpus
mkdir -p "$corpus"/{model,map,table,crashes}
"$programs/write_seeds" "$corpus"
for target in "${targets[@]}"; do
  say "$target: $runs executions"
  "$programs/fuzz_$target" -runs="$runs" -max_len=65536 -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 \
    -verbosity=0 -artifact_prefix="$corpus/crashes/$target-" "$corpus/$target" 2>"$corpus/$target.log" ||
    { grep -E 'ERROR|runtime error|SUMMARY|Test unit' "$corpus/$target.log" >&2; fail "$target: see $corpus/$target.log"; }
  sed -n 's/^stat::number_of_executed_units: */executions: /p' "$corpus/$target.log"
done

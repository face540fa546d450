#!/usr/bin/env bash
# Everything that a machine can say about the code, as a reviewer would. One line a check, its findings above it.
#
#   scripts/check_code.sh [--fix] [CHECK ...]
#
#   format     .clang-format                      (--fix applies it)
#   headers    the header of every C++ file       (--fix writes it)
#   includes   which layer may include what
#   shell      shellcheck, with .shellcheckrc
#   python     pyflakes
#   spelling   codespell, less the words of scripts/spelling.txt
#   links      links and file names in README files and the manual
#   cppcheck   cppcheck, less what scripts/cppcheck.txt names with its reasons
#   warnings   the build of the tests: warnings are errors there (BACKMAP_WERROR)
#   tidy       clang-tidy with the checks of .clang-tidy, for the files of that build
#
# Without a CHECK all of them. The last two need the build of the tests, build/tests or $BACKMAP_BUILD, as ./test.sh
# leaves it. A tool that is missing makes the check fail in continuous integration (CI is set); elsewhere a line says so.
# What cppcheck and clang-tidy found is kept in build/check, so that only files that changed are looked at again.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"
cd "$here" || exit 1

all=(format headers includes shell python spelling links cppcheck warnings tidy)
build=${BACKMAP_BUILD:-build/tests}
kept=build/check
fix=()
wanted=()
for arg in "$@"; do
  case " ${all[*]} " in *" $arg "*) wanted+=("$arg"); continue ;; esac
  case $arg in
    -h | --help) sed -n '2,20p' "$0"; exit 0 ;;
    --fix) fix=(--fix) ;;
    *) fail "unknown check $arg; there are ${all[*]}, and --fix" ;;
  esac
done
[ ${#wanted[@]} -gt 0 ] || wanted=("${all[@]}")
mkdir -p "$kept"

# ----------------------------------------------------------------------
# our files of some patterns, as git knows them; outside of a git checkout, all but builds
# ----------------------------------------------------------------------

ours() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1 && [ "$(git rev-parse --show-toplevel)" = "$PWD" ]; then
    git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ ! -e "$file" ] || echo "$file"; done
  else
    local pattern names=()
    for pattern in "$@"; do names+=(-o -path "./$pattern"); done
    find . \( -path './build*' -o -path ./.git \) -prune -o -type f \( "${names[@]:1}" \) -print | sed 's,^\./,,' | sort
  fi
}
mapfile -t cpp < <(ours '*.cpp' '*.h')
mapfile -t scripts < <(ours '*.sh' '.ci/run')
mapfile -t python < <(ours '*.py' scripts/backmap_plot scripts/backmap_workflow)
mapfile -t pages < <(ours '*.md' '*.rst')
mapfile -t words < <(ours '*.cpp' '*.h' '*.sh' '*.py' scripts/backmap_plot '*.md' '*.rst' '*.cmake' '*CMakeLists.txt' 'examples/*/in.*')

# ----------------------------------------------------------------------
# the checks: findings on standard output, nonzero if there are any
# ----------------------------------------------------------------------

check_format() {
  if [ ${#fix[@]} -gt 0 ]; then clang-format -i "${cpp[@]}"; fi
  clang-format --dry-run -Werror "${cpp[@]}" 2>&1 | grep 'error:'
  [ "${PIPESTATUS[0]}" = 0 ]
}

check_headers()  { "$(backmap_python)" scripts/check_headers.py "${fix[@]}" "${cpp[@]}"; }
check_includes() { "$(backmap_python)" scripts/check_includes.py; }
check_shell()    { shellcheck --shell=bash --format=gcc "${scripts[@]}"; }
check_python()   { "$(backmap_python)" -m pyflakes "${python[@]}"; }
check_spelling() { codespell --ignore-words scripts/spelling.txt "${words[@]}"; }
check_links()    { "$(backmap_python)" scripts/check_links.py "${pages[@]}"; }

check_cppcheck() {
  mkdir -p "$kept/cppcheck"
  cppcheck --std=c++17 --language=c++ --quiet -j "$(backmap_jobs)" --error-exitcode=1 \
    --enable=warning,style,performance,portability --suppressions-list=scripts/cppcheck.txt \
    --cppcheck-build-dir="$kept/cppcheck" --template='{file}:{line}: {id}: {message}' \
    -I src/BACKMAP -I unittest src unittest benchmarks python examples 2>&1
}

check_warnings() {
  needs_build || return 1
  grep -q '^BACKMAP_WERROR:BOOL=ON' "$build/CMakeCache.txt" ||
    { echo "$build is built without BACKMAP_WERROR=ON: warnings pass there"; return 1; }
  cmake --build "$build" -j "$(backmap_jobs)" -- -k 0 >"$kept/build.log" 2>&1 && return 0
  grep -E 'error:|warning:|ERROR' "$kept/build.log" || tail -n 20 "$kept/build.log"
  return 1
}

check_tidy() {
  needs_build || return 1
  "$(backmap_python)" scripts/check_tidy.py --jobs "$(backmap_jobs)" --kept "$kept/tidy" "$build/compile_commands.json"
}

needs_build() {
  [ -e "$build/compile_commands.json" ] ||
    { echo "$build holds no build of the tests: run ./test.sh, or set BACKMAP_BUILD"; return 1; }
}

# ----------------------------------------------------------------------
# what a check needs: a tool and its Debian package
# ----------------------------------------------------------------------

missing_tool() {
  local tool="" package=""
  case $1 in
    format) tool=clang-format ;;
    shell) tool=shellcheck ;;
    spelling) tool=codespell ;;
    cppcheck) tool=cppcheck ;;
    tidy)
      tool=clang-tidy
      if command -v clang-tidy >/dev/null 2>&1 && ! have_clang_omp; then tool="clang's omp.h" package=libomp-dev; fi ;;
    python) "$(backmap_python)" -c 'import pyflakes' 2>/dev/null || tool=pyflakes package=python3-pyflakes ;;
  esac
  [ -n "$tool" ] && ! command -v "$tool" >/dev/null 2>&1 && echo "$tool (Debian package ${package:-$tool})"
}

status=0
for check in "${wanted[@]}"; do
  begin=$SECONDS
  if tool=$(missing_tool "$check"); then
    if [ -n "${CI:-}" ]; then
      printf 'FAILED   %-10s needs %s\n' "$check" "$tool"
      status=1
    else
      printf 'left out %-10s needs %s\n' "$check" "$tool"
    fi
  elif "check_$check" >"$kept/$check.txt" 2>&1; then
    printf 'ok       %-10s %4d s\n' "$check" $((SECONDS - begin))
  else
    cat "$kept/$check.txt"
    printf 'FAILED   %-10s %4d s, %d lines above\n' "$check" $((SECONDS - begin)) "$(wc -l <"$kept/$check.txt")"
    status=1
  fi
done
exit $status

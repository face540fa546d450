#!/usr/bin/env bash
# Every check of scripts/check_code.sh lets a clean file pass and sees a planted fault; a missing tool is named.
# The include rules have a test of their own (build.includes).
set -uo pipefail
source=$1
failed=0
for tool in clang-format clang-tidy cppcheck shellcheck codespell; do
  command -v $tool >/dev/null || { echo "skipped: no $tool"; exit 77; }
done
"$BACKMAP_PYTHON" -c 'import pyflakes' || { echo "skipped: no pyflakes"; exit 77; }
(. "$source/scripts/lib.sh" && have_clang_omp) || { echo "skipped: no omp.h of clang"; exit 77; }
export PYTHON=$BACKMAP_PYTHON
unset CI BACKMAP_BUILD

# --- a small project without faults -------------------------------------
rm -rf copy && mkdir -p copy/src/BACKMAP/core copy/{unittest,benchmarks,python,examples} copy/doc/src
cp -r "$source/scripts" "$source/.clang-format" "$source/.clang-tidy" "$source/.shellcheckrc" copy
cd copy || exit 1
echo 'See [the manual](doc/src/page.rst) and `scripts/lib.sh`.' >README.md
printf 'Page\n====\n\nSee :doc:`page`.\n' >doc/src/page.rst
printf 'int twice(int n);\n\nint twice(int n)\n{\n  return 2 * n;\n}\n' >src/BACKMAP/core/twice.cpp
"$PYTHON" scripts/check_headers.py --fix src/BACKMAP/core/twice.cpp
cat >CMakeLists.txt <<'CMAKE'
cmake_minimum_required(VERSION 3.20)
project(small CXX)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
option(BACKMAP_WERROR "" ON)
add_library(small src/BACKMAP/core/twice.cpp)
target_compile_options(small PRIVATE -Wall -Wextra -Werror)
CMAKE
cmake -G Ninja -S . -B build/tests >configure.log || { cat configure.log; exit 1; }
cp -r . ../clean

# --- pass, then see -----------------------------------------------------
checks='format headers shell python spelling links cppcheck warnings tidy'
# shellcheck disable=SC2086
bash scripts/check_code.sh $checks >out 2>&1 || { cat out; echo "FAILED: a clean project does not pass"; failed=1; }

expect() { # check, what its finding says; the fault is in the copy and taken out again
  if bash scripts/check_code.sh "$1" >out 2>&1; then
    echo "FAILED: $1 passes with a fault"; failed=1
  elif ! grep -q -- "$2" out || ! grep -q "^FAILED *$1" out; then
    cat out; echo "FAILED: $1 does not say $2"; failed=1
  else
    echo "ok: $1"
  fi
  cp -r ../clean/. .
}

file=src/BACKMAP/core/twice.cpp
echo 'int  spaces;' >>$file;                                             expect format "$file"
sed -i '2s/BACKMAP/LAMMPS/' $file;                                       expect headers "$file:1"
printf '#!/usr/bin/env bash\necho $1\n' >scripts/fault.sh;               expect shell 'fault.sh:2'; rm scripts/fault.sh
echo 'import os' >scripts/fault.py;                                      expect python 'fault.py:1'; rm scripts/fault.py
echo 'All te''h atoms.' >>README.md;                                       expect spelling 'README.md:2'
echo '[gone](doc/src/gone.rst)' >>README.md;                             expect links 'README.md:2: doc/src/gone.rst'
echo 'Also `src/BACKMAP/gone.h`.' >>README.md;                           expect links 'README.md:2: src/BACKMAP/gone.h'
echo 'And :doc:`gone`.' >>doc/src/page.rst;                              expect links 'page.rst:5: gone'
printf '\nint out();\nint out()\n{\n  int a[2] = {0, 0};\n  return a[2];\n}\n' >>$file; expect cppcheck 'arrayIndexOutOfBounds'
printf '\nint unused(int n);\nint unused(int n)\n{\n  return 1;\n}\n' >>$file;            expect warnings 'unused-parameter'
printf '\n#include <string>\nint size(std::string s);\nint size(std::string s)\n{\n  return (int) s.size();\n}\n' >>$file
expect tidy 'performance-unnecessary-value-param'
sed -i 's/BACKMAP_WERROR:BOOL=ON/BACKMAP_WERROR:BOOL=OFF/' build/tests/CMakeCache.txt;   expect warnings 'BACKMAP_WERROR'

# --- a header that a checked file includes: what is kept is of no use any more
printf '#include <string>\ninline int length(std::string s)\n{\n  return (int) s.size();\n}\n' >src/BACKMAP/core/length.h
sed -i 's,^int twice(int n);,#include "length.h"\n\n&,' $file
expect tidy 'length.h:2.*performance-unnecessary-value-param'

# --- a tool that is not there -------------------------------------------
mkdir -p ../few
for tool in bash cat dirname env find git grep mkdir nproc printf sed sort wc; do
  ln -sf "$(command -v $tool)" ../few/$tool
done
out=$(env PATH="$PWD/../few" bash scripts/check_code.sh cppcheck) || { echo "FAILED: a missing tool stops a user"; failed=1; }
case $out in *'left out'*cppcheck*'Debian package cppcheck'*) echo "ok: missing tool is named" ;; *) echo "FAILED: $out"; failed=1 ;; esac
env PATH="$PWD/../few" CI=true bash scripts/check_code.sh cppcheck && { echo "FAILED: a missing tool passes in CI"; failed=1; }
exit $failed

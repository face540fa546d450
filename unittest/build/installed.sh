#!/usr/bin/env bash
# installed.sh BUILD SOURCE: installs BUILD, moves the prefix, and uses it as somebody else would: without the build tree,
# without the source, without environment variables. Which parts there must be follows from the build's own options.
set -uo pipefail
build=$1 source=$2
failed=0
check() { local what=$1; shift; if "$@" >out 2>&1; then echo "ok: $what"; else echo "FAILED: $what"; tail -n 20 out; failed=1; fi; }
refuses() { ! "$@"; }
option() { grep -q "^$1:[A-Z]*=\(ON\|1\|TRUE\)$" "$build/CMakeCache.txt"; }
says() { grep -q -- "$1" "$2"; }
clean() { env -i PATH=/usr/local/bin:/usr/bin:/bin "$@"; }

# outside of the build tree, which the prefix must not need
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" && mkdir first
check "installs" cmake --install "$build" --prefix "$PWD/first"
cp out install.log
mv first moved
prefix=$PWD/moved
model=$prefix/share/backmap/potentials/ala2.flow.safetensors
example=$prefix/share/backmap/examples/library

# --- nothing points back ------------------------------------------------
find "$prefix" -type f \( -name '*.so*' -o -path '*/bin/*' \) >binaries
while read -r file; do
  readelf -d "$file" 2>/dev/null | grep -E 'R(UN)?PATH' >rpath
  check "${file#"$prefix"/} names no folder of the build" refuses grep -F -e "$build" -e "$PWD/first" rpath
  clean ldd "$file" >libraries 2>/dev/null
  check "${file#"$prefix"/} finds its libraries" refuses grep -F -e "not found" -e "$build" libraries
  # a Kokkos that came along is the one that is taken
  [ ! -e "$prefix/lib/libkokkoscore.so" ] || check "${file#"$prefix"/} takes the Kokkos beside it" \
    refuses bash -c "grep libkokkos libraries | grep -vF '$prefix/'"
done <binaries
readelf -d "$build/libbackmap_flow.so" >rpath
check "control: the build's own library names its folder" grep -F "$build" rpath
check "there are libraries" test "$(grep -c libbackmap_ binaries)" -ge 2
check "the CMake package names no folder of the build" refuses grep -rF -e "$build" -e "$source" "$prefix/lib/cmake/BACKMAP"
check "scripts of the examples can be run" test -x "$prefix/share/backmap/examples/alanine-dipeptide/compare.py"
check "the manual is there" test -s "$prefix/share/doc/backmap/src/index.rst"

# --- every header compiles by itself and needs the standard library only --
for header in $(cd "$prefix/include/BACKMAP" && find . -name '*.h'); do
  echo "#include \"$header\"" >header.cpp
  check "$header compiles" c++ -std=c++17 -Wall -Wextra -Werror -fsyntax-only -I"$prefix/include/BACKMAP" header.cpp
  c++ -std=c++17 -M -I"$prefix/include/BACKMAP" header.cpp | sed "s:$prefix/::g" >needs
  check "$header needs nothing else" refuses grep -E 'nlohmann/|Random123/|Kokkos_|torch/|mpi[.]h|lammps[.]h' needs
done

# --- a program with BACKMAP::flow, for which C++11 was asked --------------
configure() { clean cmake -S "$1" -B "$1/build" -G Ninja -D CMAKE_PREFIX_PATH="$prefix" -D CMAKE_CXX_STANDARD=11 "${@:2}"; }
cp -r "$example" example
check "the example is configured" configure example
check "the example is built" clean cmake --build example/build
check "the example runs" clean example/build/draw "$model" "$example/ala2.beads.txt" 200
cp out drawn.txt
check "its log q is that of its atoms" awk '
  { d = ($1 - $2) / (1 + ($1 < 0 ? -$1 : $1)); if (d < 0) d = -d; if (!(d < 1e-9) || $1 !~ /^[0-9.]+$/) bad++; seen[$1] = 1 }
  END { for (v in seen) different++; print NR, different, bad + 0; exit !(NR == 200 && different == 200 && !bad) }' drawn.txt
check "it names a file that is no model" bash -c \
  "! example/build/draw example/CMakeLists.txt example/ala2.beads.txt 1 2>err && grep 'CMakeLists.txt.*not a model file' err"
check "the wrong version is refused" refuses bash -c "mkdir -p absent && printf 'cmake_minimum_required(VERSION 3.20)
project(absent CXX)\nfind_package(BACKMAP 9.9 REQUIRED)\n' >absent/CMakeLists.txt && cmake -S absent -B absent/build -G Ninja -D CMAKE_PREFIX_PATH=$prefix"
check "flow without Kokkos is refused" refuses configure example -D CMAKE_DISABLE_FIND_PACKAGE_Kokkos=ON --fresh
check "an unknown component is refused" refuses bash -c "printf 'cmake_minimum_required(VERSION 3.20)
project(absent CXX)\nfind_package(BACKMAP REQUIRED COMPONENTS brew)\n' >absent/CMakeLists.txt && cmake -S absent -B absent/build -G Ninja -D CMAKE_PREFIX_PATH=$prefix"

# --- one with BACKMAP::statistics, where no Kokkos can be found -----------
mkdir statistics
cat >statistics/CMakeLists.txt <<'END'
cmake_minimum_required(VERSION 3.20)
project(ess LANGUAGES CXX)
find_package(BACKMAP REQUIRED COMPONENTS statistics)
add_executable(ess ess.cpp)
target_link_libraries(ess PRIVATE BACKMAP::statistics)
END
cat >statistics/ess.cpp <<'END'
#include "statistics/weights.h"
#include <cmath>
#include <cstdio>
int main()
{
  const double logw[] = {0.0, std::log(3.0)};
  printf("%.6f\n", BACKMAP_NS::kish_ess(logw, 2));    // (1 + 3)^2 / (2 (1 + 9)) = 0.8
}
END
check "statistics are configured without Kokkos" configure statistics -D CMAKE_DISABLE_FIND_PACKAGE_Kokkos=ON
check "statistics are built" clean cmake --build statistics/build
check "statistics are right" bash -c "test \"\$(statistics/build/ess)\" = 0.800000"

# --- Python ---------------------------------------------------------------
if option BACKMAP_PYTHON; then
  module=$(dirname "$(find "$prefix" -name 'backmap.*.so')")
  check "Python draws the same numbers" bash -c "env -i PYTHONPATH=$module $BACKMAP_PYTHON $example/draw.py $model \
    $example/ala2.beads.txt 200 >python.txt && cmp python.txt drawn.txt"
fi

# --- plots ----------------------------------------------------------------
check "the script of plots is there" clean "$BACKMAP_PYTHON" "$prefix/bin/backmap_plot" --help
if "$BACKMAP_PYTHON" -c 'import numpy, matplotlib' 2>/dev/null; then
  check "it finds its modules" bash -c "! env -i '$BACKMAP_PYTHON' '$prefix/bin/backmap_plot' weights absent.txt 2>err && grep 'cannot read a sample table absent.txt' err"
fi

check "the script of the workflow is there" bash -c "env -i '$BACKMAP_PYTHON' '$prefix/bin/backmap_workflow' status && test -f '$prefix/share/backmap/python/backmap_workflow/scripts/in.sample'"

# --- LAMMPS ---------------------------------------------------------------
if option BACKMAP_LAMMPS; then
  check "the installation tells what to set" says "LAMMPS_PLUGIN_PATH=.*/lib/lammps/plugins" install.log
  printf 'units real\natom_style molecular\nread_data %s/ala2.coarse.minus.data\npair_style cgnet
pair_coeff * * ala2.cgnet.safetensors C N CA CB C N\nfix 1 all nve\nfix 2 all langevin 300 300 100 4711
fix bm all backmap 5 ala2.flow.safetensors NONE samples 2 thermostat 2\nrun 10\n' \
    "$prefix/share/backmap/examples/alanine-dipeptide" >in.styles
  { printf 'plugin load ${plugins}/backmapplugin.so\n'; cat in.styles; } >in.plugin
  run() { clean LAMMPS_POTENTIALS="$prefix/share/backmap/potentials" LAMMPS_PLUGIN_PATH="$prefix/lib/lammps/plugins" "$@"; }
  check "the plugin is there" test -s "$prefix/lib/lammps/plugins/backmapplugin.so"
  if option BACKMAP_BUILTIN; then
    check "lmp starts" run "$prefix/bin/lmp" -h
    cp out help.txt
    check "lmp lists the package" says '^BACKMAP ' help.txt
    check "lmp lists the styles" bash -c "for style in cgnet backmap reweight train_flow; do grep -qw \$style help.txt || exit 1; done"
    check "lmp runs the styles" run "$prefix/bin/lmp" -in in.styles -log none
  else
    check "there is no lmp without BACKMAP_BUILTIN" test ! -e "$prefix/bin/lmp"
  fi
  if [ -n "$BACKMAP_LMP_PLAIN" ]; then
    check "another lmp loads the plugin" run "$BACKMAP_LMP_PLAIN" -in in.plugin -log none -var plugins "$prefix/lib/lammps/plugins"
    check "control: without it there are no styles" refuses clean LAMMPS_POTENTIALS="$prefix/share/backmap/potentials" \
      "$BACKMAP_LMP_PLAIN" -in in.styles -log none
  fi
else
  check "nothing of LAMMPS is installed" test ! -e "$prefix/bin/lmp" -a ! -e "$prefix/lib/lammps"
fi
exit $failed

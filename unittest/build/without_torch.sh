#!/usr/bin/env bash
# A build with BACKMAP_TORCH=OFF: it compiles, links no LibTorch, and training says clearly that it is not there.
set -euo pipefail
source=$1 lammps=$2 build=$3 kokkos=$4
cmake -S "$source" -B build -G Ninja -D BACKMAP_TORCH=OFF -D BACKMAP_BUILTIN=OFF -D CMAKE_BUILD_TYPE=Release \
  -D CMAKE_CXX_FLAGS_RELEASE=-O0 -D LAMMPS_DIR="$lammps" -D BACKMAP_LAMMPS_BUILD="$build" -D Kokkos_DIR="$kokkos" \
  >configure.log 2>&1 || { cat configure.log; exit 1; }
nice cmake --build build -j 2 >build.log 2>&1 || { tail -n 60 build.log; exit 1; }
ldd build/backmapplugin.so >libraries.txt
if grep -E 'lib(backmap_)?torch|libc10' libraries.txt; then echo "the plugin links LibTorch"; exit 1; fi
status=0
for command in train_flow train_cgnet; do
  printf 'units real\nplugin load build/backmapplugin.so\n%s all a b c d e f\n' $command >in.$command
  "$build/lmp" -in in.$command -log none >out.$command 2>&1 && { echo "$command did not fail"; status=1; }
  grep -q "without LibTorch" out.$command || { echo "$command does not say what is missing:"; tail -n 5 out.$command; status=1; }
done
# plugin, but no lmp: that is BACKMAP_BUILTIN=OFF
bash "$source/unittest/build/installed.sh" "$PWD/build" "$source" || status=1
exit $status

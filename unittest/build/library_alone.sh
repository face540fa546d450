#!/usr/bin/env bash
# library_alone.sh SOURCE KOKKOS_ROOT KOKKOS_DIR: BACKMAP_LAMMPS=OFF needs neither LAMMPS nor LibTorch nor MPI, and its
# installation is whole.
set -euo pipefail
source=$1
rm -rf build
cmake -S "$source" -B build -G Ninja -D BACKMAP_LAMMPS=OFF -D CMAKE_BUILD_TYPE=Release -D CMAKE_CXX_FLAGS_RELEASE=-O0 \
  -D Kokkos_ROOT="$2" -D Kokkos_DIR="$3" -D CMAKE_DISABLE_FIND_PACKAGE_Torch=ON -D CMAKE_DISABLE_FIND_PACKAGE_MPI=ON \
  >configure.log 2>&1 || { cat configure.log; exit 1; }
nice cmake --build build -j 2 --target backmap_flow backmap_statistics >build.log 2>&1 || { tail -n 60 build.log; exit 1; }
if ldd build/lib*.so | grep -E 'liblammps|libtorch|libc10|libmpi'; then echo "the libraries link what they must not"; exit 1; fi
exec bash "$source/unittest/build/installed.sh" "$PWD/build" "$source"

#!/usr/bin/env bash
# Get everything that BACKMAP is built from: tools and libraries, the LAMMPS source, Kokkos, and a compiled
# LAMMPS whose objects every checkout on this machine shares. Run by demo.sh and test.sh; harmless to run again.
#
#   scripts/setup.sh [--lean | --full | --without] [--check] [NAME=VALUE ...]
#
#   --full    LAMMPS with its KOKKOS package, as the tests need it (default)
#   --lean    LAMMPS without it, which builds in half the time; a full one is taken where it is there already
#   --without LAMMPS without its KOKKOS package, never with it
#   --check   only say what is missing, change nothing
#   NAME=VALUE (or the same in the environment): LAMMPS_DIR, Kokkos_ROOT, Torch_DIR, MPI_HOME, CXX,
#             BACKMAP_CACHE (where the builds are kept), BACKMAP_JOBS, BACKMAP_TORCH=OFF, BACKMAP_NATIVE=OFF,
#             LAMMPS_SIZES=smallbig|bigbig, LAMMPS_OPTIMIZE=-O1, BACKMAP_SETUP (the file that is written)
#
# Writes build/setup-{lean,full}.cmake, which the presets of the CMake project read.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/scripts/lib.sh"

kind=full
check=no
for arg in "$@"; do
  case $arg in
    --full) kind=full ;;
    --lean) kind=lean ;;
    --without) kind=without ;;
    --check) check=yes ;;
    -h | --help) sed -n '2,15p' "$0"; exit 0 ;;
    *=*) export "${arg?}" ;;
    *) sed -n '2,15p' "$0" >&2; exit 2 ;;
  esac
done

cache=$(backmap_cache)
jobs=$(backmap_jobs)
torch=${BACKMAP_TORCH:-ON}
native=${BACKMAP_NATIVE:-ON}

. "$here/scripts/packages.sh"
. "$here/scripts/lammps_source.sh"

require_packages
[ "$check" = no ] || exit 0
install_check_tools

mkdir -p "$cache" "$here/build"
# one setup at a time for each file of locks: others wait and then find everything done. Taking one lets go of the one before
take_lock() {
  exec 9>"$1"
  flock -n 9 || { say "waiting for another setup that holds $1"; flock 9; }
}
take_lock "$cache/lock"

# ----------------------------------------------------------------------
# Kokkos, in this order: an installed one, LAMMPS's own copy, Debian's source package trilinos
# ----------------------------------------------------------------------

build_kokkos() {
  local source id
  if [ -n "${Kokkos_ROOT:-}" ]; then
    [ -n "$(find -L "$Kokkos_ROOT" -name KokkosConfig.cmake -print -quit 2>/dev/null)" ] ||
      fail "Kokkos_ROOT=$Kokkos_ROOT holds no KokkosConfig.cmake"
    kokkos_root=$Kokkos_ROOT
    return
  fi
  if [ -f "$LAMMPS_DIR/lib/kokkos/CMakeLists.txt" ]; then
    source=$LAMMPS_DIR/lib/kokkos
    id="$lammps_id lib/kokkos"
  else
    fetch_kokkos_source
    source=$kokkos_source
    id=$kokkos_id
  fi
  # shared: liblammps, the plugin and the test programs must all see the same one Kokkos
  local options=(-D CMAKE_BUILD_TYPE=Release -D BUILD_SHARED_LIBS=ON -D CMAKE_CXX_STANDARD=17
    -D Kokkos_ENABLE_SERIAL=ON -D Kokkos_ENABLE_OPENMP=ON -D CMAKE_INSTALL_LIBDIR=lib
    -D Kokkos_ENABLE_TESTS=OFF -D CMAKE_CXX_EXTENSIONS=OFF)
  [ "$native" = ON ] && options+=(-D CMAKE_CXX_FLAGS=-march=native)
  local key
  key=$( { echo "$id"; printf '%s\n' "${options[@]}"; compiler_id; } | short_hash)
  kokkos_root=$cache/kokkos-$key
  if [ ! -e "$kokkos_root/complete" ]; then
    rm -rf "$kokkos_root" "$kokkos_root.build"
    quietly "configuring Kokkos" "$cache/log/kokkos-configure.log" \
      cmake -S "$source" -B "$kokkos_root.build" -G Ninja -D CMAKE_INSTALL_PREFIX="$kokkos_root" "${options[@]}"
    quietly "building Kokkos (half a minute)" "$cache/log/kokkos-build.log" \
      cmake --build "$kokkos_root.build" -j "$jobs" --target install
    rm -rf "$kokkos_root.build"
    echo "$id" >"$kokkos_root/complete"
  fi
}

# ----------------------------------------------------------------------
# LAMMPS itself, without our styles: these are the objects that all checkouts link with
# ----------------------------------------------------------------------

lammps_options() {
  local packages=(MOLECULE EXTRA-MOLECULE KSPACE RIGID REPLICA PLUGIN) name
  # the Gronbech-Jensen/Farago thermostat of the examples is in this package since 2025
  [ -f "$LAMMPS_DIR/src/EXTRA-FIX/fix_gjf.cpp" ] && packages+=(EXTRA-FIX)
  [ "$1" = full ] && packages+=(KOKKOS)
  lammps_cmake=(-D CMAKE_BUILD_TYPE=Release -D BUILD_SHARED_LIBS=ON -D BUILD_MPI=ON -D BUILD_OMP=ON
    -D LAMMPS_EXCEPTIONS=ON -D EXTERNAL_KOKKOS=ON -D FFT=KISS -D WITH_JPEG=OFF -D WITH_PNG=OFF
    -D WITH_FFMPEG=OFF -D WITH_CURL=OFF -D BUILD_TOOLS=OFF)
  [ "${LAMMPS_SIZES:-smallbig}" = smallbig ] || lammps_cmake+=(-D "LAMMPS_SIZES=$LAMMPS_SIZES")
  for name in "${packages[@]}"; do lammps_cmake+=(-D "PKG_$name=ON"); done
  # -O2 compiles LAMMPS in two thirds of the time of -O3 and runs these small molecules as fast
  lammps_cmake+=(-D "CMAKE_CXX_FLAGS_RELEASE=${LAMMPS_OPTIMIZE:--O2} -DNDEBUG")
  [ "$native" = ON ] && lammps_cmake+=(-D CMAKE_CXX_FLAGS=-march=native)
  # the build's place in the cache
  local key
  key=$( { echo "$lammps_id"; echo "$kokkos_root"; printf '%s\n' "${lammps_cmake[@]}"; compiler_id; } | short_hash)
  lammps_build=$cache/lammps-$1-$key
}

build_lammps() {
  lammps_options full
  # the full one serves the demo too
  if [ "$kind" = without ] || { [ "$kind" = lean ] && [ ! -e "$lammps_build/complete" ]; }; then lammps_options lean; fi
  # builds of different LAMMPS do not wait for each other
  take_lock "$lammps_build.lock"
  if [ ! -e "$lammps_build/complete" ]; then
    # an interrupted build goes on where it stopped
    quietly "configuring LAMMPS" "$cache/log/$(basename "$lammps_build")-configure.log" \
      cmake -S "$LAMMPS_DIR/cmake" -B "$lammps_build" -G Ninja "${lammps_cmake[@]}" \
      -D Kokkos_ROOT="$kokkos_root" -D CMAKE_INSTALL_RPATH_USE_LINK_PATH=ON
    quietly "building LAMMPS once for all checkouts (5 to 12 minutes on two cores)" "$cache/log/$(basename "$lammps_build")-build.log" \
      cmake --build "$lammps_build" -j "$jobs"
    # the same options build the LAMMPS that has our styles
    printf '%s\n' "${lammps_cmake[@]}" | grep -v '^-D$' >"$lammps_build/options.txt"
    echo "$lammps_id" >"$lammps_build/complete"
  fi
}

fetch_lammps_source
build_kokkos
build_lammps

# ----------------------------------------------------------------------
# tell CMake; untouched where nothing changed, so that nothing is configured anew
# ----------------------------------------------------------------------

file=${BACKMAP_SETUP:-$here/build/setup-$kind.cmake}
{
  echo "# written by scripts/setup.sh"
  echo "set(LAMMPS_DIR \"$LAMMPS_DIR\")"
  echo "set(BACKMAP_LAMMPS_BUILD \"$lammps_build\")"
  echo "set(Kokkos_ROOT \"$kokkos_root\")"
} >"$file.new"
if cmp -s "$file.new" "$file"; then rm "$file.new"; else mv "$file.new" "$file"; fi
say "setup complete: LAMMPS in $LAMMPS_DIR, built in $lammps_build, Kokkos in $kokkos_root"

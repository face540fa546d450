# Shell functions shared by demo.sh, test.sh and scripts/setup.sh. Sourced, never run.

# ----------------------------------------------------------------------
# progress goes to standard error, so that a script's standard output stays its result
# ----------------------------------------------------------------------

say()  { printf '[backmap %4ds] %s\n' "$SECONDS" "$*" >&2; }
fail() { printf 'backmap: ERROR: %s\n' "$*" >&2; exit 1; }

# ----------------------------------------------------------------------
# LAMMPS and Kokkos are kept here between checkouts, one folder for each distinct build
# ----------------------------------------------------------------------

backmap_cache() {
  printf '%s' "${BACKMAP_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/backmap}"
}

# cores that this process may use (a container often has fewer than the machine)
backmap_jobs() { printf '%s' "${BACKMAP_JOBS:-$(nproc 2>/dev/null || echo 2)}"; }

# the Python that plots and checks: Debian's own has Debian's modules, whatever stands first in PATH
backmap_python() {
  if [ -n "${PYTHON:-}" ]; then printf '%s' "$PYTHON"
  elif [ -x /usr/bin/python3 ]; then printf /usr/bin/python3
  else printf python3; fi
}

# omp.h for clang-tidy: clang cannot read that of GCC, and Kokkos includes it
have_clang_omp() {
  [ -n "$(find /usr/lib/llvm-*/lib/clang/*/include /usr/lib/clang/*/include /usr/include /usr/local/include \
    -maxdepth 1 -name omp.h -print -quit 2>/dev/null)" ]
}

# short hash of everything on standard input
short_hash() { sha256sum | cut -c1-16; }

# what the compiler makes of "this machine": two machines that differ here must not share objects
compiler_id() {
  local cxx=${CXX:-c++}
  "$cxx" --version 2>/dev/null | head -n 1
  if [ "${BACKMAP_NATIVE:-ON}" = ON ]; then
    "$cxx" -march=native -Q --help=target 2>/dev/null | sed -n 's/^ *\(-m[^ ]*\) *\(.*\)$/\1 \2/p'
  fi
  "$(command -v mpicxx || echo true)" --showme:version 2>/dev/null || true
}

# ----------------------------------------------------------------------
# run a long command with its output in a log file; show a line now and then, the tail on failure
# ----------------------------------------------------------------------

quietly() {
  local what=$1 log=$2
  shift 2
  mkdir -p "$(dirname "$log")"
  say "$what"
  "$@" >"$log" 2>&1 </dev/null &
  local pid=$! ticks=0
  while kill -0 "$pid" 2>/dev/null; do
    sleep 1
    ticks=$((ticks + 1))
    # ninja and apt leave their progress on the last line of the log
    if [ $((ticks % 30)) -eq 0 ]; then
      say "  ... $(tail -c 400 "$log" | tr '\r' '\n' | sed '/^[[:space:]]*$/d' | tail -n 1 | cut -c1-90)"
    fi
  done
  if ! wait "$pid"; then
    tail -n 40 "$log" >&2
    fail "$what: failed, the whole output is in $log"
  fi
}

# ----------------------------------------------------------------------
# OpenMPI refuses to run as root and to share cores unless told otherwise; both are normal here
# ----------------------------------------------------------------------

mpi_environment() {
  if [ "$(id -u)" = 0 ]; then
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  fi
  # OpenMPI 4 and 5; the yield keeps ranks that wait from starving those that compute
  export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
  export OMPI_MCA_mpi_yield_when_idle=1 OMPI_MCA_hwloc_base_binding_policy=none
  export OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_btl=self,vader
  # one thread a rank unless the user says otherwise; libraries below us must not multiply
  export OMP_NUM_THREADS="${OMP_NUM_THREADS:-1}"
}

# ----------------------------------------------------------------------
# configure (once) and build one preset of the CMake project; settings come from the environment
# ----------------------------------------------------------------------

build_preset() {
  local preset=$1 setting definitions=()
  for setting in BACKMAP_TORCH BACKMAP_NATIVE BACKMAP_WERROR Torch_DIR MPI_HOME pybind11_DIR; do
    if [ -n "${!setting:-}" ]; then definitions+=("-D$setting=${!setting}"); fi
  done
  if [ -n "${PYTHON:-}" ]; then definitions+=("-DPython_EXECUTABLE=$(command -v "$PYTHON")"); fi
  # where ccache is installed, checkouts share what they compile
  if [ ! -e "build/$preset/build.ninja" ] && command -v ccache >/dev/null 2>&1; then
    definitions+=(-D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
  fi
  export CCACHE_BASEDIR=$PWD
  if [ ! -e "build/$preset/build.ninja" ] || [ CMakePresets.json -nt "build/$preset/build.ninja" ] ||
    [ ${#definitions[@]} -gt 0 ]; then
    quietly "configuring BACKMAP ($preset)" "build/$preset/configure.log" cmake --preset "$preset" "${definitions[@]}"
  fi
  quietly "building BACKMAP ($preset)" "build/$preset/build.log" cmake --build --preset "$preset" -j "$(backmap_jobs)" -- -k 0
}

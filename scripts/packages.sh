# Tools and libraries: installed on Debian 12 with root or sudo; elsewhere every missing one is named, with the
# option that points to an existing one, and nothing is changed. Sourced by scripts/setup.sh.

# ----------------------------------------------------------------------
# one line a piece: how it is looked for | Debian package | what it is | how to point to an existing one
# ----------------------------------------------------------------------

pieces() {
  cat <<'LIST'
program cmake|cmake|CMake 3.20 or newer|put cmake into PATH
program c++|g++|a C++17 compiler|CXX=...
program ninja|ninja-build|the build tool Ninja|put ninja into PATH
program curl|curl|curl, which downloads a LAMMPS release|LAMMPS_DIR=... (then no download is needed)
program flock|util-linux|flock|put flock into PATH
program xz|xz-utils|xz|put xz into PATH
program mpicxx|libopenmpi-dev|MPI: compiler wrapper and headers|MPI_HOME=... or mpicxx in PATH
program mpirun|openmpi-bin|MPI: mpirun|MPI_HOME=... or mpirun in PATH
header nlohmann/json.hpp|nlohmann-json3-dev|nlohmann JSON, headers|CPLUS_INCLUDE_PATH=... (or nlohmann_json_ROOT=...)
header Random123/philox.h|librandom123-dev|Random123, headers|CPLUS_INCLUDE_PATH=...
header gtest/gtest.h|libgtest-dev|GoogleTest (tests)|GTest_ROOT=...
header gmock/gmock.h|libgmock-dev|GoogleMock (tests)|GTest_ROOT=...
program pgrep|procps|pgrep (test of a rank that is killed)|put pgrep into PATH
header yaml.h|libyaml-dev|libyaml (LAMMPS's force-style tester)|CPLUS_INCLUDE_PATH=... and LIBRARY_PATH=...
torch|libtorch-dev|LibTorch 1.13 or newer (training, TorchScript models)|Torch_DIR=.../share/cmake/Torch, or BACKMAP_TORCH=OFF to do without
program python3|python3|Python 3|PYTHON=...
python numpy|python3-numpy|NumPy for Python 3 (plots)|PYTHON=... (a python3 that has it)
python matplotlib|python3-matplotlib|Matplotlib for Python 3 (plots)|PYTHON=... (a python3 that has it)
python pymbar|python3-pymbar|pymbar for Python 3 (test of the estimates)|PYTHON=... (a python3 that has it)
python sphinx|python3-sphinx|Sphinx (documentation test)|PYTHON=... (a python3 that has it)
python-headers|python3-dev|header files of Python 3 (test of the Python module)|PYTHON=... (a python3 that has them)
pybind11|pybind11-dev|pybind11 2.6 or newer (test of the Python module)|pybind11_DIR=.../share/cmake/pybind11
python sphinx_rtd_theme|python3-sphinx-rtd-theme|Sphinx theme (documentation test)|PYTHON=... (a python3 that has it)
LIST
}

# what scripts/check_code.sh and benchmarks/run.sh need besides: installed with the tests' packages where that is possible,
# else they name what is missing; neither the tests nor a user do without BACKMAP because of them
check_pieces() {
  cat <<'LIST'
program clang-format|clang-format
program clang-tidy|clang-tidy
clang-omp|libomp-dev
program cppcheck|cppcheck
program shellcheck|shellcheck
program codespell|codespell
python pyflakes|python3-pyflakes
header benchmark/benchmark.h|libbenchmark-dev
LIST
}

# the demo needs neither the test libraries nor pymbar nor Sphinx nor the Python module
needed_by_demo() {
  case $1 in
    *gtest*|*gmock*|*pgrep*|*yaml*|*pymbar*|*sphinx*|*pybind11*|python-headers) return 1 ;;
  esac
}

# ----------------------------------------------------------------------

have_header() {
  local root include=()
  for root in "${GTest_ROOT:-}" "${nlohmann_json_ROOT:-}"; do
    [ -n "$root" ] && include+=("-I$root/include")
  done
  echo "#include <$1>" | "${CXX:-c++}" -std=c++17 "${include[@]}" -E -x c++ - >/dev/null 2>&1
}

have_torch() {
  [ "$torch" = OFF ] && return 0
  [ -n "${Torch_DIR:-}" ] && [ -e "$Torch_DIR/TorchConfig.cmake" ] && return 0
  [ -n "${Torch_ROOT:-}" ] && [ -e "$Torch_ROOT/share/cmake/Torch/TorchConfig.cmake" ] && return 0
  [ -n "$(find /usr/share/cmake /usr/lib/*/cmake /usr/lib/cmake /usr/local/share/cmake /usr/local/lib/cmake \
    -maxdepth 2 -name TorchConfig.cmake -print -quit 2>/dev/null)" ]
}

have_pybind11() {
  [ -n "${pybind11_DIR:-}" ] && [ -e "$pybind11_DIR/pybind11Config.cmake" ] && return 0
  [ -n "$(find /usr/share/cmake /usr/lib/*/cmake /usr/lib/cmake /usr/local/share/cmake /usr/local/lib/cmake \
    -maxdepth 2 -name pybind11Config.cmake -print -quit 2>/dev/null)" ]
}

have_python_headers() {
  "$(backmap_python)" -c 'import os, sysconfig; os.stat(os.path.join(sysconfig.get_path("include"), "Python.h"))' \
    >/dev/null 2>&1
}

# the library that stands behind libblas.so.3, which Debian's LibTorch multiplies its matrices with
blas_in_use() {
  local link
  link=$(PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | sed -n 's/^[[:space:]]*libblas\.so\.3 .*=> //p' | head -n 1)
  [ -n "$link" ] && readlink -f "$link" 2>/dev/null
}

# a LibTorch from elsewhere (Torch_DIR) brings a BLAS of its own
have_fast_blas() {
  [ "$torch" = OFF ] || [ -n "${Torch_DIR:-}${Torch_ROOT:-}" ] && return 0
  case $(blas_in_use) in *openblas* | *mkl* | *blis* | *atlas* | *flexiblas* | *armpl* | *nvpl*) return 0 ;; esac
  return 1
}

have_openblas() { PATH=$PATH:/sbin:/usr/sbin ldconfig -p 2>/dev/null | grep -q 'libopenblas\.so'; }

have_piece() {
  case $1 in
    "program c++") command -v "${CXX:-c++}" >/dev/null 2>&1 ;;
    "program mpi"*) command -v "${1#* }" >/dev/null 2>&1 || [ -x "${MPI_HOME:-/nonexistent}/bin/${1#* }" ] ;;
    "program curl") [ -n "${LAMMPS_DIR:-}" ] || command -v curl >/dev/null 2>&1 || command -v wget >/dev/null 2>&1 ||
      command -v apt-get >/dev/null 2>&1 ;;
    "program python3") command -v "$(backmap_python)" >/dev/null 2>&1 ;;
    program*) command -v "${1#* }" >/dev/null 2>&1 ;;
    header*) have_header "${1#* }" ;;
    torch) have_torch ;;
    clang-omp) have_clang_omp ;;
    pybind11) have_pybind11 ;;
    python-headers) have_python_headers ;;
    python*) "$(backmap_python)" -c "import ${1#* }" >/dev/null 2>&1 ;;
  esac
}

# ----------------------------------------------------------------------

may_install() {
  on_debian && command -v apt-get >/dev/null 2>&1 || return 1
  [ "$(id -u)" = 0 ] && return 0
  command -v sudo >/dev/null 2>&1 && { sudo -n true 2>/dev/null || [ -t 0 ]; }
}

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

install_packages() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq update >/dev/null 2>&1 || true
  quietly "installing Debian packages: $*" "$cache/log/apt-install.log" \
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "$@"
}

install_check_tools() {
  local look package packages=()
  [ "$kind" = full ] && may_install || return 0
  while IFS='|' read -r look package; do
    have_piece "$look" || packages+=("$package")
  done < <(check_pieces)
  [ ${#packages[@]} -eq 0 ] || (install_packages "${packages[@]}") || say "going on without ${packages[*]}"
}

require_packages() {
  local look package what option missing=() packages=()
  while IFS='|' read -r look package what option; do
    [ "$kind" = lean ] && ! needed_by_demo "$look" && continue
    have_piece "$look" && continue
    packages+=("$package")
    missing+=("  $what: $option   [Debian: $package]")
  done < <(pieces)
  if ! on_debian && [ -z "${LAMMPS_DIR:-}" ] && ! command -v curl >/dev/null 2>&1 && ! command -v wget >/dev/null 2>&1; then
    missing+=("  the LAMMPS source, 29 Sep 2021 or newer: LAMMPS_DIR=...")
  fi
  # a slow BLAS is no reason to stop: where packages can be installed it is one of them, elsewhere it is advice
  if ! have_fast_blas; then
    if [ "$check" = no ] && may_install && ! have_openblas; then
      packages+=(libopenblas0-pthread)
      missing+=("  OpenBLAS, with which LibTorch trains 4.5 times as fast   [Debian: libopenblas0-pthread]")
    elif have_torch; then
      say "advice: the BLAS in use, $(blas_in_use || echo unknown), is slow; with OpenBLAS training is 4.5 times as fast" \
        "(Debian: libopenblas0-pthread, update-alternatives --config libblas.so.3-$(uname -m)-linux-gnu)"
    else
      packages+=(libopenblas0-pthread)    # beside LibTorch, which is missing
    fi
  fi
  [ ${#missing[@]} -eq 0 ] && return 0
  if [ "$check" = no ] && may_install && [ ${#packages[@]} -gt 0 ]; then
    install_packages "${packages[@]}"
    return 0
  fi
  {
    echo "backmap: these pieces are missing, and nothing has been changed:"
    printf '%s\n' "${missing[@]}"
    echo "Install them, or name an existing one by the option after the colon, for example"
    echo "  LAMMPS_DIR=/path/to/lammps Kokkos_ROOT=/path/to/kokkos ${BACKMAP_CALLER:+./}${BACKMAP_CALLER:-scripts/setup.sh --$kind}"
    on_debian && echo "On this Debian an administrator could run: apt-get install ${packages[*]}"
    echo "LAMMPS and Kokkos: LAMMPS_DIR=... (source, 29 Sep 2021 or newer), Kokkos_ROOT=... (3.4.01 or newer)"
  } >&2
  exit 3
}

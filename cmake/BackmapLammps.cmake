# The LAMMPS source that we compile against: target backmap_lammps_headers (includes and definitions, nothing built).

if(NOT LAMMPS_DIR)
  message(FATAL_ERROR "No LAMMPS source: run scripts/setup.sh, or set -D LAMMPS_DIR=/path/to/lammps "
    "(source of 29 Sep 2021 or newer)")
endif()
get_filename_component(LAMMPS_DIR "${LAMMPS_DIR}" ABSOLUTE)
if(NOT EXISTS "${LAMMPS_DIR}/src/lammps.h" OR NOT EXISTS "${LAMMPS_DIR}/cmake/CMakeLists.txt")
  message(FATAL_ERROR "LAMMPS_DIR=${LAMMPS_DIR} is no LAMMPS source: no src/lammps.h or cmake/CMakeLists.txt")
endif()

set(MPI_CXX_SKIP_MPICXX TRUE)
find_package(MPI REQUIRED COMPONENTS CXX)
find_package(Threads REQUIRED)

# the options that change LAMMPS's class layouts must be those of the LAMMPS that loads us
set(backmap_packages MOLECULE EXTRA-MOLECULE KSPACE RIGID REPLICA PLUGIN KOKKOS)
set(backmap_sizes smallbig)
set(backmap_lammps_kokkos ON)
if(BACKMAP_LAMMPS_BUILD)
  if(NOT EXISTS "${BACKMAP_LAMMPS_BUILD}/CMakeCache.txt")
    message(FATAL_ERROR "BACKMAP_LAMMPS_BUILD=${BACKMAP_LAMMPS_BUILD} is no CMake build of LAMMPS")
  endif()
  load_cache("${BACKMAP_LAMMPS_BUILD}" READ_WITH_PREFIX built_ LAMMPS_SIZES PKG_KOKKOS LAMMPS_EXCEPTIONS)
  string(TOLOWER "${built_LAMMPS_SIZES}" backmap_sizes)
  set(backmap_lammps_kokkos ${built_PKG_KOKKOS})
endif()
string(TOUPPER "${backmap_sizes}" sizes)

add_library(backmap_lammps_headers INTERFACE)
target_include_directories(backmap_lammps_headers SYSTEM INTERFACE ${LAMMPS_DIR}/src ${LAMMPS_DIR}/src/MOLECULE)
target_compile_definitions(backmap_lammps_headers INTERFACE LAMMPS_${sizes} LAMMPS_EXCEPTIONS)
target_link_libraries(backmap_lammps_headers INTERFACE MPI::MPI_CXX)

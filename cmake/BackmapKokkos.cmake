# Kokkos::kokkos: an installed one (Kokkos_ROOT, CMAKE_PREFIX_PATH), else LAMMPS's own copy.
# The flow needs the library only, not LAMMPS's KOKKOS package.

if(NOT TARGET Kokkos::kokkos)
  find_package(Kokkos 3.4.01 CONFIG QUIET)
  # a release of a later major version says that it is not compatible; it is, for the little that we use
  if(NOT Kokkos_FOUND)
    find_package(Kokkos CONFIG QUIET)
  endif()
endif()
if(NOT TARGET Kokkos::kokkos AND EXISTS "${LAMMPS_DIR}/lib/kokkos/CMakeLists.txt")
  message(STATUS "Kokkos: building the copy in ${LAMMPS_DIR}/lib/kokkos")
  set(Kokkos_ENABLE_SERIAL ON CACHE BOOL "")
  set(Kokkos_ENABLE_OPENMP ON CACHE BOOL "")
  set(BUILD_SHARED_LIBS ON)
  set(CMAKE_INSTALL_RPATH "$ORIGIN")    # it is installed with us
  add_subdirectory(${LAMMPS_DIR}/lib/kokkos ${CMAKE_CURRENT_BINARY_DIR}/kokkos)
  unset(BUILD_SHARED_LIBS)
  unset(CMAKE_INSTALL_RPATH)
  if(NOT TARGET Kokkos::kokkos)
    add_library(Kokkos::kokkos ALIAS kokkos)
  endif()
endif()
if(NOT TARGET Kokkos::kokkos)
  message(FATAL_ERROR "No Kokkos: run scripts/setup.sh, or set -D Kokkos_ROOT=/path/to/kokkos (3.4.01 or newer)")
endif()
message(STATUS "Kokkos: ${Kokkos_VERSION} ${Kokkos_DIR}")

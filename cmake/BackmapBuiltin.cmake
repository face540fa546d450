# A LAMMPS with our styles built in, made by LAMMPS's own CMake with cmake/BackmapInLammps.cmake hooked in: nothing
# of LAMMPS is changed. With BACKMAP_LAMMPS_BUILD only the few LAMMPS files that list the styles are compiled, the
# other objects are taken from there. Targets: lmp (build it), lammps_builtin (link with it); variable BACKMAP_LMP.

include(ExternalProject)

set(inner ${CMAKE_CURRENT_BINARY_DIR}/lammps)
set(arguments
  -DCMAKE_BUILD_TYPE:STRING=${CMAKE_BUILD_TYPE}
  -DCMAKE_CXX_COMPILER:FILEPATH=${CMAKE_CXX_COMPILER}
  -DCMAKE_PROJECT_lammps_INCLUDE:FILEPATH=${CMAKE_CURRENT_SOURCE_DIR}/cmake/BackmapInLammps.cmake
  -DBACKMAP_PREBUILT:FILEPATH=${CMAKE_CURRENT_BINARY_DIR}/backmap-targets.cmake
  -DCMAKE_EXE_LINKER_FLAGS:STRING=${CMAKE_EXE_LINKER_FLAGS}
  -DCMAKE_BUILD_RPATH:STRING=${CMAKE_CURRENT_BINARY_DIR}
  -DCMAKE_INSTALL_BINDIR:PATH=${CMAKE_INSTALL_BINDIR}
  -DCMAKE_INSTALL_LIBDIR:PATH=${CMAKE_INSTALL_LIBDIR})
foreach(name Kokkos_ROOT Kokkos_DIR Torch_DIR MPI_HOME MPI_CXX_COMPILER)
  if(${name})
    list(APPEND arguments "-D${name}:PATH=${${name}}")
  endif()
endforeach()
if(BACKMAP_LAMMPS_BUILD)
  list(APPEND arguments -DBACKMAP_LAMMPS_OBJECTS:PATH=${BACKMAP_LAMMPS_BUILD})
endif()
if(BACKMAP_LAMMPS_BUILD AND EXISTS "${BACKMAP_LAMMPS_BUILD}/options.txt")
  file(STRINGS "${BACKMAP_LAMMPS_BUILD}/options.txt" options)
  foreach(option IN LISTS options)
    string(FIND "${option}" "=" at)
    string(SUBSTRING "${option}" 0 ${at} name)
    string(SUBSTRING "${option}" ${at} -1 value)
    list(APPEND arguments "-D${name}:STRING${value}")
  endforeach()
else()
  list(APPEND arguments -DBUILD_SHARED_LIBS:BOOL=ON -DBUILD_MPI:BOOL=ON -DBUILD_OMP:BOOL=ON
    -DLAMMPS_EXCEPTIONS:BOOL=ON -DFFT:STRING=KISS -DWITH_JPEG:BOOL=OFF -DWITH_PNG:BOOL=OFF
    -DWITH_FFMPEG:BOOL=OFF -DWITH_CURL:BOOL=OFF -DLAMMPS_SIZES:STRING=${backmap_sizes})
  foreach(package IN LISTS backmap_packages)
    list(APPEND arguments -DPKG_${package}:BOOL=ON)
  endforeach()
  if(Kokkos_DIR)
    list(APPEND arguments -DEXTERNAL_KOKKOS:BOOL=ON)
  endif()
  if(BACKMAP_NATIVE)
    list(APPEND arguments -DCMAKE_CXX_FLAGS:STRING=-march=native)
  endif()
endif()

# what the inner build links with
get_property(backmap_layers GLOBAL PROPERTY backmap_layers)
export(TARGETS ${backmap_layers} backmap_styles backmap_options backmap_lammps_headers NAMESPACE BACKMAP::
  FILE ${CMAKE_CURRENT_BINARY_DIR}/backmap-targets.cmake)

ExternalProject_Add(lmp
  SOURCE_DIR ${LAMMPS_DIR}/cmake
  BINARY_DIR ${inner}
  STAMP_DIR ${inner}-stamps
  TMP_DIR ${inner}-stamps
  DOWNLOAD_COMMAND ""
  UPDATE_COMMAND ""
  INSTALL_COMMAND ""
  CMAKE_CACHE_ARGS ${arguments}
  DEPENDS backmap_styles
  BUILD_ALWAYS ON
  BUILD_BYPRODUCTS ${inner}/lmp ${inner}/liblammps.so
  USES_TERMINAL_BUILD ON)

set(BACKMAP_LMP ${inner}/lmp)
add_library(lammps_builtin SHARED IMPORTED GLOBAL)
set_target_properties(lammps_builtin PROPERTIES IMPORTED_LOCATION ${inner}/liblammps.so)
target_link_libraries(lammps_builtin INTERFACE backmap_lammps_headers)
add_dependencies(lammps_builtin lmp)

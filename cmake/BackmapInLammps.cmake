# Builds our styles into LAMMPS without touching a LAMMPS file. For any LAMMPS from 29 Sep 2021 on:
#
#   cmake -S lammps/cmake -B build -D CMAKE_PROJECT_lammps_INCLUDE=/path/to/backmap/cmake/BackmapInLammps.cmake ...
#
# Optional: -D BACKMAP_TORCH=OFF, -D Kokkos_ROOT=..., -D Torch_DIR=...
# CMake reads this file at LAMMPS's project() command; the work is put off to the end of LAMMPS's CMakeLists.txt.
# Our own project sets two more: BACKMAP_PREBUILT (our libraries are there already) and BACKMAP_LAMMPS_OBJECTS (a
# finished build of the same LAMMPS without our styles, whose objects are taken instead of compiled again).

if(CMAKE_VERSION VERSION_LESS 3.20)
  message(FATAL_ERROR "BACKMAP needs CMake 3.20 or newer")
endif()
set(BACKMAP_CMAKE_DIR ${CMAKE_CURRENT_LIST_DIR})
option(BACKMAP_TORCH "Training and TorchScript models, through LibTorch" ON)
option(BACKMAP_NATIVE "Compile BACKMAP for the processor of this machine" ON)

# ----------------------------------------------------------------------
# our libraries: from the project that called this build, or built here
# ----------------------------------------------------------------------

macro(backmap_libraries)
  set(backmap_lammps_kokkos OFF)
  if(PKG_KOKKOS)
    set(backmap_lammps_kokkos ON)
  endif()
  if(TARGET kokkos AND NOT TARGET Kokkos::kokkos)
    add_library(Kokkos::kokkos ALIAS kokkos)
  endif()
  if(BACKMAP_PREBUILT)
    find_package(Threads REQUIRED)
    include(${BACKMAP_CMAKE_DIR}/BackmapKokkos.cmake)
    include(${BACKMAP_PREBUILT})
  else()
    include(${BACKMAP_CMAKE_DIR}/BackmapKokkos.cmake)
    add_library(backmap_lammps_headers INTERFACE)
    target_include_directories(backmap_lammps_headers SYSTEM INTERFACE ${LAMMPS_SOURCE_DIR} ${LAMMPS_SOURCE_DIR}/MOLECULE)
    target_compile_definitions(backmap_lammps_headers INTERFACE LAMMPS_${LAMMPS_SIZES})
    if(LAMMPS_EXCEPTIONS)
      target_compile_definitions(backmap_lammps_headers INTERFACE LAMMPS_EXCEPTIONS)
    endif()
    if(TARGET MPI::MPI_CXX)
      target_link_libraries(backmap_lammps_headers INTERFACE MPI::MPI_CXX)
    endif()
    include(${BACKMAP_CMAKE_DIR}/BackmapTargets.cmake)
  endif()
endmacro()

# ----------------------------------------------------------------------
# `lmp -h` lists packages from a header that LAMMPS has written by now: add ours, in order
# ----------------------------------------------------------------------

macro(backmap_list_package)
  set(file ${LAMMPS_STYLE_HEADERS_DIR}/lmpinstalledpkgs.h)
  file(READ ${file} text)
  if(NOT text MATCHES "\"BACKMAP\"")
    string(REGEX MATCHALL "\"[A-Za-z0-9_-]+\"," names "${text}")
    list(APPEND names "\"BACKMAP\",")
    list(SORT names)
    string(REPLACE ";" "\n  " names "${names}")
    string(REGEX REPLACE "{[^}]*(NULL|nullptr)" "{\n  ${names}\n  \\1" text "${text}")
    file(WRITE ${file} "${text}")
  endif()
endmacro()

# ----------------------------------------------------------------------
# an installed lmp finds our libraries wherever its folder is moved, and those of others where they are
# ----------------------------------------------------------------------

function(backmap_install_lammps)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(rpath "$ORIGIN/${up}" "$ORIGIN" ${CMAKE_INSTALL_RPATH})
  set(others ${MPI_CXX_LIBRARIES})
  get_target_property(imported Kokkos::kokkos IMPORTED)
  if(imported)
    get_target_property(kokkos Kokkos::kokkoscore LOCATION)
    list(APPEND others ${kokkos})
  endif()
  foreach(library IN LISTS others)
    get_filename_component(folder "${library}" DIRECTORY)
    if(IS_ABSOLUTE "${folder}" AND NOT folder IN_LIST CMAKE_CXX_IMPLICIT_LINK_DIRECTORIES)
      list(APPEND rpath ${folder})
    endif()
  endforeach()
  list(REMOVE_DUPLICATES rpath)
  if(BACKMAP_PREBUILT)
    # cmake/BackmapInstall.cmake takes these two from here, and nothing else of LAMMPS
    install(TARGETS lmp lammps COMPONENT backmap
      RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set_target_properties(lmp lammps PROPERTIES INSTALL_RPATH_USE_LINK_PATH OFF)
  else()
    get_property(ours GLOBAL PROPERTY backmap_layers)
    install(TARGETS ${ours} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
    set_target_properties(${ours} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
  endif()
  set_target_properties(lmp lammps ${ours} PROPERTIES INSTALL_RPATH "${rpath}")
endfunction()

# ----------------------------------------------------------------------

macro(backmap_add_to_lammps)
  backmap_libraries()
  get_filename_component(backmap_src ${BACKMAP_CMAKE_DIR}/../src/BACKMAP ABSOLUTE)

  # a header that comes or goes is seen by the next build
  file(GLOB backmap_headers CONFIGURE_DEPENDS ${backmap_src}/*.h)
  RegisterStyles(${backmap_src})
  if(NOT PKG_KOKKOS)
    foreach(kind PAIR FIX COMPUTE COMMAND)
      get_property(list GLOBAL PROPERTY ${kind})
      list(FILTER list EXCLUDE REGEX "^${backmap_src}/.*_kokkos[.]h$")
      set_property(GLOBAL PROPERTY ${kind} "${list}")
    endforeach()
  endif()
  GenerateStyleHeaders(${LAMMPS_STYLE_HEADERS_DIR})
  backmap_list_package()

  # only these LAMMPS files see our headers, so that no other file's compile command knows this checkout
  get_target_property(sources lammps SOURCES)
  set(listing)
  foreach(source IN LISTS sources)
    if(source MATCHES "[.]cpp$" AND EXISTS "${source}")
      file(STRINGS "${source}" lists LIMIT_COUNT 1
        REGEX "^#include \"(style_(pair|fix|compute|command)[.]h|lmpinstalledpkgs[.]h)\"")
      if(lists)
        list(APPEND listing ${source})
      endif()
    endif()
  endforeach()
  set_source_files_properties(${listing} PROPERTIES INCLUDE_DIRECTORIES "${backmap_src}")
  get_target_property(standard lammps CXX_STANDARD)
  if(NOT standard OR standard LESS 17)
    set_target_properties(lammps PROPERTIES CXX_STANDARD 17)
  endif()
  target_link_libraries(lammps PRIVATE BACKMAP::styles)
  backmap_install_lammps()

  if(BACKMAP_LAMMPS_OBJECTS)
    file(GLOB_RECURSE objects ${BACKMAP_LAMMPS_OBJECTS}/CMakeFiles/lammps.dir/*.o)
    foreach(source IN LISTS listing)
      get_filename_component(name ${source} NAME)
      list(FILTER objects EXCLUDE REGEX "/${name}[.]o$")
    endforeach()
    list(LENGTH listing compiled)
    list(LENGTH objects reused)
    math(EXPR total "${compiled} + ${reused}")
    list(FILTER sources INCLUDE REGEX "[.]cpp$")
    # LAMMPS names a file of its KOKKOS package twice in 2024; it is compiled once
    list(REMOVE_DUPLICATES sources)
    list(LENGTH sources wanted)
    if(NOT total EQUAL wanted)
      message(FATAL_ERROR "BACKMAP_LAMMPS_OBJECTS=${BACKMAP_LAMMPS_OBJECTS} does not fit: ${reused} objects and "
        "${compiled} files to compile for ${wanted} sources; it must be a build of the same LAMMPS and packages")
    endif()
    set_property(TARGET lammps PROPERTY SOURCES ${listing} ${objects})
    message(STATUS "BACKMAP: ${reused} objects of LAMMPS reused, ${compiled} files compiled")
  endif()
endmacro()

cmake_language(DEFER CALL backmap_add_to_lammps)

# The libraries, by the name of each source file in src/BACKMAP (the rooms of the design):
#
#   backmap         core: everything not named below; knows neither LAMMPS nor Torch
#   backmap_torch   backmap_torch_*: LibTorch, a private dependency
#   backmap_styles  the LAMMPS layer: styles, commands and what talks to LAMMPS for them
#
# Used by our own project and, through BackmapInLammps.cmake, inside a LAMMPS build. Expects the targets
# backmap_lammps_headers and Kokkos::kokkos, and the options BACKMAP_TORCH and BACKMAP_NATIVE.

get_filename_component(BACKMAP_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(BACKMAP_SRC ${BACKMAP_ROOT}/src/BACKMAP)

# LAMMPS layer: styles and commands by LAMMPS's prefixes, and these helpers of theirs
set(backmap_lammps_layer
  "^(pair|bond|angle|dihedral|improper|fix|compute|dump|train)_|^backmap_(molecules|io|fine_engine|report|validate|trajectory|train_log|universe)[_.]")

file(GLOB backmap_all CONFIGURE_DEPENDS ${BACKMAP_SRC}/*.cpp)
set(backmap_core_sources)
set(backmap_torch_sources)
set(backmap_style_sources)
foreach(path IN LISTS backmap_all)
  get_filename_component(name ${path} NAME)
  if(name STREQUAL "backmapplugin.cpp")
    continue()
  elseif(name MATCHES "^backmap_torch_")
    list(APPEND backmap_torch_sources ${path})
  elseif(name MATCHES "_kokkos[.]cpp$" AND NOT backmap_lammps_kokkos)
    continue()
  elseif(name MATCHES "${backmap_lammps_layer}")
    list(APPEND backmap_style_sources ${path})
  else()
    list(APPEND backmap_core_sources ${path})
  endif()
endforeach()
# until the first file of a kind is written
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/backmap_empty.cpp.new "namespace BACKMAP_NS {}\n")
configure_file(${CMAKE_CURRENT_BINARY_DIR}/backmap_empty.cpp.new ${CMAKE_CURRENT_BINARY_DIR}/backmap_empty.cpp COPYONLY)

# one set of compile options for all; no -ffast-math: it deletes the checks for infinities and NaN
add_library(backmap_options INTERFACE)
target_compile_features(backmap_options INTERFACE cxx_std_17)
target_compile_options(backmap_options INTERFACE -Wall -Wextra)
if(BACKMAP_NATIVE)
  target_compile_options(backmap_options INTERFACE -march=native)
endif()

# --- core -------------------------------------------------------------

add_library(backmap SHARED ${backmap_core_sources} ${CMAKE_CURRENT_BINARY_DIR}/backmap_empty.cpp)
target_include_directories(backmap PUBLIC $<BUILD_INTERFACE:${BACKMAP_SRC}>)
target_compile_options(backmap PRIVATE -fno-math-errno)
target_link_libraries(backmap PRIVATE backmap_options PUBLIC Kokkos::kokkos)

# --- LibTorch ---------------------------------------------------------

set(backmap_have_torch OFF)
if(BACKMAP_TORCH)
  find_package(Torch QUIET)
  if(NOT Torch_FOUND)
    message(WARNING "LibTorch not found: building without training and TorchScript models "
      "(Torch_DIR points to one, -D BACKMAP_TORCH=OFF silences this)")
  elseif(backmap_torch_sources)
    set(backmap_have_torch ON)
    add_library(backmap_torch SHARED ${backmap_torch_sources})
    target_link_libraries(backmap_torch PRIVATE backmap_options torch PUBLIC backmap)
    # the headers of LibTorch are not ours to keep free of warnings
    target_include_directories(backmap_torch SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
    separate_arguments(backmap_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
    target_compile_options(backmap_torch PRIVATE ${backmap_torch_flags} -O2)
  endif()
endif()

# --- LAMMPS layer -----------------------------------------------------

add_library(backmap_styles STATIC ${backmap_style_sources} ${CMAKE_CURRENT_BINARY_DIR}/backmap_empty.cpp)
set_target_properties(backmap_styles PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(backmap_styles PRIVATE backmap_options PUBLIC backmap backmap_lammps_headers)
if(backmap_have_torch)
  target_link_libraries(backmap_styles PUBLIC backmap_torch)
  target_compile_definitions(backmap_styles PUBLIC BACKMAP_TORCH)
endif()
if(backmap_lammps_kokkos)
  target_include_directories(backmap_styles SYSTEM PUBLIC ${LAMMPS_DIR}/src/KOKKOS)
  target_compile_definitions(backmap_styles PUBLIC LMP_KOKKOS)
endif()

message(STATUS "BACKMAP: LibTorch ${backmap_have_torch}, LAMMPS's KOKKOS package ${backmap_lammps_kokkos}")

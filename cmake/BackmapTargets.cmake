# The libraries: one for each layer of src/BACKMAP, named after its folder, linked in the direction in which the layers
# may include each other (the table in doc/src/Developer_backmap.rst).
#
#   backmap_statistics   statistics/                     plain C++, needs nothing else
#   backmap_flow         core/ molecule/ flow/           Kokkos
#   backmap_cgnet        cgnet/
#   backmap_training     training/
#   backmap_torch        libtorch/                       LibTorch, a private dependency
#   backmap_styles       lammps/ and the styles at the top of src/BACKMAP
#
# Outside they are BACKMAP::statistics, BACKMAP::flow, ...: names without the prefix, as an installed package gives them.
#
# Used by our own project and, through BackmapInLammps.cmake, inside a LAMMPS build. Expects the targets
# Kokkos::kokkos and, but for BACKMAP_LAMMPS=OFF, backmap_lammps_headers, and the options BACKMAP_TORCH and BACKMAP_NATIVE.

get_filename_component(BACKMAP_ROOT "${CMAKE_CURRENT_LIST_DIR}/.." ABSOLUTE)
set(BACKMAP_SRC ${BACKMAP_ROOT}/src/BACKMAP)

# one set of compile options for all. LAMMPS, Kokkos and LibTorch are SYSTEM includes, so that warnings are of our own
# files; in the preset `tests` they are errors (BACKMAP_WERROR). No -ffast-math: it deletes the checks for infinities and NaN
add_library(backmap_options INTERFACE)
target_compile_features(backmap_options INTERFACE cxx_std_17)
target_compile_options(backmap_options INTERFACE -Wall -Wextra -Wnon-virtual-dtor -Woverloaded-virtual
  -Wmissing-declarations -Wextra-semi -Wcast-qual -Wvla
  # not of members: LAMMPS's constructors have an argument lmp
  $<$<CXX_COMPILER_ID:GNU>:-Wshadow=local>)
if(NOT CMAKE_CXX_COMPILER MATCHES "nvcc_wrapper$")    # CUDA's own headers
  target_compile_options(backmap_options INTERFACE -Wundef -Wredundant-decls)
endif()
if(BACKMAP_WERROR)
  target_compile_options(backmap_options INTERFACE -Werror)
endif()
if(BACKMAP_NATIVE)
  target_compile_options(backmap_options INTERFACE -march=native)
endif()

# backmap_host_only(file...): where Kokkos is for a GPU of NVIDIA, the compiler is Kokkos' nvcc_wrapper. Files that do not
# know Kokkos are left to the compiler of the host behind it: it has vectors, and the CPU's samples stay the same bits
function(backmap_host_only)
  if(CMAKE_CXX_COMPILER MATCHES "nvcc_wrapper$")
    foreach(file IN LISTS ARGN)
      file(STRINGS ${file} kokkos LIMIT_COUNT 1 REGEX "<Kokkos_Core.hpp>")
      if(NOT kokkos AND NOT file MATCHES "_kokkos[.]cpp$")
        set_source_files_properties(${file} PROPERTIES COMPILE_OPTIONS --host-only)
      endif()
    endforeach()
  endif()
endfunction()

# backmap_outside(NAME): its name for others
function(backmap_outside name)
  string(REGEX REPLACE "^backmap_" "" short ${name})
  set_target_properties(${name} PROPERTIES EXPORT_NAME ${short})
  add_library(BACKMAP::${short} ALIAS ${name})
endfunction()

# backmap_layer(NAME folder...): the shared library of these folders
function(backmap_layer name)
  set(sources)
  foreach(folder IN LISTS ARGN)
    file(GLOB found CONFIGURE_DEPENDS ${BACKMAP_SRC}/${folder}/*.cpp)
    list(APPEND sources ${found})
  endforeach()
  backmap_host_only(${sources})
  add_library(${name} SHARED ${sources})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${BACKMAP_SRC}>)
  backmap_outside(${name})
  target_compile_features(${name} PUBLIC cxx_std_17)
  target_link_libraries(${name} PRIVATE backmap_options)
  set_property(GLOBAL APPEND PROPERTY backmap_layers ${name})
endfunction()

# --- plain C++ --------------------------------------------------------

backmap_layer(backmap_statistics statistics)
backmap_layer(backmap_flow core molecule flow)
target_link_libraries(backmap_flow PUBLIC backmap_statistics Kokkos::kokkos)
backmap_layer(backmap_cgnet cgnet)
target_link_libraries(backmap_cgnet PUBLIC backmap_flow)
backmap_layer(backmap_training training)
target_link_libraries(backmap_training PUBLIC backmap_cgnet)
foreach(layer backmap_statistics backmap_flow backmap_cgnet backmap_training)
  target_compile_options(${layer} PRIVATE -fno-math-errno)
endforeach()

if(DEFINED BACKMAP_LAMMPS AND NOT BACKMAP_LAMMPS)
  set(backmap_have_torch OFF)
  return()
endif()

# --- LibTorch ---------------------------------------------------------

set(backmap_have_torch OFF)
if(BACKMAP_TORCH)
  find_package(Torch QUIET)
  if(NOT Torch_FOUND)
    message(WARNING "LibTorch not found: building without training and TorchScript models "
      "(Torch_DIR points to one, -D BACKMAP_TORCH=OFF silences this)")
  else()
    set(backmap_have_torch ON)
    backmap_layer(backmap_torch libtorch)
    target_link_libraries(backmap_torch PRIVATE torch ${CMAKE_DL_LIBS} PUBLIC backmap_training)
    # the headers of LibTorch are not ours to keep free of warnings
    target_include_directories(backmap_torch SYSTEM PRIVATE ${TORCH_INCLUDE_DIRS})
    separate_arguments(backmap_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
    target_compile_options(backmap_torch PRIVATE ${backmap_torch_flags} -fno-math-errno)
  endif()
endif()

# --- LAMMPS -----------------------------------------------------------

file(GLOB backmap_style_sources CONFIGURE_DEPENDS ${BACKMAP_SRC}/*.cpp ${BACKMAP_SRC}/lammps/*.cpp)
list(FILTER backmap_style_sources EXCLUDE REGEX "/backmapplugin[.]cpp$")
if(NOT backmap_lammps_kokkos)
  list(FILTER backmap_style_sources EXCLUDE REGEX "_kokkos[.]cpp$")
endif()
backmap_host_only(${backmap_style_sources})
add_library(backmap_styles STATIC ${backmap_style_sources})
backmap_outside(backmap_styles)
set_target_properties(backmap_styles PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_link_libraries(backmap_styles PRIVATE backmap_options PUBLIC backmap_training backmap_lammps_headers)
if(backmap_have_torch)
  target_link_libraries(backmap_styles PUBLIC backmap_torch)
  target_compile_definitions(backmap_styles PUBLIC BACKMAP_TORCH)
endif()
if(backmap_lammps_kokkos)
  target_include_directories(backmap_styles SYSTEM PUBLIC ${LAMMPS_DIR}/src/KOKKOS)
  target_compile_definitions(backmap_styles PUBLIC LMP_KOKKOS)
endif()

message(STATUS "BACKMAP: LibTorch ${backmap_have_torch}, LAMMPS's KOKKOS package ${backmap_lammps_kokkos}")

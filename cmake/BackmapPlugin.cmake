# backmapplugin.so for `plugin load` and LAMMPS_PLUGIN_PATH. It registers every style header of src/BACKMAP, found
# by the same rule as LAMMPS's own CMake finds them, so plugin and built-in cannot differ.

file(GLOB headers CONFIGURE_DEPENDS ${BACKMAP_SRC}/*.h)
set(backmap_style_headers)
set(text "// written by cmake/BackmapPlugin.cmake\n")
foreach(path IN LISTS headers)
  get_filename_component(name ${path} NAME)
  if(name MATCHES "_kokkos[.]h$" AND NOT backmap_lammps_kokkos)
    continue()
  endif()
  file(STRINGS ${path} is_style LIMIT_COUNT 1 REGEX "^#ifdef [A-Z]+_CLASS")
  if(is_style)
    list(APPEND backmap_style_headers ${path})
    string(APPEND text "#include \"${name}\"\n")
  endif()
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/generated/backmap_style_headers.h CONTENT "${text}" @ONLY)

if(NOT backmap_lammps_kokkos)    # the headers of the styles *_kokkos include Kokkos
  backmap_host_only(${BACKMAP_SRC}/backmapplugin.cpp)
endif()
add_library(backmapplugin MODULE ${BACKMAP_SRC}/backmapplugin.cpp)
target_include_directories(backmapplugin PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated ${LAMMPS_DIR}/src/PLUGIN)
target_link_libraries(backmapplugin PRIVATE backmap_options backmap_styles)
# LAMMPS unloads plugins when any instance is deleted, the one inside fix backmap included: the code must stay
target_link_options(backmapplugin PRIVATE -Wl,-z,nodelete)
set_target_properties(backmapplugin PROPERTIES PREFIX "" SUFFIX ".so" BUILD_RPATH_USE_ORIGIN ON)

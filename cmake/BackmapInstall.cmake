# What `cmake --install BUILD --prefix P` puts under P (folders of GNUInstallDirs), so that P can be moved:
#
#   bin/lmp, lib/liblammps.so              the LAMMPS that has the styles (not with BACKMAP_BUILTIN=OFF)
#   lib/lammps/plugins/backmapplugin.so    for LAMMPS_PLUGIN_PATH
#   share/backmap/potentials, examples     the models, for LAMMPS_POTENTIALS
#   lib/libbackmap_*.so, include/BACKMAP, lib/cmake/BACKMAP   find_package(BACKMAP): BACKMAP::flow, BACKMAP::statistics
#   lib/python3.X/site-packages            the Python module (BACKMAP_PYTHON)
#   bin/backmap_plot, bin/backmap_workflow, share/backmap/python   plots, with NumPy and Matplotlib; the whole way of a molecule
#   share/doc/backmap                      the manual: sources, and HTML after `cmake --build BUILD --target manual`
#
# A Kokkos that scripts/setup.sh or this build compiled comes along; another one, LibTorch and MPI stay where they are,
# and their folders are in the run paths.

include(CMakePackageConfigHelpers)

set(backmap_data ${CMAKE_INSTALL_DATADIR}/backmap)
set(backmap_plugins ${CMAKE_INSTALL_LIBDIR}/lammps/plugins)
set(backmap_package ${CMAKE_INSTALL_LIBDIR}/cmake/BACKMAP)
set(backmap_include ${CMAKE_INSTALL_INCLUDEDIR}/BACKMAP)

# backmap_rpath(FOLDER target...): these targets, installed into FOLDER, find our libraries from there
function(backmap_rpath folder)
  file(RELATIVE_PATH up ${CMAKE_INSTALL_PREFIX}/${folder} ${CMAKE_INSTALL_FULL_LIBDIR})
  set_target_properties(${ARGN} PROPERTIES INSTALL_RPATH "$ORIGIN/${up}" INSTALL_RPATH_USE_LINK_PATH ON)
endfunction()

# --- libraries and headers --------------------------------------------

# what programs use; the headers need the standard library only
set(backmap_public statistics flow)
set(headers_statistics statistics/diagnosis.h statistics/ensemble.h statistics/report.h statistics/sample_table.h
  statistics/series.h statistics/states.h statistics/summary.h statistics/weights.h)
set(headers_flow flow/flow.h flow/flow_spec.h core/model_file.h core/random_stream.h molecule/feature_range.h
  molecule/features.h molecule/molecule_spec.h)

foreach(name IN LISTS backmap_public)
  target_include_directories(backmap_${name} PUBLIC $<INSTALL_INTERFACE:${backmap_include}>)
  # one export a component, so that statistics can be had without Kokkos
  install(TARGETS backmap_${name} EXPORT BACKMAP-${name} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(EXPORT BACKMAP-${name} NAMESPACE BACKMAP:: DESTINATION ${backmap_package})
  foreach(header IN LISTS headers_${name})
    get_filename_component(folder ${header} DIRECTORY)
    install(FILES ${BACKMAP_SRC}/${header} DESTINATION ${backmap_include}/${folder})
  endforeach()
endforeach()

# arguments of find_package(Kokkos): the one that is linked here, unless this build made it, so that it is installed with us
set(backmap_kokkos "HINTS \"\${PACKAGE_PREFIX_DIR}\"")
if(Kokkos_DIR)
  set(backmap_kokkos "${Kokkos_VERSION} EXACT ${backmap_kokkos} \"${Kokkos_DIR}\"")
endif()
configure_package_config_file(${BACKMAP_ROOT}/cmake/BACKMAPConfig.cmake.in BACKMAPConfig.cmake
  INSTALL_DESTINATION ${backmap_package})
write_basic_package_version_file(BACKMAPConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/BACKMAPConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/BACKMAPConfigVersion.cmake
  DESTINATION ${backmap_package})

# the other layers are there for lmp and the plugin
get_property(layers GLOBAL PROPERTY backmap_layers)
backmap_rpath(${CMAKE_INSTALL_LIBDIR} ${layers})
set_target_properties(${layers} PROPERTIES
  VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})

# the Kokkos of scripts/setup.sh lies in a cache, which people empty
if(Kokkos_ROOT AND EXISTS "${Kokkos_ROOT}/complete" AND CMAKE_INSTALL_LIBDIR STREQUAL "lib")
  install(DIRECTORY ${Kokkos_ROOT}/ DESTINATION . USE_SOURCE_PERMISSIONS
    PATTERN complete EXCLUDE PATTERN bin EXCLUDE)
endif()

# --- LAMMPS -----------------------------------------------------------

if(BACKMAP_LAMMPS)
  list(TRANSFORM backmap_public PREPEND backmap_ OUTPUT_VARIABLE installed)
  list(REMOVE_ITEM layers ${installed})
  install(TARGETS ${layers} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} NAMELINK_SKIP)
  install(TARGETS backmapplugin LIBRARY DESTINATION ${backmap_plugins})
  backmap_rpath(${backmap_plugins} backmapplugin)
  if(BACKMAP_BUILTIN)
    install(CODE "execute_process(COMMAND \"${CMAKE_COMMAND}\" --install \"${CMAKE_CURRENT_BINARY_DIR}/lammps\"
      --prefix \"\${CMAKE_INSTALL_PREFIX}\" --component backmap COMMAND_ERROR_IS_FATAL ANY)")
  endif()
endif()

# --- Python, data, manual ---------------------------------------------

if(TARGET backmap_python)
  set(BACKMAP_PYTHON_DIR ${CMAKE_INSTALL_LIBDIR}/python${Python_VERSION_MAJOR}.${Python_VERSION_MINOR}/site-packages
    CACHE STRING "Folder of the Python module below the prefix")
  install(TARGETS backmap_python LIBRARY DESTINATION ${BACKMAP_PYTHON_DIR})
  backmap_rpath(${BACKMAP_PYTHON_DIR} backmap_python)
endif()

install(DIRECTORY ${BACKMAP_ROOT}/potentials ${BACKMAP_ROOT}/examples DESTINATION ${backmap_data} USE_SOURCE_PERMISSIONS)

# the scripts find their modules from where it is, wherever the folder of data is
file(RELATIVE_PATH modules ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_DATADIR}/backmap/python)
foreach(script IN ITEMS backmap_plot backmap_workflow)
  file(READ ${BACKMAP_ROOT}/scripts/${script} text)
  string(REPLACE "'../share/backmap/python'" "'${modules}'" text "${text}")
  file(CONFIGURE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${script} CONTENT "${text}" @ONLY)
  install(PROGRAMS ${CMAKE_CURRENT_BINARY_DIR}/${script} DESTINATION ${CMAKE_INSTALL_BINDIR})
endforeach()
install(DIRECTORY ${BACKMAP_ROOT}/python/backmap_plots ${BACKMAP_ROOT}/python/backmap_workflow DESTINATION ${backmap_data}/python
  FILES_MATCHING PATTERN "*.py" PATTERN "in.*" PATTERN __pycache__ EXCLUDE)
install(FILES ${BACKMAP_ROOT}/README.md ${BACKMAP_ROOT}/CHANGELOG.md ${BACKMAP_ROOT}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY ${BACKMAP_ROOT}/doc/src/ DESTINATION ${CMAKE_INSTALL_DOCDIR}/src)

find_program(SPHINX_BUILD sphinx-build)
if(SPHINX_BUILD)
  add_custom_target(manual COMMAND ${SPHINX_BUILD} -q -b html ${BACKMAP_ROOT}/doc/src ${CMAKE_CURRENT_BINARY_DIR}/html)
endif()
install(DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/html DESTINATION ${CMAKE_INSTALL_DOCDIR} OPTIONAL)

# --- what is left to do -----------------------------------------------

if(BACKMAP_LAMMPS)
  install(CODE "message(\"Set for BACKMAP:\n\"
    \"  export LAMMPS_POTENTIALS=\${CMAKE_INSTALL_PREFIX}/${backmap_data}/potentials\n\"
    \"  export LAMMPS_PLUGIN_PATH=\${CMAKE_INSTALL_PREFIX}/${backmap_plugins}   # for a LAMMPS without the styles\")")
endif()

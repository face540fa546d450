# Python 3: Debian's own has Debian's modules, whatever stands first in PATH; -D Python_EXECUTABLE=... says another.
# With BACKMAP_PYTHON the module `backmap` for it: target backmap_python.

find_program(Python_EXECUTABLE NAMES python3 PATHS /usr/bin NO_DEFAULT_PATH)
find_program(Python_EXECUTABLE NAMES python3)

if(BACKMAP_PYTHON)
  find_package(Python 3.7 REQUIRED COMPONENTS Interpreter Development.Module)
  find_package(pybind11 2.6 CONFIG REQUIRED)
  pybind11_add_module(backmap_python NO_EXTRAS ${BACKMAP_ROOT}/python/backmap.cpp)
  target_link_libraries(backmap_python PRIVATE backmap_options backmap_flow backmap_statistics)
  target_compile_definitions(backmap_python PRIVATE BACKMAP_VERSION="${PROJECT_VERSION}")
  set_target_properties(backmap_python PROPERTIES OUTPUT_NAME backmap
    LIBRARY_OUTPUT_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}/python)
endif()

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// nlohmann/json.hpp where headers of LAMMPS stand before it: since 2025 they leave the macros of a copy of their own behind.

#ifndef JSON_BESIDE_LAMMPS_H
#define JSON_BESIDE_LAMMPS_H

#include "atom.h"

#undef NLOHMANN_JSON_VERSION_MAJOR
#undef NLOHMANN_JSON_VERSION_MINOR
#undef NLOHMANN_JSON_VERSION_PATCH
#undef NLOHMANN_JSON_ABI_TAG_DIAGNOSTICS
#undef NLOHMANN_JSON_ABI_TAG_DIAGNOSTIC_POSITIONS
#undef NLOHMANN_JSON_ABI_TAG_LEGACY_DISCARDED_VALUE_COMPARISON
#undef NLOHMANN_JSON_ABI_TAGS_CONCAT_EX
#undef NLOHMANN_JSON_ABI_TAGS_CONCAT
#undef NLOHMANN_JSON_ABI_TAGS
#undef NLOHMANN_JSON_NAMESPACE_VERSION_CONCAT_EX
#undef NLOHMANN_JSON_NAMESPACE_VERSION_CONCAT
#undef NLOHMANN_JSON_NAMESPACE_VERSION
#undef NLOHMANN_JSON_NAMESPACE_CONCAT_EX
#undef NLOHMANN_JSON_NAMESPACE_CONCAT
#undef NLOHMANN_JSON_NAMESPACE
#undef NLOHMANN_JSON_NAMESPACE_BEGIN
#undef NLOHMANN_JSON_NAMESPACE_END

#include <nlohmann/json.hpp>

#endif

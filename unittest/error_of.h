/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_UNITTEST_ERROR_OF_H
#define BACKMAP_UNITTEST_ERROR_OF_H

#include <functional>
#include <stdexcept>
#include <string>

namespace BACKMAP_NS {
namespace test {

/// What an action says that throws std::runtime_error; `none` if it does not.
inline std::string error_of(const std::function<void()> &action, const std::string &none)
{
  try {
    action();
  } catch (const std::runtime_error &e) {
    return e.what();
  }
  return none;
}

}    // namespace test
}    // namespace BACKMAP_NS

#endif

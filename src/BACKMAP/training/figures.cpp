/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/figures.h"

#include "core/json.h"

#include <cmath>

using namespace BACKMAP_NS;

struct TrainingFigures::Impl {
  nlohmann::json figures = nlohmann::json::object();
};

TrainingFigures::TrainingFigures() : impl(new Impl) {}
TrainingFigures::~TrainingFigures() = default;

TrainingFigures &TrainingFigures::add(const std::string &name, int64_t value)
{
  impl->figures[name] = value;
  return *this;
}

TrainingFigures &TrainingFigures::add(const std::string &name, double value)
{
  if (std::isfinite(value)) impl->figures[name] = value;
  return *this;
}

TrainingFigures &TrainingFigures::add(const std::string &name,
                                      const std::vector<std::string> &lines)
{
  impl->figures[name] = lines;
  return *this;
}

std::string TrainingFigures::json() const
{
  return impl->figures.dump();
}

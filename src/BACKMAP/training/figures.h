/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_FIGURES_H
#define BACKMAP_TRAINING_FIGURES_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// Figures of a training for people to read, as the JSON text that goes into a model file.
class TrainingFigures {
 public:
  TrainingFigures();
  ~TrainingFigures();

  TrainingFigures &add(const std::string &name, int64_t value);
  TrainingFigures &add(const std::string &name, int value) { return add(name, (int64_t) value); }
  /// A number that is not finite is left out.
  TrainingFigures &add(const std::string &name, double value);
  TrainingFigures &add(const std::string &name, const std::vector<std::string> &lines);
  std::string json() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl;
};

}    // namespace BACKMAP_NS

#endif

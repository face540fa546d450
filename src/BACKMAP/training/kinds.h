/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_KINDS_H
#define BACKMAP_TRAINING_KINDS_H

#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Where a kind stands: null where no model has it. */
template <class Model> struct FoundKind {
  const Model *model = nullptr, *kind = nullptr;
};

/** Each of the kinds `wanted` (name, signature) in the first model (kinds, each with a signature) that has it; a line
    with name and signature in `missing` for those that none has. */
template <class Kind, class Model>
std::vector<FoundKind<Model>> find_kinds(const std::vector<Kind> &wanted,
                                         const std::vector<Model> &models, std::string &missing)
{
  std::vector<FoundKind<Model>> out;
  for (const auto &kind : wanted) {
    FoundKind<Model> found;
    for (const auto &m : models)
      for (const auto &k : m.kinds)
        if (!found.kind && k.signature == kind.signature) found = {&m, &k};
    if (!found.kind) missing += "\n  " + kind.name + ": " + kind.signature;
    out.push_back(found);
  }
  return out;
}

}    // namespace BACKMAP_NS

#endif

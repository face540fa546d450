/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_ELEMENTS_H
#define BACKMAP_MOLECULE_ELEMENTS_H

#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Symbol of the element with this mass in g/mol; "M" and the mass with one digit where no common
    element has it (united atoms, moved hydrogen masses). */
std::string element_of_mass(double mass);

/** Not a hydrogen, whatever its mass has been set to (heavy hydrogens have up to 4 g/mol). */
inline bool heavy_atom(double mass)
{
  return mass > 4.5;
}

/** Sum formula, carbon and hydrogen first: C4H8O. */
std::string formula(const std::vector<std::string> &elements);

}    // namespace BACKMAP_NS

#endif

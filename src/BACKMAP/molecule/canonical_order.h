/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_CANONICAL_ORDER_H
#define BACKMAP_MOLECULE_CANONICAL_ORDER_H

// An order of the points of a small molecular graph that does not depend on how they were numbered.

#include <array>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Links of a graph: for every point the pairs (other point, kind of the link), kinds from 1. */
using Links = std::vector<std::vector<std::array<int, 2>>>;

/** Classes of points that their surroundings tell apart (colour refinement): numbers from 0,
    ordered first as the numbers that came in and then by what the points are linked to. Points of
    one class need not be equivalent, equivalent points are of one class. */
std::vector<int> refined_classes(std::vector<int> classes, const Links &links);

struct LocalGraph {
  std::vector<std::string> labels;    // equal for points of one sort; points are sorted by them
  Links links;                        // both ways; kind 1 is a bond
  std::vector<int> degree;            // bonds of the point in the whole molecule, here or not
  std::vector<double> x;              // [n][3]
  std::vector<int> tie, number;       // decide between equivalent points: first tie, then number
};

struct CanonicalOrder {
  std::vector<int> order;    // the points, in canonical order
  std::vector<int> hands;    // handedness of each of them: +1, -1, or 0 for points without one
};

/** The order in which the lists of labels, links and handedness are the same for any two graphs
    that a proper motion (no mirror image) brings together. A point with four bonds, three of them
    in the graph, has a handedness: the sign of the volume spanned by its first three neighbors in
    this order; none where they lie nearly in a plane. Equivalent end points, such as the hydrogen
    atoms of CH2 and CH3, stand so that it is positive: the pair is told apart by the other two
    neighbors, three go round in one sense, whatever their numbers.

    Where several orders give the same lists the graph has a true symmetry (a chain read backwards,
    a ring turned over, the atoms of a methyl group moved on): none of them is better for a function
    of the graph, so the ties and then the numbers may decide.

    Throws std::runtime_error if the graph has too many symmetries to be looked through. */
CanonicalOrder canonical_order(const LocalGraph &graph);

/** Bonds, links over points that are not there, and handedness as text, the same for any two such graphs: the part of
    a signature that says how the points hang together. over: what the absent points are. The bonds are also
    added to `bonds`, as numbers in this order from 0. */
std::string links_text(const LocalGraph &graph, const CanonicalOrder &canonical,
                       const std::string &over, std::vector<std::array<int, 2>> &bonds);

/** All orders that give the same lists as this one, itself included: its images under the true
    symmetries of the graph. A function of the graph that is no function of the order is the mean
    over them. Throws std::runtime_error if there are more than `largest`. */
std::vector<std::vector<int>> equivalent_orders(const LocalGraph &graph,
                                                const CanonicalOrder &canonical, int largest = 24);

}    // namespace BACKMAP_NS

#endif

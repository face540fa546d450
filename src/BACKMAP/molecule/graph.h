/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_MOLECULE_GRAPH_H
#define BACKMAP_MOLECULE_GRAPH_H

// Ways over bonds. A graph is the list of the neighbors of each point.

#include <array>
#include <vector>

namespace BACKMAP_NS {

using Graph = std::vector<std::vector<int>>;

/** Of n points with these bonds, each once; neighbors in the order of the bonds. */
Graph graph_of(int n, const std::vector<std::array<int, 2>> &bonds);

/** Number of steps from one point to all others by way of points that are `inside`; -1 where no way
    leads. */
std::vector<int> steps_from(const Graph &graph, const std::vector<char> &inside, int from);

/** Number of the connected part of each point that is `inside`, ascending by their first points; -1
    for the others. */
std::vector<int> connected_parts(const Graph &graph, const std::vector<char> &inside);

/** Rings up to this size are stiff, and belong together wherever a molecule is cut. */
constexpr int SMALL_RING = 8;

/** Size of the smallest ring through a bond, 0 if there is none of up to `largest` points. */
int smallest_ring(const Graph &graph, int a, int b, int largest);

/** A shortest path between two points by way of points that are `inside`, both included; of equal
    ones that with the points of lower rank. Empty if there is none. */
std::vector<int> shortest_path(const Graph &graph, const std::vector<char> &inside,
                               const std::vector<int> &rank, int from, int to);

/** A path between the two points of `inside` that are farthest apart, by way of points of it only
    (the longest shortest path). Equal ones are decided by `rank`; the end of lower rank comes
    first. */
std::vector<int> longest_path(const Graph &graph, const std::vector<char> &inside,
                              const std::vector<int> &rank);

}    // namespace BACKMAP_NS

#endif

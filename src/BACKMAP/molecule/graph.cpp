/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/graph.h"

#include <queue>
#include <tuple>

namespace BACKMAP_NS {

Graph graph_of(int n, const std::vector<std::array<int, 2>> &bonds)
{
  Graph graph(n);
  for (const auto &b : bonds) {
    graph[b[0]].push_back(b[1]);
    graph[b[1]].push_back(b[0]);
  }
  return graph;
}

std::vector<int> steps_from(const Graph &graph, const std::vector<char> &inside, int from)
{
  std::vector<int> d(graph.size(), -1);
  std::queue<int> todo;
  todo.push(from);
  d[from] = 0;
  while (!todo.empty()) {
    const int a = todo.front();
    todo.pop();
    for (const int b : graph[a])
      if (inside[b] && d[b] < 0) {
        d[b] = d[a] + 1;
        todo.push(b);
      }
  }
  return d;
}

std::vector<int> connected_parts(const Graph &graph, const std::vector<char> &inside)
{
  std::vector<int> out(graph.size(), -1);
  int count = 0;
  for (int i = 0; i < (int) graph.size(); i++) {
    if (!inside[i] || out[i] >= 0) continue;
    const auto d = steps_from(graph, inside, i);
    for (int j = 0; j < (int) graph.size(); j++)
      if (d[j] >= 0) out[j] = count;
    count++;
  }
  return out;
}

int smallest_ring(const Graph &graph, int a, int b, int largest)
{
  std::vector<int> d(graph.size(), -1);
  std::queue<int> todo;
  todo.push(a);
  d[a] = 0;
  while (!todo.empty()) {
    const int i = todo.front();
    todo.pop();
    if (d[i] + 2 > largest) continue;
    for (const int j : graph[i]) {
      if (d[j] >= 0 || (i == a && j == b)) continue;
      d[j] = d[i] + 1;
      if (j == b) return d[j] + 1;
      todo.push(j);
    }
  }
  return 0;
}

std::vector<int> shortest_path(const Graph &graph, const std::vector<char> &inside,
                               const std::vector<int> &rank, int from, int to)
{
  const auto d = steps_from(graph, inside, to);
  if (d[from] < 0) return {};
  std::vector<int> path = {from};
  while (path.back() != to) {
    int next = -1;
    for (const int j : graph[path.back()])
      if (inside[j] && d[j] == d[path.back()] - 1 && (next < 0 || rank[j] < rank[next])) next = j;
    path.push_back(next);
  }
  return path;
}

std::vector<int> longest_path(const Graph &graph, const std::vector<char> &inside,
                              const std::vector<int> &rank)
{
  int from = -1, to = -1, length = -1;
  for (int i = 0; i < (int) graph.size(); i++) {
    if (!inside[i]) continue;
    const auto d = steps_from(graph, inside, i);
    for (int j = 0; j < (int) graph.size(); j++)
      if (d[j] > length ||
          (d[j] == length && d[j] >= 0 &&
           std::tie(rank[i], rank[j]) < std::tie(rank[from], rank[to]))) {
        std::tie(from, to) = {i, j};
        length = d[j];
      }
  }
  if (from < 0) return {};
  return shortest_path(graph, inside, rank, from, to);
}

}    // namespace BACKMAP_NS

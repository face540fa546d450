/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/canonical_order.h"

#include "molecule/geometry.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace BACKMAP_NS {

std::vector<int> refined_classes(std::vector<int> classes, const Links &links)
{
  using Key = std::pair<int, std::vector<std::array<int, 2>>>;
  const int n = (int) classes.size();
  std::size_t before = 0;
  for (;;) {
    std::map<Key, int> found;
    std::vector<Key> keys(n);
    for (int i = 0; i < n; i++) {
      keys[i].first = classes[i];
      for (const auto &l : links[i]) keys[i].second.push_back({l[1], classes[l[0]]});
      std::sort(keys[i].second.begin(), keys[i].second.end());
      found[keys[i]] = 0;
    }
    int next = 0;
    for (auto &f : found) f.second = next++;
    for (int i = 0; i < n; i++) classes[i] = found[keys[i]];
    if (found.size() == before) return classes;
    before = found.size();
  }
}

namespace {

constexpr int MAX_LEAVES = 20000;
constexpr double FLAT = 0.1;    // of the volume of three unit vectors; a tetrahedron has 0.77

/* ----------------------------------------------------------------------
   sign of the volume that the first three neighbors of a centre span, 0 if it has no handedness
------------------------------------------------------------------------- */

int handedness(const LocalGraph &g, int centre, const std::vector<int> &arms)
{
  if (g.degree[centre] != 4 || arms.size() < 3) return 0;
  const auto at = [&](int i) { return Vec3<double>{g.x[3 * i], g.x[3 * i + 1], g.x[3 * i + 2]}; };
  Vec3<double> v[3];
  for (int k = 0; k < 3; k++) {
    v[k] = at(arms[k]) - at(centre);
    v[k] = scale(1.0 / norm(v[k]), v[k]);
  }
  const double volume = dot(v[0], cross(v[1], v[2]));
  return volume > FLAT ? 1 : (volume < -FLAT ? -1 : 0);
}

class Search {
 public:
  explicit Search(const LocalGraph &graph) : g(graph), n((int) graph.labels.size())
  {
    matrix.assign(n * n, 0);
    for (int i = 0; i < n; i++)
      for (const auto &l : g.links[i]) matrix[i * n + l[0]] = l[1];
    collapse_twins();
  }

  CanonicalOrder run()
  {
    // the labels of single points and of twins with their number give the first classes
    std::map<std::pair<std::string, int>, int> labels;
    const int m = (int) twins.size();
    for (const auto &t : twins) labels[{g.labels[t[0]], (int) t.size()}] = 0;
    int next = 0;
    for (auto &l : labels) l.second = next++;
    std::vector<int> classes(m);
    for (int k = 0; k < m; k++) classes[k] = labels[{g.labels[twins[k][0]], (int) twins[k].size()}];
    reduced.assign(m, {});
    for (int a = 0; a < m; a++)
      for (int b = 0; b < m; b++)
        if (a != b && link(twins[a][0], twins[b][0]))
          reduced[a].push_back({b, link(twins[a][0], twins[b][0])});
    descend(classes);
    return {best.order, best.hands};
  }

 private:
  struct Leaf {
    std::vector<int> order, hands, links, ties, numbers;
    bool operator<(const Leaf &o) const
    {
      return std::tie(links, hands, ties, numbers) < std::tie(o.links, o.hands, o.ties, o.numbers);
    }
  };

  const LocalGraph &g;
  const int n;
  std::vector<int> matrix;                // [n][n] kinds of the links
  std::vector<std::vector<int>> twins;    // end points with the same links together, others alone
  Links reduced;                          // between them
  Leaf best;
  int leaves = 0;

  int link(int i, int j) const { return matrix[i * n + j]; }

  // the only bonded neighbor, -1 if there is another number of them
  int only_neighbor(int i) const
  {
    int found = -1;
    for (const auto &l : g.links[i]) {
      if (l[1] != 1) continue;
      if (found >= 0) return -1;
      found = l[0];
    }
    return found;
  }

  bool twin(int i, int j) const
  {
    if (g.labels[i] != g.labels[j] || only_neighbor(i) < 0 || only_neighbor(i) != only_neighbor(j))
      return false;
    for (int k = 0; k < n; k++)
      if (k != i && k != j && link(i, k) != link(j, k)) return false;
    return true;
  }

  // permuting twins never changes the graph: one order of them is enough, found by handedness
  void collapse_twins()
  {
    std::vector<char> done(n, 0);
    for (int i = 0; i < n; i++) {
      if (done[i]) continue;
      twins.push_back({i});
      for (int j = i + 1; j < n; j++)
        if (!done[j] && twin(i, j)) {
          twins.back().push_back(j);
          done[j] = 1;
        }
    }
    for (auto &t : twins)
      std::sort(t.begin(), t.end(), [&](int i, int j) {
        return std::tie(g.tie[i], g.number[i]) < std::tie(g.tie[j], g.number[j]);
      });
  }

  // every way to tell the points of the first undecided class apart
  void descend(const std::vector<int> &start)
  {
    const auto classes = refined_classes(start, reduced);
    const int m = (int) classes.size();
    std::vector<int> count(m, 0);
    for (const int c : classes) count[c]++;
    const int open = (int) (std::find_if(count.begin(), count.end(), [](int k) { return k > 1; }) -
                            count.begin());
    if (open == m) {
      if (++leaves > MAX_LEAVES)
        throw std::runtime_error("canonical order: more than " + std::to_string(MAX_LEAVES) +
                                 " equivalent orders of " + std::to_string(n) +
                                 " points, expected fewer: smaller fragments or more beads");
      Leaf leaf = expand(classes);
      if (best.order.empty() || leaf < best) best = std::move(leaf);
      return;
    }
    for (int k = 0; k < m; k++) {
      if (classes[k] != open) continue;
      auto split = classes;
      for (int &c : split) c = 2 * c + 1;
      split[k]--;
      descend(split);
    }
  }

  Leaf expand(const std::vector<int> &classes)
  {
    const int m = (int) classes.size();
    std::vector<int> at(m);
    for (int k = 0; k < m; k++) at[classes[k]] = k;
    // twins in the order that makes the handedness of their parent positive; the arms before them
    // are its single neighbors, then twins that come first
    std::map<int, std::vector<int>> placed;
    for (const int k : at)
      if (twins[k].size() == 1)
        for (const auto &l : g.links[twins[k][0]])
          if (l[1] == 1) placed[l[0]].push_back(twins[k][0]);
    std::vector<std::vector<int>> ordered(m);
    for (const int k : at) {
      ordered[k] = twins[k];
      if (twins[k].size() == 1) continue;
      const int parent = only_neighbor(twins[k][0]);
      auto &arms = placed[parent];
      arms.insert(arms.end(), twins[k].begin(), twins[k].end());
      if (handedness(g, parent, arms) < 0) {
        std::swap(*(arms.end() - 1), *(arms.end() - 2));
        std::swap(*(ordered[k].end() - 1), *(ordered[k].end() - 2));
      }
    }
    Leaf leaf;
    for (const int k : at)
      leaf.order.insert(leaf.order.end(), ordered[k].begin(), ordered[k].end());
    for (int a = 0; a < n; a++) {
      const int i = leaf.order[a];
      std::vector<int> arms;
      for (const int j : leaf.order)
        if (link(i, j) == 1) arms.push_back(j);
      leaf.hands.push_back(handedness(g, i, arms));
      for (int b = 0; b < a; b++) leaf.links.push_back(link(i, leaf.order[b]));
      leaf.ties.push_back(g.tie[i]);
      leaf.numbers.push_back(g.number[i]);
    }
    return leaf;
  }
};

}    // namespace

namespace {

/* ----------------------------------------------------------------------
   orders with the same lists, point by point: what differs is found at the first point that does
------------------------------------------------------------------------- */

class Equivalent {
 public:
  Equivalent(const LocalGraph &graph, const CanonicalOrder &canonical, int largest) :
      g(graph), c(canonical), most(largest), n((int) c.order.size()), taken(n, 0)
  {
    matrix.assign(n * n, 0);
    for (int i = 0; i < n; i++)
      for (const auto &l : g.links[i]) matrix[i * n + l[0]] = l[1];
  }

  std::vector<std::vector<int>> run()
  {
    extend();
    return std::move(found);
  }

 private:
  const LocalGraph &g;
  const CanonicalOrder &c;
  const int most, n;
  std::vector<int> matrix, order;
  std::vector<char> taken;
  std::vector<std::vector<int>> found;

  bool fits(int p) const
  {
    const int a = (int) order.size(), q = c.order[a];
    if (taken[p] || g.labels[p] != g.labels[q] || g.degree[p] != g.degree[q]) return false;
    for (int b = 0; b < a; b++)
      if (matrix[p * n + order[b]] != matrix[q * n + c.order[b]]) return false;
    return true;
  }

  bool same_hands() const
  {
    for (int a = 0; a < n; a++) {
      std::vector<int> arms;
      for (const int j : order)
        if (matrix[order[a] * n + j] == 1) arms.push_back(j);
      if (handedness(g, order[a], arms) != c.hands[a]) return false;
    }
    return true;
  }

  void extend()
  {
    if ((int) order.size() == n) {
      if (!same_hands()) return;
      if ((int) found.size() == most)
        throw std::runtime_error("canonical order: more than " + std::to_string(most) +
                                 " equivalent orders of " + std::to_string(n) +
                                 " points, expected fewer: another map");
      found.push_back(order);
      return;
    }
    for (int p = 0; p < n; p++) {
      if (!fits(p)) continue;
      taken[p] = 1;
      order.push_back(p);
      extend();
      order.pop_back();
      taken[p] = 0;
    }
  }
};

}    // namespace

CanonicalOrder canonical_order(const LocalGraph &graph)
{
  return Search(graph).run();
}

std::string links_text(const LocalGraph &g, const CanonicalOrder &c, const std::string &over,
                       std::vector<std::array<int, 2>> &bonds)
{
  const int n = (int) c.order.size();
  std::string bonded, absent, hands;
  for (int a = 0; a < n; a++) {
    const std::string number = std::to_string(a + 1);
    if (c.hands[a]) hands += " " + number + (c.hands[a] > 0 ? "+" : "-");
    for (int b = a + 1; b < n; b++)
      for (const auto &l : g.links[c.order[a]]) {
        if (l[0] != c.order[b]) continue;
        const std::string pair = number + "-" + std::to_string(b + 1);
        if (l[1] == 1) {
          bonded += " " + pair;
          bonds.push_back({a, b});
        } else
          absent += " " + pair + "(" + std::to_string(l[1]) + ")";
      }
  }
  return "; bonds" + bonded + (absent.empty() ? "" : "; over other " + over + absent) +
      (hands.empty() ? "" : "; hands" + hands);
}

std::vector<std::vector<int>> equivalent_orders(const LocalGraph &graph,
                                                const CanonicalOrder &canonical, int largest)
{
  return Equivalent(graph, canonical, largest).run();
}

}    // namespace BACKMAP_NS

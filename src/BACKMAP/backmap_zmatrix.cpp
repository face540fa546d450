/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "backmap_zmatrix.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace BACKMAP_NS {

static constexpr double PI = 3.14159265358979323846;

/* ---------------------------------------------------------------------- */

namespace {
  struct Builder {
    const std::vector<std::vector<int>> near;
    const std::vector<std::vector<int>> dist;
    std::vector<char> built, bead;
    std::vector<int> rotor;    // number of the rotor an atom belongs to, -1 = none
    std::vector<std::vector<int>> groups;

    Builder(const Topology &t) :
        near(t.neighbors()), dist(t.bond_distances()), built(t.natoms, 0), bead(t.natoms, 0),
        rotor(t.natoms, -1)
    {
    }

    bool end(int i) const { return near[i].size() <= 1; }

    // built atoms of a list, beads first, then inner atoms, then end atoms
    std::vector<int> preferred(const std::vector<int> &list, const std::vector<int> &without) const
    {
      std::vector<int> out;
      for (int i : list)
        if (built[i] && std::find(without.begin(), without.end(), i) == without.end())
          out.push_back(i);
      std::stable_sort(out.begin(), out.end(), [&](int i, int j) {
        const int a = bead[i] ? 0 : (end(i) ? 2 : 1), b = bead[j] ? 0 : (end(j) ? 2 : 1);
        return a != b ? a < b : i < j;
      });
      return out;
    }

    // built atoms by the number of bonds from i
    int nearest(int i, const std::vector<int> &without) const
    {
      int best = -1;
      for (size_t j = 0; j < built.size(); j++) {
        if (!built[j] || dist[i][j] < 0) continue;
        if (std::find(without.begin(), without.end(), (int) j) != without.end()) continue;
        if (best < 0 || dist[i][j] < dist[i][best]) best = j;
      }
      return best;
    }

    std::array<int, 4> row(int i) const
    {
      const auto own = preferred(near[i], {i});
      const int a = own[0];
      // a second built neighbor closes a ring or a gap between beads
      int b = own.size() > 1 ? own[1] : -1;
      if (b < 0) {
        const auto side = preferred(near[a], {i});
        b = side.empty() ? nearest(i, {i, a}) : side[0];
      }
      int c = -1;
      const auto sibling = preferred(near[a], {i, b});
      if (!sibling.empty())
        c = sibling[0];
      else {
        const auto next = preferred(near[b], {i, a, b});
        c = next.empty() ? nearest(i, {i, a, b}) : next[0];
      }
      if (b < 0 || c < 0)
        throw std::runtime_error("z-matrix: atom " + std::to_string(i + 1) +
                                 " has fewer than three atoms to be placed against; expected at "
                                 "least three beads in its part of the molecule");
      return {i, a, b, c};
    }
  };
}    // namespace

ZMatrix derive_zmatrix(const Topology &topology, const Mapping &mapping)
{
  Builder b(topology);
  if (!mapping.slicing())
    throw std::runtime_error("z-matrix: beads of several atoms are not supported by the flow, "
                             "expected one atom per bead");
  if (mapping.nbeads() < 3)
    throw std::runtime_error("z-matrix: the map has " + std::to_string(mapping.nbeads()) +
                             " beads, expected at least 3: an atom is placed by a bond, an angle "
                             "and a torsion");
  for (const auto &bead : mapping.beads) b.built[bead.atoms[0]] = b.bead[bead.atoms[0]] = 1;

  // rotors
  const auto &near = b.near;
  auto bond_type = [&](int i, int j) {
    for (size_t k = 0; k < topology.bonds.size(); k++) {
      const auto &p = topology.bonds[k];
      if ((p[0] == i && p[1] == j) || (p[0] == j && p[1] == i)) return topology.bond_types[k];
    }
    return 0;
  };
  for (int p = 0; p < topology.natoms; p++) {
    const int m = (int) near[p].size() - 1;
    if (m < 2 || m > FlowSpec::MAX_ROTOR) continue;
    std::vector<int> ends;
    for (int i : near[p])
      if (b.end(i) && !b.bead[i]) ends.push_back(i);
    // end atoms may also be m+1 (methane-like) or hold one of another kind: the odd one out is
    // the other neighbor
    for (int other : near[p]) {
      std::vector<int> group;
      for (int i : ends)
        if (i != other) group.push_back(i);
      if ((int) group.size() != m) continue;
      const int f = group[0];
      const bool equal = std::all_of(group.begin(), group.end(), [&](int i) {
        return topology.types[i] == topology.types[f] &&
            std::fabs(topology.charges[i] - topology.charges[f]) < 1.0e-6 &&
            bond_type(i, p) == bond_type(f, p);
      });
      const bool same_as_other = b.end(other) && !b.bead[other] &&
          topology.types[other] == topology.types[f];
      if (!equal || same_as_other) continue;
      for (int i : group) b.rotor[i] = b.groups.size();
      b.groups.push_back(group);
      break;
    }
  }

  // build: inner atoms before end atoms; among them those best held first, then by number
  ZMatrix out;
  for (;;) {
    int best = -1, best_rank = 0;
    for (int i = 0; i < topology.natoms; i++) {
      if (b.built[i]) continue;
      const auto own = b.preferred(near[i], {i});
      if (own.empty()) continue;
      const int siblings = b.preferred(near[own[0]], {i}).size();
      int rank = b.rotor[i] >= 0 ? 0 : (b.end(i) ? 1000 : 2000);
      rank += own.size() > 1 ? 100 : std::min(siblings, 2);
      if (best < 0 || rank > best_rank) {
        best = i;
        best_rank = rank;
      }
    }
    if (best < 0) break;
    if (b.rotor[best] < 0) {
      out.rows.push_back(b.row(best));
      b.built[best] = 1;
      continue;
    }
    FlowSpec::Rotor rotor;
    rotor.sign = 0;
    const auto &group = b.groups[b.rotor[best]];
    const auto first = b.row(group[0]);
    for (int i : group) {
      rotor.rows.push_back(out.rows.size());
      out.rows.push_back(i == group[0] ? first
                                       : std::array<int, 4>{i, first[1], first[2], group[0]});
      b.built[i] = 1;
    }
    out.rotors.push_back(rotor);
  }
  for (int i = 0; i < topology.natoms; i++)
    if (!b.built[i])
      throw std::runtime_error("z-matrix: no bond leads from a bead to atom " +
                               std::to_string(i + 1));
  return out;
}

/* ---------------------------------------------------------------------- */

void raw_internal(const std::vector<std::array<int, 4>> &rows, const double *x, double *y)
{
  const size_t n = rows.size();
  for (size_t k = 0; k < n; k++) {
    const double *i = x + 3 * rows[k][0], *a = x + 3 * rows[k][1], *b = x + 3 * rows[k][2],
                 *c = x + 3 * rows[k][3];
    y[k] = bead_distance(i, a);
    y[n + k] = bead_angle(i, a, b);
    y[2 * n + k] = wrap_angle(bead_dihedral(i, a, b, c));
  }
}

/* ----------------------------------------------------------------------
   the widest arc that holds at most the rare share of the values, by one-degree bins
------------------------------------------------------------------------- */

TorsionClasses classify_torsions(ZMatrix &zm, int nframes, const std::vector<double> &torsions,
                                 double gap, double rare)
{
  const int n = zm.rows.size(), nbins = 360;
  if (nframes < 1 || (int64_t) torsions.size() != (int64_t) n * nframes)
    throw std::runtime_error("z-matrix: torsions of the data, wrong size");
  std::vector<char> in_rotor(n, 0), first(n, 0);
  for (const auto &r : zm.rotors) {
    for (int k : r.rows) in_rotor[k] = 1;
    first[r.rows[0]] = 1;
  }
  TorsionClasses out;
  out.centre.assign(n, 0.0);
  out.low.assign(n, -PI);
  out.high.assign(n, PI);
  out.outliers.assign(n, 0);
  out.outside.resize(n);
  const int allowed = (int) (rare * nframes);
  for (int k = 0; k < n; k++) {
    if (first[k]) continue;
    std::vector<int> count(nbins, 0);
    for (int f = 0; f < nframes; f++) {
      int b = (int) ((torsions[(int64_t) f * n + k] + PI) / (2 * PI) * nbins);
      count[std::min(std::max(b, 0), nbins - 1)]++;
    }
    // two pointers round the circle
    int best_len = 0, best_start = 0, sum = 0, start = 0;
    for (int stop = 0; stop < 2 * nbins; stop++) {
      sum += count[stop % nbins];
      while (start <= stop && (sum > allowed || stop - start + 1 > nbins)) {
        sum -= count[start % nbins];
        start++;
      }
      if (stop - start + 1 > best_len) {
        best_len = stop - start + 1;
        best_start = start;
      }
    }
    const double width = best_len * 2 * PI / nbins;
    if (width < gap) {
      if (in_rotor[k])
        throw std::runtime_error("z-matrix: the equivalent atoms about atom " +
                                 std::to_string(zm.rows[k][1] + 1) +
                                 " do not keep their places relative to each other in the data");
      out.circular.push_back(2 * n + k);
      continue;
    }
    // the free arc without its rare part: tails that reach into it belong to the branch
    const double from = -PI + best_start * 2 * PI / nbins, middle = from + 0.5 * width;
    const double opposite = wrap_angle(middle + PI);
    double s = 0.0;
    int used = 0;
    for (int f = 0; f < nframes; f++) {
      const double d = wrap_angle(torsions[(int64_t) f * n + k] - opposite);
      if (std::fabs(d) < PI - 0.5 * width) {
        s += d;
        used++;
      }
    }
    const double mean = wrap_angle(opposite + s / std::max(used, 1));
    // branch: everything nearer than the middle of the free arc, at most pi from the centre
    double lo = wrap_angle(middle - mean), hi = lo;
    if (lo > 0)
      lo -= 2 * PI;
    else
      hi += 2 * PI;
    const double slack = 0.25 * width;    // rare values must lie clear of the branch
    out.centre[k] = mean;
    out.low[k] = std::max(lo + slack, -PI + 0.05);
    out.high[k] = std::min(hi - slack, PI - 0.05);
    for (int f = 0; f < nframes; f++) {
      const double d = wrap_angle(torsions[(int64_t) f * n + k] - mean);
      if (d < out.low[k] || d > out.high[k]) {
        out.outliers[k]++;
        out.outside[k].push_back(f);
      }
    }
  }
  for (auto &r : zm.rotors) {
    r.sign = 1;
    if (r.rows.size() == 3) r.sign = out.centre[r.rows[1]] > 0 ? 1 : -1;
  }
  return out;
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/zmatrix_builder.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace BACKMAP_NS {

static constexpr double PI = 3.14159265358979323846;

/* ----------------------------------------------------------------------
   equivalent atoms may exchange labels if no bead sees it: they belong to no bead of several atoms, or,
   with their parent, to one in which they have the same weight and which has three other atoms
------------------------------------------------------------------------- */

static bool may_exchange(const Mapping &mapping, const std::vector<int> &bead_of, int parent,
                         const std::vector<int> &group)
{
  const int k = bead_of[group[0]];
  for (int i : group)
    if (bead_of[i] != k) return false;
  if (k < 0) return true;
  const auto &bead = mapping.beads[k];
  if (bead_of[parent] != k || bead.atoms.size() < group.size() + 3) return false;
  std::vector<double> weights;
  for (size_t j = 0; j < bead.atoms.size(); j++)
    if (std::find(group.begin(), group.end(), bead.atoms[j]) != group.end())
      weights.push_back(bead.weights[j]);
  return std::all_of(weights.begin(), weights.end(),
                     [&](double w) { return std::fabs(w - weights[0]) < 1.0e-12; });
}

/* ----------------------------------------------------------------------
   inner atoms before end atoms; among them those best held first, then by number
------------------------------------------------------------------------- */

void ZMatrixBuilder::grow(const std::vector<char> &wanted, ZMatrix &out)
{
  for (;;) {
    int best = -1, best_rank = 0;
    for (size_t i = 0; i < built.size(); i++) {
      if (built[i] || !wanted[i]) continue;
      const auto own = preferred(near[i], {(int) i});
      if (own.empty()) continue;
      const int siblings = preferred(near[own[0]], {(int) i}).size();
      int rank = rotor[i] >= 0 ? 0 : (end(i) ? 1000 : 2000);
      rank += own.size() > 1 ? 100 : std::min(siblings, 2);
      if (best < 0 || rank > best_rank) {
        best = i;
        best_rank = rank;
      }
    }
    if (best < 0) break;
    if (rotor[best] < 0) {
      out.rows.push_back(row(best));
      built[best] = 1;
      continue;
    }
    FlowSpec::Rotor turning;
    turning.sign = 0;
    const auto &group = groups[rotor[best]];
    const auto first = row(group[0]);
    for (int i : group) {
      turning.rows.push_back(out.rows.size());
      out.rows.push_back(i == group[0] ? first
                                       : std::array<int, 4>{i, first[1], first[2], group[0]});
      built[i] = 1;
    }
    out.rotors.push_back(turning);
  }
}

/* ---------------------------------------------------------------------- */

ZMatrix derive_zmatrix(const Topology &topology, const Mapping &mapping, int64_t nframes,
                       const double *x)
{
  ZMatrixBuilder b(topology);
  if (mapping.nbeads() < 3)
    throw std::runtime_error("z-matrix: the map has " + std::to_string(mapping.nbeads()) +
                             " beads, expected at least 3: an atom is placed by a bond, an angle "
                             "and a torsion");
  for (const auto &bead : mapping.beads)
    if (bead.atoms.size() == 1) b.built[bead.atoms[0]] = b.bead[bead.atoms[0]] = 1;

  // rotors
  const auto &near = b.near;
  auto bond_type = [&](int i, int j) {
    for (size_t k = 0; k < topology.bonds.size(); k++) {
      const auto &p = topology.bonds[k];
      if ((p[0] == i && p[1] == j) || (p[0] == j && p[1] == i)) return topology.bond_types[k];
    }
    return 0;
  };
  const auto bead_of = mapping.bead_of_atom(topology.natoms);
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
      const bool same_as_other =
          b.end(other) && !b.bead[other] && topology.types[other] == topology.types[f];
      if (!equal || same_as_other || !may_exchange(mapping, bead_of, p, group)) continue;
      for (int i : group) b.rotor[i] = b.groups.size();
      b.groups.push_back(group);
      break;
    }
  }

  ZMatrix out;
  build_bodies(b, topology, mapping, nframes, x, out);
  out.body_rows = (int) out.rows.size();
  b.grow(std::vector<char>(topology.natoms, 1), out);
  for (int i = 0; i < topology.natoms; i++)
    if (!b.built[i])
      throw std::runtime_error("z-matrix: no bond leads from a bead to atom " +
                               std::to_string(i + 1));
  return out;
}

namespace {

/* ----------------------------------------------------------------------
   the widest arc that holds at most `allowed` of the values, by one-degree bins: two pointers round the circle
------------------------------------------------------------------------- */

struct Arc {
  double from, width;
};

Arc widest_free_arc(const std::vector<double> &values, int allowed)
{
  constexpr int nbins = 360;
  std::vector<int> count(nbins, 0);
  for (const double v : values) {
    const int b = (int) ((v + PI) / (2 * PI) * nbins);
    count[std::min(std::max(b, 0), nbins - 1)]++;
  }
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
  return {-PI + best_start * 2 * PI / nbins, best_len * 2 * PI / nbins};
}

/* ----------------------------------------------------------------------
   the branch about the mean of a narrow torsion: everything nearer than the middle of the free arc, at
   most pi from the centre. Tails that reach into the free arc belong to it, rare values must lie clear of it
------------------------------------------------------------------------- */

static constexpr double SOFT = 0.35;    // radians

struct Branch {
  double centre = 0.0, low = -PI, high = PI;
  std::vector<int> outside;    // numbers of the frames
  double spread = 0.0;         // root mean square deviation from the centre, of all frames
};

Branch branch_beside(const Arc &free, const std::vector<double> &values)
{
  const double middle = free.from + 0.5 * free.width, opposite = wrap_angle(middle + PI);
  double s = 0.0, s2 = 0.0;
  int used = 0;
  for (const double v : values) {
    const double d = wrap_angle(v - opposite);
    if (std::fabs(d) < PI - 0.5 * free.width) {
      s += d;
      used++;
    }
  }
  Branch b;
  b.centre = wrap_angle(opposite + s / std::max(used, 1));
  for (const double v : values) s2 += std::pow(wrap_angle(v - b.centre), 2);
  b.spread = std::sqrt(s2 / (double) values.size());
  double lo = wrap_angle(middle - b.centre), hi = lo;
  if (lo > 0)
    lo -= 2 * PI;
  else
    hi += 2 * PI;
  const double slack = 0.25 * free.width;
  b.low = std::max(lo + slack, -PI + 0.05);
  b.high = std::min(hi - slack, PI - 0.05);
  for (int f = 0; f < (int) values.size(); f++) {
    const double d = wrap_angle(values[f] - b.centre);
    if (d < b.low || d > b.high) b.outside.push_back(f);
  }
  return b;
}

}    // namespace

/* ---------------------------------------------------------------------- */

TorsionClasses classify_torsions(ZMatrix &zm, int nframes, const std::vector<double> &torsions,
                                 double gap, double rare)
{
  const int n = zm.rows.size();
  if (nframes < 1 || (int64_t) torsions.size() != (int64_t) n * nframes)
    throw std::runtime_error("z-matrix: torsions of the data, wrong size");
  std::vector<char> in_rotor(n, 0), first(n, 0);
  for (const auto &r : zm.rotors) {
    for (int k : r.rows) in_rotor[k] = 1;
    first[r.rows[0]] = 1;
  }
  TorsionClasses out;
  std::vector<double> values(nframes);
  for (int k = 0; k < n; k++) {
    Branch branch;
    if (!first[k]) {
      for (int f = 0; f < nframes; f++) values[f] = torsions[(int64_t) f * n + k];
      const Arc free = widest_free_arc(values, (int) (rare * nframes));
      bool circular = free.width < gap;
      if (circular && in_rotor[k])
        throw std::runtime_error("z-matrix: the equivalent atoms about atom " +
                                 std::to_string(zm.rows[k][1] + 1) +
                                 " change their order in the data");
      if (!circular) {
        branch = branch_beside(free, values);
        // a stiff torsion with a rare other branch is another isomer; a soft one has several peaks, or turns
        circular = branch.spread > SOFT && !in_rotor[k];
      }
      if (circular) {
        out.circular.push_back(2 * n + k);
        branch = Branch();
      }
    }
    out.centre.push_back(branch.centre);
    out.low.push_back(branch.low);
    out.high.push_back(branch.high);
    out.outliers.push_back((int) branch.outside.size());
    out.outside.push_back(branch.outside);
  }
  for (auto &r : zm.rotors) {
    r.sign = 1;
    if (r.rows.size() == 3) r.sign = out.centre[r.rows[1]] > 0 ? 1 : -1;
  }
  return out;
}

}    // namespace BACKMAP_NS

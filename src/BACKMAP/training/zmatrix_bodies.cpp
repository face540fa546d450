/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The bodies of beads of several atoms: which atoms begin one, and what orients it. The references are
// chosen so that stiff degrees of freedom are variables by themselves: the bond to a neighbor that
// stands already is the distance that turns the body, and atoms bonded to neighbors are its axes.

#include "training/zmatrix_builder.h"

#include <cmath>
#include <limits>

namespace BACKMAP_NS {

namespace {
const double LINE = 0.02;    // sine of an angle that is too flat to hold a torsion

class BodyBuilder {
 public:
  BodyBuilder(ZMatrixBuilder &builder, const Topology &topology, const Mapping &mapping,
              int64_t nframes, const double *x, ZMatrix &zmatrix) :
      b(builder),
      topology(topology), mapping(mapping), out(zmatrix), natoms(topology.natoms),
      bead_of(mapping.bead_of_atom(topology.natoms)), done(mapping.nbeads(), 0)
  {
    // atoms, then beads, of some frames at equal distances
    const int64_t use = std::min<int64_t>(nframes, 200);
    std::vector<double> z(3 * mapping.nbeads());
    for (int64_t i = 0; i < use; i++) {
      const double *xi = x + (i * nframes / use) * 3 * natoms;
      frames.emplace_back(xi, xi + 3 * natoms);
      mapping.apply(xi, z.data());
      frames.back().insert(frames.back().end(), z.begin(), z.end());
    }
    for (int k = 0; k < mapping.nbeads(); k++) done[k] = mapping.beads[k].atoms.size() == 1;
  }

  void build()
  {
    for (int k = next(); k >= 0; k = next()) {
      if (frames.empty())
        throw std::runtime_error(
            "z-matrix: frames are needed to choose what orients a bead of several atoms");
      body(k);
      done[k] = 1;
    }
  }

 private:
  ZMatrixBuilder &b;
  const Topology &topology;
  const Mapping &mapping;
  ZMatrix &out;
  const int natoms;
  const std::vector<int> bead_of;
  std::vector<char> done;    // beads whose atoms stand
  std::vector<std::vector<double>> frames;

  bool heavy(int i) const { return topology.masses[i] > 3.5; }

  // the bead with most bonds to atoms that stand; of these the one in the middle of the molecule
  int next() const
  {
    int best = -1, best_bonds = 0, best_sum = 0;
    for (int k = 0; k < mapping.nbeads(); k++) {
      if (done[k]) continue;
      int bonds = 0, sum = 0;
      for (int i : mapping.beads[k].atoms)
        for (int j : b.near[i]) bonds += b.built[j];
      for (int j = 0; j < natoms; j++) sum += distance(natoms + k, j);
      if (best < 0 || bonds > best_bonds || (bonds == best_bonds && sum < best_sum)) {
        best = k;
        best_bonds = bonds;
        best_sum = sum;
      }
    }
    return best;
  }

  // bonds between an atom and a point
  int distance(int point, int atom) const
  {
    if (point < natoms) return b.dist[point][atom] < 0 ? natoms : b.dist[point][atom];
    int best = natoms;
    for (int i : mapping.beads[point - natoms].atoms)
      if (b.dist[i][atom] >= 0) best = std::min(best, b.dist[i][atom]);
    return best;
  }

  // what is known of the place of an atom: itself, or its bead; -1 = nothing
  int known(int atom) const
  {
    if (b.built[atom]) return atom;
    return bead_of[atom] >= 0 ? natoms + bead_of[atom] : -1;
  }

  // smallest sine of the angle i-j-k in the frames
  double sine(int i, int j, int k) const
  {
    double low = 1.0;
    for (const auto &f : frames)
      low = std::min(low, std::sin(bead_angle(&f[3 * i], &f[3 * j], &f[3 * k])));
    return low;
  }

  double mean_distance(int i, int j) const
  {
    double sum = 0.0;
    for (const auto &f : frames) sum += bead_distance(&f[3 * i], &f[3 * j]);
    return sum / frames.size();
  }

  // points that stand, outside of a bead, by their distance from an atom; those in front first
  std::vector<int> candidates(int bead, int atom, const std::vector<int> &front) const
  {
    std::vector<int> rest;
    for (int i = 0; i < natoms; i++)
      if (b.built[i] && bead_of[i] != bead) rest.push_back(i);
    for (int k = 0; k < mapping.nbeads(); k++)
      if (k != bead && !done[k]) rest.push_back(natoms + k);
    std::stable_sort(rest.begin(), rest.end(),
                     [&](int i, int j) { return distance(i, atom) < distance(j, atom); });
    std::vector<int> list = front;
    list.insert(list.end(), rest.begin(), rest.end());
    return list;
  }

  // the first candidate not on the line through i and j, seen from j
  int hold(int bead, const std::vector<int> &list, int i, int j, int without) const
  {
    for (int point : list)
      if (point >= 0 && point != i && point != j && point != without && sine(i, j, point) > LINE)
        return point;
    int best = -1;
    double best_sine = 0.0;
    for (int point : list) {
      if (point < 0 || point == i || point == j || point == without) continue;
      const double s = sine(i, j, point);
      if (s > best_sine) {
        best = point;
        best_sine = s;
      }
    }
    if (best < 0)
      throw std::runtime_error("z-matrix: the orientation of a bead is not determined: bead " +
                               std::to_string(bead + 1) + " (" + mapping.beads[bead].name +
                               "); expected three beads that are not in a line");
    return best;
  }

  // first neighbor outside of the bead of which something is known, atoms that stand before beads
  int outside(int bead, int atom, int without) const
  {
    int best = -1;
    for (int j : b.near[atom]) {
      if (bead_of[j] == bead || known(j) < 0 || known(j) == without) continue;
      if (best < 0 || (best >= natoms && known(j) < natoms)) best = known(j);
    }
    return best;
  }

  // the best of list by a rank; -1 = empty
  template <class Rank> static int best_of(const std::vector<int> &list, const Rank &rank)
  {
    int best = -1;
    double best_rank = -std::numeric_limits<double>::infinity();
    for (int i : list)
      if (rank(i) > best_rank) {
        best = i;
        best_rank = rank(i);
      }
    return best;
  }

  static std::vector<int> without(std::vector<int> list, int i)
  {
    list.erase(std::remove(list.begin(), list.end(), i), list.end());
    return list;
  }

  void body(int k)
  {
    const auto &atoms = mapping.beads[k].atoms;
    const int site = natoms + k;

    // members of rotors change labels and orient nothing
    std::vector<int> fixed;
    for (int i : atoms)
      if (b.rotor[i] < 0) fixed.push_back(i);
    if (fixed.size() < std::min<size_t>(3, atoms.size())) {
      fixed = atoms;
      for (int i : atoms) b.rotor[i] = -1;
    }

    // axis: near what stands, else near another bead; neither where the bead itself is nor on the
    // line to its reference, where its distance would be at an end of what is possible
    double radius = 0.0;
    for (int i : fixed) radius = std::max(radius, mean_distance(i, site));
    const auto reference = [&](int i) {
      const int to = outside(k, i, -1);
      return to >= 0 ? to : candidates(k, i, {}).at(0);
    };
    const int axis = best_of(fixed, [&](int i) {
      const int to = reference(i);
      return (mean_distance(i, site) > 0.4 * radius ? 200.0 : 0.0) +
          (sine(i, site, to) > 0.15 ? 100.0 : 0.0) + (to < natoms ? 20.0 : 0.0) -
          5.0 * distance(to, i) + (heavy(i) ? 3.0 : 0.0) +
          mean_distance(i, site) / (radius + 1.0e-300);
    });
    const int r1 = reference(axis);
    std::vector<int> front;
    if (r1 < natoms)
      for (int j : b.preferred(b.near[r1], {}))
        if (bead_of[j] != k) front.push_back(j);
    const int r2 = hold(k, candidates(k, axis, front), site, r1, -1);

    // spin: bonded to another neighbor, else a heavy atom; away from the axis
    int spin = -1, r3 = -1;
    const auto others = without(fixed, axis);
    if (atoms.size() > 2) {
      spin = best_of(others, [&](int i) {
        const double s = sine(axis, site, i);
        return (s > 0.2 ? 100.0 : 0.0) + (outside(k, i, r1) >= 0 ? 20.0 : 0.0) +
            (heavy(i) ? 5.0 : 0.0) + s * mean_distance(i, site) / (radius + 1.0e-300);
      });
      r3 = hold(k, candidates(k, axis, {outside(k, spin, r1), r1, r2}), axis, site, -1);
    } else
      spin = others[0];

    // root in the middle; second and third atom bonded to what is there, the third not in line
    const int root = best_of(fixed, [&](int i) {
      int sum = 0;
      for (int j : atoms) sum += std::max(0, distance(i, j));
      return (heavy(i) ? 0.0 : -1.0e6) - sum;
    });
    const int first = best_of(without(fixed, root), [&](int i) {
      return (heavy(i) ? 0.5 : 0.0) - distance(i, root) + (i == axis ? 0.25 : 0.0);
    });
    out.bodies.push_back({k, (int) out.rows.size(), axis, spin});
    out.rows.push_back({first, root, r1, r2});

    // what remains sees the atoms of the body only
    ZMatrixBuilder own(b);
    std::fill(own.built.begin(), own.built.end(), 0);
    std::fill(own.bead.begin(), own.bead.end(), 0);
    own.built[root] = own.built[first] = 1;
    if (atoms.size() > 2) {
      const int second = best_of(without(without(fixed, root), first), [&](int i) {
        const double s = std::min(sine(i, root, first), sine(i, first, root));
        return (s > 0.2 ? 100.0 : 0.0) - std::min(distance(i, root), distance(i, first)) +
            (heavy(i) ? 0.5 : 0.0) + (i == spin ? 0.25 : 0.0);
      });
      if (distance(second, first) < distance(second, root))
        out.rows.push_back({second, first, root, r3});
      else
        out.rows.push_back({second, root, first, r3});
      own.built[second] = 1;
    }
    std::vector<char> wanted(natoms, 0);
    for (int i : atoms) wanted[i] = 1;
    for (;;) {
      own.grow(wanted, out);
      int lone = -1;    // no bond inside of the body leads there
      for (int i : atoms)
        if (!own.built[i] && own.rotor[i] < 0) lone = i;
      if (lone < 0) break;
      out.rows.push_back(own.row(lone));
      own.built[lone] = 1;
    }
    for (int i : atoms) b.built[i] = 1;
  }
};
}    // namespace

void build_bodies(ZMatrixBuilder &b, const Topology &topology, const Mapping &mapping,
                  int64_t nframes, const double *x, ZMatrix &out)
{
  BodyBuilder(b, topology, mapping, nframes, x, out).build();
}

}    // namespace BACKMAP_NS

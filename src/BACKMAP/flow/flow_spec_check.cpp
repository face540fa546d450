/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Whether a specification makes sense: every index, size and value.

#include "flow/flow_spec.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

/* ----------------------------------------------------------------------
   errors of one specification
------------------------------------------------------------------------- */

struct Checker {
  std::string where;

  void require(bool good, const std::string &what) const
  {
    if (!good) throw std::runtime_error(where + ": " + what);
  }

  void range(const std::string &what, double value, double low, double high) const
  {
    require(value >= low && value <= high,
            what + ": expected " + text(low) + " to " + text(high) + ", got " + text(value));
  }

  void size(const std::string &what, std::size_t got, std::size_t expected) const
  {
    require(got == expected,
            what + ": expected " + std::to_string(expected) + " values, got " +
                std::to_string(got));
  }

  void finite(const std::string &what, const std::vector<double> &values) const
  {
    for (const double v : values) require(std::isfinite(v), what + ": a value is not finite");
  }

  void tensor(const std::string &what, const std::vector<double> &values,
              std::size_t expected) const
  {
    size(what, values.size(), expected);
    finite(what, values);
  }

  void layer(const std::string &what, const FlowSpec::Layer &l, int nout, int nin) const
  {
    require(l.nout == nout && l.nin == nin,
            what + ": expected " + std::to_string(nout) + " x " + std::to_string(nin) + ", got " +
                std::to_string(l.nout) + " x " + std::to_string(l.nin));
    tensor(what + " weight", l.weight, (std::size_t) nout * nin);
    tensor(what + " bias", l.bias, nout);
  }

  void ascending(const std::string &what, const std::vector<int> &set, int n) const
  {
    for (std::size_t i = 0; i < set.size(); i++) {
      range(what, set[i], 0, n - 1);
      require(i == 0 || set[i] > set[i - 1], what + ": must be ascending, without repeats");
    }
  }

  static std::string text(double v)
  {
    if (v == std::floor(v) && std::fabs(v) < 1.0e9) return std::to_string((long) v);
    return std::to_string(v);
  }
};

/* ----------------------------------------------------------------------
   beads and Z-matrix place every atom exactly once, each after its references; the rows of a body
   refer to its own atoms, but for the points that orient it
------------------------------------------------------------------------- */

struct ZMatrixChecker {
  const FlowSpec &s;
  const Checker &c;
  std::vector<char> placed;    // points
  std::vector<int> bead_of;    // of atoms, -1 outside of beads of several atoms

  void references(int k, int from, int to, int bead) const
  {
    for (int i = from; i < to; i++) {
      const int point = s.zmatrix[k][i];
      const std::string what =
          "zmatrix row " + std::to_string(k) + ": reference " + std::to_string(point);
      c.require(placed[point], what + " is not placed before");
      if (bead >= 0)
        c.require(point < s.natoms && bead_of[point] == bead,
                  what + " is not an atom of the same bead");
    }
  }

  void place(int k)
  {
    const int atom = s.zmatrix[k][0];
    c.require(atom < s.natoms,
              "zmatrix row " + std::to_string(k) + ": " + std::to_string(atom) + " is no atom");
    c.require(!placed[atom],
              "zmatrix row " + std::to_string(k) + ": atom " + std::to_string(atom) +
                  " is placed twice");
    placed[atom] = 1;
  }

  void body(const FlowSpec::Body &b)
  {
    const int k = b.row, m = (int) s.beads[b.bead].atoms.size() - 1;
    const std::string what = "body of bead " + std::to_string(b.bead);
    c.require(k + m <= s.nrows(), what + ": there are not enough rows");
    const auto inside = [&](int atom) {
      return atom >= 0 && atom < s.natoms && bead_of[atom] == b.bead;
    };
    const auto outside = [&](int point) {
      return placed[point] && point != s.natoms + b.bead && !inside(point);
    };
    const int root = s.zmatrix[k][1];
    c.require(inside(root) && inside(s.zmatrix[k][0]),
              what + ": root or first atom is not in the bead");
    c.require(inside(b.axis) && inside(b.spin) && b.axis != b.spin,
              what + ": axis and spin must be two atoms of the bead");
    c.require(
        outside(s.zmatrix[k][2]) && outside(s.zmatrix[k][3]) &&
            (m < 2 || outside(s.zmatrix[k + 1][3])),
        what + ": it must be oriented against points that are placed before, outside of the bead");
    placed[root] = 1;
    place(k);
    for (int i = 1; i < m; i++) {
      references(k + i, 1, i == 1 ? 3 : 4, b.bead);
      c.require(inside(s.zmatrix[k + i][0]),
                what + ": row " + std::to_string(k + i) + " places another atom");
      place(k + i);
    }
  }
};

void check_zmatrix(const FlowSpec &s, const Checker &c)
{
  const int n = s.nrows();
  c.require(n > 0, "zmatrix: there is no atom to place");
  ZMatrixChecker z{s, c, std::vector<char>(s.natoms + s.nbeads(), 0),
                   std::vector<int>(s.natoms, -1)};
  std::size_t several = 0;
  for (int b = 0; b < s.nbeads(); b++) {
    const auto &atoms = s.beads[b].atoms;
    z.placed[atoms.size() == 1 ? atoms[0] : s.natoms + b] = 1;
    if (atoms.size() == 1) continue;
    several++;
    for (const int a : atoms) z.bead_of[a] = b;
    for (const double w : s.beads[b].weights) c.require(w > 0.0, "beads: weights must be positive");
  }
  c.require(s.bodies.size() == several,
            "bodies: expected one for each of the " + std::to_string(several) +
                " beads of several atoms, got " + std::to_string(s.bodies.size()));
  for (int k = 0; k < n; k++)
    for (int i = 0; i < 4; i++) {
      const std::string what = "zmatrix row " + std::to_string(k);
      c.range(what, s.zmatrix[k][i], 0, s.natoms + (several ? s.nbeads() : 0) - 1);
      for (int j = 0; j < i; j++)
        c.require(s.zmatrix[k][i] != s.zmatrix[k][j], what + ": an atom appears twice");
    }
  std::size_t next = 0;
  for (int k = 0; k < n;) {
    if (next < several && s.bodies[next].row == k) {
      const auto &b = s.bodies[next++];
      c.range("body", b.bead, 0, s.nbeads() - 1);
      c.require(s.beads[b.bead].atoms.size() > 1,
                "bodies: bead " + std::to_string(b.bead) + " is one atom");
      z.body(b);
      k += (int) s.beads[b.bead].atoms.size() - 1;
      continue;
    }
    z.references(k, 1, 4, -1);
    z.place(k);
    c.require(z.bead_of[s.zmatrix[k][0]] < 0,
              "zmatrix row " + std::to_string(k) +
                  ": its atom belongs to a body that does not begin here");
    k++;
  }
  c.require(next == several, "bodies: rows must be ascending and exist");
  for (int i = 0; i < s.natoms; i++)
    c.require(z.placed[i], "zmatrix: atom " + std::to_string(i) + " is never placed");
}

/* ----------------------------------------------------------------------
   exchanging the members of a rotor must leave its body, and the bead, where they are
------------------------------------------------------------------------- */

void check_rotor_body(const FlowSpec &s, const FlowSpec::Rotor &rotor, const std::string &what,
                      const Checker &c)
{
  const auto member = [&](int atom) {
    return std::any_of(rotor.rows.begin(), rotor.rows.end(),
                       [&](int k) { return s.zmatrix[k][0] == atom; });
  };
  for (const auto &b : s.bodies) {
    const auto &bead = s.beads[b.bead];
    std::vector<double> weights;
    for (std::size_t i = 0; i < bead.atoms.size(); i++)
      if (member(bead.atoms[i])) weights.push_back(bead.weights[i]);
    if (weights.empty()) continue;
    c.require(weights.size() == rotor.rows.size(),
              what + ": some of its atoms belong to another bead");
    for (const double w : weights)
      c.require(std::fabs(w - weights[0]) < 1.0e-12,
                what + ": its atoms have different weights in the bead");
    c.require(!member(b.axis) && !member(b.spin), what + ": one of its atoms orients the bead");
    for (const int k : rotor.rows)
      c.require(k > b.row + 1, what + ": row " + std::to_string(k) + " orients the bead");
  }
}

/* ----------------------------------------------------------------------
   rotors and the lists of linear and circular slots
------------------------------------------------------------------------- */

void check_variables(const FlowSpec &s, const Checker &c)
{
  const int n = s.nrows();
  std::set<int> used;
  for (std::size_t i = 0; i < s.rotors.size(); i++) {
    const auto &rotor = s.rotors[i];
    const std::string what = "rotor " + std::to_string(i);
    c.range(what + " size", (double) rotor.rows.size(), 2, FlowSpec::MAX_ROTOR);
    c.require(rotor.sign == 1 || rotor.sign == -1, what + ": sign must be 1 or -1");
    for (const int k : rotor.rows) {
      c.range(what + " row", k, 0, n - 1);
      c.require(used.insert(k).second, what + ": row " + std::to_string(k) + " is used twice");
    }
    const auto &first = s.zmatrix[rotor.rows[0]];
    for (std::size_t j = 1; j < rotor.rows.size(); j++) {
      const auto &row = s.zmatrix[rotor.rows[j]];
      c.require(row[1] == first[1] && row[2] == first[2] && row[3] == first[0],
                what + ": row " + std::to_string(rotor.rows[j]) + " does not share the references");
    }
    check_rotor_body(s, rotor, what, c);

    // relabelling moves the members before other atoms refer to them, so nothing may refer to them

    for (int k = 0; k < n; k++) {
      if (std::find(rotor.rows.begin(), rotor.rows.end(), k) != rotor.rows.end()) continue;
      for (int j = 1; j < 4; j++)
        for (const int m : rotor.rows)
          c.require(s.zmatrix[k][j] != s.zmatrix[m][0],
                    what + ": row " + std::to_string(k) + " refers to one of its atoms");
    }
  }

  std::set<int> slots;
  for (const int slot : s.circular) {
    c.range("circular slot", slot, 2 * n, 3 * n - 1);
    c.require(slots.insert(slot).second,
              "circular: slot " + std::to_string(slot) + " appears twice");
    c.require(!used.count(slot - 2 * n),
              "circular: slot " + std::to_string(slot) + " belongs to a rotor");
  }
  c.require(s.linear == s.derive_linear(), "linear: must be all other slots in ascending order");
}

/* ----------------------------------------------------------------------
   what is known of the beads
------------------------------------------------------------------------- */

void check_features(const FlowSpec &s, const Checker &c)
{
  const std::size_t nf = s.nf();
  c.require(nf > 0, "features: there are none");
  c.tensor("features.mean", s.feature_mean, nf);
  c.tensor("features.std", s.feature_std, nf);
  for (const double v : s.feature_std) c.require(v > 0.0, "features.std: must be positive");
}

/* ----------------------------------------------------------------------
   every atom is a bead or drawn once, after the points that its fragment sees
------------------------------------------------------------------------- */

void check_fragments(const FlowSpec &s, const Checker &c)
{
  c.require(s.slicing(), "fragments: every bead must be one atom");
  c.require(s.zmatrix.empty() && s.rotors.empty() && s.linear.empty() && s.couplings.empty(),
            "fragments: expected no Z-matrix, variables or networks beside them");
  std::set<std::string> signatures;
  for (std::size_t k = 0; k < s.kinds.size(); k++) {
    const FlowSpec &kind = s.kinds[k];
    const std::string what = c.where + ", kind " + std::to_string(k) + " (" + kind.molecule + ")";
    kind.validate(what);
    const Checker here{what};
    here.require(!kind.composed() && kind.slicing(),
                 "expected a flow of one piece whose beads are single atoms");
    here.require(kind.units == s.units && kind.temperature == s.temperature,
                 "units and temperature must be those of the molecule");
    here.require(!kind.signature.empty() && signatures.insert(kind.signature).second,
                 "expected a signature that no other kind has");
  }
  std::vector<int> stage(s.natoms, -1);    // in which an atom is drawn; before all others: a bead
  std::vector<char> stands(s.natoms, 0);
  for (const auto &bead : s.beads) stands[bead.atoms[0]] = 1;
  int last = 0;
  for (std::size_t f = 0; f < s.fragments.size(); f++) {
    const auto &fragment = s.fragments[f];
    const std::string what = "fragment " + std::to_string(f);
    c.range(what + ": kind", fragment.kind, 0, (double) s.kinds.size() - 1);
    c.require(fragment.stage >= last, what + ": stages must be ascending");
    last = fragment.stage;
    const FlowSpec &kind = s.kinds[fragment.kind];
    c.size(what + ": points", fragment.points.size(), kind.natoms);
    const auto drawn = kind.drawn_atoms();
    for (int i = 0; i < kind.natoms; i++) {
      const int atom = fragment.points[i];
      c.range(what + ": point", atom, 0, s.natoms - 1);
      const std::string which = what + ": atom " + std::to_string(atom);
      if (drawn[i]) {
        c.require(!stands[atom], which + " is drawn twice");
        stands[atom] = 1;
        stage[atom] = fragment.stage;
      } else
        c.require(stands[atom] && stage[atom] < fragment.stage, which + " does not stand yet");
    }
  }
  for (int i = 0; i < s.natoms; i++)
    c.require(stands[i], "fragments: atom " + std::to_string(i) + " is never drawn");
}

/* ----------------------------------------------------------------------
   sizes of everything that is stored as a tensor
------------------------------------------------------------------------- */

void check_networks(const FlowSpec &s, const Checker &c)
{
  const std::size_t nl = s.nl(), nc = s.nc(), nf = s.nf();
  const int h = s.hidden;
  c.range("hidden", h, 1, FlowSpec::MAX_HIDDEN);
  c.range("bins", s.bins, 2, FlowSpec::MAX_BINS);
  c.range("circular_bins", s.circular_bins, 2, FlowSpec::MAX_BINS);
  c.range("bound", s.bound, 1.0e-3, 1.0e3);
  c.range("number of couplings", (double) s.couplings.size(), 0, FlowSpec::MAX_COUPLINGS);

  c.tensor("linear.mean", s.linear_mean, nl);
  c.tensor("linear.chol", s.linear_chol, nl * nl);
  for (std::size_t i = 0; i < nl; i++) {
    c.require(s.linear_chol[i * nl + i] > 0.0, "linear.chol: diagonal must be positive");
    for (std::size_t j = i + 1; j < nl; j++)
      c.require(s.linear_chol[i * nl + j] == 0.0, "linear.chol: must be lower triangular");
  }
  c.layer("affine.0", s.affine[0], h, (int) nf);
  c.layer("affine.1", s.affine[1], h, h);
  c.layer("affine.2", s.affine[2], 2 * (int) nl, h);

  for (std::size_t k = 0; k < s.couplings.size(); k++) {
    const auto &coupling = s.couplings[k];
    const std::string p = FlowSpec::coupling_name(k);
    c.ascending(p + "linear_id", coupling.linear_id, (int) nl);
    c.ascending(p + "circular_id", coupling.circular_id, (int) nc);
    c.require(s.outputs(coupling) > 0, p + "linear_id, circular_id: nothing is transformed");
    const int nin = (int) coupling.linear_id.size() + 4 * (int) coupling.circular_id.size();
    c.layer(p + "in", coupling.in, h, nin);
    c.tensor(p + "cond.weight", coupling.cond, (std::size_t) h * nf);
    c.layer(p + "hidden", coupling.hidden, h, h);
    c.layer(p + "out", coupling.out, s.outputs(coupling), h);
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

void FlowSpec::validate(const std::string &where) const
{
  MoleculeSpec::validate(where);
  const Checker c{where};
  c.require(nbeads() >= 3, "beads: at least 3 are needed as references of the first placed atom");
  c.require(features.nbeads == nbeads(), "features: made for another number of beads");
  features.validate(where + ": features");
  check_features(*this, c);
  range.validate(where, nf());
  if (composed()) {
    check_fragments(*this, c);
    return;
  }
  c.require(kinds.empty(), "kinds: expected none without fragments");
  check_zmatrix(*this, c);
  check_variables(*this, c);
  check_networks(*this, c);
}

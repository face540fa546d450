/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_data.h"

#include "flow/internal_coords.h"
#include "training/flow_pieces.h"
#include "training/frames.h"
#include "training/matrix.h"
#include "training/zmatrix.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

static constexpr std::size_t STATISTICS = 100000;    // frames that are enough for means and classes

/* ----------------------------------------------------------------------
   torsions [n][nrows], from bonds that must not be constant
------------------------------------------------------------------------- */

std::vector<double> flexible_torsions(const InternalCoords &raw, const ZMatrix &zm,
                                      const std::vector<double> &x)
{
  const int rows = zm.rows.size(), m = 3 * raw.view().natoms;
  const int64_t n = x.size() / m;
  if (n < 100)
    throw std::runtime_error("flow training: " + std::to_string(n) +
                             " training frames, expected at least 100");
  std::vector<double> y(3 * rows), torsions, sum(rows, 0.0), square(rows, 0.0);
  double unused;
  for (int64_t i = 0; i < n; i++) {
    raw.to_internal(&x[i * m], y.data(), nullptr, &unused);
    torsions.insert(torsions.end(), y.begin() + 2 * rows, y.end());
    for (int k = 0; k < rows; k++) {
      sum[k] += y[k];
      square[k] += y[k] * y[k];
    }
  }
  for (int k = 0; k < rows; k++) {
    const double mean = sum[k] / n, var = square[k] / n - mean * mean;
    if (var < 1.0e-8 * mean * mean)
      throw std::runtime_error("flow training: the bond " + std::to_string(zm.rows[k][0] + 1) +
                               "-" + std::to_string(zm.rows[k][1] + 1) +
                               " has constant length in the frames (SHAKE or rigid?); the flow "
                               "needs a flexible molecule");
  }
  return torsions;
}

/* ----------------------------------------------------------------------
   whether a flow of one piece can have drawn a frame: every narrow torsion in its common branch, density not zero
------------------------------------------------------------------------- */

class Coverage {
 public:
  Coverage(const FlowSpec &s, const TorsionClasses &c) :
      spec(s), classes(c), raw(raw_variables(s)), coords(s), y(3 * s.nrows()), l(s.nl()), c(s.nc())
  {
    for (const int slot : spec.linear)
      if (slot >= 2 * spec.nrows()) narrow.push_back(slot - 2 * spec.nrows());
  }

  bool operator()(const double *x)
  {
    double unused;
    raw.to_internal(x, y.data(), nullptr, &unused);
    int reason = -1;
    for (const int k : narrow) {
      const double d = wrap_angle(y[2 * spec.nrows() + k] - classes.centre[k]);
      if (d >= classes.low[k] && d <= classes.high[k]) continue;
      reason = k;
      left_out[reason]++;
      return false;
    }
    if (coords.to_internal(x, l.data(), c.data(), &unused)) return true;
    left_out[reason]++;
    return false;
  }

  /* atoms by their numbers in the molecule, of which the piece has these points */

  void tell(int64_t n, const std::string &name, const std::vector<int> &points,
            std::vector<std::string> &notes) const
  {
    for (const auto &bad : left_out) {
      if (bad.first < 0) {
        notes.push_back(name + std::to_string(bad.second) + " frames of zero density left out");
        continue;
      }
      const auto &r = spec.zmatrix[bad.first];
      std::string atoms;
      for (const int a : r)
        atoms += " " + std::to_string((a < (int) points.size() ? points[a] : a) + 1);
      notes.push_back(name + std::to_string(bad.second) + " of " + std::to_string(n) +
                      " frames left out: torsion" + atoms +
                      " in another branch (the flow covers the common one)");
    }
  }

 private:
  const FlowSpec &spec;
  const TorsionClasses &classes;
  const InternalCoords raw, coords;
  std::vector<double> y, l, c;
  std::vector<int> narrow;
  std::map<int, int64_t> left_out;    // by torsion, -1: zero density
};

/* ----------------------------------------------------------------------
   means and Cholesky factor of the covariance of the linear variables;
   torsions as deviations from the centres of their branches
------------------------------------------------------------------------- */

void whitening(FlowSpec &spec, const TorsionClasses &classes, const std::vector<double> &x)
{
  const int nl = spec.nl(), rows = spec.nrows(), m = 3 * spec.natoms;
  const InternalCoords coords(spec);    // means still 0
  const int64_t used = x.size() / m;
  std::vector<double> l(used * nl), c(spec.nc());
  double unused;
  for (int64_t i = 0; i < used; i++) coords.to_internal(&x[i * m], &l[i * nl], c.data(), &unused);
  const auto torsion = [&](int j) { return spec.linear[j] >= 2 * rows; };
  const auto deviation = [&](int64_t i, int j) {
    const double d = l[i * nl + j] - spec.linear_mean[j];
    return torsion(j) ? wrap_angle(d) : d;
  };

  spec.linear_mean.assign(nl, 0.0);
  for (int j = 0; j < nl; j++)
    if (torsion(j)) spec.linear_mean[j] = classes.centre[spec.linear[j] - 2 * rows];
  std::vector<double> shift(nl, 0.0), d(nl), cov((size_t) nl * nl, 0.0);
  for (int64_t i = 0; i < used; i++)
    for (int j = 0; j < nl; j++) shift[j] += deviation(i, j);
  for (int j = 0; j < nl; j++) {
    spec.linear_mean[j] += shift[j] / used;
    if (torsion(j)) spec.linear_mean[j] = wrap_angle(spec.linear_mean[j]);
  }
  for (int64_t i = 0; i < used; i++) {
    for (int j = 0; j < nl; j++) d[j] = deviation(i, j);
    for (int j = 0; j < nl; j++)
      for (int k = 0; k <= j; k++) cov[j * nl + k] += d[j] * d[k];
  }
  for (int j = 0; j < nl; j++)
    for (int k = 0; k <= j; k++) cov[k * nl + j] = cov[j * nl + k] /= used;
  cholesky(cov, nl, "flow training: the covariance of the internal coordinates");
  spec.linear_chol = cov;
}

/* ----------------------------------------------------------------------
   features of all beads, and what of them the frames have shown
------------------------------------------------------------------------- */

void bead_features(FlowSpec &spec, const std::vector<std::array<int, 2>> &bonds,
                   const std::vector<double> &x)
{
  spec.features = derive_features(spec.nbeads(), bonds);
  const std::size_t m = 3 * (std::size_t) spec.natoms, nz = 3 * (std::size_t) spec.nbeads();
  std::vector<double> z(x.size() / m * nz);
  for (std::size_t i = 0; i * m < x.size(); i++)
    MoleculeSpec::apply(spec.beads, &x[i * m], &z[i * nz]);
  feature_statistics(spec.features, z, spec.feature_mean, spec.feature_std);
}

/* ----------------------------------------------------------------------
   a flow of one piece from frames x of its atoms
------------------------------------------------------------------------- */

struct Piece {
  FlowSpec spec;
  TorsionClasses classes;
};

Piece prepare_piece(const Topology &topology, const Mapping &mapping, const FlowDesign &design,
                    const std::vector<double> &x)
{
  Piece p;
  FlowSpec &spec = p.spec;
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  const std::size_t m = 3 * (std::size_t) spec.natoms;
  ZMatrix zm = derive_zmatrix(topology, mapping, (int64_t) (x.size() / m), x.data());
  if (zm.rows.empty())
    throw std::runtime_error("flow training: expected atoms that are no beads, got none");
  spec.zmatrix = zm.rows;
  spec.bodies = zm.bodies;
  const auto torsions = flexible_torsions(InternalCoords(raw_variables(spec)), zm, x);
  p.classes = classify_torsions(zm, (int) (torsions.size() / zm.rows.size()), torsions);
  spec.rotors = zm.rotors;
  spec.circular = p.classes.circular;
  // the first torsion of a rotor belongs to the rotor
  spec.linear = spec.derive_linear();

  Coverage covers(spec, p.classes);
  std::vector<double> covered;
  for (std::size_t i = 0; i < x.size(); i += m)
    if (covers(&x[i])) covered.insert(covered.end(), x.begin() + i, x.begin() + i + m);
  if (covered.size() < 100 * m)
    throw std::runtime_error(
        "flow training: expected at least 100 frames in the common branch of all torsions, got " +
        std::to_string(covered.size() / m));
  whitening(spec, p.classes, covered);
  bead_features(spec, mapping.bead_bonds(topology), covered);
  spec.hidden = design.hidden;
  spec.bins = spec.circular_bins = design.bins;
  spec.bound = design.bound;
  choose_couplings(spec, design.couplings, design.seed);
  return p;
}

std::string sizes(const FlowSpec &spec)
{
  return std::to_string(spec.nrows()) + " atoms to place: " + std::to_string(spec.nl()) +
      " linear variables, " + std::to_string(spec.rotors.size()) + " rotors, " +
      std::to_string(spec.circular.size()) + " circular torsions, " + std::to_string(spec.nf()) +
      " features";
}

/* ----------------------------------------------------------------------
   frames of one kind: those of all its fragments, at equal distances
------------------------------------------------------------------------- */

std::vector<double> kind_frames(const std::vector<const FlowSpec::Fragment *> &fragments,
                                int natoms, const double *x, const std::vector<int64_t> &which)
{
  std::vector<double> local;
  const std::size_t step = 1 + which.size() * fragments.size() / STATISTICS;
  for (const auto *f : fragments)
    for (std::size_t i = 0; i < which.size(); i += step)
      for (const int a : f->points) {
        const double *from = x + 3 * (which[i] * natoms + a);
        local.insert(local.end(), from, from + 3);
      }
  return local;
}

/* ----------------------------------------------------------------------
   fragments in the order of their stages, each with a flow for its kind
------------------------------------------------------------------------- */

std::vector<Piece> prepare_kinds(FlowSpec &spec, const Topology &topology,
                                 const Fragments &fragments, const FlowDesign &design,
                                 const double *x, const std::vector<int64_t> &train)
{
  for (int stage = 0; stage < fragments.nstages; stage++)
    for (const auto &f : fragments.fragments) {
      if (f.stage != stage) continue;
      FlowSpec::Fragment mine{f.kind, f.stage, f.atoms};
      mine.points.insert(mine.points.end(), f.environment.begin(), f.environment.end());
      spec.fragments.push_back(mine);
    }
  std::vector<Piece> pieces;
  for (int k = 0; k < (int) fragments.kinds.size(); k++) {
    std::vector<const FlowSpec::Fragment *> of_kind;
    for (const auto &f : spec.fragments)
      if (f.kind == k) of_kind.push_back(&f);
    const auto first = std::find_if(fragments.fragments.begin(), fragments.fragments.end(),
                                    [&](const Fragments::Fragment &f) { return f.kind == k; });
    const Topology local = Fragments::local(topology, *first);
    Mapping mapping;
    mapping.molecule = fragments.kinds[k].name;
    const int own = fragments.kinds[k].natoms;
    for (int e = 0; e < fragments.kinds[k].nenvironment; e++)
      mapping.beads.push_back({"P" + std::to_string(e + 1), {own + e}, {1.0}});
    try {
      pieces.push_back(
          prepare_piece(local, mapping, design, kind_frames(of_kind, topology.natoms, x, train)));
    } catch (const std::exception &err) {
      throw std::runtime_error("fragment " + mapping.molecule + ": " + err.what());
    }
    pieces.back().spec.signature = fragments.kinds[k].signature;
  }
  return pieces;
}

}    // namespace

/* ---------------------------------------------------------------------- */

FeatureRange feature_range(const FlowSpec &spec, const double *x, const std::vector<int64_t> &train,
                           const std::vector<int64_t> &valid)
{
  std::vector<double> z(3 * (std::size_t) spec.nbeads());
  const auto all = [&](const std::vector<int64_t> &which) {
    std::vector<float> out;
    const std::size_t step = 1 + which.size() / STATISTICS;
    for (std::size_t i = 0; i < which.size(); i += step) {
      MoleculeSpec::apply(spec.beads, x + 3 * which[i] * spec.natoms, z.data());
      const auto f = standard_features(spec, z.data());
      out.insert(out.end(), f.begin(), f.end());
    }
    return out;
  };
  return FeatureRange::build(all(train), all(valid), spec.nf());
}

/* ---------------------------------------------------------------------- */

FlowData prepare_flow(const Topology &topology, const Mapping &mapping, const FlowDesign &design,
                      int64_t n, const double *x, const std::vector<char> &valid,
                      const Fragments *fragments)
{
  FlowData out;
  FlowSpec &spec = out.spec;
  if ((int64_t) valid.size() != n)
    throw std::runtime_error("flow training: marks of the validation frames, expected " +
                             std::to_string(n) + ", got " + std::to_string(valid.size()));
  const auto train = marked(opposite(valid));
  std::vector<int64_t> some;
  for (std::size_t i = 0; i < train.size(); i += 1 + train.size() / STATISTICS)
    some.push_back(train[i]);
  std::vector<int> all(topology.natoms);
  std::iota(all.begin(), all.end(), 0);
  const FlowSpec::Fragment whole{0, 0, all};
  const auto frames = kind_frames({&whole}, topology.natoms, x, some);

  std::vector<Piece> pieces;
  if (fragments) {
    static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
    pieces = prepare_kinds(spec, topology, *fragments, design, x, train);
    bead_features(spec, mapping.bead_bonds(topology), frames);
    for (const auto &p : pieces) {
      spec.kinds.push_back(p.spec);
      int64_t copies = 0;
      for (const auto &f : spec.fragments) copies += f.kind == (int) spec.kinds.size() - 1;
      out.notes.push_back(std::to_string(copies) + " fragments " + p.spec.molecule + ", " +
                          sizes(p.spec));
    }
  } else {
    pieces.push_back(prepare_piece(topology, mapping, design, frames));
    spec = pieces[0].spec;
    out.notes.push_back(sizes(spec));
  }

  std::vector<char> covered(n, 1);
  for (const auto &piece : flow_pieces(spec)) {
    const FlowSpec &flow = piece_flow(spec, piece.kind);
    Coverage covers(flow, pieces[piece.kind].classes);
    std::vector<double> local(piece.stride());
    for (int64_t i = 0; i < n; i++) {
      piece.take(x + 3 * i * topology.natoms, local.data());
      if (!covers(local.data())) covered[i] = 0;
    }
    covers.tell(n, spec.composed() ? "fragment " + flow.molecule + ": " : "", piece.points,
                out.notes);
  }
  out.train = out.valid = covered;
  for (int64_t i = 0; i < n; i++) (valid[i] ? out.train : out.valid)[i] = 0;
  spec.range = feature_range(spec, x, marked(out.train), marked(out.valid));
  return out;
}

}    // namespace BACKMAP_NS

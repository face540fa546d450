/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_data.h"

#include "flow/internal_coords.h"
#include "training/flow_pieces.h"
#include "training/frames.h"
#include "training/kinds.h"
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
    for (const int k : narrow) {
      const double d = wrap_angle(y[2 * spec.nrows() + k] - classes.centre[k]);
      if (d >= classes.low[k] && d <= classes.high[k]) continue;
      left_out[k]++;
      return false;
    }
    if (coords.to_internal(x, l.data(), c.data(), &unused)) return true;
    left_out[-1]++;
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
  feature_statistics(spec.features, spec.bead_positions(x.size() / (3 * spec.natoms), x.data()),
                     spec.feature_mean, spec.feature_std);
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
  if (covered.size() < 100 * m) {
    std::vector<std::string> why;
    covers.tell((int64_t) (x.size() / m), "", {}, why);
    std::string text = "flow training: " + std::to_string(covered.size() / m) +
        " frames that the flow can draw, expected at least 100";
    for (const auto &w : why) text += "; " + w;
    throw std::runtime_error(text);
  }
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
   fragments as a flow names them, in the order of their stages; their kinds as numbers in `kinds`
------------------------------------------------------------------------- */

std::vector<FlowSpec::Fragment> by_stage(const Fragments &parts, const std::vector<int> &kinds)
{
  std::vector<FlowSpec::Fragment> out;
  for (int stage = 0; stage < parts.nstages; stage++)
    for (const auto &f : parts.fragments) {
      if (f.stage != stage) continue;
      FlowSpec::Fragment mine{kinds[f.kind], f.stage, f.atoms};
      mine.points.insert(mine.points.end(), f.environment.begin(), f.environment.end());
      out.push_back(mine);
    }
  return out;
}

/* ----------------------------------------------------------------------
   one kind, wherever it occurs
------------------------------------------------------------------------- */

struct Kind {
  std::string name, signature;
  Topology topology;
  Mapping mapping;
  std::vector<std::array<int, 2>> places;    // molecule and fragment of its flow
  std::vector<double> x;                     // frames for statistics
};

std::vector<int64_t> training_frames(const FlowSystem &system)
{
  if ((int64_t) system.valid.size() != system.n)
    throw std::runtime_error("flow training: marks of the validation frames, expected " +
                             std::to_string(system.n) + ", got " +
                             std::to_string(system.valid.size()));
  return marked(opposite(system.valid));
}

/* frames of some atoms at equal distances, those for training, `most` at most */

void add_frames(const FlowSystem &system, const std::vector<int> &atoms, std::size_t most,
                std::vector<double> &x)
{
  const auto which = training_frames(system);
  const std::size_t step = 1 + which.size() / std::max<std::size_t>(most, 1);
  for (std::size_t i = 0; i < which.size(); i += step)
    for (const int a : atoms) {
      const double *from = system.x + 3 * (which[i] * system.topology.natoms + a);
      x.insert(x.end(), from, from + 3);
    }
}

std::vector<int> all_atoms(const Topology &topology)
{
  std::vector<int> all(topology.natoms);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

Kind new_kind(const Topology &topology, const Fragments &parts, int number)
{
  const auto &k = parts.kinds[number];
  const auto first = std::find_if(parts.fragments.begin(), parts.fragments.end(),
                                  [&](const auto &f) { return f.kind == number; });
  Kind kind{k.name, k.signature, Fragments::local(topology, *first), {}, {}, {}};
  kind.mapping.molecule = k.name;
  for (int e = 0; e < k.nenvironment; e++)
    kind.mapping.beads.push_back({"P" + std::to_string(e + 1), {k.natoms + e}, {1.0}});
  return kind;
}

/* ----------------------------------------------------------------------
   which frames the pieces of a flow can all have drawn
------------------------------------------------------------------------- */

void mark_frames(const FlowSystem &system, const std::vector<Piece> &kinds, FlowData &data)
{
  std::vector<char> covered(system.n, 1);
  for (const auto &piece : flow_pieces(data.spec)) {
    const FlowSpec &flow = data.spec.piece(piece.kind);
    Coverage covers(flow, kinds[piece.kind].classes);
    std::vector<double> local(piece.stride());
    for (int64_t i = 0; i < system.n; i++) {
      piece.take(system.x + 3 * i * system.topology.natoms, local.data());
      if (!covers(local.data())) covered[i] = 0;
    }
    covers.tell(system.n, data.spec.composed() ? "fragment " + flow.molecule + ": " : "",
                piece.points, data.notes);
  }
  data.train = data.valid = covered;
  for (int64_t i = 0; i < system.n; i++) (system.valid[i] ? data.train : data.valid)[i] = 0;
  data.spec.range = feature_range(data.spec, system.x, marked(data.train), marked(data.valid));
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

FlowData prepare_flow(const FlowSystem &system, const FlowDesign &design)
{
  std::vector<double> x;
  add_frames(system, all_atoms(system.topology), STATISTICS, x);
  const std::vector<Piece> piece = {prepare_piece(system.topology, system.mapping, design, x)};
  FlowData out;
  out.spec = piece[0].spec;
  out.notes.push_back(sizes(out.spec));
  mark_frames(system, piece, out);
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<FlowData> prepare_flows(const std::vector<FlowSystem> &systems,
                                    const std::vector<Fragments> &fragments,
                                    const FlowDesign &design)
{
  std::vector<FlowData> out(systems.size());
  std::vector<Kind> kinds;
  for (std::size_t s = 0; s < systems.size(); s++) {
    std::vector<int> number;
    for (std::size_t k = 0; k < fragments[s].kinds.size(); k++) {
      const auto known = std::find_if(kinds.begin(), kinds.end(), [&](const Kind &kind) {
        return kind.signature == fragments[s].kinds[k].signature;
      });
      number.push_back((int) (known - kinds.begin()));
      if (known == kinds.end())
        kinds.push_back(new_kind(systems[s].topology, fragments[s], (int) k));
    }
    FlowSpec &spec = out[s].spec;
    static_cast<MoleculeSpec &>(spec) = describe_molecule(systems[s].topology, systems[s].mapping);
    spec.fragments = by_stage(fragments[s], number);
    spec.reach = fragments[s].reach;
    for (std::size_t f = 0; f < spec.fragments.size(); f++)
      kinds[spec.fragments[f].kind].places.push_back({(int) s, (int) f});
  }

  std::vector<Piece> pieces;
  for (auto &kind : kinds) {
    for (const auto &place : kind.places)
      add_frames(systems[place[0]], out[place[0]].spec.fragments[place[1]].points,
                 STATISTICS / kind.places.size(), kind.x);
    try {
      pieces.push_back(prepare_piece(kind.topology, kind.mapping, design, kind.x));
    } catch (const std::exception &err) {
      throw std::runtime_error("fragment " + kind.name + ": " + err.what());
    }
    pieces.back().spec.signature = kind.signature;
    kind.x = {};
    out[0].notes.push_back(std::to_string(kind.places.size()) + " fragments " + kind.name + ", " +
                           sizes(pieces.back().spec));
  }
  for (std::size_t s = 0; s < systems.size(); s++) {
    for (const auto &p : pieces) out[s].spec.kinds.push_back(p.spec);
    std::vector<double> x;
    add_frames(systems[s], all_atoms(systems[s].topology), STATISTICS, x);
    bead_features(out[s].spec, systems[s].mapping.bead_bonds(systems[s].topology), x);
    mark_frames(systems[s], pieces, out[s]);
  }
  return out;
}

/* ---------------------------------------------------------------------- */

FlowSpec assemble_flow(const Topology &topology, const Mapping &mapping, const Fragments &fragments,
                       const std::vector<FlowSpec> &models)
{
  FlowSpec spec;
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  spec.reach = fragments.reach;
  for (const auto &m : models)
    if (m.reach != spec.reach)
      throw std::runtime_error("reach of the fragments, expected " + std::to_string(spec.reach) +
                               ", got a model with " + std::to_string(m.reach));
  std::vector<int> number(fragments.kinds.size());
  std::iota(number.begin(), number.end(), 0);
  std::string missing;
  const auto found = find_kinds(fragments.kinds, models, missing);
  if (!missing.empty())
    throw std::runtime_error("no model has these kinds of fragments, expected models trained on "
                             "molecules that contain them, or with a smaller reach (here " +
                             std::to_string(spec.reach) + "):" + missing);
  for (const auto &f : found) spec.kinds.push_back(*f.kind);
  for (const auto &m : models)
    if (m.units != models[0].units || m.temperature != models[0].temperature)
      throw std::runtime_error("the models have different units or temperatures (" +
                               models[0].units + ", " + std::to_string(models[0].temperature) +
                               " and " + m.units + ", " + std::to_string(m.temperature) + ")");
  spec.units = models[0].units;
  spec.temperature = models[0].temperature;
  spec.fragments = by_stage(fragments, number);
  spec.features = derive_features(spec.nbeads(), mapping.bead_bonds(topology));
  spec.feature_mean.assign(spec.nf(), 0.0);
  spec.feature_std.assign(spec.nf(), 1.0);
  return spec;
}

}    // namespace BACKMAP_NS

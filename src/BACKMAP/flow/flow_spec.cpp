/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "flow/flow_spec.h"

#include "core/json.h"
#include "core/model_file.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;

namespace {

std::vector<int> complement(const std::vector<int> &set, int n)
{
  std::vector<int> rest;
  for (int i = 0; i < n; i++)
    if (std::find(set.begin(), set.end(), i) == set.end()) rest.push_back(i);
  return rest;
}

std::string prefix(std::size_t k)
{
  return "coupling." + std::to_string(k) + ".";
}

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
  c.tensor("features.mean", s.feature_mean, nf);
  c.tensor("features.std", s.feature_std, nf);
  for (const double v : s.feature_std) c.require(v > 0.0, "features.std: must be positive");

  c.layer("affine.0", s.affine[0], h, (int) nf);
  c.layer("affine.1", s.affine[1], h, h);
  c.layer("affine.2", s.affine[2], 2 * (int) nl, h);

  for (std::size_t k = 0; k < s.couplings.size(); k++) {
    const auto &coupling = s.couplings[k];
    const std::string p = prefix(k);
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

/* ---------------------------------------------------------------------- */

FlowSpec::Layer read_layer(const ModelFile &file, const std::string &name, int nout, int nin)
{
  FlowSpec::Layer l;
  l.nout = nout;
  l.nin = nin;
  l.weight = file.tensor(name + ".weight", {nout, nin});
  l.bias = file.tensor(name + ".bias", {nout});
  return l;
}

void write_layer(ModelFile &file, const std::string &name, const FlowSpec::Layer &l)
{
  file.add(name + ".weight", {l.nout, l.nin}, l.weight);
  file.add(name + ".bias", {l.nout}, l.bias);
}

const std::vector<std::string> FIELDS = {"features", "zmatrix",   "bodies", "rotors",  "circular",
                                         "linear",   "couplings", "flow",   "training"};

}    // namespace

/* ---------------------------------------------------------------------- */

std::vector<int> FlowSpec::derive_linear() const
{
  const int n = nrows();
  std::set<int> taken(circular.begin(), circular.end());
  for (const auto &rotor : rotors) taken.insert(2 * n + rotor.rows[0]);
  std::vector<int> slots;
  for (int k = 0; k < 3 * n; k++)
    if (!taken.count(k)) slots.push_back(k);
  return slots;
}

/* ---------------------------------------------------------------------- */

std::vector<int> FlowSpec::linear_transformed(const Coupling &c) const
{
  return complement(c.linear_id, nl());
}

std::vector<int> FlowSpec::circular_transformed(const Coupling &c) const
{
  return complement(c.circular_id, nc());
}

int FlowSpec::outputs(const Coupling &c) const
{
  return (nl() - (int) c.linear_id.size()) * linear_outputs() +
      (nc() - (int) c.circular_id.size()) * circular_outputs();
}

/* ---------------------------------------------------------------------- */

void FlowSpec::validate(const std::string &where) const
{
  MoleculeSpec::validate(where);
  const Checker c{where};
  c.require(nbeads() >= 3, "beads: at least 3 are needed as references of the first placed atom");
  c.require(features.nbeads == nbeads(), "features: made for another number of beads");
  features.validate(where + ": features");
  c.require(nf() > 0, "features: there are none");
  range.validate(where, nf());
  check_zmatrix(*this, c);
  check_variables(*this, c);
  check_networks(*this, c);
}

/* ---------------------------------------------------------------------- */

FlowSpec FlowSpec::from_model(const ModelFile &file)
{
  const std::string where = "model file " + file.origin();
  if (file.meta("format") != "backmap.flow")
    throw std::runtime_error(where + ": format: expected \"backmap.flow\", got \"" +
                             file.meta("format") + "\"");
  const std::string &text = file.meta("spec");

  FlowSpec s;
  static_cast<MoleculeSpec &>(s) = MoleculeSpec::from_json(text, FIELDS, where);

  const json j = JsonObject::parse(text, where);
  JsonObject o(j, where);
  s.features = FeatureSpec::from_json(o.value("features").dump(), s.nbeads(), where);
  s.zmatrix = o.tuples<4>("zmatrix", 0, s.natoms + s.nbeads() - 1);
  const int n = s.nrows();
  if (o.has("bodies")) {
    const json &bodies = o.value("bodies");
    if (!bodies.is_array()) o.fail("bodies", "a list");
    for (const auto &one : bodies) {
      JsonObject r(one, where + ", body " + std::to_string(s.bodies.size()));
      s.bodies.push_back({r.integer("bead", 0, s.nbeads() - 1), r.integer("row", 0, n - 1),
                          r.integer("axis", 0, s.natoms - 1), r.integer("spin", 0, s.natoms - 1)});
      r.finish();
    }
  }
  const json &rotors = o.value("rotors");
  if (!rotors.is_array()) o.fail("rotors", "a list");
  for (const auto &one : rotors) {
    JsonObject r(one, where + ", rotor " + std::to_string(s.rotors.size()));
    Rotor rotor;
    rotor.rows = r.integers("rows", 0, n - 1);
    rotor.sign = r.integer("sign", -1, 1);
    r.finish();
    if (rotor.rows.empty()) o.fail("rotors", "rows in every rotor");
    s.rotors.push_back(rotor);
  }
  s.circular = o.integers("circular", 2 * n, 3 * n - 1);
  s.linear = o.integers("linear", 0, 3 * n - 1);
  if (o.has("training")) s.training = o.value("training").dump();

  JsonObject f(o.value("flow"), where + ", flow");
  s.hidden = f.integer("hidden", 1, MAX_HIDDEN);
  s.bins = f.integer("bins", 2, MAX_BINS);
  s.circular_bins = f.integer("circular_bins", 2, MAX_BINS);
  s.bound = f.number("bound");
  f.finish();

  const int nl = s.nl(), nc = s.nc(), nf = s.nf(), h = s.hidden;
  const json &couplings = o.value("couplings");
  if (!couplings.is_array() || couplings.size() > (std::size_t) MAX_COUPLINGS)
    o.fail("couplings", "a list of at most " + std::to_string(MAX_COUPLINGS));
  for (const auto &one : couplings) {
    JsonObject r(one, where + ", coupling " + std::to_string(s.couplings.size()));
    Coupling c;
    c.linear_id = r.integers("linear_id", 0, nl - 1);
    c.circular_id = r.integers("circular_id", 0, nc - 1);
    r.finish();
    if ((int) c.linear_id.size() > nl || (int) c.circular_id.size() > nc)
      o.fail("couplings", "each variable at most once");
    s.couplings.push_back(c);
  }

  // tensors, each of the one shape that the architecture gives

  std::vector<std::string> names = {"linear.mean", "linear.chol", "features.mean", "features.std"};
  s.linear_mean = file.tensor("linear.mean", {nl});
  s.linear_chol = file.tensor("linear.chol", {nl, nl});
  s.feature_mean = file.tensor("features.mean", {nf});
  s.feature_std = file.tensor("features.std", {nf});
  if (file.has("range.centres")) {
    const auto shape = file.shape("range.centres");
    s.range.dim = nf;
    s.range.centres = file.tensor("range.centres", {shape.empty() ? 0 : shape[0], nf});
    s.range.radius = file.tensor("range.radius", {1})[0];
    names.insert(names.end(), {"range.centres", "range.radius"});
  }
  for (int k = 0; k < 3; k++) {
    const std::string p = "affine." + std::to_string(k);
    s.affine[k] = read_layer(file, p, k == 2 ? 2 * nl : h, k == 0 ? nf : h);
    names.insert(names.end(), {p + ".weight", p + ".bias"});
  }
  for (std::size_t k = 0; k < s.couplings.size(); k++) {
    Coupling &c = s.couplings[k];
    const std::string p = prefix(k);
    c.in = read_layer(file, p + "in", h, (int) (c.linear_id.size() + 4 * c.circular_id.size()));
    c.cond = file.tensor(p + "cond.weight", {h, nf});
    c.hidden = read_layer(file, p + "hidden", h, h);
    c.out = read_layer(file, p + "out", s.outputs(c), h);
    for (const char *layer : {"in", "hidden", "out"})
      names.insert(names.end(), {p + layer + ".weight", p + layer + ".bias"});
    names.push_back(p + "cond.weight");
  }
  file.require_names(names);
  s.validate(where);
  return s;
}

/* ---------------------------------------------------------------------- */

ModelFile FlowSpec::to_model() const
{
  validate("flow of " + molecule);
  json j = json::parse(MoleculeSpec::to_json());
  j["features"] = json::parse(features.to_json());
  j["zmatrix"] = zmatrix;
  if (!bodies.empty()) j["bodies"] = json::array();    // absent where every bead is one atom
  for (const auto &b : bodies)
    j["bodies"].push_back({{"bead", b.bead}, {"row", b.row}, {"axis", b.axis}, {"spin", b.spin}});
  j["rotors"] = json::array();
  for (const auto &rotor : rotors)
    j["rotors"].push_back({{"rows", rotor.rows}, {"sign", rotor.sign}});
  j["circular"] = circular;
  j["linear"] = linear;
  j["flow"] = {
      {"hidden", hidden}, {"bins", bins}, {"circular_bins", circular_bins}, {"bound", bound}};
  j["couplings"] = json::array();
  for (const auto &c : couplings)
    j["couplings"].push_back({{"linear_id", c.linear_id}, {"circular_id", c.circular_id}});
  j["training"] = JsonObject::parse(training, "training figures");

  ModelFile file;
  file.set_origin("flow of " + molecule);
  file.set_meta("format", "backmap.flow");
  file.set_meta("spec", j.dump());
  const auto f64 = ModelFile::DType::F64;
  file.add("linear.mean", {nl()}, linear_mean, f64);
  file.add("linear.chol", {nl(), nl()}, linear_chol, f64);
  file.add("features.mean", {nf()}, feature_mean, f64);
  file.add("features.std", {nf()}, feature_std, f64);
  if (range.known()) {
    file.add("range.centres", {(std::int64_t) range.centres.size() / range.dim, range.dim},
             range.centres);
    file.add("range.radius", {1}, {range.radius}, f64);
  }
  for (int k = 0; k < 3; k++) write_layer(file, "affine." + std::to_string(k), affine[k]);
  for (std::size_t k = 0; k < couplings.size(); k++) {
    const std::string p = prefix(k);
    write_layer(file, p + "in", couplings[k].in);
    file.add(p + "cond.weight", {hidden, nf()}, couplings[k].cond);
    write_layer(file, p + "hidden", couplings[k].hidden);
    write_layer(file, p + "out", couplings[k].out);
  }
  return file;
}

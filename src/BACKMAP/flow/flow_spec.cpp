/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "flow/flow_spec.h"

#include "core/json.h"
#include "core/model_file.h"

#include <algorithm>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;

namespace {

/* ----------------------------------------------------------------------
   the pieces of a model file, in the order in which their sizes become known
------------------------------------------------------------------------- */

struct FlowReader {
  const ModelFile &file;
  const std::string where;
  JsonObject o;
  FlowSpec s;
  std::vector<std::string> names;    // of the tensors read
  const std::string prefix;          // of the names of tensors

  void read(const json &text);

  const json &list(const char *field)
  {
    const json &value = o.value(field);
    if (!value.is_array()) o.fail(field, "a list");
    return value;
  }

  std::vector<double> tensor(const std::string &name, const std::vector<std::int64_t> &shape)
  {
    names.push_back(prefix + name);
    return file.tensor(prefix + name, shape);
  }

  FlowSpec::Layer layer(const std::string &name, int nout, int nin)
  {
    FlowSpec::Layer l;
    l.nout = nout;
    l.nin = nin;
    l.weight = tensor(name + ".weight", {nout, nin});
    l.bias = tensor(name + ".bias", {nout});
    return l;
  }

  void fragments();
  void variables();
  void couplings();
  void feature_scales();
  void scales();
  void networks();
};

/* ----------------------------------------------------------------------
   flows of kinds have names of their own, which begin alike
------------------------------------------------------------------------- */

const std::vector<std::string> FIELDS = {"features", "zmatrix", "bodies",    "rotors",
                                         "circular", "linear",  "couplings", "flow",
                                         "training", "kinds",   "fragments", "signature", "reach"};

void FlowReader::fragments()
{
  const int nkinds = (int) list("kinds").size();
  if (o.has("reach")) s.reach = o.integer("reach", 1, s.natoms);
  for (const auto &one : list("fragments")) {
    JsonObject r(one, where + ", fragment " + std::to_string(s.fragments.size()));
    s.fragments.push_back({r.integer("kind", 0, nkinds - 1), r.integer("stage", 0, s.natoms),
                           r.integers("points", 0, s.natoms - 1)});
    r.finish();
  }
  if (s.fragments.empty()) o.fail("fragments", "at least one");
  for (const auto &one : list("kinds")) {
    const int k = (int) s.kinds.size();
    const std::string here = where + ", kind " + std::to_string(k);
    FlowReader kind{file, here, {one, here}, {}, {}, s.piece_name(k)};
    if (kind.o.has("kinds")) o.fail("kinds", "flows of one piece");
    kind.read(one);
    s.kinds.push_back(std::move(kind.s));
    names.insert(names.end(), kind.names.begin(), kind.names.end());
  }
}

/* ----------------------------------------------------------------------
   Z-matrix, bodies, rotors, and which variables are linear or circular
------------------------------------------------------------------------- */

void FlowReader::variables()
{
  s.zmatrix = o.tuples<4>("zmatrix", 0, s.natoms + s.nbeads() - 1);
  const int n = s.nrows();
  if (o.has("bodies"))
    for (const auto &one : list("bodies")) {
      JsonObject r(one, where + ", body " + std::to_string(s.bodies.size()));
      s.bodies.push_back({r.integer("bead", 0, s.nbeads() - 1), r.integer("row", 0, n - 1),
                          r.integer("axis", 0, s.natoms - 1), r.integer("spin", 0, s.natoms - 1)});
      r.finish();
    }
  for (const auto &one : list("rotors")) {
    JsonObject r(one, where + ", rotor " + std::to_string(s.rotors.size()));
    FlowSpec::Rotor rotor;
    rotor.rows = r.integers("rows", 0, n - 1);
    rotor.sign = r.integer("sign", -1, 1);
    r.finish();
    if (rotor.rows.empty()) o.fail("rotors", "rows in every rotor");
    s.rotors.push_back(rotor);
  }
  s.circular = o.integers("circular", 2 * n, 3 * n - 1);
  s.linear = o.integers("linear", 0, 3 * n - 1);
}

/* ----------------------------------------------------------------------
   sizes of the networks, and what conditions what
------------------------------------------------------------------------- */

void FlowReader::couplings()
{
  JsonObject f(o.value("flow"), where + ", flow");
  s.hidden = f.integer("hidden", 1, FlowSpec::MAX_HIDDEN);
  s.bins = f.integer("bins", 2, FlowSpec::MAX_BINS);
  s.circular_bins = f.integer("circular_bins", 2, FlowSpec::MAX_BINS);
  s.bound = f.number("bound");
  f.finish();

  const json &couplings = o.value("couplings");
  if (!couplings.is_array() || couplings.size() > (std::size_t) FlowSpec::MAX_COUPLINGS)
    o.fail("couplings", "a list of at most " + std::to_string(FlowSpec::MAX_COUPLINGS));
  for (const auto &one : couplings) {
    JsonObject r(one, where + ", coupling " + std::to_string(s.couplings.size()));
    FlowSpec::Coupling c;
    c.linear_id = r.integers("linear_id", 0, s.nl() - 1);
    c.circular_id = r.integers("circular_id", 0, s.nc() - 1);
    r.finish();
    if ((int) c.linear_id.size() > s.nl() || (int) c.circular_id.size() > s.nc())
      o.fail("couplings", "each variable at most once");
    s.couplings.push_back(c);
  }
}

/* ---------------------------------------------------------------------- */

void FlowReader::feature_scales()
{
  const int nf = s.nf();
  s.feature_mean = tensor("features.mean", {nf});
  s.feature_std = tensor("features.std", {nf});
  if (file.has(prefix + "range.centres")) {
    const auto shape = file.shape(prefix + "range.centres");
    s.range.dim = nf;
    s.range.centres = tensor("range.centres", {shape.empty() ? 0 : shape[0], nf});
    s.range.radius = tensor("range.radius", {1})[0];
  }
}

void FlowReader::scales()
{
  const int nl = s.nl();
  s.linear_mean = tensor("linear.mean", {nl});
  s.linear_chol = tensor("linear.chol", {nl, nl});
}

/* ----------------------------------------------------------------------
   each tensor has the one shape that the architecture gives
------------------------------------------------------------------------- */

void FlowReader::networks()
{
  const int nl = s.nl(), nf = s.nf(), h = s.hidden;
  s.affine[0] = layer("affine.0", h, nf);
  s.affine[1] = layer("affine.1", h, h);
  s.affine[2] = layer("affine.2", 2 * nl, h);
  for (std::size_t k = 0; k < s.couplings.size(); k++) {
    FlowSpec::Coupling &c = s.couplings[k];
    const std::string p = FlowSpec::coupling_name(k);
    c.in = layer(p + "in", h, (int) (c.linear_id.size() + 4 * c.circular_id.size()));
    c.cond = tensor(p + "cond.weight", {h, nf});
    c.hidden = layer(p + "hidden", h, h);
    c.out = layer(p + "out", s.outputs(c), h);
  }
}

/* ----------------------------------------------------------------------
   one flow: of one piece or composed
------------------------------------------------------------------------- */

void FlowReader::read(const json &text)
{
  static_cast<MoleculeSpec &>(s) = MoleculeSpec::from_json(text.dump(), FIELDS, where);
  s.features = FeatureSpec::from_json(o.value("features").dump(), s.nbeads(), where);
  if (o.has("training")) s.training = o.value("training").dump();
  if (o.has("signature")) s.signature = o.text("signature");
  feature_scales();
  if (o.has("fragments")) {
    for (const char *field :
         {"zmatrix", "bodies", "rotors", "circular", "linear", "couplings", "flow"})
      if (o.has(field)) o.fail(field, "none beside fragments");
    fragments();
    return;
  }
  if (o.has("kinds")) o.fail("kinds", "none without fragments");
  variables();
  couplings();
  scales();
  networks();
}

/* ----------------------------------------------------------------------
   the inverse: JSON, and tensors into the file
------------------------------------------------------------------------- */

struct FlowWriter {
  const FlowSpec &s;
  ModelFile &file;
  const std::string prefix;

  void tensor(const std::string &name, const std::vector<std::int64_t> &shape,
              const std::vector<double> &values, ModelFile::DType type = ModelFile::DType::F32)
  {
    file.add(prefix + name, shape, values, type);
  }

  void layer(const std::string &name, const FlowSpec::Layer &l)
  {
    tensor(name + ".weight", {l.nout, l.nin}, l.weight);
    tensor(name + ".bias", {l.nout}, l.bias);
  }

  json write();
  void fragments(json &j);
  void piece(json &j);
};

json FlowWriter::write()
{
  const auto f64 = ModelFile::DType::F64;
  json j = json::parse(s.MoleculeSpec::to_json());
  j["features"] = json::parse(s.features.to_json());
  j["training"] = JsonObject::parse(s.training, "training figures");
  if (!s.signature.empty()) j["signature"] = s.signature;
  tensor("features.mean", {s.nf()}, s.feature_mean, f64);
  tensor("features.std", {s.nf()}, s.feature_std, f64);
  if (s.range.known()) {
    tensor("range.centres", {(std::int64_t) s.range.centres.size() / s.range.dim, s.range.dim},
           s.range.centres);
    tensor("range.radius", {1}, {s.range.radius}, f64);
  }
  if (s.composed())
    fragments(j);
  else
    piece(j);
  return j;
}

void FlowWriter::fragments(json &j)
{
  j["reach"] = s.reach;
  j["kinds"] = json::array();
  for (std::size_t k = 0; k < s.kinds.size(); k++)
    j["kinds"].push_back(FlowWriter{s.kinds[k], file, s.piece_name((int) k)}.write());
  j["fragments"] = json::array();
  for (const auto &f : s.fragments)
    j["fragments"].push_back({{"kind", f.kind}, {"stage", f.stage}, {"points", f.points}});
}

void FlowWriter::piece(json &j)
{
  const auto f64 = ModelFile::DType::F64;
  j["zmatrix"] = s.zmatrix;
  if (!s.bodies.empty()) j["bodies"] = json::array();    // absent where every bead is one atom
  for (const auto &b : s.bodies)
    j["bodies"].push_back({{"bead", b.bead}, {"row", b.row}, {"axis", b.axis}, {"spin", b.spin}});
  j["rotors"] = json::array();
  for (const auto &rotor : s.rotors)
    j["rotors"].push_back({{"rows", rotor.rows}, {"sign", rotor.sign}});
  j["circular"] = s.circular;
  j["linear"] = s.linear;
  j["flow"] = {{"hidden", s.hidden},
               {"bins", s.bins},
               {"circular_bins", s.circular_bins},
               {"bound", s.bound}};
  j["couplings"] = json::array();
  for (const auto &c : s.couplings)
    j["couplings"].push_back({{"linear_id", c.linear_id}, {"circular_id", c.circular_id}});
  tensor("linear.mean", {s.nl()}, s.linear_mean, f64);
  tensor("linear.chol", {s.nl(), s.nl()}, s.linear_chol, f64);
  for (int k = 0; k < 3; k++) layer("affine." + std::to_string(k), s.affine[k]);
  for (std::size_t k = 0; k < s.couplings.size(); k++) {
    const auto &c = s.couplings[k];
    const std::string p = FlowSpec::coupling_name(k);
    layer(p + "in", c.in);
    tensor(p + "cond.weight", {s.hidden, s.nf()}, c.cond);
    layer(p + "hidden", c.hidden);
    layer(p + "out", c.out);
  }
}

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

std::vector<int> FlowSpec::others(const std::vector<int> &set, int n)
{
  std::vector<int> rest;
  for (int i = 0; i < n; i++)
    if (std::find(set.begin(), set.end(), i) == set.end()) rest.push_back(i);
  return rest;
}

std::vector<int> FlowSpec::linear_transformed(const Coupling &c) const
{
  return others(c.linear_id, nl());
}

std::vector<int> FlowSpec::circular_transformed(const Coupling &c) const
{
  return others(c.circular_id, nc());
}

std::string FlowSpec::coupling_name(std::size_t k)
{
  return "coupling." + std::to_string(k) + ".";
}

std::string FlowSpec::piece_name(int kind) const
{
  return composed() ? "kind." + std::to_string(kind) + "." : "";
}

std::vector<std::vector<int>> FlowSpec::equivalent_atoms() const
{
  std::vector<std::vector<int>> groups;
  for (const auto &rotor : rotors) {
    groups.emplace_back();
    for (const int k : rotor.rows) groups.back().push_back(zmatrix[k][0]);
  }
  for (const auto &f : fragments)
    for (auto group : kinds[f.kind].equivalent_atoms()) {
      for (int &atom : group) atom = f.points[atom];
      groups.push_back(group);
    }
  return groups;
}

std::vector<char> FlowSpec::drawn_atoms() const
{
  std::vector<char> drawn(natoms, 1);
  for (const auto &bead : beads)
    if (bead.atoms.size() == 1) drawn[bead.atoms[0]] = 0;
  return drawn;
}

int FlowSpec::outputs(const Coupling &c) const
{
  return (nl() - (int) c.linear_id.size()) * linear_outputs() +
      (nc() - (int) c.circular_id.size()) * circular_outputs();
}

/* ---------------------------------------------------------------------- */

FlowSpec FlowSpec::from_model(const ModelFile &file)
{
  const std::string where = "model file " + file.origin();
  if (file.meta("format") != "backmap.flow")
    throw std::runtime_error(where + ": format: expected \"backmap.flow\", got \"" +
                             file.meta("format") + "\"");
  const json j = JsonObject::parse(file.meta("spec"), where);
  FlowReader read{file, where, {j, where}, {}, {}, ""};
  read.read(j);
  file.require_names(read.names);
  read.s.validate(where);
  return std::move(read.s);
}

/* ---------------------------------------------------------------------- */

ModelFile FlowSpec::to_model() const
{
  validate("flow of " + molecule);
  ModelFile file;
  file.set_origin("flow of " + molecule);
  file.set_meta("format", "backmap.flow");
  file.set_meta("spec", FlowWriter{*this, file, ""}.write().dump());
  return file;
}

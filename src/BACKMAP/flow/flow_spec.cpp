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

std::vector<int> complement(const std::vector<int> &set, int n)
{
  std::vector<int> rest;
  for (int i = 0; i < n; i++)
    if (std::find(set.begin(), set.end(), i) == set.end()) rest.push_back(i);
  return rest;
}

/* ----------------------------------------------------------------------
   the pieces of a model file, in the order in which their sizes become known
------------------------------------------------------------------------- */

struct FlowReader {
  const ModelFile &file;
  const std::string &where;
  JsonObject o;
  FlowSpec s;
  std::vector<std::string> names;    // of the tensors read

  const json &list(const char *field)
  {
    const json &value = o.value(field);
    if (!value.is_array()) o.fail(field, "a list");
    return value;
  }

  std::vector<double> tensor(const std::string &name, const std::vector<std::int64_t> &shape)
  {
    names.push_back(name);
    return file.tensor(name, shape);
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

  void variables();
  void couplings();
  void scales();
  void networks();
};

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

void FlowReader::scales()
{
  const int nl = s.nl(), nf = s.nf();
  s.linear_mean = tensor("linear.mean", {nl});
  s.linear_chol = tensor("linear.chol", {nl, nl});
  s.feature_mean = tensor("features.mean", {nf});
  s.feature_std = tensor("features.std", {nf});
  if (file.has("range.centres")) {
    const auto shape = file.shape("range.centres");
    s.range.dim = nf;
    s.range.centres = tensor("range.centres", {shape.empty() ? 0 : shape[0], nf});
    s.range.radius = tensor("range.radius", {1})[0];
  }
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

/* ---------------------------------------------------------------------- */

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

std::string FlowSpec::coupling_name(std::size_t k)
{
  return "coupling." + std::to_string(k) + ".";
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
  const std::string &text = file.meta("spec");
  const json j = JsonObject::parse(text, where);
  FlowReader read{file, where, {j, where}, {}, {}};
  FlowSpec &s = read.s;
  static_cast<MoleculeSpec &>(s) = MoleculeSpec::from_json(text, FIELDS, where);
  s.features = FeatureSpec::from_json(read.o.value("features").dump(), s.nbeads(), where);
  read.variables();
  if (read.o.has("training")) s.training = read.o.value("training").dump();
  read.couplings();
  read.scales();
  read.networks();
  file.require_names(read.names);
  s.validate(where);
  return std::move(read.s);
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
    const std::string p = coupling_name(k);
    write_layer(file, p + "in", couplings[k].in);
    file.add(p + "cond.weight", {hidden, nf()}, couplings[k].cond);
    write_layer(file, p + "hidden", couplings[k].hidden);
    write_layer(file, p + "out", couplings[k].out);
  }
  return file;
}

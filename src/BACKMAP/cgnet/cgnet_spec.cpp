/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// CgnetSpec: from and to a model file, and its checks.

#include "cgnet/cgnet.h"

#include "core/json.h"
#include "molecule/elements.h"
#include "molecule/graph.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;

namespace {

constexpr int MAX_WIDTH = 65536;    // of a hidden layer; keeps index arithmetic far from overflow

constexpr int MAX_REACH = 100;

std::string name_of(std::size_t layer, const char *what)
{
  return "net." + std::to_string(layer) + "." + what;
}

template <std::size_t N>
void check_indices(const std::vector<std::array<int, N>> &list, int nbeads, const char *field,
                   const std::string &where)
{
  for (const auto &row : list)
    for (std::size_t i = 0; i < N; i++) {
      if (row[i] < 0 || row[i] >= nbeads)
        throw std::runtime_error(where + ": " + field + ": bead index, expected 0 to " +
                                 std::to_string(nbeads - 1) + ", got " + std::to_string(row[i]));
      for (std::size_t j = 0; j < i; j++)
        if (row[i] == row[j])
          throw std::runtime_error(where + ": " + field + ": bead " + std::to_string(row[i]) +
                                   " is repeated in one entry");
    }
}

}    // namespace

/* ----------------------------------------------------------------------
   the constants of Update::set_units in LAMMPS
------------------------------------------------------------------------- */

double BACKMAP_NS::boltzmann_constant(const std::string &units)
{
  if (units == "real") return 0.0019872067;
  if (units == "metal") return 8.617343e-5;
  if (units == "lj") return 1.0;
  if (units == "si") return 1.3806504e-23;
  if (units == "cgs") return 1.3806504e-16;
  if (units == "electron") return 3.16681534e-6;
  if (units == "micro") return 1.3806504e-8;
  if (units == "nano") return 0.013806504;
  throw std::runtime_error("units, expected a LAMMPS unit style, got \"" + units + "\"");
}

/* ---------------------------------------------------------------------- */

std::string CgnetSpec::piece_name(int kind) const
{
  return composed() ? "kind." + std::to_string(kind) + "." : "";
}

std::string CgnetSpec::bead_formula(int bead) const
{
  std::vector<std::string> elements;
  for (const int a : beads[bead].atoms) elements.push_back(element_of_mass(masses[a]));
  return formula(elements);
}

/* ---------------------------------------------------------------------- */

void CgnetSpec::validate(const std::string &where) const
{
  MoleculeSpec::validate(where);
  try {
    boltzmann_constant(units);
  } catch (const std::runtime_error &e) {
    throw std::runtime_error(where + ": " + e.what());
  }
  if (composed())
    validate_windows(where);
  else
    validate_piece(where);
}

/* ----------------------------------------------------------------------
   kinds are models of one piece at the temperature of the whole; every bead is in a window, and every
   sort of pair that may meet has a repulsion
------------------------------------------------------------------------- */

void CgnetSpec::validate_windows(const std::string &where) const
{
  const auto fail = [&where](const std::string &what) {
    throw std::runtime_error(where + ": " + what);
  };
  if (!layers.empty() || features.size() > 0) fail("network: expected none beside windows");
  check_indices(bead_bonds, nbeads(), "bead_bonds", where);
  for (std::size_t k = 0; k < kinds.size(); k++) {
    const std::string name = "kind " + std::to_string(k);
    if (kinds[k].composed()) fail(name + ": expected a model of one piece");
    if (kinds[k].signature.empty()) fail(name + ": expected a signature");
    kinds[k].validate(where + ": " + name);
    if (kinds[k].units != units || kinds[k].temperature != temperature)
      fail(name + ": units and temperature, expected those of the model");
  }
  std::vector<char> seen(nbeads(), 0);
  for (std::size_t w = 0; w < windows.size(); w++) {
    const std::string name = "window " + std::to_string(w);
    if (windows[w].kind < 0 || windows[w].kind >= (int) kinds.size())
      fail(name + ": kind, expected 0 to " + std::to_string((int) kinds.size() - 1) + ", got " +
           std::to_string(windows[w].kind));
    if (windows[w].orders.empty()) fail(name + ": expected at least one order of its beads");
    std::set<int> first;
    for (const auto &order : windows[w].orders) {
      const std::set<int> set(order.begin(), order.end());
      if ((int) order.size() != kinds[windows[w].kind].nbeads())
        fail(name + ": expected " + std::to_string(kinds[windows[w].kind].nbeads()) +
             " beads as its kind has, got " + std::to_string(order.size()));
      if (set.size() != order.size() || *set.begin() < 0 || *set.rbegin() >= nbeads())
        fail(name + ": expected different beads from 0 to " + std::to_string(nbeads() - 1));
      if (first.empty()) first = set;
      if (set != first) fail(name + ": expected the same beads in every order");
      for (const int b : order) seen[b] = 1;
    }
  }
  for (int b = 0; b < nbeads(); b++)
    if (!seen[b])
      fail("windows: bead " + std::to_string(b) + " (" + beads[b].name + ") is in none of them");
  std::set<std::array<std::string, 2>> known;
  for (const auto &pair : far) {
    const std::string name = "repulsion of " + pair.beads[0] + " and " + pair.beads[1];
    if (pair.beads[1] < pair.beads[0])
      fail(name + ": expected the names in the order of the alphabet");
    if (!known.insert(pair.beads).second) fail(name + ": is there twice");
    if (!(pair.sigma >= 0.0) || !std::isfinite(pair.sigma))
      fail(name + ": sigma, expected a value of at least 0, got " + std::to_string(pair.sigma));
  }
  for (const auto &pair : far_sorts())
    if (!known.count(pair)) fail("no repulsion of beads " + pair[0] + " and " + pair[1]);
}

std::vector<std::array<std::string, 2>> CgnetSpec::far_sorts() const
{
  const Graph graph = graph_of(nbeads(), bead_bonds);
  std::vector<std::string> names;
  for (int b = 0; b < nbeads(); b++) names.push_back(bead_formula(b));
  std::set<std::array<std::string, 2>> out;
  for (int a = 0; a < nbeads(); a++) {
    const auto steps = steps_from(graph, std::vector<char>(nbeads(), 1), a);
    for (int b = 0; b < a; b++)
      if (steps[b] < 0 || steps[b] >= FAR)
        out.insert({std::min(names[a], names[b]), std::max(names[a], names[b])});
  }
  return {out.begin(), out.end()};
}

/* ---------------------------------------------------------------------- */

void CgnetSpec::validate_piece(const std::string &where) const
{
  const auto fail = [&where](const std::string &what) {
    throw std::runtime_error(where + ": " + what);
  };
  if (!kinds.empty() || !far.empty() || !bead_bonds.empty() || reach != 0)
    fail("windows: expected at least one");
  const auto count = [&](const std::string &what, std::size_t expected,
                         const std::vector<double> &values) {
    if (values.size() != expected)
      fail(what + ": expected " + std::to_string(expected) + " values, got " +
           std::to_string(values.size()));
    for (const double v : values)
      if (!std::isfinite(v)) fail(what + ": expected finite values");
  };

  if (features.nbeads != nbeads())
    fail("features: expected " + std::to_string(nbeads()) + " beads, got " +
         std::to_string(features.nbeads));
  features.validate(where + ": features");
  const std::size_t nf = features.size();
  if (nf == 0) fail("features: expected at least one");
  count("features.mean", nf, feature_mean);
  count("features.std", nf, feature_std);
  for (const double s : feature_std)
    if (!(s > 0.0)) fail("features.std: expected positive values, got " + std::to_string(s));

  if (layers.size() != hidden.size() + 1)
    fail("network: expected " + std::to_string(hidden.size() + 1) + " layers, got " +
         std::to_string(layers.size()));
  std::size_t in = nf;
  for (std::size_t k = 0; k < layers.size(); k++) {
    const std::size_t out = k < hidden.size() ? hidden[k] : 1;
    if (out < 1 || out > MAX_WIDTH)
      fail("network: width of a hidden layer, expected 1 to " + std::to_string(MAX_WIDTH) +
           ", got " + std::to_string(hidden[k]));
    if (layers[k].in != (int) in || layers[k].out != (int) out)
      fail("network: layer " + std::to_string(k) + ": expected " + std::to_string(in) + " to " +
           std::to_string(out));
    count(name_of(k, "weight"), in * out, layers[k].weight);
    count(name_of(k, "bias"), out, layers[k].bias);
    in = out;
  }

  check_indices(prior.bonds, nbeads(), "prior bonds", where);
  check_indices(prior.angles, nbeads(), "prior angles", where);
  check_indices(prior.dihedrals, nbeads(), "prior dihedrals", where);
  check_indices(prior.repulsion, nbeads(), "prior repulsion", where);
  const std::size_t n = prior.size();
  count("prior.mean", n, prior.mean);
  count("prior.precision", n * n, prior.precision);
  count("prior.sigma", prior.repulsion.size(), prior.sigma);
  if (!prior.jacobian.empty()) count("prior.jacobian", prior.bonds.size(), prior.jacobian);
  for (const double s : prior.sigma)
    if (!(s >= 0.0)) fail("prior.sigma: expected values of at least 0, got " + std::to_string(s));
  for (std::size_t i = 0; i < n; i++)
    for (std::size_t j = 0; j < i; j++) {
      const double a = prior.precision[i * n + j], b = prior.precision[j * n + i];
      if (std::fabs(a - b) > 1.0e-9 * (std::fabs(a) + std::fabs(b)))
        fail("prior.precision: expected a symmetric matrix");
    }
}

/* ----------------------------------------------------------------------
   reading: what a model of one piece has, and then the kinds and windows of a composed one
------------------------------------------------------------------------- */

namespace {

// beside those of the molecule
const std::vector<std::string> OF_PIECE = {"features", "network", "prior", "training", "signature"},
                               OF_WINDOWS = {"bead_bonds", "kinds",    "reach",
                                             "repulsion",  "training", "windows"};

struct CgnetReader {
  const ModelFile &model;
  const std::string where;
  JsonObject o;
  CgnetSpec s;
  std::vector<std::string> names;    // of the tensors read
  const std::string prefix;          // of their names

  std::vector<double> tensor(const std::string &name, const std::vector<std::int64_t> &shape)
  {
    names.push_back(prefix + name);
    return model.tensor(prefix + name, shape);
  }

  const json &list(const char *field)
  {
    const json &value = o.value(field);
    if (!value.is_array()) o.fail(field, "a list");
    return value;
  }

  void read(const json &text)
  {
    const bool composed = o.has("windows");
    static_cast<MoleculeSpec &>(s) =
        MoleculeSpec::from_json(text.dump(), composed ? OF_WINDOWS : OF_PIECE, where);
    if (o.has("training")) s.training = o.value("training").dump();
    if (o.has("signature")) s.signature = o.text("signature");
    if (composed)
      windows();
    else
      piece();
  }

  void piece();
  void windows();
};

void CgnetReader::piece()
{
  const int nb = s.nbeads();
  s.features = FeatureSpec::from_json(o.value("features").dump(), nb, where);

  JsonObject net(o.value("network"), where + ": network");
  s.hidden = net.integers("hidden", 1, MAX_WIDTH);
  if (net.text("activation") != "tanh") net.fail("activation", "\"tanh\"");
  net.finish();

  JsonObject p(o.value("prior"), where + ": prior");
  s.prior.bonds = p.tuples<2>("bonds", 0, nb - 1);
  s.prior.angles = p.tuples<3>("angles", 0, nb - 1);
  s.prior.dihedrals = p.tuples<4>("dihedrals", 0, nb - 1);
  s.prior.repulsion = p.tuples<2>("repulsion", 0, nb - 1);
  p.finish();

  const std::int64_t nf = s.features.size(), np = s.prior.size();
  s.feature_mean = tensor("features.mean", {nf});
  s.feature_std = tensor("features.std", {nf});
  if (np > 0) {
    s.prior.mean = tensor("prior.mean", {np});
    s.prior.precision = tensor("prior.precision", {np, np});
  }
  if (!s.prior.repulsion.empty())
    s.prior.sigma = tensor("prior.sigma", {(std::int64_t) s.prior.repulsion.size()});
  if (model.has(prefix + "prior.jacobian"))
    s.prior.jacobian = tensor("prior.jacobian", {(std::int64_t) s.prior.bonds.size()});
  std::int64_t in = nf;
  for (std::size_t k = 0; k <= s.hidden.size(); k++) {
    const std::int64_t out = k < s.hidden.size() ? s.hidden[k] : 1;
    CgnetSpec::Linear l;
    l.in = (int) in;
    l.out = (int) out;
    l.weight = tensor(name_of(k, "weight"), {out, in});
    l.bias = tensor(name_of(k, "bias"), {out});
    s.layers.push_back(l);
    in = out;
  }
}

void CgnetReader::windows()
{
  s.reach = o.integer("reach", 1, MAX_REACH);
  s.bead_bonds = o.tuples<2>("bead_bonds", 0, s.nbeads() - 1);
  for (const auto &one : list("windows")) {
    JsonObject r(one, where + ": window " + std::to_string(s.windows.size()));
    CgnetSpec::Window w;
    w.kind = r.integer("kind", 0, (int) list("kinds").size() - 1);
    const json &orders = r.value("orders");
    if (!orders.is_array()) r.fail("orders", "a list of lists of beads");
    r.finish();
    for (const auto &order : orders) {
      const json beads = {{"orders", order}};
      JsonObject b(beads, where + ": window " + std::to_string(s.windows.size()));
      w.orders.push_back(b.integers("orders", 0, s.nbeads() - 1));
    }
    s.windows.push_back(w);
  }
  if (s.windows.empty()) o.fail("windows", "at least one");
  for (const auto &one : list("kinds")) {
    const int k = (int) s.kinds.size();
    const std::string here = where + ": kind " + std::to_string(k);
    CgnetReader kind{model, here, {one, here}, {}, {}, s.piece_name(k)};
    if (kind.o.has("windows")) o.fail("kinds", "models of one piece");
    kind.read(one);
    s.kinds.push_back(std::move(kind.s));
    names.insert(names.end(), kind.names.begin(), kind.names.end());
  }
  for (const auto &one : list("repulsion")) {
    if (!one.is_array() || one.size() != 2 || !one[0].is_string() || !one[1].is_string())
      o.fail("repulsion", "a list of pairs of names");
    s.far.push_back({{one[0].get<std::string>(), one[1].get<std::string>()}, 0.0});
  }
  if (s.far.empty()) return;
  const auto sigma = tensor("repulsion.sigma", {(std::int64_t) s.far.size()});
  for (std::size_t k = 0; k < sigma.size(); k++) s.far[k].sigma = sigma[k];
}

/* ----------------------------------------------------------------------
   the inverse
------------------------------------------------------------------------- */

struct CgnetWriter {
  const CgnetSpec &s;
  ModelFile &model;
  const ModelFile::DType type;    // of network weights; all other numbers are double
  const std::string prefix;

  void tensor(const std::string &name, const std::vector<std::int64_t> &shape,
              const std::vector<double> &values, ModelFile::DType as = ModelFile::DType::F64)
  {
    model.add(prefix + name, shape, values, as);
  }

  json write()
  {
    json j = json::parse(s.MoleculeSpec::to_json());
    j["training"] = json::parse(s.training);
    if (!s.signature.empty()) j["signature"] = s.signature;
    if (s.composed())
      windows(j);
    else
      piece(j);
    return j;
  }

  void piece(json &j)
  {
    const auto &prior = s.prior;
    j["features"] = json::parse(s.features.to_json());
    j["network"] = {{"hidden", s.hidden}, {"activation", "tanh"}};
    j["prior"] = {{"bonds", prior.bonds},
                  {"angles", prior.angles},
                  {"dihedrals", prior.dihedrals},
                  {"repulsion", prior.repulsion}};
    const std::int64_t nf = s.features.size(), np = prior.size();
    tensor("features.mean", {nf}, s.feature_mean);
    tensor("features.std", {nf}, s.feature_std);
    if (np > 0) {
      tensor("prior.mean", {np}, prior.mean);
      tensor("prior.precision", {np, np}, prior.precision);
    }
    if (!prior.repulsion.empty())
      tensor("prior.sigma", {(std::int64_t) prior.repulsion.size()}, prior.sigma);
    if (!prior.jacobian.empty())
      tensor("prior.jacobian", {(std::int64_t) prior.bonds.size()}, prior.jacobian);
    for (std::size_t k = 0; k < s.layers.size(); k++) {
      const auto &l = s.layers[k];
      tensor(name_of(k, "weight"), {l.out, l.in}, l.weight, type);
      tensor(name_of(k, "bias"), {l.out}, l.bias, type);
    }
  }

  void windows(json &j)
  {
    j["reach"] = s.reach;
    j["bead_bonds"] = s.bead_bonds;
    j["windows"] = json::array();
    for (const auto &w : s.windows)
      j["windows"].push_back({{"kind", w.kind}, {"orders", w.orders}});
    j["kinds"] = json::array();
    for (int k = 0; k < s.npieces(); k++)
      j["kinds"].push_back(CgnetWriter{s.kinds[k], model, type, s.piece_name(k)}.write());
    j["repulsion"] = json::array();
    std::vector<double> sigma;
    for (const auto &pair : s.far) {
      j["repulsion"].push_back(pair.beads);
      sigma.push_back(pair.sigma);
    }
    if (!sigma.empty()) tensor("repulsion.sigma", {(std::int64_t) sigma.size()}, sigma);
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

CgnetSpec CgnetSpec::from_model(const ModelFile &model)
{
  const std::string where = "model file " + model.origin();
  if (!model.has_meta("format") || model.meta("format") != "backmap.cgnet")
    throw std::runtime_error(where + ": format, expected backmap.cgnet, got " +
                             (model.has_meta("format") ? model.meta("format") : "none"));
  const json j = JsonObject::parse(model.meta("spec"), where + ": spec");
  CgnetReader reader{model, where + ": spec", {j, where + ": spec"}, {}, {}, ""};
  reader.read(j);
  model.require_names(reader.names);
  reader.s.validate(where);
  return std::move(reader.s);
}

ModelFile CgnetSpec::to_model(ModelFile::DType type) const
{
  validate("cgnet model");
  ModelFile model;
  model.set_meta("format", "backmap.cgnet");
  model.set_meta("format_version", "1");
  model.set_meta("spec", CgnetWriter{*this, model, type, ""}.write().dump());
  return model;
}

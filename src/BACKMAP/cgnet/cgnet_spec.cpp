/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// CgnetSpec: from and to a model file, and its checks.

#include "cgnet/cgnet.h"

#include "core/json.h"

#include <cmath>
#include <stdexcept>

using namespace BACKMAP_NS;
using nlohmann::json;

namespace {

constexpr int MAX_WIDTH = 65536;    // of a hidden layer; keeps index arithmetic far from overflow

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

/* ---------------------------------------------------------------------- */

void CgnetSpec::validate(const std::string &where) const
{
  MoleculeSpec::validate(where);
  const auto fail = [&where](const std::string &what) {
    throw std::runtime_error(where + ": " + what);
  };
  const auto count = [&](const std::string &what, std::size_t expected,
                         const std::vector<double> &values) {
    if (values.size() != expected)
      fail(what + ": expected " + std::to_string(expected) + " values, got " +
           std::to_string(values.size()));
    for (const double v : values)
      if (!std::isfinite(v)) fail(what + ": expected finite values");
  };

  try {
    boltzmann_constant(units);
  } catch (const std::runtime_error &e) {
    fail(e.what());
  }
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
  for (const double s : prior.sigma)
    if (!(s >= 0.0)) fail("prior.sigma: expected values of at least 0, got " + std::to_string(s));
  for (std::size_t i = 0; i < n; i++)
    for (std::size_t j = 0; j < i; j++) {
      const double a = prior.precision[i * n + j], b = prior.precision[j * n + i];
      if (std::fabs(a - b) > 1.0e-9 * (std::fabs(a) + std::fabs(b)))
        fail("prior.precision: expected a symmetric matrix");
    }
}

/* ---------------------------------------------------------------------- */

CgnetSpec CgnetSpec::from_model(const ModelFile &model)
{
  const std::string where = "model file " + model.origin();
  if (!model.has_meta("format") || model.meta("format") != "backmap.cgnet")
    throw std::runtime_error(where + ": format, expected backmap.cgnet, got " +
                             (model.has_meta("format") ? model.meta("format") : "none"));

  const std::string &text = model.meta("spec");
  CgnetSpec s;
  static_cast<MoleculeSpec &>(s) =
      MoleculeSpec::from_json(text, {"features", "network", "prior", "training"}, where + ": spec");
  const int nb = s.nbeads();
  const json j = JsonObject::parse(text, where + ": spec");
  JsonObject o(j, where + ": spec");
  s.features = FeatureSpec::from_json(o.value("features").dump(), nb, where + ": spec");
  if (o.has("training")) s.training = o.value("training").dump();

  JsonObject net(o.value("network"), where + ": spec: network");
  s.hidden = net.integers("hidden", 1, MAX_WIDTH);
  if (net.text("activation") != "tanh") net.fail("activation", "\"tanh\"");
  net.finish();

  JsonObject p(o.value("prior"), where + ": spec: prior");
  s.prior.bonds = p.tuples<2>("bonds", 0, nb - 1);
  s.prior.angles = p.tuples<3>("angles", 0, nb - 1);
  s.prior.dihedrals = p.tuples<4>("dihedrals", 0, nb - 1);
  s.prior.repulsion = p.tuples<2>("repulsion", 0, nb - 1);
  p.finish();

  const std::int64_t nf = s.features.size(), np = s.prior.size();
  std::vector<std::string> names = {"features.mean", "features.std"};
  s.feature_mean = model.tensor("features.mean", {nf});
  s.feature_std = model.tensor("features.std", {nf});
  if (np > 0) {
    s.prior.mean = model.tensor("prior.mean", {np});
    s.prior.precision = model.tensor("prior.precision", {np, np});
    names.insert(names.end(), {"prior.mean", "prior.precision"});
  }
  if (!s.prior.repulsion.empty()) {
    s.prior.sigma = model.tensor("prior.sigma", {(std::int64_t) s.prior.repulsion.size()});
    names.push_back("prior.sigma");
  }
  std::int64_t in = nf;
  for (std::size_t k = 0; k <= s.hidden.size(); k++) {
    const std::int64_t out = k < s.hidden.size() ? s.hidden[k] : 1;
    Linear l;
    l.in = (int) in;
    l.out = (int) out;
    l.weight = model.tensor(name_of(k, "weight"), {out, in});
    l.bias = model.tensor(name_of(k, "bias"), {out});
    names.insert(names.end(), {name_of(k, "weight"), name_of(k, "bias")});
    s.layers.push_back(l);
    in = out;
  }
  model.require_names(names);
  s.validate(where);
  return s;
}

/* ---------------------------------------------------------------------- */

ModelFile CgnetSpec::to_model(ModelFile::DType type) const
{
  validate("cgnet model");
  json j = json::parse(MoleculeSpec::to_json());
  j["features"] = json::parse(features.to_json());
  j["network"] = {{"hidden", hidden}, {"activation", "tanh"}};
  j["prior"] = {{"bonds", prior.bonds},
                {"angles", prior.angles},
                {"dihedrals", prior.dihedrals},
                {"repulsion", prior.repulsion}};
  j["training"] = json::parse(training);

  const auto F64 = ModelFile::DType::F64;
  ModelFile model;
  model.set_meta("format", "backmap.cgnet");
  model.set_meta("format_version", "1");
  model.set_meta("spec", j.dump());
  const std::int64_t nf = features.size(), np = prior.size();
  model.add("features.mean", {nf}, feature_mean, F64);
  model.add("features.std", {nf}, feature_std, F64);
  if (np > 0) {
    model.add("prior.mean", {np}, prior.mean, F64);
    model.add("prior.precision", {np, np}, prior.precision, F64);
  }
  if (!prior.repulsion.empty())
    model.add("prior.sigma", {(std::int64_t) prior.repulsion.size()}, prior.sigma, F64);
  for (std::size_t k = 0; k < layers.size(); k++) {
    const auto &l = layers[k];
    model.add(name_of(k, "weight"), {l.out, l.in}, l.weight, type);
    model.add(name_of(k, "bias"), {l.out}, l.bias, type);
  }
  return model;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/cgnet_windows.h"

#include "molecule/features.h"
#include "molecule/graph.h"
#include "training/figures.h"
#include "training/frames.h"
#include "training/kinds.h"
#include "training/prior.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

using Sorts = std::array<std::string, 2>;

/* ----------------------------------------------------------------------
   a kind as a molecule: its beads are its atoms
------------------------------------------------------------------------- */

MoleculeSpec describe_kind(const BeadWindows::Kind &kind, const CgnetSpec &whole)
{
  MoleculeSpec m;
  m.molecule = kind.name;
  m.units = whole.units;
  m.temperature = whole.temperature;
  m.natoms = (int) kind.beads.size();
  m.masses = kind.masses;
  m.bonds = kind.bonds;
  for (int b = 0; b < m.natoms; b++) {
    m.types.push_back(b + 1);
    m.charges.push_back(0.0);
    m.beads.push_back({kind.beads[b], {b}, {1.0}});
  }
  return m;
}

void describe_whole(CgnetSpec &spec, const Topology &topology, const Mapping &mapping,
                    const BeadWindows &windows)
{
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  spec.reach = windows.reach;
  spec.bead_bonds = windows.bonds;
  for (const auto &w : windows.windows) spec.windows.push_back({w.kind, w.orders});
}

/* ----------------------------------------------------------------------
   shortest distances of pairs of sorts, of the pairs that most bonds separate
------------------------------------------------------------------------- */

std::vector<CgnetSpec::FarPair> repulsion(const CgnetSpec &spec, const std::vector<double> &z)
{
  const int nb = spec.nbeads();
  const Graph graph = graph_of(nb, spec.bead_bonds);
  struct Shortest {
    int apart = 0;
    double r = 0.0;
  };
  std::map<Sorts, Shortest> found;
  for (int a = 0; a < nb; a++) {
    const auto steps = steps_from(graph, std::vector<char>(nb, 1), a);
    for (int b = 0; b < a; b++) {
      const int apart = steps[b] < 0 ? CgnetSpec::FAR : std::min(steps[b], CgnetSpec::FAR);
      if (apart < 2) continue;
      const std::string na = spec.bead_formula(a), nb_ = spec.bead_formula(b);
      auto &s = found[{std::min(na, nb_), std::max(na, nb_)}];
      if (apart < s.apart) continue;
      double r = 1.0e300;
      for (std::size_t i = 0; i < z.size(); i += 3 * (std::size_t) nb)
        r = std::min(r, bead_distance(&z[i + 3 * a], &z[i + 3 * b]));
      s = {apart, apart > s.apart ? r : std::min(r, s.r)};
    }
  }
  std::vector<CgnetSpec::FarPair> out;
  for (const auto &f : found) out.push_back({f.first, f.second.r * std::pow(0.1, 1.0 / 12.0)});
  return out;
}

/* ----------------------------------------------------------------------
   signatures of kinds whose windows have bonded centres
------------------------------------------------------------------------- */

std::set<Sorts> neighbors(const CgnetSpec &spec)
{
  std::vector<int> window(spec.nbeads(), -1);    // of which the bead is the centre
  for (std::size_t w = 0; w < spec.windows.size(); w++)
    window[spec.windows[w].orders[0][0]] = (int) w;
  std::set<Sorts> out;
  for (const auto &b : spec.bead_bonds) {
    if (window[b[0]] < 0 || window[b[1]] < 0) continue;
    const std::string &one = spec.kinds[spec.windows[window[b[0]]].kind].signature,
                      &two = spec.kinds[spec.windows[window[b[1]]].kind].signature;
    out.insert({std::min(one, two), std::max(one, two)});
  }
  return out;
}

// from: the model of each kind
void tell_strangers(const CgnetSpec &spec, const std::vector<const CgnetSpec *> &from,
                    std::vector<std::string> &notes)
{
  const auto source = [&](const std::string &signature) {
    for (std::size_t k = 0; k < spec.kinds.size(); k++)
      if (spec.kinds[k].signature == signature)
        return std::make_pair(from[k], spec.kinds[k].molecule);
    return std::make_pair((const CgnetSpec *) nullptr, std::string());
  };
  for (const auto &pair : neighbors(spec)) {
    const auto one = source(pair[0]), two = source(pair[1]);
    if (one.first == two.first && neighbors(*one.first).count(pair)) continue;
    notes.push_back("windows " + one.second + " and " + two.second +
                    " are neighbors, but were not in one training (" + one.first->molecule +
                    (one.first == two.first ? "" : ", " + two.first->molecule) +
                    "): their sum is not certain. Remedy: train on a molecule that has both, such "
                    "as a longer chain");
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

void add_empty_network(CgnetSpec &spec)
{
  int in = spec.features.size();
  for (std::size_t k = 0; k <= spec.hidden.size(); k++) {
    CgnetSpec::Linear l;
    l.in = in;
    l.out = k < spec.hidden.size() ? spec.hidden[k] : 1;
    l.weight.assign((std::size_t) l.in * l.out, 0.0);
    l.bias.assign(l.out, 0.0);
    spec.layers.push_back(l);
    in = l.out;
  }
}

/* ---------------------------------------------------------------------- */

CgnetSpec compose_cgnet(const Topology &topology, const Mapping &mapping,
                        const BeadWindows &windows, const std::string &units, double temperature,
                        const std::vector<int> &hidden, const std::vector<double> &z)
{
  CgnetSpec spec;
  describe_whole(spec, topology, mapping, windows);
  spec.units = units;
  spec.temperature = temperature;
  const std::size_t size = 3 * (std::size_t) spec.nbeads();
  for (std::size_t k = 0; k < windows.kinds.size(); k++) {
    const auto &from = windows.kinds[k];
    std::vector<double> local;
    for (const auto &w : windows.windows) {
      if (w.kind != (int) k) continue;
      for (const auto &order : w.orders)
        for (std::size_t i = 0; i < z.size(); i += size)
          for (const int b : order)
            local.insert(local.end(), z.begin() + i + 3 * b, z.begin() + i + 3 * b + 3);
    }
    CgnetSpec kind;
    static_cast<MoleculeSpec &>(kind) = describe_kind(from, spec);
    kind.signature = from.signature;
    kind.features = derive_features(kind.nbeads(), from.bonds);
    feature_statistics(kind.features, local, kind.feature_mean, kind.feature_std);
    kind.prior = fit_window_prior(from, local, boltzmann_constant(units) * temperature);
    kind.hidden = hidden;
    add_empty_network(kind);
    spec.kinds.push_back(std::move(kind));
  }
  spec.far = repulsion(spec, z);
  return spec;
}

/* ---------------------------------------------------------------------- */

CgnetSpec assemble_cgnet(const Topology &topology, const Mapping &mapping,
                         const std::vector<double> &x, const std::vector<CgnetSpec> &models,
                         std::vector<std::string> *notes)
{
  const auto fail = [](const std::string &what) {
    throw std::runtime_error("CG model out of kinds: " + what);
  };
  if (models.empty()) fail("no models, expected at least one");
  for (const auto &m : models) {
    if (!m.composed())
      fail("the model of " + m.molecule + " is of one piece, expected one of windows (local yes)");
    if (m.units != models[0].units || m.temperature != models[0].temperature)
      fail("units and temperature of the model of " + m.molecule + ", expected " + models[0].units +
           " and " + std::to_string(models[0].temperature) + " K, got " + m.units + " and " +
           std::to_string(m.temperature) + " K");
    if (m.reach != models[0].reach)
      fail("reach of the windows of " + m.molecule + ", expected " +
           std::to_string(models[0].reach) + ", got " + std::to_string(m.reach));
  }
  const auto windows = BeadWindows::derive(topology, mapping, x, models[0].reach);
  CgnetSpec spec;
  describe_whole(spec, topology, mapping, windows);
  spec.units = models[0].units;
  spec.temperature = models[0].temperature;

  std::string missing;
  const auto found = find_kinds(windows.kinds, models, missing);
  if (!missing.empty()) fail("no model has the windows" + missing);
  std::vector<std::string> sources;
  std::vector<const CgnetSpec *> from;
  for (std::size_t k = 0; k < found.size(); k++) {
    spec.kinds.push_back(*found[k].kind);
    from.push_back(found[k].model);
    sources.push_back(windows.kinds[k].name + " from " + found[k].model->molecule);
  }
  if (notes) tell_strangers(spec, from, *notes);

  std::map<Sorts, double> sigma;
  for (const auto &m : models)
    for (const auto &pair : m.far) {
      const auto at = sigma.insert({pair.beads, pair.sigma}).first;
      at->second = std::min(at->second, pair.sigma);
    }
  for (const auto &sorts : spec.far_sorts()) {
    const auto at = sigma.find(sorts);
    double smallest = at == sigma.end() ? -1.0 : at->second;
    if (at == sigma.end())
      for (const auto &s : sigma)
        for (const auto &name : sorts)
          if ((s.first[0] == name || s.first[1] == name) && (smallest < 0.0 || s.second < smallest))
            smallest = s.second;
    if (smallest < 0.0) fail("no model has a repulsion of beads " + sorts[0] + " or " + sorts[1]);
    spec.far.push_back({sorts, smallest});
  }
  spec.training = TrainingFigures().add("kinds", sources).json();
  spec.validate("CG model out of kinds");
  return spec;
}

}    // namespace BACKMAP_NS

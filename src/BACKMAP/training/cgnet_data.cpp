/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/cgnet_data.h"

#include "training/cgnet_windows.h"
#include "training/frames.h"
#include "training/prior.h"

#include <algorithm>
#include <numeric>
#include <stdexcept>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

CgnetSpec prior_only(const CgnetSpec &spec)
{
  CgnetSpec s = spec;
  for (int k = 0; k < s.npieces(); k++)
    for (auto &l : s.piece(k).layers) {
      std::fill(l.weight.begin(), l.weight.end(), 0.0);
      std::fill(l.bias.begin(), l.bias.end(), 0.0);
    }
  return s;
}

CgnetForces force_targets(const CgnetSpec &spec, const Topology &topology, const Mapping &mapping,
                          int64_t n, const double *x, const double *f,
                          const std::vector<char> &take)
{
  const int nb = mapping.nbeads(), m = 3 * topology.natoms;
  const auto groups = mapping.force_groups(topology);
  const Cgnet prior(prior_only(spec));
  CgnetForces out;
  std::vector<double> z(3 * nb), F(3 * nb), P(3 * nb);
  for (int64_t i = 0; i < n; i++) {
    if (!take[i]) continue;
    mapping.apply(x + i * m, z.data());
    Mapping::apply_forces(groups, nb, f + i * m, F.data());
    double e;
    prior.evaluate(1, z.data(), &e, P.data());
    out.z.insert(out.z.end(), z.begin(), z.end());
    for (int k = 0; k < 3 * nb; k++) out.force.push_back(F[k] - P[k]);
    out.n++;
  }
  return out;
}

/* ---------------------------------------------------------------------- */

namespace {

std::vector<double> training_beads(const Topology &topology, const Mapping &mapping, int64_t n,
                                   const double *x, const std::vector<char> &train)
{
  if (mapping.nbeads() < 2)
    throw std::runtime_error("CG training: the map has one bead, expected at least 2");
  auto z = bead_positions(mapping, topology.natoms, n, x, train);
  const auto nt = (int64_t) z.size() / (3 * mapping.nbeads());
  if (nt < 100)
    throw std::runtime_error("CG training: " + std::to_string(nt) +
                             " training frames, expected at least 100");
  return z;
}

// what the prior of a model of one piece or of a kind has
std::string prior_text(const CgnetSpec &s)
{
  return std::to_string(s.prior.bonds.size()) + " bonds, " + std::to_string(s.prior.angles.size()) +
      " angles, " + std::to_string(s.prior.dihedrals.size()) + " narrow torsions, " +
      std::to_string(s.prior.repulsion.size()) + " repulsions in the prior; " +
      std::to_string(s.features.size()) + " features";
}

}    // namespace

CgnetData prepare_cgnet(const Topology &topology, const Mapping &mapping, const std::string &units,
                        double temperature, const std::vector<int> &hidden, int64_t n,
                        const double *x, const double *f, const std::vector<char> &valid)
{
  CgnetData out;
  CgnetSpec &spec = out.spec;
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  spec.units = units;
  spec.temperature = temperature;
  const int nb = mapping.nbeads();
  const double kT = boltzmann_constant(units) * temperature;
  const auto train = opposite(valid);
  const auto z = training_beads(topology, mapping, n, x, train);
  const auto bonds = mapping.bead_bonds(topology);
  spec.features = derive_features(nb, bonds);
  feature_statistics(spec.features, z, spec.feature_mean, spec.feature_std);
  spec.prior = fit_prior(nb, bonds, z, kT);
  spec.hidden = hidden;
  add_empty_network(spec);
  spec.validate("CG training");

  out.train = force_targets(spec, topology, mapping, n, x, f, train);
  out.valid = force_targets(spec, topology, mapping, n, x, f, valid);
  out.notes.push_back(std::to_string(nb) + " beads, " + prior_text(spec));
  return out;
}

/* ---------------------------------------------------------------------- */

CgnetData prepare_local_cgnet(const Topology &topology, const Mapping &mapping,
                              const std::vector<double> &reference, int reach,
                              const std::string &units, double temperature,
                              const std::vector<int> &hidden, int64_t n, const double *x,
                              const double *f, const std::vector<char> &valid)
{
  CgnetData out;
  const auto train = opposite(valid);
  const auto z = training_beads(topology, mapping, n, x, train);
  const auto windows = BeadWindows::derive(topology, mapping, reference, reach);
  out.spec = compose_cgnet(topology, mapping, windows, units, temperature, hidden, z);
  const CgnetSpec &spec = out.spec;
  spec.validate("CG training");

  out.train = force_targets(spec, topology, mapping, n, x, f, train);
  out.valid = force_targets(spec, topology, mapping, n, x, f, valid);
  out.notes.push_back(std::to_string(spec.nbeads()) + " beads, " +
                      std::to_string(spec.windows.size()) + " windows of " +
                      std::to_string(spec.npieces()) + " kinds");
  for (int k = 0; k < spec.npieces(); k++) {
    int count = 0;
    for (const auto &w : spec.windows) count += w.kind == k;
    out.notes.push_back("kind " + std::to_string(k) + " (" + spec.kinds[k].molecule +
                        "): " + std::to_string(count) + " windows of " +
                        std::to_string(spec.kinds[k].nbeads()) + " beads, " +
                        prior_text(spec.kinds[k]));
  }
  return out;
}

/* ---------------------------------------------------------------------- */

CgnetShape cgnet_shape(const CgnetSpec &spec)
{
  CgnetShape s;
  s.nbeads = spec.nbeads();
  for (int k = 0; k < spec.npieces(); k++) {
    const CgnetSpec &p = spec.piece(k);
    s.kinds.push_back(
        {p.features, p.feature_mean, p.feature_std, p.hidden, spec.piece_name(k), {}});
  }
  for (const auto &w : spec.windows)
    for (const auto &order : w.orders)
      s.kinds[w.kind].views.push_back({order, 1.0 / w.orders.size()});
  if (!spec.composed()) {
    std::vector<int> all(spec.nbeads());
    std::iota(all.begin(), all.end(), 0);
    s.kinds[0].views.push_back({all, 1.0});
  }
  return s;
}

void set_weights(CgnetSpec &spec, const NetworkWeights &weights)
{
  for (int k = 0; k < spec.npieces(); k++)
    for (size_t i = 0; i < spec.piece(k).layers.size(); i++) {
      auto &l = spec.piece(k).layers[i];
      const std::string p = spec.piece_name(k) + "net." + std::to_string(i) + ".";
      l.weight = weights.at(p + "weight").data;
      l.bias = weights.at(p + "bias").data;
    }
}

NetworkWeights get_weights(const CgnetSpec &spec)
{
  NetworkWeights out;
  for (int k = 0; k < spec.npieces(); k++)
    for (size_t i = 0; i < spec.piece(k).layers.size(); i++) {
      const auto &l = spec.piece(k).layers[i];
      const std::string p = spec.piece_name(k) + "net." + std::to_string(i) + ".";
      out[p + "weight"] = {{l.out, l.in}, l.weight};
      out[p + "bias"] = {{l.out}, l.bias};
    }
  return out;
}

}    // namespace BACKMAP_NS

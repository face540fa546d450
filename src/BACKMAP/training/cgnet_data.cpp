/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/cgnet_data.h"

#include "training/frames.h"
#include "training/prior.h"

#include <algorithm>
#include <stdexcept>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

CgnetSpec prior_only(const CgnetSpec &spec)
{
  CgnetSpec s = spec;
  for (auto &l : s.layers) {
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
  if (nb < 2) throw std::runtime_error("CG training: the map has one bead, expected at least 2");
  const auto bonds = mapping.bead_bonds(topology);
  spec.features = derive_features(nb, bonds);
  spec.hidden = hidden;

  const auto train = opposite(valid);
  const auto z = bead_positions(mapping, topology.natoms, n, x, train);
  const int64_t nt = z.size() / (3 * nb);
  if (nt < 100)
    throw std::runtime_error("CG training: " + std::to_string(nt) +
                             " training frames, expected at least 100");
  feature_statistics(spec.features, z, spec.feature_mean, spec.feature_std);
  spec.prior = fit_prior(nb, bonds, z, kT);

  int in = spec.features.size();
  for (size_t k = 0; k <= hidden.size(); k++) {
    CgnetSpec::Linear l;
    l.in = in;
    l.out = k < hidden.size() ? hidden[k] : 1;
    l.weight.assign((size_t) l.in * l.out, 0.0);
    l.bias.assign(l.out, 0.0);
    spec.layers.push_back(l);
    in = l.out;
  }
  spec.validate("CG training");

  out.train = force_targets(spec, topology, mapping, n, x, f, train);
  out.valid = force_targets(spec, topology, mapping, n, x, f, valid);
  out.notes.push_back(std::to_string(nb) + " beads, " + std::to_string(bonds.size()) + " bonds, " +
                      std::to_string(spec.prior.angles.size()) + " angles, " +
                      std::to_string(spec.prior.dihedrals.size()) + " narrow torsions, " +
                      std::to_string(spec.prior.repulsion.size()) + " repulsions in the prior; " +
                      std::to_string(spec.features.size()) + " features");
  return out;
}

/* ---------------------------------------------------------------------- */

CgnetShape cgnet_shape(const CgnetSpec &spec)
{
  CgnetShape s;
  s.features = spec.features;
  s.mean = spec.feature_mean;
  s.std = spec.feature_std;
  s.hidden = spec.hidden;
  return s;
}

void set_weights(CgnetSpec &spec, const NetworkWeights &weights)
{
  for (size_t k = 0; k < spec.layers.size(); k++) {
    const std::string p = "net." + std::to_string(k) + ".";
    spec.layers[k].weight = weights.at(p + "weight").data;
    spec.layers[k].bias = weights.at(p + "bias").data;
  }
}

NetworkWeights get_weights(const CgnetSpec &spec)
{
  NetworkWeights out;
  for (size_t k = 0; k < spec.layers.size(); k++) {
    const auto &l = spec.layers[k];
    const std::string p = "net." + std::to_string(k) + ".";
    out[p + "weight"] = {{l.out, l.in}, l.weight};
    out[p + "bias"] = {{l.out}, l.bias};
  }
  return out;
}

}    // namespace BACKMAP_NS

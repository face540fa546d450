/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/cgnet_data.h"

#include "training/flow_data.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace BACKMAP_NS {

static constexpr double PI = 3.14159265358979323846;

namespace {
/* ----------------------------------------------------------------------
     inverse of a symmetric positive definite matrix by its Cholesky factor
  ------------------------------------------------------------------------- */

std::vector<double> inverse(std::vector<double> a, int n)
{
  for (int j = 0; j < n; j++) {
    for (int k = 0; k < j; k++)
      for (int i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    if (!(a[j * n + j] > 0.0))
      throw std::runtime_error("CG training: the covariance of the prior's coordinates is "
                               "singular (coordinate " +
                               std::to_string(j + 1) +
                               "); too few frames, or a constrained molecule");
    const double d = std::sqrt(a[j * n + j]);
    for (int i = j; i < n; i++) a[i * n + j] /= d;
  }
  std::vector<double> out((size_t) n * n);
  for (int c = 0; c < n; c++) {
    std::vector<double> y(n, 0.0);
    for (int i = 0; i < n; i++) {
      double s = i == c ? 1.0 : 0.0;
      for (int k = 0; k < i; k++) s -= a[i * n + k] * y[k];
      y[i] = s / a[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
      for (int k = i + 1; k < n; k++) y[i] -= a[k * n + i] * y[k];
      y[i] /= a[i * n + i];
    }
    for (int i = 0; i < n; i++) out[i * n + c] = y[i];
  }
  // symmetric to the last bit
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++)
      out[i * n + j] = out[j * n + i] = 0.5 * (out[i * n + j] + out[j * n + i]);
  return out;
}

// widest free arc of angles in radians, and the mean if it is wide
bool narrow(const std::vector<double> &p, double &mean)
{
  std::vector<double> q = p;
  std::sort(q.begin(), q.end());
  const size_t skip = q.size() / 1000;    // a rare flip does not make it wide
  double best = 0.0, start = 0.0;
  for (size_t i = 0; i < q.size(); i++) {
    const size_t j = i + 1 + skip;
    const double gap = j < q.size() ? q[j] - q[i] : q[j - q.size()] + 2 * PI - q[i];
    if (gap > best) {
      best = gap;
      start = q[i];
    }
  }
  if (best < 2.1) return false;
  const double opposite = wrap_angle(start + 0.5 * best + PI);
  double s = 0.0;
  for (double v : p) s += wrap_angle(v - opposite);
  mean = wrap_angle(opposite + s / p.size());
  return true;
}
}    // namespace

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
  const int nb = mapping.nbeads(), m = 3 * topology.natoms;
  const double kT = boltzmann_constant(units) * temperature;
  if (nb < 2) throw std::runtime_error("CG training: the map has one bead, expected at least 2");
  const auto bonds = mapping.bead_bonds(topology);
  spec.features = derive_features(nb, bonds);
  spec.hidden = hidden;

  std::vector<double> z;
  std::vector<int64_t> which;
  for (int64_t i = 0; i < n; i++)
    if (!valid[i]) {
      z.resize(z.size() + 3 * nb);
      mapping.apply(x + i * m, &z[z.size() - 3 * nb]);
    }
  const int64_t nt = z.size() / (3 * nb);
  if (nt < 100)
    throw std::runtime_error("CG training: " + std::to_string(nt) +
                             " training frames, expected at least 100");

  // normalisation of the features
  const int nf = spec.features.size();
  std::vector<double> feat(nf), sum(nf, 0.0), sum2(nf, 0.0);
  for (int64_t i = 0; i < nt; i++) {
    features(spec.features, &z[i * 3 * nb], feat.data());
    for (int k = 0; k < nf; k++) {
      sum[k] += feat[k];
      sum2[k] += feat[k] * feat[k];
    }
  }
  for (int k = 0; k < nf; k++) {
    const double mean = sum[k] / nt, var = sum2[k] / nt - mean * mean;
    spec.feature_mean.push_back(mean);
    spec.feature_std.push_back(var > 1.0e-12 ? std::sqrt(var) : 1.0);
  }

  // stiff coordinates: bonds, angles between bonded beads, torsions that stay in one place
  auto &prior = spec.prior;
  prior.bonds = bonds;
  std::vector<std::vector<int>> near(nb);
  for (const auto &b : bonds) {
    near[b[0]].push_back(b[1]);
    near[b[1]].push_back(b[0]);
  }
  for (auto &v : near) std::sort(v.begin(), v.end());
  for (int j = 0; j < nb; j++)
    for (size_t a = 0; a < near[j].size(); a++)
      for (size_t c = a + 1; c < near[j].size(); c++)
        prior.angles.push_back({near[j][a], j, near[j][c]});
  std::vector<std::array<int, 4>> candidates;
  for (int j = 0; j < nb; j++)    // branches: handedness of three neighbors
    for (size_t k = 2; k < near[j].size(); k++)
      candidates.push_back({near[j][k], j, near[j][0], near[j][1]});
  for (const auto &b : bonds)
    for (int i : near[b[0]])
      for (int l : near[b[1]])
        if (i != b[1] && l != b[0] && i != l) candidates.push_back({i, b[0], b[1], l});
  std::vector<double> means;
  for (const auto &q : candidates) {
    std::vector<double> p(nt);
    for (int64_t i = 0; i < nt; i++) {
      const double *zi = &z[i * 3 * nb];
      p[i] = bead_dihedral(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2], zi + 3 * q[3]);
    }
    double mean;
    if (!narrow(p, mean)) continue;
    prior.dihedrals.push_back(q);
    means.push_back(mean);
  }

  // their means and covariance; a coordinate that others determine (the third angle about a branch, a second
  // torsion about a bond) is left out
  auto coordinates = [&](const double *zi, double *d) {
    for (const auto &q : prior.bonds) *d++ = bead_distance(zi + 3 * q[0], zi + 3 * q[1]);
    for (const auto &q : prior.angles)
      *d++ = bead_angle(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2]);
    for (size_t k = 0; k < prior.dihedrals.size(); k++) {
      const auto &q = prior.dihedrals[k];
      *d++ = wrap_angle(bead_dihedral(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2], zi + 3 * q[3]) -
                        means[k]);
    }
  };
  const int nbond = prior.bonds.size();
  std::vector<double> cov;
  auto statistics = [&]() {
    const int np = prior.size();
    std::vector<double> d(np);
    prior.mean.assign(np, 0.0);
    cov.assign((size_t) np * np, 0.0);
    for (int64_t i = 0; i < nt; i++) {
      coordinates(&z[i * 3 * nb], d.data());
      for (int k = 0; k < np; k++) prior.mean[k] += d[k] / nt;
    }
    for (int64_t i = 0; i < nt; i++) {
      coordinates(&z[i * 3 * nb], d.data());
      for (int k = 0; k < np; k++) d[k] -= prior.mean[k];
      for (int k = 0; k < np; k++)
        for (int l = 0; l <= k; l++) cov[k * np + l] += d[k] * d[l] / nt;
    }
    for (int k = 0; k < np; k++)
      for (int l = 0; l < k; l++) cov[l * np + k] = cov[k * np + l];
  };
  statistics();
  {
    const int np = prior.size(), all = prior.angles.size();
    std::vector<char> keep(np, 1);
    // Gaussian elimination: bonds, torsions (they tell mirror images apart), then angles
    std::vector<int> order;
    for (int j = 0; j < nbond; j++) order.push_back(j);
    for (int j = nbond + all; j < np; j++) order.push_back(j);
    for (int j = nbond; j < nbond + all; j++) order.push_back(j);
    std::vector<double> a = cov;
    for (int o = 0; o < np; o++) {
      const int j = order[o];
      // what is left of a determined coordinate is its curvature: a Gaussian in it would be stiff, and wrong
      // off the mean, where the others move it
      if (j >= nbond && !(a[j * np + j] > 0.1 * cov[j * np + j])) {
        keep[j] = 0;
        continue;
      }
      for (int p = o + 1; p < np; p++) {
        const int i = order[p];
        const double f = a[i * np + j] / a[j * np + j];
        for (int k = 0; k < np; k++) a[i * np + k] -= f * a[j * np + k];
      }
    }
    std::vector<std::array<int, 3>> angles;
    std::vector<std::array<int, 4>> dihedrals;
    std::vector<double> kept;
    for (int k = 0; k < all; k++)
      if (keep[nbond + k]) angles.push_back(prior.angles[k]);
    for (size_t k = 0; k < prior.dihedrals.size(); k++)
      if (keep[nbond + all + k]) {
        dihedrals.push_back(prior.dihedrals[k]);
        kept.push_back(means[k]);
      }
    prior.angles = angles;
    prior.dihedrals = dihedrals;
    means = kept;
    statistics();
  }
  const int np = prior.size(), na = prior.angles.size();
  prior.precision = inverse(cov, np);
  for (double &v : prior.precision) v *= kT;
  for (size_t k = 0; k < prior.dihedrals.size(); k++)
    prior.mean[nbond + na + k] = wrap_angle(prior.mean[nbond + na + k] + means[k]);

  // repulsion of beads that are not bonded; those two bonds apart keep angles from closing
  std::vector<std::vector<char>> close(nb, std::vector<char>(nb, 0));
  for (int j = 0; j < nb; j++)
    for (int a : near[j]) close[j][a] = close[a][j] = 1;
  for (int i = 0; i < nb; i++)
    for (int j = i + 1; j < nb; j++) {
      if (close[i][j]) continue;
      double shortest = 1.0e300;
      for (int64_t k = 0; k < nt; k++)
        shortest = std::min(shortest, bead_distance(&z[(k * nb + i) * 3], &z[(k * nb + j) * 3]));
      prior.repulsion.push_back({i, j});
      prior.sigma.push_back(shortest * std::pow(0.1, 1.0 / 12.0));
    }

  int in = nf;
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

  std::vector<char> train(n);
  for (int64_t i = 0; i < n; i++) train[i] = !valid[i];
  out.train = force_targets(spec, topology, mapping, n, x, f, train);
  out.valid = force_targets(spec, topology, mapping, n, x, f, valid);
  out.notes.push_back(std::to_string(nb) + " beads, " + std::to_string(bonds.size()) + " bonds, " +
                      std::to_string(na) + " angles, " + std::to_string(prior.dihedrals.size()) +
                      " narrow torsions, " + std::to_string(prior.repulsion.size()) +
                      " repulsions in the prior; " + std::to_string(nf) + " features");
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

void set_weights(CgnetSpec &spec, const std::map<std::string, CgnetTensor> &weights)
{
  for (size_t k = 0; k < spec.layers.size(); k++) {
    const std::string p = "net." + std::to_string(k) + ".";
    spec.layers[k].weight = weights.at(p + "weight").data;
    spec.layers[k].bias = weights.at(p + "bias").data;
  }
}

std::map<std::string, CgnetTensor> get_weights(const CgnetSpec &spec)
{
  std::map<std::string, CgnetTensor> out;
  for (size_t k = 0; k < spec.layers.size(); k++) {
    const auto &l = spec.layers[k];
    const std::string p = "net." + std::to_string(k) + ".";
    out[p + "weight"] = {{l.out, l.in}, l.weight};
    out[p + "bias"] = {{l.out}, l.bias};
  }
  return out;
}

}    // namespace BACKMAP_NS

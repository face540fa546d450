/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_data.h"

#include "flow/internal_coords.h"
#include "training/zmatrix.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>
#include <stdexcept>

namespace BACKMAP_NS {

MoleculeSpec describe_molecule(const Topology &topology, const Mapping &mapping)
{
  MoleculeSpec m;
  m.molecule = mapping.molecule;
  m.natoms = topology.natoms;
  m.masses = topology.masses;
  m.types = topology.types;
  m.charges = topology.charges;
  m.bonds = topology.bonds;
  m.beads = mapping.beads;
  return m;
}

/* ----------------------------------------------------------------------
   identity sets: halves of the linear variables drawn anew every second coupling; the circular
   variables are transformed all at once, not at all, and in two halves that see each other
------------------------------------------------------------------------- */

static void choose_couplings(FlowSpec &spec, const FlowDesign &design)
{
  std::mt19937_64 gen(0x2545f4914f6cdd1dull ^ (uint64_t) design.seed);
  std::vector<int> order(spec.nl()), all(spec.nc()), even, odd;
  std::iota(order.begin(), order.end(), 0);
  std::iota(all.begin(), all.end(), 0);
  for (int i : all) (i % 2 ? odd : even).push_back(i);
  spec.couplings.assign(design.couplings, FlowSpec::Coupling());
  for (int k = 0; k < design.couplings; k++) {
    if (k % 2 == 0)
      for (int i = spec.nl() - 1; i > 0; i--) std::swap(order[i], order[gen() % (i + 1)]);
    const auto half = order.begin() + spec.nl() / 2;
    auto &id = spec.couplings[k].linear_id;
    if (k % 2 == 0)
      id.assign(order.begin(), half);
    else
      id.assign(half, order.end());
    std::sort(id.begin(), id.end());
    switch (k % 4) {
      case 0: break;
      case 1: spec.couplings[k].circular_id = all; break;
      case 2: spec.couplings[k].circular_id = even; break;
      case 3: spec.couplings[k].circular_id = odd; break;
    }
  }
}

/* ----------------------------------------------------------------------
   lower triangular L with L L^T = C, in place
------------------------------------------------------------------------- */

static void cholesky(std::vector<double> &c, int n)
{
  for (int j = 0; j < n; j++) {
    for (int k = 0; k < j; k++)
      for (int i = j; i < n; i++) c[i * n + j] -= c[i * n + k] * c[j * n + k];
    if (!(c[j * n + j] > 0.0))
      throw std::runtime_error("flow training: the covariance of the internal coordinates is "
                               "singular (variable " +
                               std::to_string(j + 1) +
                               "); too few frames, or a constrained molecule");
    const double d = std::sqrt(c[j * n + j]);
    for (int i = j; i < n; i++) c[i * n + j] /= d;
    for (int i = 0; i < j; i++) c[i * n + j] = 0.0;
  }
}

/* ---------------------------------------------------------------------- */

FlowData prepare_flow(const Topology &topology, const Mapping &mapping, const FlowDesign &design,
                      int64_t n, const double *x, const std::vector<char> &valid)
{
  FlowData out;
  FlowSpec &spec = out.spec;
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  if ((int64_t) valid.size() != n) throw std::runtime_error("flow training: marks of validation");
  ZMatrix zm = derive_zmatrix(topology, mapping, n, x);
  const int rows = zm.rows.size(), m = 3 * topology.natoms;
  if (rows == 0)
    throw std::runtime_error("flow training: every atom is a bead, nothing is left to place");

  // raw variables in the order of their slots: no rotors, nothing circular, means 0
  FlowSpec plain;
  static_cast<MoleculeSpec &>(plain) = spec;
  plain.zmatrix = zm.rows;
  plain.bodies = zm.bodies;
  plain.linear = plain.derive_linear();
  const InternalCoords raw(plain);
  double raw_volume;

  // torsions of the training frames
  std::vector<double> y(3 * rows), torsions, rsum(rows, 0.0), rsum2(rows, 0.0);
  std::vector<int64_t> which;
  for (int64_t i = 0; i < n; i++)
    if (!valid[i]) which.push_back(i);
  const int64_t nt = which.size();
  if (nt < 100)
    throw std::runtime_error("flow training: " + std::to_string(nt) +
                             " training frames, expected at least 100");
  torsions.reserve(nt * rows);
  for (int64_t i : which) {
    raw.to_internal(x + i * m, y.data(), nullptr, &raw_volume);
    torsions.insert(torsions.end(), y.begin() + 2 * rows, y.end());
    for (int k = 0; k < rows; k++) {
      rsum[k] += y[k];
      rsum2[k] += y[k] * y[k];
    }
  }
  for (int k = 0; k < rows; k++) {
    const double mean = rsum[k] / nt, var = rsum2[k] / nt - mean * mean;
    if (var < 1.0e-8 * mean * mean)
      throw std::runtime_error("flow training: the bond " + std::to_string(zm.rows[k][0] + 1) +
                               "-" + std::to_string(zm.rows[k][1] + 1) +
                               " has constant length in the frames (SHAKE or rigid?); the flow "
                               "needs a flexible molecule");
  }
  const TorsionClasses classes = classify_torsions(zm, nt, torsions);
  spec.zmatrix = zm.rows;
  spec.bodies = zm.bodies;
  spec.rotors = zm.rotors;
  spec.circular = classes.circular;
  // the first torsion of a rotor belongs to the rotor
  spec.linear = spec.derive_linear();
  spec.features = derive_features(mapping.nbeads(), mapping.bead_bonds(topology));
  out.notes.push_back(std::to_string(rows) + " atoms to place: " + std::to_string(spec.nl()) +
                      " linear variables, " + std::to_string(spec.rotors.size()) + " rotors, " +
                      std::to_string(spec.circular.size()) + " circular torsions, " +
                      std::to_string(spec.nf()) + " features");

  // frames of another branch
  auto other_branch = [&](const double *yy) {
    for (int k = 0; k < rows; k++) {
      const double d = wrap_angle(yy[2 * rows + k] - classes.centre[k]);
      const bool narrow =
          std::find(spec.linear.begin(), spec.linear.end(), 2 * rows + k) != spec.linear.end();
      if (narrow && (d < classes.low[k] || d > classes.high[k])) return k;
    }
    return -1;
  };

  // variables with means 0, of all frames that belong
  const int nl = spec.nl(), nc = spec.nc(), nf = spec.nf();
  const InternalCoords coords(spec);
  std::vector<double> l, c, g, f(nf);
  std::vector<float> feat;
  std::vector<char> is_valid;
  std::vector<double> fmean(nf, 0.0), fvar(nf, 0.0), z(3 * mapping.nbeads());
  std::map<int, int64_t> left_out;
  std::vector<double> all_f;
  for (int64_t i = 0; i < n; i++) {
    raw.to_internal(x + i * m, y.data(), nullptr, &raw_volume);
    const int bad = other_branch(y.data());
    if (bad >= 0) {
      left_out[bad]++;
      continue;
    }
    const size_t al = l.size(), ac = c.size();
    l.resize(al + nl);
    c.resize(ac + nc);
    double logdet;
    if (!coords.to_internal(x + i * m, &l[al], c.data() + ac, &logdet)) {
      l.resize(al);
      c.resize(ac);
      left_out[-1]++;
      continue;
    }
    g.push_back(logdet);
    is_valid.push_back(valid[i]);
    mapping.apply(x + i * m, z.data());
    features(spec.features, z.data(), f.data());
    all_f.insert(all_f.end(), f.begin(), f.end());
  }
  for (const auto &bad : left_out) {
    if (bad.first < 0) {
      out.notes.push_back(std::to_string(bad.second) + " frames of zero density left out");
      continue;
    }
    const auto &r = zm.rows[bad.first];
    out.notes.push_back(
        std::to_string(bad.second) + " of " + std::to_string(n) + " frames left out: torsion " +
        std::to_string(r[0] + 1) + " " + std::to_string(r[1] + 1) + " " + std::to_string(r[2] + 1) +
        " " + std::to_string(r[3] + 1) + " in another branch (the flow covers the common one)");
  }

  // statistics of the training frames
  const int64_t total = g.size();
  int64_t used = 0;
  spec.linear_mean.assign(nl, 0.0);
  for (int j = 0; j < nl; j++)
    if (spec.linear[j] >= 2 * rows) {
      const int k = spec.linear[j] - 2 * rows;
      spec.linear_mean[j] = classes.centre[k];
    }
  std::vector<double> shift(nl, 0.0), cov((size_t) nl * nl, 0.0);
  auto deviation = [&](int64_t i, int j) {
    const double d = l[i * nl + j] - spec.linear_mean[j];
    return spec.linear[j] >= 2 * rows ? wrap_angle(d) : d;
  };
  for (int64_t i = 0; i < total; i++) {
    if (is_valid[i]) continue;
    used++;
    for (int j = 0; j < nl; j++) shift[j] += deviation(i, j);
    for (int j = 0; j < nf; j++) {
      fmean[j] += all_f[i * nf + j];
      fvar[j] += all_f[i * nf + j] * all_f[i * nf + j];
    }
  }
  for (int j = 0; j < nl; j++) {
    spec.linear_mean[j] += shift[j] / used;
    if (spec.linear[j] >= 2 * rows) spec.linear_mean[j] = wrap_angle(spec.linear_mean[j]);
  }
  spec.feature_mean.resize(nf);
  spec.feature_std.resize(nf);
  for (int j = 0; j < nf; j++) {
    fmean[j] /= used;
    const double var = fvar[j] / used - fmean[j] * fmean[j];
    spec.feature_mean[j] = fmean[j];
    spec.feature_std[j] = var > 1.0e-12 ? std::sqrt(var) : 1.0;
  }
  std::vector<double> d(nl);
  for (int64_t i = 0; i < total; i++) {
    for (int j = 0; j < nl; j++) d[j] = l[i * nl + j] = deviation(i, j);
    if (is_valid[i]) continue;
    for (int j = 0; j < nl; j++)
      for (int k = 0; k <= j; k++) cov[j * nl + k] += d[j] * d[k];
  }
  for (int j = 0; j < nl; j++)
    for (int k = 0; k <= j; k++) cov[k * nl + j] = cov[j * nl + k] /= used;
  cholesky(cov, nl);
  spec.linear_chol = cov;

  const InternalCoords whitened(spec);
  out.train.constant = out.valid.constant = -whitened.view().log_chol;
  for (int64_t i = 0; i < total; i++) {
    FlowFrames &to = is_valid[i] ? out.valid : out.train;
    whitened.whiten(&l[i * nl]);
    for (int j = 0; j < nl; j++) to.l.push_back(l[i * nl + j]);
    for (int j = 0; j < nc; j++) to.c.push_back(c[i * nc + j]);
    for (int j = 0; j < nf; j++)
      to.f.push_back((all_f[i * nf + j] - spec.feature_mean[j]) / spec.feature_std[j]);
    to.geometry.push_back(g[i]);
    to.n++;
  }

  spec.range = FeatureRange::build(out.train.f, out.valid.f, nf);
  spec.hidden = design.hidden;
  spec.bins = spec.circular_bins = design.bins;
  spec.bound = design.bound;
  choose_couplings(spec, design);
  return out;
}

/* ---------------------------------------------------------------------- */

FlowNetShape net_shape(const FlowSpec &spec)
{
  FlowNetShape s;
  s.nl = spec.nl();
  s.nc = spec.nc();
  s.nf = spec.nf();
  s.hidden = spec.hidden;
  s.bins = spec.bins;
  s.circular_bins = spec.circular_bins;
  s.bound = spec.bound;
  for (const auto &c : spec.couplings) {
    s.linear_id.push_back(c.linear_id);
    s.circular_id.push_back(c.circular_id);
  }
  return s;
}

/* ----------------------------------------------------------------------
   every layer of the networks with its name in the model file
------------------------------------------------------------------------- */

template <class Spec, class Visit> static void visit_layers(Spec &spec, const Visit &visit)
{
  for (int k = 0; k < 3; k++) visit("affine." + std::to_string(k), spec.affine[k]);
  for (size_t k = 0; k < spec.couplings.size(); k++) {
    const std::string p = "coupling." + std::to_string(k) + ".";
    visit(p + "in", spec.couplings[k].in);
    visit(p + "hidden", spec.couplings[k].hidden);
    visit(p + "out", spec.couplings[k].out);
  }
}

void set_weights(FlowSpec &spec, const std::map<std::string, FlowTensor> &weights)
{
  visit_layers(spec, [&](const std::string &name, FlowSpec::Layer &layer) {
    const auto &w = weights.at(name + ".weight");
    layer.nout = w.shape.at(0);
    layer.nin = w.shape.at(1);
    layer.weight = w.data;
    layer.bias = weights.at(name + ".bias").data;
  });
  for (size_t k = 0; k < spec.couplings.size(); k++)
    spec.couplings[k].cond = weights.at("coupling." + std::to_string(k) + ".cond.weight").data;
}

std::map<std::string, FlowTensor> get_weights(const FlowSpec &spec)
{
  std::map<std::string, FlowTensor> out;
  visit_layers(spec, [&](const std::string &name, const FlowSpec::Layer &layer) {
    out[name + ".weight"] = {{layer.nout, layer.nin}, layer.weight};
    out[name + ".bias"] = {{layer.nout}, layer.bias};
  });
  for (size_t k = 0; k < spec.couplings.size(); k++)
    out["coupling." + std::to_string(k) + ".cond.weight"] = {{spec.hidden, spec.nf()},
                                                             spec.couplings[k].cond};
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<char> validation_tail(const std::vector<int> &block, const std::vector<int> &file,
                                  double share)
{
  std::vector<char> out(block.size(), 0);
  for (size_t from = 0; from < block.size();) {
    size_t to = from;
    while (to < block.size() && block[to] == block[from] && file[to] == file[from]) to++;
    const size_t count = (size_t) std::floor(share * (to - from));
    for (size_t i = to - count; i < to; i++) out[i] = 1;
    from = to;
  }
  return out;
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_data.h"

#include "flow/internal_coords.h"
#include "training/frames.h"
#include "training/matrix.h"
#include "training/zmatrix.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {

/* ----------------------------------------------------------------------
   torsions [count][nrows] of the marked frames, whose bonds must not be constant
------------------------------------------------------------------------- */

std::vector<double> flexible_torsions(const InternalCoords &raw, const ZMatrix &zm, int64_t n,
                                      const double *x, const std::vector<char> &take)
{
  const int rows = zm.rows.size(), m = 3 * raw.view().natoms;
  std::vector<double> y(3 * rows), torsions, sum(rows, 0.0), square(rows, 0.0);
  double unused;
  for (int64_t i = 0; i < n; i++) {
    if (!take[i]) continue;
    raw.to_internal(x + i * m, y.data(), nullptr, &unused);
    torsions.insert(torsions.end(), y.begin() + 2 * rows, y.end());
    for (int k = 0; k < rows; k++) {
      sum[k] += y[k];
      square[k] += y[k] * y[k];
    }
  }
  const int64_t nt = torsions.size() / rows;
  if (nt < 100)
    throw std::runtime_error("flow training: " + std::to_string(nt) +
                             " training frames, expected at least 100");
  for (int k = 0; k < rows; k++) {
    const double mean = sum[k] / nt, var = square[k] / nt - mean * mean;
    if (var < 1.0e-8 * mean * mean)
      throw std::runtime_error("flow training: the bond " + std::to_string(zm.rows[k][0] + 1) +
                               "-" + std::to_string(zm.rows[k][1] + 1) +
                               " has constant length in the frames (SHAKE or rigid?); the flow "
                               "needs a flexible molecule");
  }
  return torsions;
}

/* ----------------------------------------------------------------------
   frames that the flow can have drawn: every narrow torsion in its common branch, density not zero
------------------------------------------------------------------------- */

std::vector<char> covered_frames(const InternalCoords &raw, const FlowSpec &spec,
                                 const TorsionClasses &classes, int64_t n, const double *x,
                                 std::vector<std::string> &notes)
{
  const int rows = spec.nrows(), m = 3 * spec.natoms;
  const InternalCoords coords(spec);
  std::vector<int> narrow;
  for (const int slot : spec.linear)
    if (slot >= 2 * rows) narrow.push_back(slot - 2 * rows);
  std::vector<double> y(3 * rows), l(spec.nl()), c(spec.nc());
  std::map<int, int64_t> left_out;    // by torsion, -1: zero density
  double unused;

  const auto why_not = [&](const double *xi, int &reason) {
    raw.to_internal(xi, y.data(), nullptr, &unused);
    for (const int k : narrow) {
      const double d = wrap_angle(y[2 * rows + k] - classes.centre[k]);
      reason = k;
      if (d < classes.low[k] || d > classes.high[k]) return true;
    }
    reason = -1;
    return !coords.to_internal(xi, l.data(), c.data(), &unused);
  };
  std::vector<char> covered(n);
  for (int64_t i = 0; i < n; i++) {
    int reason;
    covered[i] = !why_not(x + i * m, reason);
    if (!covered[i]) left_out[reason]++;
  }

  for (const auto &bad : left_out) {
    if (bad.first < 0) {
      notes.push_back(std::to_string(bad.second) + " frames of zero density left out");
      continue;
    }
    const auto &r = spec.zmatrix[bad.first];
    notes.push_back(
        std::to_string(bad.second) + " of " + std::to_string(n) + " frames left out: torsion " +
        std::to_string(r[0] + 1) + " " + std::to_string(r[1] + 1) + " " + std::to_string(r[2] + 1) +
        " " + std::to_string(r[3] + 1) + " in another branch (the flow covers the common one)");
  }
  return covered;
}

/* ----------------------------------------------------------------------
   means and Cholesky factor of the covariance of the linear variables over the marked frames;
   torsions as deviations from the centres of their branches
------------------------------------------------------------------------- */

void whitening(FlowSpec &spec, const TorsionClasses &classes, int64_t n, const double *x,
               const std::vector<char> &take)
{
  const int nl = spec.nl(), rows = spec.nrows(), m = 3 * spec.natoms;
  const InternalCoords coords(spec);    // means still 0
  std::vector<double> l, c(spec.nc());
  double unused;
  for (int64_t i = 0; i < n; i++) {
    if (!take[i]) continue;
    l.resize(l.size() + nl);
    coords.to_internal(x + i * m, &l[l.size() - nl], c.data(), &unused);
  }
  const int64_t used = l.size() / nl;
  const auto torsion = [&](int j) { return spec.linear[j] >= 2 * rows; };
  const auto deviation = [&](int64_t i, int j) {
    const double d = l[i * nl + j] - spec.linear_mean[j];
    return torsion(j) ? wrap_angle(d) : d;
  };

  spec.linear_mean.assign(nl, 0.0);
  for (int j = 0; j < nl; j++)
    if (torsion(j)) spec.linear_mean[j] = classes.centre[spec.linear[j] - 2 * rows];
  std::vector<double> shift(nl, 0.0), d(nl), cov((size_t) nl * nl, 0.0);
  for (int64_t i = 0; i < used; i++)
    for (int j = 0; j < nl; j++) shift[j] += deviation(i, j);
  for (int j = 0; j < nl; j++) {
    spec.linear_mean[j] += shift[j] / used;
    if (torsion(j)) spec.linear_mean[j] = wrap_angle(spec.linear_mean[j]);
  }
  for (int64_t i = 0; i < used; i++) {
    for (int j = 0; j < nl; j++) d[j] = deviation(i, j);
    for (int j = 0; j < nl; j++)
      for (int k = 0; k <= j; k++) cov[j * nl + k] += d[j] * d[k];
  }
  for (int j = 0; j < nl; j++)
    for (int k = 0; k <= j; k++) cov[k * nl + j] = cov[j * nl + k] /= used;
  cholesky(cov, nl, "flow training: the covariance of the internal coordinates");
  spec.linear_chol = cov;
}

}    // namespace

/* ---------------------------------------------------------------------- */

FlowData prepare_flow(const Topology &topology, const Mapping &mapping, const FlowDesign &design,
                      int64_t n, const double *x, const std::vector<char> &valid)
{
  FlowData out;
  FlowSpec &spec = out.spec;
  static_cast<MoleculeSpec &>(spec) = describe_molecule(topology, mapping);
  if ((int64_t) valid.size() != n)
    throw std::runtime_error("flow training: marks of the validation frames, expected " +
                             std::to_string(n) + ", got " + std::to_string(valid.size()));
  ZMatrix zm = derive_zmatrix(topology, mapping, n, x);
  const int rows = zm.rows.size();
  if (rows == 0)
    throw std::runtime_error("flow training: expected atoms that are no beads, got none");

  std::vector<char> train = opposite(valid), held_back = valid;
  spec.zmatrix = zm.rows;
  spec.bodies = zm.bodies;
  const InternalCoords raw(raw_variables(spec));
  const auto torsions = flexible_torsions(raw, zm, n, x, train);
  const TorsionClasses classes = classify_torsions(zm, torsions.size() / rows, torsions);
  spec.rotors = zm.rotors;
  spec.circular = classes.circular;
  // the first torsion of a rotor belongs to the rotor
  spec.linear = spec.derive_linear();
  spec.features = derive_features(mapping.nbeads(), mapping.bead_bonds(topology));
  out.notes.push_back(std::to_string(rows) + " atoms to place: " + std::to_string(spec.nl()) +
                      " linear variables, " + std::to_string(spec.rotors.size()) + " rotors, " +
                      std::to_string(spec.circular.size()) + " circular torsions, " +
                      std::to_string(spec.nf()) + " features");

  const auto covered = covered_frames(raw, spec, classes, n, x, out.notes);
  for (int64_t i = 0; i < n; i++) {
    train[i] = train[i] && covered[i];
    held_back[i] = held_back[i] && covered[i];
  }
  whitening(spec, classes, n, x, train);
  feature_statistics(spec.features, bead_positions(mapping, spec.natoms, n, x, train),
                     spec.feature_mean, spec.feature_std);
  out.train = flow_variables(spec, n, x, &train);
  out.valid = flow_variables(spec, n, x, &held_back);

  spec.range = FeatureRange::build(out.train.f, out.valid.f, spec.nf());
  spec.hidden = design.hidden;
  spec.bins = spec.circular_bins = design.bins;
  spec.bound = design.bound;
  choose_couplings(spec, design.couplings, design.seed);
  return out;
}

}    // namespace BACKMAP_NS

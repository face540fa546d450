/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_variables.h"

#include "flow/internal_coords.h"

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

FlowSpec raw_variables(const FlowSpec &spec)
{
  FlowSpec plain;
  static_cast<MoleculeSpec &>(plain) = spec;
  plain.zmatrix = spec.zmatrix;
  plain.bodies = spec.bodies;
  plain.linear = plain.derive_linear();
  return plain;
}

/* ---------------------------------------------------------------------- */

std::vector<double> standard_features(const FlowSpec &spec, const double *z)
{
  std::vector<double> f(spec.nf());
  features(spec.features, z, f.data());
  for (int k = 0; k < spec.nf(); k++) f[k] = (f[k] - spec.feature_mean[k]) / spec.feature_std[k];
  return f;
}

/* ---------------------------------------------------------------------- */

FlowFrames flow_variables(const FlowSpec &spec, int64_t n, const double *x,
                          const std::vector<char> *take)
{
  const InternalCoords coords(spec);
  FlowFrames out;
  std::vector<double> l(spec.nl()), c(spec.nc()), z(3 * spec.nbeads());
  out.constant = -coords.view().log_chol;
  for (int64_t i = 0; i < n; i++) {
    if (take && !(*take)[i]) continue;
    const double *at = x + 3 * i * spec.natoms;
    double geometry;
    if (!coords.to_internal(at, l.data(), c.data(), &geometry)) continue;
    coords.whiten(l.data());
    MoleculeSpec::apply(spec.beads, at, z.data());
    const auto f = standard_features(spec, z.data());
    out.l.insert(out.l.end(), l.begin(), l.end());
    out.c.insert(out.c.end(), c.begin(), c.end());
    out.f.insert(out.f.end(), f.begin(), f.end());
    out.geometry.push_back((float) geometry);
    out.frame.push_back(i);
    out.n++;
  }
  return out;
}

}    // namespace BACKMAP_NS

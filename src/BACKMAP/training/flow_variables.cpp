/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_variables.h"

#include "flow/internal_coords.h"
#include "training/flow_pieces.h"

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void append(FlowSet &to, const FlowSet &from)
{
  to.resize(from.size());
  for (std::size_t k = 0; k < from.size(); k++) {
    FlowFrames &a = to[k];
    const FlowFrames &b = from[k];
    for (const auto field : {&FlowFrames::l, &FlowFrames::c, &FlowFrames::f, &FlowFrames::geometry,
                             &FlowFrames::weight, &FlowFrames::share, &FlowFrames::logq})
      (a.*field).insert((a.*field).end(), (b.*field).begin(), (b.*field).end());
    a.n += b.n;
    if (b.n) a.constant = b.constant;
  }
}

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

std::vector<int64_t> marked(const std::vector<char> &marks)
{
  std::vector<int64_t> out;
  for (std::size_t i = 0; i < marks.size(); i++)
    if (marks[i]) out.push_back((int64_t) i);
  return out;
}

/* ---------------------------------------------------------------------- */

struct FlowRows::Work {
  explicit Work(const FlowSpec &spec) :
      coords(spec), l(spec.nl()), c(spec.nc()), z(3 * spec.nbeads())
  {
  }
  InternalCoords coords;
  std::vector<double> l, c, z, f;
};

FlowRows::FlowRows(const FlowSpec &s) : spec(s), work(std::make_unique<Work>(s)) {}

FlowRows::~FlowRows() = default;

double FlowRows::constant() const
{
  return -work->coords.view().log_chol;
}

void FlowRows::set_beads(const double *x)
{
  MoleculeSpec::apply(spec.beads, x, work->z.data());
  work->f = standard_features(spec, work->z.data());
}

bool FlowRows::add(const double *x, FlowFrames &to)
{
  Work &w = *work;
  if (!w.coords.to_internal(x, w.l.data(), w.c.data(), &geometry_)) return false;
  w.coords.whiten(w.l.data());
  to.l.insert(to.l.end(), w.l.begin(), w.l.end());
  to.c.insert(to.c.end(), w.c.begin(), w.c.end());
  to.f.insert(to.f.end(), w.f.begin(), w.f.end());
  to.geometry.push_back((float) geometry_);
  to.constant = constant();
  to.n++;
  return true;
}

/* ---------------------------------------------------------------------- */

FlowSet flow_rows(const FlowSpec &spec, const double *x, const std::vector<int64_t> &which)
{
  FlowSet set(spec.npieces());
  const std::size_t stride = 3 * (std::size_t) spec.natoms;
  for (const auto &piece : flow_pieces(spec)) {
    FlowRows rows(spec.piece(piece.kind));
    std::vector<double> local(piece.stride());
    for (const int64_t i : which) {
      piece.take(x + i * stride, local.data());
      rows.set_beads(local.data());
      rows.add(local.data(), set[piece.kind]);
    }
  }
  return set;
}

}    // namespace BACKMAP_NS

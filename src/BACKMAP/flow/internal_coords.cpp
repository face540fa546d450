/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "flow/internal_coords.h"

#include "flow/flow_spec.h"

#include <cmath>
#include <stdexcept>
#include <string>

using namespace BACKMAP_NS;

static_assert(InternalView::MAX_ROTOR == FlowSpec::MAX_ROTOR, "limits of rotors differ");

/* ---------------------------------------------------------------------- */

InternalTables::InternalTables(const FlowSpec &spec)
{
  const int n = spec.nrows(), nl = spec.nl();
  const auto need = [](const char *what, std::size_t got, std::size_t expected) {
    if (got != expected)
      throw std::runtime_error(std::string("internal coordinates: ") + what + ": expected " +
                               std::to_string(expected) + " values, got " + std::to_string(got));
  };
  layout.natoms = spec.natoms;
  layout.nbeads = spec.nbeads();
  layout.nrows = n;
  layout.nl = nl;
  layout.nc = spec.nc();
  layout.nrotors = (int) spec.rotors.size();
  layout.nbodies = (int) spec.bodies.size();
  layout.npoints = spec.natoms + (spec.bodies.empty() ? 0 : spec.nbeads());
  need("linear", spec.linear.size(), spec.derive_linear().size());
  if (!spec.linear_mean.empty()) need("linear.mean", spec.linear_mean.size(), nl);
  if (!spec.linear_chol.empty())
    need("linear.chol", spec.linear_chol.size(), (std::size_t) nl * nl);

  // same order as in view()

  for (int b = 0; b < spec.nbeads(); b++)
    ints.push_back(spec.beads[b].atoms.size() == 1 ? spec.beads[b].atoms[0] : spec.natoms + b);
  std::vector<int> torsion_ref(n);
  for (int k = 0; k < n; k++) torsion_ref[k] = spec.zmatrix[k][3];
  for (const auto &rotor : spec.rotors)
    for (const int k : rotor.rows) torsion_ref[k] = spec.zmatrix[rotor.rows[0]][3];
  for (int k = 0; k < n; k++) {
    ints.insert(ints.end(), spec.zmatrix[k].begin(), spec.zmatrix[k].begin() + 3);
    ints.push_back(torsion_ref[k]);
  }
  ints.insert(ints.end(), spec.linear.begin(), spec.linear.end());
  for (const auto &rotor : spec.rotors) {
    const int m = (int) rotor.rows.size();
    ints.push_back(m);
    ints.push_back(rotor.sign);
    for (int j = 0; j < InternalView::MAX_ROTOR; j++) ints.push_back(j < m ? rotor.rows[j] : 0);
  }
  ints.insert(ints.end(), spec.circular.begin(), spec.circular.end());
  std::vector<int> members;
  std::vector<double> weights;
  for (const auto &body : spec.bodies) {
    const auto &bead = spec.beads[body.bead];
    ints.insert(ints.end(),
                {spec.natoms + body.bead, spec.zmatrix[body.row][1], body.axis, body.spin, body.row,
                 (int) bead.atoms.size() - 1, (int) members.size()});
    members.insert(members.end(), bead.atoms.begin(), bead.atoms.end());
    weights.insert(weights.end(), bead.weights.begin(), bead.weights.end());
  }
  ints.insert(ints.end(), members.begin(), members.end());

  reals = spec.linear_mean;
  reals.resize(nl, 0.0);
  layout.log_chol = 0.0;
  for (int i = 0; i < nl; i++)
    for (int j = 0; j <= i; j++) {
      const double value = spec.linear_chol.empty() ? (i == j)
                                                    : spec.linear_chol[(std::size_t) i * nl + j];
      reals.push_back(value);
      if (i == j) layout.log_chol += std::log(value);
    }
  reals.insert(reals.end(), weights.begin(), weights.end());
}

/* ---------------------------------------------------------------------- */

InternalView InternalTables::view(const int *i, const double *r) const
{
  InternalView v = layout;
  v.bead_atom = i;
  v.place = v.bead_atom + v.nbeads;
  v.linear = v.place + 4 * v.nrows;
  v.rotor = v.linear + v.nl;
  v.circular = v.rotor + InternalView::ROTOR_INTS * v.nrotors;
  v.mean = r;
  v.chol = v.mean + v.nl;
  v.bodies = v.circular + (v.nc - v.nrotors);
  v.member = v.bodies + InternalView::BODY_INTS * v.nbodies;
  v.weight = v.chol + (std::size_t) v.nl * (v.nl + 1) / 2;
  return v;
}

/* ---------------------------------------------------------------------- */

bool InternalCoords::to_internal(const double *x, double *l, double *c, double *logdet) const
{
  const InternalView g = tables.view();
  std::vector<double> y(3 * (std::size_t) g.nrows), points;
  if (g.nbodies) {
    points.assign(x, x + 3 * (std::size_t) g.natoms);
    points.resize(3 * (std::size_t) g.npoints);
    place_sites<double>(g, points.data(), 1);
    x = points.data();
  }
  double bad = 0.0;
  BACKMAP_NS::to_internal<double>(g, x, y.data(), l, c, 1, logdet, &bad);
  return bad == 0.0;
}

/* ---------------------------------------------------------------------- */

bool InternalCoords::from_internal(const double *v, const double *c, const int *shift, double *x,
                                   double *logdet) const
{
  const InternalView g = tables.view();
  std::vector<double> y(3 * (std::size_t) g.nrows), k(g.nrotors);
  for (int q = 0; q < g.nrotors; q++) k[q] = shift[q];
  double bad = 0.0;
  BACKMAP_NS::from_internal<double>(g, v, c, k.data(), y.data(), x, 1, logdet, &bad);
  return bad == 0.0;
}

/* ---------------------------------------------------------------------- */

void InternalCoords::whiten(double *l) const
{
  BACKMAP_NS::whiten<double>(tables.view(), l, 1);
}

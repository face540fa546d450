/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/prior.h"

#include "molecule/features.h"
#include "molecule/graph.h"
#include "training/matrix.h"

#include <algorithm>
#include <cmath>

namespace BACKMAP_NS {

static constexpr double PI = 3.14159265358979323846;

namespace {

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

/* ----------------------------------------------------------------------
   one fit: coordinates, their means and covariance
------------------------------------------------------------------------- */

class PriorFit {
 public:
  // degree: bonds of the beads of a window, of which the part of its centre is wanted; empty: all
  PriorFit(int nbeads, const std::vector<std::array<int, 2>> &bonds, const std::vector<double> &z,
           const std::vector<int> &degree = {}) :
      nb(nbeads),
      nt((int64_t) z.size() / (3 * nbeads)), z(z), degree(degree), near(nbeads)
  {
    for (const auto &b : bonds) {
      if (mine(b[0]) || mine(b[1])) prior.bonds.push_back(b);
      near[b[0]].push_back(b[1]);
      near[b[1]].push_back(b[0]);
    }
    for (auto &v : near) std::sort(v.begin(), v.end());
  }

  CgnetSpec::Prior prior;

  void add_angles();
  void add_narrow_torsions();
  void statistics();
  void drop_determined();
  void gaussian(double kT);
  void add_repulsion();
  void take_shares();

 private:
  const int nb;
  const int64_t nt;
  const std::vector<double> &z;
  const std::vector<int> degree;
  Graph near;                      // bonded beads, ascending
  std::vector<double> means;       // of the torsions, about which they are wrapped
  std::vector<double> branches;    // 1 for those over a branch, 0 for those about a bond
  std::vector<double> cov;

  bool mine(int bead) const { return degree.empty() || bead == 0; }

  // a bead that is the centre of a window; two beads that have no others are centres both
  int inner(int bead) const
  {
    return degree[bead] > 1 || (near[bead].size() == 1 && degree[near[bead][0]] == 1);
  }
  double share(int a, int b) const { return 1.0 / (inner(a) + inner(b)); }
  double repulsion_share(int a, int b) const;

  void coordinates(const double *zi, double *d) const;
  std::vector<char> independent() const;
};

/* ---------------------------------------------------------------------- */

void PriorFit::add_angles()
{
  for (int j = 0; j < nb; j++)
    for (size_t a = 0; mine(j) && a < near[j].size(); a++)
      for (size_t c = a + 1; c < near[j].size(); c++)
        prior.angles.push_back({near[j][a], j, near[j][c]});
}

void PriorFit::add_narrow_torsions()
{
  std::vector<std::array<int, 4>> candidates;
  for (int j = 0; j < nb; j++)    // branches: handedness of three neighbors
    for (size_t k = 2; mine(j) && k < near[j].size(); k++)
      candidates.push_back({near[j][k], j, near[j][0], near[j][1]});
  const size_t over_branches = candidates.size();
  for (const auto &b : prior.bonds)
    for (int i : near[b[0]])
      for (int l : near[b[1]])
        if (i != b[1] && l != b[0] && i != l) candidates.push_back({i, b[0], b[1], l});
  std::vector<double> p(nt);
  for (size_t k = 0; k < candidates.size(); k++) {
    const auto &q = candidates[k];
    for (int64_t i = 0; i < nt; i++) {
      const double *zi = &z[i * 3 * nb];
      p[i] = bead_dihedral(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2], zi + 3 * q[3]);
    }
    double mean;
    if (!narrow(p, mean)) continue;
    prior.dihedrals.push_back(q);
    means.push_back(mean);
    branches.push_back(k < over_branches);
  }
}

/* ---------------------------------------------------------------------- */

void PriorFit::coordinates(const double *zi, double *d) const
{
  for (const auto &q : prior.bonds) *d++ = bead_distance(zi + 3 * q[0], zi + 3 * q[1]);
  for (const auto &q : prior.angles) *d++ = bead_angle(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2]);
  for (size_t k = 0; k < prior.dihedrals.size(); k++) {
    const auto &q = prior.dihedrals[k];
    *d++ = wrap_angle(bead_dihedral(zi + 3 * q[0], zi + 3 * q[1], zi + 3 * q[2], zi + 3 * q[3]) -
                      means[k]);
  }
}

void PriorFit::statistics()
{
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
}

/* ----------------------------------------------------------------------
   Gaussian elimination in the order bonds, torsions (they tell mirror images apart), angles. What is left of
   a determined coordinate is its curvature: a Gaussian in it would be stiff, and wrong off the mean,
   where the others move it
------------------------------------------------------------------------- */

std::vector<char> PriorFit::independent() const
{
  const int np = prior.size(), nbond = prior.bonds.size(), nangle = prior.angles.size();
  std::vector<char> keep(np, 1);
  std::vector<int> order;
  for (int j = 0; j < nbond; j++) order.push_back(j);
  for (int j = nbond + nangle; j < np; j++) order.push_back(j);
  for (int j = nbond; j < nbond + nangle; j++) order.push_back(j);
  std::vector<double> a = cov;
  for (int o = 0; o < np; o++) {
    const int j = order[o];
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
  return keep;
}

/* ----------------------------------------------------------------------
   a coordinate that others determine (the third angle about a branch, a second torsion about a bond)
   is left out
------------------------------------------------------------------------- */

void PriorFit::drop_determined()
{
  const auto keep = independent();
  const int nbond = prior.bonds.size(), nangle = prior.angles.size();
  std::vector<std::array<int, 3>> angles;
  std::vector<std::array<int, 4>> dihedrals;
  std::vector<double> kept, kept_branches;
  for (int k = 0; k < nangle; k++)
    if (keep[nbond + k]) angles.push_back(prior.angles[k]);
  for (size_t k = 0; k < prior.dihedrals.size(); k++)
    if (keep[nbond + nangle + k]) {
      dihedrals.push_back(prior.dihedrals[k]);
      kept.push_back(means[k]);
      kept_branches.push_back(branches[k]);
    }
  prior.angles = angles;
  prior.dihedrals = dihedrals;
  means = kept;
  branches = kept_branches;
  statistics();
}

/* ---------------------------------------------------------------------- */

void PriorFit::gaussian(double kT)
{
  const int first = prior.bonds.size() + prior.angles.size();
  prior.precision =
      inverse(cov, prior.size(), "CG training: the covariance of the prior's coordinates");
  for (double &v : prior.precision) v *= kT;
  for (size_t k = 0; k < prior.dihedrals.size(); k++)
    prior.mean[first + k] = wrap_angle(prior.mean[first + k] + means[k]);
}

/* ----------------------------------------------------------------------
   beads that are not bonded; those two bonds apart keep angles from closing
------------------------------------------------------------------------- */

void PriorFit::add_repulsion()
{
  for (int i = 0; i < nb; i++)
    for (int j = i + 1; j < nb; j++) {
      if (std::find(near[i].begin(), near[i].end(), j) != near[i].end()) continue;
      const double part = degree.empty() ? 1.0 : repulsion_share(i, j);
      if (part == 0.0) continue;
      double shortest = 1.0e300;
      for (int64_t k = 0; k < nt; k++)
        shortest = std::min(shortest, bead_distance(&z[(k * nb + i) * 3], &z[(k * nb + j) * 3]));
      prior.repulsion.push_back({i, j});
      prior.sigma.push_back(shortest * std::pow(0.1 * part, 1.0 / 12.0));
    }
}

/* ----------------------------------------------------------------------
   of two beads that are two or three bonds apart: the inner beads of all shortest ways have equal
   parts; 0 if the centre is not one of them
------------------------------------------------------------------------- */

double PriorFit::repulsion_share(int a, int b) const
{
  const std::vector<char> all(nb, 1);
  const auto from_a = steps_from(near, all, a), from_b = steps_from(near, all, b);
  const int apart = from_a[b];
  if (apart < 2 || apart >= CgnetSpec::FAR) return 0.0;
  const auto between = [&](int c) {
    return c != a && c != b && from_a[c] >= 0 && from_a[c] + from_b[c] == apart;
  };
  int count = 0;
  for (int c = 0; c < nb; c++) count += between(c);
  return between(0) ? 1.0 / count : 0.0;
}

/* ---------------------------------------------------------------------- */

void PriorFit::take_shares()
{
  std::vector<double> root;
  for (const auto &b : prior.bonds) {
    prior.jacobian.push_back(2.0 * share(b[0], b[1]));
    root.push_back(std::sqrt(share(b[0], b[1])));
  }
  root.resize(prior.bonds.size() + prior.angles.size(), 1.0);
  for (size_t k = 0; k < prior.dihedrals.size(); k++)
    root.push_back(branches[k] ? 1.0
                               : std::sqrt(share(prior.dihedrals[k][1], prior.dihedrals[k][2])));
  const int np = prior.size();
  for (int i = 0; i < np; i++)
    for (int j = 0; j < np; j++) prior.precision[i * np + j] *= root[i] * root[j];
}

}    // namespace

/* ---------------------------------------------------------------------- */

CgnetSpec::Prior fit_prior(int nbeads, const std::vector<std::array<int, 2>> &bonds,
                           const std::vector<double> &z, double kT)
{
  PriorFit fit(nbeads, bonds, z);
  fit.add_angles();
  fit.add_narrow_torsions();
  fit.statistics();
  fit.drop_determined();
  fit.gaussian(kT);
  fit.add_repulsion();
  return fit.prior;
}

CgnetSpec::Prior fit_window_prior(const BeadWindows::Kind &kind, const std::vector<double> &z,
                                  double kT)
{
  PriorFit fit((int) kind.degree.size(), kind.bonds, z, kind.degree);
  fit.add_angles();
  fit.add_narrow_torsions();
  fit.statistics();
  fit.drop_determined();
  fit.gaussian(kT);
  fit.take_shares();
  fit.add_repulsion();
  return fit.prior;
}

}    // namespace BACKMAP_NS

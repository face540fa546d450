/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/ensemble.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace BACKMAP_NS {

namespace {

Unity unity(const std::vector<std::vector<RatioTerm>> &terms, std::size_t frames)
{
  const Estimate e = ratio_estimate(terms, RatioOf::Mean);
  return {e.value, e.error, e.dof, static_cast<double>(frames)};
}

}    // namespace

/* ---------------------------------------------------------------------- */

bool Unity::differs(double least, std::size_t figures) const
{
  if (!(std::fabs(value - 1.0) > least) || !std::isfinite(error)) return false;
  if (error == 0.0) return true;    // frames that are all the same
  if (!(dof >= FEWEST)) return false;
  const double p = 0.0005 / static_cast<double>(figures);
  return std::fabs(value - 1.0) * std::min(1.0, value) > student_quantile(1.0 - p, dof) * error;
}

/* ----------------------------------------------------------------------
   degrees of freedom of the sum after Welch and Satterthwaite
------------------------------------------------------------------------- */

Unity Unity::combine(const std::vector<Unity> &runs)
{
  constexpr double NONE = std::numeric_limits<double>::quiet_NaN();
  Unity all{0.0, 0.0, 0.0, 0.0};
  for (const Unity &u : runs)
    if (std::isfinite(u.value) && std::isfinite(u.error)) all.frames += u.frames;
  if (!(all.frames > 0.0)) return {NONE, NONE, NONE, 0.0};
  double variance = 0.0, spread = 0.0;
  for (const Unity &u : runs) {
    if (!std::isfinite(u.value) || !std::isfinite(u.error)) continue;
    const double share = u.frames / all.frames, v = std::pow(share * u.error, 2);
    all.value += share * u.value;
    variance += v;
    spread += v * v / u.dof;
  }
  all.error = std::sqrt(variance);
  all.dof = spread > 0.0 ? variance * variance / spread : 1.0;
  return all;
}

/* ---------------------------------------------------------------------- */

void EnsembleSeries::add(std::int64_t molecule, double virial, double ideal, double energy)
{
  walkers_[molecule].push_back({virial / kt_, ideal, energy / kt_});
  frames_++;
}

/* ---------------------------------------------------------------------- */

Unity EnsembleSeries::temperature() const
{
  std::vector<std::vector<RatioTerm>> terms;
  for (const auto &walker : walkers_) {
    terms.emplace_back();
    for (const Frame &f : walker.second) terms.back().push_back({f.virial, f.ideal});
  }
  return unity(terms, frames_);
}

/* ---------------------------------------------------------------------- */

Unity EnsembleSeries::fluctuation() const
{
  double mean = 0.0;
  for (const auto &walker : walkers_)
    for (const Frame &f : walker.second) mean += f.energy / static_cast<double>(frames_);
  std::vector<std::vector<RatioTerm>> terms;
  for (const auto &walker : walkers_) {
    terms.emplace_back();
    for (const Frame &f : walker.second)
      terms.back().push_back({(f.energy - mean) * (f.virial - f.ideal), f.ideal});
  }
  return unity(terms, frames_);
}

}    // namespace BACKMAP_NS

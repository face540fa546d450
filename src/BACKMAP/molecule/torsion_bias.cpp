/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/torsion_bias.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <sstream>
#include <stdexcept>

namespace BACKMAP_NS {

namespace {
constexpr double PI = 3.14159265358979323846;
constexpr double DEGREE = PI / 180.0;
constexpr double SMALLEST = 1.0e-3;    // harmonics of a hill below this are left out
}    // namespace

/* ---------------------------------------------------------------------- */

TorsionBias::TorsionBias(double width)
{
  const double sigma = width * DEGREE;
  const int harmonics = std::max(
      1, std::min(POINTS / 4, static_cast<int>(std::sqrt(-2.0 * std::log(SMALLEST)) / sigma)));
  kernel_.resize(harmonics + 1);
  double sum = 0.0;
  for (int k = 0; k <= harmonics; k++) {
    kernel_[k] = (k == 0 ? 1.0 : 2.0) * std::exp(-0.5 * k * k * sigma * sigma);
    sum += kernel_[k];
  }
  for (double &g : kernel_) g /= sum;
  series_.assign(1 + 2 * static_cast<std::size_t>(harmonics), 0.0);
}

/* ---------------------------------------------------------------------- */

void TorsionBias::add(double phi, double height, double *series) const
{
  const int n = static_cast<int>(kernel_.size()) - 1;
  series[0] += height * kernel_[0];
  for (int k = 1; k <= n; k++) {
    series[k] += height * kernel_[k] * std::cos(k * phi);
    series[n + k] += height * kernel_[k] * std::sin(k * phi);
  }
}

/* ---------------------------------------------------------------------- */

void TorsionBias::add_series(const double *series)
{
  for (double &c : series_) c += *series++;
}

/* ---------------------------------------------------------------------- */

double TorsionBias::energy(double phi, double &slope) const
{
  const int n = static_cast<int>(kernel_.size()) - 1;
  const double c1 = std::cos(phi), s1 = std::sin(phi);
  double c = c1, s = s1, sum = series_[0];
  slope = 0.0;
  for (int k = 1; k <= n; k++) {
    sum += series_[k] * c + series_[n + k] * s;
    slope += k * (series_[n + k] * c - series_[k] * s);
    const double next = c * c1 - s * s1;
    s = s * c1 + c * s1;
    c = next;
  }
  return sum;
}

/* ---------------------------------------------------------------------- */

std::array<double, TorsionBias::POINTS> TorsionBias::energies() const
{
  std::array<double, POINTS> e{};
  double slope;
  for (int i = 0; i < POINTS; i++) e[i] = energy((i - 180) * DEGREE, slope);
  return e;
}

/* ---------------------------------------------------------------------- */

double TorsionBias::range() const
{
  const auto e = energies();
  const auto ends = std::minmax_element(e.begin(), e.end());
  return *ends.second - *ends.first;
}

/* ---------------------------------------------------------------------- */

std::string TorsionBias::table(const std::string &name, double keep, double smooth) const
{
  const auto e = energies();
  const double top = *std::max_element(e.begin(), e.end());
  std::string text = name + "\nN " + std::to_string(POINTS) + " NOF DEGREES\n\n";
  char line[64];
  for (int i = 0; i < POINTS; i++) {
    const double depth = top - e[i];
    const double out = keep > 0.0 ? -smooth * std::log1p(std::exp((depth - keep) / smooth))
                                  : -depth;
    std::snprintf(line, sizeof(line), "%d %d %.10g\n", i + 1, i - 180, out);
    text += line;
  }
  return text;
}

/* ----------------------------------------------------------------------
   the values of whole degrees have exactly one series of so few harmonics
------------------------------------------------------------------------- */

void TorsionBias::read(const std::string &text, const std::string &name, const std::string &where)
{
  std::istringstream in(text);
  std::string line, head;
  bool found = false;
  while (!found && std::getline(in, line)) found = line == name;
  if (!found) throw std::runtime_error(where + ": expected a section " + name + ", got none");
  std::getline(in, head);
  if (head != "N " + std::to_string(POINTS) + " NOF DEGREES")
    throw std::runtime_error(where + ", section " + name + ": expected \"N " +
                             std::to_string(POINTS) + " NOF DEGREES\", got \"" + head + "\"");
  const int n = static_cast<int>(kernel_.size()) - 1;
  std::vector<double> series(series_.size(), 0.0);
  for (int i = 0; i < POINTS; i++) {
    int number = 0, degree = 0;
    double e = NAN;
    in >> number >> degree >> e;
    if (!in || number != i + 1 || degree != i - 180 || !std::isfinite(e))
      throw std::runtime_error(where + ", section " + name + ": expected row " +
                               std::to_string(i + 1) + " with its degree and energy");
    series[0] += e / POINTS;
    for (int k = 1; k <= n; k++) {
      series[k] += 2.0 * e / POINTS * std::cos(k * degree * DEGREE);
      series[n + k] += 2.0 * e / POINTS * std::sin(k * degree * DEGREE);
    }
  }
  series_ = series;
}

}    // namespace BACKMAP_NS

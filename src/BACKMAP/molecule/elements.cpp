/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/elements.h"

#include <cmath>
#include <cstdio>
#include <map>

namespace BACKMAP_NS {

std::string element_of_mass(double mass)
{
  // tolerance: what force fields round, less than what tells nitrogen from a united CH2 (14.027)
  static const struct {
    const char *symbol;
    double mass, tolerance;
  } elements[] = {
      {"H", 1.008, 0.015},  {"B", 10.81, 0.05},   {"C", 12.011, 0.015}, {"N", 14.007, 0.015},
      {"O", 15.999, 0.015}, {"F", 18.998, 0.015}, {"Na", 22.990, 0.05}, {"Mg", 24.305, 0.05},
      {"Si", 28.086, 0.1},  {"P", 30.974, 0.05},  {"S", 32.06, 0.1},    {"Cl", 35.45, 0.1},
      {"K", 39.098, 0.05},  {"Ca", 40.078, 0.05}, {"Fe", 55.845, 0.1},  {"Zn", 65.38, 0.1},
      {"Se", 78.971, 0.1},  {"Br", 79.904, 0.1},  {"I", 126.904, 0.1}};
  for (const auto &e : elements)
    if (std::fabs(mass - e.mass) <= e.tolerance) return e.symbol;
  char text[40];
  std::snprintf(text, sizeof text, "M%.1f", mass);
  return text;
}

std::string formula(const std::vector<std::string> &elements)
{
  std::map<std::string, int> count;
  for (const auto &e : elements) count[e]++;
  std::string out;
  auto add = [&](const std::string &e) {
    const auto it = count.find(e);
    if (it == count.end()) return;
    out += e + (it->second > 1 ? std::to_string(it->second) : "");
    count.erase(it);
  };
  add("C");
  add("H");
  while (!count.empty()) add(std::string(count.begin()->first));
  return out;
}

}    // namespace BACKMAP_NS

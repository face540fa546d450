/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "molecule/features.h"

#include "molecule/slopes.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <set>
#include <stdexcept>

namespace BACKMAP_NS {

using json = nlohmann::json;

namespace {

inline Vec3<double> at(const double *a)
{
  return {a[0], a[1], a[2]};
}
inline void add(double s, const Vec3<double> &v, double *g)
{
  g[0] += s * v.x;
  g[1] += s * v.y;
  g[2] += s * v.z;
}

/* ----------------------------------------------------------------------
   one index list of the JSON form
------------------------------------------------------------------------- */

template <std::size_t N>
std::vector<std::array<int, N>> index_lists(const json &j, const char *key,
                                            const std::string &where)
{
  std::vector<std::array<int, N>> out;
  if (!j.contains(key)) throw std::runtime_error(where + ": " + key + " is missing");
  const json &list = j.at(key);
  if (!list.is_array()) throw std::runtime_error(where + ": " + key + " must be a list");
  for (const auto &row : list) {
    bool good = row.is_array() && row.size() == N;
    if (good)
      for (const auto &k : row) good = good && k.is_number_integer();
    if (!good)
      throw std::runtime_error(where + ": every entry of " + key + " must be " + std::to_string(N) +
                               " whole numbers, got " + row.dump());
    std::array<int, N> a;
    for (std::size_t k = 0; k < N; k++) {
      // compare before narrowing: a number beyond int would alias a valid index
      const auto value = row[k].get<long long>();
      a[k] = (value < 0 || value > 1000000) ? -1 : static_cast<int>(value);
    }
    out.push_back(a);
  }
  return out;
}

/* ----------------------------------------------------------------------
   indices of one kind of feature in range and distinct
------------------------------------------------------------------------- */

template <std::size_t N>
void check(const std::vector<std::array<int, N>> &list, int nbeads, const char *kind,
           const std::string &where)
{
  for (const auto &a : list) {
    std::set<int> seen;
    for (int k : a) {
      if (k < 0 || k >= nbeads)
        throw std::runtime_error(where + ": bead index in " + kind + ", expected 0 to " +
                                 std::to_string(nbeads - 1) + ", got " + std::to_string(k));
      if (!seen.insert(k).second)
        throw std::runtime_error(where + ": bead " + std::to_string(k) + " is repeated in one of " +
                                 kind);
    }
  }
}

/* ----------------------------------------------------------------------
   cosine and sine of a dihedral without computing the angle
------------------------------------------------------------------------- */

void dihedral_cos_sin(const double *a, const double *b, const double *c, const double *d,
                      double &cosine, double &sine)
{
  const Vec3<double> b1 = at(b) - at(a), b2 = at(c) - at(b), b3 = at(d) - at(c);
  const Vec3<double> m = cross(b1, b2), n = cross(b2, b3);
  sine_cosine(norm(b2) * dot(b1, n), dot(m, n), sine, cosine);
}

}    // namespace

/* ---------------------------------------------------------------------- */

int FeatureSpec::size() const
{
  return static_cast<int>(distances.size() + angles.size() +
                          2 * static_cast<std::size_t>(harmonics) * dihedrals.size());
}

/* ---------------------------------------------------------------------- */

void FeatureSpec::validate(const std::string &where) const
{
  if (nbeads < 1)
    throw std::runtime_error(where + ": number of beads, expected at least 1, got " +
                             std::to_string(nbeads));
  if (harmonics < 1 || harmonics > 100)
    throw std::runtime_error(where + ": harmonics, expected 1 to 100, got " +
                             std::to_string(harmonics));
  check(distances, nbeads, "distances", where);
  check(angles, nbeads, "angles", where);
  check(dihedrals, nbeads, "dihedrals", where);
}

/* ---------------------------------------------------------------------- */

std::string FeatureSpec::to_json() const
{
  json j;
  j["distances"] = distances;
  j["angles"] = angles;
  j["dihedrals"] = dihedrals;
  j["harmonics"] = harmonics;
  return j.dump();
}

/* ---------------------------------------------------------------------- */

FeatureSpec FeatureSpec::from_json(const std::string &text, int nbeads, const std::string &where)
{
  const json j = json::parse(text, nullptr, false);
  if (j.is_discarded() || !j.is_object())
    throw std::runtime_error(where + ": features must be a JSON object");
  for (const auto &item : j.items())
    if (item.key() != "distances" && item.key() != "angles" && item.key() != "dihedrals" &&
        item.key() != "harmonics")
      throw std::runtime_error(where + ": unknown key " + item.key() + " in features");

  FeatureSpec spec;
  spec.nbeads = nbeads;
  spec.distances = index_lists<2>(j, "distances", where);
  spec.angles = index_lists<3>(j, "angles", where);
  spec.dihedrals = index_lists<4>(j, "dihedrals", where);
  if (!j.contains("harmonics") || !j.at("harmonics").is_number_integer())
    throw std::runtime_error(where + ": harmonics of the features must be a whole number");
  const auto h = j.at("harmonics").get<long long>();
  spec.harmonics = (h < 1 || h > 100) ? 0 : static_cast<int>(h);
  spec.validate(where);
  return spec;
}

/* ---------------------------------------------------------------------- */

FeatureSpec derive_features(int nbeads, const std::vector<std::array<int, 2>> &bead_bonds,
                            int harmonics)
{
  FeatureSpec spec;
  spec.nbeads = nbeads;
  spec.harmonics = harmonics;
  check(bead_bonds, nbeads, "bead bonds", "features");

  std::vector<std::set<int>> adjacent(nbeads);
  for (const auto &b : bead_bonds) {
    adjacent[b[0]].insert(b[1]);
    adjacent[b[1]].insert(b[0]);
  }

  // distances: all pairs of a small molecule, otherwise those within four bonds

  for (int i = 0; i < nbeads; i++) {
    std::set<int> near = {i};
    if (nbeads > 20)
      for (int step = 0; step < 4; step++) {
        const std::set<int> shell = near;
        for (int k : shell) near.insert(adjacent[k].begin(), adjacent[k].end());
      }
    for (int j = i + 1; j < nbeads; j++)
      if (nbeads <= 20 || near.count(j)) spec.distances.push_back({i, j});
  }

  for (int j = 0; j < nbeads; j++)
    for (int i : adjacent[j])
      for (int k : adjacent[j])
        if (i < k) spec.angles.push_back({i, j, k});

  std::vector<char> passed(nbeads, 0);
  for (int j = 0; j < nbeads; j++)
    for (int k : adjacent[j]) {
      if (k < j) continue;
      for (int i : adjacent[j])
        for (int l : adjacent[k])
          if (i != k && l != j && i != l) {
            spec.dihedrals.push_back({i, j, k, l});
            passed[j] = passed[k] = 1;
          }
    }

  // three leaves on one bead: distances and angles alone cannot tell a molecule from its mirror
  // image

  for (int j = 0; j < nbeads; j++)
    if (!passed[j] && adjacent[j].size() >= 3) {
      auto it = adjacent[j].begin();
      const int a = *it++, b = *it++, c = *it;
      spec.dihedrals.push_back({a, j, b, c});
    }

  std::sort(spec.angles.begin(), spec.angles.end());
  std::sort(spec.dihedrals.begin(), spec.dihedrals.end());
  spec.validate("features");
  return spec;
}

/* ---------------------------------------------------------------------- */

double wrap_angle(double x)
{
  constexpr double pi = 3.14159265358979323846;
  double w = x - 2.0 * pi * std::floor((x + pi) / (2.0 * pi));
  // floor of a quotient just below a whole number can leave the upper end itself
  if (w >= pi) w -= 2.0 * pi;
  if (w < -pi) w = -pi;
  return w;
}

/* ---------------------------------------------------------------------- */

double bead_distance(const double *a, const double *b)
{
  return distance(at(a), at(b));
}

/* ---------------------------------------------------------------------- */

double bead_angle(const double *a, const double *b, const double *c)
{
  return angle(at(a), at(b), at(c));
}

/* ---------------------------------------------------------------------- */

double bead_dihedral(const double *a, const double *b, const double *c, const double *d)
{
  return dihedral(at(a), at(b), at(c), at(d));
}

/* ---------------------------------------------------------------------- */

void bead_distance_gradient(const double *a, const double *b, double scale, double *ga, double *gb)
{
  Vec3<double> slope;
  distance_slope(at(a), at(b), slope);
  add(-scale, slope, ga);
  add(scale, slope, gb);
}

/* ---------------------------------------------------------------------- */

void bead_angle_gradient(const double *a, const double *b, const double *c, double scale,
                         double *ga, double *gb, double *gc)
{
  Vec3<double> to_a, to_c;
  angle_slopes(at(a), at(b), at(c), to_a, to_c);
  add(scale, to_a, ga);
  add(scale, to_c, gc);
  add(-scale, to_a + to_c, gb);
}

/* ---------------------------------------------------------------------- */

void bead_dihedral_gradient(const double *a, const double *b, const double *c, const double *d,
                            double scale, double *ga, double *gb, double *gc, double *gd)
{
  Vec3<double> to_a, to_b, to_d;
  double sine, cosine;
  dihedral_slopes(at(a), at(b), at(c), at(d), sine, cosine, to_a, to_b, to_d);
  add(scale, to_a, ga);
  add(scale, to_b, gb);
  add(-scale, to_a + to_b + to_d, gc);
  add(scale, to_d, gd);
}

/* ---------------------------------------------------------------------- */

void features(const FeatureSpec &spec, const double *z, double *f)
{
  for (const auto &p : spec.distances) *f++ = bead_distance(z + 3 * p[0], z + 3 * p[1]);
  for (const auto &p : spec.angles) *f++ = bead_angle(z + 3 * p[0], z + 3 * p[1], z + 3 * p[2]);
  for (const auto &p : spec.dihedrals) {
    double c1, s1;
    dihedral_cos_sin(z + 3 * p[0], z + 3 * p[1], z + 3 * p[2], z + 3 * p[3], c1, s1);
    double c = c1, s = s1;
    for (int k = 1; k <= spec.harmonics; k++) {
      *f++ = c;
      *f++ = s;
      const double next = c * c1 - s * s1;
      s = s * c1 + c * s1;
      c = next;
    }
  }
}

/* ---------------------------------------------------------------------- */

void features_gradient(const FeatureSpec &spec, const double *z, const double *dEdf, double *dEdz)
{
  for (const auto &p : spec.distances)
    bead_distance_gradient(z + 3 * p[0], z + 3 * p[1], *dEdf++, dEdz + 3 * p[0], dEdz + 3 * p[1]);
  for (const auto &p : spec.angles)
    bead_angle_gradient(z + 3 * p[0], z + 3 * p[1], z + 3 * p[2], *dEdf++, dEdz + 3 * p[0],
                        dEdz + 3 * p[1], dEdz + 3 * p[2]);
  for (const auto &p : spec.dihedrals) {
    double c1, s1;
    dihedral_cos_sin(z + 3 * p[0], z + 3 * p[1], z + 3 * p[2], z + 3 * p[3], c1, s1);
    double c = c1, s = s1, dphi = 0.0;
    for (int k = 1; k <= spec.harmonics; k++) {
      dphi += k * (dEdf[1] * c - dEdf[0] * s);
      dEdf += 2;
      const double next = c * c1 - s * s1;
      s = s * c1 + c * s1;
      c = next;
    }
    bead_dihedral_gradient(z + 3 * p[0], z + 3 * p[1], z + 3 * p[2], z + 3 * p[3], dphi,
                           dEdz + 3 * p[0], dEdz + 3 * p[1], dEdz + 3 * p[2], dEdz + 3 * p[3]);
  }
}

}    // namespace BACKMAP_NS

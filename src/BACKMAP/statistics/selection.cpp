/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "statistics/selection.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace BACKMAP_NS {

namespace {
constexpr double INF = std::numeric_limits<double>::infinity();
constexpr std::size_t HEAD = 4,
                      FIELDS = 6;    // numbers of pack() before the places, and of a place before x

std::tuple<std::int64_t, std::int64_t, std::int64_t> name_of(const SelectedStructure &s)
{
  return {s.step, s.molecule, s.sample};
}

/* equal weights go by name, so that the order in which they came does not matter */

template <class P> bool better(const P &a, const P &b)
{
  return a.key != b.key ? a.key < b.key : name_of(a.structure) < name_of(b.structure);
}
}    // namespace

/* ---------------------------------------------------------------------- */

Selection::Selection(Rule rule, int k, int natoms) : rule_(rule), k_(k), natoms_(natoms)
{
  if (k < 1)
    throw std::runtime_error("selection: expected at least 1 structure, got " + std::to_string(k));
  if (rule == Rule::Best) return;
  places_.resize(k);
  for (int i = 0; i < k; i++) order_.push_back(i);
}

/* ---------------------------------------------------------------------- */

void Selection::take(Place &to, const Place &from, const double *x) const
{
  to = from;
  to.structure.x.assign(x, x + 3 * static_cast<std::size_t>(natoms_));
}

/* ---------------------------------------------------------------------- */

void Selection::add(std::int64_t step, std::int64_t molecule, std::int64_t sample, double logweight,
                    double logq, const double *x, const Uniform &uniform)
{
  if (!(logweight > -INF)) return;
  Place place{-logweight, {step, molecule, sample, logweight, logq, {}}};
  if (rule_ == Rule::Best)
    add_best(place, x);
  else
    add_drawn(place, x, uniform);
}

/* ----------------------------------------------------------------------
   a heap with the worst one on top
------------------------------------------------------------------------- */

void Selection::add_best(const Place &place, const double *x)
{
  if (places_.size() == static_cast<std::size_t>(k_)) {
    if (!better(place, places_.front())) return;
    std::pop_heap(places_.begin(), places_.end(), better<Place>);
    places_.pop_back();
  }
  places_.emplace_back();
  take(places_.back(), place, x);
  std::push_heap(places_.begin(), places_.end(), better<Place>);
}

/* ----------------------------------------------------------------------
   the i-th smallest of k exponential numbers exceeds the one before it by one of rate k - i, and belongs to each of the
   places that have none yet with the same probability
------------------------------------------------------------------------- */

void Selection::add_drawn(Place &place, const double *x, const Uniform &uniform)
{
  double number = 0.0;
  bool lost_worst = false;
  std::vector<std::pair<int, int>> swaps;
  for (int i = 0; i < k_; i++) {
    number -= std::log(uniform()) / (k_ - i);
    place.key = std::log(number) - place.structure.logweight;
    if (!(place.key < worst_)) break;
    const int j = i + std::min(k_ - i - 1, static_cast<int>(uniform() * (k_ - i)));
    std::swap(order_[i], order_[j]);
    swaps.emplace_back(i, j);
    Place &mine = places_[order_[i]];
    if (!(place.key < mine.key)) continue;
    if (mine.key == worst_) lost_worst = true;
    take(mine, place, x);
  }
  for (auto s = swaps.rbegin(); s != swaps.rend(); ++s)
    std::swap(order_[s->first], order_[s->second]);
  if (!lost_worst) return;
  worst_ = -INF;
  for (const Place &p : places_) worst_ = std::max(worst_, p.key);
}

/* ---------------------------------------------------------------------- */

std::vector<SelectedStructure> Selection::structures() const
{
  std::vector<Place> sorted;
  for (const Place &p : places_)
    if (p.key < INF) sorted.push_back(p);
  std::sort(sorted.begin(), sorted.end(), [&](const Place &a, const Place &b) {
    return rule_ == Rule::Best ? better(a, b) : name_of(a.structure) < name_of(b.structure);
  });
  std::vector<SelectedStructure> list;
  for (Place &p : sorted) list.push_back(std::move(p.structure));
  return list;
}

/* ---------------------------------------------------------------------- */

std::vector<double> Selection::pack() const
{
  std::vector<double> s{rule_ == Rule::Best ? 0.0 : 1.0, static_cast<double>(k_),
                        static_cast<double>(natoms_), 0.0};
  for (const Place &p : places_) {
    if (!(p.key < INF)) continue;
    s[3] += 1.0;
    const SelectedStructure &m = p.structure;
    s.insert(s.end(),
             {p.key, static_cast<double>(m.step), static_cast<double>(m.molecule),
              static_cast<double>(m.sample), m.logweight, m.logq});
    s.insert(s.end(), m.x.begin(), m.x.end());
  }
  return s;
}

/* ----------------------------------------------------------------------
   all places of a drawn selection are filled by its first structure
------------------------------------------------------------------------- */

void Selection::unpack(const std::vector<double> &s)
{
  const std::size_t width = FIELDS + 3 * static_cast<std::size_t>(natoms_);
  const auto head = Selection(rule_, k_, natoms_).pack();
  if (s.size() < HEAD || !std::equal(head.begin(), head.begin() + 3, s.begin()) ||
      s.size() != HEAD + static_cast<std::size_t>(s[3]) * width)
    throw std::runtime_error("the selection is not the packed one of this rule and number");
  const auto n = static_cast<std::size_t>(s[3]);
  if (n > static_cast<std::size_t>(k_) || (rule_ == Rule::Drawn && n != 0 && n != places_.size()))
    throw std::runtime_error("the packed selection is damaged");
  if (n == 0) return;
  places_.resize(n);
  worst_ = -INF;
  for (std::size_t i = 0; i < n; i++) {
    const double *p = &s[HEAD + i * width];
    Place &place = places_[i];
    place.key = p[0];
    place.structure = {static_cast<std::int64_t>(p[1]),
                       static_cast<std::int64_t>(p[2]),
                       static_cast<std::int64_t>(p[3]),
                       p[4],
                       p[5],
                       {p + FIELDS, p + width}};
    worst_ = std::max(worst_, place.key);
  }
}

}    // namespace BACKMAP_NS

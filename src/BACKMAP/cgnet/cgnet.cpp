/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "cgnet/cgnet.h"

#include "cgnet/piece.h"

#include <algorithm>

using namespace BACKMAP_NS;

// molecules whose windows are evaluated together
static constexpr int BLOCK = 64;

/* ----------------------------------------------------------------------
   sorts of beads are numbered as they come
------------------------------------------------------------------------- */

static std::shared_ptr<const FarRepulsion> make_far(const CgnetSpec &s, double kT)
{
  std::vector<std::string> names;
  std::vector<int> sort;
  for (int b = 0; b < s.nbeads(); b++) {
    const std::string name = s.bead_formula(b);
    const auto at = std::find(names.begin(), names.end(), name);
    sort.push_back((int) (at - names.begin()));
    if (at == names.end()) names.push_back(name);
  }
  const std::size_t n = names.size();
  std::vector<double> sigma(n * n, 0.0);
  for (const auto &pair : s.far)
    for (std::size_t a = 0; a < n; a++)
      for (std::size_t b = 0; b < n; b++)
        if (names[a] == pair.beads[0] && names[b] == pair.beads[1])
          sigma[a * n + b] = sigma[b * n + a] = pair.sigma;
  return std::make_shared<FarRepulsion>(kT, sort, sigma, s.bead_bonds, CgnetSpec::FAR);
}

/* ---------------------------------------------------------------------- */

Cgnet::Cgnet(const CgnetSpec &spec, Precision precision) : model(spec)
{
  model.validate("cgnet model");
  if (!model.composed()) {
    piece = CgnetPiece::create(model, precision);
    return;
  }
  for (const auto &kind : model.kinds) kinds.emplace_back(kind, precision);
  views.resize(kinds.size());
  for (const auto &w : model.windows)
    for (const auto &order : w.orders) views[w.kind].push_back({order, 1.0 / w.orders.size()});
  far = make_far(model, boltzmann_constant(model.units) * model.temperature);
}

/* ---------------------------------------------------------------------- */

void Cgnet::evaluate(int nmol, const double *z, double *energy, double *force) const
{
  if (piece) {
    piece->evaluate(nmol, z, energy, force);
    return;
  }
  const std::size_t size = 3 * (std::size_t) model.nbeads();
  for (int first = 0; first < nmol; first += BLOCK)
    evaluate_windows(std::min(BLOCK, nmol - first), z + first * size, energy + first,
                     force + first * size);
}

/* ----------------------------------------------------------------------
   beads out of the molecules, energies and forces into them, kind by kind
------------------------------------------------------------------------- */

void Cgnet::evaluate_windows(int n, const double *z, double *energy, double *force) const
{
  const std::size_t size = 3 * (std::size_t) model.nbeads();
  std::fill(force, force + n * size, 0.0);
  for (int m = 0; m < n; m++) {
    double *f = force + m * size;
    energy[m] = far->evaluate(z + m * size, f);
    for (std::size_t i = 0; i < size; i++) f[i] = -f[i];
  }
  thread_local std::vector<double> x, e, f;    // nothing is allocated in a step
  for (std::size_t k = 0; k < kinds.size(); k++) {
    const std::size_t nb = model.kinds[k].nbeads(), count = n * views[k].size();
    x.resize(std::max(x.size(), count * 3 * nb));
    f.resize(x.size());
    e.resize(std::max(e.size(), count));
    double *to = x.data();
    for (int m = 0; m < n; m++)
      for (const auto &view : views[k])
        for (const int b : view.beads) to = std::copy_n(z + m * size + 3 * b, 3, to);
    kinds[k].evaluate((int) count, x.data(), e.data(), f.data());
    const double *from = f.data(), *one = e.data();
    for (int m = 0; m < n; m++)
      for (const auto &view : views[k]) {
        energy[m] += view.share * *one++;
        for (const int b : view.beads)
          for (int c = 0; c < 3; c++) force[m * size + 3 * b + c] += view.share * *from++;
      }
  }
}

/* ---------------------------------------------------------------------- */

Cgnet::Cost Cgnet::cost(const double *z) const
{
  Cost out;
  for (const auto &l : model.layers) out.network += (std::int64_t) l.in * l.out;
  for (std::size_t k = 0; k < kinds.size(); k++)
    out.network += (std::int64_t) views[k].size() * kinds[k].cost(z).network;
  if (far) far->evaluate(z, nullptr, &out.pairs);
  return out;
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "cgnet/piece.h"

#include "cgnet/kernel.h"

#include <algorithm>

using namespace BACKMAP_NS;

namespace {

/* ----------------------------------------------------------------------
   number of a coordinate in the list, at its end if it is new
   read from its other end it is the same coordinate
------------------------------------------------------------------------- */

template <class Beads> int number_in(std::vector<Beads> &list, const Beads &beads)
{
  Beads back = beads;
  std::reverse(back.begin(), back.end());
  for (std::size_t q = 0; q < list.size(); q++)
    if (list[q] == beads || list[q] == back) return (int) q;
  list.push_back(beads);
  return (int) list.size() - 1;
}

template <class Beads> void append(std::vector<int> &to, const std::vector<Beads> &list)
{
  for (const auto &beads : list) to.insert(to.end(), beads.begin(), beads.end());
}

/* ---------------------------------------------------------------------- */

template <class S> class PieceOf : public CgnetPiece {
 public:
  static constexpr int W = host_pack_width<S>();
  using Kernel = CgnetKernel<S, W, host_pack_width<double>()>;
  using D = typename Kernel::D;
  using P = typename Kernel::P;

  explicit PieceOf(const CgnetSpec &spec)
  {
    view.nbeads = spec.nbeads();
    set_coordinates(spec.features, spec.prior);
    set_features(spec);
    set_prior(spec);
    set_layers(spec.layers);
  }
  PieceOf(const PieceOf &) = delete;    // view points into this
  PieceOf &operator=(const PieceOf &) = delete;

  void evaluate(int nmol, const double *z, double *energy, double *force) const override
  {
    // of the thread and not of the piece: calls come from several threads, and none shall allocate
    thread_local std::vector<D> doubles;
    thread_local std::vector<P> numbers;
    doubles.resize(std::max(doubles.size(), Kernel::scratch_doubles(view)));
    numbers.resize(std::max(numbers.size(), Kernel::scratch_numbers(view)));
    const std::size_t size = 3 * (std::size_t) view.nbeads;
    for (int m = 0; m < nmol; m += Kernel::TILE)
      Kernel::evaluate(view, std::min(nmol - m, Kernel::TILE), z + m * size, energy + m,
                       force + m * size, doubles.data(), numbers.data());
  }

 private:
  CgnetView<S> view{};
  std::vector<int> beads, prior, repulsion;
  std::vector<double> mean, inverse_std, prior_mean, precision, sigma, jacobian;
  std::vector<CgnetLayer<S>> layers;
  std::vector<std::vector<P>> weights;

  void set_coordinates(const FeatureSpec &f, const CgnetSpec::Prior &p)
  {
    auto distances = f.distances;
    auto angles = f.angles;
    auto dihedrals = f.dihedrals;
    for (const auto &b : p.bonds) prior.push_back(number_in(distances, b));
    for (const auto &b : p.repulsion) repulsion.push_back(number_in(distances, b));
    for (const auto &b : p.angles) prior.push_back((int) distances.size() + number_in(angles, b));
    for (const auto &b : p.dihedrals)
      prior.push_back((int) (distances.size() + angles.size()) + number_in(dihedrals, b));
    append(beads, distances);
    append(beads, angles);
    append(beads, dihedrals);
    view.ndistances = (int) distances.size();
    view.nangles = (int) angles.size();
    view.ndihedrals = (int) dihedrals.size();
    view.beads = beads.data();
  }

  void set_features(const CgnetSpec &spec)
  {
    mean = spec.feature_mean;
    for (const double s : spec.feature_std) inverse_std.push_back(1.0 / s);
    view.feature_distances = (int) spec.features.distances.size();
    view.feature_angles = (int) spec.features.angles.size();
    view.feature_dihedrals = (int) spec.features.dihedrals.size();
    view.harmonics = spec.features.harmonics;
    view.mean = mean.data();
    view.inverse_std = inverse_std.data();
  }

  void set_prior(const CgnetSpec &spec)
  {
    const auto &p = spec.prior;
    view.kT = boltzmann_constant(spec.units) * spec.temperature;
    prior_mean = p.mean;
    precision = p.precision;
    sigma = p.sigma;
    jacobian = p.jacobian;
    if (jacobian.empty()) jacobian.assign(p.bonds.size(), 2.0);
    for (double &factor : jacobian) factor *= view.kT;
    view.nprior = p.size();
    view.nbonds = (int) p.bonds.size();
    view.nrepulsion = (int) p.repulsion.size();
    view.prior = prior.data();
    view.repulsion = repulsion.data();
    view.prior_mean = prior_mean.data();
    view.precision = precision.data();
    view.sigma = sigma.data();
    view.jacobian = jacobian.data();
  }

  // packs of zeros for a matrix, and its numbers; the memory stays where it is

  S *reserve(std::size_t size)
  {
    weights.emplace_back(size / W, P(0));
    return reinterpret_cast<S *>(weights.back().data());
  }

  void set_layers(const std::vector<CgnetSpec::Linear> &linear)
  {
    for (const auto &l : linear) {
      const int in_pad = Kernel::Layers::padded(l.in), out_pad = Kernel::Layers::padded(l.out);
      S *forward = reserve((std::size_t) l.in * out_pad);
      S *backward = reserve((std::size_t) l.out * in_pad);
      S *bias = reserve(out_pad);
      for (int o = 0; o < l.out; o++) {
        bias[o] = (S) l.bias[o];
        for (int i = 0; i < l.in; i++)
          forward[(std::size_t) i * out_pad + o] = backward[(std::size_t) o * in_pad + i] =
              (S) l.weight[(std::size_t) o * l.in + i];
      }
      layers.push_back({l.in, l.out, in_pad, out_pad, forward, backward, bias});
    }
    view.nlayers = (int) layers.size();
    view.layers = layers.data();
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

std::shared_ptr<const CgnetPiece> CgnetPiece::create(const CgnetSpec &spec,
                                                     Cgnet::Precision precision)
{
  if (precision == Cgnet::Precision::Single) return std::make_shared<PieceOf<float>>(spec);
  return std::make_shared<PieceOf<double>>(spec);
}

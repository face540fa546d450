/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "cgnet/piece.h"

#include "cgnet/parameters.h"

#include <algorithm>

using namespace BACKMAP_NS;

namespace {

template <class S> class PieceOf : public CgnetPiece {
 public:
  static constexpr int W = host_pack_width<S>();
  using Kernel = CgnetKernel<S, W, host_pack_width<double>()>;
  using D = typename Kernel::D;
  using P = typename Kernel::P;

  explicit PieceOf(const CgnetSpec &spec) :
      parameters(spec), layers(parameters.layers(parameters.weights.data())),
      view(parameters.view(parameters.ints.data(), parameters.reals.data(), layers.data()))
  {
  }
  PieceOf(const PieceOf &) = delete;    // the view points into this
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
      Kernel::evaluate(SerialMember(), view, Kernel::TILE, std::min(nmol - m, Kernel::TILE),
                       z + m * size, energy + m, force + m * size, doubles.data(), numbers.data());
  }

 private:
  const CgnetParameters<S, W> parameters;
  const std::vector<CgnetLayer<S>> layers;
  const CgnetView<S> view;
};

}    // namespace

/* ---------------------------------------------------------------------- */

std::shared_ptr<const CgnetPiece> CgnetPiece::create(const CgnetSpec &spec,
                                                     Cgnet::Precision precision)
{
  if (precision == Cgnet::Precision::Single) return std::make_shared<PieceOf<float>>(spec);
  return std::make_shared<PieceOf<double>>(spec);
}

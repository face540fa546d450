/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CGNET_PARAMETERS_H
#define BACKMAP_CGNET_PARAMETERS_H

// A model of one piece in the order of the kernel, as flat arrays that can be copied anywhere. Private to
// cgnet/*.cpp.

#include "cgnet/cgnet.h"
#include "cgnet/kernel.h"

#include <algorithm>
#include <vector>

namespace BACKMAP_NS {

/// S: numbers of the network, W: of one pack of them.
template <class S, int W> class CgnetParameters {
 public:
  using P = PackType<S, W>;

  std::vector<int> ints;
  std::vector<double> reals;
  std::vector<P> weights;

  explicit CgnetParameters(const CgnetSpec &spec)
  {
    view_.nbeads = spec.nbeads();
    set_coordinates(spec.features, spec.prior);
    set_features(spec);
    set_prior(spec);
    set_layers(spec.layers);
  }

  int nlayers() const { return (int) layers_.size(); }

  /// Layers whose pointers go into a copy of `weights` at the given address.
  std::vector<CgnetLayer<S>> layers(const P *w) const
  {
    const S *at = reinterpret_cast<const S *>(w);
    std::vector<CgnetLayer<S>> list;
    for (const auto &l : layers_)
      list.push_back(
          {l.in, l.out, l.in_pad, l.out_pad, at + l.forward, at + l.backward, at + l.bias});
    return list;
  }

  /// The model with all arrays at the given addresses.
  CgnetView<S> view(const int *i, const double *r, const CgnetLayer<S> *layers) const
  {
    CgnetView<S> v = view_;
    v.layers = layers;
    v.beads = i;
    v.prior = i + prior_;
    v.repulsion = i + repulsion_;
    v.mean = r;
    v.inverse_std = r + inverse_std_;
    v.prior_mean = r + prior_mean_;
    v.precision = r + precision_;
    v.sigma = r + sigma_;
    v.jacobian = r + jacobian_;
    return v;
  }

 private:
  struct Layer {
    int in, out, in_pad, out_pad;
    std::size_t forward, backward, bias;    // first numbers in weights
  };

  CgnetView<S> view_{};    // sizes
  std::size_t prior_, repulsion_, inverse_std_, prior_mean_, precision_, sigma_, jacobian_;
  std::vector<Layer> layers_;

  /* ----------------------------------------------------------------------
     number of a coordinate in the list, at its end if it is new
     read from its other end it is the same coordinate
  ------------------------------------------------------------------------- */

  template <class Beads> static int number_in(std::vector<Beads> &list, const Beads &beads)
  {
    Beads back = beads;
    std::reverse(back.begin(), back.end());
    for (std::size_t q = 0; q < list.size(); q++)
      if (list[q] == beads || list[q] == back) return (int) q;
    list.push_back(beads);
    return (int) list.size() - 1;
  }

  template <class Beads> void put_beads(const std::vector<Beads> &list)
  {
    for (const auto &beads : list) ints.insert(ints.end(), beads.begin(), beads.end());
  }

  std::size_t put(const std::vector<int> &values)
  {
    ints.insert(ints.end(), values.begin(), values.end());
    return ints.size() - values.size();
  }

  std::size_t put(const std::vector<double> &values)
  {
    reals.insert(reals.end(), values.begin(), values.end());
    return reals.size() - values.size();
  }

  void set_coordinates(const FeatureSpec &f, const CgnetSpec::Prior &p)
  {
    auto distances = f.distances;
    auto angles = f.angles;
    auto dihedrals = f.dihedrals;
    std::vector<int> prior, repulsion;
    for (const auto &b : p.bonds) prior.push_back(number_in(distances, b));
    for (const auto &b : p.repulsion) repulsion.push_back(number_in(distances, b));
    for (const auto &b : p.angles) prior.push_back((int) distances.size() + number_in(angles, b));
    for (const auto &b : p.dihedrals)
      prior.push_back((int) (distances.size() + angles.size()) + number_in(dihedrals, b));
    put_beads(distances);
    put_beads(angles);
    put_beads(dihedrals);
    prior_ = put(prior);
    repulsion_ = put(repulsion);
    view_.ndistances = (int) distances.size();
    view_.nangles = (int) angles.size();
    view_.ndihedrals = (int) dihedrals.size();
  }

  void set_features(const CgnetSpec &spec)
  {
    std::vector<double> inverse_std;
    for (const double s : spec.feature_std) inverse_std.push_back(1.0 / s);
    put(spec.feature_mean);    // the first of the reals
    inverse_std_ = put(inverse_std);
    view_.feature_distances = (int) spec.features.distances.size();
    view_.feature_angles = (int) spec.features.angles.size();
    view_.feature_dihedrals = (int) spec.features.dihedrals.size();
    view_.harmonics = spec.features.harmonics;
  }

  void set_prior(const CgnetSpec &spec)
  {
    const auto &p = spec.prior;
    view_.kT = boltzmann_constant(spec.units) * spec.temperature;
    auto jacobian = p.jacobian;
    if (jacobian.empty()) jacobian.assign(p.bonds.size(), 2.0);
    for (double &factor : jacobian) factor *= view_.kT;
    view_.nprior = p.size();
    view_.nbonds = (int) p.bonds.size();
    view_.nrepulsion = (int) p.repulsion.size();
    prior_mean_ = put(p.mean);
    precision_ = put(p.precision);
    sigma_ = put(p.sigma);
    jacobian_ = put(jacobian);
  }

  // whole packs of zeros

  std::size_t reserve(std::size_t size)
  {
    const std::size_t at = weights.size() * W;
    weights.resize(weights.size() + size / W, P(0));
    return at;
  }

  void set_layers(const std::vector<CgnetSpec::Linear> &linear)
  {
    for (const auto &l : linear) {
      const int in_pad = CgnetLayers<S, W>::padded(l.in),
                out_pad = CgnetLayers<S, W>::padded(l.out);
      const std::size_t forward = reserve((std::size_t) l.in * out_pad);
      const std::size_t backward = reserve((std::size_t) l.out * in_pad);
      const std::size_t bias = reserve(out_pad);
      S *w = reinterpret_cast<S *>(weights.data());
      for (int o = 0; o < l.out; o++) {
        w[bias + o] = (S) l.bias[o];
        for (int i = 0; i < l.in; i++)
          w[forward + (std::size_t) i * out_pad + o] = w[backward + (std::size_t) o * in_pad + i] =
              (S) l.weight[(std::size_t) o * l.in + i];
      }
      layers_.push_back({l.in, l.out, in_pad, out_pad, forward, backward, bias});
    }
    view_.nlayers = nlayers();
  }
};

}    // namespace BACKMAP_NS

#endif

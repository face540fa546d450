/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef HARMONIC_MOLECULE_H
#define HARMONIC_MOLECULE_H

// A molecule whose Boltzmann distribution at fixed beads is known in closed form, and flows for it.

#include "libtorch/flow_trainer.h"

#include "flow/flow.h"
#include "flow/flow_test_support.h"
#include "training/flow_data.h"
#include "training/refresh.h"
#include "training/train_test_support.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>

namespace train_test {

using namespace BACKMAP_NS;

constexpr double KT = 0.6;

inline std::vector<int64_t> numbers(int n)
{
  std::vector<int64_t> out(n);
  std::iota(out.begin(), out.end(), 0);
  return out;
}

/* every atom in a harmonic well of its own; the beads never move, so the Boltzmann distribution of the others is a
   Gaussian in Cartesian coordinates, which is curved in internal ones */

struct Wells {
  std::vector<double> x0;
  double sigma;    // standard deviation of a coordinate at KT

  double operator()(const double *x) const
  {
    double u = 0.0;
    for (std::size_t i = 0; i < x0.size(); i++) u += (x[i] - x0[i]) * (x[i] - x0[i]);
    return 0.5 * KT * u / (sigma * sigma);
  }

  std::vector<double> frames(const std::vector<int> &beads, int n, int seed) const
  {
    std::vector<double> x = noisy(x0, n, sigma, seed);
    for (int i = 0; i < n; i++)
      for (int b : beads) std::copy_n(&x0[3 * b], 3, &x[i * x0.size() + 3 * b]);
    return x;
  }
};

/* a molecule whose atoms are in such wells, and flows for it */

struct Small {
  std::vector<int> beads;
  Topology topology;
  Wells wells;
  Mapping map;
  int natoms;

  // the dipeptide
  Small() :
      Small(data_topology(std::string(BACKMAP_TEST_DATA) + "/ala2/ala2.data"),
            oracle_frames(std::string(BACKMAP_TEST_DATA) + "/ala2/oracle_vacuum.xyz", 1), 0.03,
            {4, 6, 8, 10, 14, 16})
  {
  }

  // a chain of five atoms, every second one a bead, with an atom at each side
  static Small chain()
  {
    Small s(make_topology(7, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 5}, {3, 6}}, {5, 6}),
            {0,   0,   0,   1.4,  0.3, 0.2,  2.1, 1.6, 0,   3.5, 1.8,
             0.4, 4.3, 3.0, -0.2, 1.7, -0.4, 1.0, 4.0, 1.0, 1.1},
            0.11, {0, 2, 4});
    s.map.fragments = {{"left", {1, 5}}, {"right", {3, 6}}};
    return s;
  }

  Small(const Topology &t, const std::vector<double> &start, double sigma,
        const std::vector<int> &atoms) :
      beads(atoms),
      topology(t), wells{start, sigma}, map(make_map(atoms)), natoms(t.natoms)
  {
  }

  std::vector<double> frames(int n, int seed) const { return wells.frames(beads, n, seed); }

  std::size_t stride() const { return 3 * (std::size_t) natoms; }

  // no networks yet
  FlowSpec prepare(const std::vector<double> &x, bool parts, int seed) const
  {
    FlowDesign design;
    design.hidden = 16;
    design.couplings = 2;
    design.seed = seed;
    const int n = (int) (x.size() / stride());
    const Fragments fragments = parts ? Fragments::derive(topology, map, wells.x0) : Fragments();
    FlowSpec spec = prepare_flow(topology, map, design, n, x.data(), std::vector<char>(n, 0),
                                 parts ? &fragments : nullptr)
                        .spec;
    test::random_networks(spec, 0.0);
    return spec;
  }

  FlowSpec random(double strength, bool parts, int seed) const
  {
    FlowSpec spec = prepare(frames(1000, seed), parts, seed);
    test::random_networks(spec, strength, seed);
    return spec;
  }

  // by maximum likelihood
  FlowSpec trained(const std::vector<double> &x, const std::vector<double> &check, bool parts,
                   int epochs, int seed) const
  {
    FlowSpec spec = prepare(x, parts, seed);
    FlowTrainer trainer(net_shapes(spec), options(epochs, seed),
                        flow_rows(spec, x.data(), numbers((int) (x.size() / stride()))),
                        flow_rows(spec, check.data(), numbers((int) (check.size() / stride()))));
    while (!trainer.finished()) trainer.epoch();
    set_weights(spec, trainer.best());
    return spec;
  }

  FlowSpec trained(int nframes, bool parts, int epochs, int seed) const
  {
    return trained(frames(nframes, seed), frames(200, seed + 1000), parts, epochs, seed);
  }

  static FlowTrainOptions options(int epochs, int seed)
  {
    FlowTrainOptions o;
    o.epochs = epochs;
    o.batch = 100;
    o.warmup = 10;
    o.ema = 0.9;
    o.threads = 1;
    o.seed = seed;
    return o;
  }

  /* largest deviation, in standard errors, from the Gaussian: means and variances of the coordinates of the atoms that
     are no beads, means of all squared distances */

  double deviation(const std::vector<double> &x) const
  {
    const int n = (int) (x.size() / stride());
    const auto fixed = [&](int a) { return std::count(beads.begin(), beads.end(), a) > 0; };
    const double s2 = wells.sigma * wells.sigma;
    double worst = 0.0;
    const auto look = [&](double mean, double expected, double variance) {
      worst = std::max(worst, std::fabs(mean - expected) / std::sqrt(variance / n));
    };
    for (int a = 0; a < natoms; a++) {
      for (int d = 0; d < 3 && !fixed(a); d++) {
        double m = 0.0, v = 0.0;
        for (int i = 0; i < n; i++) {
          const double off = x[i * stride() + 3 * a + d] - wells.x0[3 * a + d];
          m += off / n;
          v += off * off / n;
        }
        look(m, 0.0, s2);
        look(v, s2, 2.0 * s2 * s2);
      }
      for (int b = 0; b < a; b++) {
        const double var = s2 * (2 - fixed(a) - fixed(b));
        if (var == 0.0) continue;
        double m = 0.0, square = 0.0;
        for (int d = 0; d < 3; d++)
          square += std::pow(wells.x0[3 * a + d] - wells.x0[3 * b + d], 2);
        for (int i = 0; i < n; i++)
          for (int d = 0; d < 3; d++)
            m += std::pow(x[i * stride() + 3 * a + d] - x[i * stride() + 3 * b + d], 2) / n;
        look(m, square + 3.0 * var, 6.0 * var * var + 4.0 * var * square);
      }
    }
    return worst;
  }
};

/// log q of a structure.
inline std::function<double(const double *)> log_density(const FlowSpec &flow,
                                                         Flow::Precision precision)
{
  const std::shared_ptr<Flow> evaluator = Flow::create(flow, precision, "serial");
  return [evaluator](const double *x) {
    double logq;
    evaluator->log_prob(1, x, &logq);
    return logq;
  };
}

inline FrameRefresh::Options chain_options(int proposals, int seed, int threads = 1)
{
  FrameRefresh::Options o;
  o.proposals = proposals;
  o.seed = seed;
  o.threads = threads;
  return o;
}

}    // namespace train_test

#endif

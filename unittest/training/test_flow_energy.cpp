/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Training on the energy: derivatives through the internal coordinates, the path gradient against
// differences of what it is the derivative of, and that flows become better without losing anything.

#include "flow/flow.h"
#include "flow/internal_coords.h"
#include "libtorch/flow_trainer.h"
#include "train_test_support.h"
#include "training/flow_data.h"
#include "training/flow_energy.h"

#include "gtest/gtest.h"

#include <numeric>

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;

constexpr double KT = 0.6;

/* every atom in a harmonic well of its own; the beads never move, so the Boltzmann distribution of the others is a
   Gaussian in Cartesian coordinates, which is curved in internal ones */

struct Wells {
  std::vector<double> x0;
  double sigma;    // standard deviation of a coordinate at KT

  double operator()(const double *x, double *f) const
  {
    double u = 0.0;
    for (std::size_t i = 0; i < x0.size(); i++) {
      f[i] = -KT / (sigma * sigma) * (x[i] - x0[i]);
      u -= 0.5 * f[i] * (x[i] - x0[i]);
    }
    return u;
  }

  std::vector<double> frames(const std::vector<int> &beads, int n, int seed) const
  {
    std::vector<double> x = noisy(x0, n, sigma, seed);
    for (int i = 0; i < n; i++)
      for (int b : beads) std::copy_n(&x0[3 * b], 3, &x[i * x0.size() + 3 * b]);
    return x;
  }
};

/* a molecule, frames of its Boltzmann distribution and a flow of no training */

struct Small {
  std::vector<int> beads;
  Topology topology;
  Wells wells;
  std::vector<double> x;    // frames
  int natoms, n, ntrain;
  FlowData data;

  // the dipeptide
  Small() :
      Small(data_topology(::data + "/ala2/ala2.data"),
            oracle_frames(::data + "/ala2/oracle_vacuum.xyz", 1), 0.03, {4, 6, 8, 10, 14, 16}, 1500,
            3)
  {
  }

  // a chain of five atoms, every second one a bead, with an atom at each side
  explicit Small(int seed) :
      Small(make_topology(7, {{0, 1}, {1, 2}, {2, 3}, {3, 4}, {1, 5}, {3, 6}}, {5, 6}),
            {0,   0,   0,   1.4,  0.3, 0.2,  2.1, 1.6, 0,   3.5, 1.8,
             0.4, 4.3, 3.0, -0.2, 1.7, -0.4, 1.0, 4.0, 1.0, 1.1},
            0.11, {0, 2, 4}, 3000, seed)
  {
  }

  Small(const Topology &t, const std::vector<double> &start, double sigma,
        const std::vector<int> &atoms, int frames, int seed) :
      beads(atoms),
      topology(t), wells{start, sigma}, x(wells.frames(atoms, frames, seed)), natoms(t.natoms),
      n(frames), ntrain(frames - frames / 5)
  {
    std::vector<char> valid(n, 0);
    for (int i = ntrain; i < n; i++) valid[i] = 1;
    FlowDesign design;
    design.hidden = 16;
    design.couplings = 2;
    design.seed = seed;
    data = prepare_flow(topology, make_map(beads), design, n, x.data(), valid);
  }

  const double *frame(int i) const { return &x[(std::size_t) 3 * natoms * i]; }

  // by maximum likelihood
  FlowSpec trained(int seed, int epochs) const
  {
    FlowTrainOptions o;
    o.epochs = epochs;
    o.batch = 100;
    o.warmup = 10;
    o.ema = 0.9;
    o.threads = 1;
    o.seed = seed;
    FlowTrainer trainer(net_shape(data.spec), o, data.train, data.valid);
    while (!trainer.finished()) trainer.epoch();
    FlowSpec spec = data.spec;
    set_weights(spec, trainer.best());
    spec.temperature = 300.0;
    return spec;
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

static void compare_with_differences(const FlowSpec &spec, const Wells &wells, const double *frame)
{
  const InternalCoords coords(spec);
  InternalScore score(spec, KT, wells);
  InternalScore::Point p;
  ASSERT_TRUE(score(frame, p));
  std::vector<double> f(3 * spec.natoms), z(3 * spec.nbeads()), x(3 * coords.npoints());
  MoleculeSpec::apply(spec.beads, frame, z.data());
  for (int b = 0; b < spec.nbeads(); b++)
    std::copy_n(&z[3 * b], 3, &x[3 * coords.view().bead_atom[b]]);
  const std::vector<int> shift(spec.rotors.size(), 0);
  const auto value = [&](const std::vector<double> &l, const std::vector<double> &c) {
    double logdet;
    auto y = x;
    EXPECT_TRUE(coords.from_internal(l.data(), c.data(), shift.data(), y.data(), &logdet));
    return -wells(y.data(), f.data()) / KT + logdet;
  };
  const double h = 1.0e-5;
  for (int i = 0; i < spec.nl() + spec.nc(); i++) {
    auto l = p.l, c = p.c;
    double &v = i < spec.nl() ? l[i] : c[i - spec.nl()];
    const double at = v;
    v = at + h;
    const double up = value(l, c);
    v = at - h;
    const double down = value(l, c);
    EXPECT_NEAR(p.score[i], (up - down) / (2 * h), 1.0e-5 * (1.0 + std::fabs(p.score[i]))) << i;
  }
}

TEST(InternalScore, against_differences)
{
  Small small;
  compare_with_differences(small.data.spec, small.wells, small.frame(7));
}

TEST(InternalScore, against_differences_with_beads_of_several_atoms)
{
  Small small;
  Mapping map;
  map.molecule = "test";
  const std::vector<int> first = {0, 6, 16, 22};
  for (int b = 0; b < 3; b++) {
    Mapping::Bead bead{"B" + std::to_string(b), {}, {}};
    for (int i = first[b]; i < first[b + 1]; i++) {
      bead.atoms.push_back(i);
      bead.weights.push_back(1.0 / (first[b + 1] - first[b]));
    }
    map.beads.push_back(bead);
  }
  const auto x = noisy(small.wells.x0, 500, 0.02, 8);
  const auto data =
      prepare_flow(small.topology, map, FlowDesign(), 500, x.data(), std::vector<char>(500, 0));
  compare_with_differences(data.spec, small.wells, &x[66 * 9]);
}

TEST(InternalScore, refuses_what_has_no_density)
{
  Small small;
  InternalScore finite(small.data.spec, KT, small.wells);
  InternalScore infinite(small.data.spec, KT, [](const double *, double *) { return INFINITY; });
  InternalScore::Point p;
  std::vector<double> x(small.frame(0), small.frame(1));
  EXPECT_TRUE(finite(x.data(), p));
  EXPECT_FALSE(infinite(x.data(), p));
  for (int d = 0; d < 3; d++) x[3 * 5 + d] = x[3 * 4 + d];    // an atom on top of another
  EXPECT_FALSE(finite(x.data(), p));
}

/* ----------------------------------------------------------------------
   T(u) of equal random numbers u, before and after a small change of one weight
------------------------------------------------------------------------- */

TEST(PathGradient, against_differences)
{
  Small small;
  const FlowSpec spec = small.trained(5, 2);
  const int n = 6, nl = spec.nl(), nc = spec.nc();
  const auto shape = net_shape(spec);
  const auto weights = get_weights(spec);
  std::vector<double> z;
  for (int i = 0; i < n; i++)
    for (const auto &b : spec.beads)
      z.insert(z.end(), small.frame(10 * i) + 3 * b.atoms[0],
               small.frame(10 * i) + 3 * b.atoms[0] + 3);

  std::vector<double> f, weight(n);
  for (int i = 0; i < n; i++) weight[i] = 0.1 + 0.05 * i;
  std::vector<int64_t> zero(n, 0), frame(n);
  std::iota(frame.begin(), frame.end(), 0);
  const InternalCoords coords(spec);
  const auto generate = [&](const FlowSpec &s, std::vector<double> &l, std::vector<double> &c) {
    FlowRequest r;
    r.nframes = n;
    r.z = z.data();
    r.seed = 17;
    r.timestep = frame.data();
    r.molecule = zero.data();
    std::vector<double> x(66 * n), logq(n);
    Flow::create(s, Flow::Precision::Double, "serial")->sample(r, x.data(), logq.data());
    l.resize(n * nl);
    c.resize(n * nc);
    f.clear();
    for (int i = 0; i < n; i++) {
      double geometry;
      ASSERT_TRUE(coords.to_internal(&x[66 * i], &l[nl * i], &c[nc * i], &geometry));
      coords.whiten(&l[nl * i]);
      const auto v = flow_variables(s, 1, &x[66 * i]);
      f.insert(f.end(), v.f.begin(), v.f.end());
    }
  };
  // log p: any smooth function will do
  const auto logp = [&](const double *l, const double *c) {
    double sum = 0.0;
    for (int k = 0; k < nl; k++) sum -= 0.3 * (l[k] - 0.1 * k / nl) * (l[k] - 0.1 * k / nl);
    for (int k = 0; k < nc; k++) sum += 0.5 * std::cos(c[k] - 0.4);
    return sum;
  };
  std::vector<double> l, c, score(n * (nl + nc));
  generate(spec, l, c);
  for (int i = 0; i < n; i++) {
    for (int k = 0; k < nl; k++) score[i * (nl + nc) + k] = -0.6 * (l[i * nl + k] - 0.1 * k / nl);
    for (int k = 0; k < nc; k++)
      score[i * (nl + nc) + nl + k] = -0.5 * std::sin(c[i * nc + k] - 0.4);
  }
  const auto gradient = torch_flow_path_gradient(shape, weights, n, l.data(), c.data(), f.data(),
                                                 score.data(), weight.data());
  const auto objective = [&](const NetworkWeights &w) {
    FlowSpec s = spec;
    set_weights(s, w);
    std::vector<double> tl, tc;
    generate(s, tl, tc);
    // the density keeps the weights of the start: only the path is differentiated
    const auto lq = torch_flow_log_prob(shape, weights, n, tl.data(), tc.data(), f.data(), true);
    double sum = 0.0;
    for (int i = 0; i < n; i++) sum += weight[i] * (lq[i] - logp(&tl[i * nl], &tc[i * nc]));
    return sum;
  };
  int checked = 0;
  double largest = 0.0;
  for (const auto &t : gradient) {
    const std::size_t at = t.second.data.size() / 2;
    const double h = 1.0e-4;
    auto up = weights, down = weights;
    up[t.first].data[at] += h;
    down[t.first].data[at] -= h;
    const double expected = (objective(up) - objective(down)) / (2 * h);
    EXPECT_NEAR(t.second.data[at], expected, 2.0e-5 * (1.0 + std::fabs(expected))) << t.first;
    largest = std::max(largest, std::fabs(expected));
    checked++;
  }
  EXPECT_EQ(checked, 6 + 2 * 7);
  EXPECT_GT(largest, 1.0e-2);    // or nothing would have been compared
}

TEST(PathGradient, vanishes_sample_by_sample_where_the_flow_is_right)
{
  Small small;
  const FlowSpec spec = small.trained(6, 2);
  const auto shape = net_shape(spec);
  const auto weights = get_weights(spec);
  const int n = 4, nl = spec.nl(), nc = spec.nc();
  const auto frames = flow_variables(spec, n, small.x.data());
  const std::vector<double> l(frames.l.begin(), frames.l.end()),
      c(frames.c.begin(), frames.c.end()), f(frames.f.begin(), frames.f.end());
  std::vector<double> score(n * (nl + nc));
  for (int k = 0; k < nl + nc; k++) {
    const double h = 1.0e-5;
    auto lu = l, ld = l, cu = c, cd = c;
    for (int i = 0; i < n; i++) {
      (k < nl ? lu[i * nl + k] : cu[i * nc + k - nl]) += h;
      (k < nl ? ld[i * nl + k] : cd[i * nc + k - nl]) -= h;
    }
    const auto up = torch_flow_log_prob(shape, weights, n, lu.data(), cu.data(), f.data(), true);
    const auto down = torch_flow_log_prob(shape, weights, n, ld.data(), cd.data(), f.data(), true);
    for (int i = 0; i < n; i++) score[i * (nl + nc) + k] = (up[i] - down[i]) / (2 * h);
  }
  const auto norm = [&](const std::vector<double> &s) {
    const std::vector<double> one(n, 1.0);
    double sum = 0.0;
    for (const auto &t : torch_flow_path_gradient(shape, weights, n, l.data(), c.data(), f.data(),
                                                  s.data(), one.data()))
      for (double g : t.second.data) sum += g * g;
    return std::sqrt(sum);
  };
  EXPECT_LT(norm(score), 1.0e-4);
  for (double &s : score) s += 0.1;    // control: another density
  EXPECT_GT(norm(score), 1.0e-1);
}

/* ----------------------------------------------------------------------
   1200 frames are few for the likelihood; the energy tells the rest
------------------------------------------------------------------------- */

namespace {

struct Tuned {
  FlowQuality before, after;
  int best_epoch;
};

Tuned tune(Small &small, const FlowSpec &start, int seed, const EnergyFunction &energy, double kt)
{
  FlowEnergy::Options eo;
  eo.seed = seed;
  eo.samples = 4;
  const double *check = small.frame(small.ntrain);
  const FlowEnergy source(start, kt, energy, eo);
  FlowTrainOptions o;
  o.epochs = 12;
  o.batch = 100;
  o.warmup = 10;
  o.ema = 0.9;
  o.clip = 2.0;
  o.surprise = 2.0;
  o.rate = 2.0e-3;
  o.threads = 1;
  o.seed = seed;
  Tuned t;
  FlowSpec now = start;
  t.before = source.quality(now, 200, check, 30);
  FlowTrainer trainer(net_shape(start), o,
                      source.training(now, small.ntrain, small.x.data(), 600, 0),
                      flow_variables(start, 200, check));
  trainer.start_from(get_weights(start));
  trainer.set_criterion(
      [&](const NetworkWeights &w) {
        set_weights(now, w);
        const auto q = source.quality(now, 200, check, 30);
        return Trainer::Verdict{-q.conditional, q.forward >= t.before.forward};
      },
      -t.before.conditional, 0.01);
  Epoch e;
  while (!trainer.finished()) {
    if (e.epoch) {
      set_weights(now, trainer.average());
      trainer.set_training(source.training(now, small.ntrain, small.x.data(), 600, e.epoch));
    }
    e = trainer.epoch();
  }
  set_weights(now, trainer.best());
  t.after = source.quality(now, 200, check, 30);
  t.best_epoch = e.best_epoch;
  return t;
}

}    // namespace

TEST(FlowEnergy, five_seeds_become_better_and_lose_nothing)
{
  for (int seed = 1; seed <= 5; seed++) {
    Small small(seed);
    const FlowSpec start = small.trained(seed, 10);
    const Tuned t = tune(small, start, seed, small.wells, KT);
    printf("seed %d: conditional ESS %.3f -> %.3f, forward ESS %.3f -> %.3f, best epoch %d\n", seed,
           t.before.conditional, t.after.conditional, t.before.forward, t.after.forward,
           t.best_epoch);
    EXPECT_GT(t.after.conditional, t.before.conditional + 0.05) << "seed " << seed;
    EXPECT_GE(t.after.forward, t.before.forward) << "seed " << seed;
  }
}

TEST(FlowEnergy, wrong_forces_gain_nothing)
{
  Small small(2);
  const FlowSpec start = small.trained(2, 10);
  const auto wrong = [&](const double *x, double *f) {
    const double u = small.wells(x, f);
    for (int i = 0; i < 21; i++) f[i] = -f[i];
    return u;
  };
  const Tuned right = tune(small, start, 2, small.wells, KT), t = tune(small, start, 2, wrong, KT);
  EXPECT_LT(t.after.conditional - t.before.conditional,
            0.3 * (right.after.conditional - right.before.conditional));
  EXPECT_GE(t.after.forward, t.before.forward);
}

TEST(FlowEnergy, samples_and_frames_share_the_weight)
{
  Small small;
  const FlowSpec spec = small.trained(4, 2);
  FlowEnergy::Options o;
  o.samples = 6;
  const FlowEnergy source(spec, KT, small.wells, o);
  const auto a = source.training(spec, 500, small.x.data(), 40, 3);
  const auto b = source.training(spec, 500, small.x.data(), 40, 3);
  EXPECT_EQ(a.l, b.l);    // a function of seed and epoch
  EXPECT_EQ(a.weight, b.weight);
  EXPECT_NE(a.l, source.training(spec, 500, small.x.data(), 40, 4).l);
  const double sum = std::accumulate(a.weight.begin(), a.weight.end(), 0.0);
  EXPECT_NEAR(sum, (double) a.n, 1.0e-3 * a.n);
  EXPECT_EQ(a.score.size(), (std::size_t) a.n * (spec.nl() + spec.nc()));
}

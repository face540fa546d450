/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Flows composed of fragments: density of samples, Jacobian of the whole map, the sum over kinds, batches, random
// numbers, latents, model files, and what is refused.

#include "core/model_file.h"
#include "core/random_stream.h"
#include "drawn_batch.h"
#include "dual.h"
#include "error_of.h"
#include "flow/backend.h"
#include "flow_test_support.h"
#include "molecule/molecule_builder.h"
#include "training/flow_data.h"

#include "gtest/gtest.h"

#include <cstring>
#include <functional>

using namespace BACKMAP_NS;
using namespace molecule_test;
using test::make;
using test::same_bits;
using Precision = Flow::Precision;

namespace {

/// A composed flow with random networks, made for noisy copies of one structure.
struct Composed {
  static constexpr int n = 400;
  FlowSpec spec;
  std::vector<double> frames;    // [20][natoms][3]

  explicit Composed(const Molecule &m, double strength = 0.2, unsigned seed = 1) :
      frames(train_test::noisy(m.x, n, 0.02, (int) seed))
  {
    FlowDesign design;
    design.hidden = 8;
    design.couplings = 3;
    design.bins = 4;
    const Fragments fragments = Fragments::derive(m.t, m.map(), m.x);
    spec = train_test::prepare_flow(m.t, m.map(), design, n, frames.data(), std::vector<char>(n, 0),
                                    &fragments)
               .spec;
    test::random_networks(spec, strength, seed);
    frames.resize(20 * m.x.size());
  }

  std::size_t stride() const { return 3 * (std::size_t) spec.natoms; }
};

Molecule ala2()
{
  return peptide({"ALA"});
}

struct Batch : test::DrawnBatch {
  Batch(const Composed &c, int nframes, int nsamples) : DrawnBatch(nframes, nsamples)
  {
    for (int i = 0; i < frames; i++) {
      const auto one = c.spec.bead_positions(1, &c.frames[i % 20 * c.stride()]);
      z.insert(z.end(), one.begin(), one.end());
    }
  }
};

/// A flow of one piece as one fragment of a molecule.
FlowSpec one_fragment(FlowSpec kind)
{
  FlowSpec s;
  static_cast<MoleculeSpec &>(s) = kind;
  s.features = kind.features;
  s.feature_mean = kind.feature_mean;
  s.feature_std = kind.feature_std;
  kind.signature = "all";
  s.fragments = {{0, 0, {}}};
  for (int i = 0; i < s.natoms; i++) s.fragments[0].points.push_back(i);
  s.kinds = {kind};
  return s;
}

std::string error_of(const std::function<void()> &action)
{
  return test::error_of(action, "");
}

}    // namespace

// ----------------------------------------------------------------------

TEST(FragmentFlow, DensityOfSamplesIsTheDensity)
{
  for (const Molecule &m : {ala2(), peptide({"LEU", "GLY"}), poly_ethylene_oxide(4, 3, 1)}) {
    const Composed c(m);
    Batch reference(c, 20, 10);
    reference.sample(*make(c.spec));
    for (const auto precision : {Precision::Single, Precision::Double}) {
      const double tolerance = precision == Precision::Double ? 1e-10 : 2e-5;
      Batch run(c, 20, 10), other(c, 20, 10);
      const auto serial = make(c.spec, precision), kokkos = make(c.spec, precision, "kokkos");
      run.sample(*serial);
      other.sample(*kokkos);
      std::vector<double> again(run.total()), twice(run.total());
      serial->log_prob(run.total(), run.x.data(), again.data());
      kokkos->log_prob(run.total(), run.x.data(), twice.data());
      if (kokkos_is_on_host()) {
        EXPECT_TRUE(same_bits(run.x.data(), other.x.data(), run.x.size()));
        EXPECT_TRUE(same_bits(run.logq.data(), other.logq.data(), run.logq.size()));
        EXPECT_TRUE(same_bits(again.data(), twice.data(), again.size()));
      }
      for (int i = 0; i < run.total(); i++) {
        ASSERT_EQ(std::isfinite(other.logq[i]), std::isfinite(run.logq[i])) << i;
        if (!std::isfinite(run.logq[i])) continue;
        ASSERT_NEAR(other.logq[i], run.logq[i], tolerance * std::fabs(run.logq[i])) << i;
        ASSERT_NEAR(twice[i], again[i], tolerance * std::fabs(again[i])) << i;
        for (std::size_t k = i * c.stride(); k < (i + 1) * c.stride(); k++)
          ASSERT_NEAR(other.x[k], run.x[k], 10.0 * tolerance) << i;
      }
      int finite = 0;
      for (int i = 0; i < run.total(); i++) {
        ASSERT_EQ(std::isfinite(run.logq[i]), std::isfinite(reference.logq[i])) << i;
        if (!std::isfinite(run.logq[i])) continue;
        finite++;
        const double size = std::fabs(reference.logq[i]);
        ASSERT_NEAR(again[i], run.logq[i], tolerance * size) << i;
        ASSERT_NEAR(run.logq[i], reference.logq[i], tolerance * size) << i;
      }
      EXPECT_GT(finite, run.total() * 9 / 10);
    }
  }
}

// latents -> x by central differences, all fragments at once: later ones move with those they stand on. The
// labels of the rotors are drawn uniformly.

TEST(FragmentFlow, JacobianOfTheWholeMap)
{
  for (const Molecule &m : {ala2(), poly_ethylene_oxide(3)}) {
    const Composed c(m);
    const auto flow = make(c.spec);
    const int n = flow->nlatent();
    const auto circular = flow->circular();
    Batch start(c, 1, 1);
    start.sample(*flow);
    ASSERT_TRUE(std::isfinite(start.logq[0]));
    Batch moved(c, 2 * n, 1);
    const double h = 1e-5;
    for (int k = 0; k < 2 * n; k++) {
      std::copy_n(start.z.begin(), start.z.size(), &moved.z[k * start.z.size()]);
      moved.latent.insert(moved.latent.end(), start.drawn.begin(), start.drawn.end());
      moved.latent[(std::size_t) k * n + k / 2] += k % 2 ? -h : h;
    }
    moved.timestep.assign(2 * n, start.timestep[0]);    // the same labels
    moved.molecule.assign(2 * n, start.molecule[0]);
    moved.sample(*flow);
    std::vector<char> stands(m.t.natoms, 0);
    for (const int b : m.beads) stands[b] = 1;
    std::vector<double> jacobian;
    for (int i = 0; i < 3 * m.t.natoms; i++)
      for (int k = 0; k < n && !stands[i / 3]; k++)
        jacobian.push_back(
            (moved.x[2 * k * c.stride() + i] - moved.x[(2 * k + 1) * c.stride() + i]) / (2 * h));
    ASSERT_EQ(jacobian.size(), (std::size_t) n * n);
    double exact = -test::log_abs_det(jacobian, n);
    for (int k = 0; k < n; k++)
      exact -= circular[k] ? std::log(2 * BACKMAP_PI)
                           : 0.5 * (std::log(2 * BACKMAP_PI) + start.drawn[k] * start.drawn[k]);
    double labels = 0.0;
    for (const auto &group : c.spec.equivalent_atoms()) labels += std::log((double) group.size());
    EXPECT_NEAR(start.logq[0], exact - labels, 1e-4);
    // control: every kind has a part in it that is much larger than the tolerance
    for (std::size_t f = 0; f < c.spec.fragments.size(); f++) {
      const auto &fragment = c.spec.fragments[f];
      std::vector<double> local;
      for (const int a : fragment.points)
        local.insert(local.end(), &start.x[3 * a], &start.x[3 * a] + 3);
      double part = 0.0;
      make(c.spec.kinds[fragment.kind])->log_prob(1, local.data(), &part);
      EXPECT_GT(std::fabs(part), 0.1);
    }
  }
}

TEST(FragmentFlow, OneFragmentIsTheFlowOfOnePiece)
{
  test::FlowShape shape;
  shape.free_torsion = true;
  const FlowSpec kind = test::random_flow(3, shape), spec = one_fragment(kind);
  for (const char *backend : {"serial", "kokkos"})
    for (const auto precision : {Precision::Single, Precision::Double}) {
      Composed c(ala2());
      c.spec = kind;
      c.frames.clear();
      for (int i = 0; i < 20; i++) {
        const auto z = test::ala2_bead_positions(i);
        std::vector<double> x(66);
        for (int b = 0; b < 6; b++) std::copy_n(&z[3 * b], 3, &x[3 * test::ala2_beads()[b]]);
        c.frames.insert(c.frames.end(), x.begin(), x.end());
      }
      const auto whole = make(kind, precision, backend), one = make(spec, precision, backend);
      Batch a(c, 20, 7), b(c, 20, 7);
      a.sample(*whole, 17, 5);
      b.sample(*one, 17, 5);
      EXPECT_EQ(whole->circular(), one->circular());
      EXPECT_TRUE(same_bits(a.logq.data(), b.logq.data(), a.logq.size()));
      EXPECT_TRUE(same_bits(a.drawn.data(), b.drawn.data(), a.drawn.size()));
      for (int i = 0; i < a.total(); i++)
        if (std::isfinite(a.logq[i])) { EXPECT_TRUE(same_bits(&a.x[66 * i], &b.x[66 * i], 66)); }
      std::vector<double> p(a.total()), q(a.total());
      whole->log_prob(a.total(), a.x.data(), p.data());
      one->log_prob(a.total(), a.x.data(), q.data());
      EXPECT_TRUE(same_bits(p.data(), q.data(), p.size()));
    }
}

// Each fragment by its kind alone, with the random numbers of its own: the same atoms, and log q is the sum.

TEST(FragmentFlow, IsTheSumOverItsKinds)
{
  const Composed c(peptide({"ALA", "ALA", "ALA"}));
  EXPECT_EQ(c.spec.fragments.size(), 5u);
  EXPECT_EQ(c.spec.kinds.size(), 4u) << "two fragments share a kind";
  const auto flow = make(c.spec);
  const int frames = 4, samples = 3;
  Batch run(c, frames, samples);
  run.sample(*flow, 17, 11);
  std::vector<double> density(run.total());
  flow->log_prob(run.total(), run.x.data(), density.data());
  for (int i = 0; i < run.total(); i++) {
    if (!std::isfinite(run.logq[i])) continue;
    const double *x = &run.x[i * c.stride()];
    double sum = 0.0, drawn = 0.0;
    for (std::size_t f = 0; f < c.spec.fragments.size(); f++) {
      const auto &fragment = c.spec.fragments[f];
      const FlowSpec &spec = c.spec.kinds[fragment.kind];
      const auto kind = make(spec);
      std::vector<double> local, z(3 * spec.nbeads()), y(3 * spec.natoms);
      for (const int a : fragment.points) local.insert(local.end(), x + 3 * a, x + 3 * a + 3);
      double part = 0.0;
      kind->log_prob(1, local.data(), &part);
      sum += part;
      MoleculeSpec::apply(spec.beads, local.data(), z.data());
      const std::int64_t first = ((std::int64_t) f << 32) + 11 + i % samples;
      FlowRequest r;
      r.nframes = 1;
      r.z = z.data();
      r.seed = 17;
      r.stream = random_stream(0, "bm");
      r.timestep = &run.timestep[i / samples];
      r.molecule = &run.molecule[i / samples];
      r.first = &first;
      kind->sample(r, y.data(), &part);
      drawn += part;
      EXPECT_TRUE(same_bits(y.data(), local.data(), y.size())) << i << " " << f;
    }
    EXPECT_NEAR(density[i], sum, 1e-12 * std::fabs(sum));
    EXPECT_NEAR(run.logq[i], drawn, 1e-12 * std::fabs(sum));
  }
}

TEST(FragmentFlow, BeadsStayWhereTheyAre)
{
  const Composed c(peptide({"LEU"}));
  Batch run(c, 5, 3);
  run.sample(*make(c.spec, Precision::Single));
  for (int i = 0; i < run.total(); i++)
    for (int b = 0; b < c.spec.nbeads(); b++)
      EXPECT_TRUE(same_bits(&run.x[i * c.stride() + 3 * c.spec.beads[b].atoms[0]],
                            &run.z[(i / 3 * c.spec.nbeads() + b) * 3], 3));
}

// ----------------------------------------------------------------------

TEST(FragmentFlow, BitwiseTheSameInAnyBatch)
{
  const Composed c(peptide({"ALA", "ALA", "ALA"}));
  for (const char *backend : {"serial", "kokkos"}) {
    const auto flow = make(c.spec, Precision::Single, backend);
    Batch all(c, 13, 9);
    all.sample(*flow);
    std::vector<double> density(all.total());
    flow->log_prob(all.total(), all.x.data(), density.data());
    const auto expect_same = [&](const Batch &some, int i, int frame, int sample) {
      const int at = frame * 9 + sample;
      EXPECT_TRUE(same_bits(&some.x[i * c.stride()], &all.x[at * c.stride()], c.stride()))
          << frame << " " << sample;
      EXPECT_TRUE(same_bits(&some.logq[i], &all.logq[at], 1));
    };
    // one at a time
    for (const int frame : {0, 5, 12})
      for (const int sample : {0, 1, 8}) {
        Batch one(c, 13, 1);
        one.frames = 1;
        one.z.erase(one.z.begin(), one.z.begin() + (std::size_t) frame * 3 * c.spec.nbeads());
        one.timestep = {all.timestep[frame]};
        one.molecule = {all.molecule[frame]};
        one.sample(*flow, 17, sample);
        expect_same(one, 0, frame, sample);
        double logq = 0.0;
        flow->log_prob(1, &all.x[(frame * 9 + sample) * c.stride()], &logq);
        EXPECT_TRUE(same_bits(&logq, &density[frame * 9 + sample], 1));
      }
    // samples in two calls, frames from last to first, each frame from a number of its own
    Batch early(c, 13, 4), late(c, 13, 5), back(c, 13, 9), each(c, 13, 2);
    early.sample(*flow);
    late.sample(*flow, 17, 4);
    const std::size_t nz = 3 * c.spec.nbeads();
    for (int i = 0; i < 13; i++) {
      std::copy_n(&all.z[(12 - i) * nz], nz, &back.z[i * nz]);
      back.timestep[i] = all.timestep[12 - i];
      back.molecule[i] = all.molecule[12 - i];
      each.first.push_back(i % 7);
    }
    back.sample(*flow);
    each.sample(*flow);
    for (int i = 0; i < 13; i++)
      for (int j = 0; j < 9; j++) {
        if (j < 4)
          expect_same(early, i * 4 + j, i, j);
        else
          expect_same(late, i * 5 + j - 4, i, j);
        expect_same(back, (12 - i) * 9 + j, i, j);
        if (j < 2) expect_same(each, i * 2 + j, i, i % 7 + j);
      }
  }
}

// More points than one batch has.

TEST(FragmentFlow, LargeCalls)
{
  const Composed c(ala2());
  const auto flow = make(c.spec, Precision::Single);
  const int m = 4000, frames = (1 << 21) / (m * c.spec.natoms) + 3;
  Batch all(c, frames, m), last(c, frames, m);
  all.sample(*flow);
  last.frames = 1;
  last.z.erase(last.z.begin(), last.z.end() - 3 * c.spec.nbeads());
  last.timestep = {all.timestep.back()};
  last.molecule = {all.molecule.back()};
  last.sample(*flow);
  const std::size_t at = (std::size_t)(frames - 1) * m;
  EXPECT_TRUE(same_bits(last.x.data(), &all.x[at * c.stride()], last.x.size()));
  EXPECT_TRUE(same_bits(last.logq.data(), &all.logq[at], m));
  EXPECT_TRUE(same_bits(last.drawn.data(), &all.drawn[at * flow->nlatent()], last.drawn.size()));
  std::vector<double> density(all.total()), end(m);
  flow->log_prob(all.total(), all.x.data(), density.data());
  flow->log_prob(m, last.x.data(), end.data());
  EXPECT_TRUE(same_bits(end.data(), &density[at], m));
}

// ----------------------------------------------------------------------

TEST(FragmentFlow, LatentsGiveTheirSamplesBack)
{
  const Composed c(peptide({"ALA", "ALA"}));
  for (const char *backend : {"serial", "kokkos"}) {
    const auto flow = make(c.spec, Precision::Single, backend);
    const auto circular = flow->circular();
    const int nu = flow->nlatent();
    std::size_t expected = 0;
    for (const auto &f : c.spec.fragments)
      expected += c.spec.kinds[f.kind].nl() + c.spec.kinds[f.kind].nc();
    EXPECT_EQ(circular.size(), expected);
    EXPECT_EQ(nu, 3 * (c.spec.natoms - c.spec.nbeads()));
    for (std::size_t f = 0, at = 0; f < c.spec.fragments.size(); f++) {
      const FlowSpec &kind = c.spec.kinds[c.spec.fragments[f].kind];
      for (int k = 0; k < kind.nl() + kind.nc(); k++, at++)
        EXPECT_EQ(circular[at], k >= kind.nl()) << at;
    }

    Batch run(c, 20, 50);
    run.sample(*flow);
    Batch again(c, 20, 50);
    again.latent = run.drawn;
    again.sample(*flow);
    EXPECT_TRUE(same_bits(run.x.data(), again.x.data(), run.x.size()));
    EXPECT_TRUE(same_bits(run.logq.data(), again.logq.data(), run.logq.size()));
    EXPECT_TRUE(same_bits(run.drawn.data(), again.drawn.data(), run.drawn.size()));

    // what they are, each at 5 standard errors: false alarm 6e-5 for other seeds and 100 variables
    const double n = run.total(), five = 5.0 / std::sqrt(n);
    for (int k = 0; k < nu; k++) {
      double mean = 0.0, square = 0.0;
      for (int i = 0; i < run.total(); i++) {
        const double u = run.drawn[(std::size_t) i * nu + k];
        if (circular[k]) {
          ASSERT_GE(u, -BACKMAP_PI);
          ASSERT_LT(u, BACKMAP_PI);
          mean += std::cos(u) / n;
          square += 2.0 * std::cos(u) * std::cos(u) / n;
        } else {
          mean += u / n;
          square += u * u / n;
        }
      }
      EXPECT_NEAR(mean, 0.0, five) << k;
      EXPECT_NEAR(square, 1.0, five * std::sqrt(2.0)) << k;
    }

    // another latent of a fragment moves its atoms and those that stand on them
    for (std::size_t f = 0, at = 0; f < c.spec.fragments.size(); f++) {
      const auto &fragment = c.spec.fragments[f];
      const FlowSpec &kind = c.spec.kinds[fragment.kind];
      Batch other(c, 1, 1), one(c, 1, 1);
      one.latent.assign(run.drawn.begin(), run.drawn.begin() + nu);
      other.latent = one.latent;
      other.latent[at] += 0.1;
      at += kind.nl() + kind.nc();
      one.sample(*flow);
      other.sample(*flow);
      std::vector<char> moves(c.spec.natoms, 0);
      for (std::size_t g = 0; g < c.spec.fragments.size(); g++) {
        const auto &points = c.spec.fragments[g].points;
        const bool sees =
            std::any_of(points.begin(), points.end(), [&](int a) { return moves[a]; });
        const auto drawn = c.spec.kinds[c.spec.fragments[g].kind].drawn_atoms();
        for (std::size_t a = 0; a < points.size(); a++)
          if (drawn[a] && (g == f || sees)) moves[points[a]] = 1;
      }
      int moved = 0;
      for (int a = 0; a < c.spec.natoms; a++) {
        const bool same = same_bits(&one.x[3 * a], &other.x[3 * a], 3);
        moved += !same;
        EXPECT_TRUE(same || moves[a]) << "fragment " << f << " atom " << a;
      }
      EXPECT_GT(moved, 0);
    }
  }
}

TEST(FragmentFlow, FragmentsHaveRandomNumbersOfTheirOwn)
{
  const Composed c(peptide({"ALA", "ALA", "ALA"}));
  const auto flow = make(c.spec);
  Batch run(c, 1, 1);
  run.sample(*flow);
  std::vector<double> sorted(run.drawn);
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(std::adjacent_find(sorted.begin(), sorted.end()), sorted.end());
}

// ----------------------------------------------------------------------

TEST(FragmentFlow, WithoutAnImageTheWeightIsZero)
{
  for (const int stage : {0, 1}) {
    Composed c(ala2());
    int wide = -1;
    for (const auto &f : c.spec.fragments)
      if (f.stage == stage) wide = f.kind;
    ASSERT_GE(wide, 0);
    FlowSpec &kind = c.spec.kinds[wide];
    kind.linear_chol[0] = 1.0;    // the first bond is 1 A broad
    const auto flow = make(c.spec, Precision::Single);
    Batch run(c, 20, 100);
    run.sample(*flow);
    int zero = 0;
    for (int i = 0; i < run.total(); i++) {
      ASSERT_FALSE(std::isnan(run.logq[i]));
      ASSERT_NE(run.logq[i], -HUGE_VAL);
      zero += run.logq[i] == HUGE_VAL;
    }
    EXPECT_GT(zero, 0);
    EXPECT_LT(zero, run.total() / 2);

    // the others do not notice: a frame of no numbers among them
    Batch bad(c, 20, 100);
    bad.z[3 * c.spec.nbeads()] = std::nan("");
    bad.sample(*flow);
    for (int i = 0; i < run.total(); i++) {
      if (i / 100 == 1) {
        EXPECT_EQ(bad.logq[i], HUGE_VAL);
      } else {
        EXPECT_TRUE(same_bits(&bad.logq[i], &run.logq[i], 1));
      }
    }
  }

  // the density of an atom on top of another, in either stage
  const Composed c(ala2());
  const auto flow = make(c.spec);
  for (const auto &f : c.spec.fragments) {
    auto x = c.frames;
    const auto &row = c.spec.kinds[f.kind].zmatrix[0];
    std::copy_n(&x[3 * f.points[row[1]]], 3, &x[3 * f.points[row[0]]]);
    double logq[2] = {};
    flow->log_prob(2, x.data(), logq);
    EXPECT_EQ(logq[0], -HUGE_VAL);
    EXPECT_TRUE(std::isfinite(logq[1]));
  }
}

TEST(FragmentFlow, CallErrors)
{
  const Composed c(ala2());
  EXPECT_THROW(make(c.spec, Precision::Single, "cuda"), std::runtime_error);
  const auto flow = make(c.spec);
  Batch none(c, 1, 0);
  EXPECT_THROW(none.sample(*flow), std::runtime_error);
  Batch empty(c, 0, 3);
  empty.sample(*flow);    // no frames: nothing happens
  flow->log_prob(0, nullptr, nullptr);
  EXPECT_EQ(flow->natoms(), c.spec.natoms);
  EXPECT_EQ(flow->nbeads(), c.spec.nbeads());
}

/* ----------------------------------------------------------------------
   model files
------------------------------------------------------------------------- */

TEST(FragmentSpec, RoundTrip)
{
  const Composed c(peptide({"ALA", "ALA", "ALA"}));
  const std::string bytes = c.spec.to_model().serialize();
  const FlowSpec back = FlowSpec::from_model(ModelFile::parse(bytes, "x"));
  EXPECT_EQ(back.to_model().serialize(), bytes);
  EXPECT_TRUE(back.composed());
  ASSERT_EQ(back.fragments.size(), c.spec.fragments.size());
  for (std::size_t f = 0; f < back.fragments.size(); f++) {
    EXPECT_EQ(back.fragments[f].kind, c.spec.fragments[f].kind);
    EXPECT_EQ(back.fragments[f].stage, c.spec.fragments[f].stage);
    EXPECT_EQ(back.fragments[f].points, c.spec.fragments[f].points);
  }
  ASSERT_EQ(back.kinds.size(), c.spec.kinds.size());
  for (std::size_t k = 0; k < back.kinds.size(); k++) {
    EXPECT_EQ(back.kinds[k].molecule, c.spec.kinds[k].molecule);
    EXPECT_EQ(back.kinds[k].signature, c.spec.kinds[k].signature);
    EXPECT_EQ(back.kinds[k].zmatrix, c.spec.kinds[k].zmatrix);
    EXPECT_EQ(back.kinds[k].linear_chol, c.spec.kinds[k].linear_chol);
    EXPECT_EQ(back.kinds[k].couplings[1].out.weight, c.spec.kinds[k].couplings[1].out.weight);
    EXPECT_FALSE(back.kinds[k].composed());
  }
  EXPECT_EQ(back.feature_mean, c.spec.feature_mean);
  EXPECT_TRUE(back.range.known());
  Batch a(c, 3, 4), b(c, 3, 4);
  a.sample(*make(c.spec, Precision::Single));
  b.sample(*make(back, Precision::Single));
  EXPECT_TRUE(same_bits(a.x.data(), b.x.data(), a.x.size()));
  EXPECT_TRUE(same_bits(a.logq.data(), b.logq.data(), a.logq.size()));

  // atoms that are exchanged freely, by their numbers in the molecule: the hydrogens of five methyl groups
  const auto groups = c.spec.equivalent_atoms();
  EXPECT_EQ(groups.size(), 5u);
  for (const auto &group : groups)
    for (const int atom : group) EXPECT_LT(c.spec.masses[atom], 2.0);
}

TEST(FragmentSpec, TextErrors)
{
  const Composed c(ala2());
  const auto error = [&](const std::string &from, const std::string &to) {
    ModelFile file = c.spec.to_model();
    std::string text = file.meta("spec");
    const auto at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from << " in " << text;
    if (at == std::string::npos) return std::string();
    file.set_meta("spec", text.replace(at, from.size(), to));
    return error_of([&] { FlowSpec::from_model(ModelFile::parse(file.serialize(), "x.st")); });
  };
  const auto expect = [&](const std::string &from, const std::string &to, const std::string &part) {
    const std::string e = error(from, to);
    EXPECT_NE(e.find(part), std::string::npos) << from << " -> " << to << ": " << e;
    EXPECT_NE(e.find("x.st"), std::string::npos) << e;
  };
  expect("\"fragments\":[", "\"fragments\":[7,", "fragment 0");
  expect("\"fragments\":", "\"xfragments\":", "xfragments");
  expect("\"kinds\":[", "\"kinds\":[7,", "kind 0");
  expect("\"kinds\":", "\"xkinds\":", "kinds");
  expect("\"stage\":0", "\"stage\":-1", "stage");
  expect("\"stage\":0", "\"xstage\":0", "stage");
  expect("\"kind\":0", "\"kind\":17", "kind");
  expect("\"points\":[", "\"points\":[99,", "points");
  expect("\"points\":[", "\"points\":[0,", "points");
  expect("\"fragments\":[", "\"zmatrix\":[],\"fragments\":[", "zmatrix");
  expect("\"fragments\":[", "\"couplings\":[],\"fragments\":[", "couplings");
  expect("\"signature\":\"", "\"signature\":7,\"x\":\"", "kind 0");
  expect("\"fragments\":[", "\"fragments\":[],\"training\":[", "at least one");

  // a flow of one piece has no kinds, a kind none of its own
  ModelFile one = c.spec.kinds[0].to_model();
  std::string text = one.meta("spec");
  text.insert(text.find("\"zmatrix\""), "\"kinds\":[],");
  one.set_meta("spec", text);
  EXPECT_NE(error_of([&] { FlowSpec::from_model(one); }).find("none without fragments"),
            std::string::npos);
  expect("\"zmatrix\":", "\"kinds\":[],\"zmatrix\":", "flows of one piece");

  // tensors of kinds: one that is missing, one too many
  ModelFile more = c.spec.to_model();
  more.add("kind.9.affine.0.bias", {1}, {0.0});
  EXPECT_NE(error_of([&] { FlowSpec::from_model(more); }).find("kind.9.affine.0.bias"),
            std::string::npos);
  expect("\"hidden\":8", "\"hidden\":9", "kind.0.affine.0.weight");
}

/* ----------------------------------------------------------------------
   what makes no sense
------------------------------------------------------------------------- */

TEST(FragmentSpec, Refused)
{
  const Composed c(peptide({"ALA", "ALA", "ALA"}));
  EXPECT_EQ(error_of([&] { c.spec.validate("here"); }), "");
  const auto bad = [&](const std::string &part, const std::function<void(FlowSpec &)> &change) {
    FlowSpec s = c.spec;
    change(s);
    const std::string e = error_of([&] { s.validate("here"); });
    EXPECT_NE(e.find(part), std::string::npos) << part << ": " << e;
    EXPECT_EQ(e.find("here"), 0u) << e;
    EXPECT_NE(error_of([&] { make(s); }), "");
  };
  // points of fragment f: own atoms first
  const auto own = [&](int f) { return c.spec.fragments[f].points[0]; };
  std::size_t late = 0;    // the first fragment of stage 1
  while (c.spec.fragments[late].stage == 0) late++;
  ASSERT_GT(late, 1u);
  const auto standing = [&](FlowSpec &s) -> int & {    // a point of it that is an atom of stage 0
    const auto drawn = s.kinds[s.fragments[late].kind].drawn_atoms();
    for (std::size_t a = 0; a < drawn.size(); a++)
      for (std::size_t f = 0; f < late; f++)
        if (!drawn[a] && s.fragments[late].points[a] == own((int) f))
          return s.fragments[late].points[a];
    throw std::logic_error("no such point");
  };

  bad("fragment 1: stages must be ascending", [&](FlowSpec &s) { s.fragments[0].stage = 1; });
  bad("does not stand yet", [&](FlowSpec &s) { s.fragments[late].stage = 0; });
  bad("does not stand yet", [&](FlowSpec &s) {
    std::swap(s.fragments[0], s.fragments[late]);
    for (auto &f : s.fragments) f.stage = 0;
  });
  bad("does not stand yet", [&](FlowSpec &s) { standing(s) = own((int) late); });
  bad("does not stand yet", [&](FlowSpec &s) {
    standing(s) = s.fragments.back().stage == 1 ? s.fragments.back().points[0] : -1;
  });
  bad("is never drawn", [&](FlowSpec &s) { s.fragments.pop_back(); });
  bad("is drawn twice", [&](FlowSpec &s) { s.fragments.push_back(s.fragments.back()); });
  bad("atom " + std::to_string(own(0)) + " is drawn twice",
      [&](FlowSpec &s) { s.fragments[1].points[0] = own(0); });
  bad("atom " + std::to_string(c.spec.beads[0].atoms[0]) + " is drawn twice",
      [&](FlowSpec &s) { s.fragments[1].points[0] = s.beads[0].atoms[0]; });
  bad("fragment 1: point", [&](FlowSpec &s) { s.fragments[1].points[0] = s.natoms; });
  bad("fragment 1: point", [&](FlowSpec &s) { s.fragments[1].points[0] = -1; });
  bad("fragment 2: points", [&](FlowSpec &s) { s.fragments[2].points.pop_back(); });
  bad("fragment 0: kind", [&](FlowSpec &s) { s.fragments[0].kind = (int) s.kinds.size(); });
  bad("fragment 0: kind", [&](FlowSpec &s) { s.fragments[0].kind = -1; });
  bad("signature that no other kind has",
      [&](FlowSpec &s) { s.kinds[1].signature = s.kinds[0].signature; });
  bad("signature", [&](FlowSpec &s) { s.kinds[2].signature.clear(); });
  bad("kind 1", [&](FlowSpec &s) { s.kinds[1].temperature = 310.0; });
  bad("units and temperature", [&](FlowSpec &s) { s.kinds[1].temperature = 310.0; });
  bad("units and temperature", [&](FlowSpec &s) { s.kinds[1].units = "metal"; });
  bad("flow of one piece", [&](FlowSpec &s) { s.kinds[0] = c.spec; });
  bad("kind 2", [&](FlowSpec &s) { s.kinds[2].linear_mean.pop_back(); });
  bad("no Z-matrix", [&](FlowSpec &s) { s.zmatrix = s.kinds[0].zmatrix; });
  bad("no Z-matrix", [&](FlowSpec &s) { s.couplings = s.kinds[0].couplings; });
  bad("every bead must be one atom", [&](FlowSpec &s) {
    s.beads[0].atoms.push_back(own(0));
    s.beads[0].weights = {0.5, 0.5};
  });
  bad("kinds: expected none without fragments", [&](FlowSpec &s) { s.fragments.clear(); });
}

// A kind whose bead is a centre of mass: its atoms would not be points of the molecule.

TEST(FragmentSpec, KindsOfSeveralAtomsABeadAreRefused)
{
  const Molecule m = ala2();
  Mapping map;
  map.molecule = "coarse";
  for (int b = 0; b < 3; b++) map.beads.push_back({"B" + std::to_string(b), {}, {}});
  for (int i = 0; i < m.t.natoms; i++)
    map.beads[std::min(2, 3 * i / m.t.natoms)].atoms.push_back(i);
  for (auto &b : map.beads) b.weights.assign(b.atoms.size(), 1.0 / b.atoms.size());
  const auto x = train_test::noisy(m.x, 400, 0.02, 1);
  FlowSpec kind =
      train_test::prepare_flow(m.t, map, FlowDesign(), 400, x.data(), std::vector<char>(400, 0))
          .spec;
  test::random_networks(kind, 0.1);
  EXPECT_EQ(error_of([&] { kind.validate("here"); }), "");
  FlowSpec s = Composed(m).spec;
  kind.signature = "coarse";
  s.kinds[0] = kind;
  EXPECT_NE(error_of([&] { s.validate("here"); }).find("whose beads are single atoms"),
            std::string::npos);
}

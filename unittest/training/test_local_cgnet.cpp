/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Training of CG models composed of windows: a sum of known local energies is found again from its
// forces or values, and holds for a chain twice as long and for another sequence.

#include "cgnet/windows_support.h"
#include "libtorch/cgnet_trainer.h"
#include "training/correction.h"

#include <gtest/gtest.h>

using namespace BACKMAP_NS;
using namespace windows_support;

namespace {

// bonds, angles and torsions by the letters of the atoms
double known_energy(const std::string &letters, const double *z, double *force)
{
  const int n = (int) letters.size();
  std::vector<double> g(3 * n, 0.0);
  const auto at = [&](int i) { return z + 3 * i; };
  const auto to = [&](int i) { return g.data() + 3 * i; };
  const auto oxygen = [&](int i) { return letters[i] == 'O'; };
  double e = 0.0;
  for (int i = 0; i + 1 < n; i++) {
    const double d = bead_distance(at(i), at(i + 1)) - 1.5;
    e += 100.0 * d * d;
    bead_distance_gradient(at(i), at(i + 1), 200.0 * d, to(i), to(i + 1));
  }
  for (int i = 0; i + 2 < n; i++) {
    const double k = oxygen(i + 1) ? 40.0 : 25.0;
    const double d = bead_angle(at(i), at(i + 1), at(i + 2)) - 1.95;
    e += k * d * d;
    bead_angle_gradient(at(i), at(i + 1), at(i + 2), 2.0 * k * d, to(i), to(i + 1), to(i + 2));
  }
  for (int i = 0; i + 3 < n; i++) {
    const double p = bead_dihedral(at(i), at(i + 1), at(i + 2), at(i + 3));
    const double a = oxygen(i + 1) || oxygen(i + 2) ? 6.0 : -3.0, b = 3.0;
    e += a * std::cos(p) + b * std::cos(2.0 * p);
    bead_dihedral_gradient(at(i), at(i + 1), at(i + 2), at(i + 3),
                           -a * std::sin(p) - 2.0 * b * std::sin(2.0 * p), to(i), to(i + 1),
                           to(i + 2), to(i + 3));
  }
  for (int k = 0; k < 3 * n; k++) force[k] = -g[k];
  return e;
}

struct Frames {
  std::vector<double> x, f, e;
  int n;
  Frames(const std::string &letters, int count, std::uint64_t seed) :
      x(Chain(letters).configurations(count, seed)), n(count)
  {
    f.resize(x.size());
    const std::size_t size = 3 * letters.size();
    for (int i = 0; i < count; i++) e.push_back(known_energy(letters, &x[i * size], &f[i * size]));
  }
};

std::vector<char> last(int n, int many)
{
  std::vector<char> marks(n, 0);
  std::fill(marks.end() - many, marks.end(), 1);
  return marks;
}

// root mean square error of the forces, relative to the forces
double force_error(const CgnetSpec &spec, const std::string &letters)
{
  const Frames fr(letters, 200, 77);
  std::vector<double> e(fr.n), f(fr.x.size());
  Cgnet(spec).evaluate(fr.n, fr.x.data(), e.data(), f.data());
  double error = 0.0, all = 0.0;
  for (std::size_t k = 0; k < f.size(); k++) {
    error += (f[k] - fr.f[k]) * (f[k] - fr.f[k]);
    all += fr.f[k] * fr.f[k];
  }
  return std::sqrt(error / all);
}

// without the constant
double energy_error(const CgnetSpec &spec, const std::string &letters)
{
  const Frames fr(letters, 200, 78);
  std::vector<double> e(fr.n), f(fr.x.size());
  Cgnet(spec).evaluate(fr.n, fr.x.data(), e.data(), f.data());
  double mean = 0.0, square = 0.0;
  for (int i = 0; i < fr.n; i++) mean += (e[i] - fr.e[i]) / fr.n;
  for (int i = 0; i < fr.n; i++) square += std::pow(e[i] - fr.e[i] - mean, 2) / fr.n;
  return std::sqrt(square);
}

CgnetTrainOptions options(int epochs)
{
  CgnetTrainOptions o;
  o.kT = boltzmann_constant("real") * 300.0;
  o.batch = 128;
  o.epochs = epochs;
  o.warmup = 20;
  o.rate = 5e-3;
  o.ema = 0.98;
  o.threads = 1;
  return o;
}

CgnetSpec assemble(const std::string &letters, const CgnetSpec &spec)
{
  const Chain c(letters);
  return assemble_cgnet(c.t, c.m, c.straight(), {spec});
}

const std::string SHORT = "CCOCCOCCOCCOCCOCC", LONG = "CCOCCOCCOCCOCCOCCOCCOCCOCCOCCOCCOCC";

struct Trained {
  CgnetData data;
  CgnetSpec spec, before;

  explicit Trained(const std::string &letters)
  {
    const Chain c(letters);
    const Frames fr(letters, 2700, 5);
    data = prepare_local_cgnet(c.t, c.m, c.straight(), 3, "real", 300.0, {24, 24}, fr.n,
                               fr.x.data(), fr.f.data(), last(fr.n, 300));
    spec = before = data.spec;
    CgnetTrainer trainer(cgnet_shape(spec), options(20), data.train, data.valid, {}, {}, {});
    while (!trainer.finished()) trainer.epoch();
    set_weights(spec, trainer.best());
  }
};

const Trained &trained()
{
  static const Trained t(SHORT);
  return t;
}

}    // namespace

TEST(LocalCgnet, finds_a_sum_of_local_energies)
{
  const auto &t = trained();
  EXPECT_GT(force_error(t.before, SHORT), 0.4);    // what the prior alone leaves
  EXPECT_LT(force_error(t.spec, SHORT), 0.16);
  EXPECT_LT(energy_error(t.spec, SHORT), 0.3 * energy_error(t.before, SHORT));
}

TEST(LocalCgnet, holds_for_a_chain_twice_as_long)
{
  const auto &t = trained();
  EXPECT_GT(force_error(assemble(LONG, t.before), LONG), 0.4);
  EXPECT_LT(force_error(assemble(LONG, t.spec), LONG), 0.16);
  EXPECT_LT(force_error(assemble(LONG, t.spec), LONG), 1.3 * force_error(t.spec, SHORT));
}

// a control: where no two inner windows of one kind are neighbors, what common beads have may be in one
// or in the other, and the sum is another one where they repeat. The assembly says so
TEST(LocalCgnet, too_short_a_chain_does_not_hold_for_a_long_one)
{
  const std::string letters = "CCOCCOCCOCC";
  const Trained t(letters);
  const double own = force_error(t.spec, letters);
  EXPECT_LT(own, 0.2);
  EXPECT_GT(force_error(assemble(LONG, t.spec), LONG), 1.4 * own);
  const Chain c(LONG);
  std::vector<std::string> notes;
  assemble_cgnet(c.t, c.m, c.straight(), {t.spec}, &notes);
  EXPECT_FALSE(notes.empty());
  notes.clear();
  assemble_cgnet(c.t, c.m, c.straight(), {trained().spec}, &notes);
  EXPECT_TRUE(notes.empty());
}

// the trainer and the native evaluation are one function
TEST(LocalCgnet, knows_the_forces_of_the_native_evaluation)
{
  auto known = trained().before;
  randomise(known);
  CgnetForces train = trained().data.train, valid = trained().data.valid;
  for (auto *to : {&train, &valid}) {
    std::vector<double> e(to->n), all(to->z.size()), prior(to->z.size());
    Cgnet(known).evaluate((int) to->n, to->z.data(), e.data(), all.data());
    Cgnet(prior_only(known)).evaluate((int) to->n, to->z.data(), e.data(), prior.data());
    for (std::size_t k = 0; k < all.size(); k++) to->force[k] = all[k] - prior[k];
  }
  CgnetTrainOptions o = options(1);
  o.rate = 1e-12;    // stay where we are
  o.guard = 0.0;
  CgnetTrainer t(cgnet_shape(known), o, train, valid, {}, {}, get_weights(known));
  t.epoch();
  double size = 0.0;
  for (const float f : valid.force) size += (double) f * f / valid.force.size();
  EXPECT_LT(t.errors().valid_force, 1e-4 * std::sqrt(size));
}

TEST(LocalCgnet, reproduces_and_resumes)
{
  const auto &d = trained().data;
  const auto o = options(2);
  const auto shape = cgnet_shape(d.spec);
  CgnetTrainer a(shape, o, d.train, d.valid, {}, {}, {}), b(shape, o, d.train, d.valid, {}, {}, {});
  a.epoch();
  const std::string half = a.checkpoint();
  a.epoch();
  b.restore(half);
  b.epoch();
  const auto wa = a.average(), wb = b.average();
  ASSERT_EQ(wa.size(), wb.size());
  EXPECT_EQ(wa.count("kind.1.net.0.weight"), 1u);
  for (const auto &w : wa) EXPECT_EQ(w.second.data, wb.at(w.first).data) << w.first;
}

// free energies of frames, as a correction round has them
TEST(LocalCgnet, finds_free_energies_up_to_a_constant)
{
  auto spec = trained().before;
  const Frames fr(SHORT, 2000, 9);
  const double kT = options(1).kT;
  FreeEnergies free;
  free.n = fr.n;
  free.z = fr.x;
  for (int i = 0; i < fr.n; i++) {
    free.value.push_back(fr.e[i] / kT - 123.0);
    free.error.push_back(0.05);
    free.ucg.push_back(0.0);
    free.series.push_back(0);
  }
  CgnetEnergies train, valid;
  energy_targets(spec, free, kT, train, valid);
  EXPECT_EQ(train.n + valid.n, fr.n);
  CgnetTrainer t(cgnet_shape(spec), options(18), {}, {}, train, valid, {});
  while (!t.finished()) t.epoch();
  const double before = spread_of_difference(spec, free, kT).all.plain;
  set_weights(spec, t.best());
  EXPECT_LT(spread_of_difference(spec, free, kT).all.plain, 0.4 * before);
  EXPECT_LT(energy_error(spec, SHORT), 0.5 * energy_error(trained().before, SHORT));
}

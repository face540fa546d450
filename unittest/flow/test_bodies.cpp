/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Flows for beads of several atoms: the bodies that build them, their density in the measure
// delta(sum c x - z) dx, and F(z) of a molecule for which it is known.

#include "libtorch/flow_trainer.h"

#include "core/model_file.h"
#include "dual.h"
#include "flow/backend.h"
#include "flow/internal_coords.h"
#include "flow_test_support.h"
#include "training/flow_data.h"
#include "training/train_test_support.h"
#include "training/zmatrix.h"

#include "gtest/gtest.h"

#include <algorithm>

using namespace BACKMAP_NS;
using namespace train_test;

namespace {

const std::string data = BACKMAP_TEST_DATA;
constexpr double LOG2PI = 1.8378770664093453;

/// One bead of atoms counted from 1, as in map files; weights are masses unless given.
Mapping::Bead bead(const Topology &t, std::vector<int> atoms, std::vector<double> weights = {})
{
  Mapping::Bead b;
  b.name = "B" + std::to_string(atoms[0]);
  for (const int a : atoms) {
    b.atoms.push_back(a - 1);
    b.weights.push_back(weights.empty() ? t.masses[a - 1] : weights[b.atoms.size() - 1]);
  }
  double sum = 0.0;
  for (const double w : b.weights) sum += w;
  for (double &w : b.weights) w /= sum;
  return b;
}

/// Centres of mass; centres of geometry with uneven weights; beads of one, two and three atoms with most atoms in none.
std::vector<Mapping> maps(const Topology &t)
{
  std::vector<Mapping> out(3);
  const std::vector<int> ace = {1, 2, 3, 4, 5, 6}, ala = {7, 8, 9, 10, 11, 12, 13, 14, 15, 16},
                         nme = {17, 18, 19, 20, 21, 22};
  out[0].beads = {bead(t, ace), bead(t, ala), bead(t, nme)};
  out[1].beads = {bead(t, ace, {1, 1, 1, 1, 1, 1}), bead(t, ala, {5, 1, 2, 3, 1, 1, 1, 1, 2, 7}),
                  bead(t, nme, {1, 3, 2, 1, 1, 2})};
  out[2].beads = {bead(t, {5}), bead(t, {7}), bead(t, {15, 16}), bead(t, {17, 18, 19}),
                  bead(t, {9, 11, 10})};
  for (auto &m : out) m.molecule = "ala2";
  return out;
}

/// From noisy copies of the first frames.
FlowData prepare(const Topology &t, const Mapping &m, int nframes = 44)
{
  const auto x =
      noisy(oracle_frames(data + "/ala2/oracle_vacuum.xyz", nframes), 880 / nframes, 0.01, 1);
  const int n = x.size() / 66;
  return prepare_flow(t, m, FlowDesign(), n, x.data(), std::vector<char>(n, 0));
}

/// Variables near those of a frame, and the beads of the frame at the points of from_internal.
struct Point {
  std::vector<double> v, c, x, z;
  std::vector<int> shift;
};

Point near_frame(const FlowSpec &spec, const Mapping &m, const double *frame, unsigned seed)
{
  const InternalCoords coords(spec);
  const InternalView g = coords.view();
  Point p;
  p.v.resize(spec.nl());
  p.c.resize(spec.nc());
  double logdet;
  EXPECT_TRUE(coords.to_internal(frame, p.v.data(), p.c.data(), &logdet));
  coords.whiten(p.v.data());
  std::mt19937_64 random(seed);
  std::normal_distribution<double> normal(0.0, 0.02);
  for (double &v : p.v) v += normal(random);
  for (double &c : p.c) c = wrap(c + normal(random));
  for (const auto &r : spec.rotors) p.shift.push_back((int) (random() % r.rows.size()));
  p.z.resize(3 * spec.nbeads());
  m.apply(frame, p.z.data());
  p.x.assign(3 * coords.npoints(), 0.0);
  for (int b = 0; b < spec.nbeads(); b++) std::copy_n(&p.z[3 * b], 3, &p.x[3 * g.bead_atom[b]]);
  return p;
}

std::vector<double> draw(Flow &flow, const std::vector<double> &z, int frames, int samples,
                         std::vector<double> &logq)
{
  std::vector<std::int64_t> step(frames), molecule(frames, 1);
  for (int i = 0; i < frames; i++) step[i] = i;
  FlowRequest r;
  r.nframes = frames;
  r.z = z.data();
  r.samples = samples;
  r.timestep = step.data();
  r.molecule = molecule.data();
  std::vector<double> x((std::size_t) frames * samples * 66);
  logq.resize((std::size_t) frames * samples);
  flow.sample(r, x.data(), logq.data());
  return x;
}

std::string message(const FlowSpec &spec)
{
  try {
    spec.validate("spec");
  } catch (const std::runtime_error &e) {
    return e.what();
  }
  return "";
}

}    // namespace

// ----------------------------------------------------------------------

TEST(Bodies, there_and_back_and_beads_where_they_belong)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  for (const auto &m : maps(t)) {
    const FlowSpec spec = prepare(t, m).spec;
    const InternalCoords coords(spec);
    EXPECT_EQ(spec.nl() + spec.nc() + 3 * m.nbeads(), 66);
    std::vector<double> l(spec.nl()), c(spec.nc()), z(3 * m.nbeads());
    for (int i = 0; i < 44; i++) {
      Point p = near_frame(spec, m, &oracle[66 * i], i);
      double logdet, logdet2;
      ASSERT_TRUE(coords.from_internal(p.v.data(), p.c.data(), p.shift.data(), p.x.data(), &logdet))
          << i;
      m.apply(p.x.data(), z.data());
      for (int k = 0; k < 3 * m.nbeads(); k++)
        ASSERT_NEAR(z[k], p.z[k], 1e-12) << "bead of frame " << i;
      ASSERT_TRUE(coords.to_internal(p.x.data(), l.data(), c.data(), &logdet2));
      coords.whiten(l.data());
      for (int k = 0; k < spec.nl(); k++) ASSERT_NEAR(l[k], p.v[k], 1e-8) << i << " " << k;
      for (int k = 0; k < spec.nc(); k++)
        ASSERT_NEAR(wrap(c[k] - p.c[k]), 0.0, 1e-9) << i << " " << k;
      ASSERT_NEAR(logdet, logdet2, 1e-9);
    }
  }
}

// The atoms of a frame come back where they were: orientation and handedness, not only the variables.

TEST(Bodies, frames_come_back)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  for (const auto &m : maps(t)) {
    const FlowSpec spec = prepare(t, m).spec;
    const InternalCoords coords(spec);
    std::vector<double> l(spec.nl()), c(spec.nc());
    for (int i = 0; i < 44; i++) {
      const double *frame = &oracle[66 * i];
      double logdet, best = 1e9;
      ASSERT_TRUE(coords.to_internal(frame, l.data(), c.data(), &logdet));
      coords.whiten(l.data());
      int labels = 1;
      for (std::size_t r = 0; r < spec.rotors.size(); r++) labels *= 3;
      for (int s = 0; s < labels; s++) {
        Point p = near_frame(spec, m, frame, i);
        for (std::size_t r = 0, left = s; r < spec.rotors.size(); r++, left /= 3)
          p.shift[r] = left % 3;
        ASSERT_TRUE(coords.from_internal(l.data(), c.data(), p.shift.data(), p.x.data(), &logdet));
        double worst = 0.0;
        for (int k = 0; k < 66; k++) worst = std::max(worst, std::fabs(p.x[k] - frame[k]));
        best = std::min(best, worst);
      }
      EXPECT_LT(best, 1e-8) << "frame " << i;
    }
  }
}

// log|dx_R/d(variables)| by automatic differentiation, one atom of every bead left out of x_R. In the
// measure delta(sum c x - z) dx the volume is that times prod |c_d|^-3, whichever atoms are left out.

TEST(Bodies, jacobian_of_the_constrained_map)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  for (const auto &m : maps(t)) {
    FlowSpec spec = prepare(t, m).spec;
    const InternalCoords coords(spec);
    const InternalView g = coords.view();
    const int nl = spec.nl(), n = nl + spec.nc();
    for (const int frame : {0, 17, 40}) {
      const Point p = near_frame(spec, m, &oracle[66 * frame], frame);
      std::vector<std::vector<test::Dual>> columns;
      double reported = 0.0;
      for (int k = 0; k < n; k++) {
        std::vector<test::Dual> v(p.v.begin(), p.v.end()), c(p.c.begin(), p.c.end()),
            x(p.x.begin(), p.x.end()), shift(p.shift.begin(), p.shift.end()), y(3 * spec.nrows());
        (k < nl ? v[k] : c[k - nl]).d = 1.0;
        test::Dual logdet, bad;
        from_internal<test::Dual>(g, v.data(), c.data(), shift.data(), y.data(), x.data(), 1,
                                  &logdet, &bad);
        ASSERT_EQ(bad.v, 0.0);
        columns.push_back(x);
        reported = logdet.v;
      }
      double constant = g.log_chol;
      for (const auto &rotor : spec.rotors) constant -= std::log((double) rotor.rows.size());
      for (const int which : {0, 1}) {
        std::vector<char> rest(22, 1);
        double factor = 0.0;
        for (const auto &b : m.beads) {
          const int d = which * ((int) b.atoms.size() - 1);
          rest[b.atoms[d]] = 0;
          factor -= 3.0 * std::log(b.weights[d]);
        }
        std::vector<double> jacobian;
        for (int i = 0; i < 66; i++)
          if (rest[i / 3])
            for (int k = 0; k < n; k++) jacobian.push_back(columns[k][i].d);
        ASSERT_EQ((int) jacobian.size(), n * n);
        const double exact = test::log_abs_det(jacobian, n) + factor;
        EXPECT_NEAR(exact, reported + constant, 1e-8) << "frame " << frame << " left out " << which;
        EXPECT_GT(std::fabs(factor), 0.5) << "the factor would not be noticed";
      }
    }
  }
}

// Independent harmonic atoms: exp(-U) = prod exp(-|x_i - a_i|^2 / (2 s_i^2)) and
// exp(-F(z)) = prod (2 pi s_i^2)^(3/2) prod_b N(z_b; sum c a, sum c^2 s^2), isotropic in three dimensions.

TEST(Bodies, free_energy_of_a_harmonic_molecule)
{
  Topology t = data_topology(data + "/ala2/ala2.data");
  for (int i = 0; i < 22; i++)
    t.charges[i] = 0.01 * i;    // no equivalent atoms: nothing turns here
  const auto oracle = oracle_frames(data + "/ala2/oracle_vacuum.xyz", 44);
  std::mt19937_64 random(11);
  std::normal_distribution<double> normal;
  for (const auto &m : maps(t))
    for (const int frame : {3, 30}) {
      const double *a = &oracle[66 * frame];
      std::vector<double> s(22), z(3 * m.nbeads()), za(z.size());
      for (int i = 0; i < 22; i++) s[i] = 0.02 + 0.001 * (i % 7);
      m.apply(a, za.data());
      double f = 0.0;
      for (int i = 0; i < 22; i++) f -= 1.5 * (LOG2PI + 2.0 * std::log(s[i]));
      std::vector<double> var(m.nbeads(), 0.0);
      for (int b = 0; b < m.nbeads(); b++) {
        for (std::size_t k = 0; k < m.beads[b].atoms.size(); k++) {
          const double cs = m.beads[b].weights[k] * s[m.beads[b].atoms[k]];
          var[b] += cs * cs;
        }
        f += 1.5 * (LOG2PI + std::log(var[b]));
        for (int d = 0; d < 3; d++) {
          const double off = std::sqrt(var[b]) * normal(random);
          z[3 * b + d] = za[3 * b + d] + off;
          f += 0.5 * off * off / var[b];
        }
      }

      // configurations given z: the flow without networks gets their means and covariance

      const int n = 20000;
      std::vector<double> x(66 * (std::size_t) n), zi(z.size());
      for (int i = 0; i < n; i++) {
        double *xi = &x[66 * (std::size_t) i];
        for (int k = 0; k < 66; k++) xi[k] = a[k] + s[k / 3] * normal(random);
        m.apply(xi, zi.data());
        for (int b = 0; b < m.nbeads(); b++)
          for (std::size_t k = 0; k < m.beads[b].atoms.size(); k++) {
            const int j = m.beads[b].atoms[k];
            for (int d = 0; d < 3; d++)
              xi[3 * j + d] +=
                  s[j] * s[j] * m.beads[b].weights[k] / var[b] * (z[3 * b + d] - zi[3 * b + d]);
          }
      }
      FlowDesign design;
      design.couplings = 0;
      design.hidden = 4;
      FlowSpec spec = prepare_flow(t, m, design, n, x.data(), std::vector<char>(n, 0)).spec;
      ASSERT_EQ(spec.nc(), 0);
      test::random_networks(spec, 0.0);
      const auto flow = Flow::create(spec, Flow::Precision::Double, "serial");
      std::vector<double> logq;
      const auto sample = draw(*flow, z, 1, n, logq);

      // exp(-F) = mean of exp(-U)/q; the controls lose a factor of the density that depends on x

      enum { RIGHT, SWING, SIN, DEPENDENT, CASES };
      double sum[CASES] = {}, square = 0.0;
      for (int i = 0; i < n; i++) {
        if (!std::isfinite(logq[i])) continue;
        const double *xi = &sample[66 * (std::size_t) i];
        double u = 0.0;
        for (int k = 0; k < 66; k++)
          u += 0.5 * (xi[k] - a[k]) * (xi[k] - a[k]) / (s[k / 3] * s[k / 3]);
        const double w = std::exp(-u - logq[i] + f);
        sum[RIGHT] += w;
        square += w * w;
        const auto &b = spec.bodies[0];
        const double *top = xi + 3 * b.axis;
        const int r1 = spec.zmatrix[b.row][2];
        const double *far = r1 < 22 ? xi + 3 * r1 : &z[3 * (r1 - 22)];
        const double *site = &z[3 * b.bead];
        const double factor =
            bead_distance(top, far) / bead_distance(top, site) / bead_distance(far, site);
        sum[SWING] += w * factor;
        const auto &row = spec.zmatrix.back();
        sum[SIN] += w * std::sin(bead_angle(xi + 3 * row[0], xi + 3 * row[1], xi + 3 * row[2]));
        sum[DEPENDENT] += w * std::pow(m.beads[b.bead].weights[0], 3);
      }
      const double mean = sum[RIGHT] / n, error = std::sqrt((square / n - mean * mean) / n);
      ASSERT_LT(error, 0.03) << "the test would see nothing";
      // 5 standard errors in 6 checks: false alarm 4e-6 for other seeds
      EXPECT_NEAR(mean, 1.0, 5.0 * error) << "frame " << frame;
      for (const int wrong : {SWING, SIN, DEPENDENT})
        EXPECT_GT(std::fabs(sum[wrong] / n - 1.0), 5.0 * error)
            << "control " << wrong << " is not noticed";
    }
}

TEST(Bodies, backends_and_torch_agree)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto near = noisy(oracle_frames(data + "/ala2/oracle_vacuum.xyz", 1), 10, 0.01, 2);
  for (const auto &m : maps(t)) {
    FlowSpec spec = prepare(t, m, 1).spec;
    test::random_networks(spec, 0.1);
    const FlowSpec read =
        FlowSpec::from_model(ModelFile::parse(spec.to_model().serialize(), "test"));
    std::vector<double> z;
    for (int i = 0; i < 10; i++) {
      std::vector<double> one(3 * m.nbeads());
      m.apply(&near[66 * i], one.data());
      z.insert(z.end(), one.begin(), one.end());
    }
    std::vector<double> logq, logk, again, twice, x;
    const auto serial = Flow::create(read, Flow::Precision::Double, "serial"),
               kokkos = Flow::create(spec, Flow::Precision::Double, "kokkos");
    const double rounding = kokkos_is_on_host() ? 0.0 : 1e-11;
    const auto xs = draw(*serial, z, 10, 20, logq), xk = draw(*kokkos, z, 10, 20, logk);
    std::vector<double> sampled, here(3 * m.nbeads());
    for (int i = 0; i < 200; i++) {
      ASSERT_EQ(std::isfinite(logq[i]), std::isfinite(logk[i]));
      if (!std::isfinite(logq[i])) continue;
      EXPECT_NEAR(logq[i], logk[i], rounding * std::fabs(logq[i]));
      for (int k = 0; k < 66; k++) ASSERT_NEAR(xs[66 * i + k], xk[66 * i + k], rounding);
      m.apply(&xs[66 * i], here.data());
      for (int k = 0; k < 3 * m.nbeads(); k++)
        ASSERT_NEAR(here[k], z[(std::size_t)(i / 20) * here.size() + k], 1e-12);
      sampled.push_back(logq[i]);
      x.insert(x.end(), &xs[66 * i], &xs[66 * i] + 66);
    }
    const int n = sampled.size();
    ASSERT_GT(n, 150);
    again.resize(n);
    serial->log_prob(n, x.data(), again.data());

    const InternalCoords coords(spec);
    std::vector<double> l(n * spec.nl()), c(n * spec.nc()), f(n * spec.nf()), volume(n);
    for (int i = 0; i < n; i++) {
      ASSERT_TRUE(
          coords.to_internal(&x[66 * i], &l[i * spec.nl()], c.data() + i * spec.nc(), &volume[i]));
      coords.whiten(&l[i * spec.nl()]);
      m.apply(&x[66 * i], here.data());
      features(spec.features, here.data(), &f[i * spec.nf()]);
      for (int k = 0; k < spec.nf(); k++)
        f[i * spec.nf() + k] = (f[i * spec.nf() + k] - spec.feature_mean[k]) / spec.feature_std[k];
    }
    twice = torch_flow_log_prob(net_shapes(spec)[0], get_weights(spec), n, l.data(), c.data(),
                                f.data(), true);
    for (int i = 0; i < n; i++) {
      ASSERT_NEAR(again[i], sampled[i], 1e-7 * std::fabs(sampled[i])) << i;
      ASSERT_NEAR(twice[i] - coords.view().log_chol - volume[i], again[i],
                  1e-9 * std::fabs(again[i]))
          << i;
    }
  }
}

// ----------------------------------------------------------------------

TEST(Bodies, rotors_belong_to_one_bead)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto all = maps(t);
  EXPECT_EQ(prepare(t, all[0]).spec.rotors.size(), 3u);
  EXPECT_EQ(prepare(t, all[1]).spec.rotors.size(), 2u) << "one methyl has uneven weights";
  EXPECT_EQ(prepare(t, all[2]).spec.rotors.size(), 3u);
  Mapping cut = all[0];
  cut.beads[2] = bead(t, {17, 18, 19, 20});    // two hydrogens of the methyl outside
  EXPECT_EQ(prepare(t, cut).spec.rotors.size(), 2u);
}

TEST(Bodies, refused)
{
  const Topology t = data_topology(data + "/ala2/ala2.data");
  const auto all = maps(t);
  Mapping two = all[0];
  two.beads.pop_back();
  EXPECT_THROW(prepare(t, two), std::runtime_error);
  EXPECT_THROW(derive_zmatrix(t, all[0]), std::runtime_error) << "without frames";

  FlowSpec good = prepare(t, all[0]).spec;
  test::random_networks(good, 0.1);
  EXPECT_EQ(message(good), "");
  const auto bad = [&](const char *part, const auto &change) {
    FlowSpec s = good;
    change(s);
    EXPECT_NE(message(s).find(part), std::string::npos) << part << ": " << message(s);
  };
  bad("bodies", [](FlowSpec &s) { s.bodies.pop_back(); });
  bad("axis and spin", [](FlowSpec &s) { s.bodies[0].axis = s.bodies[0].spin; });
  bad("axis and spin", [](FlowSpec &s) { s.bodies[1].axis = s.bodies[0].axis; });
  bad("not placed before", [](FlowSpec &s) { std::swap(s.bodies[0], s.bodies[1]); });
  bad("oriented", [](FlowSpec &s) { s.zmatrix[s.bodies[0].row][2] = 22 + s.bodies[0].bead; });
  bad("not an atom of the same bead",
      [](FlowSpec &s) { s.zmatrix[s.bodies[1].row + 3][3] = s.bodies[0].axis; });
  bad("orients", [](FlowSpec &s) { s.bodies[0].spin = s.zmatrix[s.rotors[0].rows[0]][0]; });
  bad("zmatrix", [](FlowSpec &s) { s.zmatrix[0][3] = 25; });
  bad("weights", [](FlowSpec &s) {
    auto &bead = s.beads[s.bodies[0].bead];
    const int h = s.zmatrix[s.rotors[0].rows[0]][0];
    for (std::size_t i = 0; i < bead.atoms.size(); i++) {
      if (bead.atoms[i] == h) bead.weights[i] += 0.01;
      if (bead.atoms[i] == s.bodies[0].axis) bead.weights[i] -= 0.01;
    }
  });
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The evaluator against an independent one in LibTorch, on the same weights.

#include "libtorch/flow_trainer.h"

#include "core/model_file.h"
#include "flow/flow.h"
#include "flow_test_support.h"
#include "training/flow_data.h"

#include "gtest/gtest.h"

using namespace BACKMAP_NS;
using namespace BACKMAP_NS::test;

namespace {

/// log q(x) by Torch: networks there, coordinates by InternalCoords.
std::vector<double> torch_density(const FlowSpec &spec, const std::vector<double> &x, bool twice)
{
  const FlowNetShape shape = net_shapes(spec)[0];
  NetworkWeights weights;
  const ModelFile file = spec.to_model();
  for (const auto &name : file.names())
    weights[name] = {file.shape(name), file.tensor(name, file.shape(name))};

  const InternalCoords ic(spec);
  const std::size_t n = x.size() / (3 * spec.natoms);
  std::vector<double> l(n * spec.nl()), c(n * spec.nc()), f(n * spec.nf()), volume(n);
  for (std::size_t i = 0; i < n; i++) {
    const double *xi = &x[i * 3 * spec.natoms];
    EXPECT_TRUE(ic.to_internal(xi, &l[i * spec.nl()], &c[i * spec.nc()], &volume[i]));
    ic.whiten(&l[i * spec.nl()]);
    std::vector<double> z;
    for (const auto &bead : spec.beads)
      z.insert(z.end(), xi + 3 * bead.atoms[0], xi + 3 * bead.atoms[0] + 3);
    features(spec.features, z.data(), &f[i * spec.nf()]);
    for (int k = 0; k < spec.nf(); k++) {
      double &v = f[i * spec.nf() + k];
      v = (v - spec.feature_mean[k]) / spec.feature_std[k];
    }
  }
  auto logq = torch_flow_log_prob(shape, weights, (int64_t) n, l.data(), c.data(), f.data(), twice);
  for (std::size_t i = 0; i < n; i++) logq[i] -= ic.view().log_chol + volume[i];
  return logq;
}

}    // namespace

TEST(FlowTorch, SameDensity)
{
  for (unsigned seed = 1; seed <= 3; seed++) {
    FlowShape shape;
    shape.free_torsion = seed == 2;
    shape.couplings = 6;
    shape.hidden = 32;
    const FlowSpec spec = random_flow(seed, shape);
    const int frames = 20, samples = 10;
    std::vector<double> z;
    std::vector<std::int64_t> step, molecule(frames, 1);
    for (int i = 0; i < frames; i++) {
      const auto one = ala2_bead_positions(i);
      z.insert(z.end(), one.begin(), one.end());
      step.push_back(i);
    }
    FlowRequest r;
    r.nframes = frames;
    r.z = z.data();
    r.samples = samples;
    r.timestep = step.data();
    r.molecule = molecule.data();
    std::vector<double> x(frames * samples * 66), logq(frames * samples);
    Flow::create(spec, Flow::Precision::Double, "serial")->sample(r, x.data(), logq.data());
    std::vector<double> good, sampled;
    for (int i = 0; i < frames * samples; i++)
      if (std::isfinite(logq[i])) {
        good.insert(good.end(), &x[66 * i], &x[66 * i] + 66);
        sampled.push_back(logq[i]);
      }
    const int n = (int) sampled.size();
    ASSERT_GT(n, frames * samples / 2);

    const auto twice = torch_density(spec, good, true), once = torch_density(spec, good, false);
    for (const char *backend : {"serial", "kokkos"}) {
      std::vector<double> a(n), b(n);
      Flow::create(spec, Flow::Precision::Double, backend)->log_prob(n, good.data(), a.data());
      Flow::create(spec, Flow::Precision::Single, backend)->log_prob(n, good.data(), b.data());
      for (int i = 0; i < n; i++) {
        const double size = std::fabs(twice[i]);
        ASSERT_NEAR(a[i], twice[i], 1e-10 * size) << backend << " " << i;
        ASSERT_NEAR(sampled[i], twice[i], 1e-10 * size) << "sampling, inverse direction";
        ASSERT_NEAR(b[i], once[i], 1e-5 * size) << backend << " " << i;
        ASSERT_NEAR(b[i], twice[i], 1e-5 * size) << backend << " " << i;
      }
    }
  }
}

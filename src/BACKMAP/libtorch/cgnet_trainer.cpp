/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/cgnet_trainer.h"

#include "libtorch/epochs.h"

#include <ATen/Parallel.h>

namespace BACKMAP_NS {

namespace {
/* ----------------------------------------------------------------------
     features and their derivatives by the beads, J [nf][3 nbeads]
     force of the network = - J^T dU/df: the geometry needs no second derivatives
  ------------------------------------------------------------------------- */

void feature_jacobian(const FeatureSpec &s, const double *z, double *f, double *J)
{
  const int m = 3 * s.nbeads;
  features(s, z, f);
  std::fill(J, J + (size_t) s.size() * m, 0.0);
  double *row = J;
  auto at = [&](double *r, int bead) { return r + 3 * bead; };
  for (const auto &d : s.distances) {
    bead_distance_gradient(z + 3 * d[0], z + 3 * d[1], 1.0, at(row, d[0]), at(row, d[1]));
    row += m;
  }
  for (const auto &a : s.angles) {
    bead_angle_gradient(z + 3 * a[0], z + 3 * a[1], z + 3 * a[2], 1.0, at(row, a[0]), at(row, a[1]),
                        at(row, a[2]));
    row += m;
  }
  const double *cs = f + s.distances.size() + s.angles.size();
  std::vector<double> g(m);
  for (const auto &d : s.dihedrals) {
    std::fill(g.begin(), g.end(), 0.0);
    bead_dihedral_gradient(z + 3 * d[0], z + 3 * d[1], z + 3 * d[2], z + 3 * d[3], 1.0,
                           at(g.data(), d[0]), at(g.data(), d[1]), at(g.data(), d[2]),
                           at(g.data(), d[3]));
    for (int k = 1; k <= s.harmonics; k++, cs += 2) {
      for (int j = 0; j < m; j++) row[j] = -k * cs[1] * g[j];    // cos(k phi)
      row += m;
      for (int j = 0; j < m; j++) row[j] = k * cs[0] * g[j];    // sin(k phi)
      row += m;
    }
  }
}

struct Batch {
  Tensor x, J;    // [n][nf] normalised, [n][nf][3 nbeads] of the normalised features
};

struct Network {
  CgnetShape shape;
  std::vector<Tensor> params;    // weight, bias, weight, ...

  explicit Network(const CgnetShape &s) : shape(s)
  {
    const int nf = s.features.size();
    if ((int) s.mean.size() != nf || (int) s.std.size() != nf || s.hidden.empty())
      throw std::runtime_error("CG network: sizes");
    int64_t in = nf;
    for (size_t k = 0; k <= s.hidden.size(); k++) {
      const int64_t out = k < s.hidden.size() ? s.hidden[k] : 1;
      params.push_back(torch::zeros({out, in}));
      params.push_back(torch::zeros({out}));
      in = out;
    }
  }

  void initialise(int64_t seed)
  {
    torch::NoGradGuard no_grad;
    auto gen = at::detail::createCPUGenerator(seed);
    for (size_t k = 0; k < params.size(); k += 2) {
      const double a = 1.0 / std::sqrt((double) params[k].size(1));
      params[k].uniform_(-a, a, gen);
      params[k + 1].uniform_(-a, a, gen);
    }
  }

  Batch batch(const std::vector<double> &z, const int64_t *which, int64_t n, bool jacobian) const
  {
    const int nf = shape.features.size(), m = 3 * shape.features.nbeads;
    Batch b{torch::empty({n, nf}), jacobian ? torch::empty({n, nf, m}) : Tensor()};
    float *px = b.x.data_ptr<float>(), *pj = jacobian ? b.J.data_ptr<float>() : nullptr;
    at::parallel_for(0, n, 64, [&](int64_t from, int64_t to) {
      std::vector<double> f(nf), J((size_t) nf * m);
      for (int64_t i = from; i < to; i++) {
        const double *zi = &z[which[i] * m];
        if (jacobian)
          feature_jacobian(shape.features, zi, f.data(), J.data());
        else
          features(shape.features, zi, f.data());
        for (int k = 0; k < nf; k++) {
          px[i * nf + k] = (f[k] - shape.mean[k]) / shape.std[k];
          if (!jacobian) continue;
          for (int j = 0; j < m; j++) pj[(i * nf + k) * m + j] = J[k * m + j] / shape.std[k];
        }
      }
    });
    return b;
  }

  // energy [n] in energy units; force [n][3 nbeads] if wanted
  Tensor energy(const Batch &b, Tensor *force) const
  {
    using namespace torch;
    std::vector<Tensor> h = {b.x};
    const size_t nlayers = params.size() / 2;
    for (size_t k = 0; k + 1 < nlayers; k++)
      h.push_back(tanh(addmm(params[2 * k + 1], h[k], params[2 * k].t())));
    Tensor e = addmm(params[2 * nlayers - 1], h.back(), params[2 * nlayers - 2].t()).squeeze(1);
    if (force) {
      Tensor d = params[2 * nlayers - 2].expand({b.x.size(0), -1});
      for (size_t k = nlayers - 1; k > 0; k--) d = mm(d * (1 - h[k] * h[k]), params[2 * k - 2]);
      *force = -bmm(d.unsqueeze(1), b.J).squeeze(1);
    }
    return e;
  }
};

// smooth L1: quadratic within beta, linear beyond
Tensor robust_loss(const Tensor &d, double beta)
{
  const Tensor a = d.abs();
  return torch::where(a < beta, 0.5 * d * d / beta, a - 0.5 * beta);
}
}    // namespace

/* ---------------------------------------------------------------------- */

struct CgnetTrainer::Networks : Trainer::Engine {
  const CgnetTrainOptions cg;
  Network net;
  CgnetForces tf, vf;
  CgnetEnergies te, ve;
  std::vector<int64_t> forces, energies;    // order of the frames in this epoch
  double sum_force = 0.0, sum_energy = 0.0;
  Errors errors;

  Networks(const CgnetShape &shape, const CgnetTrainOptions &o, CgnetForces train,
           CgnetForces valid, CgnetEnergies train_energies, CgnetEnergies valid_energies,
           const NetworkWeights &start) :
      Engine("CG training", "train_cgnet", o),
      cg(o), net(shape), tf(std::move(train)), vf(std::move(valid)), te(std::move(train_energies)),
      ve(std::move(valid_energies))
  {
    check_data();
    for (size_t k = 0; k < net.params.size(); k++)
      names.push_back("net." + std::to_string(k / 2) + (k % 2 ? ".bias" : ".weight"));
    net.initialise(o.seed);
    if (!start.empty()) load_weights(what, start, names, net.params);
    if (te.n) start_offset();
    optimizer.start(net.params);
  }

  void check_data() const
  {
    const size_t m = 3 * net.shape.features.nbeads;
    for (const auto *d : {&tf, &vf})
      if (d->z.size() != d->n * m || d->force.size() != d->n * m)
        throw std::runtime_error("CG training: sizes of the force data");
    for (const auto *d : {&te, &ve})
      if (d->z.size() != d->n * m || (int64_t) d->energy.size() != d->n ||
          (int64_t) d->weight.size() != d->n)
        throw std::runtime_error("CG training: sizes of the energy data");
    if (tf.n == 0 && te.n == 0) throw std::runtime_error("CG training: no data");
    if (tf.n && tf.n < options.batch)
      throw std::runtime_error("CG training: fewer frames (" + std::to_string(tf.n) +
                               ") than a batch has (" + std::to_string(options.batch) + ")");
    if ((tf.n && vf.n == 0) || (te.n && ve.n == 0))
      throw std::runtime_error("CG training: no frames for validation");
  }

  // the constant of the energies: start with the median difference
  void start_offset()
  {
    torch::NoGradGuard no_grad;
    const auto all = numbers(te.n);
    const Tensor e = net.energy(net.batch(te.z, all.data(), te.n, false), nullptr);
    std::vector<double> d(te.n);
    for (int64_t i = 0; i < te.n; i++) d[i] = te.energy[i] * cg.kT - e.data_ptr<float>()[i];
    std::nth_element(d.begin(), d.begin() + d.size() / 2, d.end());
    offset().add_(d[d.size() / 2]);
  }

  static std::vector<int64_t> numbers(int64_t n)
  {
    std::vector<int64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  Tensor &offset() { return net.params.back(); }    // constant of the energies: the last bias

  Tensor force_loss(const CgnetForces &d, const int64_t *which, int64_t n)
  {
    const int m = 3 * net.shape.features.nbeads;
    Tensor target = torch::empty({n, m});
    float *p = target.data_ptr<float>();
    for (int64_t i = 0; i < n; i++) std::copy_n(&d.force[which[i] * m], m, p + i * m);
    Tensor force;
    net.energy(net.batch(d.z, which, n, true), &force);
    return (force - target).square().mean();
  }

  // energies in kT; the constant is the last bias, which forces do not see
  Tensor energy_loss(const CgnetEnergies &d, const int64_t *which, int64_t n)
  {
    Tensor target = torch::empty({n}), weight = torch::empty({n});
    for (int64_t i = 0; i < n; i++) {
      target.data_ptr<float>()[i] = d.energy[which[i]];
      weight.data_ptr<float>()[i] = d.weight[which[i]];
    }
    const Tensor e = net.energy(net.batch(d.z, which, n, false), nullptr) / cg.kT;
    return (weight * robust_loss(e - target, cg.robust)).mean();
  }

  // configurations off the data: displaced, or mirrored
  std::vector<double> off_data(const std::vector<double> &z, const int64_t *which, int64_t n) const
  {
    const int m = 3 * net.shape.features.nbeads;
    std::mt19937_64 gen(0xd1b54a32d192ed03ull * (uint64_t) (options.seed + 1) + optimizer.step);
    auto uniform = [&]() { return (gen() >> 11) * (1.0 / 9007199254740992.0); };
    std::vector<double> out((size_t) n * m);
    for (int64_t i = 0; i < n; i++) {
      const double *from = &z[which[i] * m];
      const bool mirror = uniform() < 0.1;
      const double sigma = cg.length * 0.02 * std::pow(40.0, uniform());
      for (int j = 0; j < m; j++) {
        const double a = uniform() + 1.0e-300, b = uniform();
        const double g = std::sqrt(-2.0 * std::log(a)) * std::cos(6.283185307179586 * b);
        out[i * m + j] = mirror ? (j % 3 ? from[j] : -from[j]) + 0.02 * cg.length * g
                                : from[j] + sigma * g;
      }
    }
    return out;
  }

  Tensor guard_loss(const std::vector<double> &z, const int64_t *which, int64_t n)
  {
    const std::vector<double> off = off_data(z, which, n);
    std::vector<int64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    Tensor floor;
    {
      torch::NoGradGuard no_grad;
      floor = net.energy(net.batch(z, which, n, false), nullptr).min();
    }
    const Tensor e = net.energy(net.batch(off, all.data(), n, false), nullptr);
    return robust_loss(torch::relu(floor - e) / cg.kT, cg.robust).mean();
  }

  // one pass over the forces (or over the energies, if there are no forces)
  int64_t energy_batch() const { return std::min<int64_t>(options.batch, te.n); }

  int64_t begin(int epoch) override
  {
    forces = torch_shuffle(tf.n, options.seed, epoch);
    energies = torch_shuffle(te.n, options.seed + 1000003, epoch);
    sum_force = sum_energy = 0.0;
    return tf.n ? tf.n / options.batch : std::max<int64_t>(1, te.n / energy_batch());
  }

  bool gradients(int64_t b) override
  {
    const int64_t B = options.batch, Be = energy_batch(), chunks = te.n ? te.n / Be : 1;
    const int64_t *f = tf.n ? &forces[b * B] : nullptr;
    const int64_t *e = te.n ? &energies[(b % chunks) * Be] : nullptr;
    Tensor loss = torch::zeros({}), lf, le;
    if (f) {
      lf = force_loss(tf, f, B);
      loss = loss + cg.force_weight / 100.0 * lf;
    }
    if (e) {
      le = energy_loss(te, e, Be);
      loss = loss + cg.energy_weight * le;
    }
    if (cg.guard > 0.0) {
      const int64_t n = std::min<int64_t>(f ? B : Be, 256);
      loss = loss + cg.guard * (f ? guard_loss(tf.z, f, n) : guard_loss(te.z, e, n));
    }
    loss.backward();
    if (!std::isfinite(loss.item<double>())) return false;
    if (f) sum_force += lf.item<double>();
    if (e) sum_energy += le.item<double>();
    return true;
  }

  double total(double force, double energy) const
  {
    return (tf.n ? cg.force_weight * force / 100.0 : 0.0) +
        (te.n ? cg.energy_weight * energy : 0.0);
  }

  double training_loss(int64_t count) override
  {
    errors.train_force = std::sqrt(sum_force / count);
    errors.train_energy = sum_energy / count;
    return total(sum_force / count, sum_energy / count);
  }

  double validation_loss() override
  {
    const auto all = numbers(std::max(vf.n, ve.n));
    double f = 0.0, e = 0.0;
    for (int64_t i = 0; i < vf.n; i += 4096) {
      const int64_t n = std::min<int64_t>(4096, vf.n - i);
      f += n * force_loss(vf, &all[i], n).item<double>();
    }
    for (int64_t i = 0; i < ve.n; i += 4096) {
      const int64_t n = std::min<int64_t>(4096, ve.n - i);
      e += n * energy_loss(ve, &all[i], n).item<double>();
    }
    f /= std::max<int64_t>(vf.n, 1);
    e /= std::max<int64_t>(ve.n, 1);
    errors.valid_force = std::sqrt(f);
    errors.valid_energy = e;
    return total(f, e);
  }

  std::vector<TorchCheckpoint::Check> checks() const override
  {
    return {{"training frames", tf.n},
            {"validation frames", vf.n},
            {"free energies", te.n},
            {"seed", options.seed},
            {"batch", options.batch}};
  }
};

/* ---------------------------------------------------------------------- */

CgnetTrainer::CgnetTrainer(const CgnetShape &shape, const CgnetTrainOptions &options,
                           CgnetForces train, CgnetForces valid, CgnetEnergies train_energies,
                           CgnetEnergies valid_energies, const NetworkWeights &start) :
    Trainer(std::make_unique<Networks>(shape, options, std::move(train), std::move(valid),
                                       std::move(train_energies), std::move(valid_energies), start))
{
}

const CgnetTrainer::Errors &CgnetTrainer::errors() const
{
  return static_cast<const Networks &>(*engine).errors;
}

}    // namespace BACKMAP_NS

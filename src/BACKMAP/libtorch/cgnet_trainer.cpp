/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/cgnet_trainer.h"

#include "libtorch/optimizer.h"

#include <ATen/Parallel.h>

namespace BACKMAP_NS {

using torch::Tensor;

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

struct CgnetTrainer::Impl {
  CgnetTrainOptions opt;
  Network net;
  CgnetForces tf, vf;
  CgnetEnergies te, ve;
  TorchOptimizer optimizer;
  TorchSchedule schedule;

  Impl(const CgnetShape &s, const CgnetTrainOptions &o) : opt(o), net(s) {}
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
    const Tensor e = net.energy(net.batch(d.z, which, n, false), nullptr) / opt.kT;
    return (weight * robust_loss(e - target, opt.robust)).mean();
  }

  // configurations off the data: displaced, or mirrored
  std::vector<double> off_data(const std::vector<double> &z, const int64_t *which, int64_t n) const
  {
    const int m = 3 * net.shape.features.nbeads;
    std::mt19937_64 gen(0xd1b54a32d192ed03ull * (uint64_t) (opt.seed + 1) + optimizer.step);
    auto uniform = [&]() { return (gen() >> 11) * (1.0 / 9007199254740992.0); };
    std::vector<double> out((size_t) n * m);
    for (int64_t i = 0; i < n; i++) {
      const double *from = &z[which[i] * m];
      const bool mirror = uniform() < 0.1;
      const double sigma = opt.length * 0.02 * std::pow(40.0, uniform());
      for (int j = 0; j < m; j++) {
        const double a = uniform() + 1.0e-300, b = uniform();
        const double g = std::sqrt(-2.0 * std::log(a)) * std::cos(6.283185307179586 * b);
        out[i * m + j] = mirror ? (j % 3 ? from[j] : -from[j]) + 0.02 * opt.length * g
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
    return robust_loss(torch::relu(floor - e) / opt.kT, opt.robust).mean();
  }

  double total(double force, double energy) const
  {
    return (tf.n ? opt.force_weight * force / 100.0 : 0.0) +
        (te.n ? opt.energy_weight * energy : 0.0);
  }

  std::vector<TorchCheckpoint::Check> checks() const
  {
    return {{"training frames", tf.n},
            {"validation frames", vf.n},
            {"free energies", te.n},
            {"seed", opt.seed},
            {"batch", opt.batch}};
  }
};

CgnetTrainer::CgnetTrainer(const CgnetShape &shape, const CgnetTrainOptions &options,
                           CgnetForces train, CgnetForces valid, CgnetEnergies train_energies,
                           CgnetEnergies valid_energies,
                           const std::map<std::string, CgnetTensor> &start) :
    impl(new Impl(shape, options))
{
  auto &s = *impl;
  const size_t m = 3 * shape.features.nbeads;
  for (const auto *d : {&train, &valid})
    if (d->z.size() != d->n * m || d->force.size() != d->n * m)
      throw std::runtime_error("CG training: sizes of the force data");
  for (const auto *d : {&train_energies, &valid_energies})
    if (d->z.size() != d->n * m || (int64_t) d->energy.size() != d->n ||
        (int64_t) d->weight.size() != d->n)
      throw std::runtime_error("CG training: sizes of the energy data");
  if (train.n == 0 && train_energies.n == 0) throw std::runtime_error("CG training: no data");
  if ((train.n && train.n < options.batch) || (train.n && valid.n == 0) ||
      (train_energies.n && valid_energies.n == 0))
    throw std::runtime_error("CG training: fewer frames (" + std::to_string(train.n) +
                             ") than a batch has, or none for validation");
  s.tf = std::move(train);
  s.vf = std::move(valid);
  s.te = std::move(train_energies);
  s.ve = std::move(valid_energies);
  torch::set_num_threads(options.threads);
  s.net.initialise(options.seed);
  if (!start.empty())
    for (size_t k = 0; k < s.net.params.size(); k++) {
      const std::string name = "net." + std::to_string(k / 2) + (k % 2 ? ".bias" : ".weight");
      const auto &t = start.at(name);
      if (t.shape != s.net.params[k].sizes().vec())
        throw std::runtime_error("CG training: tensor " + name +
                                 " of the model to start from "
                                 "has another shape");
      s.net.params[k] =
          torch::from_blob(const_cast<double *>(t.data.data()), t.shape, torch::kDouble)
              .to(torch::kFloat, false, true);
    }
  // the constant of the energies: start with the median difference
  if (s.te.n) {
    torch::NoGradGuard no_grad;
    std::vector<int64_t> all(s.te.n);
    std::iota(all.begin(), all.end(), 0);
    Tensor e = s.net.energy(s.net.batch(s.te.z, all.data(), s.te.n, false), nullptr);
    std::vector<double> d(s.te.n);
    for (int64_t i = 0; i < s.te.n; i++)
      d[i] = s.te.energy[i] * options.kT - e.data_ptr<float>()[i];
    std::nth_element(d.begin(), d.begin() + d.size() / 2, d.end());
    s.offset().add_(d[d.size() / 2]);
  }
  s.optimizer.ema = options.ema;
  s.optimizer.decay = options.decay;
  s.optimizer.clip = options.clip;
  s.optimizer.start(s.net.params);
  s.schedule.epochs = options.epochs;
  s.schedule.warmup = options.warmup;
  s.schedule.patience = options.patience;
  s.schedule.minutes = options.minutes;
  s.schedule.rate = options.rate;
}

CgnetTrainer::~CgnetTrainer() = default;

bool CgnetTrainer::finished() const
{
  return impl->schedule.over();
}

/* ----------------------------------------------------------------------
   one pass over the forces (or over the energies, if there are no forces)
------------------------------------------------------------------------- */

CgnetEpoch CgnetTrainer::epoch()
{
  auto &s = *impl;
  auto &plan = s.schedule;
  torch::set_num_threads(s.opt.threads);
  plan.started = TorchSchedule::now();
  const int64_t B = s.opt.batch, Be = std::min<int64_t>(B, s.te.n);
  const int64_t nb = s.tf.n ? s.tf.n / B : std::max<int64_t>(1, s.te.n / Be);
  const auto forces = torch_shuffle(s.tf.n, s.opt.seed, plan.epoch);
  const auto energies = torch_shuffle(s.te.n, s.opt.seed + 1000003, plan.epoch);

  double sum_f = 0.0, sum_e = 0.0, rate = 0.0;
  int64_t count = 0;
  for (int64_t b = 0; b < nb; b++) {
    rate = plan.learning_rate((double) b / nb, s.optimizer.step);
    Tensor loss = torch::zeros({}), lf, le;
    if (s.tf.n) {
      lf = s.force_loss(s.tf, &forces[b * B], B);
      loss = loss + s.opt.force_weight / 100.0 * lf;
    }
    if (s.te.n) {
      const int64_t chunks = s.te.n / Be;
      le = s.energy_loss(s.te, &energies[(b % chunks) * Be], Be);
      loss = loss + s.opt.energy_weight * le;
    }
    if (s.opt.guard > 0.0) {
      const bool f = s.tf.n > 0;
      const int64_t n = std::min<int64_t>(f ? B : Be, 256);
      const int64_t chunks = f ? 1 : s.te.n / Be;
      loss = loss +
          s.opt.guard *
              (f ? s.guard_loss(s.tf.z, &forces[b * B], n)
                 : s.guard_loss(s.te.z, &energies[(b % chunks) * Be], n));
    }
    s.optimizer.clear_gradients();
    loss.backward();
    s.optimizer.update(rate);
    if (std::isfinite(loss.item<double>())) {
      if (s.tf.n) sum_f += lf.item<double>();
      if (s.te.n) sum_e += le.item<double>();
      count++;
    }
    if (plan.out_of_time()) break;
  }
  if (count == 0) throw std::runtime_error("CG training: the loss of a whole epoch is not finite");

  CgnetEpoch r;
  r.epoch = ++plan.epoch;
  r.train_force = std::sqrt(sum_f / count);
  r.train_energy = sum_e / count;
  {
    torch::NoGradGuard no_grad;
    s.optimizer.swap_average();
    std::vector<int64_t> all(std::max(s.vf.n, s.ve.n));
    std::iota(all.begin(), all.end(), 0);
    double f = 0.0, e = 0.0;
    for (int64_t i = 0; i < s.vf.n; i += 4096) {
      const int64_t n = std::min<int64_t>(4096, s.vf.n - i);
      f += n * s.force_loss(s.vf, &all[i], n).item<double>();
    }
    for (int64_t i = 0; i < s.ve.n; i += 4096) {
      const int64_t n = std::min<int64_t>(4096, s.ve.n - i);
      e += n * s.energy_loss(s.ve, &all[i], n).item<double>();
    }
    s.optimizer.swap_average();
    f /= std::max<int64_t>(s.vf.n, 1);
    e /= std::max<int64_t>(s.ve.n, 1);
    r.valid_force = std::sqrt(f);
    r.valid_energy = e;
    r.loss = s.total(f, e);
  }
  if (r.loss < plan.best) {
    plan.best = r.loss;
    plan.best_epoch = plan.epoch;
    s.optimizer.keep_best();
  }
  plan.used = plan.elapsed();
  r.best = plan.best;
  r.best_epoch = plan.best_epoch;
  r.rate = rate;
  r.skipped = s.optimizer.skipped;
  r.seconds = plan.used;
  r.seconds_left = plan.left();
  r.last = plan.over();
  return r;
}

/* ---------------------------------------------------------------------- */

std::map<std::string, CgnetTensor> CgnetTrainer::best() const
{
  std::map<std::string, CgnetTensor> out;
  for (size_t k = 0; k < impl->net.params.size(); k++) {
    Tensor t = impl->optimizer.best[k].to(torch::kDouble).contiguous();
    out["net." + std::to_string(k / 2) + (k % 2 ? ".bias" : ".weight")] =
        CgnetTensor{t.sizes().vec(),
                    std::vector<double>(t.data_ptr<double>(), t.data_ptr<double>() + t.numel())};
  }
  return out;
}

std::string CgnetTrainer::checkpoint() const
{
  return TorchCheckpoint::write("train_cgnet", impl->checks(), impl->optimizer, impl->schedule);
}

void CgnetTrainer::restore(const std::string &bytes)
{
  TorchCheckpoint::read(bytes, "train_cgnet", impl->checks(), impl->optimizer, impl->schedule);
}

}    // namespace BACKMAP_NS

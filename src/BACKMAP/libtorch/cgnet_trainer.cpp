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
  Tensor x, J;    // [rows][nf] normalised, [rows][nf][3 nbeads] of the normalised features
};

/* ----------------------------------------------------------------------
   the networks of all kinds; a row of a batch is one view (set of beads) of one configuration, and
   the views of a configuration follow each other
------------------------------------------------------------------------- */

struct Network {
  using Kind = CgnetShape::Kind;
  CgnetShape shape;
  std::vector<Tensor> params;    // weight, bias, weight, ... of kind after kind
  std::vector<std::string> names;
  std::vector<size_t> first;    // parameter of each kind

  explicit Network(const CgnetShape &s) : shape(s)
  {
    for (const auto &k : s.kinds) {
      const int nf = k.features.size();
      if ((int) k.mean.size() != nf || (int) k.std.size() != nf || k.hidden.empty() ||
          k.views.empty())
        throw std::runtime_error("CG network: sizes");
      first.push_back(params.size());
      int64_t in = nf;
      for (size_t l = 0; l <= k.hidden.size(); l++) {
        const int64_t out = l < k.hidden.size() ? k.hidden[l] : 1;
        params.push_back(torch::zeros({out, in}));
        params.push_back(torch::zeros({out}));
        const std::string name = k.prefix + "net." + std::to_string(l);
        names.insert(names.end(), {name + ".weight", name + ".bias"});
        in = out;
      }
    }
    first.push_back(params.size());
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

  // adds a constant to all energies, by the last bias of the last kind
  void add_constant(double energy)
  {
    double parts = 0.0;
    for (const auto &v : shape.kinds.back().views) parts += v.share;
    params.back().add_(energy / parts);
  }

  int64_t nviews() const
  {
    int64_t n = 0;
    for (const auto &k : shape.kinds) n += k.views.size();
    return n;
  }

  Batch batch(const Kind &kind, const std::vector<double> &z, const int64_t *which, int64_t n,
              bool jacobian) const
  {
    const int nf = kind.features.size(), m = 3 * kind.features.nbeads;
    const int64_t nv = kind.views.size(), rows = n * nv;
    Batch b{torch::empty({rows, nf}), jacobian ? torch::empty({rows, nf, m}) : Tensor()};
    float *px = b.x.data_ptr<float>(), *pj = jacobian ? b.J.data_ptr<float>() : nullptr;
    at::parallel_for(0, rows, 64, [&](int64_t from, int64_t to) {
      std::vector<double> f(nf), J((size_t) nf * m), zi(m);
      for (int64_t i = from; i < to; i++) {
        double *p = zi.data();
        for (const int bead : kind.views[i % nv].beads)
          p = std::copy_n(&z[(which[i / nv] * shape.nbeads + bead) * 3], 3, p);
        if (jacobian)
          feature_jacobian(kind.features, zi.data(), f.data(), J.data());
        else
          features(kind.features, zi.data(), f.data());
        for (int k = 0; k < nf; k++) {
          px[i * nf + k] = (f[k] - kind.mean[k]) / kind.std[k];
          if (!jacobian) continue;
          for (int j = 0; j < m; j++) pj[(i * nf + k) * m + j] = J[k * m + j] / kind.std[k];
        }
      }
    });
    return b;
  }

  // of one kind: energies [rows]; forces on the beads of the rows [rows][3 nbeads] if wanted
  Tensor energy_of_kind(size_t kind, const Batch &b, Tensor *force) const
  {
    using namespace torch;
    const Tensor *p = &params[first[kind]];
    const size_t nlayers = (first[kind + 1] - first[kind]) / 2;
    std::vector<Tensor> h = {b.x};
    for (size_t k = 0; k + 1 < nlayers; k++)
      h.push_back(tanh(addmm(p[2 * k + 1], h[k], p[2 * k].t())));
    Tensor e = addmm(p[2 * nlayers - 1], h.back(), p[2 * nlayers - 2].t()).squeeze(1);
    if (force) {
      Tensor d = p[2 * nlayers - 2].expand({b.x.size(0), -1});
      for (size_t k = nlayers - 1; k > 0; k--) d = mm(d * (1 - h[k] * h[k]), p[2 * k - 2]);
      *force = -bmm(d.unsqueeze(1), b.J).squeeze(1);
    }
    return e;
  }

  // energies [n] in energy units; forces [n][3 nbeads] if wanted; energies of the kinds [n * views]
  Tensor energy(const std::vector<double> &z, const int64_t *which, int64_t n, Tensor *force,
                std::vector<Tensor> *of_kinds = nullptr) const
  {
    Tensor sum = torch::zeros({n});
    if (force) *force = torch::zeros({n, 3 * shape.nbeads});
    for (size_t k = 0; k < shape.kinds.size(); k++) {
      const auto &views = shape.kinds[k].views;
      const auto nv = (int64_t) views.size();
      std::vector<float> shares;
      std::vector<int64_t> where;    // of the coordinates of the views
      for (const auto &v : views) {
        shares.push_back(v.share);
        for (const int bead : v.beads)
          for (int c = 0; c < 3; c++) where.push_back(3 * bead + c);
      }
      const Tensor share = torch::tensor(shares);
      Tensor f;
      const Tensor e =
          energy_of_kind(k, batch(shape.kinds[k], z, which, n, force), force ? &f : nullptr);
      if (of_kinds) of_kinds->push_back(e);
      sum = sum + mv(e.view({n, nv}), share);
      if (force) {
        f = (f.view({n, nv, -1}) * share.view({1, nv, 1})).view({n, -1});
        *force = force->index_add(1, torch::tensor(where), f);
      }
    }
    return sum;
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
    names = net.names;
    net.initialise(o.seed);
    if (!start.empty()) load_weights(what, start, names, net.params);
    if (te.n) start_offset();
    optimizer.start(net.params);
  }

  void check_data() const
  {
    const size_t m = 3 * net.shape.nbeads;
    for (const auto *d : {&tf, &vf})
      if (d->z.size() != d->n * m || d->force.size() != d->n * m ||
          (!d->weight.empty() && (int64_t) d->weight.size() != d->n))
        throw std::runtime_error("CG training: sizes of the force data");
    for (const auto *d : {&te, &ve})
      if (d->z.size() != d->n * m || (int64_t) d->energy.size() != d->n ||
          (int64_t) d->weight.size() != d->n)
        throw std::runtime_error("CG training: sizes of the energy data");
    if (tf.n == 0 && te.n == 0) throw std::runtime_error("CG training: no data");
    if ((tf.n && vf.n == 0) || (te.n && ve.n == 0))
      throw std::runtime_error("CG training: no frames for validation");
  }

  // the constant of the energies: start with the median difference
  void start_offset()
  {
    torch::NoGradGuard no_grad;
    const auto all = numbers(te.n);
    const Tensor e = net.energy(te.z, all.data(), te.n, nullptr);
    std::vector<double> d(te.n);
    for (int64_t i = 0; i < te.n; i++) d[i] = te.energy[i] * cg.kT - e.data_ptr<float>()[i];
    std::nth_element(d.begin(), d.begin() + d.size() / 2, d.end());
    net.add_constant(d[d.size() / 2]);
  }

  static std::vector<int64_t> numbers(int64_t n)
  {
    std::vector<int64_t> all(n);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }

  Tensor force_loss(const CgnetForces &d, const int64_t *which, int64_t n)
  {
    const int m = 3 * net.shape.nbeads;
    Tensor target = torch::empty({n, m});
    float *p = target.data_ptr<float>();
    for (int64_t i = 0; i < n; i++) std::copy_n(&d.force[which[i] * m], m, p + i * m);
    Tensor force;
    net.energy(d.z, which, n, &force);
    const Tensor square = (force - target).square();
    if (d.weight.empty()) return square.mean();
    Tensor weight = torch::empty({n, 1});
    for (int64_t i = 0; i < n; i++) weight.data_ptr<float>()[i] = d.weight[which[i]];
    return (weight * square).mean();
  }

  // energies in kT; their constant is in the last biases, which forces do not see
  Tensor energy_loss(const CgnetEnergies &d, const int64_t *which, int64_t n)
  {
    Tensor target = torch::empty({n}), weight = torch::empty({n});
    for (int64_t i = 0; i < n; i++) {
      target.data_ptr<float>()[i] = d.energy[which[i]];
      weight.data_ptr<float>()[i] = d.weight[which[i]];
    }
    const Tensor e = net.energy(d.z, which, n, nullptr) / cg.kT;
    return (weight * robust_loss(e - target, cg.robust)).mean();
  }

  // configurations off the data: displaced, or mirrored
  std::vector<double> off_data(const std::vector<double> &z, const int64_t *which, int64_t n) const
  {
    const int m = 3 * net.shape.nbeads;
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
    std::vector<Tensor> on, e;
    {
      torch::NoGradGuard no_grad;
      net.energy(z, which, n, nullptr, &on);
    }
    net.energy(off, all.data(), n, nullptr, &e);
    Tensor loss = torch::zeros({});
    for (size_t k = 0; k < e.size(); k++)
      loss = loss + robust_loss(torch::relu(on[k].min() - e[k]) / cg.kT, cg.robust).mean();
    return loss;
  }

  // one pass over the forces or over the energies, whichever is longer; the other starts again and again
  int64_t energy_batch() const { return std::min<int64_t>(options.batch, te.n); }
  int64_t force_batch() const { return std::min<int64_t>(options.batch, tf.n); }
  int64_t force_batches() const { return tf.n ? tf.n / force_batch() : 0; }
  int64_t energy_batches() const { return te.n ? te.n / energy_batch() : 0; }

  int64_t begin(int epoch) override
  {
    forces = torch_shuffle(tf.n, options.seed, epoch);
    energies = torch_shuffle(te.n, options.seed + 1000003, epoch);
    sum_force = sum_energy = 0.0;
    return std::max(force_batches(), energy_batches());
  }

  bool gradients(int64_t b) override
  {
    const int64_t B = force_batch(), Be = energy_batch();
    const int64_t *f = tf.n ? &forces[b % force_batches() * B] : nullptr;
    const int64_t *e = te.n ? &energies[b % energy_batches() * Be] : nullptr;
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
    const int64_t some = std::max<int64_t>(64, 4096 / net.nviews());    // limits memory
    double f = 0.0, e = 0.0;
    for (int64_t i = 0; i < vf.n; i += some) {
      const int64_t n = std::min<int64_t>(some, vf.n - i);
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

/* ----------------------------------------------------------------------
   BACKMAP: backmapping of coarse-grained molecules in LAMMPS
------------------------------------------------------------------------- */

#include "libtorch/flow_trainer.h"

#include "libtorch/flow_net.h"
#include "libtorch/optimizer.h"

namespace BACKMAP_NS {

namespace {
Tensor rows(const std::vector<float> &v, int64_t n, int64_t m, const char *what)
{
  if ((int64_t) v.size() != n * m)
    throw std::runtime_error(std::string("flow training data: ") + what + ", expected " +
                             std::to_string(n * m) + " numbers, got " + std::to_string(v.size()));
  return torch::from_blob(const_cast<float *>(v.data()), {n, m}, torch::kFloat).clone();
}
}    // namespace

/* ----------------------------------------------------------------------
   networks with given weights; rows of numbers as tensors
------------------------------------------------------------------------- */

static FlowNet given_net(const FlowNetShape &shape,
                         const std::map<std::string, FlowTensor> &weights, torch::ScalarType dtype)
{
  FlowNet net(shape, dtype);
  for (size_t k = 0; k < net.params.size(); k++) {
    auto it = weights.find(net.names[k]);
    if (it == weights.end()) throw std::runtime_error("flow weights: no tensor " + net.names[k]);
    if ((int64_t) it->second.data.size() != net.params[k].numel())
      throw std::runtime_error("flow weights: size of " + net.names[k]);
    net.params[k] = torch::from_blob(const_cast<double *>(it->second.data.data()),
                                     net.params[k].sizes(), torch::kDouble)
                        .to(dtype, false, true);
  }
  return net;
}

static Tensor given_rows(const double *p, int64_t n, int64_t m, torch::ScalarType dtype)
{
  return torch::from_blob(const_cast<double *>(p), {n, m}, torch::kDouble).to(dtype, false, true);
}

static std::map<std::string, FlowTensor> named(const FlowNet &net, const std::vector<Tensor> &set)
{
  std::map<std::string, FlowTensor> out;
  for (size_t k = 0; k < set.size(); k++) {
    const Tensor t = set[k].to(torch::kDouble).contiguous();
    out[net.names[k]] =
        FlowTensor{t.sizes().vec(),
                   std::vector<double>(t.data_ptr<double>(), t.data_ptr<double>() + t.numel())};
  }
  return out;
}

/* ---------------------------------------------------------------------- */

std::vector<double> torch_flow_log_prob(const FlowNetShape &shape,
                                        const std::map<std::string, FlowTensor> &weights, int64_t n,
                                        const double *l, const double *c, const double *f,
                                        bool double_precision)
{
  torch::NoGradGuard no_grad;
  const auto dtype = double_precision ? torch::kDouble : torch::kFloat;
  const FlowNet net = given_net(shape, weights, dtype);
  Tensor lp = net.log_prob(given_rows(l, n, shape.nl, dtype), given_rows(c, n, shape.nc, dtype),
                           given_rows(f, n, shape.nf, dtype))
                  .to(torch::kDouble)
                  .contiguous();
  return std::vector<double>(lp.data_ptr<double>(), lp.data_ptr<double>() + n);
}

/* ---------------------------------------------------------------------- */

std::map<std::string, FlowTensor> torch_flow_path_gradient(
    const FlowNetShape &shape, const std::map<std::string, FlowTensor> &weights, int64_t n,
    const double *l, const double *c, const double *f, const double *score, const double *weight)
{
  FlowNet net = given_net(shape, weights, torch::kDouble);
  for (auto &p : net.params) p.set_requires_grad(true);
  net.add_path_gradient(
      given_rows(l, n, shape.nl, torch::kDouble), given_rows(c, n, shape.nc, torch::kDouble),
      given_rows(f, n, shape.nf, torch::kDouble),
      given_rows(score, n, shape.nl + shape.nc, torch::kDouble),
      given_rows(weight, n, 1, torch::kDouble).squeeze(1), torch::zeros({n}, torch::kDouble));
  std::vector<Tensor> gradients;
  for (const auto &p : net.params)
    gradients.push_back(p.grad().defined() ? p.grad() : torch::zeros_like(p));
  return named(net, gradients);
}

/* ---------------------------------------------------------------------- */

struct FlowTrainer::Impl {
  FlowTrainOptions opt;
  FlowNet net;
  Tensor tl, tc, tf, tscore, tweight, tpath, vl, vc, vf;
  double tgeo, vgeo;    // mean geometry and constant terms
  int64_t ntrain, nvalid;
  Criterion criterion;
  double slack = 0.0;
  TorchOptimizer optimizer;
  TorchSchedule schedule;

  Impl(const FlowNetShape &s, const FlowTrainOptions &o) : opt(o), net(s, torch::kFloat) {}

  static double offset(const FlowFrames &d)
  {
    return d.constant - std::accumulate(d.geometry.begin(), d.geometry.end(), 0.0) / d.n;
  }

  void take_training(const FlowFrames &train)
  {
    const auto &shape = net.shape;
    if (train.n < opt.batch)
      throw std::runtime_error("flow training: fewer frames (" + std::to_string(train.n) +
                               ") than a batch has (" + std::to_string(opt.batch) + ")");
    ntrain = train.n;
    tl = rows(train.l, train.n, shape.nl, "l");
    tc = rows(train.c, train.n, shape.nc, "c");
    tf = rows(train.f, train.n, shape.nf, "f");
    tscore = tweight = tpath = Tensor();
    if (!train.score.empty()) {
      tscore = rows(train.score, train.n, shape.nl + shape.nc, "score");
      tweight = rows(train.weight, train.n, 1, "weight").squeeze(1);
      tpath = rows(train.path, train.n, 1, "path").squeeze(1);
    }
    tgeo = offset(train);
  }

  // gradients of the parameters for some frames; returns the mean negative log-likelihood
  double gradient(const Tensor &which)
  {
    const Tensor l = tl.index_select(0, which), c = tc.index_select(0, which),
                 f = tf.index_select(0, which);
    optimizer.clear_gradients();
    if (tscore.defined()) {
      const Tensor w = tweight.index_select(0, which);
      const Tensor lp = net.add_path_gradient(l, c, f, tscore.index_select(0, which),
                                              tpath.index_select(0, which) *
                                                  ((1.0 - opt.likelihood) / which.size(0)),
                                              w * (opt.likelihood / which.size(0)));
      return -(lp * w).mean().item<double>();
    }
    Tensor loss = -net.log_prob(l, c, f).mean();
    loss.backward();
    return loss.item<double>();
  }

  Verdict validate()
  {
    if (criterion) return criterion(named(net, optimizer.average));
    torch::NoGradGuard no_grad;
    optimizer.swap_average();
    double sum = 0.0;
    for (int64_t i = 0; i < nvalid; i += 4096) {
      const int64_t j = std::min(nvalid, i + 4096);
      sum += net.log_prob(vl.slice(0, i, j), vc.slice(0, i, j), vf.slice(0, i, j))
                 .to(torch::kDouble)
                 .sum()
                 .item<double>();
    }
    optimizer.swap_average();
    return {-(sum / nvalid) - vgeo, true};
  }

  std::vector<TorchCheckpoint::Check> checks() const
  {
    return {{"training frames", criterion ? 0 : ntrain},
            {"validation frames", nvalid},
            {"seed", opt.seed},
            {"batch", opt.batch}};
  }
};

FlowTrainer::FlowTrainer(const FlowNetShape &shape, const FlowTrainOptions &options,
                         FlowFrames train, FlowFrames valid) :
    impl(new Impl(shape, options))
{
  auto &s = *impl;
  if (valid.n < 1) throw std::runtime_error("flow training: no validation frames");
  torch::set_num_threads(options.threads);
  s.take_training(train);
  s.nvalid = valid.n;
  s.vl = rows(valid.l, valid.n, shape.nl, "l");
  s.vc = rows(valid.c, valid.n, shape.nc, "c");
  s.vf = rows(valid.f, valid.n, shape.nf, "f");
  s.vgeo = s.offset(valid);
  s.net.initialise(options.seed);
  s.optimizer.ema = options.ema;
  s.optimizer.decay = options.decay;
  s.optimizer.clip = options.clip;
  s.optimizer.surprise = options.surprise;
  s.optimizer.start(s.net.params);
  s.schedule.epochs = options.epochs;
  s.schedule.warmup = options.warmup;
  s.schedule.patience = options.patience;
  s.schedule.minutes = options.minutes;
  s.schedule.rate = options.rate;
}

FlowTrainer::~FlowTrainer() = default;

/* ---------------------------------------------------------------------- */

void FlowTrainer::start_from(const Weights &weights)
{
  torch::NoGradGuard no_grad;
  auto &s = *impl;
  const FlowNet start = given_net(s.net.shape, weights, torch::kFloat);
  for (auto *set : {&s.net.params, &s.optimizer.average, &s.optimizer.best})
    for (size_t k = 0; k < set->size(); k++) (*set)[k].copy_(start.params[k]);
}

void FlowTrainer::set_criterion(Criterion criterion, double start, double slack)
{
  impl->slack = slack;
  impl->criterion = std::move(criterion);
  impl->schedule.best = start;
}

void FlowTrainer::set_training(FlowFrames train)
{
  impl->take_training(train);
}

/* ---------------------------------------------------------------------- */

bool FlowTrainer::finished() const
{
  return impl->schedule.over();
}

/* ---------------------------------------------------------------------- */

FlowEpoch FlowTrainer::epoch()
{
  auto &s = *impl;
  auto &plan = s.schedule;
  torch::set_num_threads(s.opt.threads);
  plan.started = TorchSchedule::now();
  const int64_t nb = s.ntrain / s.opt.batch;
  std::vector<int64_t> order = torch_shuffle(s.ntrain, s.opt.seed, plan.epoch);

  double sum = 0.0, rate = 0.0;
  int64_t count = 0;
  for (int64_t b = 0; b < nb; b++) {
    rate = plan.learning_rate((double) b / nb, s.optimizer.step);
    Tensor idx = torch::from_blob(&order[b * s.opt.batch], {s.opt.batch}, torch::kInt64);
    const double value = s.gradient(idx);
    s.optimizer.update(rate);
    if (std::isfinite(value)) {
      sum += value;
      count++;
    }
    if (plan.out_of_time()) break;
  }
  if (count == 0)
    throw std::runtime_error("flow training: the loss of a whole epoch is not finite");

  FlowEpoch r;
  r.epoch = ++plan.epoch;
  r.train = sum / count - s.tgeo;
  const Verdict verdict = s.validate();
  r.valid = verdict.figure;
  if (verdict.acceptable && r.valid < plan.best) {
    plan.best = r.valid;
    plan.best_epoch = plan.epoch;
    s.optimizer.keep_best();
  } else if (s.criterion && !(r.valid < plan.best + s.slack)) {
    s.optimizer.return_to_best();
    plan.scale *= 0.5;
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

FlowTrainer::Weights FlowTrainer::average() const
{
  return named(impl->net, impl->optimizer.average);
}

FlowTrainer::Weights FlowTrainer::best() const
{
  return named(impl->net, impl->optimizer.best);
}

std::string FlowTrainer::checkpoint() const
{
  return TorchCheckpoint::write("train_flow", impl->checks(), impl->optimizer, impl->schedule);
}

int FlowTrainer::restore(const std::string &bytes)
{
  TorchCheckpoint::read(bytes, "train_flow", impl->checks(), impl->optimizer, impl->schedule);
  return impl->schedule.epoch;
}

}    // namespace BACKMAP_NS

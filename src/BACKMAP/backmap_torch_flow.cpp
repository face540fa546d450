/* ----------------------------------------------------------------------
   BACKMAP: backmapping of coarse-grained molecules in LAMMPS
------------------------------------------------------------------------- */

#include "backmap_torch_flow.h"

#include "backmap_torch_flow_net.h"
#include "backmap_torch_optimizer.h"

namespace BACKMAP_NS {

namespace {
  Tensor rows(const std::vector<float> &v, int64_t n, int64_t m, const char *what)
  {
    if ((int64_t) v.size() != n * m)
      throw std::runtime_error(std::string("flow training data: ") + what + ", expected " +
                               std::to_string(n * m) + " numbers, got " +
                               std::to_string(v.size()));
    return torch::from_blob(const_cast<float *>(v.data()), {n, m}, torch::kFloat).clone();
  }
}    // namespace

/* ---------------------------------------------------------------------- */

std::vector<double> torch_flow_log_prob(const FlowNetShape &shape,
                                        const std::map<std::string, FlowTensor> &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, bool double_precision)
{
  torch::NoGradGuard no_grad;
  const auto dtype = double_precision ? torch::kDouble : torch::kFloat;
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
  auto matrix = [&](const double *p, int64_t m) {
    return torch::from_blob(const_cast<double *>(p), {n, m}, torch::kDouble).to(dtype, false, true);
  };
  Tensor lp = net.log_prob(matrix(l, shape.nl), matrix(c, shape.nc), matrix(f, shape.nf))
                  .to(torch::kDouble)
                  .contiguous();
  return std::vector<double>(lp.data_ptr<double>(), lp.data_ptr<double>() + n);
}

/* ---------------------------------------------------------------------- */

struct FlowTrainer::Impl {
  FlowTrainOptions opt;
  FlowNet net;
  Tensor tl, tc, tf, vl, vc, vf;
  double tgeo, vgeo;    // mean geometry and constant terms
  int64_t ntrain, nvalid;
  TorchOptimizer optimizer;
  TorchSchedule schedule;

  Impl(const FlowNetShape &s, const FlowTrainOptions &o) : opt(o), net(s, torch::kFloat) {}

  double validate()
  {
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
    return -(sum / nvalid) - vgeo;
  }

  std::vector<TorchCheckpoint::Check> checks() const
  {
    return {{"training frames", ntrain},
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
  if (train.n < options.batch)
    throw std::runtime_error("flow training: fewer frames (" + std::to_string(train.n) +
                             ") than a batch has (" + std::to_string(options.batch) + ")");
  if (valid.n < 1) throw std::runtime_error("flow training: no validation frames");
  torch::set_num_threads(options.threads);
  s.ntrain = train.n;
  s.nvalid = valid.n;
  s.tl = rows(train.l, train.n, shape.nl, "l");
  s.tc = rows(train.c, train.n, shape.nc, "c");
  s.tf = rows(train.f, train.n, shape.nf, "f");
  s.vl = rows(valid.l, valid.n, shape.nl, "l");
  s.vc = rows(valid.c, valid.n, shape.nc, "c");
  s.vf = rows(valid.f, valid.n, shape.nf, "f");
  auto mean = [](const FlowFrames &d) {
    return std::accumulate(d.geometry.begin(), d.geometry.end(), 0.0) / d.n;
  };
  s.tgeo = train.constant - mean(train);
  s.vgeo = valid.constant - mean(valid);
  s.net.initialise(options.seed);
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

FlowTrainer::~FlowTrainer() = default;

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
    Tensor lp = s.net.log_prob(s.tl.index_select(0, idx), s.tc.index_select(0, idx),
                               s.tf.index_select(0, idx));
    Tensor loss = -lp.mean();
    s.optimizer.clear_gradients();
    loss.backward();
    s.optimizer.update(rate);
    const double value = loss.item<double>();
    if (std::isfinite(value)) {
      sum += value;
      count++;
    }
    if (plan.out_of_time()) break;
  }
  if (count == 0) throw std::runtime_error("flow training: the loss of a whole epoch is not finite");

  FlowEpoch r;
  r.epoch = ++plan.epoch;
  r.train = sum / count - s.tgeo;
  r.valid = s.validate();
  if (r.valid < plan.best) {
    plan.best = r.valid;
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

std::map<std::string, FlowTensor> FlowTrainer::best() const
{
  std::map<std::string, FlowTensor> out;
  for (size_t k = 0; k < impl->net.params.size(); k++) {
    Tensor t = impl->optimizer.best[k].to(torch::kDouble).contiguous();
    out[impl->net.names[k]] = FlowTensor{t.sizes().vec(), std::vector<double>(t.data_ptr<double>(),
                                                              t.data_ptr<double>() + t.numel())};
  }
  return out;
}

std::string FlowTrainer::checkpoint() const
{
  return TorchCheckpoint::write("train_flow", impl->checks(), impl->optimizer, impl->schedule);
}

void FlowTrainer::restore(const std::string &bytes)
{
  TorchCheckpoint::read(bytes, "train_flow", impl->checks(), impl->optimizer, impl->schedule);
}

}    // namespace BACKMAP_NS

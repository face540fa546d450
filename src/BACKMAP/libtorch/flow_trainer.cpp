/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/flow_trainer.h"

#include "libtorch/epochs.h"
#include "libtorch/flow_net.h"

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

static FlowNet given_net(const FlowNetShape &shape, const NetworkWeights &weights,
                         torch::ScalarType dtype)
{
  FlowNet net(shape, dtype);
  load_weights("flow weights", weights, net.names, net.params);
  return net;
}

static Tensor given_rows(const double *p, int64_t n, int64_t m, torch::ScalarType dtype)
{
  return torch::from_blob(const_cast<double *>(p), {n, m}, torch::kDouble).to(dtype, false, true);
}

/* ---------------------------------------------------------------------- */

std::vector<double> torch_flow_log_prob(const FlowNetShape &shape, const NetworkWeights &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, bool double_precision)
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

NetworkWeights torch_flow_path_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                        int64_t n, const double *l, const double *c,
                                        const double *f, const double *score, const double *weight)
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
  return named_weights(net.names, gradients);
}

/* ---------------------------------------------------------------------- */

struct FlowTrainer::Networks : Trainer::Engine {
  FlowNet net;
  Tensor tl, tc, tf, tscore, tweight, tpath, tlogq, tshare, vl, vc, vf;
  double likelihood;
  double tgeo = 0.0, vgeo = 0.0;    // mean geometry and constant terms
  int64_t ntrain = 0, nvalid;
  std::vector<int64_t> order;
  double sum = 0.0;    // of the losses of an epoch

  Networks(const FlowNetShape &shape, const FlowTrainOptions &o, const FlowFrames &train,
           const FlowFrames &valid) :
      Engine("flow training", "train_flow", o),
      net(shape, torch::kFloat), likelihood(o.likelihood), nvalid(valid.n)
  {
    if (valid.n < 1) throw std::runtime_error("flow training: no validation frames");
    take_training(train);
    vl = rows(valid.l, valid.n, shape.nl, "l");
    vc = rows(valid.c, valid.n, shape.nc, "c");
    vf = rows(valid.f, valid.n, shape.nf, "f");
    vgeo = offset(valid);
    net.initialise(o.seed);
    names = net.names;
    optimizer.start(net.params);
  }

  static double offset(const FlowFrames &d)
  {
    return d.constant - std::accumulate(d.geometry.begin(), d.geometry.end(), 0.0) / d.n;
  }

  void take_training(const FlowFrames &train)
  {
    const auto &shape = net.shape;
    if (train.n < options.batch)
      throw std::runtime_error("flow training: fewer frames (" + std::to_string(train.n) +
                               ") than a batch has (" + std::to_string(options.batch) + ")");
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
    tlogq = tshare = Tensor();
    if (!train.logq.empty()) {
      tweight = rows(train.weight, train.n, 1, "weight").squeeze(1);
      tlogq = rows(train.logq, train.n, 1, "logq").squeeze(1);
      tshare = rows(train.share, train.n, 1, "share").squeeze(1);
    }
    tgeo = offset(train);
  }

  int64_t begin(int epoch) override
  {
    order = torch_shuffle(ntrain, options.seed, epoch);
    sum = 0.0;
    return ntrain / options.batch;
  }

  // the loss is the mean negative log-likelihood
  bool gradients(int64_t b) override
  {
    const Tensor which =
        torch::from_blob(&order[b * options.batch], {options.batch}, torch::kInt64);
    const Tensor l = tl.index_select(0, which), c = tc.index_select(0, which),
                 f = tf.index_select(0, which);
    Tensor loss;
    if (tscore.defined()) {
      const Tensor w = tweight.index_select(0, which);
      const Tensor lp =
          net.add_path_gradient(l, c, f, tscore.index_select(0, which),
                                tpath.index_select(0, which) * ((1.0 - likelihood) / options.batch),
                                w * (likelihood / options.batch));
      loss = -(lp * w).mean();
    } else if (tlogq.defined()) {
      const Tensor w = tweight.index_select(0, which);
      const Tensor lp = net.log_prob(l, c, f);
      const Tensor ratio = torch::exp(torch::clamp_max(lp - tlogq.index_select(0, which), 4.0));
      loss = -(lp * w).mean();
      (loss + (ratio * tshare.index_select(0, which)).mean()).backward();
    } else {
      loss = -net.log_prob(l, c, f).mean();
      loss.backward();
    }
    const double value = loss.item<double>();
    if (std::isfinite(value)) sum += value;
    return std::isfinite(value);
  }

  double training_loss(int64_t count) override { return sum / count - tgeo; }

  double validation_loss() override
  {
    double total = 0.0;
    for (int64_t i = 0; i < nvalid; i += 4096) {
      const int64_t j = std::min(nvalid, i + 4096);
      total += net.log_prob(vl.slice(0, i, j), vc.slice(0, i, j), vf.slice(0, i, j))
                   .to(torch::kDouble)
                   .sum()
                   .item<double>();
    }
    return -(total / nvalid) - vgeo;
  }

  std::vector<TorchCheckpoint::Check> checks() const override
  {
    return {{"training frames", criterion ? 0 : ntrain},
            {"validation frames", nvalid},
            {"seed", options.seed},
            {"batch", options.batch}};
  }
};

/* ---------------------------------------------------------------------- */

FlowTrainer::FlowTrainer(const FlowNetShape &shape, const FlowTrainOptions &options,
                         const FlowFrames &train, const FlowFrames &valid) :
    Trainer(std::make_unique<Networks>(shape, options, train, valid))
{
}

FlowTrainer::Networks &FlowTrainer::networks()
{
  return static_cast<Networks &>(*engine);
}

void FlowTrainer::start_from(const NetworkWeights &weights)
{
  auto &s = networks();
  for (auto *set : {&s.net.params, &s.optimizer.average, &s.optimizer.best})
    load_weights("flow weights", weights, s.names, *set);
}

void FlowTrainer::set_criterion(Criterion criterion, double start, double slack)
{
  engine->slack = slack;
  engine->criterion = std::move(criterion);
  engine->schedule.best = start;
}

void FlowTrainer::set_training(const FlowFrames &train)
{
  networks().take_training(train);
}

}    // namespace BACKMAP_NS

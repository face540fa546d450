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

/* ----------------------------------------------------------------------
   one kind: its networks and rows
------------------------------------------------------------------------- */

namespace {

struct KindData {
  FlowNet net;
  Tensor tl, tc, tf, tweight, tshare, tlogq, vl, vc, vf;
  double tgeo = 0.0, vgeo = 0.0;    // mean geometry and constant terms
  int64_t ntrain = 0, nvalid = 0;
  std::vector<int64_t> order;
  double sum = 0.0;    // of the losses of an epoch
  int64_t count = 0;

  explicit KindData(const FlowNetShape &shape) : net(shape, torch::kFloat) {}

  static double offset(const FlowFrames &d)
  {
    double sum = 0.0;
    for (int64_t i = 0; i < d.n; i++)
      sum += (d.weight.empty() ? 1.0 : d.weight[i]) * (d.constant - d.geometry[i]);
    return sum / d.n;
  }

  void take_validation(const FlowFrames &valid)
  {
    const auto &shape = net.shape;
    if (valid.n < 1) throw std::runtime_error("flow training: no validation frames");
    nvalid = valid.n;
    vl = rows(valid.l, valid.n, shape.nl, "l");
    vc = rows(valid.c, valid.n, shape.nc, "c");
    vf = rows(valid.f, valid.n, shape.nf, "f");
    vgeo = offset(valid);
  }

  void take_training(const FlowFrames &train, int64_t batch)
  {
    const auto &shape = net.shape;
    if (train.n < batch)
      throw std::runtime_error("flow training: fewer frames (" + std::to_string(train.n) +
                               ") than a batch has (" + std::to_string(batch) + ")");
    ntrain = train.n;
    tl = rows(train.l, train.n, shape.nl, "l");
    tc = rows(train.c, train.n, shape.nc, "c");
    tf = rows(train.f, train.n, shape.nf, "f");
    tweight = tshare = tlogq = Tensor();
    if (!train.weight.empty()) {
      tweight = rows(train.weight, train.n, 1, "weight").squeeze(1);
      tshare = rows(train.share, train.n, 1, "share").squeeze(1);
      tlogq = rows(train.logq, train.n, 1, "logq").squeeze(1);
    }
    tgeo = offset(train);
  }

  // adds the gradients of a batch; false if the loss is not finite

  bool gradients(int64_t first, int64_t n)
  {
    const Tensor which = torch::from_blob(&order[first], {n}, torch::kInt64);
    const Tensor lp = net.log_prob(tl.index_select(0, which), tc.index_select(0, which),
                                   tf.index_select(0, which));
    Tensor loss, control;
    if (tweight.defined()) {
      loss = -(lp * tweight.index_select(0, which)).mean();
      // a structure that has become much more probable is one of many that q' has not drawn
      const Tensor ratio =
          torch::exp(torch::clamp_max(lp - tlogq.index_select(0, which), LARGEST_RATIO));
      control = (ratio * tshare.index_select(0, which)).mean();
    } else
      loss = -lp.mean();
    const double value = loss.item<double>();
    if (!std::isfinite(value)) return false;
    (control.defined() ? loss + control : loss).backward();
    sum += value;
    count++;
    return true;
  }

  double validation_loss() const
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

  static constexpr double LARGEST_RATIO = 4.0;    // its logarithm
};

}    // namespace

/* ---------------------------------------------------------------------- */

NetworkWeights flow_loss_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                  const FlowFrames &frames)
{
  KindData kind(shape);
  load_weights("flow weights", weights, kind.net.names, kind.net.params);
  kind.take_training(frames, 1);
  kind.order.resize(frames.n);
  std::iota(kind.order.begin(), kind.order.end(), 0);
  for (auto &p : kind.net.params) p.set_requires_grad(true);
  if (!kind.gradients(0, frames.n)) throw std::runtime_error("flow loss: it is not finite");
  std::vector<Tensor> grads;
  for (const auto &p : kind.net.params)
    grads.push_back(p.grad().defined() ? p.grad() : torch::zeros_like(p));
  return named_weights(kind.net.names, grads);
}

/* ---------------------------------------------------------------------- */

struct FlowTrainer::Networks : Trainer::Engine {
  std::vector<KindData> kinds;
  std::vector<Tensor> params;                     // of all kinds
  std::vector<std::array<int64_t, 2>> batches;    // kind and first row, of an epoch

  Networks(const std::vector<FlowNetShape> &shapes, const FlowTrainOptions &o, const FlowSet &train,
           const FlowSet &valid) :
      Engine("flow training", "train_flow", o)
  {
    if (valid.size() != shapes.size())
      throw std::runtime_error("flow training: expected validation frames of " +
                               std::to_string(shapes.size()) + " kinds, got " +
                               std::to_string(valid.size()));
    for (std::size_t k = 0; k < shapes.size(); k++) {
      kinds.emplace_back(shapes[k]);
      kinds[k].take_validation(valid[k]);
      kinds[k].net.initialise(o.seed + (int64_t) k);
      names.insert(names.end(), kinds[k].net.names.begin(), kinds[k].net.names.end());
      params.insert(params.end(), kinds[k].net.params.begin(), kinds[k].net.params.end());
    }
    take_training(train);
    optimizer.start(params);
  }

  void take_training(const FlowSet &train)
  {
    if (train.size() != kinds.size())
      throw std::runtime_error("flow training: expected frames of " + std::to_string(kinds.size()) +
                               " kinds, got " + std::to_string(train.size()));
    for (std::size_t k = 0; k < kinds.size(); k++) kinds[k].take_training(train[k], options.batch);
  }

  int64_t begin(int epoch) override
  {
    link();
    batches.clear();
    for (std::size_t k = 0; k < kinds.size(); k++) {
      kinds[k].order = torch_shuffle(kinds[k].ntrain, options.seed + (int64_t) k, epoch);
      kinds[k].sum = 0.0;
      kinds[k].count = 0;
      for (int64_t i = 0; i + options.batch <= kinds[k].ntrain; i += options.batch)
        batches.push_back({(int64_t) k, i});
    }
    if (kinds.size() > 1) {
      const auto order = torch_shuffle((int64_t) batches.size(), options.seed, -1 - epoch);
      auto mixed = batches;
      for (std::size_t i = 0; i < order.size(); i++) mixed[i] = batches[order[i]];
      batches.swap(mixed);
    }
    return (int64_t) batches.size();
  }

  bool gradients(int64_t b) override
  {
    return kinds[batches[b][0]].gradients(batches[b][1], options.batch);
  }

  // of the molecule: every kind as often as it has pieces

  template <class Loss> double total(Loss &&loss) const
  {
    double sum = 0.0;
    for (const auto &k : kinds) sum += k.net.shape.copies * loss(k);
    return sum;
  }

  double training_loss(int64_t) override
  {
    return total([](const KindData &k) { return k.sum / (double) k.count - k.tgeo; });
  }

  double validation_loss() override
  {
    link();
    return total([](const KindData &k) { return k.validation_loss(); });
  }

  // the optimizer swaps the tensors for their averages and back: the networks take those that are there

  void link()
  {
    std::size_t at = 0;
    for (auto &k : kinds)
      for (auto &p : k.net.params) p = params[at++];
  }

  std::vector<TorchCheckpoint::Check> checks() const override
  {
    return {{"validation frames", kinds[0].nvalid},
            {"kinds", (int64_t) kinds.size()},
            {"seed", options.seed},
            {"batch", options.batch}};
  }
};

/* ---------------------------------------------------------------------- */

FlowTrainer::FlowTrainer(const std::vector<FlowNetShape> &shapes, const FlowTrainOptions &options,
                         const FlowSet &train, const FlowSet &valid) :
    Trainer(std::make_unique<Networks>(shapes, options, train, valid))
{
}

FlowTrainer::Networks &FlowTrainer::networks()
{
  return static_cast<Networks &>(*engine);
}

void FlowTrainer::start_from(const NetworkWeights &weights)
{
  auto &s = networks();
  for (auto *set : {&s.params, &s.optimizer.average, &s.optimizer.best})
    load_weights("flow weights", weights, s.names, *set);
}

void FlowTrainer::set_training(const FlowSet &train)
{
  networks().take_training(train);
}

}    // namespace BACKMAP_NS

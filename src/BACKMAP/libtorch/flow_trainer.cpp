/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/flow_trainer.h"

#include "libtorch/epochs.h"
#include "libtorch/flow_net.h"

namespace BACKMAP_NS {

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

void check_size(const std::vector<float> &v, int64_t size, const char *what)
{
  if ((int64_t) v.size() != size)
    throw std::runtime_error(std::string("flow training data: ") + what + ", expected " +
                             std::to_string(size) + " numbers, got " + std::to_string(v.size()));
}

struct KindData {
  FlowNet net;
  FlowGradient<float> flow;
  std::vector<Tensor> grads;    // those of the parameters, where there are any
  FlowFrames train, valid;
  std::vector<int64_t> order;
  double sum = 0.0;    // of the losses of an epoch
  int64_t count = 0;
  // the mean; where time ended an epoch before a batch came, that of the one before
  double mean = NAN;

  KindData(const FlowNetShape &shape, int threads) : net(shape, torch::kFloat), flow(shape, threads)
  {
    for (const auto &p : net.params) grads.push_back(torch::zeros_like(p));
  }

  // mean of what the loss has beside the networks: geometry and constant terms

  static double offset(const FlowFrames &d)
  {
    double sum = 0.0;
    for (int64_t i = 0; i < d.n; i++)
      sum += (d.weight.empty() ? 1.0 : d.weight[i]) * (d.constant - d.geometry[i]);
    return sum / d.n;
  }

  void check(const FlowFrames &d) const
  {
    check_size(d.l, d.n * net.shape.nl, "l");
    check_size(d.c, d.n * net.shape.nc, "c");
    check_size(d.f, d.n * net.shape.nf, "f");
    for (auto *v : {&d.weight, &d.share, &d.logq})
      if (!d.weight.empty()) check_size(*v, d.n, "weights");
  }

  void take_validation(const FlowFrames &frames)
  {
    if (frames.n < 1) throw std::runtime_error("flow training: no validation frames");
    check(frames);
    valid = frames;
  }

  void take_training(const FlowFrames &frames, int64_t batch)
  {
    if (frames.n < batch)
      throw std::runtime_error("flow training: fewer frames (" + std::to_string(frames.n) +
                               ") than a batch has (" + std::to_string(batch) + ")");
    check(frames);
    train = frames;
  }

  // sets the gradients of a batch; false if the loss is not finite

  bool gradients(int64_t first, int64_t n)
  {
    const int64_t *which = &order[first];
    const bool weighted = !train.weight.empty();
    const auto weight = [&](int64_t i) { return weighted ? train.weight[which[i]] : 1.0f; };
    const auto slope = [&](int64_t i, float logq) {
      float g = -weight(i);
      // a structure that has become much more probable is one of many that q' has not drawn
      const float ratio = weighted ? logq - train.logq[which[i]] : LARGEST_RATIO;
      if (ratio < LARGEST_RATIO) g += train.share[which[i]] * std::exp(ratio);
      return g / n;
    };
    std::vector<float> logq(n);
    std::vector<float *> out;
    for (auto &g : grads) out.push_back(g.data_ptr<float>());
    flow.gradient(weights(), view(train, which), n, slope, logq.data(), out);

    double loss = 0.0;
    for (int64_t i = 0; i < n; i++) loss -= weight(i) * logq[i];
    if (!std::isfinite(loss)) return false;
    for (std::size_t k = 0; k < grads.size(); k++) net.params[k].mutable_grad() = grads[k];
    sum += loss / n;
    count++;
    return true;
  }

  double validation_loss()
  {
    std::vector<float> logq(valid.n);
    flow.log_prob(weights(), view(valid, nullptr), valid.n, logq.data());
    return -std::accumulate(logq.begin(), logq.end(), 0.0) / valid.n - offset(valid);
  }

  static constexpr float LARGEST_RATIO = 4.0f;    // its logarithm

 private:
  static FlowRowView<float> view(const FlowFrames &d, const int64_t *which)
  {
    return {d.l.data(), d.c.data(), d.f.data(), which};
  }

  std::vector<const float *> weights() const
  {
    std::vector<const float *> list;
    for (const auto &p : net.params) list.push_back(p.data_ptr<float>());
    return list;
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

NetworkWeights flow_loss_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                  const FlowFrames &frames)
{
  KindData kind(shape, 1);
  load_weights("flow weights", weights, kind.net.names, kind.net.params);
  kind.take_training(frames, 1);
  kind.order.resize(frames.n);
  std::iota(kind.order.begin(), kind.order.end(), 0);
  if (!kind.gradients(0, frames.n)) throw std::runtime_error("flow loss: it is not finite");
  return named_weights(kind.net.names, kind.grads);
}

NetworkWeights torch_flow_gradient(const FlowNetShape &shape, const NetworkWeights &weights,
                                   int64_t n, const double *l, const double *c, const double *f,
                                   const double *slope)
{
  FlowNet net = given_net(shape, weights, torch::kDouble);
  for (auto &p : net.params) p.set_requires_grad(true);
  const auto rows = [&](const double *p, int64_t m) { return given_rows(p, n, m, torch::kDouble); };
  const Tensor logq = net.log_prob(rows(l, shape.nl), rows(c, shape.nc), rows(f, shape.nf));
  (logq * rows(slope, 1).squeeze(1)).sum().backward();
  std::vector<Tensor> grads;
  for (const auto &p : net.params) grads.push_back(p.grad());
  return named_weights(net.names, grads);
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
      kinds.emplace_back(shapes[k], o.threads);
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

  Source source;

  int64_t begin(int epoch) override
  {
    if (source && epoch > 0) take_training(source(epoch, named(optimizer.average)));
    link();
    batches.clear();
    for (std::size_t k = 0; k < kinds.size(); k++) {
      kinds[k].order = torch_shuffle(kinds[k].train.n, options.seed + (int64_t) k, epoch);
      kinds[k].sum = 0.0;
      kinds[k].count = 0;
      for (int64_t i = 0; i + options.batch <= kinds[k].train.n; i += options.batch)
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

  template <class Loss> double total(Loss &&loss)
  {
    double sum = 0.0;
    for (auto &k : kinds) sum += k.net.shape.copies * loss(k);
    return sum;
  }

  double training_loss(int64_t) override
  {
    return total([](KindData &k) {
      if (k.count) k.mean = k.sum / (double) k.count - KindData::offset(k.train);
      return k.mean;
    });
  }

  double validation_loss() override
  {
    link();
    return total([](KindData &k) { return k.validation_loss(); });
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
    return {{"validation frames", kinds[0].valid.n},
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

void FlowTrainer::set_source(Source source)
{
  networks().source = std::move(source);
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/trainer.h"

#include "libtorch/epochs.h"

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   weights by name
------------------------------------------------------------------------- */

void load_weights(const char *what, const NetworkWeights &weights,
                  const std::vector<std::string> &names, std::vector<Tensor> &params)
{
  torch::NoGradGuard no_grad;
  for (size_t k = 0; k < params.size(); k++) {
    const auto it = weights.find(names[k]);
    if (it == weights.end())
      throw std::runtime_error(std::string(what) + ": no tensor " + names[k]);
    const WeightTensor &w = it->second;
    if (w.shape != params[k].sizes().vec() || (int64_t) w.data.size() != params[k].numel())
      throw std::runtime_error(std::string(what) + ": tensor " + names[k] +
                               " of the model to start from, expected " +
                               std::to_string(params[k].numel()) +
                               " numbers in the shape of this "
                               "network, got " +
                               std::to_string(w.data.size()));
    params[k].copy_(torch::from_blob(const_cast<double *>(w.data.data()), w.shape, torch::kDouble));
  }
}

NetworkWeights named_weights(const std::vector<std::string> &names, const std::vector<Tensor> &set)
{
  NetworkWeights out;
  for (size_t k = 0; k < set.size(); k++) {
    const Tensor t = set[k].to(torch::kDouble).contiguous();
    const double *p = t.data_ptr<double>();
    out[names[k]] = {t.sizes().vec(), std::vector<double>(p, p + t.numel())};
  }
  return out;
}

/* ---------------------------------------------------------------------- */

Trainer::Engine::Engine(const char *w, const char *k, const TrainOptions &o) :
    what(w), kind(k), options(o)
{
  torch::set_num_threads(o.threads);
  optimizer.ema = o.ema;
  optimizer.decay = o.decay;
  optimizer.clip = o.clip;
  schedule.epochs = o.epochs;
  schedule.warmup = o.warmup;
  schedule.patience = o.patience;
  schedule.minutes = o.minutes;
  schedule.rate = o.rate;
}

NetworkWeights Trainer::Engine::named(const std::vector<Tensor> &set) const
{
  return named_weights(names, set);
}

double Trainer::Engine::judge()
{
  torch::NoGradGuard no_grad;
  optimizer.swap_average();
  const double loss = validation_loss();
  optimizer.swap_average();
  return loss;
}

/* ---------------------------------------------------------------------- */

Trainer::Trainer(std::unique_ptr<Engine> e) : engine(std::move(e)) {}

Trainer::~Trainer() = default;

bool Trainer::finished() const
{
  return engine->schedule.over();
}

const TrainOptions &Trainer::options() const
{
  return engine->options;
}

/* ---------------------------------------------------------------------- */

Epoch Trainer::epoch()
{
  auto &s = *engine;
  auto &plan = s.schedule;
  torch::set_num_threads(s.options.threads);
  plan.started = TorchSchedule::now();
  const int64_t batches = s.begin(plan.epoch);

  Epoch r;
  int64_t count = 0;
  for (int64_t b = 0; b < batches; b++) {
    r.rate = plan.learning_rate((double) b / batches, s.optimizer.step);
    s.optimizer.clear_gradients();
    if (s.gradients(b)) count++;
    s.optimizer.update(r.rate);
    if (plan.out_of_time()) break;
  }
  if (count == 0)
    throw std::runtime_error(std::string(s.what) + ": the loss of a whole epoch is not finite");

  r.epoch = ++plan.epoch;
  r.train = s.training_loss(count);
  r.valid = s.judge();
  if (r.valid < plan.best) {
    plan.best = r.valid;
    plan.best_epoch = plan.epoch;
    s.optimizer.keep_best();
  }
  plan.used = plan.elapsed();
  if (std::isnan(plan.halfway) || plan.used <= plan.left()) plan.halfway = plan.best;
  r.halfway = plan.halfway;
  r.best = plan.best;
  r.best_epoch = plan.best_epoch;
  r.skipped = s.optimizer.skipped;
  r.seconds = plan.used;
  r.seconds_left = plan.left();
  r.last = plan.over();
  return r;
}

/* ---------------------------------------------------------------------- */

NetworkWeights Trainer::average() const
{
  return engine->named(engine->optimizer.average);
}

NetworkWeights Trainer::best() const
{
  return engine->named(engine->optimizer.best);
}

std::string Trainer::checkpoint() const
{
  return TorchCheckpoint::write(engine->kind, engine->checks(), engine->optimizer,
                                engine->schedule);
}

int Trainer::restore(const std::string &bytes)
{
  TorchCheckpoint::read(bytes, engine->kind, engine->checks(), engine->optimizer, engine->schedule);
  return engine->schedule.epoch;
}

}    // namespace BACKMAP_NS

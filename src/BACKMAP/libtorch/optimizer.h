/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_LIBTORCH_OPTIMIZER_H
#define BACKMAP_LIBTORCH_OPTIMIZER_H

// Shared by the trainers of this folder; shows Torch.

#include <torch/torch.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <numeric>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/** Adam with decoupled weight decay (Loshchilov and Hutter, ICLR 2019), gradient clipping, a running
    average of the weights and the best averages so far. float parameters. The norm of the gradient is
    limited to clip. */
struct TorchOptimizer {
  double ema = 0.999, decay = 0.0, clip = 20.0;
  std::vector<torch::Tensor> *params = nullptr;
  std::vector<torch::Tensor> m1, m2, average, best;
  int64_t step = 0, skipped = 0;

  void start(std::vector<torch::Tensor> &p)
  {
    params = &p;
    for (auto &t : p) {
      m1.push_back(torch::zeros_like(t));
      m2.push_back(torch::zeros_like(t));
      average.push_back(t.clone());
      best.push_back(t.clone());
      t.set_requires_grad(true);
    }
  }

  void clear_gradients()
  {
    for (auto &p : *params)
      if (p.grad().defined()) p.mutable_grad().reset();
  }

  void update(double rate)
  {
    torch::NoGradGuard no_grad;
    double norm2 = 0.0;
    for (auto &p : *params) {
      if (!p.grad().defined()) continue;
      const torch::Tensor grad = p.grad().contiguous();
      norm2 += squares(p.numel(), grad.data_ptr<float>());
    }
    const double norm = std::sqrt(norm2);
    step++;
    if (!std::isfinite(norm) || norm > 1000.0 * clip) {
      skipped++;
      return;
    }
    const float shrink = norm > clip ? clip / norm : 1.0;
    const double c1 = 1.0 - std::pow(0.9, (double) step), c2 = 1.0 - std::pow(0.999, (double) step);
    const float size = rate / c1, root = 1.0 / std::sqrt(c2), keep = 1.0 - rate * decay;
    const float mix = 1.0 - std::min(ema, (1.0 + step) / (10.0 + step));
    for (size_t k = 0; k < params->size(); k++) {
      if (!(*params)[k].grad().defined()) continue;
      const torch::Tensor grad = (*params)[k].grad().contiguous();
      const float kp = (*params)[k].dim() > 1 ? keep : 1.0f;
      const float *__restrict g = grad.data_ptr<float>();    // the loop is one of vectors
      float *__restrict p = (*params)[k].data_ptr<float>(), *__restrict m = m1[k].data_ptr<float>(),
                        *__restrict v = m2[k].data_ptr<float>(),
                        *__restrict a = average[k].data_ptr<float>();
      const int64_t n = (*params)[k].numel();
      for (int64_t i = 0; i < n; i++) {
        const float gi = g[i] * shrink;
        m[i] = 0.9f * m[i] + 0.1f * gi;
        v[i] = 0.999f * v[i] + 0.001f * gi * gi;
        p[i] = kp * p[i] - size * m[i] / (root * std::sqrt(v[i]) + 1.0e-8f);
        a[i] += mix * (p[i] - a[i]);
      }
    }
  }

  // several sums, or each would wait for the one before

  static double squares(int64_t n, const float *g)
  {
    double sum[16] = {};
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
      for (int j = 0; j < 16; j++) sum[j] += (double) g[i + j] * g[i + j];
    for (; i < n; i++) sum[0] += (double) g[i] * g[i];
    return std::accumulate(sum, sum + 16, 0.0);
  }

  void keep_best()
  {
    torch::NoGradGuard no_grad;
    for (size_t k = 0; k < best.size(); k++) best[k].copy_(average[k]);
  }

  // evaluate with the averaged weights: call before and after
  void swap_average() { params->swap(average); }
};

/** Epochs, learning rate, time and the best epoch of a training. */
struct TorchSchedule {
  int epochs = 1, warmup = 200, patience = 0;
  double minutes = 0.0, rate = 1.0e-3;
  int epoch = 0, best_epoch = 0;
  double best = INFINITY, used = 0.0, started = 0.0;
  double halfway = NAN;    // the best at half of the time; not kept in checkpoints

  static double now()
  {
    using namespace std::chrono;
    return duration<double>(steady_clock::now().time_since_epoch()).count();
  }
  double elapsed() const { return used + now() - started; }
  bool out_of_time() const { return minutes > 0.0 && elapsed() > 60.0 * minutes; }

  // half cosine over all epochs, or over the minutes if they end first
  double learning_rate(double part_of_epoch, int64_t step) const
  {
    double part = (epoch + part_of_epoch) / epochs;
    if (minutes > 0.0) part = std::max(part, elapsed() / (60.0 * minutes));
    part = std::min(part, 1.0);
    const double ramp = std::min(1.0, (step + 1.0) / warmup);
    return rate * ramp * std::max(1.0e-3, 0.5 * (1.0 + std::cos(3.14159265358979323846 * part)));
  }

  bool over() const
  {
    return epoch >= epochs || (minutes > 0.0 && used >= 60.0 * minutes) ||
        (patience > 0 && epoch - best_epoch >= patience);
  }

  double left() const
  {
    const double s = used / std::max(epoch, 1) * (epochs - epoch);
    return minutes > 0.0 ? std::min(s, std::max(0.0, 60.0 * minutes - used)) : s;
  }
};

/** Frames in the order of one epoch; equal on every machine. */
inline std::vector<int64_t> torch_shuffle(int64_t n, int64_t seed, int epoch)
{
  std::vector<int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  std::mt19937_64 gen(0x9e3779b97f4a7c15ull * (uint64_t) (seed + 1) + epoch);
  for (int64_t i = n - 1; i > 0; i--) std::swap(order[i], order[gen() % (i + 1)]);
  return order;
}

/** Complete state of a training as bytes, with what must be equal to go on from it. */
class TorchCheckpoint {
 public:
  struct Check {
    const char *what;
    int64_t value;
  };

  static std::string write(const std::string &kind, const std::vector<Check> &checks,
                           const TorchOptimizer &opt, const TorchSchedule &s)
  {
    TorchCheckpoint c;
    c.bytes = magic(kind);
    c.visit(checks, const_cast<TorchOptimizer &>(opt), const_cast<TorchSchedule &>(s), true, kind);
    return c.bytes;
  }

  static void read(const std::string &bytes, const std::string &kind,
                   const std::vector<Check> &checks, TorchOptimizer &opt, TorchSchedule &s)
  {
    TorchCheckpoint c;
    if (bytes.compare(0, magic(kind).size(), magic(kind)) != 0)
      throw std::runtime_error("checkpoint: not one of " + kind);
    c.bytes = bytes;
    c.at = magic(kind).size();
    c.visit(checks, opt, s, false, kind);
  }

 private:
  std::string bytes;
  size_t at = 0;

  static std::string magic(const std::string &kind)
  {
    return "backmap checkpoint 3 " + kind + "\n";
  }

  void item(void *p, size_t n, bool out)
  {
    if (out) {
      bytes.append(static_cast<const char *>(p), n);
      return;
    }
    if (at + n > bytes.size()) throw std::runtime_error("checkpoint: too short");
    std::memcpy(p, bytes.data() + at, n);
    at += n;
  }

  void visit(const std::vector<Check> &checks, TorchOptimizer &opt, TorchSchedule &s, bool out,
             const std::string &kind)
  {
    auto same = [&](const char *what, int64_t mine) {
      int64_t v = mine;
      item(&v, sizeof(v), out);
      if (v != mine)
        throw std::runtime_error("checkpoint of " + kind + ": " + what + ", expected " +
                                 std::to_string(mine) + ", got " + std::to_string(v));
    };
    for (const auto &c : checks) same(c.what, c.value);
    same("epochs", s.epochs);
    same("number of tensors", opt.params->size());
    for (const auto &p : *opt.params) same("size of the networks", p.numel());
    item(&opt.step, sizeof(opt.step), out);
    item(&opt.skipped, sizeof(opt.skipped), out);
    item(&s.epoch, sizeof(s.epoch), out);
    item(&s.best_epoch, sizeof(s.best_epoch), out);
    item(&s.best, sizeof(s.best), out);
    item(&s.used, sizeof(s.used), out);
    torch::NoGradGuard no_grad;
    for (auto *set : {opt.params, &opt.m1, &opt.m2, &opt.average, &opt.best})
      for (auto &t : *set) item(t.data_ptr<float>(), t.numel() * sizeof(float), out);
  }
};

}    // namespace BACKMAP_NS

#endif

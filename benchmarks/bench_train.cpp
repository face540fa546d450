/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Rows per second of the training of a flow (8 couplings, 45 linear and 4 circular variables, 36
// features, 8 bins) on random rows: forward, backward, optimizer. Processor time, because wall time
// on a shared machine means little; the best of several epochs.
//   bench_train [hidden] [batch] [threads]

#include "libtorch/flow_trainer.h"

#include <chrono>
#include <cstdio>
#include <ctime>
#include <random>
#include <string>

using namespace BACKMAP_NS;

static double wall()
{
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

static double processor()
{
  return (double) std::clock() / CLOCKS_PER_SEC;    // of all threads
}

/* ---------------------------------------------------------------------- */

static FlowNetShape shape_of(int hidden)
{
  FlowNetShape s;
  s.nl = 45;
  s.nc = 4;
  s.nf = 36;
  s.hidden = hidden;
  for (int k = 0; k < 8; k++) {
    std::vector<int> linear, circular;
    for (int j = k % 2; j < s.nl; j += 2) linear.push_back(j);
    for (int j = k % 2; j < s.nc; j += 2) circular.push_back(j);
    s.linear_id.push_back(linear);
    s.circular_id.push_back(circular);
  }
  return s;
}

static FlowFrames random_rows(const FlowNetShape &s, int n, int seed)
{
  std::mt19937 bits(seed);
  std::normal_distribution<float> normal;
  std::uniform_real_distribution<float> angle(-3.14f, 3.14f);
  FlowFrames rows;
  rows.n = n;
  for (int i = 0; i < n * s.nl; i++) rows.l.push_back(normal(bits));
  for (int i = 0; i < n * s.nc; i++) rows.c.push_back(angle(bits));
  for (int i = 0; i < n * s.nf; i++) rows.f.push_back(normal(bits));
  rows.geometry.assign(n, 0.0f);
  return rows;
}

/* ---------------------------------------------------------------------- */

int main(int argc, char **argv)
{
  const auto number = [&](int i, int otherwise) {
    return argc > i ? std::stoi(argv[i]) : otherwise;
  };
  const FlowNetShape shape = shape_of(number(1, 64));
  FlowTrainOptions options;
  options.batch = number(2, 512);
  options.threads = number(3, 1);
  options.epochs = 6;
  const int n = 8192, nvalid = 512;
  FlowTrainer trainer({shape}, options, {random_rows(shape, n, 1)},
                      {random_rows(shape, nvalid, 2)});

  std::printf("# hidden %d, batch %d, threads %d\n", shape.hidden, options.batch, options.threads);
  std::printf("# epoch   us/row (processor)   us/row (wall)   loss\n");
  double best = 1.0e30;
  while (!trainer.finished()) {
    const double w = wall(), p = processor();
    const Epoch e = trainer.epoch();
    const double used = (processor() - p) / n * 1.0e6;
    best = std::min(best, used);
    std::printf("%7d %20.2f %15.2f   %.6f\n", e.epoch, used, (wall() - w) / n * 1.0e6, e.train);
    std::fflush(stdout);
  }
  std::printf("best: %.2f us/row, %.0f rows per second and core\n", best, 1.0e6 / best);
  return 0;
}

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_ANNEALING_H
#define BACKMAP_FLOW_ANNEALING_H

// Annealed importance sampling at fixed beads, in the latent space of a flow (R. M. Neal, Stat. Comput. 11, 125
// (2001)). A point u of the base distribution N(u) is a structure x(u) with the weight w = exp(-U/kT) / q. Between
// N and N w lie the densities N(u) w(u)^lambda; a chain starts at a sample of the flow, is moved at each of them by a
// step that leaves it as it is, and its weight is the product of w^(difference of lambda) on the way. Plain C++; where
// structures and energies come from is up to the caller.

#include <cstdint>
#include <string>
#include <vector>

namespace BACKMAP_NS {

/// The densities between, and how far a move goes at each. Found on other samples than those that count, then fixed:
/// a schedule that depends on its own samples biases their weights.
struct AnnealingSchedule {
  std::vector<double> lambda;    // [K] increasing, above 0 and below 1
  std::vector<double> step;      // [K] above 0, up to 1, which forgets the point before

  int steps() const { return static_cast<int>(lambda.size()); }
  /// "K lambda step lambda step ...", which parse() reads back to the same bits.
  std::string text() const;
  /// Throws std::runtime_error naming origin for anything else.
  static AnnealingSchedule parse(const std::string &text, const std::string &origin);
};

/// Points of the latent space, one a chain. Random numbers of a chain depend on its name alone.
struct AnnealingChains {
  struct Name {
    std::int64_t timestep, molecule, sample;
  };
  std::vector<Name> names;          // [n]
  std::vector<double> latent;       // [n][nlatent]
  std::vector<double> logw;         // [n] of these points; -infinity or NaN: weight zero
  std::vector<double> logweight;    // [n] result
  int size() const { return static_cast<int>(names.size()); }
};

/// What the caller knows of points.
class AnnealingTarget {
 public:
  virtual ~AnnealingTarget() = default;
  /// ln w of proposed points [n][nlatent] to logw [n]; nobody asks for those that are not wanted [n].
  virtual void evaluate(const std::vector<char> &wanted, const std::vector<double> &latent,
                        std::vector<double> &logw) = 0;
  /// The proposed point of a chain has become its point.
  virtual void accept(int) {}
};

class Annealing {
 public:
  /// circular, parts: see Flow. The stream must not be that of the flow's samples.
  Annealing(const std::vector<bool> &circular, std::uint64_t seed, std::uint64_t stream,
            const std::vector<int> &parts = {0});

  /// From samples of the flow, with their logw, to weighted samples: sets logweight, and moves the points, which are to
  /// be used with it. The mean of exp(logweight) f(u) has the expectation of w(u) f(u) over the base distribution.
  void run(const AnnealingSchedule &schedule, AnnealingChains &chains,
           AnnealingTarget &target) const;

  /// A schedule of K densities at equal distances, from samples that do not count: `chains` in groups of equal size, one
  /// group a frame. What the distances are see annealing.cpp. Throws std::runtime_error if no sample has a weight.
  struct Pilot {
    AnnealingSchedule schedule;
    std::vector<double> acceptance;    // [K] expected
    double length =
        0.0;    // distance of both ends: square root of the variance of ln w if that were normal
  };
  Pilot pilot(int steps, int groups, AnnealingChains &chains, AnnealingTarget &target) const;

 private:
  const std::vector<bool> circular_;
  std::vector<std::size_t> parts_;    // where each begins, and the end
  const std::uint64_t seed_, stream_;

  /// Returns the mean probability to be accepted of moves of size `step`.
  double move(std::uint64_t draw, double lambda, double step, AnnealingChains &chains,
              AnnealingTarget &target) const;
  bool propose(const AnnealingChains::Name &name, std::uint64_t draw, double step, const double *u,
               double *v, double &threshold) const;
};

}    // namespace BACKMAP_NS

#endif

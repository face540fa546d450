/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Do the frames of a run have the Boltzmann distribution of its energy? Two figures that need no knowledge of how they
// were made. Plain C++: knows numbers only.

#ifndef BACKMAP_STATISTICS_ENSEMBLE_H
#define BACKMAP_STATISTICS_ENSEMBLE_H

#include "statistics/series.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace BACKMAP_NS {

/// A figure that is 1 for the Boltzmann distribution, with its error; NaN where there is nothing to tell it from.
struct Unity {
  double value, error;
  double dof;       ///< degrees of freedom of the error
  double frames;    ///< number of frames it comes from

  /// Differs from 1 by more than `least`, and significantly: Student's two-sided p below 0.001, over the number of
  /// figures that are looked at. The error of such a figure is proportional to it, so where it is low by chance its
  /// error is, too: below 1 the error is that of the figure 1. Nothing is said of fewer than FEWEST degrees of freedom.
  /// Found for short canonical series, see unittest/statistics/test_ensemble.cpp: 0.1 % for either figure.
  bool differs(double least, std::size_t figures = 1) const;
  static constexpr double FEWEST = 8.0;
  /// Mean of independent runs, weighted by their frames; those without an error are left out.
  static Unity combine(const std::vector<Unity> &runs);
};

/// The series of one fix: a virial v and its ideal value d of each frame, and the energy.
///
/// temperature():  <v> / (kT <d>), the configurational temperature over that of the model. The hypervirial theorem
///                 <B . grad U> = kT <div B> makes it 1 (see molecule/bond_virial.h for B).
/// fluctuation():  <(U - <U>)(v - kT d)> / ((kT)^2 <d>), the same theorem for the field (U - <U>) B. It tells frames of
///                 the right mean and the wrong spread of the energy apart: 0 at constant energy, less than 1 where a
///                 thermostat holds the kinetic energy.
class EnsembleSeries {
 public:
  explicit EnsembleSeries(double kt) : kt_(kt) {}

  /// One frame of a molecule, in time order; virial and energy in the unit of kt, ideal without unit.
  void add(std::int64_t molecule, double virial, double ideal, double energy);
  std::size_t frames() const { return frames_; }

  Unity temperature() const;
  Unity fluctuation() const;

 private:
  struct Frame {
    double virial, ideal, energy;    // all over kT, ideal as it is
  };
  double kt_;
  std::size_t frames_ = 0;
  std::map<std::int64_t, std::vector<Frame>> walkers_;
};

}    // namespace BACKMAP_NS
#endif

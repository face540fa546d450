/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_FLOW_H
#define BACKMAP_FLOW_FLOW_H

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace BACKMAP_NS {

struct FlowSpec;

/// Which samples to draw. Sample j of frame i is a function of z[i] and of
/// (seed, stream, timestep[i], molecule[i], first_sample + j) alone, or first[i] + j where first is given.
struct FlowRequest {
  int nframes = 0;
  const double *z = nullptr;    // [nframes][nbeads][3] bead positions, whole molecules
  int samples = 1;              // per frame
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;                  // see random_stream() in core/random_stream.h
  const std::int64_t *timestep = nullptr;    // [nframes]
  const std::int64_t *molecule = nullptr;    // [nframes]
  int first_sample = 0;
  const std::int64_t *first = nullptr;    // [nframes] instead of first_sample

  // points of the base distribution, [nframes*samples][nlatent]; what circular() tells is in [-pi, pi)
  const double *latent =
      nullptr;                // these are mapped; of the random numbers only labels are drawn
  double *drawn = nullptr;    // gets those that were mapped
};

/// Evaluates a conditional flow q(x_R|z). Lengths in the units of the model; q is a density in the
/// Cartesian coordinates of the placed atoms; log q counts all labels of equivalent atoms.
/// One object must not be used by several threads at once; several objects may.
class Flow {
 public:
  enum class Precision { Single, Double };    // of the networks; geometry is always double

  /// backend "serial": the calling thread, needs no Kokkos at run time; "kokkos": the default
  /// execution space, Kokkos must be initialised, and the object deleted before it is finalised.
  /// Throws std::runtime_error for an invalid spec or a backend that is not there.
  static std::unique_ptr<Flow> create(const FlowSpec &spec, Precision precision,
                                      const std::string &backend);
  virtual ~Flow() = default;

  /// x [nframes*samples][natoms][3], logq [nframes*samples]. A draw without an image (bond length
  /// <= 0, angle outside (0,pi), torsion more than pi from its centre, not finite) gets
  /// logq = +infinity: its weight is zero, its x is unspecified and must not be used.
  virtual void sample(const FlowRequest &request, double *x, double *logq) = 0;

  /// log q(x_R|z) with z the beads in x [n][natoms][3]; -infinity where q is zero.
  virtual void log_prob(int n, const double *x, double *logq) = 0;

  /// One entry a variable of the base distribution: true where it is uniform on the circle, false where it is
  /// standard normal.
  virtual std::vector<bool> circular() const = 0;
  int nlatent() const { return (int) circular().size(); }
  /// First variable of the base distribution of each part that is drawn at once: of each fragment of a composed flow.
  virtual std::vector<int> parts() const { return {0}; }

  virtual int natoms() const = 0;
  virtual int nbeads() const = 0;
};

/// For programs that have no Kokkos of their own: initialises it unless it is, and finalises it at exit.
void start_kokkos();

}    // namespace BACKMAP_NS

#endif

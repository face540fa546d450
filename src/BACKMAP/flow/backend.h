/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_FLOW_BACKEND_H
#define BACKMAP_FLOW_BACKEND_H

// What the evaluators share on the host: parameters in the order of the kernels, features of the
// beads, batches of bounded size. Private to flow/*.cpp.

#include "flow/flow.h"
#include "flow/flow_spec.h"
#include "flow/kernel.h"

#include <vector>

namespace BACKMAP_NS {

/// Parameters of a flow as flat arrays that can be copied anywhere.
template <class S> struct FlowParameters {
  InternalTables tables;
  std::vector<int> ints;
  std::vector<S> weights;

  explicit FlowParameters(const FlowSpec &spec);

  /// Couplings whose pointers go into copies of `ints` and `weights` at the given addresses.
  std::vector<CouplingView<S>> couplings(const int *ints, const S *weights) const;
  /// The whole flow with all arrays at the given addresses.
  FlowView<S> view(const int *geometry_ints, const double *geometry_reals, const S *weights,
                   const CouplingView<S> *couplings) const;

 private:
  struct Offsets {
    int nlid, ncid, nlt, nct;
    std::size_t lid, cid, lt, ct;
    std::size_t in, cond, in_bias, hidden, hidden_bias, out, out_bias;
  };
  std::vector<Offsets> offsets;
  std::size_t affine_weight[3], affine_bias[3];
  SplineSizes splines;
  int hidden, nf, max_inputs;

  std::size_t put_ints(const std::vector<int> &values);
  std::size_t put(const std::vector<double> &values);
  std::size_t put_matrix(const double *values, int nrows, int ncolumns);
};

/// Splits calls into batches and computes the features; an execution space does the rest.
template <class S> class FlowBackend : public Flow {
 public:
  explicit FlowBackend(const FlowSpec &spec);
  void sample(const FlowRequest &request, double *x, double *logq) override;
  void log_prob(int n, const double *x, double *logq) override;
  std::vector<bool> circular() const override;
  int natoms() const override { return tables_natoms; }
  int nbeads() const override { return features.nbeads; }

 protected:
  FlowParameters<S> parameters;

  /// Evaluates one batch; arrays of the batch are on the host, `frame` and `frame_logscale` are
  /// still to be set.
  virtual void execute(FlowBatch<S> &batch, bool sampling) = 0;

 private:
  FeatureSpec features;
  std::vector<double> feature_mean, feature_std;
  std::vector<MoleculeSpec::Bead> map;
  int tables_natoms;
  std::vector<S> standardised;
  std::vector<double> beads, values, points;
  std::vector<std::int64_t> firsts;

  void standardise(int nframes, const double *z);
};

std::unique_ptr<Flow> create_serial_flow(const FlowSpec &spec, Flow::Precision precision);
std::unique_ptr<Flow> create_kokkos_flow(const FlowSpec &spec, Flow::Precision precision);
/// False where the backend kokkos computes on a device, which rounds in ways of its own.
bool kokkos_is_on_host();
/// Of flows of one piece, for a spec that is composed.
std::unique_ptr<Flow> create_fragment_flow(const FlowSpec &spec, Flow::Precision precision,
                                           const std::string &backend);

}    // namespace BACKMAP_NS

#endif

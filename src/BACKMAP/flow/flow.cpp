/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "flow/backend.h"

#include <algorithm>
#include <stdexcept>

using namespace BACKMAP_NS;

static_assert(SplineSizes::MAX_OUTPUTS == 3 * FlowSpec::MAX_BINS + 1, "limits of splines differ");

namespace {
// bounds the memory of a call; a multiple of every tile
const int MAX_FRAMES = 4096;
const long MAX_SAMPLES = 65536;
}    // namespace

/* ----------------------------------------------------------------------
   parameters: row blocks of the dense layers, see flow/layers.h
------------------------------------------------------------------------- */

template <class S> std::size_t FlowParameters<S>::put_ints(const std::vector<int> &values)
{
  const std::size_t at = ints.size();
  ints.insert(ints.end(), values.begin(), values.end());
  return at;
}

template <class S> std::size_t FlowParameters<S>::put(const std::vector<double> &values)
{
  const std::size_t at = weights.size();
  for (const double v : values) weights.push_back((S) v);
  return at;
}

template <class S>
std::size_t FlowParameters<S>::put_matrix(const double *values, int nrows, int ncolumns)
{
  const std::size_t at = weights.size();
  for (int b = 0; b < row_blocks(nrows); b++) {
    const RowBlock block = row_block(nrows, b);
    for (int k = 0; k < ncolumns; k++)
      for (int i = 0; i < block.rows; i++)
        weights.push_back((S) values[(std::size_t)(block.first + i) * ncolumns + k]);
  }
  return at;
}

/* ---------------------------------------------------------------------- */

template <class S>
FlowParameters<S>::FlowParameters(const FlowSpec &spec) :
    tables(spec), splines{spec.bins, spec.circular_bins, spec.bound}, hidden(spec.hidden),
    nf(spec.nf()), max_inputs(0)
{
  for (int k = 0; k < 3; k++) {
    const FlowSpec::Layer &layer = spec.affine[k];
    affine_weight[k] = put_matrix(layer.weight.data(), layer.nout, layer.nin);
    affine_bias[k] = put(layer.bias);
  }
  for (const auto &c : spec.couplings) {
    const std::vector<int> lt = spec.linear_transformed(c), ct = spec.circular_transformed(c);
    Offsets o;
    o.nlid = (int) c.linear_id.size();
    o.ncid = (int) c.circular_id.size();
    o.nlt = (int) lt.size();
    o.nct = (int) ct.size();
    o.lid = put_ints(c.linear_id);
    o.cid = put_ints(c.circular_id);
    o.lt = put_ints(lt);
    o.ct = put_ints(ct);
    o.in = put_matrix(c.in.weight.data(), hidden, c.in.nin);
    o.cond = put_matrix(c.cond.data(), hidden, nf);
    o.in_bias = put(c.in.bias);
    o.hidden = put_matrix(c.hidden.weight.data(), hidden, hidden);
    o.hidden_bias = put(c.hidden.bias);

    // the last layer as one matrix per transformed variable

    o.out = weights.size();
    const double *row = c.out.weight.data();
    for (int i = 0; i < o.nlt + o.nct; i++) {
      const int rows = i < o.nlt ? spec.linear_outputs() : spec.circular_outputs();
      put_matrix(row, rows, hidden);
      row += (std::size_t) rows * hidden;
    }
    o.out_bias = put(c.out.bias);
    offsets.push_back(o);
    max_inputs = std::max(max_inputs, c.in.nin);
  }
}

/* ---------------------------------------------------------------------- */

template <class S>
std::vector<CouplingView<S>> FlowParameters<S>::couplings(const int *i, const S *w) const
{
  std::vector<CouplingView<S>> views;
  for (const auto &o : offsets) {
    CouplingView<S> v;
    v.nlid = o.nlid;
    v.ncid = o.ncid;
    v.nlt = o.nlt;
    v.nct = o.nct;
    v.lid = i + o.lid;
    v.cid = i + o.cid;
    v.lt = i + o.lt;
    v.ct = i + o.ct;
    v.in_weight = w + o.in;
    v.cond_weight = w + o.cond;
    v.in_bias = w + o.in_bias;
    v.hidden_weight = w + o.hidden;
    v.hidden_bias = w + o.hidden_bias;
    v.out_weight = w + o.out;
    v.out_bias = w + o.out_bias;
    views.push_back(v);
  }
  return views;
}

/* ---------------------------------------------------------------------- */

template <class S>
FlowView<S> FlowParameters<S>::view(const int *geometry_ints, const double *geometry_reals,
                                    const S *w, const CouplingView<S> *c) const
{
  FlowView<S> v;
  v.geometry = tables.view(geometry_ints, geometry_reals);
  v.splines = splines;
  v.hidden = hidden;
  v.nf = nf;
  v.ncouplings = (int) offsets.size();
  v.max_inputs = max_inputs;
  v.couplings = c;
  for (int k = 0; k < 3; k++) {
    v.affine_weight[k] = w + affine_weight[k];
    v.affine_bias[k] = w + affine_bias[k];
  }
  return v;
}

/* ---------------------------------------------------------------------- */

template <class S>
FlowBackend<S>::FlowBackend(const FlowSpec &spec) :
    parameters(spec), features(spec.features), feature_mean(spec.feature_mean),
    feature_std(spec.feature_std), map(spec.beads), tables_natoms(spec.natoms)
{
}

/* ---------------------------------------------------------------------- */

template <class S> void FlowBackend<S>::standardise(int nframes, const double *z)
{
  const std::size_t nf = feature_mean.size();
  standardised.resize(nframes * nf);
  values.resize(nf);
  for (int i = 0; i < nframes; i++) {
    BACKMAP_NS::features(features, z + (std::size_t) i * 3 * features.nbeads, values.data());
    for (std::size_t j = 0; j < nf; j++)
      standardised[i * nf + j] = (S) ((values[j] - feature_mean[j]) / feature_std[j]);
  }
}

/* ---------------------------------------------------------------------- */

template <class S> void FlowBackend<S>::sample(const FlowRequest &request, double *x, double *logq)
{
  if (request.samples < 1 || request.nframes < 0 || request.first_sample < 0)
    throw std::runtime_error("flow: samples, frames and first sample must not be negative");
  const int nb3 = 3 * features.nbeads, n3 = 3 * tables_natoms, nu = this->nlatent();
  const int step = (int) std::max(1L, std::min<long>(MAX_FRAMES, MAX_SAMPLES / request.samples));
  for (int i = 0; i < request.nframes; i += step) {
    const int n = std::min(step, request.nframes - i);
    FlowBatch<S> b{};
    b.nframes = n;
    b.samples = request.samples;
    b.total = (long) n * request.samples;
    b.z = request.z + (std::size_t) i * nb3;
    b.timestep = request.timestep + i;
    b.molecule = request.molecule + i;
    b.seed = request.seed;
    b.stream = request.stream;
    if (!request.first) firsts.assign(n, request.first_sample);
    b.first_sample = request.first ? request.first + i : firsts.data();
    const std::size_t done = (std::size_t) i * request.samples;
    b.x = x + done * n3;
    b.logq = logq + done;
    b.latent = request.latent ? request.latent + done * nu : nullptr;
    b.drawn = request.drawn ? request.drawn + done * nu : nullptr;
    standardise(n, b.z);
    b.features = standardised.data();
    execute(b, true);
  }
}

/* ---------------------------------------------------------------------- */

template <class S> std::vector<bool> FlowBackend<S>::circular() const
{
  const InternalView g = parameters.tables.view();
  std::vector<bool> list(g.nl, false);
  list.resize(g.nl + g.nc, true);
  return list;
}

/* ---------------------------------------------------------------------- */

template <class S> void FlowBackend<S>::log_prob(int n, const double *x, double *logq)
{
  const int nb3 = 3 * features.nbeads, n3 = 3 * tables_natoms;
  for (int first = 0; first < n; first += MAX_FRAMES) {
    const int m = std::min(MAX_FRAMES, n - first);
    const double *here = x + (std::size_t) first * n3;
    beads.assign((std::size_t) m * nb3, 0.0);
    for (int i = 0; i < m; i++)
      for (std::size_t j = 0; j < map.size(); j++)
        for (std::size_t k = 0; k < map[j].atoms.size(); k++)
          for (int d = 0; d < 3; d++)
            beads[(std::size_t) i * nb3 + 3 * j + d] +=
                map[j].weights[k] * here[(std::size_t) i * n3 + 3 * map[j].atoms[k] + d];
    FlowBatch<S> b{};
    b.nframes = m;
    b.samples = 1;
    b.total = m;
    b.z = beads.data();
    b.x = const_cast<double *>(here);    // only read
    b.logq = logq + first;
    standardise(m, b.z);
    b.features = standardised.data();
    execute(b, false);
  }
}

/* ---------------------------------------------------------------------- */

std::unique_ptr<Flow> Flow::create(const FlowSpec &spec, Precision precision,
                                   const std::string &backend)
{
  spec.validate("flow of " + spec.molecule);
  if (spec.composed()) return create_fragment_flow(spec, precision, backend);
  if (backend == "serial") return create_serial_flow(spec, precision);
  if (backend == "kokkos") return create_kokkos_flow(spec, precision);
  throw std::runtime_error("flow: expected backend serial or kokkos, got " + backend);
}

namespace BACKMAP_NS {
template struct FlowParameters<float>;
template struct FlowParameters<double>;
template class FlowBackend<float>;
template class FlowBackend<double>;
}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/flow_networks.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <string>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void choose_couplings(FlowSpec &spec, int couplings, int64_t seed)
{
  std::mt19937_64 gen(0x2545f4914f6cdd1dull ^ (uint64_t) seed);
  std::vector<int> order(spec.nl()), all(spec.nc()), even, odd;
  std::iota(order.begin(), order.end(), 0);
  std::iota(all.begin(), all.end(), 0);
  for (int i : all) (i % 2 ? odd : even).push_back(i);
  spec.couplings.assign(couplings, FlowSpec::Coupling());
  for (int k = 0; k < couplings; k++) {
    if (k % 2 == 0)
      for (int i = spec.nl() - 1; i > 0; i--) std::swap(order[i], order[gen() % (i + 1)]);
    const auto half = order.begin() + spec.nl() / 2;
    auto &id = spec.couplings[k].linear_id;
    if (k % 2 == 0)
      id.assign(order.begin(), half);
    else
      id.assign(half, order.end());
    std::sort(id.begin(), id.end());
    switch (k % 4) {
      case 0: break;
      case 1: spec.couplings[k].circular_id = all; break;
      case 2: spec.couplings[k].circular_id = even; break;
      case 3: spec.couplings[k].circular_id = odd; break;
    }
  }
}

/* ---------------------------------------------------------------------- */

std::vector<FlowNetShape> net_shapes(const FlowSpec &spec)
{
  std::vector<FlowNetShape> out(spec.npieces());
  for (std::size_t k = 0; k < out.size(); k++) {
    const FlowSpec &flow = spec.piece((int) k);
    FlowNetShape &s = out[k];
    s.prefix = spec.piece_name((int) k);
    if (spec.composed()) {
      s.copies = 0;
      for (const auto &f : spec.fragments) s.copies += f.kind == (int) k;
    }
    s.nl = flow.nl();
    s.nc = flow.nc();
    s.nf = flow.nf();
    s.hidden = flow.hidden;
    s.bins = flow.bins;
    s.circular_bins = flow.circular_bins;
    s.bound = flow.bound;
    for (const auto &c : flow.couplings) {
      s.linear_id.push_back(c.linear_id);
      s.circular_id.push_back(c.circular_id);
    }
  }
  return out;
}

/* ----------------------------------------------------------------------
   every layer of the networks with its name in the model file
------------------------------------------------------------------------- */

template <class Spec, class Visit> static void visit_layers(Spec &spec, const Visit &visit)
{
  for (int k = 0; k < 3; k++) visit("affine." + std::to_string(k), spec.affine[k]);
  for (size_t k = 0; k < spec.couplings.size(); k++) {
    const std::string p = FlowSpec::coupling_name(k);
    visit(p + "in", spec.couplings[k].in);
    visit(p + "hidden", spec.couplings[k].hidden);
    visit(p + "out", spec.couplings[k].out);
  }
}

void set_weights(FlowSpec &spec, const NetworkWeights &weights)
{
  for (int kind = 0; kind < spec.npieces(); kind++) {
    FlowSpec &flow = spec.piece(kind);
    const std::string p = spec.piece_name(kind);
    visit_layers(flow, [&](const std::string &name, FlowSpec::Layer &layer) {
      const auto &w = weights.at(p + name + ".weight");
      layer.nout = (int) w.shape.at(0);
      layer.nin = (int) w.shape.at(1);
      layer.weight = w.data;
      layer.bias = weights.at(p + name + ".bias").data;
    });
    for (size_t k = 0; k < flow.couplings.size(); k++)
      flow.couplings[k].cond = weights.at(p + FlowSpec::coupling_name(k) + "cond.weight").data;
  }
}

NetworkWeights get_weights(const FlowSpec &spec)
{
  NetworkWeights out;
  for (int kind = 0; kind < spec.npieces(); kind++) {
    const FlowSpec &flow = spec.piece(kind);
    const std::string p = spec.piece_name(kind);
    visit_layers(flow, [&](const std::string &name, const FlowSpec::Layer &layer) {
      out[p + name + ".weight"] = {{layer.nout, layer.nin}, layer.weight};
      out[p + name + ".bias"] = {{layer.nout}, layer.bias};
    });
    for (size_t k = 0; k < flow.couplings.size(); k++)
      out[p + FlowSpec::coupling_name(k) + "cond.weight"] = {{flow.hidden, flow.nf()},
                                                             flow.couplings[k].cond};
  }
  return out;
}

}    // namespace BACKMAP_NS

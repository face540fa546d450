/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// The network of a CG model as a TorchScript archive, made with LibTorch: what the native one is
// compared with, in results and in time.

#ifndef BACKMAP_TORCH_SCRIPT_SUPPORT_H
#define BACKMAP_TORCH_SCRIPT_SUPPORT_H

#include "cgnet/cgnet.h"

#include <torch/script.h>

#include <sstream>
#include <string>
#include <vector>

namespace torch_script_support {

using namespace BACKMAP_NS;

inline const char *const METHODS = R"(
def bead_names(self) -> List[str]:
    return ["C", "N", "CA", "CB", "C", "N"]
def units(self) -> str:
    return "real"
def temperature(self) -> float:
    return 300.0
)";

/// Program of a network of so many layers, in the type of its weights; everything else is in double.
inline std::string forward_text(std::size_t nlayers)
{
  std::string net = "    h = ((x - self.mean) / self.std).type_as(self.w0)\n";
  for (std::size_t k = 0; k < nlayers; k++) {
    const std::string n = std::to_string(k),
                      y = "torch.matmul(h, self.w" + n + ".t()) + self.b" + n;
    net += k + 1 < nlayers ? "    h = torch.tanh(" + y + ")\n"
                           : "    e = (" + y + ")[:, 0].type_as(z)\n";
  }
  return R"(
def distance(self, z, i):
    return (z[:, i[:, 0]] - z[:, i[:, 1]]).norm(2, -1)
def angle(self, z, i):
    u = z[:, i[:, 0]] - z[:, i[:, 1]]
    v = z[:, i[:, 2]] - z[:, i[:, 1]]
    return torch.atan2(torch.cross(u, v, dim=-1).norm(2, -1), (u * v).sum(-1))
def dihedral(self, z, i):
    b1 = z[:, i[:, 1]] - z[:, i[:, 0]]
    b2 = z[:, i[:, 2]] - z[:, i[:, 1]]
    b3 = z[:, i[:, 3]] - z[:, i[:, 2]]
    m = torch.cross(b1, b2, dim=-1)
    n = torch.cross(b2, b3, dim=-1)
    return torch.atan2(b2.norm(2, -1) * (b1 * n).sum(-1), (m * n).sum(-1))
def forward(self, z):
    phi = self.dihedral(z, self.f_dihedrals)
    waves = torch.stack([torch.cos(phi), torch.sin(phi), torch.cos(2 * phi), torch.sin(2 * phi)], -1)
    lengths = self.distance(z, self.f_distances)
    x = torch.cat([lengths, self.angle(z, self.f_angles), waves.flatten(1)], -1)
)" + net +
      R"(    r = self.distance(z, self.p_bonds)
    t = self.dihedral(z, self.p_dihedrals)
    d = torch.cat([r, self.angle(z, self.p_angles), t], -1) - self.prior_mean
    d = torch.where(d < -3.0, d + 6.283185307179586, torch.where(d > 3.2, d - 6.283185307179586, d))
    e = e + 0.5 * (torch.matmul(d, self.precision) * d).sum(-1) + self.two_kT * torch.log(r).sum(-1)
    return e + 0.5 * self.two_kT * ((self.sigma / self.distance(z, self.p_repulsion)) ** 12).sum(-1)
)";
}

template <std::size_t N> inline torch::Tensor indices(const std::vector<std::array<int, N>> &list)
{
  torch::Tensor t = torch::zeros({(long) list.size(), (long) N}, torch::kInt64);
  for (std::size_t i = 0; i < list.size(); i++)
    for (std::size_t j = 0; j < N; j++) t[i][j] = list[i][j];
  return t;
}

inline torch::Tensor doubles(const std::vector<double> &v, const std::vector<int64_t> &shape)
{
  return torch::tensor(v, torch::kFloat64).reshape(shape);
}

inline std::string saved(const torch::jit::Module &m)
{
  std::ostringstream out;
  m.save(out);
  return out.str();
}

/// The network of a model of one piece with two harmonics; single: its weights are, as in `precision
/// single`.
inline std::string archive(const CgnetSpec &s, bool single = false)
{
  torch::jit::Module m("TestCgnet");
  m.register_buffer("f_distances", indices(s.features.distances));
  m.register_buffer("f_angles", indices(s.features.angles));
  m.register_buffer("f_dihedrals", indices(s.features.dihedrals));
  m.register_buffer("p_bonds", indices(s.prior.bonds));
  m.register_buffer("p_angles", indices(s.prior.angles));
  m.register_buffer("p_dihedrals", indices(s.prior.dihedrals));
  m.register_buffer("p_repulsion", indices(s.prior.repulsion));
  const long nf = s.features.size(), np = s.prior.size();
  m.register_buffer("mean", doubles(s.feature_mean, {nf}));
  m.register_buffer("std", doubles(s.feature_std, {nf}));
  m.register_buffer("prior_mean", doubles(s.prior.mean, {np}));
  m.register_buffer("precision", doubles(s.prior.precision, {np, np}));
  m.register_buffer("sigma", doubles(s.prior.sigma, {(long) s.prior.sigma.size()}));
  m.register_buffer(
      "two_kT", torch::tensor(2 * boltzmann_constant(s.units) * s.temperature, torch::kFloat64));
  const auto type = single ? torch::kFloat32 : torch::kFloat64;
  for (std::size_t k = 0; k < s.layers.size(); k++) {
    const auto &l = s.layers[k];
    m.register_parameter("w" + std::to_string(k), doubles(l.weight, {l.out, l.in}).to(type), false);
    m.register_parameter("b" + std::to_string(k), doubles(l.bias, {l.out}).to(type), false);
  }
  m.define(METHODS);
  m.define(forward_text(s.layers.size()));
  return saved(m);
}

}    // namespace torch_script_support

#endif

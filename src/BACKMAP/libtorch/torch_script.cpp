/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/torch_script.h"

#include <ATen/Parallel.h>
#include <torch/csrc/jit/runtime/jit_exception.h>
#include <torch/script.h>

#include <cstdlib>
#include <cstring>
#include <sstream>
#include <stdexcept>

using namespace BACKMAP_NS;

namespace {

/* ----------------------------------------------------------------------
   first line of an exception of Torch, which carries a stack trace
------------------------------------------------------------------------- */

std::string first_line(const std::exception &e)
{
  const std::string text = e.what();
  return text.substr(0, text.find('\n'));
}

class TorchScript : public CgPotential {
 public:
  TorchScript(const std::string &bytes, const std::string &name);
  std::vector<std::string> bead_names() const override { return names; }
  std::string units() const override { return unit_style; }
  double temperature() const override { return kelvin; }
  void evaluate(int nmol, const double *z, double *energy, double *force) const override;

 private:
  const std::string origin;
  mutable torch::jit::Module module;
  std::vector<std::string> names;
  std::string unit_style;
  double kelvin = 0.0;

  [[noreturn]] void fail(const std::string &what) const
  {
    throw std::runtime_error("TorchScript model " + origin + ": " + what);
  }
  c10::IValue call(const char *method);
};

/* ----------------------------------------------------------------------
   result of a method without arguments
------------------------------------------------------------------------- */

c10::IValue TorchScript::call(const char *method)
{
  if (!module.find_method(method))
    fail(std::string("method ") + method + "() is missing; export it with @torch.jit.export");
  try {
    return module.get_method(method)({});
  } catch (const std::exception &e) {
    fail(std::string("method ") + method + "() failed: " + first_line(e));
  }
}

/* ---------------------------------------------------------------------- */

TorchScript::TorchScript(const std::string &bytes, const std::string &name) : origin(name)
{
  // a molecule is far too little work for several threads, which MPI ranks would oversubscribe
  if (!std::getenv("OMP_NUM_THREADS")) at::set_num_threads(1);

  try {
    std::istringstream in(bytes);
    module = torch::jit::load(in, torch::kCPU);
    module.eval();
    for (const auto &p : module.parameters()) p.set_requires_grad(false);
  } catch (const std::exception &e) {
    fail("cannot be loaded: " + first_line(e));
  }

  const auto list = call("bead_names");
  if (!list.isList()) fail("bead_names() must return List[str]");
  for (const c10::IValue &one : list.toListRef()) {
    if (!one.isString()) fail("bead_names() must return List[str]");
    names.push_back(one.toStringRef());
  }
  if (names.empty()) fail("bead_names() is empty");
  const auto u = call("units");
  if (!u.isString()) fail("units() must return str");
  unit_style = u.toStringRef();
  const auto t = call("temperature");
  if (!t.isDouble()) fail("temperature() must return float");
  kelvin = t.toDouble();
  if (!(kelvin > 0.0)) fail("temperature() must be positive, got " + std::to_string(kelvin));
}

/* ---------------------------------------------------------------------- */

void TorchScript::evaluate(int nmol, const double *z, double *energy, double *force) const
{
  if (nmol == 0) return;
  const long nbeads = (long) names.size();
  try {
    torch::AutoGradMode with_gradients(true);
    const auto options = torch::TensorOptions().dtype(torch::kFloat64);
    // a copy: the network may not see later changes of the caller's array
    torch::Tensor x = torch::empty({nmol, nbeads, 3}, options);
    std::memcpy(x.data_ptr<double>(), z, sizeof(double) * 3 * nbeads * nmol);
    x.set_requires_grad(true);
    const c10::IValue result = module.forward({x});
    if (!result.isTensor()) fail("forward() must return a Tensor");
    const torch::Tensor e = result.toTensor();
    if (e.dim() != 1 || e.size(0) != nmol || e.scalar_type() != torch::kFloat64) {
      std::ostringstream shape;
      shape << e.sizes() << " " << e.dtype();
      fail("forward(): expected a float64 tensor of shape [" + std::to_string(nmol) + "], got " +
           shape.str());
    }
    e.sum().backward();
    if (!x.grad().defined()) fail("forward(): the energy does not depend on the positions");
    const torch::Tensor g = x.grad().neg().contiguous();
    const torch::Tensor plain = e.detach().contiguous();
    std::memcpy(energy, plain.data_ptr<double>(), sizeof(double) * nmol);
    std::memcpy(force, g.data_ptr<double>(), sizeof(double) * 3 * nbeads * nmol);
  } catch (const c10::Error &e) {
    fail("evaluation failed: " + first_line(e));
  } catch (const torch::jit::JITException &e) {
    fail("evaluation failed: " + first_line(e));
  }
}

}    // namespace

/* ---------------------------------------------------------------------- */

std::unique_ptr<CgPotential> BACKMAP_NS::make_torch_script(const std::string &bytes,
                                                           const std::string &origin)
{
  return std::make_unique<TorchScript>(bytes, origin);
}

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/trainer.h"

#include <ATen/Context.h>

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <string>

namespace BACKMAP_NS {

/* ----------------------------------------------------------------------
   the library in which LibTorch finds the product of matrices; Debian's libblas.so.3 is a link to one of several
------------------------------------------------------------------------- */

static std::string library_of_products()
{
  void *torch = dlopen("libtorch_cpu.so", RTLD_LAZY | RTLD_NOLOAD);
  void *product = dlsym(torch ? torch : RTLD_DEFAULT, "sgemm_");
  if (torch) dlclose(torch);
  Dl_info info;
  char real[PATH_MAX];
  if (!product || !dladdr(product, &info) || !info.dli_fname || !realpath(info.dli_fname, real))
    return "";
  return real;
}

/* ---------------------------------------------------------------------- */

LinearAlgebra linear_algebra()
{
  if (at::hasMKL()) return {"MKL", false};
  const std::string path = library_of_products();
  if (path.empty()) return {"an unknown library", false};
  void *library = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
  using Config = char *(*) ();
  const auto config = library ? reinterpret_cast<Config>(dlsym(library, "openblas_get_config"))
                              : nullptr;
  const std::string text = config ? config() : "";
  if (library) dlclose(library);
  // the first two words are name and version
  if (config) return {text.substr(0, text.find(' ', text.find(' ') + 1)), false};
  for (const char *good : {"openblas", "mkl", "blis", "atlas", "flexiblas", "torch"})
    if (path.find(good) != std::string::npos) return {path, false};
  return {"the reference BLAS (" + path + ")", true};
}

}    // namespace BACKMAP_NS

/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "libtorch/trainer.h"

#include <ATen/Context.h>

#include <climits>
#include <cstdlib>
#include <dlfcn.h>
#include <link.h>
#include <string>
#include <vector>

namespace BACKMAP_NS {

namespace {

bool contains(const std::string &text, const char *part)
{
  return text.find(part) != std::string::npos;
}

/* ----------------------------------------------------------------------
   real paths of the loaded libraries that look like a BLAS: Debian's libblas.so.3 is a link
------------------------------------------------------------------------- */

std::vector<std::string> loaded_blas()
{
  std::vector<std::string> out;
  dl_iterate_phdr(
      [](dl_phdr_info *info, size_t, void *list) {
        char real[PATH_MAX];
        if (!info->dlpi_name || !realpath(info->dlpi_name, real)) return 0;
        const std::string path = real, name = path.substr(path.rfind('/') + 1);
        if (contains(name, "blas") || contains(name, "mkl_rt") || contains(name, "libblis"))
          static_cast<std::vector<std::string> *>(list)->push_back(path);
        return 0;
      },
      &out);
  return out;
}

}    // namespace

/* ---------------------------------------------------------------------- */

LinearAlgebra linear_algebra()
{
  if (at::hasMKL()) return {"MKL", false};
  const auto libraries = loaded_blas();
  for (const auto &path : libraries) {
    void *handle = dlopen(path.c_str(), RTLD_LAZY | RTLD_NOLOAD);
    if (!handle) continue;
    using Config = char *(*) ();
    const auto config = reinterpret_cast<Config>(dlsym(handle, "openblas_get_config"));
    const std::string name = config ? config() : "";
    dlclose(handle);
    // the first two words are name and version
    if (config) return {name.substr(0, name.find(' ', name.find(' ') + 1)), false};
  }
  if (libraries.empty()) return {"an unknown library", false};
  const std::string &path = libraries.front();
  for (const char *other : {"mkl", "blis", "atlas", "flexiblas"})
    if (contains(path, other)) return {path, false};
  return {"the reference BLAS (" + path + ")", true};
}

}    // namespace BACKMAP_NS

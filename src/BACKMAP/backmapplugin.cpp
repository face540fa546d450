/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// Entry point of backmapplugin.so: registers every style of src/BACKMAP with the LAMMPS that loads it. The list of
// headers is written by CMake with the rule that LAMMPS uses for its own, so there is none to keep up to date here.

#include "lammpsplugin.h"

#include "lammps.h"
#include "version.h"

#include <cstring>

#include "backmap_style_headers.h"

using namespace LAMMPS_NS;

namespace {

// the arguments of a constructor tell which of LAMMPS's two kinds of factory a style has

template <class Style> void *make_plain(void *lmp)
{
  return (void *) new Style(static_cast<LAMMPS *>(lmp));
}

template <class Style> void *make_with_arguments(void *lmp, int narg, char **arg)
{
  return (void *) new Style(static_cast<LAMMPS *>(lmp), narg, arg);
}

struct Registrar {
  void *lmp, *handle;
  lammpsplugin_regfunc add;

  lammpsplugin_t entry(const char *style, const char *name) const
  {
    lammpsplugin_t plugin;
    memset(&plugin, 0, sizeof(plugin));
    plugin.version = LAMMPS_VERSION;
    plugin.style = style;
    plugin.name = name;
    plugin.info = "BACKMAP: Boltzmann-weighted all-atom structures from coarse-grained runs";
    plugin.author = "the BACKMAP authors";
    plugin.handle = handle;
    return plugin;
  }

  void plain(const char *style, const char *name, lammpsplugin_factory1 *make) const
  {
    auto plugin = entry(style, name);
    plugin.creator.v1 = make;
    add(&plugin, lmp);
  }

  void with_arguments(const char *style, const char *name, lammpsplugin_factory2 *make) const
  {
    auto plugin = entry(style, name);
    plugin.creator.v2 = make;
    add(&plugin, lmp);
  }
};

}    // namespace

/* ---------------------------------------------------------------------- */

extern "C" void lammpsplugin_init(void *lmp, void *handle, void *regfunc)
{
  const Registrar registrar{lmp, handle, (lammpsplugin_regfunc) regfunc};

#define PAIR_CLASS
#define PairStyle(key, Class) registrar.plain("pair", #key, &make_plain<Class>)
#include "backmap_style_headers.h"
#undef PairStyle
#undef PAIR_CLASS

#define FIX_CLASS
#define FixStyle(key, Class) registrar.with_arguments("fix", #key, &make_with_arguments<Class>)
#include "backmap_style_headers.h"
#undef FixStyle
#undef FIX_CLASS

#define COMPUTE_CLASS
#define ComputeStyle(key, Class) \
  registrar.with_arguments("compute", #key, &make_with_arguments<Class>)
#include "backmap_style_headers.h"
#undef ComputeStyle
#undef COMPUTE_CLASS

#define COMMAND_CLASS
#define CommandStyle(key, Class) registrar.plain("command", #key, &make_plain<Class>)
#include "backmap_style_headers.h"
#undef CommandStyle
#undef COMMAND_CLASS
}

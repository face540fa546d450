/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "fix_backmap_kokkos.h"

#include "atom_kokkos.h"
#include "atom_masks.h"
#include "update.h"

using namespace LAMMPS_NS;

// what a frame needs besides the forces

static constexpr unsigned int FRAME =
    X_MASK | TAG_MASK | TYPE_MASK | MASK_MASK | MOLECULE_MASK | IMAGE_MASK;

/* ----------------------------------------------------------------------
   LAMMPS syncs nothing for this fix: in most steps there is nothing to look at
------------------------------------------------------------------------- */

FixBackmapKokkos::FixBackmapKokkos(LAMMPS *lmp, int narg, char **arg) : FixBackmap(lmp, narg, arg)
{
  kokkosable = 1;
  execution_space = Host;
  datamask_read = EMPTY_MASK;
  datamask_modify = EMPTY_MASK;
}

/* ---------------------------------------------------------------------- */

void FixBackmapKokkos::init()
{
  atomKK->sync(Host, FRAME);
  FixBackmap::init();
}

/* ---------------------------------------------------------------------- */

void FixBackmapKokkos::fetch_forces()
{
  if (update->ntimestep % nevery == 0) atomKK->sync(Host, F_MASK);
}

void FixBackmapKokkos::setup_pre_reverse(int eflag, int vflag)
{
  fetch_forces();
  FixBackmap::setup_pre_reverse(eflag, vflag);
}

void FixBackmapKokkos::pre_reverse(int eflag, int vflag)
{
  fetch_forces();
  FixBackmap::pre_reverse(eflag, vflag);
}

/* ---------------------------------------------------------------------- */

void FixBackmapKokkos::end_of_step()
{
  atomKK->sync(Host, FRAME | F_MASK);
  FixBackmap::end_of_step();
}

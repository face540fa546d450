/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "compute_reweight.h"

#include "fix_backmap.h"

#include "lammps/partitions.h"

#include "error.h"
#include "memory.h"
#include "modify.h"
#include "update.h"

using namespace LAMMPS_NS;
using BACKMAP_NS::backmap_error;

/* ---------------------------------------------------------------------- */

ComputeReweight::ComputeReweight(LAMMPS *lmp, int narg, char **arg) : Compute(lmp, narg, arg)
{
  if (narg < 5)
    backmap_error(
        lmp,
        "Compute reweight: expected compute ID group reweight FIX-ID observable ..., got {} words",
        narg);
  id_fix = arg[3];
  for (int i = 4; i < narg; i++) observables.emplace_back(arg[i]);

  array_flag = 1;
  size_array_rows = static_cast<int>(observables.size());
  size_array_cols = 6;
  extarray = 0;
  FixBackmap *fix = find_fix();
  for (const auto &o : observables) rows.push_back(fix->request(o));
  memory->create(array, size_array_rows, size_array_cols, "reweight:array");
}

/* ---------------------------------------------------------------------- */

ComputeReweight::~ComputeReweight()
{
  memory->destroy(array);
}

/* ---------------------------------------------------------------------- */

FixBackmap *ComputeReweight::find_fix()
{
  const int ifix = modify->find_fix(id_fix);
  auto *fix = ifix < 0 ? nullptr : dynamic_cast<FixBackmap *>(modify->fix[ifix]);
  if (!fix)
    backmap_error(lmp, "Compute reweight {}: there is no fix backmap with ID {}", id, id_fix);
  return fix;
}

/* ----------------------------------------------------------------------
   the fix may be a new one since the last run
------------------------------------------------------------------------- */

void ComputeReweight::init()
{
  FixBackmap *fix = find_fix();
  for (std::size_t k = 0; k < rows.size(); k++) rows[k] = fix->request(observables[k]);
}

/* ---------------------------------------------------------------------- */

void ComputeReweight::compute_array()
{
  invoked_array = update->ntimestep;
  const auto &means = find_fix()->means();
  for (std::size_t k = 0; k < rows.size(); k++) {
    array[k][0] = means[rows[k]].mean;
    array[k][1] = means[rows[k]].error;
    array[k][2] = means[rows[k]].unweighted;
    array[k][3] = means[rows[k]].lower;
    array[k][4] = means[rows[k]].upper;
    array[k][5] = means[rows[k]].entries;
  }
}

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

// TorchScript networks (.pt) as a CG potential.  Standard types only; needs the LibTorch part of
// the build.

#ifndef BACKMAP_LIBTORCH_TORCH_SCRIPT_H
#define BACKMAP_LIBTORCH_TORCH_SCRIPT_H

#include "cgnet/cgnet.h"

#include <memory>
#include <string>

namespace BACKMAP_NS {

/**
   A TorchScript archive held in `bytes`, evaluated by LibTorch; `origin` names it in errors.

   An archive is a program: loading it runs code of whoever made it.  The contract:
     forward(z: Tensor) -> Tensor   z float64 [nmol, nbeads, 3], whole molecules; returns the
                                    energies [nmol], float64, differentiable
     bead_names() -> List[str]      in bead order
     units() -> str                 LAMMPS unit style of z and the energy
     temperature() -> float         K, the temperature it was trained at
   The last three must be exported methods (@torch.jit.export) without further arguments.

   Throws std::runtime_error when it cannot be loaded or breaks the contract.  Evaluations of one
   object must not overlap.
*/
std::unique_ptr<CgPotential> make_torch_script(const std::string &bytes, const std::string &origin);

}    // namespace BACKMAP_NS

#endif

/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_CORE_TEAM_H
#define BACKMAP_CORE_TEAM_H

// How the members of a team share the work of a kernel. On hosts a team is one thread, on devices many.
// A policy has rank(), size() and barrier(), and `alone`, true of a team that never has more than one.

#include "core/pack.h"

namespace BACKMAP_NS {

/// Policy of a team of one.
struct SerialMember {
  static constexpr bool alone = true;
  BACKMAP_FUNCTION int rank() const { return 0; }
  BACKMAP_FUNCTION int size() const { return 1; }
  BACKMAP_FUNCTION void barrier() const {}
};

/// Rows of a matrix are computed in blocks, which stay in registers while all columns pass. Blocks
/// differ by one row at most.
constexpr int ROW_BLOCK = 6;

struct RowBlock {
  int first, rows;
};

BACKMAP_FUNCTION int row_blocks(int nrows)
{
  return (nrows + ROW_BLOCK - 1) / ROW_BLOCK;
}

BACKMAP_FUNCTION RowBlock row_block(int nrows, int b)
{
  const int n = row_blocks(nrows), base = nrows / n, extra = nrows % n;
  return {b * base + (b < extra ? b : extra), base + (b < extra ? 1 : 0)};
}

}    // namespace BACKMAP_NS

#endif

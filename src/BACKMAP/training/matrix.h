/* -*- c++ -*- ----------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#ifndef BACKMAP_TRAINING_MATRIX_H
#define BACKMAP_TRAINING_MATRIX_H

#include <vector>

namespace BACKMAP_NS {

/** Lower triangular L with L L^T = a, in place of the symmetric a [n][n]; the upper triangle becomes 0. Throws
    std::runtime_error, starting with `what`, if a is not positive definite: it is the covariance of coordinates. */
void cholesky(std::vector<double> &a, int n, const char *what);

/** Inverse of a symmetric positive definite a [n][n], symmetric to the last bit. Throws like cholesky(). */
std::vector<double> inverse(std::vector<double> a, int n, const char *what);

}    // namespace BACKMAP_NS

#endif

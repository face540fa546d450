/* ----------------------------------------------------------------------
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

#include "training/matrix.h"

#include <cmath>
#include <stdexcept>
#include <string>

namespace BACKMAP_NS {

/* ---------------------------------------------------------------------- */

void cholesky(std::vector<double> &a, int n, const char *what)
{
  for (int j = 0; j < n; j++) {
    for (int k = 0; k < j; k++)
      for (int i = j; i < n; i++) a[i * n + j] -= a[i * n + k] * a[j * n + k];
    if (!(a[j * n + j] > 0.0))
      throw std::runtime_error(
          std::string(what) + " is singular (linearly dependent coordinates, first: " +
          std::to_string(j + 1) + "); too few frames, or a constrained molecule");
    const double d = std::sqrt(a[j * n + j]);
    for (int i = j; i < n; i++) a[i * n + j] /= d;
    for (int i = 0; i < j; i++) a[i * n + j] = 0.0;
  }
}

/* ---------------------------------------------------------------------- */

std::vector<double> inverse(std::vector<double> a, int n, const char *what)
{
  cholesky(a, n, what);
  std::vector<double> out((std::size_t) n * n);
  for (int c = 0; c < n; c++) {
    std::vector<double> y(n, 0.0);
    for (int i = 0; i < n; i++) {
      double s = i == c ? 1.0 : 0.0;
      for (int k = 0; k < i; k++) s -= a[i * n + k] * y[k];
      y[i] = s / a[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
      for (int k = i + 1; k < n; k++) y[i] -= a[k * n + i] * y[k];
      y[i] /= a[i * n + i];
    }
    for (int i = 0; i < n; i++) out[i * n + c] = y[i];
  }
  for (int i = 0; i < n; i++)
    for (int j = 0; j < i; j++)
      out[i * n + j] = out[j * n + i] = 0.5 * (out[i * n + j] + out[j * n + i]);
  return out;
}

}    // namespace BACKMAP_NS

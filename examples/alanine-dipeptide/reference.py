#!/usr/bin/env python3
"""All-atom reference: phi/psi free energy and population of phi > 0 from the windows of in.reference.

usage: reference.py OUT.txt RUN.1.txt [RUN.2.txt ...]

Every run holds rows of phi0 psi0 phi psi (degrees) under the bias K_phi [1 - cos(phi - phi0)] + K_psi
[1 - cos(psi - psi0)]. All windows are combined by WHAM (Kumar, Bouzida, Swendsen, Kollman and Rosenberg, J. Comput. Chem.
13, 1011 (1992), equations 19 and 20) on bins of 1 degree. Writes rows of phi psi F/kT error/kT (centres of bins of 10 degrees), and
as comments the population of phi > 0 and Delta F = -kT ln(p / (1 - p)). Errors: standard errors from the contiguous halves
of all windows of every run, each combined on its own.
"""
import re
import sys

import numpy as np

KT = 0.0019872067 * 300.0  # kcal/mol
FINE = 360                 # bins of WHAM along an angle
COARSE = 36                # bins of the table


def read_run(name):
    """Rows phi0 psi0 phi psi, K_phi, K_psi and the header."""
    with open(name) as f:
        header = f.readline()
    k = re.search(r'K ([\d.]+) ([\d.]+)', header)
    return np.loadtxt(name, comments='#'), float(k.group(1)), float(k.group(2)), header


def estimate(rows, k_phi, k_psi):
    """Population of phi > 0 and -ln of the populations [COARSE][COARSE]."""
    centres, state = np.unique(rows[:, :2], axis=0, return_inverse=True)
    n = np.bincount(state.ravel()).astype(float)
    edges = np.linspace(-180.0, 180.0, FINE + 1)
    count, _, _ = np.histogram2d(rows[:, 2], rows[:, 3], bins=[edges, edges])
    mid = np.radians(0.5 * (edges[1:] + edges[:-1]))
    # the bias factor of a window is a product over the two angles, so no table over windows and bins is needed
    angles = [np.unique(centres[:, i]) for i in (0, 1)]
    factor = [np.exp(-k * (1.0 - np.cos(mid[None, :] - np.radians(a)[:, None])) / KT)
              for a, k in zip(angles, (k_phi, k_psi))]
    at = tuple(np.searchsorted(angles[i], centres[:, i]) for i in (0, 1))
    samples = np.zeros((len(angles[0]), len(angles[1])))
    samples[at] = n
    z = np.ones_like(samples)
    p = np.full((FINE, FINE), 1.0 / FINE**2)
    for _ in range(20000):
        new = count / np.maximum(factor[0].T @ (samples / z) @ factor[1], 1.0e-300)
        new /= new.sum()
        z = factor[0] @ new @ factor[1].T
        if np.abs(new - p).sum() < 1.0e-9:
            break
        p = new
    coarse = new.reshape(COARSE, FINE // COARSE, COARSE, FINE // COARSE).sum(axis=(1, 3))
    with np.errstate(divide='ignore'):
        return new[FINE // 2:].sum(), -np.log(coarse)


def half(rows, which):
    """The first or the second half of every window."""
    _, state = np.unique(rows[:, :2], axis=0, return_inverse=True)
    keep = np.zeros(len(rows), bool)
    for s in range(state.max() + 1):
        at = np.flatnonzero(state.ravel() == s)
        keep[at[:len(at) // 2] if which == 0 else at[len(at) // 2:]] = True
    return rows[keep]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    runs = [read_run(name) for name in sys.argv[2:]]
    k = runs[0][1:3]
    p, f = estimate(np.concatenate([r[0] for r in runs]), *k)
    parts = [estimate(half(r[0], i), *k) for r in runs for i in range(2)]
    n = len(parts)
    error = np.std([q[0] for q in parts], ddof=1) / np.sqrt(n)
    delta = lambda q: -np.log(q / (1.0 - q))
    delta_error = np.std([delta(q[0]) for q in parts], ddof=1) / np.sqrt(n)
    with np.errstate(invalid='ignore'):
        spread = np.std([q[1] for q in parts], axis=0, ddof=1) / np.sqrt(n)

    f -= f.min()
    edges = np.linspace(-180.0, 180.0, COARSE + 1)
    mid = 0.5 * (edges[1:] + edges[:-1])
    dielectric = re.search(r'dielectric constant ([\d.]+)', runs[0][3]).group(1)
    with open(sys.argv[1], 'w') as out:
        out.write('# all-atom reference of alanine dipeptide, ff14SB, 300 K, dielectric constant %s: %d runs of in.reference\n'
                  '# population of phi > 0: %.5f +- %.5f\n# Delta F(phi > 0): %.3f +- %.3f kT\n# phi psi F/kT error/kT\n'
                  % (dielectric, len(runs), p, error, delta(p), delta_error))
        for i, a in enumerate(mid):
            for j, b in enumerate(mid):
                out.write('%.0f %.0f %.3f %.3f\n' % (a, b, f[i, j], spread[i, j]))
    print('population of phi > 0: %.5f +- %.5f; Delta F %.3f +- %.3f kT; parts %s'
          % (p, error, delta(p), delta_error, ' '.join('%.5f' % q[0] for q in parts)))


if __name__ == '__main__':
    main()

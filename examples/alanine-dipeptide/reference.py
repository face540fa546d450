#!/usr/bin/env python3
"""All-atom reference: phi/psi free energy and population of phi > 0 from independent runs of in.umbrella.

usage: reference.py OUT.txt umbrella.*.dump umbrella[1-7].*.dump

The windows (bias K [1 - cos(phi - phi_0)], K = 20 kcal/mol, phi_0 = -180 + 15 w degrees) are combined by WHAM (Kumar, Bouzida,
Swendsen, Kollman and Rosenberg, J. Comput. Chem. 13, 1011 (1992), equations 19 and 20) along phi. Between 122 and 143 degrees
psi jumps by 150 degrees behind a barrier that a window does not cross in its time: overlap in phi is no overlap there, and a run
that takes it for one is off by a factor of five. The circle is therefore cut there, and the windows are joined through phi = 0
and phi = 180 alone, where psi turns freely (what lies in the cut, about 1e-4, is left out).
Writes rows of phi psi F/kT error/kT (bin centres in degrees), and as comments the population of phi > 0 and Delta F =
-kT ln(p / (1 - p)); standard errors from the independent runs (files of one name but for the number are one run), and 95 %
intervals by Student's t: n runs have n - 1 degrees of freedom, so that the interval of three runs is 4.3 errors to each side,
that of eight 2.4.
"""
import re
import sys

import numpy as np

KT = 0.0019872067 * 300.0  # kcal/mol
K_BIAS = 20.0              # kcal/mol
STRIDE = 4                 # of the dumped frames: they are correlated
CUT = (122.0, 143.0)       # degrees of phi; the window at 135 lies inside
FINE, COARSE = 720, 36     # bins of WHAM and of the table
PHI, PSI = (5, 7, 9, 15), (7, 9, 15, 17)


def read_dump(name):
    """Positions (frames, atoms, 3) of a dump sorted by id, every STRIDE-th frame."""
    blocks = open(name).read().split('ITEM: TIMESTEP\n')[2::STRIDE]
    rows = [np.array(b.split('ITEM: ATOMS')[1].split('\n', 1)[1].split(), float) for b in blocks]
    natoms = int(blocks[0].split('ITEM: NUMBER OF ATOMS\n')[1].split()[0])
    return np.array(rows).reshape(len(rows), natoms, -1)[:, :, 1:4]


def dihedral(x, ids):
    a, b, c, d = (x[:, i - 1] for i in ids)
    b1, b2, b3 = b - a, c - b, d - c
    m, n = np.cross(b1, b2), np.cross(b2, b3)
    return np.degrees(np.arctan2(np.linalg.norm(b2, axis=1) * (b1 * n).sum(1), (m * n).sum(1)))


def student_t(dof):
    """The 97.5 % quantile; beyond ten degrees of freedom by Abramowitz and Stegun 26.7.5, right to 0.001."""
    known = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
    if dof < 1:
        return np.nan
    if dof <= len(known):
        return known[dof - 1]
    z = 1.959964
    return z + (z**3 + z) / (4 * dof) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * dof**2)


def in_cut(phi):
    return (phi > CUT[0]) & (phi < CUT[1])


def wham(phi0, phi):
    """Populations of FINE bins of phi, and the weight of each frame, from frames of windows at phi0."""
    centres, state = np.unique(phi0, return_inverse=True)
    n = np.bincount(state).astype(float)
    edges = np.linspace(-180.0, 180.0, FINE + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    count, _ = np.histogram(phi, bins=edges)
    factor = np.exp(-K_BIAS * (1.0 - np.cos(np.radians(middle - centres[:, None]))) / KT) * ~in_cut(middle)
    z = np.ones(len(centres))
    p = np.zeros(FINE)
    for _ in range(30000):
        new = count / np.maximum((n / z) @ factor, 1.0e-300)
        new /= new.sum()
        z = factor @ new
        if np.abs(new - p).sum() < 1.0e-10:
            break
        p = new
    at = np.clip(((phi + 180.0) * FINE / 360.0).astype(int), 0, FINE - 1)
    return new, (new / np.maximum(count, 1))[at]


def estimate(rows):
    """Population of phi > 0 and -ln of the populations [COARSE][COARSE] from rows of phi_0 phi psi."""
    rows = rows[~in_cut(rows[:, 1])]
    p, weight = wham(rows[:, 0], rows[:, 1])
    edges = np.linspace(-180.0, 180.0, COARSE + 1)
    h, _, _ = np.histogram2d(rows[:, 1], rows[:, 2], bins=[edges, edges], weights=weight)
    with np.errstate(divide='ignore'):
        return p[FINE // 2:].sum(), -np.log(h)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    runs = {}
    for name in sys.argv[2:]:
        run, window = re.match(r'(.*)\.(\d+)\.dump$', name).groups()
        phi0 = (15.0 * int(window)) % 360.0 - 180.0
        if in_cut(phi0):
            continue
        x = read_dump(name)
        rows = np.stack([np.full(len(x), phi0), dihedral(x, PHI), dihedral(x, PSI)], axis=1)
        runs.setdefault(run, []).append(rows)
    runs = [np.concatenate(r) for r in runs.values()]
    p, f = estimate(np.concatenate(runs))
    parts = [estimate(r) for r in runs]
    delta = lambda q: -np.log(q / (1.0 - q))
    spread = lambda v: np.std(v, axis=0, ddof=1) / np.sqrt(len(v)) if len(v) > 1 else np.full(np.shape(v[0]), np.nan)
    with np.errstate(invalid='ignore'):
        error = spread([q[1] for q in parts])
    t = student_t(len(parts) - 1)
    interval = lambda v, e: '%.4g +- %.2g (95 %% from %.4g to %.4g)' % (v, e, v - t * e, v + t * e)
    text = ('population of phi > 0: %s\n# Delta F(phi > 0), kT: %s'
            % (interval(p, spread([q[0] for q in parts])),
               interval(delta(p), spread([delta(q[0]) for q in parts]))))
    f -= f.min()
    edges = np.linspace(-180.0, 180.0, COARSE + 1)
    middle = 0.5 * (edges[1:] + edges[:-1])
    with open(sys.argv[1], 'w') as out:
        out.write('# all-atom reference of alanine dipeptide, ff14SB, 300 K: %d run(s) of in.umbrella,\n# standard errors of %d degrees of freedom\n# %s\n# phi psi F/kT error/kT\n'
                  % (len(runs), len(runs) - 1, text))
        for i, a in enumerate(middle):
            for j, b in enumerate(middle):
                out.write('%.0f %.0f %.3f %.3f\n' % (a, b, f[i, j], error[i, j]))
    print(text, '(runs: %s)' % ' '.join('%.5f' % q[0] for q in parts))


if __name__ == '__main__':
    main()

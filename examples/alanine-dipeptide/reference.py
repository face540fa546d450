#!/usr/bin/env python3
"""All-atom reference: phi/psi free energy and population of phi > 0 from the umbrella windows.

usage: reference.py OUT.txt umbrella.1.dump umbrella.2.dump ...

The windows of in.umbrella (bias K [1 - cos(phi - phi_0)], K = 20 kcal/mol, phi_0 = -180 + 15 w degrees)
are combined by MBAR (Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008); package pymbar).
Writes rows of phi psi F/kT (bin centres in degrees), and as a comment the population of phi > 0 with the
standard error from four contiguous quarters of every window.
"""
import re
import sys

import numpy as np
from pymbar import MBAR

KT = 0.0019872067 * 300.0  # kcal/mol
K_BIAS = 20.0              # kcal/mol
STRIDE = 4                 # of the dumped frames: they are correlated
BINS = 36
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


def weights(phi, centres):
    """Boltzmann weights of all frames; phi is a list of one array a window."""
    everything = np.concatenate(phi)
    bias = K_BIAS * (1.0 - np.cos(np.radians(everything[None] - centres[:, None]))) / KT
    counts = np.array([len(p) for p in phi] + [0])
    mbar = MBAR(np.vstack([bias, np.zeros(len(everything))]), counts)
    return mbar.getWeights()[:, -1] if hasattr(mbar, 'getWeights') else mbar.weights()[:, -1]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    windows = [int(re.search(r'(\d+)\.dump$', f).group(1)) for f in sys.argv[2:]]
    centres = -180.0 + 15.0 * np.array(windows)
    phi, psi = [], []
    for name in sys.argv[2:]:
        x = read_dump(name)
        phi.append(dihedral(x, PHI))
        psi.append(dihedral(x, PSI))

    quarters = []
    for q in range(4):
        part = [p[q * len(p) // 4:(q + 1) * len(p) // 4] for p in phi]
        quarters.append(weights(part, centres)[np.concatenate(part) > 0.0].sum())
    w = weights(phi, centres)
    positive = w[np.concatenate(phi) > 0.0].sum()
    error = np.std(quarters, ddof=1) / 2.0

    edges = np.linspace(-180.0, 180.0, BINS + 1)
    h, _, _ = np.histogram2d(np.concatenate(phi), np.concatenate(psi), bins=[edges, edges], weights=w)
    with np.errstate(divide='ignore'):
        f = -np.log(h)
    f -= f.min()
    mid = 0.5 * (edges[1:] + edges[:-1])
    with open(sys.argv[1], 'w') as out:
        out.write('# all-atom reference of alanine dipeptide, ff14SB, vacuum, 300 K: %d umbrella windows\n'
                  '# population of phi > 0: %.5f +- %.5f\n# phi psi F/kT\n' % (len(windows), positive, error))
        for i, a in enumerate(mid):
            for j, b in enumerate(mid):
                out.write('%.0f %.0f %.3f\n' % (a, b, f[i, j]))
    print('population of phi > 0: %.5f +- %.5f' % (positive, error))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Means of an all-atom observable from dumps of in.sample, with errors from blocks, and whether the starts agree.

usage: observables.py N DUMP...

Prints for each dump, and for all together: the fraction of gauche O-C-C-O and of gauche C-C-O-C torsions, the radius of gyration, the
distance between the ends, and the variance of that distance. The error is that of the mean of 10 blocks a dump.
"""
import sys

import numpy as np

BLOCKS = 10


def frames(name, natoms):
    """Positions [frames][atoms][3]; the dumps are sorted by atom ID."""
    lines = natoms + 9
    with open(name) as file:
        while True:
            block = [file.readline() for _ in range(lines)]
            if not block[-1].endswith('\n'):
                return
            yield [row.split()[1:4] for row in block[9:]]


def torsion(x, a, b, c, d):
    b1, b2, b3 = x[:, b] - x[:, a], x[:, c] - x[:, b], x[:, d] - x[:, c]
    n1, n2 = np.cross(b1, b2), np.cross(b2, b3)
    y = np.einsum('ij,ij->i', np.cross(n1, n2), b2) / np.linalg.norm(b2, axis=1)
    return np.degrees(np.arctan2(y, np.einsum('ij,ij->i', n1, n2)))


def gauche(x, torsions):
    """For each frame the fraction of these torsions within 120 degrees of cis."""
    return np.mean([np.abs(torsion(x, *t)) < 120.0 for t in torsions], axis=0)


def observables(x, n):
    carbon = [[5 + 7 * k, 8 + 7 * k] for k in range(n)]    # of monomer k, from 0
    oxygen = [4 + 7 * k for k in range(n + 1)]
    occo = [(oxygen[k], *carbon[k], oxygen[k + 1]) for k in range(n)]
    ccoc = [(carbon[k][0], carbon[k][1], oxygen[k + 1], carbon[k + 1][0]) for k in range(n - 1)]
    ccoc += [(carbon[k + 1][1], carbon[k + 1][0], oxygen[k + 1], carbon[k][1]) for k in range(n - 1)]
    mass = np.full(x.shape[1], 1.008)
    mass[[0, x.shape[1] - 4] + sum(carbon, [])] = 12.011
    mass[oxygen] = 15.9994
    centred = x - np.average(x, axis=1, weights=mass)[:, None]
    rg = np.sqrt(np.average((centred**2).sum(axis=2), axis=1, weights=mass))
    ends = np.linalg.norm(x[:, 0] - x[:, -4], axis=1)
    return {'gauche O-C-C-O': gauche(x, occo), 'gauche C-C-O-C': gauche(x, ccoc), 'rg': rg, 'end_to_end': ends,
            'end_to_end^2': ends**2}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    n, every = int(sys.argv[1]), []
    for name in sys.argv[2:]:
        values = observables(np.array(list(frames(name, 7 * n + 9)), float), n)
        every.append({key: [b.mean() for b in np.array_split(v, BLOCKS)] for key, v in values.items()})
        print('%s: %d frames' % (name, len(values['rg'])))
    for key in every[0]:
        blocks = [run[key] for run in every] + [sum((run[key] for run in every), [])]
        figures = [(np.mean(b), np.std(b, ddof=1) / np.sqrt(len(b))) for b in blocks]
        row = '  '.join('%9.4f +- %.4f' % f for f in figures)
        if len(every) == 2:
            (a, da), (b, db) = figures[:2]
            row += '   difference %.1f sigma' % (abs(a - b) / np.hypot(da, db))
        print('%-16s %s' % (key, row))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Means and distributions at 300 K from the all-atom replica exchange, of observables that the flow draws.

usage: observables.py OUT.txt SIDE [SIDE ...]        (SIDE: minus, plus)

Reads log.allatom.SIDE (which partition had 300 K at which step) and observables.SIDE.P.txt (written by in.observables).
Writes the mean of each column with its standard error, from 16 blocks a side (both sides must agree: printed), and the
probability density of the distance of the hydrogen bond.
"""
import sys

import numpy as np

BLOCKS = 16  # a side; each is 0.5 ns, far longer than any autocorrelation within the basin phi < 0
EDGES = np.linspace(1.5, 6.0, 46)  # Angstrom


def partition_at_300(log, steps):
    """The partition that had the first temperature while each step ran: swaps are tried after the step is written."""
    rows = []
    for line in open(log):
        words = line.split()
        if words and words[0].isdigit():
            rows.append([int(w) for w in words])
    rows = np.array(rows)
    at = np.searchsorted(rows[:, 0], steps, side='left') - 1
    return np.argmin(rows[np.maximum(at, 0), 1:], axis=1)


def read_side(side):
    names = open('observables.%s.0.txt' % side).readline().lstrip('#').split()
    tables = []
    while True:
        try:
            tables.append(np.loadtxt('observables.%s.%d.txt' % (side, len(tables))))
        except OSError:
            break
    tables = np.array(tables)
    who = partition_at_300('log.allatom.' + side, tables[0, :, 0])
    return names[1:], tables[who, np.arange(len(who)), 1:]


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sides = [read_side(s) for s in sys.argv[2:]]
    names = sides[0][0]
    blocks = np.array([[b.mean(axis=0) for b in np.array_split(v, BLOCKS)] for _, v in sides])
    mean = blocks.mean(axis=(0, 1))
    error = blocks.reshape(-1, len(names)).std(axis=0, ddof=1) / np.sqrt(len(sides) * BLOCKS)
    for k, name in enumerate(names):
        print('%s %.4f +- %.4f, sides:' % (name, mean[k], error[k]),
              ' '.join('%.4f +- %.4f' % (b[:, k].mean(), b[:, k].std(ddof=1) / np.sqrt(BLOCKS)) for b in blocks))
    h = [np.histogram(v[:, names.index('hbond')], bins=EDGES, density=True)[0]
         for _, side in sides for v in np.array_split(side, BLOCKS)]
    density, spread = np.mean(h, axis=0), np.std(h, axis=0, ddof=1) / np.sqrt(len(h))
    with open(sys.argv[1], 'w') as out:
        out.write('# alanine dipeptide, ff14SB, 300 K: all-atom replica exchange from %d sides, %d blocks\n'
                  % (len(sides), len(h)))
        for k, name in enumerate(names):
            out.write('# mean of %s: %.5f +- %.5f\n' % (name, mean[k], error[k]))
        out.write('# hbond (Angstrom), density, error\n')
        np.savetxt(out, np.column_stack([0.5 * (EDGES[1:] + EDGES[:-1]), density, spread]), fmt='%.3f %.5f %.5f')


if __name__ == '__main__':
    main()

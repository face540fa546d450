#!/usr/bin/env python3
"""All-atom means at 300 K of observables that the flow draws, from the umbrella windows.

usage: observables.py OUT.txt RUN [RUN ...]        (RUN: umbrella, umbrella1, ...)

Reads observables.RUN.W.txt (written by in.observables), weighs the frames as reference.py does, and writes the mean of each
observable with its standard error from the independent runs, and the probability density of the distance of the hydrogen bond.
"""
import sys

import numpy as np

from reference import in_cut, wham

EDGES = np.linspace(1.5, 6.0, 46)  # Angstrom


def estimate(rows):
    """Means of all columns after phi_0 and phi, and the density of the last one."""
    rows = rows[~in_cut(rows[:, 1])]
    _, weight = wham(rows[:, 0], rows[:, 1])
    weight /= weight.sum()
    return weight @ rows[:, 2:], np.histogram(rows[:, -1], bins=EDGES, weights=weight, density=True)[0]


def read_run(run):
    rows = []
    for window in range(1, 25):
        phi0 = (15.0 * window) % 360.0 - 180.0
        if not in_cut(phi0):
            table = np.loadtxt('observables.%s.%d.txt' % (run, window))
            rows.append(np.column_stack([np.full(len(table), phi0), table]))
    return np.concatenate(rows)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    names = open('observables.%s.1.txt' % sys.argv[2]).readline().split()[2:]
    runs = [read_run(r) for r in sys.argv[2:]]
    mean, density = estimate(np.concatenate(runs))
    parts = [estimate(r) for r in runs]
    error, spread = (np.std([q[k] for q in parts], axis=0, ddof=1) / np.sqrt(len(parts)) for k in (0, 1))
    with open(sys.argv[1], 'w') as out:
        out.write('# alanine dipeptide, ff14SB, 300 K: %d runs of in.umbrella\n' % len(runs))
        for k, name in enumerate(names):
            out.write('# mean %s %.5f %.5f\n' % (name, mean[k], error[k]))
        out.write('# distance of the hydrogen bond (Angstrom), density, error\n')
        np.savetxt(out, np.column_stack([0.5 * (EDGES[1:] + EDGES[:-1]), density, spread]), fmt='%.3f %.5f %.5f')
    print(*open(sys.argv[1]).read().split('# distance')[0].splitlines(), sep='\n')


if __name__ == '__main__':
    main()

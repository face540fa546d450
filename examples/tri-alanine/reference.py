#!/usr/bin/env python3
"""Populations of the patterns of phi: the all-atom reference beside the backmapped coarse-grained runs.

usage: reference.py [OUT.png] [SUMMARY.json ...]      in the folder of the runs of in.allatom (phi.SIDE.P.txt, log.allatom.SIDE)

A pattern has m for phi < 0 and p for phi > 0 at each of the three residues, as in in.fine. The first fifth of each all-atom run
is left out, because it remembers its start. The all-atom errors come from ten blocks of each run, those of the coarse-grained
runs from backmap_report; z is the difference to the reference over both errors.
Writes ala3.reference.txt, and draws OUT.png.
"""
import json
import sys

import numpy as np

PATTERNS = ['mmm', 'mmp', 'mpm', 'mpp', 'pmm', 'pmp', 'ppm', 'ppp']
BLOCKS = 10


def patterns_at_300K(side):
    """Number of the pattern of each frame at 300 K, in time order."""
    words = (line.split() for line in open('log.allatom.' + side))
    rows = {int(w[0]): w[1:] for w in words if w and all(v.isdigit() for v in w)}
    swap, replicas = sorted(rows)[1], len(next(iter(rows.values())))
    tables = [np.loadtxt('phi.%s.%d.txt' % (side, p)) for p in range(replicas)]
    count = min(len(t) for t in tables)
    steps = tables[0][1:count, 0].astype(int)
    # the row of a swap holds for the steps after it
    holder = np.array([rows[(s - 1) // swap * swap].index('0') for s in steps])
    phi = np.array([t[1:count, 1:] for t in tables])[holder, np.arange(count - 1)]
    return (((phi > 0.0) & (phi < 150.0)) @ [4, 2, 1])[len(phi) // 5:]


def shares(frames):
    return np.array([np.bincount(b, minlength=8) / len(b) for b in np.array_split(frames, BLOCKS)])


def draw(name, columns, names):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    figure, axes = plt.subplots(figsize=(8, 3.6), constrained_layout=True)
    for k, ((value, error), label) in enumerate(zip(columns, names)):
        at = np.arange(8) + 0.12 * (k - 0.5 * (len(columns) - 1))
        allatom = k < 3
        axes.errorbar(at, value, error, fmt='s' if allatom else 'o', color='C%d' % (k % 3), capsize=3, markersize=5,
                      markerfacecolor='C%d' % (k % 3) if allatom else 'white',
                      label=('all-atom, ' if allatom else 'backmapped, ') + (label if allatom else names[k % 3]))
    axes.set(xticks=np.arange(8), xticklabels=PATTERNS, yscale='log', ylim=(1e-5, 1.5), ylabel='population at 300 K',
             xlabel='side of phi at the three residues (m: phi < 0, p: phi > 0)')
    axes.legend(ncol=3, fontsize=8, loc='lower center', bbox_to_anchor=(0.5, 1.0))
    figure.savefig(name, dpi=120)


def main():
    runs = [shares(patterns_at_300K(side)) for side in ('minus', 'plus')]
    both = np.concatenate(runs)
    columns = [(r.mean(axis=0), r.std(axis=0, ddof=1) / np.sqrt(len(r))) for r in runs + [both]]
    np.savetxt('ala3.reference.txt', np.column_stack([columns[2][0], columns[2][1]]), fmt='%.5f',
               header='capped tri-alanine, ff14SB, 300 K: populations of %s, standard errors (in.allatom, reference.py)'
               % ' '.join(PATTERNS))
    names = ['minus', 'plus', 'both']
    pictures = [a for a in sys.argv[1:] if a.endswith('.png')]
    for name in sys.argv[1 + len(pictures):]:
        estimates = json.load(open(name))['estimates']
        value = lambda key: np.array([estimates[p][key] for p in PATTERNS], float)
        columns.append((value('value'), value('error')))
        names.append(name.replace('.json', ''))
    reference, error = columns[2]
    print('pattern' + ''.join('%28s' % n for n in names))
    for i, p in enumerate(PATTERNS):
        print('%7s' % p, end='')
        for k, (v, e) in enumerate(columns):
            z = '  z %5.1f' % ((v[i] - reference[i]) / np.hypot(e[i], error[i])) if k > 2 else ' ' * 9
            print('   %.4f +- %.4f%s' % (v[i], e[i], z), end='')
        print()
    for picture in pictures:
        draw(picture, columns, names)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Distribution of the end-to-end distance and of the radius of gyration of 12 monomers: beads, reweighted, all-atom.

usage: plot_chain.py OUT.png TABLE TABLE DUMP DUMP

The tables are those of in.coarse, from both starts, the dumps those of in.sample with n = 12. Each curve is drawn with its values from
either start as a band. Without weights, every sample counts the same.
"""
import os
import sys

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'python'))
from backmap_plots.tables import read_tables
from observables import frames, observables

N = 12
PANELS = [('end_to_end', 'end-to-end distance (Å)', np.linspace(0.0, 36.0, 19)),
          ('rg', 'radius of gyration (Å)', np.linspace(3.5, 11.0, 16))]


def histogram(values, weights, edges):
    counts = np.array([np.histogram(v, edges, weights=w)[0] for v, w in zip(values, weights)])
    total = sum(w.sum() for w in weights)
    width = np.diff(edges)
    each = [c / w.sum() / width for c, w in zip(counts, weights)]
    return counts.sum(axis=0) / total / width, np.min(each, axis=0), np.max(each, axis=0)


def main():
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    tables = [read_tables([name]) for name in sys.argv[2:4]]
    top = max(t.logweight.max() for t in tables)
    weights = [np.exp(t.logweight - top) for t in tables]
    reference = [observables(np.array(list(frames(name, 7 * N + 9)), float), N) for name in sys.argv[4:]]
    figure, axes = plt.subplots(1, 2, figsize=(9.0, 3.4))
    for axis, (key, label, edges) in zip(axes, PANELS):
        beads = [t.column(key) for t in tables]
        fine = [r[key] for r in reference]
        curves = [('beads as sampled', '0.55', beads, [np.ones(len(b)) for b in beads]),
                  ('backmapped and reweighted', 'tab:blue', beads, weights),
                  ('all-atom', 'tab:red', fine, [np.ones(len(f)) for f in fine])]
        for name, color, values, w in curves:
            mean, low, high = histogram(values, w, edges)
            x = 0.5 * (edges[1:] + edges[:-1])
            axis.plot(x, mean, color=color, label=name)
            axis.fill_between(x, low, high, color=color, alpha=0.2, lw=0)
        axis.set_xlabel(label)
        axis.set_ylim(bottom=0.0)
    axes[0].set_ylabel('density (1/Å)')
    axes[1].legend(frameon=False, fontsize=8)
    figure.tight_layout()
    figure.savefig(sys.argv[1], dpi=150)


if __name__ == '__main__':
    main()

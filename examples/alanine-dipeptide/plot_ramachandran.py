#!/usr/bin/env python3
"""Phi/psi free energies of the backmapped ensemble beside the all-atom reference.

usage: plot_ramachandran.py OUT.png REFERENCE TABLE [TABLE ...] [--uncorrected TABLE [TABLE ...] --hbond FILE]

TABLE        sample tables of fix backmap with the observables v_phi and v_psi (degrees)
REFERENCE    all-atom free energy: rows of phi psi F/kT error/kT, bin centres in degrees (ala2.reference.txt)
uncorrected  tables of another coarse-grained model for a row of its own, which also have v_hbond
hbond        all-atom density of that distance (ala2.observables.txt)

Draws panels with one colour scale: backmapped unweighted, reweighted, all-atom reference; prints the root mean square
difference of the distributions' free energies from the reference over its bins below 5 kT. With the tables of another model, it has
the upper row, and the distance of the hydrogen bond, of atoms that the flow has drawn, is compared as well.
"""
import argparse
import os
import sys

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', 'python'))
from backmap_plots import estimates, figures, tables

F_MAX = 8.0  # kT; free energies above are left white
F_LOW = 5.0  # kT; bins compared by number


def panels_of(names, name, edges, ref):
    samples = tables.read_tables(names)
    weighed = estimates.Weighed(samples)
    phi, psi = samples.column('v_phi'), samples.column('v_psi')
    plain, reweighted = (figures.Surface(weighed, phi, psi, edges, w, errors=False).f for w in (False, True))
    _, rms, bins, empty = estimates.compare(reweighted, ref, F_LOW)
    print('%s: reweighted minus reference %.3f kT root mean square over %d bins below %g kT (%d more have no sample); '
          'unweighted %.3f kT' % (name, rms, bins - empty, F_LOW, empty, estimates.compare(plain, ref, F_LOW)[1]))
    return [(name + ' + backmapped', plain), ('the same, reweighted', reweighted)]


def draw_hbond(ax, names, name):
    """Density of the distance O...H: drawn, reweighted, all-atom."""
    edges, density, _ = tables.read_density(name)
    samples = tables.read_tables(names)
    weighed = estimates.Weighed(samples)
    x = figures.centres(edges)
    index = figures.bin_of(samples.column('v_hbond'), edges)
    ax.fill_between(x, density, step='mid', color='0.8', label='all-atom')
    for reweighted, style, label in ((False, 'C1--', 'backmapped'), (True, 'C0-', 'reweighted')):
        population = weighed.populations(index, len(x), reweighted, errors=False)[0]
        ax.step(x, population / np.diff(edges), style, where='mid', label=label)
    ax.set(title='hydrogen bond, uncorrected model', xlabel=r'O$\cdots$H distance ($\mathrm{\AA}$)',
           ylabel=r'density ($\mathrm{\AA}^{-1}$)', xlim=(1.5, 6.0))
    ax.legend(frameon=False)


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split('usage: ')[1].split('\n')[0])
    parser.add_argument('out')
    parser.add_argument('reference')
    parser.add_argument('tables', nargs='+')
    parser.add_argument('--uncorrected', nargs='+')
    parser.add_argument('--hbond')
    args = parser.parse_args()
    edges, ref, _ = tables.read_surface(args.reference)
    rows = [panels_of(args.tables, 'corrected model' if args.uncorrected else 'coarse-grained', edges, ref)]
    if args.uncorrected:
        rows.insert(0, panels_of(args.uncorrected, 'uncorrected model', edges, ref))
    rows[-1].append(('all-atom reference', ref))

    fig, axes = plt.subplots(len(rows), 3, figsize=(12.5, 4.3 * len(rows)), squeeze=False, constrained_layout=True)
    for row, of_row in zip(axes, rows):
        for ax, (title, f) in zip(row, of_row):
            shown = np.ma.masked_where(~np.isfinite(f) | (f > F_MAX), f)
            image = ax.pcolormesh(*edges, shown.T, vmin=0.0, vmax=F_MAX, cmap='viridis')
            ax.set(title=title, xlabel=r'$\phi$ (degrees)', xticks=range(-180, 181, 90),
                   yticks=range(-180, 181, 90), aspect='equal')
            ax.axvline(0.0, color='0.6', lw=0.6, ls=':')
        row[0].set_ylabel(r'$\psi$ (degrees)')
    if args.uncorrected:
        draw_hbond(axes[0, 2], args.uncorrected, args.hbond)
    fig.colorbar(image, ax=axes, shrink=0.8 / len(rows), pad=0.01, label=r'free energy ($k_BT$)')
    fig.savefig(args.out, dpi=130)


if __name__ == '__main__':
    main()

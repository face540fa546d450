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

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

F_MAX = 8.0  # kT; free energies above are left white
F_LOW = 5.0  # kT; bins compared by number


def read_tables(names, columns):
    """Weight and the columns of every sample that has a weight, of all tables."""
    rows = []
    for name in names:
        with open(name) as f:
            header = [line for line in f if line.startswith('# step ')][-1].lstrip('#').split()
        rows.append(np.loadtxt(name, usecols=[header.index(c) for c in ['logweight'] + columns], ndmin=2))
    rows = np.concatenate([r for r in rows if r.size])
    rows = rows[np.isfinite(rows[:, 0])]
    return np.exp(rows[:, 0] - rows[:, 0].max()), rows[:, 1:]


def free_energy(phi, psi, weight, edges):
    h, _, _ = np.histogram2d(phi, psi, bins=[edges, edges], weights=weight)
    with np.errstate(divide='ignore'):
        f = -np.log(h)
    return f - f.min()


def read_reference(name):
    f = np.loadtxt(name, usecols=2)
    n = int(round(np.sqrt(len(f))))
    return f.reshape(n, n), np.linspace(-180.0, 180.0, n + 1)


def difference(f, ref):
    """Root mean square of the difference over the low bins of ref, both as -ln of normalised populations, and the
    number of these bins without a sample, which are left out."""
    f, ref = (a + np.log(np.exp(-a).sum()) for a in (f, ref))
    low = ref - ref.min() < F_LOW
    seen = low & np.isfinite(f)
    return np.sqrt(np.mean((f[seen] - ref[seen])**2)), low.sum(), low.sum() - seen.sum()


def panels_of(tables, name, edges, ref):
    weight, rows = read_tables(tables, ['v_phi', 'v_psi'])
    plain, reweighted = (free_energy(*rows.T, w, edges) for w in (None, weight))
    rms, bins, empty = difference(reweighted, ref)
    print('%s: reweighted minus reference %.3f kT root mean square over %d bins below %g kT (%d more have no sample); '
          'unweighted %.3f kT' % (name, rms, bins - empty, F_LOW, empty, difference(plain, ref)[0]))
    return [(name + ' + backmapped', plain), ('the same, reweighted', reweighted)]


def draw_hbond(ax, tables, name):
    """Density of the distance O...H: drawn, reweighted, all-atom."""
    x, density, _ = np.loadtxt(name).T
    edges = np.append(x, x[-1] + x[1] - x[0]) - 0.5 * (x[1] - x[0])
    weight, rows = read_tables(tables, ['v_hbond'])
    ax.fill_between(x, density, step='mid', color='0.8', label='all-atom')
    for w, style, label in ((None, 'C1--', 'backmapped'), (weight, 'C0-', 'reweighted')):
        ax.step(x, np.histogram(rows[:, 0], bins=edges, weights=w, density=True)[0], style, where='mid', label=label)
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
    ref, edges = read_reference(args.reference)
    rows = [panels_of(args.tables, 'corrected model' if args.uncorrected else 'coarse-grained', edges, ref)]
    if args.uncorrected:
        rows.insert(0, panels_of(args.uncorrected, 'uncorrected model', edges, ref))
    rows[-1].append(('all-atom reference', ref))

    fig, axes = plt.subplots(len(rows), 3, figsize=(12.5, 4.3 * len(rows)), squeeze=False, constrained_layout=True)
    for row, of_row in zip(axes, rows):
        for ax, (title, f) in zip(row, of_row):
            shown = np.ma.masked_where(~np.isfinite(f) | (f > F_MAX), f)
            image = ax.pcolormesh(edges, edges, shown.T, vmin=0.0, vmax=F_MAX, cmap='viridis')
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

#!/usr/bin/env python3
"""Phi/psi free energies of the backmapped ensemble beside the all-atom reference.

usage: plot_ramachandran.py OUT.png REFERENCE TABLE [TABLE ...]

TABLE      sample tables of fix backmap with the observables v_phi and v_psi (degrees)
REFERENCE  all-atom free energy: rows of phi psi F/kT error/kT, bin centres in degrees (ala2.reference.txt)

Draws three panels with one colour scale: backmapped unweighted, reweighted, all-atom reference; prints the root mean square
difference of the two distributions' free energies over the bins below 5 kT of the reference.
"""
import sys

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

F_MAX = 8.0  # kT; free energies above are left white
F_LOW = 5.0  # kT; bins compared by number


def read_table(name):
    """Log-weight, phi and psi of every sample of one table."""
    with open(name) as f:
        header = [line for line in f if line.startswith('# step ')][-1]
    columns = header.lstrip('#').split()
    use = [columns.index(c) for c in ('logweight', 'v_phi', 'v_psi')]
    return np.loadtxt(name, usecols=use, ndmin=2)


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
    """Root mean square of the difference over the low bins of ref, both as -ln of normalised populations."""
    f, ref = (a + np.log(np.exp(-a).sum()) for a in (f, ref))
    low = ref - ref.min() < F_LOW
    return np.sqrt(np.mean((f[low] - ref[low])**2)), low.sum()


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    out, reference, tables = sys.argv[1], sys.argv[2], sys.argv[3:]
    ref, edges = read_reference(reference)
    logw, phi, psi = np.concatenate([read_table(t) for t in tables]).T
    ok = np.isfinite(logw)
    logw, phi, psi = logw[ok], phi[ok], psi[ok]
    weight = np.exp(logw - logw.max())

    panels = [('coarse-grained + backmapped', free_energy(phi, psi, None, edges)),
              ('reweighted', free_energy(phi, psi, weight, edges)),
              ('all-atom reference', ref)]
    print('reweighted minus reference: %.3f kT root mean square over %d bins below %g kT; unweighted %.3f kT'
          % (*difference(panels[1][1], ref), F_LOW, difference(panels[0][1], ref)[0]))
    fig, axes = plt.subplots(1, 3, figsize=(12.5, 4.3), sharey=True, constrained_layout=True)
    for ax, (title, f) in zip(axes, panels):
        shown = np.ma.masked_where(~np.isfinite(f) | (f > F_MAX), f)
        image = ax.pcolormesh(edges, edges, shown.T, vmin=0.0, vmax=F_MAX, cmap='viridis')
        ax.set(title=title, xlabel=r'$\phi$ (degrees)', xticks=range(-180, 181, 90),
               yticks=range(-180, 181, 90), aspect='equal')
        ax.axvline(0.0, color='0.6', lw=0.6, ls=':')
    axes[0].set_ylabel(r'$\psi$ (degrees)')
    fig.colorbar(image, ax=axes, shrink=0.8, pad=0.01, label=r'free energy ($k_BT$)')
    fig.savefig(out, dpi=130)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Plots of the page "When to trust the numbers", from closed-form models with fixed seeds.

usage: plot_trust.py [FOLDER]     writes trust_khat.png, trust_blocks.png and trust_mode.png there
"""
import os
import sys

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), '..', '..', '..', 'python'))
from backmap_plots.estimates import ParetoTail, kish_ess

BLUE, RED, GREY = '#1f77b4', '#c44e52', '0.45'
plt.rcParams.update({'font.size': 10, 'axes.spines.top': False, 'axes.spines.right': False})


def save(fig, name):
    fig.savefig(os.path.join(sys.argv[1] if len(sys.argv) > 1 else '.', name), dpi=110)
    plt.close(fig)


def normal(x, mean, width):
    return np.exp(-0.5 * ((x - mean) / width)**2) / (width * np.sqrt(2 * np.pi))


def khat(w):
    return ParetoTail(np.log(w)).khat


def plot_khat():
    """Weights of a normal distribution under a proposal that is wider, and one that is narrower, than it."""
    n = 4000
    fig, ax = plt.subplots(figsize=(7.2, 4.0), constrained_layout=True)
    for width, name, color, seed in ((1.3, 'proposal 1.3 times as wide as the target', BLUE, 1),
                                     (0.4, 'proposal 0.4 times as wide', RED, 4)):
        x = width * np.random.default_rng(seed).standard_normal(n)
        w = normal(x, 0, 1) / normal(x, 0, width)
        w /= w.sum()
        ax.loglog(n * np.sort(w)[::-1], np.arange(1, n + 1) / n, color=color, lw=1.8,
                  label=f'{name}:\nESS {kish_ess(w):.2f}, k-hat {khat(w):.2f}, largest weight {100 * w.max():.2g} % of the total')
        ax.plot(n * w.max(), 1 / n, 'o', color=color)
    ax.set(xlabel='weight / mean weight', ylabel='share of samples with a larger weight', xlim=(0.05, 5e3), ylim=(1e-4, 3))
    ax.legend(frameon=False, loc='upper right', fontsize=9)
    save(fig, 'trust_khat.png')


def plot_blocks():
    """Standard error of a mean from blocks of a first-order autoregressive series, whose error is known."""
    rho, n = 0.9, 40000
    tau = (1 + rho) / (1 - rho)
    noise = np.sqrt(1 - rho**2) * np.random.default_rng(2).standard_normal(n)
    z = np.empty(n)
    z[0] = noise[0]
    for t in range(1, n):
        z[t] = rho * z[t - 1] + noise[t]
    length = np.unique(np.round(np.geomspace(1, n // 6, 26)).astype(int))
    count = n // length
    error = np.array([z[:l * b].reshape(b, l).mean(axis=1).std(ddof=1) / np.sqrt(b) for l, b in zip(length, count)])
    fig, ax = plt.subplots(figsize=(7.2, 3.7), constrained_layout=True)
    ax.errorbar(length, error, error / np.sqrt(2 * (count - 1)), fmt='o', ms=4, lw=1, color=BLUE,
                label='from blocks of one run, with its own uncertainty')
    ax.axhline(np.sqrt(tau / n), color=GREY, ls='--', label='exact')
    ax.axhline(np.sqrt(1 / n), color=RED, ls=':', label='frames taken as independent')
    chosen = max(20 * tau, n / 32)
    ax.axvline(chosen, color='k', lw=1)
    ax.text(chosen * 1.06, 0.0060, f'block of the rule:\n{n / chosen:.0f} blocks of {chosen:.0f} frames', va='bottom', fontsize=9)
    ax.axvline(20 * tau, color=GREY, lw=0.8)
    ax.text(20 * tau / 1.06, 0.0060, r'shortest allowed, $20\,\tau$', ha='right', va='bottom', fontsize=9, color=GREY)
    ax.set(xscale='log', xlabel='length of a block (frames)', ylabel='standard error of the mean\n(standard deviations of the observable)',
           ylim=(0, 0.045), xlim=(0.8, 2e4))
    ax.legend(frameon=False, loc='upper left', fontsize=9)
    save(fig, 'trust_blocks.png')


def plot_mode():
    """A flow that has one of two equal wells, and one that has both."""
    rng = np.random.default_rng(3)
    n, p_width, q_width = 4000, 0.20, 0.22
    wells = lambda x, width: 0.5 * (normal(x, -1, width) + normal(x, 1, width))
    flows = (('both wells', lambda x: wells(x, q_width), lambda k: rng.choice([-1, 1], k)),
             ('one well missing', lambda x: normal(x, 1, q_width), lambda k: np.ones(k)))
    grid = np.linspace(-2.3, 2.3, 400)
    frames = rng.choice([-1, 1], n) + p_width * rng.standard_normal(n)
    fig, axes = plt.subplots(1, 2, figsize=(8.4, 3.7), sharey=True, constrained_layout=True)
    for ax, (name, q, centre) in zip(axes, flows):
        x = centre(n) + q_width * rng.standard_normal(n)
        w = wells(x, p_width) / q(x)
        v = wells(frames, p_width) / q(frames)
        forward = 1 / (v.mean() * (1 / v).mean())
        ax.fill_between(grid, wells(grid, p_width), color='0.85', label='all-atom, p(x|z)')
        ax.plot(grid, q(grid), color=RED if forward < 0.3 else BLUE, lw=1.8, label='flow, q(x|z)')
        shift = np.round(-np.log(w.mean()), 2) + 0.0
        ax.set_title(name, fontsize=10, loc='left')
        value = f'{forward:.2f}' if forward > 1e-3 else '$10^{%d}$' % round(np.log10(forward))
        ax.text(-2.2, 2.58, f'conditional ESS {kish_ess(w):.2f},  k-hat {khat(w):.2f}\nforward ESS {value}\n'
                f'F(z) off by {abs(shift):.2f} kT', va='top', fontsize=9)
        ax.set(xlabel='torsion of the atom x (radians)', ylim=(0, 2.7), xlim=(-2.3, 2.3))
    axes[0].set_ylabel('density (1/radian)')
    axes[0].legend(frameon=False, fontsize=9, loc=(0.30, 0.60))
    save(fig, 'trust_mode.png')


if __name__ == '__main__':
    plot_khat()
    plot_blocks()
    plot_mode()

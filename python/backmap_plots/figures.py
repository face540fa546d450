"""The plots of samples. Each function draws one figure and returns it with its numbers and lines for the screen.

Numbers are blocks (title, names of columns, rows) of the text file beside the picture.
"""
import re

import matplotlib
matplotlib.use('Agg')
import matplotlib.pyplot as plt
import numpy as np

from . import estimates, tables

# Okabe and Ito: told apart with any kind of colour vision
BLUE, RED, GREEN, PINK, SKY, ORANGE, GREY = '#0072B2', '#D55E00', '#009E73', '#CC79A7', '#56B4E9', '#E69F00', '0.45'
CYCLE = [BLUE, RED, GREEN, PINK, ORANGE, SKY]
STYLE = {'font.size': 10, 'axes.spines.top': False, 'axes.spines.right': False, 'legend.frameon': False,
         'axes.titlesize': 10, 'figure.constrained_layout.use': True}
GREEK = {'phi', 'psi', 'chi', 'omega', 'theta', 'alpha', 'beta', 'gamma'}
ENERGY = {'real': 'kcal/mol', 'metal': 'eV', 'lj': r'$\varepsilon$', 'electron': 'Hartree', 'si': 'J', 'cgs': 'erg'}
F_LOW = 5.0  # kT; bins below are compared by number
LOWEST = -10.0  # log(w / mean) where the axis of a distribution begins


def use_style():
    plt.rcParams.update(STYLE)


def label_of(name, header, periodic=False):
    """Text of an axis for a column: what is known of its name and unit."""
    energy = ENERGY.get(header.get('units', ''), header.get('units', ''))
    known = {'U': 'all-atom energy U (%s)' % energy, 'U_CG': r'U$_\mathrm{CG}$ (%s)' % energy, 'logweight': 'log-weight',
             'logq': 'log q'}
    plain = re.sub('^[vcf]_', '', name)
    text = known.get(name, '$\\%s$' % plain if plain in GREEK else plain)
    return text + ' (degrees)' if periodic else text


def wrapped(values):
    return (values + 180.0) % 360.0 - 180.0


def edges_for(weighed, values, name, bins, given, periodic):
    """Edges of bins: as given, the whole circle, or where the weights are."""
    if periodic:
        return np.linspace(-180.0, 180.0, bins + 1)
    if given:
        if not given[0] < given[1]:
            raise tables.Trouble('range of %s: expected LOW below HIGH, got %g %g' % (name, *given))
        return np.linspace(*given, bins + 1)
    valid = weighed.valid & np.isfinite(values)
    order = np.argsort(values[valid])
    share = np.cumsum(weighed.w[valid][order])
    low, high = (values[valid][order][np.searchsorted(share / share[-1], q)] for q in (0.0005, 0.9995))
    if not high > low:
        raise tables.Trouble('observable %s: expected different values, got %g in nearly all samples' % (name, low))
    return np.linspace(low - 0.1 * (high - low), high + 0.1 * (high - low), bins + 1)


def bin_of(values, edges):
    """Index of the bin of each value; -1 outside."""
    width = edges[1] - edges[0]
    with np.errstate(invalid='ignore'):
        at = np.floor((values - edges[0]) / width)
        return np.where((at >= 0) & (at < len(edges) - 1), at, -1).astype(int)


def centres(edges):
    return 0.5 * (edges[1:] + edges[:-1])


# --- free-energy surfaces -----------------------------------------------------


class Surface:
    """Free energy of two observables in bins: F [x][y] in kT, its standard error, and effective samples of a bin."""

    def __init__(self, weighed, x, y, edges, reweighted, errors=True):
        shape = tuple(len(e) - 1 for e in edges)
        i, j = bin_of(x, edges[0]), bin_of(y, edges[1])
        index = np.where((i >= 0) & (j >= 0), i * shape[1] + j, -1)
        p, error, effective = (v.reshape(shape) for v in
                               weighed.populations(index, shape[0] * shape[1], reweighted, errors))
        self.f, self.effective = estimates.free_energy(p), effective
        with np.errstate(invalid='ignore', divide='ignore'):
            self.error = error / p
        self.outside = np.mean(index[weighed.valid] < 0)

    def masked(self, least):
        return ~np.isfinite(self.f) | (self.effective < least)


def draw_surface(ax, edges, f, mask, f_max, **labels):
    shown = np.ma.masked_where(mask | ~np.isfinite(f) | (f > f_max), f)
    ax.set(**labels)
    return ax.pcolormesh(*edges, shown.T, vmin=0.0, vmax=f_max, cmap='viridis')


def surface(samples, x, y, bins=36, ranges=(None, None), periodic='', reference=None, f_max=8.0, least=10.0,
            labels=(None, None), errors=True):
    weighed = estimates.Weighed(samples)
    values = [wrapped(samples.column(n)) if d in periodic else samples.column(n) for n, d in ((x, 'x'), (y, 'y'))]
    if reference:
        edges, ref, ref_error = tables.read_surface(reference)
    else:
        edges = [edges_for(weighed, v, n, bins, r, d in periodic)
                 for v, n, r, d in zip(values, (x, y), ranges, 'xy')]
    plain, reweighted = (Surface(weighed, *values, edges, w, errors and w) for w in (False, True))
    panels = [('as backmapped', plain.f, plain.masked(least)), ('reweighted', reweighted.f, reweighted.masked(least))]
    mask = panels[1][2]
    if reference:
        panels.append(('reference', ref, ~np.isfinite(ref)))
        difference, rms, below, left = estimates.compare(reweighted.f, ref, F_LOW, mask)
        raw = estimates.compare(plain.f, ref, F_LOW, mask)[1]
        title = 'reweighted minus reference'
        mask = mask | ~np.isfinite(ref) | (ref > f_max)
    else:
        difference, rms, below, left = estimates.compare(plain.f, reweighted.f, F_LOW, mask)
        title = 'as backmapped minus reweighted'
        mask = mask | (reweighted.f > f_max)
    mask = mask | ~np.isfinite(difference)

    names = [labels[k] or label_of(n, samples.header, d in periodic) for k, (n, d) in enumerate(((x, 'x'), (y, 'y')))]
    count = len(panels) + 1
    fig, axes = plt.subplots(1, count, figsize=(3.2 * count + 1.2, 3.7), sharex=True, sharey=True)
    for ax, (text, f, hidden) in zip(axes, panels):
        image = draw_surface(ax, edges, f, hidden, f_max, title=text, xlabel=names[0])
    sizes = np.abs(difference[~mask])
    limit = min(4.0, max(0.5, np.ceil(2 * np.quantile(sizes, 0.95)) / 2)) if len(sizes) else 1.0
    other = axes[-1].pcolormesh(*edges, np.ma.masked_where(mask, difference).T, vmin=-limit, vmax=limit, cmap='RdBu_r')
    axes[-1].set(title=title, xlabel=names[0])
    axes[0].set_ylabel(names[1])
    for ax in axes:
        if 'x' in periodic:
            ax.set_xticks(range(-180, 181, 90))
        if 'y' in periodic:
            ax.set_yticks(range(-180, 181, 90))
        if len(periodic) == 2:
            ax.set_aspect('equal')
    shrink = 0.86 if len(periodic) == 2 else 1.0
    fig.colorbar(image, ax=list(axes[:-1]), pad=0.015, shrink=shrink, label=r'free energy ($k_\mathrm{B}T$)')
    fig.colorbar(other, ax=axes[-1], pad=0.04, shrink=shrink, label=r'difference ($k_\mathrm{B}T$)', extend='both')
    fig.suptitle(samples.title(), fontsize=10)

    grid = np.meshgrid(*(centres(e) for e in edges), indexing='ij')
    columns = [x, y, 'F_backmapped/kT', 'F_reweighted/kT', 'error/kT', 'effective_samples']
    numbers = [*grid, plain.f, reweighted.f, reweighted.error, reweighted.effective]
    if reference:
        columns.append('F_reference/kT')
        numbers.append(ref)
        if ref_error is not None:
            columns.append('error_reference/kT')
            numbers.append(ref_error)
    columns += ['difference/kT', 'shown']
    numbers += [difference, ~mask]
    text = ['%s: %.3f kT root mean square over %d of %d bins below %g kT (%d have fewer than %g effective samples)'
            % (title, rms, below - left, below, F_LOW, left, least)]
    if reference:
        text.append('as backmapped minus reference: %.3f kT' % raw)
    if plain.outside > 0:
        text.append('%.2g %% of the samples lie outside of the axes' % (100 * plain.outside))
    rows = np.column_stack([np.ravel(n) for n in numbers])
    return fig, [('%s: centres of bins, free energies' % samples.title(), columns, rows)], text


# --- densities --------------------------------------------------------------


def draw_band(ax, x, value, error, color, label, width):
    ax.fill_between(x, value - error, value + error, color=color, alpha=0.25, lw=0)
    ax.plot(x, value, color=color, label=label, lw=width)


def histogram(samples, x, bins=50, limits=None, periodic='', reference=None, label=None, runs=False):
    weighed = estimates.Weighed(samples)
    values = wrapped(samples.column(x)) if periodic else samples.column(x)
    ref = ref_error = None
    if reference:
        edges, ref, ref_error = tables.read_density(reference)
    else:
        edges = edges_for(weighed, values, x, bins, limits, bool(periodic))
    at, width, index = centres(edges), np.diff(edges), bin_of(values, edges)
    columns, numbers = [x], [at]
    name = label or label_of(x, samples.header, bool(periodic))
    fig, axes = plt.subplots(1, 2, figsize=(9.2, 3.6))
    curves = [(reweighted, *weighed.populations(index, len(at), reweighted)[:2]) for reweighted in (False, True)]
    lowest = curves[1][1].max() / width[0]
    energy = lambda density: -np.log(np.where(density > 0, density, np.nan) / lowest)
    if ref is not None:
        axes[0].fill_between(at, ref, step='mid', color='0.85', label='reference')
        if ref_error is not None:
            axes[0].errorbar(at, ref, ref_error, fmt='none', color='0.6', lw=0.8)
        axes[1].plot(at, energy(ref), color='0.8', lw=6, label='reference')
    for (reweighted, p, error), color, text, line in zip(curves, (RED, BLUE), ('as backmapped', 'reweighted'), (2.6, 1.3)):
        density, sigma = p / width, error / width
        draw_band(axes[0], at, density, sigma, color, text, line)
        with np.errstate(invalid='ignore', divide='ignore'):
            draw_band(axes[1], at, energy(density), error / p, color, text, line)
        columns += [text.replace(' ', '_') + '_density', 'error']
        numbers += [density, sigma]
    if runs:
        for r in sorted(set(weighed.run_of.values())):
            of_run = np.isin(samples.series, [s for s, n in weighed.run_of.items() if n == r])
            p = weighed.populations(np.where(of_run, index, -1), len(at), True, errors=False)[0]
            p = p * weighed.w.sum() / weighed.w[of_run].sum() / width
            axes[0].plot(at, p, color=CYCLE[2 + r % 4], lw=1.0, ls='--', label='reweighted, run %d' % (r + 1))
            axes[1].plot(at, energy(p), color=CYCLE[2 + r % 4], lw=1.0, ls='--')
            columns.append('run_%d' % (r + 1))
            numbers.append(p)
    if ref is not None:
        columns += ['reference'] + (['error'] if ref_error is not None else [])
        numbers += [ref] + ([ref_error] if ref_error is not None else [])
    axes[0].set(xlabel=name, ylabel='density', ylim=(0, None), title=samples.title())
    axes[1].set(xlabel=name, ylabel=r'free energy ($k_\mathrm{B}T$)', title='bands: one standard error')
    if periodic:
        for ax in axes:
            ax.set(xticks=range(-180, 181, 90), xlim=(-180, 180))
    axes[0].legend(loc='best', fontsize=8.5)
    text = []
    for reweighted in (False, True) if not periodic else ():
        mean = weighed.mean(samples.column(x), reweighted)
        text.append('mean of %s, %s: %.6g +- %.2g' % (x, 'reweighted' if reweighted else 'as backmapped', mean.value,
                                                      mean.error))
    outside = np.mean(index[weighed.valid] < 0)
    if outside > 0:
        text.append('%.2g %% of the samples lie outside of the axis' % (100 * outside))
    return fig, [('%s: densities at the centres of bins, standard errors' % samples.title(), columns,
                  np.column_stack(numbers))], text


# --- weights ----------------------------------------------------------------


def weights(samples, bins=80):
    weighed = estimates.Weighed(samples)
    n, tail = len(weighed.w), weighed.tail()
    mean = weighed.w.mean()
    order = np.sort(weighed.w)[::-1] / mean
    logs = np.log(order[order > 0])
    share = np.cumsum(order) / n
    fig, axes = plt.subplots(1, 3, figsize=(12.4, 3.7))

    # what is drawn, and what the means are made of
    edges = np.linspace(max(logs.min() - 0.1, LOWEST), logs.max() + 0.1, bins + 1)
    beyond = n - np.count_nonzero(logs >= edges[0])
    drawn, _ = np.histogram(logs, edges)
    drawn = drawn / (n * np.diff(edges))
    counted, _ = np.histogram(logs, edges, weights=np.exp(logs) / n)
    counted = counted / np.diff(edges)
    at = centres(edges)
    axes[0].fill_between(at, drawn, step='mid', color=RED, alpha=0.35, lw=0,
                         label='samples as drawn' + (' (%.2g %% further left)' % (100 * beyond / n) if beyond else ''))
    axes[0].step(at, counted, where='mid', color=BLUE, label='what they add to the means')
    axes[0].set(xlabel=r'$\log(w\,/\,$mean$)$', ylabel='density', ylim=(0, 1.25 * max(drawn.max(), counted.max())),
                title=samples.title())
    axes[0].legend(loc='upper left', fontsize=8.5)

    # the tail: share of samples with a weight above
    fraction = np.arange(1, n + 1) / n
    thin = np.unique(np.round(np.geomspace(1, n, 400)).astype(int)) - 1
    thin = thin[order[thin] > 0]
    axes[1].loglog(order[thin], fraction[thin], color=RED, lw=3, alpha=0.5, label='samples')
    top = order[0]
    fitted = np.full(n, np.nan)
    if np.isfinite(tail.khat):
        excess = order[:tail.tail] / top - tail.origin
        base = 1 + tail.khat * excess / tail.sigma
        fitted[:tail.tail] = tail.tail / n * np.where(base > 0, np.maximum(base, 1e-300)**(-1 / tail.khat), np.nan)
        some = thin[thin < tail.tail]
        axes[1].loglog(order[some], fitted[some], color='k', lw=1.2,
                       label='generalized Pareto, %d largest' % tail.tail)
        verdict = 'below' if tail.khat < tail.threshold else 'ABOVE'
        words = r'$\hat k$ = %.2f, %s the limit %.2f' % (tail.khat, verdict, tail.threshold)
    else:
        words = r'$\hat k$: too few weights'
    axes[1].set(xlabel=r'weight $w\,/\,$mean', ylabel=r'share of samples above $w$', title=words,
                xlim=(0.9 * order[thin].min() if order[thin].min() > 1e-2 else 1e-2, 1.5 * top), ylim=(0.5 / n, 2))
    axes[1].legend(loc='lower left', fontsize=8.5)

    # who has how much
    axes[2].semilogx(thin + 1, 100 * share[thin], color=BLUE, lw=1.8)
    axes[2].plot(1, 100 * share[0], 'o', color=RED, zorder=3, clip_on=False)
    axes[2].annotate('the largest weight has %.2g %%' % (100 * share[0]), (1, 100 * share[0]), xytext=(12, 18),
                     textcoords='offset points', fontsize=8.5, arrowprops={'arrowstyle': '-', 'color': GREY})
    axes[2].set(xlabel='largest weights, number of them', ylabel='share of the sum of weights (%)', ylim=(0, 102),
                xlim=(0.8, 1.3 * n), title='joint ESS %.3f of %s samples' % (weighed.joint_ess(), format(n, ',')))
    text = ['joint ESS %.4f, marginal ESS %.4f, k-hat %.3f (limit %.3f), tail %d of %d samples, largest weight %.2g %% of '
            'the sum' % (weighed.joint_ess(), weighed.marginal_ess(), tail.khat, tail.threshold, tail.tail, n,
                         100 * share[0])]
    return fig, [('distribution of log(w / mean)', ['log_w', 'density_drawn', 'density_counted'],
                  np.column_stack([at, drawn, counted])),
                 ('weights from the largest on, %d of %d of them' % (len(thin), n),
                  ['rank', 'w/mean', 'share_above', 'pareto_fit', 'share_of_sum'],
                  np.column_stack([thin + 1, order[thin], fraction[thin], fitted[thin], share[thin]]))], text

"""The plots of what led to the samples: rounds of the correction, and trainings; as those of figures."""
import os
import re

import numpy as np

from . import tables
from .figures import BLUE, CYCLE, GREEN, GREY, RED, plt

ESS = [('joint_ess', 'joint', BLUE, 'o-'), ('marginal_ess', 'marginal', RED, 's-'),
       ('marginal_ess_corrected', 'marginal, corrected', RED, 's:'),
       ('conditional_ess_cg', 'conditional (median)', GREEN, '^-'),
       ('conditional_ess_cg_q10', 'conditional (10 %)', GREEN, '^:')]
KHAT = [('khat', 'all weights', BLUE, 'o-'), ('khat_marginal', 'weights of frames', RED, 's-')]


def rounds(names):
    found = {n: tables.read_json(n) for n in tables.by_number(names)}
    reports = {n: j for n, j in found.items() if tables.is_summary(j)}
    forward = {}
    for n, j in found.items():
        figures = tables.forward_figures(j)
        if n not in reports and not figures:
            raise tables.Trouble('%s: expected the member "joint_ess" of a summary of backmap_report, or the figures '
                                 'of backmap_validate, got neither' % n)
        forward.update({k: v for k, v in figures.items() if k.startswith('forward_ess_') and v is not None})
    if not reports:
        raise tables.Trouble('%s: expected at least one summary of backmap_report (json FILE)' % ' '.join(names))
    value = lambda key: np.array([np.nan if j.get(key) is None else j[key] for j in reports.values()], float)
    labels = [re.sub(r'[.]json$', '', os.path.basename(n)) for n in reports]
    at = np.arange(len(labels))
    fig, axes = plt.subplots(1, 2, figsize=(max(8.6, 4 + 1.2 * len(labels)), 3.8))
    for ax, figures in zip(axes, (ESS, KHAT)):
        for key, label, color, style in figures:
            if np.isfinite(value(key)).any():
                ax.plot(at, value(key), style, color=color, label=label, markersize=5,
                        markerfacecolor='white' if ':' in style else color)
        ax.set(xticks=at, xlim=(-0.4, len(at) - 0.6))
        ax.set_xticklabels(labels, **({'rotation': 30, 'ha': 'right'} if len(' '.join(labels)) > 30 else {}))
    for k, (key, v) in enumerate(sorted(forward.items())):
        label = 'forward, held-out' + key[len('forward_ess'):].replace('_fg', '').replace('_', ' ')
        axes[0].axhline(v, color=GREY, lw=1, ls=['--', ':', '-.'][k % 3], label=label)
    axes[0].set(ylabel='effective share of samples', ylim=(0, 1.02))
    threshold = value('khat_threshold')
    axes[1].plot(at, threshold, color='k', lw=1, ls='--', label='limit')
    axes[1].axhspan(np.nanmin(threshold), 10, color=RED, alpha=0.08, lw=0)
    axes[1].set(ylabel=r'Pareto $\hat k$', ylim=(min(0.0, np.nanmin(value('khat')) - 0.05),
                                                  max(1.0, np.nanmax(value('khat')) + 0.1)))
    for ax in axes:
        ax.legend(fontsize=8, loc='lower center', bbox_to_anchor=(0.5, 1.0), ncol=3 if ax is axes[0] else 2)
    keys = [k for k, *_ in ESS + KHAT] + ['khat_threshold']
    title = 'rounds: ' + ', '.join('%d %s' % (i + 1, n) for i, n in enumerate(labels))
    return fig, [(title, ['row'] + keys, np.column_stack([at + 1] + [value(k) for k in keys]))], \
        ['%s: joint ESS %.3f, marginal %.3f, conditional %.3f, k-hat %.3f' % (n, *row) for n, *row in
         zip(reports, value('joint_ess'), value('marginal_ess'), value('conditional_ess_cg'), value('khat'))]


# --- training ---------------------------------------------------------------


def losses(columns, rows):
    """Pairs (label, column of training or None, column of validation or None) of what was trained, without zeros."""
    pairs, k = [], 1
    while k < len(columns) and columns[k].startswith('train'):
        label = columns[k][len('train'):].strip(' ()')
        if rows[:, k:k + 2].any():
            pairs.append(({'free e': 'free energy', 'nats': '-log density (nats)'}.get(label, label), k, k + 1))
        k += 2
    return pairs


def training(names):
    curves = []
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(n)) for n in names])
    for name in names:
        found = tables.read_training(name)
        for i, (columns, rows) in enumerate(found):
            where = os.path.relpath(name, folder) + (' no. %d' % (i + 1) if len(found) > 1 else '')
            curves.append((where, columns, rows))
    kinds = []
    for _, columns, rows in curves:
        kinds += [label for label, *_ in losses(columns, rows) if label not in kinds]
    with_ess = [c for c in curves if 'ess' in c[1] and c[2][:, c[1].index('ess')].any()]
    panels = len(kinds) + bool(with_ess)
    if not kinds:
        raise tables.Trouble('%s: expected losses that are not zero' % ' '.join(names))
    fig, axes = plt.subplots(1, panels, figsize=(5.0 * panels + 0.4, 3.9), squeeze=False)
    axes = axes[0]
    for ax, kind in zip(axes, kinds):
        shown = []
        for k, (where, columns, rows) in enumerate(curves):
            for label, train, validation in losses(columns, rows):
                if label != kind:
                    continue
                color, epoch = CYCLE[k % len(CYCLE)], rows[:, 0]
                ax.plot(epoch, rows[:, train], color=color, lw=0.9, alpha=0.6, ls='--')
                ax.plot(epoch, rows[:, validation], color=color, lw=1.8, label=where)
                best = np.argmin(rows[:, validation])
                ax.plot(epoch[best], rows[best, validation], 'o', color=color, markersize=5)
                shown += list(rows[len(rows) // 20:, validation]) + list(rows[len(rows) // 20:, train])
        low, high = min(shown), max(shown)
        if low > 0 and high > 10 * low:
            ax.set_yscale('log')
        else:
            ax.set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        ax.set(xlabel='epoch', ylabel='loss: ' + kind, title='solid: validation, dashed: training, dot: best')
        if len(curves) > 1:
            ax.legend(fontsize=8)
    for k, (where, columns, rows) in enumerate(curves):
        if not any(where == c[0] for c in with_ess):
            continue
        for name, style in (('ess', '-'), ('moved', ':')):
            if name in columns:
                y = rows[:, columns.index(name)]
                axes[-1].plot(rows[y > 0, 0], y[y > 0], style, color=CYCLE[k % len(CYCLE)], lw=1.6)
    if with_ess:
        axes[-1].set(xlabel='epoch', ylabel='share', ylim=(0, 1),
                     title='solid: conditional ESS, dotted: frames with new atoms')
    text = []
    for where, columns, rows in curves:
        last = ', '.join('best validation %.5g (%s)' % (rows[:, v].min(), label)
                         for label, _, v in losses(columns, rows))
        ess = ', ESS %.3f' % rows[-1, columns.index('ess')] if any(where == c[0] for c in with_ess) else ''
        text.append('%s: %d epochs, %s%s' % (where, len(rows), last, ess))
    return fig, [(where, [c.replace(' ', '_') for c in columns], rows) for where, columns, rows in curves], text

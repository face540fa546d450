"""Plots of the speed, in the style of backmap_plots: a picture and a text file with the numbers of each."""
import math
import os

from matplotlib.ticker import NullLocator

from backmap_plots.figures import BLUE, GREEN, GREY, RED, STYLE, plt
from backmap_plots.tables import write_numbers

# name of the picture: axis, lines (label, prefix of the benchmarks, colour, style) of items per second
KERNELS = {
    'batch': ('samples in a batch', 'samples per second and core',
              [('BACKMAP, single precision', 'flow/native_single', BLUE, 'o-'),
               ('BACKMAP, double precision', 'flow/native_double', BLUE, 's--'),
               ('LibTorch, TorchScript', 'flow/torch_script', RED, 'o-'),
               ('LibTorch, eager', 'flow/torch_eager', RED, 's--')]),
    'molecules': ('molecules in a batch', 'forces of a molecule per second and core',
                  [('BACKMAP, single precision', 'cgnet/native_single', BLUE, 'o-'),
                   ('BACKMAP, double precision', 'cgnet/native_double', BLUE, 's--'),
                   ('TorchScript', 'cgnet/torchscript', RED, 'o-'),
                   ('MD steps in LAMMPS, pair cgnet', 'md/cgnet', GREEN, '^-'),
                   ('MD steps in LAMMPS, all atoms', 'md/allatom', GREY, ':')]),
    'beads': ('beads of a molecule', 'forces of a molecule per second and core',
              [('BACKMAP, 256 molecules', 'cgnet_beads/native', BLUE, 'o-')]),
    'hidden': ('width of the networks of the flow', 'samples per second and core',
               [('BACKMAP, single precision, batch 1,024', 'flow_hidden/native_single', BLUE, 'o-'),
                ('networks at the rate of OpenBLAS', 'flow_hidden/limit', GREY, ':')]),
}


def series(found, prefix):
    """(size, rate) of all sizes of a benchmark."""
    return sorted((int(name[len(prefix) + 1:]), f['rate']) for name, f in found.items()
                  if name.startswith(prefix + '/') and f.get('rate'))


def draw(found, out):
    """All plots of what was measured; names of the pictures."""
    plt.rcParams.update(STYLE)
    names = []
    for name, (xlabel, ylabel, lines) in KERNELS.items():
        blocks = []
        fig, ax = plt.subplots(figsize=(5.2, 3.8))
        sizes = set()
        for label, prefix, color, style in lines:
            rows = series(found, prefix)
            if not rows:
                continue
            if style == ':' and len(rows) == 1:
                ax.axhline(rows[0][1], color=color, ls=style, label=label)
            else:
                ax.plot(*zip(*rows), style, color=color, label=label, markersize=5,
                        markerfacecolor='white' if '--' in style else color)
                sizes.update(r[0] for r in rows)
            blocks.append((label, [xlabel.split()[0], 'per_second'], rows))
        if blocks:
            ax.set(xscale='log', yscale='log', xlabel=xlabel, ylabel=ylabel)
            ax.set_xticks(sorted(sizes))
            ax.set_xticklabels(['%d' % s for s in sorted(sizes)])
            ax.xaxis.set_minor_locator(NullLocator())
            rates = [rate for _, _, rows in blocks for _, rate in rows]
            ax.set_ylim(10**math.floor(math.log10(min(rates))), 10**math.ceil(math.log10(max(rates))))
            ax.grid(axis='y', which='both', color='0.92')
            ax.legend(fontsize=8)
            picture = os.path.join(out, 'speed_%s.png' % name)
            fig.savefig(picture, dpi=130)
            write_numbers(picture[:-len('png')] + 'txt', blocks)
            names.append(picture)
        plt.close(fig)
    return names

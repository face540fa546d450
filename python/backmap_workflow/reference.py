"""What the replica exchange of the atoms says about the observables: densities and a free-energy surface, for the plots."""
import bisect
import glob
import math

from .files import fail, read, write

BINS = 36


def held_by(log):
    """Timesteps of the rows of temper, and for each row the replica that has the lowest temperature from there on."""
    rows = [[int(w) for w in words] for words in (line.split() for line in read(log).splitlines()) if words and all(map(str.isdigit, words))]
    return [row[0] for row in rows], [row[1:].index(0) for row in rows]


def holder(steps, held, step):
    """The replica that had the lowest temperature in the frame of a step, which is written before the swap of that step."""
    row = bisect.bisect_left(steps, int(step)) - 1
    return held[row] if row >= 0 else None


def cold_rows(start):
    """The observables of a start at the lowest temperature, [frames][observables]."""
    steps, held = held_by('log.sample.' + start)
    found = []
    for p in range(len(glob.glob('atoms.%s.*.txt' % start))):
        path = 'atoms.%s.%d.txt' % (start, p)
        for line in read(path).splitlines():
            if line.startswith('#'):
                continue
            words = line.split()
            if holder(steps, held, words[0]) == p:
                found.append([float(w) for w in words[1:]])
    if not found:
        fail('atoms.%s.*.txt: expected frames at the lowest temperature, got none' % start)
    return found


class Axis:
    """Equal bins: of the whole circle, or where the values are."""

    def __init__(self, values, periodic):
        values = sorted(values)
        low, high = (-180.0, 180.0) if periodic else (values[int(q * (len(values) - 1))] for q in (0.0005, 0.9995))
        margin = 0.0 if periodic else 0.1 * (high - low) or 0.5
        self.periodic, self.low, self.width = periodic, low - margin, (high - low + 2.0 * margin) / BINS

    def bin(self, value):
        return math.floor((value - self.low) / self.width) % BINS if self.periodic else math.floor((value - self.low) / self.width)

    def centre(self, k):
        return self.low + (k + 0.5) * self.width


def shares(runs, bins):
    """The share of each bin, and its error from how two runs differ; runs: [2][frames] bins."""
    counts = [{k: 0 for k in bins} for _ in runs]
    for count, run in zip(counts, runs):
        for k in run:
            if k in count:
                count[k] += 1
    each = [[count[k] / len(run) for k in bins] for count, run in zip(counts, runs)]
    return [((a + b) / 2, abs(a - b) / 2) for a, b in zip(*each)]


def density(name, columns, periodic):
    """Writes reference.NAME.txt; columns: values of both starts."""
    axis = Axis(columns[0] + columns[1], periodic)
    rows = shares([[axis.bin(v) for v in c] for c in columns], range(BINS))
    write('reference.%s.txt' % name, '# %s density error\n' % name + ''.join(
        '%.8g %.6g %.3g\n' % (axis.centre(k), p / axis.width, e / axis.width) for k, (p, e) in enumerate(rows)))


def surface(name, columns):
    """Writes reference.surface.txt of two angles; columns: [2 angles][2 starts] values."""
    axes = [Axis(c[0] + c[1], True) for c in columns]
    bins = [(i, j) for i in range(BINS) for j in range(BINS)]
    runs = [[(axes[0].bin(x), axes[1].bin(y)) for x, y in zip(columns[0][s], columns[1][s])] for s in range(2)]
    rows = shares(runs, bins)
    most = max(p for p, _ in rows)
    write('reference.surface.txt', '# %s F/kT error/kT\n' % name + ''.join(
        '%.8g %.8g %s\n' % (axes[0].centre(i), axes[1].centre(j), '%.5f %.3g' % (math.log(most / p), e / p) if p > 0 else 'inf inf')
        for (i, j), (p, e) in zip(bins, rows)))


def make(names, angles, backbone):
    """The references of all observables, and of the first two torsions of the backbone if there are two."""
    starts = [list(zip(*cold_rows(s))) for s in '01']
    column = {n: [list(s[k]) for s in starts] for k, n in enumerate(names)}
    for n in names:
        density(n, column[n], n in angles)
    if len(backbone) > 1:
        surface('%s %s' % tuple(backbone[:2]), [column[n] for n in backbone[:2]])

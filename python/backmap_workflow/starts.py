"""Two starts out of many minima."""
import re

from .files import fail, read, write


def rows_of(log):
    """Energy and torsions (degrees) of each minimum, from the thermo rows that in.starts writes."""
    rows = []
    for part in re.split(r'^minimum ', log, flags=re.M):
        found = re.match(r'\d+\n.*?^\s*Step\s[^\n]*\n([^\n]*)\n\s*Loop time', part, re.M | re.S)
        if found:
            rows.append([float(word) for word in found.group(1).split()[1:-1]])    # without step and v_changed
    return rows


def opposite(rows):
    """The lowest of the minima (energy, torsions in degrees), and the one that differs from it by more than 60 degrees in most
    torsions, of equals the lowest; their numbers, and how many torsions differ."""
    if len(rows) < 2:
        fail('log.starts: expected at least two minima, got %d' % len(rows))

    def turned(a, b):
        return sum(abs((x - y + 180.0) % 360.0 - 180.0) > 60.0 for x, y in zip(a[1:], b[1:]))

    first = min(range(len(rows)), key=lambda k: rows[k][0])
    second = min((k for k in range(len(rows)) if k != first), key=lambda k: (-turned(rows[k], rows[first]), rows[k][0]))
    return first, second, turned(rows[first], rows[second])


def choose():
    """Writes starts.dump out of minima.dump and log.starts; returns what to tell."""
    rows = rows_of(read('log.starts'))
    first, second, turned = opposite(rows)
    frames = read('minima.dump').split('ITEM: TIMESTEP\n')[1:]
    if len(frames) != len(rows):
        fail('minima.dump: expected %d minima as in log.starts, got %d' % (len(rows), len(frames)))
    write('starts.dump', ''.join('ITEM: TIMESTEP\n%d\n%s' % (k, frames[m].split('\n', 1)[1]) for k, m in enumerate((first, second))))
    text = '%d minima; start 0 is the lowest, start 1 lies %.2f energy units above it and differs in %d of %d torsions' % (
        len(rows), rows[second][0] - rows[first][0], turned, len(rows[0]) - 1)
    if turned == 0:
        text += '\n  WARNING: no two minima differ in a torsion, so both runs start alike, and nobody can tell whether they cross'
    return text

"""How far a step is, from what LAMMPS writes."""
import re

from .files import read


def clock(seconds):
    return '%d min' % round(seconds / 60) if seconds >= 90 else '%d s' % round(seconds)


def tell(name, log, total, seconds):
    """One line of progress: the last row of the log, and the time left."""
    try:
        rows = [line.split() for line in read(log).splitlines() if re.match(r'\s*\d+(\s+[-+.\de]+)+\s*$', line)]
    except OSError:
        rows = []
    text = ''
    if rows and total and all(word.isdigit() for word in rows[-1]):
        done = int(rows[-1][0])
        text = ': step %d of %d' % (done, total)
        if done:
            text += ', %s left' % clock(seconds * (total - done) / done)
    elif rows and len(rows[-1]) > 8:
        text = ': epoch %s, validation %s, %s left' % (rows[-1][0], rows[-1][2], clock(float(rows[-1][-1])))
    print('  %s, %s%s' % (name, clock(seconds), text), flush=True)

"""How far a step is, from what LAMMPS writes."""
import re

from .files import read


def clock(seconds):
    return '%d min' % round(seconds / 60) if seconds >= 90 else '%d s' % round(seconds)


def tell(name, log, total, seconds):
    """One line of progress: the last row of the log, and the time left."""
    try:
        written = read(log)
    except OSError:
        written = ''
    rows = [line.split() for line in written.splitlines() if re.match(r'\s*\d+(\s+[-+.\de]+)+\s*$', line)]
    text = ''
    if rows and total and all(word.isdigit() for word in rows[-1]):
        done = int(rows[-1][0])
        text = ': step %d of %d' % (done, total)
        if done:
            text += ', %s left' % clock(seconds * (total - done) / done)
    elif rows and len(rows[-1]) > 8:
        # train_cgnet: of forces, of free energies; zero is what it is not trained on
        validation = [rows[-1][k] for k in ((2, 4) if 'train free e' in written else (2,)) if float(rows[-1][k])]
        text = ': epoch %s, validation %s, %s left' % (rows[-1][0], ' and '.join(validation), clock(float(rows[-1][-1])))
    print('  %s, %s%s' % (name, clock(seconds), text), flush=True)

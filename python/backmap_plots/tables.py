"""Files that BACKMAP writes: sample tables, JSON summaries, tables of trainings in logs; and a user's references."""
import json
import os
import re

import numpy as np

TITLE = '# backmap sample table 1'
FIXED = ['step', 'molecule', 'sample', 'logweight', 'U', 'U_CG', 'logq']
# what samples must agree in to be merged, as in backmap_report
SAME = ['units', 'temperature', 'kT', 'samples', 'molecule', 'flow', 'coarse', 'anneal']


class Trouble(Exception):
    """What is wrong, where, expected and got; for people."""


def read_lines(name, kind):
    try:
        with open(name, encoding='utf-8') as file:
            return file.readlines()
    except OSError as e:
        raise Trouble('cannot read %s %s: %s' % (kind, name, e.strerror))
    except UnicodeDecodeError:
        raise Trouble('%s: expected %s, got a file that is no text' % (name, kind))


class Samples:
    """The samples of one or more tables, in the order of the files; frames of `samples` rows each."""

    def __init__(self, header, names, rows, series, files):
        self.header, self.names, self.files = header, names, files
        self.rows, self.series = rows, series
        self.per_frame = int(header['samples'])

    def column(self, name):
        """Values of a column; the v_, c_ or f_ of an observable may be left off."""
        found = [i for i, n in enumerate(self.names) if name in (n, re.sub('^[vcf]_', '', n))]
        if not found:
            raise Trouble('column %s: expected one of %s of %s, got no such name'
                          % (name, ' '.join(self.names[3:]), self.files[0]))
        if len(found) > 1 and name not in self.names:
            raise Trouble('column %s: expected one name, got %s' % (name, ' '.join(self.names[i] for i in found)))
        return self.rows[:, self.names.index(name) if name in self.names else found[0]]

    @property
    def logweight(self):
        """Log-weights; -inf is weight zero, also where the energy is not a number."""
        logw = self.column('logweight')
        return np.where(np.isnan(logw), -np.inf, logw)

    def title(self):
        return '%s, %g K' % (self.header['molecule'], float(self.header['temperature']))


def read_table(name):
    """Header {key: text}, names of columns, and rows of one table; without a last line that is still being written."""
    lines = read_lines(name, 'a sample table')
    if not lines or lines[0].rstrip() != TITLE:
        raise Trouble('%s, line 1: expected "%s" of a sample table (keyword table of fix backmap), got "%s"'
                      % (name, TITLE, lines[0].rstrip()[:60] if lines else ''))
    if not lines[-1].endswith('\n'):
        lines.pop()
    header, names, rows, numbers = {}, None, [], []
    for number, line in enumerate(lines, 1):
        if not line.startswith('#'):
            if line.strip():
                rows.append(line)
                numbers.append(number)
            continue
        key, _, value = line[2:].rstrip('\n').partition(' ')
        if key == 'step':
            new = [key] + value.split()
            if names is not None and names != new:
                raise Trouble('%s, line %d: expected the columns of the first header, got %s'
                              % (name, number, ' '.join(new)))
            names = new
        elif key in SAME and header.setdefault(key, value) != value:
            raise Trouble('%s, line %d: %s, expected %s as in the first header, got %s'
                          % (name, number, key, header[key], value))
    if names is None or names[:len(FIXED)] != FIXED:
        raise Trouble('%s: expected a line "# %s ..." with the names of the columns' % (name, ' '.join(FIXED)))
    for key in ('temperature', 'samples', 'molecule'):
        if key not in header:
            raise Trouble('%s: expected a line "# %s ..." in the header' % (name, key))
    return header, names, parse_rows(name, rows, numbers, len(names))


def parse_rows(name, rows, numbers, width):
    if not rows:
        return np.empty((0, width))
    try:
        table = np.loadtxt(rows, ndmin=2)
        if table.shape[1] == width:
            return table
    except ValueError:
        pass
    for row, number in zip(rows, numbers):
        words = row.split()
        if len(words) != width:
            raise Trouble('%s, line %d: expected %d numbers, got %d' % (name, number, width, len(words)))
        for word in words:
            try:
                float(word)
            except ValueError:
                raise Trouble('%s, line %d: expected a number, got %s' % (name, number, word))
    raise Trouble('%s: expected rows of %d numbers' % (name, width))


def check_frames(name, header, rows):
    """A frame is a run of rows with the same step and molecule, samples 0, 1, ...; one cut off at the end is left out."""
    m = int(header['samples'])
    whole = rows[:len(rows) - len(rows) % m].reshape(-1, m, rows.shape[1])
    same = (whole[:, :, :2] == whole[:, :1, :2]).all(axis=(1, 2)) & (whole[:, :, 2] == np.arange(m)).all(axis=1)
    if not same.all():
        bad = whole[np.argmin(same), 0]
        raise Trouble('%s: frame at step %d, molecule %d: expected samples 0 to %d' % (name, bad[0], bad[1], m - 1))
    return whole.reshape(-1, rows.shape[1])


def read_tables(names):
    """All samples of tables that belong together; the first one says what the others must agree in."""
    first, rows, series = None, [], []
    for name in names:
        header, columns, values = read_table(name)
        if first is None:
            first = header, columns
        for key in SAME:
            if header.get(key) != first[0].get(key):
                raise Trouble('%s: %s, expected %s as in %s, got %s'
                              % (name, key, first[0].get(key, 'none'), names[0], header.get(key, 'none')))
        if columns != first[1]:
            raise Trouble('%s: columns, expected %s as in %s, got %s'
                          % (name, ' '.join(first[1]), names[0], ' '.join(columns)))
        rows.append(check_frames(name, header, values))
        series.append(np.full(len(rows[-1]), len(series)))
    samples = Samples(*first, np.concatenate(rows), np.concatenate(series), names)
    if not np.isfinite(samples.logweight).any():
        raise Trouble('%s: expected samples that have a weight, got %d rows, none with a weight'
                      % (' '.join(names), len(samples.rows)))
    once = samples.rows[(samples.rows[:, 2] == 0) & np.isfinite(samples.logweight)]
    kept, count = np.unique(once[:, [0, 1, 3, 6]], axis=0, return_counts=True)
    if (count > 1).any():
        bad = kept[np.argmax(count)]
        raise Trouble('%s: the samples at step %d, molecule %d are there twice; expected each table once'
                      % (' '.join(names), bad[0], bad[1]))
    return samples


def read_json(name):
    """A JSON object that backmap_report or backmap_validate wrote."""
    try:
        found = json.loads(''.join(read_lines(name, 'a JSON summary')))
    except json.JSONDecodeError as e:
        raise Trouble('%s: expected JSON of backmap_report or backmap_validate, got: %s' % (name, e))
    if not isinstance(found, dict):
        raise Trouble('%s: expected a JSON object, got a %s' % (name, type(found).__name__))
    return found


def is_summary(found):
    return 'joint_ess' in found


def forward_figures(found):
    """{name: value} of the figures of a validation."""
    return {k: v for k, v in found.items() if k.startswith(('forward_ess_', 'conditional_ess_fg_'))}


def by_number(names):
    """Names in the order of their numbers: round.2.json before round.10.json."""
    return sorted(names, key=lambda n: [int(w) if w.isdigit() else w for w in re.split(r'(\d+)', os.path.basename(n))])


def read_training(name):
    """The tables of train_flow and train_cgnet in a log file: a list of (names of columns, rows)."""
    tables = []
    inside = False
    for number, line in enumerate(read_lines(name, 'a log file'), 1):
        if re.match(r' *epoch  +\S', line):
            tables.append(([w.strip() for w in re.split(r'  +', line.strip())], []))
            inside = True
            continue
        words = line.split()
        if not inside or line.startswith(('WARNING', 'train_', '  ')) and not re.match(r' *\d', line):
            continue
        try:
            row = [float(w) for w in words]
        except ValueError:
            row = []
        if not row:
            inside = False
        elif len(row) == len(tables[-1][0]):
            tables[-1][1].append(row)
        elif line.endswith('\n'):
            raise Trouble('%s, line %d: expected %d numbers in a row of a training, got %d'
                          % (name, number, len(tables[-1][0]), len(row)))
    tables = [(columns, np.array(rows)) for columns, rows in tables if rows]
    if not tables:
        raise Trouble('%s: expected a table of train_flow or train_cgnet (a line that begins with "epoch", then one row '
                      'an epoch), got none' % name)
    return tables


def read_columns(name, fewest, what):
    """A text file of numbers in at least so many columns."""
    rows = [line for line in read_lines(name, what) if line.strip() and not line.startswith('#')]
    try:
        table = np.loadtxt(rows, ndmin=2) if rows else np.empty((0, 0))
    except ValueError as e:
        raise Trouble('%s: expected %s, got: %s' % (name, what, e))
    if table.shape[0] < 2 or table.shape[1] < fewest:
        raise Trouble('%s: expected %s, got %d rows of %d' % (name, what, *table.shape))
    return table


def edges_of(centres, name):
    width = np.diff(centres)
    if len(width) == 0 or not np.allclose(width, width[0], rtol=1e-3):
        raise Trouble('%s: expected centres of equal bins, got %s ...' % (name, ' '.join('%g' % c for c in centres[:4])))
    return np.append(centres, centres[-1] + width[0]) - 0.5 * width[0]


def read_surface(name):
    """Edges of both axes, F/kT [x][y] and its error (or None) of rows "x y F/kT [error]" at the centres of a grid."""
    what = 'rows of x, y, F/kT (and its error) at the centres of a grid of bins'
    table = read_columns(name, 3, what)
    x, y = np.unique(table[:, 0]), np.unique(table[:, 1])
    if len(x) * len(y) != len(table):
        raise Trouble('%s: expected %s, one for each of %d x %d bins, got %d' % (name, what, len(x), len(y), len(table)))
    order = np.lexsort((table[:, 1], table[:, 0]))
    grid = table[order].reshape(len(x), len(y), -1)
    return (edges_of(x, name), edges_of(y, name)), grid[:, :, 2], grid[:, :, 3] if grid.shape[2] > 3 else None


def read_density(name):
    """Edges, density and its error (or None) of rows "x density [error]" at the centres of bins."""
    table = read_columns(name, 2, 'rows of x, density (and its error) at the centres of bins')
    return edges_of(table[:, 0], name), table[:, 1], table[:, 2] if table.shape[1] > 2 else None


def write_numbers(name, blocks):
    """Blocks with two blank lines between them, which Gnuplot knows as index 0, 1, ..."""
    with open(name, 'w') as out:
        for k, (title, columns, rows) in enumerate(blocks):
            out.write('\n\n' * (k > 0) + '# %s\n# %s\n' % (title, ' '.join(columns)))
            for row in rows:
                out.write(' '.join('%.8g' % v for v in row) + '\n')

"""The frames of the beads that were backmapped, out of the replica exchange."""
import glob

from .files import fail, read, write


def steps_of(table):
    """The timesteps of a sample table, in ascending order."""
    rows = (line.split(None, 1) for line in read(table).splitlines() if line[:1].isdigit())
    return sorted({int(row[0]) for row in rows})


def cold_frames():
    """Writes structures.beads.dump, with the frames of coarse.*.dump that have rows in samples.*.txt, numbered anew; returns their
    number."""
    frames = []
    for table in sorted(glob.glob('samples.*.txt')):
        name = table.replace('samples', 'coarse').replace('.txt', '.dump')
        found = dict(frame.split('\n', 1) for frame in read(name).split('ITEM: TIMESTEP\n')[1:])
        for step in steps_of(table):
            if str(step) not in found:
                fail('%s: expected the frame of step %d, which %s has, got none' % (name, step, table))
            frames.append(found[str(step)])
    write('structures.beads.dump', ''.join('ITEM: TIMESTEP\n%d\n%s' % pair for pair in enumerate(frames)))
    return len(frames)

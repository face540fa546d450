#!/usr/bin/env python3
"""The frames at 300 K of the two runs of in.sample, for training and for tests.

usage: frames.py NAME      in the folder of the runs (log.minus, log.plus, NAME.minus.0.dump, ...)

NAME.minus.dump, NAME.plus.dump  frames with forces, for training: without the last tenth of each run
NAME.heldout.dump                200 frames, 100 of the last tenth of each run, at equal distances in time among those at 300 K

It prints whether the runs agree: share of phi > 0 and of the rotamers of chi1 (gauche +60, trans, gauche -60 degrees) at 300 K.
"""
import itertools
import json
import sys

import numpy as np

EACH = 100


def torsion(x, atoms):
    """Torsion in degrees, with the sign of IUPAC; x [...][atom][3]."""
    a, b, c = (x[..., j, :] - x[..., i, :] for i, j in zip(atoms, atoms[1:]))
    n, m = np.cross(a, b), np.cross(b, c)
    sine = np.sum(np.cross(n, m) * b, axis=-1) / np.linalg.norm(b, axis=-1)
    return np.degrees(np.arctan2(sine, np.sum(n * m, axis=-1)))


def log(side):
    """Rows of log.SIDE, step -> temperature of each partition; every row holds for the steps after it."""
    words = (line.split() for line in open('log.' + side))
    return {int(w[0]): list(map(int, w[1:])) for w in words if len(w) > 1 and all(v.isdigit() for v in w)}


def acceptance(rows):
    """Accepted swaps of each pair of neighbors; a pair is tried every second time."""
    at = np.array([np.argsort(row) for row in rows.values()])    # partition of each temperature
    swapped = (at[1:, 1:] == at[:-1, :-1]) & (at[1:, :-1] == at[:-1, 1:])
    return 2 * swapped.mean(axis=0)


def frames(name, side, rows):
    """(step, lines) of the frames at 300 K, in time order."""
    swap = sorted(rows)[1]

    def read(p):
        with open('%s.%s.%d.dump' % (name, side, p)) as f:
            natoms = int(list(itertools.islice(f, 4))[3])
            f.seek(0)
            while len(block := list(itertools.islice(f, natoms + 9))) == natoms + 9:
                yield block

    for blocks in zip(*map(read, range(len(rows[0])))):
        step = int(blocks[0][1])
        if (row := rows.get((step - 1) // swap * swap)):    # a frame at the step of a swap was written before it
            yield step, blocks[row.index(0)]


def positions(block, atoms=None):
    return np.array([line.split()[1:4] for line in (block[9:] if atoms is None else [block[8 + i] for i in atoms])], float)


def populations(beads, x):
    """Of positions x [frame][bead][3]: of each residue the share of phi > 0, and of the three rotamers of chi1."""
    names = [b['name'] for b in beads]
    out = []
    for ca in (i for i, n in enumerate(names) if n == 'CA'):
        c = names.index('C', ca)
        phi = torsion(x, (ca - 2, ca - 1, ca, c))
        out.append('phi > 0 %.4f' % np.mean((phi > 0) & (phi < 150)))
        if c > ca + 2:
            chi = torsion(x, (ca - 1, ca, ca + 1, ca + 2)) % 360
            out[-1] += ', chi1 ' + ' '.join('%.3f' % np.mean(chi // 120 == k) for k in range(3))
    return '; '.join(out)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    name = sys.argv[1]
    beads = json.load(open(name + '.map.json'))['beads']
    atoms = [b['atoms'][0] for b in beads]
    held = []
    for side in ('minus', 'plus'):
        rows = log(side)
        last, count, kept, x = max(rows), 0, [], []
        with open('%s.%s.dump' % (name, side), 'w') as out:
            for step, block in frames(name, side, rows):
                count += 1
                x += [positions(block, atoms)] if count % 10 == 0 else []
                if step > 0.9 * last:
                    kept.append(block)
                else:
                    out.writelines(block)
        held += [kept[i * len(kept) // EACH] for i in range(EACH)]
        print('%s %s: %d frames at 300 K, %d for training; swaps accepted %s; %s' % (
            name, side, count, count - len(kept), ' '.join('%.3f' % a for a in acceptance(rows)),
            populations(beads, np.array(x))), flush=True)
    with open(name + '.heldout.dump', 'w') as out:
        for number, block in enumerate(held):
            x = positions(block)
            out.writelines([block[0], '%d\n' % number] + block[2:4] + ['ITEM: BOX BOUNDS pp pp pp\n'] + 3 * ['-30 30\n'])
            out.write('ITEM: ATOMS id x y z\n')
            # the molecule has drifted; in the middle of the box it can be read with any boundary
            out.writelines('%d %.6f %.6f %.6f\n' % (i + 1, *r) for i, r in enumerate(x - x.mean(axis=0)))


if __name__ == '__main__':
    main()

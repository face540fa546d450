#!/usr/bin/env python3
"""Held-out frames: 100 of each run of in.allatom, at 300 K, from the steps that in.train leaves out.

usage: heldout.py OUT.dump minus plus

The first frames are those of the first run. They lie at equal distances in time among all frames of the last tenth of the
partitions while they had 300 K (rows of log.allatom.SIDE: step, then the temperature of each partition from that step on).
"""
import sys

import numpy as np

EACH = 100


def frames_at_300K(side):
    """(step, positions [atoms][3]) of all frames, in time order; the dumps are sorted by atom ID."""
    held = {}    # step of a row of the log: the partition with temperature 0
    for line in open('log.allatom.' + side):
        words = line.split()
        if words and all(w.isdigit() for w in words):
            held[int(words[0])] = words[1:].index('0')
    swap, first = sorted(held)[1], 0.9 * max(held)
    out = []
    for p in range(len(words) - 1):
        for block in open('allatom.%s.%d.dump' % (side, p)).read().split('ITEM: TIMESTEP\n')[1:]:
            step = int(block.split('\n', 1)[0])
            # a frame at the step of a swap was written before it
            if step > first and held.get((step - 1) // swap * swap) == p:
                rows = [r.split()[1:4] for r in block.split('ITEM: ATOMS', 1)[1].split('\n')[1:] if r]
                out.append((step, np.array(rows, float)))
    return sorted(out, key=lambda frame: frame[0])


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    kept = []
    for side in sys.argv[2:]:
        frames = frames_at_300K(side)
        kept += [frames[i * len(frames) // EACH][1] for i in range(EACH)]
    with open(sys.argv[1], 'w') as out:
        for number, x in enumerate(kept):
            out.write('ITEM: TIMESTEP\n%d\nITEM: NUMBER OF ATOMS\n%d\nITEM: BOX BOUNDS pp pp pp\n' % (number, len(x)))
            out.write('-15 15\n' * 3 + 'ITEM: ATOMS id x y z\n')
            # the molecule has drifted; in the middle of the box it can be read with any boundary
            for i, r in enumerate(x - x.mean(axis=0)):
                out.write('%d %.6f %.6f %.6f\n' % (i + 1, *r))


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Has a coarse-grained run at 600 K (in.hot) left what the model was trained on?

usage: hot.py MODEL        in the folder of log.hot.SIDE and hot.SIDE.dump

The limits are those of the test of alanine dipeptide (unittest/cgnet/test_hot_run.cpp): no energy more than 3 kT (300 K) below
the lowest one of the held-out all-atom frames; no bond more than a quarter from its mean in the data; no two other beads nearer
than 0.65 of the shortest distance in the data, which the repulsion of the model remembers. The energies of the first 100 frames
are left out: the run starts from a minimum. The exit status is 1 beyond the limits.
"""
import json
import struct
import sys

import numpy as np

KT = 0.0019872067 * 300.0  # kcal/mol
START = 100                # frames


def model(name):
    """The prior (pairs of beads), and its tensors."""
    data = open(name, 'rb').read()
    size, = struct.unpack('<Q', data[:8])
    header, at = json.loads(data[8:8 + size]), 8 + size
    tensor = lambda n: np.frombuffer(data[at:], np.float64 if header[n]['dtype'] == 'F64' else np.float32,
                                     np.prod(header[n]['shape']), header[n]['data_offsets'][0])
    return json.loads(header['__metadata__']['spec'])['prior'], tensor


def energies(name):
    """Those of the rerun, and those of the run: two tables of steps and energies."""
    tables, rows = [], None
    for line in open(name):
        if line.split() == ['Step', 'PotEng']:
            rows = []
            tables.append(rows)
        elif line.startswith('Loop time'):
            rows = None
        elif rows is not None:
            rows.append(float(line.split()[1]))
    return np.array(tables[0]), np.array(tables[1])


def main():
    prior, tensor = model(sys.argv[1])
    bonds, pairs = np.array(prior['bonds']), np.array(prior['repulsion'])
    mean, shortest = tensor('prior.mean')[:len(bonds)], tensor('prior.sigma') * 0.1**(-1 / 12)
    good = True
    for side in ('minus', 'plus'):
        data, run = energies('log.hot.' + side)
        frames = open('hot.%s.dump' % side).read().split('ITEM: ATOMS id xu yu zu\n')[1:]
        x = np.array([f.split('ITEM')[0].split() for f in frames], float).reshape(len(frames), -1, 4)[:, :, 1:]
        distance = lambda p: np.linalg.norm(x[:, p[:, 0]] - x[:, p[:, 1]], axis=2)
        low = (run[START:].min() - data.min()) / KT
        stretch = np.abs(distance(bonds) / mean - 1).max()
        near = (distance(pairs) / shortest).min()
        print('%s: %d frames, lowest energy %.2f kT above that of the data, shortest distance %.3f of that in the data, '
              'bonds off by up to %.3f' % (side, len(x), low, near, stretch))
        good &= len(x) == len(run) and low > -3 and near > 0.65 and stretch < 0.25
    sys.exit(0 if good else 'hot.py: the model has left its data')


if __name__ == '__main__':
    main()

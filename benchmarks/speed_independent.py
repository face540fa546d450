"""Independent frames of phi > 0 of alanine dipeptide: of the coarse-grained molecules with a bias, and of the all-atom replica exchange.

Both are those of the example (in.walkers, in.allatom), from both sides of phi = 0, and both are judged by backmap_report: frames at
300 K, divided by the autocorrelation time of the indicator phi > 0, times the marginal ESS of the weights (1 for atoms).
"""
import glob
import json
import os
import re
import resource
import shutil

import numpy as np

from backmap_workflow.reference import held_by, holder
from speed_runs import HERE, Trouble, lammps, say

EXAMPLE = os.path.join(HERE, '..', 'examples', 'alanine-dipeptide')
PHI = (5, 7, 9, 15)  # atom IDs of the torsion, as in in.fine
ENOUGH = 10  # entries into phi > 0; with fewer backmap_report marks the population
KT = 0.0019872067 * 300.0
# keywords of both starts, as in the first lines of the scripts
STARTS = {'in.walkers': {'minus': {}, 'plus': {'seed': 8222}},
          'in.allatom': {'minus': {}, 'plus': {'start': 60, 'seed': 202}}}


def temperatures(script):
    """The temperatures of a script of the example, one for each partition."""
    with open(os.path.join(EXAMPLE, script)) as file:
        found = re.search(r'(?m)^variable\s+t\s+(?:world|index)\s+(.*)$', file.read())
    return found[1].split()


def run(lmp, folder, script, variables):
    """Both starts of a script, one after the other; processor seconds of all ranks, waiting included."""
    kind, partitions = script[len('in.'):], len(temperatures(script))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for side, own in STARTS[script].items():
        say('%s from phi %s 0' % (script, '<' if side == 'minus' else '>'))
        lammps(lmp, script, {'side': side, **own, **variables}, partitions=partitions if partitions > 1 else 0, cwd=folder,
               log='log.%s.%s' % (kind, side))
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


# --- frames of all atoms as a sample table: each frame is its own only sample, with weight one -------------


def torsion(a, b, c, d):
    b1, b2, b3 = b - a, c - b, d - c
    m, n = np.cross(b1, b2), np.cross(b2, b3)
    return np.degrees(np.arctan2(np.linalg.norm(b2, axis=-1) * (b1 * n).sum(-1), (m * n).sum(-1)))


def read_phi(dump):
    """Steps and phi of the frames of a dump that is sorted by atom-ID, columns id x y z ..."""
    with open(dump) as file:
        lines = file.readlines()
    size = int(lines[3]) + 9
    lines = lines[:len(lines) // size * size]
    at = [np.array([v.split()[1:4] for v in lines[8 + i::size]], float) for i in PHI]
    return np.array(lines[1::size], int), torsion(*at)


def cold_frames(folder, side):
    """Steps and phi of the frames at the lowest temperature, in the order of time."""
    steps, held = held_by(os.path.join(folder, 'log.allatom.' + side))
    rows = []
    for dump in glob.glob(os.path.join(folder, 'allatom.%s.*.dump' % side)):
        partition = int(dump.split('.')[-2])
        for step, phi in zip(*read_phi(dump)):
            if holder(steps, held, step) == partition:
                rows.append((step, phi))
    return sorted(rows)


def write_table(name, rows):
    """U and log q are not looked at; phi stands there, because no two frames of a sample table may be the same."""
    with open(name, 'w') as out:
        out.write('# backmap sample table 1\n# units real\n# temperature 300\n# kT %.10g\n# samples 1\n'
                  '# molecule alanine dipeptide\n# flow none\n# coarse none\n# script none\n'
                  '# step molecule sample logweight U U_CG logq v_phi_positive\n' % KT)
        for step, phi in rows:
            out.write('%d 1 0 0 %.10g 0 %.10g %d\n' % (step, phi, phi, phi > 0.0))


# --- the same figures for both --------------------------------------------------------------------------------


def judge(lmp, folder, tables):
    """What backmap_report says about phi > 0 in these tables."""
    with open(os.path.join(folder, 'in.judge'), 'w') as out:
        out.write('backmap_report %s json judge.json\n' % ' '.join(tables))
    lammps(lmp, 'in.judge', {}, cwd=folder)
    with open(os.path.join(folder, 'judge.json')) as file:
        report = json.load(file)
    state = report['estimates']['phi_positive']
    tau = state['autocorrelation_time'] if report['frames'] else None
    independent = report['frames'] * report['marginal_ess'] / tau if tau else 0.0
    return {'frames': report['frames'], 'autocorrelation_frames': tau, 'marginal_ess': report['marginal_ess'],
            'independent_frames': independent, 'entries': state['entries'], 'population': state['value'],
            'population_error': state['error'], 'effective_samples_of_report': state['effective_samples']}


def measure(lmp, out, quick, step_seconds):
    """Figures of both. step_seconds: core seconds of a step of one replica of the atoms, whose partitions also burn time by waiting."""
    folder = os.path.join(out, 'exchange')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    for name in glob.glob(os.path.join(EXAMPLE, 'in.*')) + glob.glob(os.path.join(EXAMPLE, 'ala2.*')):
        shutil.copy(name, folder)
    found = {}

    def add(script, tables, core_seconds, used):
        figures = judge(lmp, folder, tables)
        figures.update(core_seconds=core_seconds, processor_seconds=used,
                       independent_per_core_second=figures['independent_frames'] / core_seconds)
        found[script] = figures

    # one rank each, which never waits: all of its time counts, from the first line of the script on
    used = run(lmp, folder, 'in.walkers', {'steps': 600 if quick else 100000})
    add('in.walkers', ['samples.%s.walkers.txt' % side for side in ('minus', 'plus')], used, used)

    steps = 2400 if quick else 1600000
    used = run(lmp, folder, 'in.allatom', {'steps': steps, **({'turnsteps': 2000} if quick else {})})
    tables = ['atoms.minus.txt', 'atoms.plus.txt']
    for side, table in zip(('minus', 'plus'), tables):
        write_table(os.path.join(folder, table), cold_frames(folder, side))
    add('in.allatom', tables, 2 * len(temperatures('in.allatom')) * steps * step_seconds, used)
    for dump in glob.glob(os.path.join(folder, '*.dump')):
        os.remove(dump)
    return found


def ratio(found):
    few = ['%s has %.0f' % (s, f['entries']) for s, f in found.items() if f['entries'] < ENOUGH]
    if few:
        raise Trouble('fewer than %d entries into phi > 0: %s' % (ENOUGH, ', '.join(few)))
    return (found['in.walkers']['independent_per_core_second'] /
            found['in.allatom']['independent_per_core_second'])

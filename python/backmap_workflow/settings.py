"""in.settings: one LAMMPS file, written once, read by the scripts and by this program."""
import math
import os
import re

from .files import fail, read

FILE = 'in.settings'
# shares of the time on the clock
SHARES = {'starts': 0.02, 'sample': 0.20, 'reference': 0.02, 'train': 0.38, 'forces': 0.03, 'freeenergy': 0.05, 'correct': 0.17,
          'coarse': 0.09, 'structures': 0.01, 'validate': 0.02, 'report': 0.005, 'plot': 0.005}


def settings():
    """Names and values; empty before the plan."""
    if not os.path.exists(FILE):
        return {}
    found = re.findall(r'^variable\s+(\w+)\s+index\s+("[^"]*"|\S+)', read(FILE), re.M)
    return {name: value.strip('"') for name, value in found}


def number(name):
    value = settings().get(name, 'none')
    try:
        return float(value)
    except ValueError:
        fail('%s: expected a line "variable %s index NUMBER", got %s' % (FILE, name, value))


def whole(name):
    return int(number(name))


def plan_settings(options, atoms, beads, seconds, units, names, ids):
    """What the workflow decides: from the numbers of atoms and beads, the time of one step of the atoms, cores and minutes."""
    clock = {name: 60.0 * options.minutes * share for name, share in SHARES.items()}

    def ladder(points, top):    # replicas at temperatures with overlapping energies: ratio 1 + 2 sqrt(2/f) for f degrees of freedom
        ratio = 1.0 + 2.0 * math.sqrt(2.0 / max(3 * points - 6, 3))
        return max(2, 1 + math.ceil(math.log(top / options.temperature) / math.log(ratio)))

    def round_to(value, unit):
        return max(1, int(value / unit)) * unit

    hottest, coarse_hottest = (options.temperature * x for x in (2.33, 2.5))
    replicas, coarse_replicas = ladder(atoms, hottest), ladder(beads, coarse_hottest)
    work = 0.8 * min(options.cores, replicas)
    steps = clock['sample'] * work / (2 * replicas * seconds)
    frames = min(150000, 2e9 / (replicas * atoms * 55))     # at the target temperature; two gigabytes of dumps
    every = max(20, 10 * math.ceil(2 * steps / frames / 10))
    steps = round_to(steps, 100 * every)
    total = 2 * replicas * steps / every
    per_sample = 0.7e-6 * atoms         # drawing, energy and weight
    free = min(clock['freeenergy'] * 0.8 / (8 * per_sample), 300000, total)
    bead_step = 2e-6 * beads
    rounds, samples, coarse_frames = 3, 16, 20000
    fit = clock['correct'] / rounds * 0.6

    def coarse(seconds):        # steps of each replica, with the time of 20,000 frames taken off
        work = 0.8 * min(options.cores, coarse_replicas) * seconds
        return round_to(max(work - coarse_frames * samples * per_sample, 0.2 * work) / (coarse_replicas * bead_step), 10000)

    coarse_steps, round_steps = coarse(clock['coarse'] / 2), coarse(clock['correct'] / rounds - fit)
    coarse_every = max(50, round_to(min(coarse_steps, round_steps) / coarse_frames, 10))
    fs = {'real': 1.0, 'metal': 0.001}.get(units)
    if fs is None:
        fail('units %s of in.forcefield, expected real or metal' % units)
    rows = [
        ('temperature', '%g' % options.temperature, 'K'),
        ('seed', options.seed, ''),
        ('fs', '%g' % fs, 'one femtosecond in the units of in.forcefield'),
        ('ids', ids, 'of beads: those of atoms, or consecutive'),
        ('observables', '"%s"' % ' '.join('v_' + n for n in names), 'of in.observables'),
        ('torsions', '"%s"' % ' '.join('v_' + n for n in names if n not in ('rg', 'energy')), 'which tell the starts apart'),
        ('minima', 30, 'minima among which the starts are chosen'),
        ('hottest', '%.0f' % hottest, 'K, hottest replica of the atoms'),
        ('replicas', replicas, 'of the atoms, from each start'),
        ('last_replica', replicas - 1, ''),
        ('steps', steps, 'of each replica'),
        ('every', every, 'steps between frames, and between swaps'),
        ('trained', round_to(0.9 * steps, every), 'later frames are for the validation'),
        ('flow_minutes', '%.1f' % (clock['train'] / 60), 'training of the flow'),
        ('forces_minutes', '%.1f' % (clock['forces'] / 60), 'training by forces'),
        ('force_frames', every * max(1, round(2 * steps / every / 40000)), 'steps between the frames of this training'),
        ('free_frames', every * max(1, round(total / free)), 'steps between the frames for free energies'),
        ('free_samples', 8, 'structures for each'),
        ('rounds', rounds, 'of correction, at most'),
        ('correct_minutes', '%.1f' % (fit / 60), 'training in each round'),
        ('coarse_hottest', '%.0f' % coarse_hottest, 'K, hottest replica of the beads'),
        ('coarse_replicas', coarse_replicas, 'of the beads'),
        ('coarse_every', coarse_every, 'steps between backmapped frames'),
        ('samples', samples, 'structures for each frame'),
        ('round_steps', round_steps, 'of each replica in a round'),
        ('coarse_steps', coarse_steps, 'of each replica at the end, from each start'),
        ('structures', '"200 drawn"', 'by weight, all count alike; or the N best'),
        ('resume', 'no', ''),
        ('clock', '%.0f' % (60 * options.minutes), 'seconds for all, as planned'),
    ]
    return '# Written by backmap_workflow. Edit what you like: only steps that use a value which has changed run again.\n' + ''.join(
        'variable %-16s index %s%s\n' % (name, value, '\t# ' + comment if comment else '') for name, value, comment in rows)

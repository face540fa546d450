"""The steps, what each needs and makes, and the command that runs it."""
import os
import re
import shlex

from .files import read
from .settings import FILE, settings, whole


class Step:
    """One LAMMPS script, and variables of its command line. ranks, steps: names of settings, partitions and length of the run.
    before: steps that must be done; makes: files that tell that it was; more: scripts beside its own; reads: other files that it reads;
    results: all that later steps take from it, if they may stay as they are where these files are the same again."""

    def __init__(self, name, ranks=None, steps=None, before=(), makes=(), more=(), reads=(), results=(), **variables):
        self.name, self.ranks, self.steps, self.before, self.makes, self.variables = name, ranks, steps, before, makes, variables
        self.reads, self.results = reads, results
        self.group = name.split('.')[0]
        self.script = 'in.' + self.group
        self.scripts = [self.script, *more] if name != 'plot' else []

    def files(self):
        """The scripts and all files that they read, as far as they are in this folder."""
        found, todo = [], [*self.scripts, *self.reads]
        while todo:
            path = todo.pop()
            if path in found or not os.path.exists(path):
                continue
            found.append(path)
            if path.startswith('in.'):
                todo += re.findall(r'^\s*(?:include|read_data)\s+(\S+)', read(path), re.M)
        return [f for f in found if f not in (FILE, 'coarse.data')]

    def used(self):
        """The settings that the scripts name, with their values."""
        text = ' '.join(read(f) for f in self.files() if f.startswith('in.')) + ' ${%s}' % self.ranks
        words = set(re.findall(r'\$\{(\w+)\}', text) + re.findall(r'\bv_(\w+)', text))
        return {k: v for k, v in settings().items() if k in words}

    def command(self, options, name, more):
        ranks = whole(self.ranks) if self.ranks else 1
        out = [*shlex.split(options.mpirun), '-n', str(ranks)] if ranks > 1 else []
        out += [options.lmp] + (['-partition', '%dx1' % ranks] if ranks > 1 else []) + ['-in', self.script]
        for variable, value in {**self.variables, **more}.items():
            out += ['-var', variable, str(value)]
        return out + ['-log', 'log.' + name]


def both(group):
    return ['%s.%s' % (group, start) for start in '01']


BEADS = ['in.fine', 'in.replicas', 'in.backmap']     # beads that move and get atoms
STEPS = [
    Step('plan', makes=['map.json', 'coarse.data', 'relaxed.dump', FILE, 'in.beads'], more=['in.fine'], reads=['map.json'],
         results=['map.json', 'coarse.data', 'relaxed.dump']),
    Step('starts', before=['plan'], makes=['starts.dump'], results=['starts.dump']),
    *(Step('sample.' + s, 'replicas', 'steps', ['starts'], ['atoms.%s.0.dump' % s], start=s) for s in '01'),
    Step('reference', before=both('sample'), makes=['atoms.1.0.txt'], more=['in.fine']),
    Step('train', before=[*both('sample'), 'plan'], makes=['flow.safetensors']),
    Step('forces', before=[*both('sample'), 'plan'], makes=['cgnet.0.safetensors']),
    Step('freeenergy', before=['train', 'forces'], makes=['freeenergy.0.0.txt', 'starts.beads.dump'], more=['in.fine']),
    Step('correct', 'coarse_replicas', 'round_steps', ['freeenergy'], ['cgnet.safetensors'], BEADS),
    *(Step('coarse.' + s, 'coarse_replicas', 'coarse_steps', ['correct'], ['samples.%s.0.txt' % s, 'coarse.%s.0.dump' % s],
           BEADS, start=s) for s in '01'),
    Step('structures', before=both('coarse'), makes=['structures.dump'], more=['in.fine', 'in.fine.structures']),
    Step('validate', before=['train'], makes=['heldout.json'], more=['in.fine']),
    Step('report', before=both('coarse') + ['validate'], makes=['summary.json']),
    Step('plot', before=['report', 'reference'], makes=['weights.png']),
]

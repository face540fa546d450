#!/usr/bin/env python3
"""The measurements of run.sh: one table, speed.json and the plots. run.sh says what it needs.

usage: speed.py --out DIR --lmp PATH --build DIR [--quick]

A figure that cannot be had is null in speed.json, and "reasons" says why.
"""
import argparse
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, '..', 'python')]
import speed_independent
from speed_runs import Trouble, idle_cores, kernels, lammps, read_log, say

EXAMPLES = os.path.join(HERE, '..', 'examples')
FLOW = os.path.join(HERE, '..', 'potentials', 'ala2.flow.safetensors')
PROMISED = ['flow_vs_torch_batch1', 'flow_vs_torch_batch1024', 'flow_gemm_fraction', 'cgnet_vs_torchscript_1',
            'cgnet_vs_torchscript_256', 'cgnet_vs_allatom_md_256', 'energies_per_s', 'weighted_samples_per_s',
            'mpi_speedup_2', 'effective_samples_ratio']
FREE = 0.95  # use of its core that a run needs, where the clock counts


# --- the machine -------------------------------------------------------------------


def first_match(pattern, text, otherwise=None):
    found = re.search(pattern, text)
    return found[1].strip() if found else otherwise


def output(*command):
    try:
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False).stdout
    except OSError:
        return ''


def machine(build, lmp, contexts):
    with open('/proc/cpuinfo') as file:
        cpu = file.read()
    with open(os.path.join(build, 'CMakeCache.txt')) as file:
        cache = file.read()
    compiler = first_match(r'(?m)^CMAKE_CXX_COMPILER:\w+=(.*)$', cache, 'c++')
    native = first_match(r'(?m)^BACKMAP_NATIVE:\w+=(.*)$', cache, 'OFF') == 'ON'
    target = output(compiler, *(['-march=native'] if native else []), '-Q', '--help=target')
    vectors = [f for f in first_match(r'(?m)^flags\s*: (.*)$', cpu, '').split() if re.match('avx|fma|sse4', f)]
    return {'cpu': first_match(r'(?m)^model name\s*: (.*)$', cpu, 'unknown'), 'cores': os.cpu_count(),
            'cpu_flags': ' '.join(vectors),
            'compiler': output(compiler, '--version').split('\n')[0],
            'flags': ' '.join(filter(None, [
                first_match(r'(?m)^CMAKE_CXX_FLAGS:\w+=(.*)$', cache),
                first_match(r'(?m)^CMAKE_CXX_FLAGS_RELEASE:\w+=(.*)$', cache),
                '-march=native (%s)' % first_match(r'-march=\s+(\S+)', target, 'unknown') if native else None])),
            'lammps': first_match(r'(?m)^(Large-scale .*)$', output(lmp, '-h'), 'unknown').split(' - ', 1)[-1],
            **{k: v for c in contexts for k, v in c.items() if k in ('libtorch', 'openblas', 'kokkos')}}


def revision():
    git = ['git', '-C', HERE]
    head = output(*git, 'rev-parse', 'HEAD').strip()
    if not re.fullmatch('[0-9a-f]{40}', head):
        return None
    return head + (' and changes' if output(*git, 'status', '--porcelain', '--untracked-files=no').strip() else '')


# --- measurements: each fills in figures, and says what it cannot ------------------------


class Measurements:
    def __init__(self, args):
        self.args, self.quick = args, args.quick
        self.figures, self.reasons, self.rows, self.found, self.contexts = {}, {}, [], {}, []
        self.details = {}

    def attempt(self, keys, measure):
        """Runs a measurement; if it cannot be had, its keys are null."""
        try:
            measure()
        except Trouble as e:
            say('not known: %s: %s' % (' '.join(keys), e))
            for key in keys:
                self.figures.setdefault(key, None)
                self.reasons.setdefault(key, str(e))

    def row(self, what, unit, ours, rival=None, limit=None, key=None, ratio=None):
        if ratio is None and rival:
            ratio = ours / rival
        self.rows.append({'what': what, 'unit': unit, 'ours': ours, 'rival': rival, 'limit': limit, 'ratio': ratio})
        if key:
            self.figures[key] = ratio

    def run(self, name, *arguments, only=''):
        found, context = kernels(os.path.join(self.args.build, 'benchmarks', name), arguments, self.args.out, self.quick, only)
        self.contexts.append(context)
        self.found.update(found)

    def get(self, name, what='rate'):
        f = self.found.get(name, {'error': 'not measured'})
        if 'error' in f:
            raise Trouble('%s: %s' % (name, f['error']))
        return f[what]

    def best(self, *names):
        """The fastest of those that were measured."""
        rates = [self.found[n]['rate'] for n in names if 'rate' in self.found.get(n, {})]
        if not rates:
            raise Trouble('none of %s was measured' % ' '.join(names))
        return max(rates)

    # --- kernels

    def limits(self):
        self.run('bench_limits')
        for name in ('sgemm', 'dgemm'):
            f = self.found['limit/' + name]
            if 'error' not in f:
                f['rate'] = f['macs'] / f['seconds']
        self.details['limits'] = {'sgemm_multiply_adds_per_s': self.found['limit/sgemm'].get('rate'),
                                  'dgemm_multiply_adds_per_s': self.found['limit/dgemm'].get('rate'),
                                  'memory_bytes_per_s': self.found['limit/triad'].get('bytes')}

    def at_limit(self, name, gemm='sgemm'):
        """Rate that a benchmark would have if it did its multiply-adds as fast as OpenBLAS and nothing else."""
        try:
            f = self.found[name]
            return f['rate'] * self.get('limit/' + gemm) * f['seconds'] / f['macs']
        except (Trouble, KeyError):
            return None

    def flow(self):
        self.run('bench_flow', FLOW, only='/(1|64|1024)$' if self.quick else '/(native|torch)[a-z_]*/[0-9]+$')

    def flow_gemm(self):
        name = 'flow/native_single/1024'
        self.figures['flow_gemm_fraction'] = self.get(name, 'macs') / self.get(name, 'seconds') / self.get('limit/sgemm')

    def flow_row(self, n, key):
        name = 'flow/native_single/%d' % n
        self.row('flow, batch of %s, single precision; LibTorch' % format(n, ','), 'samples/s', self.get(name),
                 self.best('flow/torch_eager/%d' % n, 'flow/torch_script/%d' % n), self.at_limit(name), key)

    def flow_others(self):
        self.row('flow, batch of 1,024, double precision', 'samples/s', self.get('flow/native_double/1024'),
                 limit=self.at_limit('flow/native_double/1024', 'dgemm'))
        for width in (16, 32, 64, 128, 256):
            limit = self.at_limit('flow_hidden/native_single/%d' % width)
            if limit:
                self.found['flow_hidden/limit/%d' % width] = {'rate': limit}
        self.row('log q of 1,024 structures; as train_flow\'s reference has it', '1/s',
                 self.get('flow_density/native_single/1024'), self.get('flow_density/torch/1024'))

    def flow_threads(self):
        """A second thread pays only where there is a core for it."""
        if not idle_cores() > 1.8:
            raise Trouble('two threads of LibTorch: fewer than 2 free cores')
        self.run('bench_flow', FLOW, only='threads2')
        self.row('LibTorch with two threads; one thread; batch of 1,024', 'samples/s',
                 self.get('flow/torch_eager_threads2/1024'), self.get('flow/torch_eager/1024'))

    def cgnet(self):
        self.run('bench_cgnet', only='/(1|256)$' if self.quick else '')

    def cgnet_row(self, n, key):
        ours = 'cgnet/native_single/%d' % n
        self.row('cgnet, %d molecule%s; TorchScript' % (n, '' if n == 1 else 's at once'), 'molecules/s', self.get(ours),
                 self.best('cgnet/torchscript/%d' % n, 'cgnet/torchscript_single/%d' % n), self.at_limit(ours), key)

    def beads(self):
        self.run('bench_beads')

    def training(self):
        self.run('bench_train', only='64/1' if self.quick else '')
        self.row('training of the flow, 45 variables, width 64', 'rows/s', self.get('train/flow/64/1'))

    # --- all-atom energies: the rival is `run 0`, the limit the force field as MD pays for it

    def energies(self, name, folder, script, frames):
        path = os.path.join(EXAMPLES, folder)
        here = os.getcwd()
        os.chdir(path)
        try:
            self.run('bench_energies', name, script, os.path.join(path, frames))
        finally:
            os.chdir(here)
        md = self.md_allatom(folder)
        force_field = md['steps'] / (md['sections']['Pair'] + md['sections']['Bond'])
        self.row('all-atom energies, %s; run 0; force field alone' % folder, '1/s', self.get('energy/engine/' + name),
                 self.get('energy/run0/' + name), force_field)

    def energies_ala2(self):
        self.energies('ala2', 'alanine-dipeptide', 'in.fine', 'ala2.heldout.dump')
        self.figures['energies_per_s'] = self.get('energy/engine/ala2')

    def energies_ala3(self):
        self.energies('ala3', 'tri-alanine', 'in.forcefield', 'ala3.heldout.dump')

    # --- whole runs

    def blocks(self, script, steps, **variables):
        """The best of some runs of one script, of so many steps altogether, and the output."""
        n = 3 if self.quick else 30
        steps = max(4, steps // 30)
        text = lammps(self.args.lmp, script, {'steps': steps, 'blocks': n, **variables})
        return read_log(text), text

    def md_allatom(self, folder='alanine-dipeptide'):
        if folder not in self.details:
            say('MD of all atoms, ' + folder)
            self.details[folder] = self.blocks('in.allatom', 100000, folder=os.path.join(EXAMPLES, folder))[0]
        return self.details[folder]

    def md_coarse(self):
        allatom = self.md_allatom()
        rate = allatom['steps'] / allatom['processor']
        self.found['md/allatom/1'] = {'rate': rate}
        for grid in ('1 1 1', '16 4 4') if self.quick else ('1 1 1', '4 1 1', '4 4 1', '4 4 4', '16 4 4'):
            n = eval_product(grid)
            say('coarse-grained MD of %d molecule(s)' % n)
            run, _ = self.blocks('in.main', 60000 // n, grid=grid)
            self.details['cg_md_%d' % n] = run
            self.found['md/cgnet/%d' % n] = {'rate': n * run['steps'] / run['processor']}
        self.row('CG MD of 1 molecule; all-atom MD', 'steps/s', self.get('md/cgnet/1'), rate)
        self.row('CG MD of 256 molecules; all-atom MD', 'steps/s', self.get('md/cgnet/256'), rate,
                 key='cgnet_vs_allatom_md_256')

    def weighted(self):
        say('weighted samples')
        rates = []
        for _ in range(1 if self.quick else 3):
            text = lammps(self.args.lmp, 'in.throughput', {'repeat': 2 if self.quick else 20})
            rates.append(float(first_match(r'throughput: .* (\d+) per core and second', text, '0')))
        self.figures['weighted_samples_per_s'] = max(rates)
        parts = [self.at_limit('flow/native_single/1024'), self.md_allatom()]
        limit = None
        if parts[0]:
            md = parts[1]
            limit = 1 / (1 / parts[0] + (md['sections']['Pair'] + md['sections']['Bond']) / md['steps'])
        rival = self.found.get('flow/torch_script/1024', {}).get('rate')
        self.row('weighted samples, batches of 1,024; LibTorch\'s flow without energies; both limits', '1/s', max(rates), rival,
                 limit)

    def profile(self):
        """Where the time of the main job goes, in shares of the time of one rank: 64 molecules, 16 samples every 100 steps."""
        say('profile of the main job')
        run, text = self.blocks('in.main', 6000, grid='4 4 4', every=100)
        samples, seconds = re.search(r'main job: (\d+) weighted samples in ([.0-9]+) core seconds', text).groups()
        shares = {k: v / run['wall'] for k, v in run['sections'].items()}
        frames = 64 * 16 * (run['steps'] // 100)
        shares['fix backmap'] = min(shares['Modify'], float(seconds) / int(samples) * frames / run['wall'])
        shares['other Modify'] = shares.pop('Modify') - shares['fix backmap']
        self.details['main_job_shares'] = shares

    def mpi(self):
        """By the clock, so that both cores must be free."""
        if (os.cpu_count() or 1) < 2 or not idle_cores() > 1.8:
            raise Trouble('fewer than 2 free cores')
        walls = {1: [], 2: []}
        for _ in range(1 if self.quick else 3):
            for ranks, found in walls.items():
                run = read_log(lammps(self.args.lmp, 'in.main', {'grid': '8 4 4', 'every': 100, 'blocks': 2 if self.quick else 5,
                                                                 'steps': 200 if self.quick else 1000}, ranks))
                if run['use'] >= FREE:
                    found.append(run['wall'])
        if not all(walls.values()):
            raise Trouble('others used the cores during the runs')
        self.details['main_job_wall_s'] = walls
        self.row('main job, 128 molecules, 2 ranks; 1 rank', 's', min(walls[2]), min(walls[1]), min(walls[1]) / 2,
                 'mpi_speedup_2', min(walls[1]) / min(walls[2]))

    def independent(self):
        allatom = self.md_allatom()
        found = speed_independent.measure(self.args.lmp, self.args.out, self.quick, allatom['processor'] / allatom['steps'])
        self.details['independent_frames'] = found
        ours, rival = found['in.walkers'], found['in.allatom']
        for script, f in found.items():
            say('%s: %.0f entries into phi > 0, %.1f independent frames in %.1f core seconds (%.1f with start and waiting)'
                % (script, f['entries'], f['independent_frames'], f['core_seconds'], f['processor_seconds']))
        ratio = speed_independent.ratio(found)
        self.row('independent frames of phi > 0; all-atom replica exchange', '1/s', ours['independent_per_core_second'],
                 rival['independent_per_core_second'], key='effective_samples_ratio', ratio=ratio)

    def all(self):
        self.attempt([], self.limits)
        self.attempt(PROMISED[0:3], self.flow)
        for n in (1, 1024) if self.quick else (1, 64, 1024, 4096):
            key = 'flow_vs_torch_batch%d' % n
            self.attempt([key] if key in PROMISED else [], lambda: self.flow_row(n, key if key in PROMISED else None))
        self.attempt(['flow_gemm_fraction'], self.flow_gemm)
        self.attempt([], self.flow_others)
        if not self.quick:
            self.attempt([], self.flow_threads)
        self.attempt(PROMISED[3:5], self.cgnet)
        for n in (1, 256):
            self.attempt(['cgnet_vs_torchscript_%d' % n], lambda: self.cgnet_row(n, 'cgnet_vs_torchscript_%d' % n))
        self.attempt([], self.beads)
        self.attempt(['cgnet_vs_allatom_md_256'], self.md_coarse)
        self.attempt(['energies_per_s'], self.energies_ala2)
        self.attempt([], self.energies_ala3)
        self.attempt(['weighted_samples_per_s'], self.weighted)
        self.attempt([], self.profile)
        self.attempt([], self.training)
        self.attempt(['mpi_speedup_2'], self.mpi)
        self.attempt(['effective_samples_ratio'], self.independent)


def eval_product(grid):
    n = 1
    for v in grid.split():
        n *= int(v)
    return n


# --- what is written -----------------------------------------------------------------------


def number(v):
    return '-' if v is None else '%.3g' % v if abs(v) < 1000 else format(int(float('%.3g' % v)), ',')


def table(rows):
    head = ['what; rival; limit', 'unit', 'ours', 'rival', 'limit', 'ratio']
    cells = [head] + [[r['what'], r['unit'], number(r['ours']), number(r['rival']), number(r['limit']), number(r['ratio'])]
                      for r in rows]
    width = [max(len(c[k]) for c in cells) for k in range(len(head))]
    return '\n'.join('  '.join(c.ljust(w) if k < 2 else c.rjust(w) for k, (c, w) in enumerate(zip(row, width))).rstrip()
                     for row in cells)


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    for name in ('out', 'lmp', 'build'):
        parser.add_argument('--' + name, required=True)
    parser.add_argument('--quick', action='store_true')
    args = parser.parse_args()
    idle = [idle_cores()]
    m = Measurements(args)
    m.all()
    idle.append(idle_cores())
    pictures = []
    try:
        import speed_plots
        pictures = speed_plots.draw(m.found, args.out)
    except ImportError as e:
        say('no plots: %s' % e)
    shared = not min(idle) > 0.9 * (os.cpu_count() or 1)
    result = {key: m.figures.get(key) for key in PROMISED}
    result.update(reasons=m.reasons, quick=args.quick, git=revision(), machine=machine(args.build, args.lmp, m.contexts),
                  idle_cores=idle, shared_machine=shared, table=m.rows, benchmarks=m.found, details=m.details)
    with open(os.path.join(args.out, 'speed.json'), 'w') as out:
        json.dump(result, out, indent=1, allow_nan=False)
        out.write('\n')
    text = table(m.rows) + '\n\n' + '\n'.join(
        ['%s: %s' % (k, number(result[k]) if result[k] is not None else 'not known: ' + m.reasons.get(k, '')) for k in PROMISED] +
        ['%s, %s; %s' % (result['machine']['cpu'], result['machine']['flags'], result['machine']['compiler'])] +
        ['Other work ran on this machine: cores free at the start and at the end %.1f and %.1f of %d.' % (*idle, os.cpu_count())] *
        shared + ['Figures of --quick mean little.'] * args.quick)
    with open(os.path.join(args.out, 'speed.txt'), 'w') as out:
        out.write(text + '\n')
    print(text)
    print('wrote %s' % ' '.join([os.path.join(args.out, n) for n in ('speed.json', 'speed.txt')] + pictures))


if __name__ == '__main__':
    main()

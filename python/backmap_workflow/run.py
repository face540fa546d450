"""Runs the steps that are not done."""
import glob
import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

from . import reference, starts, structures
from .files import clean, fail, read, write
from .progress import clock, tell
from .settings import FILE, SHARES, plan_settings, settings, whole
from .steps import STEPS

SCRIPTS = os.path.join(os.path.dirname(os.path.realpath(__file__)), 'scripts')
STATE = 'workflow.json'
MARGIN = 0.01       # rounds of correction go on while the marginal ESS rises by more than this
# more replicas than cores are fine, if those that wait leave the core to others; other MPIs ignore these
ENVIRONMENT = {'OMP_NUM_THREADS': '1', 'OMPI_MCA_rmaps_base_oversubscribe': '1', 'OMPI_MCA_mpi_yield_when_idle': '1',
               'OMPI_MCA_hwloc_base_binding_policy': 'none'}
BEADS = '''# The coarse-grained system, with model ${model}; what keeps its isomer, as for the atoms.
units           %s
atom_style      molecular
read_data       coarse.data
pair_style      cgnet
pair_coeff      * * ${model} %s
include         in.isomer.coarse
fix             isomer all halt 100 v_changed != 0 error hard message yes
'''
PARTS = ('in.isomer', 'in.isomer.coarse', 'in.observables')     # of backmap_scripts


def provide(script):
    """Copies a script of the workflow into this folder, unless the user has one."""
    if os.path.exists(script):
        return
    if not os.path.exists(os.path.join(SCRIPTS, script)):
        fail('%s is neither here nor among the scripts of the workflow' % script)
    shutil.copyfile(os.path.join(SCRIPTS, script), script)


class Workflow:
    def __init__(self, options):
        self.options = options
        self.state = json.loads(read(STATE)) if os.path.exists(STATE) else {}

    # --- what has been done -------------------------------------------------------------------------------

    def reason(self, step):
        """Why a step must run, or None."""
        done = self.state.get(step.name)
        if not done:
            return 'not done yet'
        for f in step.makes:
            if not os.path.exists(f):
                return '%s is missing' % f
        for name in step.before:
            if self.changed(name) > done['time']:
                return '%s is newer' % name
        for f in step.files():
            if os.path.getmtime(f) > done['time']:
                return '%s is newer' % f
        for name, now in step.used().items():
            before = done['settings'].get(name, 'not used')
            if before != now:
                return '%s was %s and is %s' % (name, before, now)
        return None

    def changed(self, name):
        """When a step last gave other results than the time before."""
        done = self.state.get(name, {})
        return done.get('changed', done.get('time', 0))

    def record(self, step, begin):
        now = {'time': time.time(), 'seconds': round(time.time() - begin), 'settings': step.used()}
        if step.results:
            now['results'] = hashlib.sha256(''.join(read(f) for f in step.results).encode()).hexdigest()
            same = now['results'] == self.state.get(step.name, {}).get('results')
            now['changed'] = self.changed(step.name) if same else now['time']
        self.state[step.name] = now
        write(STATE, json.dumps(self.state, indent=1) + '\n')

    def status(self):
        for step in STEPS:
            why = self.reason(step)
            print('  %-12s %s' % (step.name, why or 'done in %s' % clock(self.state[step.name]['seconds'])))

    def left(self, step):
        """Planned seconds of the steps behind this one that are not done."""
        behind = [s for s in STEPS[STEPS.index(step) + 1:] if self.reason(s)]
        total = float(settings().get('clock', 0))
        return sum(total * SHARES.get(s.group, 0) / sum(other.group == s.group for other in STEPS) for s in behind)

    # --- running ------------------------------------------------------------------------------------------

    def run(self, wanted):
        for step in STEPS:
            if wanted and step.group not in wanted and step.name not in wanted:
                continue
            why = self.reason(step)
            if why is None:
                print('%s: done' % step.name)
                continue
            for name in step.before:
                if name not in self.state:
                    fail('%s: step %s has not been done, expected it before' % (step.name, name))
            print('%s: %s' % (step.name, why), flush=True)
            begin = time.time()
            for script in step.scripts:
                provide(script)
            getattr(self, 'do_' + step.group, self.launch)(step)
            self.record(step, begin)
            print('%s: done in %s; about %s left for what follows' % (step.name, clock(time.time() - begin), clock(self.left(step))),
                  flush=True)

    def launch(self, step, name=None, **more):
        """Runs LAMMPS on the script of a step, with progress; name: of log and output, if not that of the step."""
        name = name or step.name
        log, command = 'log.' + name, step.command(self.options, name, more)
        print('  ' + ' '.join(map(shlex.quote, command)), flush=True)
        for option, program in (('--lmp', self.options.lmp), ('--mpirun', command[0])):
            if not shutil.which(program):
                fail('%s: no program %s, expected one in PATH, or option %s' % (name, program, option))
        clean(log, log + '.*')
        with open('out.' + name, 'w') as out:
            process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, env=dict(os.environ, **ENVIRONMENT),
                                       start_new_session=True)
            try:
                begin = told = time.time()
                while process.poll() is None:
                    time.sleep(0.2)
                    if time.time() - told > self.options.progress:
                        told = time.time()
                        tell(name, log, step.steps and whole(step.steps), told - begin)
            except BaseException:
                os.killpg(process.pid, signal.SIGTERM)
                process.wait()
                raise
        if process.returncode:
            text = read('out.' + name) + ''.join(read(f) for f in glob.glob(log + '*'))
            errors = dict.fromkeys(line for line in text.splitlines() if 'ERROR' in line)
            if not errors:      # of mpirun, or of the system
                errors = [line for line in read('out.' + name).splitlines() if line.strip()][-8:]
            fail('%s: LAMMPS ended with %d; see %s and out.%s%s' % (name, process.returncode, log, name,
                                                                    ''.join('\n  ' + line for line in errors)))

    def do_plan(self, step):
        if not os.path.exists('in.forcefield'):
            fail('in.forcefield is missing, expected a LAMMPS script in this folder that reads the molecule and sets its force field')
        sizes = [len(b['atoms']) for b in json.loads(read('map.json'))['beads']] if os.path.exists('map.json') else [1]
        have = [f for f in PARTS if os.path.exists(f)]
        if 0 < len(have) < len(PARTS):
            fail('%s without the others, expected all or none of %s' % (', '.join(have), ', '.join(PARTS)))
        ids = 'atoms' if max(sizes) == 1 else 'consecutive'
        self.launch(step, ids=ids, new_map='no' if os.path.exists('map.json') else 'yes', new_scripts='no' if have else 'yes')
        log = read('log.plan')
        units = re.findall(r'^units\s+(\w+)', log, re.M)
        speed = re.findall(r'Loop time of (\S+) on \d+ procs for 2000 steps with (\d+) atoms.*?([\d.]+)% CPU use', log, re.S)
        if not speed or not units:
            fail('log.plan: expected the units and the time of a run of 2000 steps, got none')
        self.write_beads(units[-1])
        if not os.path.exists(FILE):
            beads = len(json.loads(read('map.json'))['beads'])
            names = re.findall(r'^variable\s+(\w+)\s+equal', read('in.observables'), re.M)
            seconds = float(speed[-1][0]) / 2000 * min(float(speed[-1][2]) / 100, 1)    # of the core, whatever else it does
            write(FILE, plan_settings(self.options, int(speed[-1][1]), beads, seconds, units[-1], names, ids))
            print('  %s atoms, %d beads, %.1f microseconds a step; wrote %s: about %s on %d cores' % (
                speed[-1][1], beads, 1e6 * seconds, FILE, clock(60 * self.options.minutes), self.options.cores))

    @staticmethod
    def write_beads(units):
        """in.beads for the beads of coarse.data, unless the user has changed it."""
        def names_in(path):
            found = re.findall(r'pair_coeff\s+\* \*\s+\S+\s+(.*)', read(path))
            return found[0] if found else fail('%s: expected a line with the pair_coeff command, got none' % path)

        def text(names):
            return BEADS % (units, names)

        names = names_in('coarse.data')
        if os.path.exists('in.beads'):
            have = names_in('in.beads')
            if have == names:
                return
            if read('in.beads') != text(have):
                fail('in.beads: pair_coeff has the beads %s, expected those of map.json: %s' % (have, names))
        write('in.beads', text(names))

    def do_starts(self, step):
        clean('minima.dump')
        self.launch(step)
        print('  ' + starts.choose())

    def do_train(self, step):
        self.launch(step, resume='yes' if os.path.exists('flow.safetensors.checkpoint') else 'no')

    def do_freeenergy(self, step):
        clean('freeenergy.*.txt', 'freeenergy.*.dump')
        self.launch(step)

    def do_correct(self, step):
        """Rounds until the marginal ESS no longer rises; the model of the best round goes on."""
        clean('round.*', 'cgnet.[1-9]*.safetensors')
        best, marginal = 0, -1.0
        for r in range(1, whole('rounds') + 1):
            self.launch(step, 'correct.%d' % r, r=r)
            report = json.loads(read('round.%d.json' % r))
            print('  round %d: marginal ESS %.3f, joint %.3f' % (r, report['marginal_ess'], report['joint_ess']), flush=True)
            if report['marginal_ess'] < marginal + MARGIN:
                break
            best, marginal = r, report['marginal_ess']
        shutil.copyfile('cgnet.%d.safetensors' % best, 'cgnet.safetensors')

    def do_coarse(self, step):
        clean('samples.%s.*.txt' % step.variables['start'], 'coarse.%s.*.dump' % step.variables['start'])
        self.launch(step)

    def do_structures(self, step):
        print('  %d frames at the temperature of the model' % structures.cold_frames())
        self.launch(step)

    def do_report(self, step):
        self.launch(step)
        print('BACKMAP report' + read('log.report').split('BACKMAP report')[-1].split('Total wall time')[0].rstrip())   # of both starts

    def do_plot(self, step):
        """Histograms of all observables and the surface of the first two torsions of the backbone, beside those of the atoms, and how
        it came about."""
        names = [n[2:] for n in settings()['observables'].split()]
        angles = [n[2:] for n in settings()['torsions'].split()]
        backbone = [n for n in angles if n.startswith(('phi', 'psi'))] or angles
        reference.make(names, angles, backbone)
        calls = [['histogram', 'samples.*.txt', '--x', n, '--runs', '--reference', 'reference.%s.txt' % n, '--out', 'histogram.%s.png' % n]
                 + ['--periodic'] * (n in angles) for n in names]
        if len(backbone) > 1:
            calls.append(['surface', 'samples.*.txt', '--x', backbone[0], '--y', backbone[1], '--periodic',
                          '--reference', 'reference.surface.txt'])
        calls += [['weights', 'samples.*.txt'], ['rounds', 'round.*.json', 'heldout.json'], ['training', 'log.train']]
        for call in calls:
            print('  backmap_plot ' + ' '.join(call), flush=True)
            words = [f for word in call for f in (sorted(glob.glob(word)) if '*' in word else [word])]
            done = subprocess.run([sys.executable, self.options.plot, *words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            if done.returncode:
                fail('plot: %s' % done.stdout.strip())

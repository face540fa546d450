#!/usr/bin/env python3
"""backmap_workflow without LAMMPS: what it decides, which steps run again, its errors. A program stands for lmp and writes what the
steps look for.

usage: test_workflow.py SOURCE
"""
import contextlib
import io
import json
import math
import os
import re
import stat
import subprocess
import sys
import tempfile
import time
import types
import unittest

SOURCE = os.path.realpath(sys.argv[1])
sys.path.insert(0, os.path.join(SOURCE, 'python'))

from backmap_workflow import progress, reference, settings, starts, structures  # noqa: E402
from backmap_workflow.files import Failure                      # noqa: E402
from backmap_workflow.steps import STEPS                        # noqa: E402

LMP = r'''#!/usr/bin/env python3
import json, os, re, sys
words = sys.argv[1:]
script, log = words[words.index('-in') + 1], words[words.index('-log') + 1]
given = dict(zip([words[i + 1] for i, w in enumerate(words) if w == '-var'], [words[i + 2] for i, w in enumerate(words) if w == '-var']))
open('calls', 'a').write(log[4:] + '\n')
if os.path.exists('broken') and open('broken').read() == script:
    print('ERROR: the flow is broken (fix_backmap.cpp:1)'); sys.exit(1)
text = ''
make = {'in.starts': ['minima.dump'], 'in.train': ['flow.safetensors'], 'in.forces': ['cgnet.0.safetensors'],
        'in.freeenergy': ['freeenergy.0.0.txt', 'starts.beads.dump'], 'in.validate': ['heldout.json'], 'in.report': ['summary.json'],
        'in.structures': ['structures.dump'], 'in.reference': ['atoms.1.0.txt'],
        'in.sample': ['atoms.%(start)s.0.dump'], 'in.coarse': ['samples.%(start)s.0.txt', 'coarse.%(start)s.0.dump']}.get(script, [])
if script == 'in.plan':
    text = 'units real\nLoop time of 0.02 on 1 procs for 2000 steps with 22 atoms\n\nPerformance: 1\n99.0% CPU use with 1 MPI tasks\n'
    if given['new_map'] == 'yes':
        open('map.json', 'w').write(json.dumps({'beads': [{'atoms': [i]} for i in range(6)]}))
    beads = len(json.load(open('map.json'))['beads'])
    open('coarse.data', 'w').write('title\n# pair_coeff      * * MODEL %s\n' % ' '.join('C N CA CB C N'.split()[:beads]))
    open('relaxed.dump', 'w').write('relaxed')
    if given['new_scripts'] == 'yes': open('in.observables', 'w').write('variable phi equal c_t[1]\nvariable psi equal c_t[2]\nvariable rg equal c_rg\nvariable energy equal pe\n')
    if given['new_scripts'] == 'yes': make = ['in.isomer', 'in.isomer.coarse']
if script == 'in.starts':
    rows = [(-3.0, -80, 70), (-5.0, -150, 150), (-4.0, 60, 60), (-4.5, 70, -30)]
    for k, row in enumerate(rows):
        text += 'minimum %d\nrun 0\nStep PotEng v_phi v_psi v_changed \n   0 %f %f %f 0 \nLoop time of 0\n' % (k + 1, *row)
    open('minima.dump', 'w').write(''.join('ITEM: TIMESTEP\n0\nframe %d\n' % k for k in range(len(rows))))
    make = []
if script == 'in.sample':
    text = 'Step T0 T1\n0 0 1\n10 1 0\n20 1 0\n'
if script == 'in.reference':
    for s in (0, 1):
        for p in (0, 1):
            rows = ''.join('%d %g %g %g %g\n' % (n, 100 * p + n, s, 1 + 0.01 * n, -3) for n in (0, 10, 20))
            open('atoms.%d.%d.txt' % (s, p), 'w').write('# Time-averaged data\n# TimeStep v_phi v_psi v_rg v_energy\n' + rows)
    make = []
if script == 'in.correct':
    r = int(given['r'])
    open('round.%d.json' % r, 'w').write(json.dumps({'marginal_ess': [0, 0.5, 0.8, 0.805][r], 'joint_ess': 0.1}))
    make = ['cgnet.%d.safetensors' % r]
for f in make:
    open(f % given, 'w').write(log)
open(log, 'w').write(text)
'''


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        for name, text in (('lmp', LMP), ('plot', '#!/usr/bin/env python3\nopen("weights.png", "w")\n')):
            path = self.path(name)
            self.write(name, text)
            os.chmod(path, os.stat(path).st_mode | stat.S_IEXEC)
        self.write('mpirun', '#!/bin/sh\nshift 2\nexec "$@"\n')
        os.chmod(self.path('mpirun'), 0o755)
        self.write('in.forcefield', 'units real\nread_data x.data\n')
        self.write('x.data', 'x\n')

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def write(self, name, text):
        with open(self.path(name), 'w') as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name)) as f:
            return f.read()

    def run_workflow(self, *words):
        """Exit status, output, names of the runs of LAMMPS."""
        if os.path.exists(self.path('calls')):
            os.remove(self.path('calls'))
        done = subprocess.run([sys.executable, os.path.join(SOURCE, 'scripts', 'backmap_workflow'), '--lmp', './lmp', '--mpirun', './mpirun',
                               '--plot', './plot', '--cores', '2', *words], cwd=self.folder.name, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, universal_newlines=True)
        calls = self.read('calls').split() if os.path.exists(self.path('calls')) else []
        return done.returncode, done.stdout, calls

    def later(self, name):
        """A file that is changed after all that has been done."""
        os.utime(self.path(name), (os.stat(self.path(name)).st_mtime + 1000,) * 2)


class Run(Folder):
    def test_all_steps_once(self):
        status, text, calls = self.run_workflow()
        self.assertEqual(status, 0, text)
        self.assertEqual(calls, ['plan', 'starts', 'sample.0', 'sample.1', 'reference', 'train', 'forces', 'freeenergy', 'correct.1', 'correct.2',
                                 'correct.3', 'coarse.0', 'coarse.1', 'structures', 'validate', 'report'])
        # the lowest minimum, and the lower one of those that differ in both torsions
        self.assertEqual(self.read('starts.dump'), 'ITEM: TIMESTEP\n0\nframe 1\nITEM: TIMESTEP\n1\nframe 3\n')
        # the third round brought less than 0.01
        self.assertEqual(self.read('cgnet.safetensors'), 'log.correct.2')
        self.assertIn('pair_coeff      * * ${model} C N CA CB C N', self.read('in.beads'))
        status, text, calls = self.run_workflow()
        self.assertEqual((status, calls), (0, []), text)

    def test_only_what_has_changed(self):
        self.run_workflow()
        before = self.read('in.settings')
        self.write('in.settings', re.sub(r'(coarse_steps\s+index )\d+', r'\g<1>77', before))
        self.assertNotEqual(before, self.read('in.settings'))
        status, text, calls = self.run_workflow()
        self.assertEqual(calls, ['coarse.0', 'coarse.1', 'structures', 'report'], text)
        self.assertIn('coarse_steps was', text)
        self.write('in.settings', self.read('in.settings') + '# a comment\n')
        self.assertEqual(self.run_workflow()[2], [])
        os.remove(self.path('heldout.json'))
        self.assertEqual(self.run_workflow()[2], ['validate', 'report'])

    def test_another_observable_leaves_the_flow(self):
        self.run_workflow()
        time.sleep(0.01)
        self.write('in.observables', self.read('in.observables') + 'variable left equal c_t[1]>0\n')
        status, text, calls = self.run_workflow()
        self.assertEqual(calls, ['plan', 'starts', 'reference', 'freeenergy', 'correct.1', 'correct.2', 'correct.3', 'coarse.0', 'coarse.1',
                                 'structures', 'validate', 'report'], text)
        self.assertEqual(self.run_workflow()[2], [])
        # other starts do not
        self.write('in.settings', re.sub(r'(torsions\s+index )"[^"]*"', r'\g<1>"v_psi"', self.read('in.settings')))
        os.remove(self.path('starts.dump'))
        self.write('lmp', self.read('lmp').replace('(-3.0, -80, 70)', '(-6.0, -80, 70)'))
        self.assertEqual(self.run_workflow('starts', 'sample', 'train')[2], ['starts', 'sample.0', 'sample.1', 'train'])

    def test_another_map(self):
        self.run_workflow()
        time.sleep(0.01)
        self.write('map.json', json.dumps({'beads': [{'atoms': [i]} for i in range(5)]}))
        status, text, calls = self.run_workflow()
        self.assertEqual(calls[:5], ['plan', 'starts', 'train', 'forces', 'freeenergy'], text)    # the atoms stay
        self.assertIn('plan: map.json is newer', text)
        self.assertIn('pair_coeff      * * ${model} C N CA CB C\n', self.read('in.beads'))
        # one's own script is not written over
        time.sleep(0.01)
        self.write('in.beads', self.read('in.beads') + '# mine\n')
        self.write('map.json', json.dumps({'beads': [{'atoms': [i]} for i in range(4)]}))
        self.assertIn('in.beads: pair_coeff has the beads C N CA CB C, expected those of map.json: C N CA CB\n', self.run_workflow('plan')[1] + '\n')

    def test_newer_files(self):
        self.run_workflow()
        self.later('in.replicas')
        text = self.run_workflow('status')[1]
        self.assertRegex(text, r'correct +in.replicas is newer')
        self.assertRegex(text, r'train +done in')
        self.later('x.data')
        self.assertRegex(self.run_workflow('status')[1], r'plan +x.data is newer')

    def test_goes_on_after_a_failure(self):
        self.write('broken', 'in.freeenergy')
        status, text, calls = self.run_workflow()
        self.assertNotEqual(status, 0)
        self.assertIn('freeenergy: LAMMPS ended with 1; see log.freeenergy', text)
        self.assertIn('ERROR: the flow is broken', text)
        os.remove(self.path('broken'))
        self.assertEqual(self.run_workflow()[2][0], 'freeenergy')

    def test_ends_with_its_run(self):
        self.run_workflow('plan', 'starts')
        self.write('lmp', '#!/bin/sh\necho $$ >pid\nsleep 60\n')
        process = subprocess.Popen([sys.executable, os.path.join(SOURCE, 'scripts', 'backmap_workflow'), '--lmp', './lmp', '--mpirun',
                                    './mpirun', 'sample.0'], cwd=self.folder.name, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   universal_newlines=True)
        while not os.path.exists(self.path('pid')) or not self.read('pid').strip():
            time.sleep(0.1)
        process.terminate()
        self.assertIn('interrupted; call it again', process.communicate()[0])
        with self.assertRaises(ProcessLookupError):
            os.kill(int(self.read('pid')), 0)
        self.assertRegex(self.run_workflow('status')[1], r'sample.0 +not done yet')

    def test_one_step(self):
        status, text, calls = self.run_workflow('train')
        self.assertNotEqual(status, 0)
        self.assertIn('step sample.0 has not been done', text)
        self.assertEqual(self.run_workflow('plan', 'starts')[2], ['plan', 'starts'])
        self.assertEqual(self.run_workflow('sample.1')[2], ['sample.1'])
        self.assertEqual(self.run_workflow('sample')[2], ['sample.0'])

    def test_goes_on_with_a_training(self):
        self.run_workflow('plan', 'starts', 'sample')
        self.write('flow.safetensors.checkpoint', '')
        self.assertIn('-var resume yes', self.run_workflow('train')[1])

    def test_what_the_user_brings_stays(self):
        self.run_workflow('plan')
        self.write('in.observables', 'variable hbond equal c_x[1]\n')
        os.remove(self.path('in.settings'))
        self.write('in.starts', 'mine\n')
        self.run_workflow('starts')
        self.assertEqual(self.read('in.starts'), 'mine\n')
        os.remove(self.path('in.isomer'))
        status, text, _ = self.run_workflow('plan')
        self.assertIn('expected all or none of in.isomer', text)
        self.assertNotEqual(status, 0)

    def enter(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder.name)

    def test_reference(self):
        self.run_workflow()
        self.enter()
        # a frame is written before the swap of its step: 10 is of the replica that was cold from 0 on, 20 of that from 10 on
        self.assertEqual(reference.cold_rows('0'), [[10, 0, 1.1, -3], [120, 0, 1.2, -3]])
        rows = [line.split() for line in self.read('reference.phi.txt').splitlines()[1:]]
        self.assertEqual([r for r in rows if float(r[1])], [['15', '0.05', '0'], ['125', '0.05', '0']])
        rows = [line.split() for line in self.read('reference.surface.txt').splitlines()[1:]]
        self.assertEqual(len(rows), 36 * 36)
        # psi is 0 in one start and 1 in the other, in one bin; half of the frames of each have phi = 10, the others 120
        self.assertEqual([r for r in rows if r[2] != 'inf'], [['15', '5', '0.00000', '0'], ['125', '5', '0.00000', '0']])
        self.write('log.sample.0', 'Step T0 T1\n0 0 1\n')
        self.write('atoms.0.0.txt', '# nothing\n')
        with self.assertRaisesRegex(Failure, r'atoms.0.\*.txt: expected frames at the lowest temperature, got none'):
            reference.cold_rows('0')

    def test_share_and_error_of_two_runs(self):
        self.assertEqual(reference.shares([[0, 0, 1, 5], [1, 1, 1, 1]], range(3)), [(0.25, 0.25), (0.625, 0.375), (0.0, 0.0)])

    def test_frames_of_the_temperature(self):
        self.enter()
        for start, steps in (('0', (50, 100)), ('1', (100,))):
            self.write('coarse.%s.0.dump' % start, ''.join('ITEM: TIMESTEP\n%d\nbeads %s at %d\n' % (s, start, s) for s in (0, 50, 100)))
            self.write('samples.%s.0.txt' % start, '# step molecule\n' + ''.join('%d 1 %d -1.5\n' % (s, m) for s in steps for m in (0, 1)))
        self.assertEqual(structures.cold_frames(), 3)
        self.assertEqual(self.read('structures.beads.dump'), ''.join(
            'ITEM: TIMESTEP\n%d\nbeads %s\n' % row for row in ((0, '0 at 50'), (1, '0 at 100'), (2, '1 at 100'))))
        self.write('samples.1.0.txt', '150 1 0 -1.5\n')
        with self.assertRaisesRegex(Failure, 'coarse.1.0.dump: expected the frame of step 150, which samples.1.0.txt has'):
            structures.cold_frames()

    def told(self, log, total=None):
        self.write('log', log)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            progress.tell('step', self.path('log'), total, 30)
        return out.getvalue()

    def test_progress(self):
        beads = '    epoch  train force   validation  train free e  validation         best   (epoch)       rate    seconds       left\n'
        self.assertEqual(self.told(beads + '  4  7.1  7.0166  0.00000  0.00000  0.6  4  9e-04  9  33\n'),
                         '  step, 30 s: epoch 4, validation 7.0166, 33 s left\n')
        self.assertEqual(self.told(beads + '  4  0.0000  0.0000  0.05117  0.04256  0.085  4  9e-04  9  33\n'),
                         '  step, 30 s: epoch 4, validation 0.04256, 33 s left\n')
        self.assertEqual(self.told(beads + '  4  7.1  7.0166  0.05117  0.04256  0.085  4  9e-04  9  33\n'),
                         '  step, 30 s: epoch 4, validation 7.0166 and 0.04256, 33 s left\n')
        flow = '    epoch   train (nats)   validation         best   moved     ess   (epoch)       rate    seconds       left\n'
        self.assertEqual(self.told(flow + '  6  -91.0752  -91.0453  -91.0453  0.459  0.334  6  1.99e-03  22  478\n'),
                         '  step, 30 s: epoch 6, validation -91.0453, 8 min left\n')
        self.assertEqual(self.told('Step T0 T1\n0 0 1\n200 1 0\n', 400), '  step, 30 s: step 200 of 400, 30 s left\n')
        self.assertEqual(self.told('LAMMPS\n'), '  step, 30 s\n')

    def test_errors(self):
        self.assertIn('step movie, expected one of', self.run_workflow('movie')[1])
        self.assertIn('plan: no program absent, expected one in PATH, or option --lmp', self.run_workflow('--lmp', 'absent')[1])
        self.run_workflow('plan', 'starts')
        self.assertIn('no program absent, expected one in PATH, or option --mpirun', self.run_workflow('--mpirun', 'absent', 'sample')[1])
        self.write('in.settings', re.sub(r'(variable replicas\s+index )\d+', r'\g<1>many', self.read('in.settings')))
        self.assertIn('expected a line "variable replicas index NUMBER", got many', self.run_workflow('sample')[1])
        lmp = self.read('lmp')
        self.write('lmp', '#!/bin/sh\necho "mpirun: no slots"\nexit 3\n')
        os.remove(self.path('starts.dump'))
        self.assertIn('starts: LAMMPS ended with 3; see log.starts and out.starts\n  mpirun: no slots', self.run_workflow('starts')[1])
        self.write('lmp', lmp)
        os.remove(self.path('in.forcefield'))
        os.remove(self.path('workflow.json'))
        self.assertIn('in.forcefield is missing', self.run_workflow()[1])


class Decisions(unittest.TestCase):
    OPTIONS = types.SimpleNamespace(minutes=75.0, cores=2, temperature=300.0, seed=1)

    def plan(self, atoms, beads, seconds, **options):
        text = settings.plan_settings(types.SimpleNamespace(**{**vars(self.OPTIONS), **options}), atoms, beads, seconds, 'real',
                                      ['phi', 'rg', 'energy'], 'atoms')
        return {k: v.strip('"') for k, v in re.findall(r'^variable (\w+)\s+index ("[^"]*"|\S+)', text, re.M)}

    def test_time_of_the_atoms(self):
        for atoms, seconds in ((22, 6e-6), (88, 5e-5), (178, 2e-4)):
            v = {k: float(x) for k, x in self.plan(atoms, atoms // 3, seconds).items() if re.fullmatch(r'[\d.]+', x)}
            used = 2 * v['replicas'] * v['steps'] * seconds / 2
            self.assertLess(used, 0.2 * 75 * 60)
            self.assertGreater(used, 0.5 * 0.2 * 75 * 60)
            self.assertLess(2 * v['replicas'] * v['steps'] / v['every'] * atoms * 55, 2.2e9, 'bytes of dumps')
            self.assertEqual(v['last_replica'], v['replicas'] - 1)
            for name in ('trained', 'force_frames', 'free_frames'):
                self.assertEqual(v[name] % v['every'], 0, name)
            self.assertLess(v['trained'], v['steps'])

    def test_ladder(self):
        few, many = (int(self.plan(atoms, 6, 1e-5)['replicas']) for atoms in (22, 178))
        ratio = 1 + 2 * math.sqrt(2 / (3 * 22 - 6))
        self.assertGreaterEqual(few, 1 + math.log(2.33) / math.log(ratio))
        self.assertGreater(many, few)
        self.assertEqual(self.plan(22, 6, 1e-5, temperature=400.0)['hottest'], '932')

    def test_names(self):
        v = self.plan(22, 6, 1e-5)
        self.assertEqual(v['observables'], 'v_phi v_rg v_energy')
        self.assertEqual(v['torsions'], 'v_phi')
        with self.assertRaisesRegex(Failure, 'expected real or metal'):
            settings.plan_settings(self.OPTIONS, 22, 6, 1e-5, 'lj', [], 'atoms')

    def test_every_setting_is_used(self):
        folder = os.path.join(SOURCE, 'python', 'backmap_workflow', 'scripts')
        text = ''
        for name in os.listdir(folder):
            with open(os.path.join(folder, name)) as f:
                text += f.read()
        own = {'clock', 'rounds', 'torsions'} | {s.ranks for s in STEPS}
        for name in self.plan(22, 6, 1e-5):
            self.assertTrue(name in own or re.search(r'\$\{%s\}|v_%s\b' % (name, name), text), name)

    def test_opposite(self):
        self.assertEqual(starts.opposite([[1.0, 170.0], [0.0, -170.0], [2.0, 10.0]]), (1, 2, 1))
        self.assertEqual(starts.opposite([[1.0], [0.0]])[2], 0)
        with self.assertRaisesRegex(Failure, 'at least two minima, got 1'):
            starts.opposite([[1.0, 2.0]])


if __name__ == '__main__':
    unittest.main(argv=[sys.argv[0]] + sys.argv[2:])

#!/usr/bin/env python3
"""benchmarks/run.sh: how it reads programs, what it calls independent frames, and that every promised figure is there.

usage: test_speed.py figures SOURCE          on made-up output and on chains whose answer is known
       test_speed.py run SOURCE BUILD        run.sh --quick; exits 77 where Google Benchmark is missing

Environment: BACKMAP_LMP. Exits 77 where NumPy is missing.
"""
import json
import math
import os
import subprocess
import sys
import tempfile
import unittest

WHAT, SOURCE = sys.argv[1:3]
BUILD = sys.argv[3] if len(sys.argv) > 3 else ''
del sys.argv[1:]
sys.path[:0] = [os.path.join(SOURCE, 'python'), os.path.join(SOURCE, 'benchmarks')]
LMP = os.environ['BACKMAP_LMP']
try:
    import numpy as np
    import speed
    import speed_independent
    import speed_runs
except ImportError as e:
    print('left out: %s' % e)
    sys.exit(77)

LOG = '''Loop time of 0.5 on 1 procs for 100 steps with 6 atoms

Performance: 1 ns/day
99.0% CPU use with 1 MPI tasks x 1 OpenMP threads

MPI task timing breakdown:
Section |  min time  |  avg time  |  max time  |%varavg| %total
---------------------------------------------------------------
Pair    | 0.1        | 0.2        | 0.3        |   0.0 | 40.00
Bond    | 1e-05      | 1e-05      | 1e-05      |   0.0 |  0.00
Neigh   | 0          | 0          | 0          |   0.0 |  0.00
Comm    | 0.01       | 0.01       | 0.01       |   0.0 |  2.00
Output  | 0          | 0          | 0          |   0.0 |  0.00
Modify  | 0.25       | 0.25       | 0.25       |   0.0 | 50.00
Other   |            | 0.04       |            |       |  8.00
Total wall time: 0:00:01
'''
EMPTY = 'Loop time of 1e-06 on 1 procs for 0 steps with 6 atoms\n\n50.0% CPU use with 1 MPI tasks x 1 OpenMP threads\n'


class Read(unittest.TestCase):
    def test_log(self):
        short = LOG.replace('0.5 on', '0.1 on').replace('for 100', 'for 50')
        disturbed = LOG.replace('0.5 on', '0.6 on').replace('0.2 ', '0.3 ')
        run = speed_runs.read_log(short + disturbed + LOG + disturbed + EMPTY)
        self.assertEqual(run['steps'], 100)
        self.assertAlmostEqual(run['processor'], 0.495)
        self.assertAlmostEqual(run['sections']['Pair'], 0.2)
        self.assertAlmostEqual(run['sections']['Other'], 0.04)
        self.assertEqual(len(run['sections']), len(speed_runs.SECTIONS))
        with self.assertRaises(speed_runs.Trouble):
            speed_runs.read_log(EMPTY)

    def test_best_repetition(self):
        def row(name, time, **more):
            return {'run_name': name, 'run_type': 'iteration', 'cpu_time': time, 'time_unit': 'us', **more}
        found = speed_runs.best_of({'benchmarks': [
            row('a/1', 4.0, items_per_second=1.0), row('a/1', 2.0, items_per_second=2.0),
            row('a/1', 3.0, items_per_second=1.5), {**row('a/1', 1.0), 'run_type': 'aggregate'},
            row('b/8/process_time', 8.0, macs=7.0),
            {**row('c', 0.0), 'error_occurred': True, 'error_message': 'no library'}]})
        self.assertEqual(found['a/1'], {'seconds': 2e-6, 'rate': 2.0})
        self.assertEqual(found['b/8'], {'seconds': 8e-6, 'macs': 7.0})
        self.assertEqual(found['c'], {'error': 'no library'})

    def test_what_is_missing_has_a_reason(self):
        args = type('Args', (), {'quick': True, 'build': '/nonexistent', 'out': '.', 'lmp': LMP})
        m = speed.Measurements(args)
        m.attempt(['cgnet_vs_torchscript_1'], m.cgnet)
        self.assertIsNone(m.figures['cgnet_vs_torchscript_1'])
        self.assertIn('bench_cgnet', m.reasons['cgnet_vs_torchscript_1'])

    def test_limit(self):
        """Half of the rate of matrix products is a fraction of one half, and the limit is twice the rate."""
        m = speed.Measurements(type('Args', (), {'quick': True}))
        m.found = {'flow/native_single/1024': {'seconds': 2.0, 'rate': 512.0, 'macs': 1e6}, 'limit/sgemm': {'rate': 1e6}}
        m.flow_gemm()
        self.assertAlmostEqual(m.figures['flow_gemm_fraction'], 0.5)
        self.assertAlmostEqual(m.at_limit('flow/native_single/1024'), 1024.0)

    def test_table(self):
        lines = speed.table([{'what': 'a; b', 'unit': '1/s', 'ours': 123456.0, 'rival': 12.0, 'limit': None, 'ratio': 10288.0}])
        self.assertRegex(lines.split('\n')[1], r'^a; b\s+1/s\s+123,000\s+12\s+-\s+10,300$')


class Independent(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def chain(self, name, n, enter, leave, seed):
        """Frames of a two-state chain, with the probabilities of a step in and out: its autocorrelation is known."""
        rng = np.random.default_rng(seed)
        state, rows = seed % 2, []
        for step, u in enumerate(rng.random(n)):
            state = int(u < enter) if state == 0 else int(u >= leave)
            rows.append((step, (60.0 if state else -80.0) + rng.uniform(-20, 20)))
        speed_independent.write_table(os.path.join(self.folder, name), rows)

    def test_two_state_chain(self):
        enter, leave, n = 0.02, 0.06, 60000
        for seed, name in enumerate(('a.txt', 'b.txt')):
            self.chain(name, n, enter, leave, seed)
        found = speed_independent.judge(LMP, self.folder, ['a.txt', 'b.txt'])
        tau = 2 / (enter + leave) - 1
        self.assertEqual(found['frames'], 2 * n)
        self.assertAlmostEqual(found['population'], enter / (enter + leave), delta=0.02)
        self.assertAlmostEqual(found['entries'], 2 * n * 0.75 * enter, delta=150)
        self.assertAlmostEqual(found['independent_frames'] / (2 * n / tau), 1.0, delta=0.15)

    def test_few_entries(self):
        figures = {'entries': 9, 'independent_per_core_second': 1.0}
        enough = {'entries': 40, 'independent_per_core_second': 4.0}
        with self.assertRaises(speed_runs.Trouble):
            speed_independent.ratio({'in.walkers': enough, 'in.allatom': figures})
        figures['entries'] = 10
        self.assertEqual(speed_independent.ratio({'in.walkers': enough, 'in.allatom': figures}), 4.0)

    def test_frames_at_the_lowest_temperature(self):
        """Replica 0 is cold for steps 10 and 20, replica 1 for step 30; the frame of step 0 is from before the first swap."""
        with open(os.path.join(self.folder, 'log.allatom.minus'), 'w') as out:
            out.write('Running on 2 partitions of processors\nStep T0 T1\n0 0 1\n20 1 0\n40 1 0\n')
        phi = {0: {0: -10, 10: -20, 20: -30, 30: 40}, 1: {0: 50, 10: 60, 20: 70, 30: 80}}
        for p, frames in phi.items():
            with open(os.path.join(self.folder, 'allatom.minus.%d.dump' % p), 'w') as out:
                for step, angle in frames.items():
                    out.write('ITEM: TIMESTEP\n%d\nITEM: NUMBER OF ATOMS\n16\nITEM: BOX BOUNDS ss ss ss\n0 1\n0 1\n0 1\n'
                              'ITEM: ATOMS id x y z\n' % step)
                    turned = {5: (1, 0, 0), 7: (0, 0, 0), 9: (0, 0, 1.5),
                              15: (math.cos(math.radians(angle)), math.sin(math.radians(angle)), 1.5)}
                    for atom in range(1, 17):
                        out.write('%d %.9g %.9g %.9g\n' % ((atom,) + turned.get(atom, (9, 9, 9))))
        rows = speed_independent.cold_frames(self.folder, 'minus')
        self.assertEqual([r[0] for r in rows], [10, 20, 30])
        np.testing.assert_allclose([r[1] for r in rows], [-20, -30, 80], atol=1e-5)


class Run(unittest.TestCase):
    def test_quick(self):
        out = os.path.abspath('speed-out')
        done = subprocess.run([os.path.join(SOURCE, 'benchmarks', 'run.sh'), '--quick', '--out', out, '--lmp', LMP, '--build', BUILD],
                              stdout=subprocess.PIPE, text=True, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0)
        with open(os.path.join(out, 'speed.json')) as file:
            result = json.load(file)
        for key in speed.PROMISED:
            self.assertIn(key, result)
            self.assertIn(key, done.stdout)
            if result[key] is None:
                self.assertTrue(result['reasons'].get(key), key)
            else:
                self.assertTrue(math.isfinite(result[key]) and result[key] > 0, key)
        # what needs neither LibTorch nor free cores nor a long run is always there
        for key in ('energies_per_s', 'weighted_samples_per_s', 'cgnet_vs_allatom_md_256'):
            self.assertIsNotNone(result[key], key)
        self.assertTrue(result['quick'])
        for key in ('cpu', 'flags', 'compiler', 'lammps'):
            self.assertTrue(result['machine'][key], key)
        self.assertAlmostEqual(sum(result['details']['main_job_shares'].values()), 1.0, delta=0.2)
        for name in ('batch', 'beads', 'hidden', 'molecules'):
            for end in ('png', 'txt'):
                self.assertGreater(os.path.getsize(os.path.join(out, 'speed_%s.%s' % (name, end))), 100)


if __name__ == '__main__':
    if WHAT == 'run':
        with open(os.path.join(BUILD, 'CMakeCache.txt')) as cache:
            if 'benchmark_DIR:PATH=benchmark_DIR-NOTFOUND' in cache.read():
                print('left out: Google Benchmark is not installed (Debian: libbenchmark-dev)')
                sys.exit(77)
    loader = unittest.TestLoader()
    cases = [Run] if WHAT == 'run' else [Read, Independent]
    suite = unittest.TestSuite(loader.loadTestsFromTestCase(c) for c in cases)
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful())

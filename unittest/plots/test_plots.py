#!/usr/bin/env python3
"""scripts/backmap_plot on tables with known distributions, beside backmap_report on the same tables.

usage: test_plots.py SOURCE [arguments of unittest]       Environment: BACKMAP_LMP (without it, no comparison with the report)

Exits 77 where NumPy or Matplotlib is missing.
"""
import contextlib
import io
import json
import os
import runpy
import subprocess
import sys
import tempfile
import unittest

SOURCE = sys.argv.pop(1)
SCRIPT = os.path.join(SOURCE, 'scripts', 'backmap_plot')
sys.path.insert(0, os.path.join(SOURCE, 'python'))
try:
    import numpy as np
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.image
    import matplotlib.pyplot
except ImportError as e:
    print('left out: %s' % e)
    sys.exit(77)
from backmap_plots import estimates, figures, tables

HEADER = '''# backmap sample table 1
# units real
# temperature 300
# kT 0.596162
# samples 4
# molecule two wells
# flow 0123
# coarse none
# script in.fine
# step molecule sample logweight U U_CG logq v_x v_y v_state v_never c_angle
'''
M = 4
WIDTH = 1.3  # of x and y as drawn; the target is normal


def text_of(name):
    with open(name) as file:
        return file.read()


def write(name, text):
    with open(name, 'w') as out:
        out.write(text)


def chain(rng, n, rate):
    """An autoregressive series of unit variance."""
    x = np.empty(n)
    x[0] = rng.normal()
    for i in range(1, n):
        x[i] = (1 - rate) * x[i - 1] + np.sqrt(1 - (1 - rate)**2) * rng.normal()
    return x


def write_table(name, steps, rng, shift=0.0, header=HEADER):
    """Samples of a wide distribution, whose weights make them normal; some have no weight."""
    n = len(steps)
    frame = chain(rng, n, 0.05)
    state = np.cumsum(rng.random(n) < 0.04) % 2
    with open(name, 'w') as out:
        out.write(header)
        for i, step in enumerate(steps):
            for j in range(M):
                x = WIDTH * (0.8 * frame[i] + 0.6 * rng.normal()) + shift
                y = WIDTH * rng.normal()
                logw = sum(np.log(WIDTH) - 0.5 * v * v * (1 - 1 / WIDTH**2) for v in (x, y))
                u = 1.0 + x * x
                if rng.random() < 0.01:
                    logw, u = -np.inf, np.inf
                elif rng.random() < 0.01:
                    logw, u = np.nan, np.nan
                angle = 170.0 + 15.0 * x
                values = [x, y, state[i], 0, angle] if np.isfinite(u) else [np.nan] * 5
                out.write('%d 1 %d ' % (step, j) + ' '.join('%.15g' % v for v in [logw, u, 0.0, 1.0] + values) + '\n')
        out.write('# seconds 1\n')


def write_tables():
    """Two runs of replica exchange of two partitions each: partitions of one run share no step."""
    rng = np.random.default_rng(3)
    names = []
    for run in range(2):
        steps = np.arange(1, 1501) * 10
        part = rng.random(len(steps)) < 0.5
        for p in range(2):
            names.append('samples.%d.%d.txt' % (run, p))
            write_table(names[-1], steps[part == p], rng, 0.02 * run)
    return names


def plot(*arguments):
    """The script in this process, which spares the import of Matplotlib: exit status and what it says."""
    argv, sys.argv = sys.argv, [SCRIPT, *arguments]
    out, code = io.StringIO(), 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            runpy.run_path(SCRIPT, run_name='__main__')
    except SystemExit as e:
        code = e.code if isinstance(e.code, int) else 1
        out.write(e.code if isinstance(e.code, str) else '')
    finally:
        sys.argv = argv
        matplotlib.pyplot.close('all')
    return code, out.getvalue()


def plot_alone(*arguments, **environment):
    done = subprocess.run([sys.executable, SCRIPT, *arguments], capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout + done.stderr


def numbers(name, block=0):
    """{column: values} of a block of a file that the script wrote."""
    lines = text_of(name).split('\n\n\n')[block].split('\n')
    rows = np.array([[float(v) for v in line.split()] for line in lines if line and line[0] != '#'])
    return dict(zip(lines[1][2:].split(), rows.T))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        os.chdir(self.folder.name)

    def tearDown(self):
        os.chdir('/')
        self.folder.cleanup()

    def drawn(self, *arguments):
        """Runs the script; the picture must be one, with more than white."""
        code, text = plot(*arguments)
        self.assertEqual(code, 0, text)
        picture = matplotlib.image.imread(arguments[0] + '.png')
        self.assertGreater(len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)), 20)
        return text

    def refused(self, words, *arguments):
        code, text = plot(*arguments)
        self.assertEqual(code, 1, text)
        self.assertNotIn('Traceback', text)
        for word in words:
            self.assertIn(word, text)


@unittest.skipUnless(os.path.exists(os.environ.get('BACKMAP_LMP', '')), 'no lmp')
class BesideTheReport(Folder):
    """Means, errors, ESS and k-hat as backmap_report has them."""

    def report(self, names):
        with open('in.report', 'w') as out:
            out.write('backmap_report %s json summary.json\n' % ' '.join(names))
        done = subprocess.run([os.environ['BACKMAP_LMP'], '-in', 'in.report', '-log', 'none'], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(text_of('summary.json'))

    def compare(self, names):
        summary = self.report(names)
        samples = tables.read_tables(names)
        weighed = estimates.Weighed(samples)
        self.assertEqual(summary['samples'], len(samples.rows))
        self.assertEqual(summary['walkers'], len(weighed.walkers))
        close = lambda a, b: np.testing.assert_allclose(np.array(a, float), np.array(b, float), rtol=1e-9)
        tail = weighed.tail()
        close([weighed.joint_ess(), weighed.marginal_ess(), tail.khat, tail.threshold, tail.tail, tail.r_eff],
              [summary[k] for k in ('joint_ess', 'marginal_ess', 'khat', 'khat_threshold', 'khat_tail', 'khat_r_eff')])
        for name, known in summary['estimates'].items():
            values = samples.column(name)
            mean, plain = weighed.mean(values), weighed.mean(values, False)
            close([mean.value, plain.value], [known['value'], summary['observables'][name][2]])
            if 'entries' in known:  # a state: errors by its visits
                close(weighed.population_error(np.flatnonzero(values == 1)), known['error'])
            else:
                close([mean.error, mean.tau], [known['error'], known['autocorrelation_time']])
                self.assertEqual((mean.blocks, mean.too_short, mean.disagree),
                                 (known['blocks'], known['too_short'], known['walkers_disagree']))
        return summary, samples

    def test_two_runs(self):
        summary, samples = self.compare(write_tables())
        self.assertGreater(summary['zero_weights'], 0)
        self.assertGreater(summary['nan_energies'], 0)
        # control: neither clipped weights nor means without weights would pass
        weighed = estimates.Weighed(samples)
        self.assertGreater(abs(estimates.kish_ess(np.minimum(weighed.w, 0.5)) / summary['joint_ess'] - 1), 1e-3)
        plain = weighed.mean(samples.column('angle'), False).value
        self.assertGreater(abs(plain / summary['estimates']['angle']['value'] - 1), 1e-5)

    def test_disagreement_short_and_one_walker(self):
        rng = np.random.default_rng(5)
        write_table('a.txt', np.arange(1, 600), rng, -2.0)
        write_table('b.txt', np.arange(1, 600), rng, 2.0)
        summary, _ = self.compare(['a.txt', 'b.txt'])
        self.assertTrue(summary['estimates']['x']['walkers_disagree'])
        write_table('c.txt', np.arange(1, 60), rng)
        summary, _ = self.compare(['c.txt'])
        self.assertTrue(summary['estimates']['x']['too_short'])

    def test_appended_run(self):
        rng = np.random.default_rng(6)
        for name in ('a.txt', 'b.txt'):
            write_table(name, np.arange(1, 300), rng)
        with open('both.txt', 'w') as out:
            out.write(text_of('a.txt') + text_of('b.txt'))
        self.compare(['both.txt'])


class Pictures(Folder):
    def test_histogram(self):
        names = write_tables()
        text = self.drawn('histogram', *names, '--x', 'x', '--runs')
        self.assertIn('mean of x, reweighted', text)
        found = numbers('histogram.txt')
        exact = np.exp(-0.5 * found['x']**2) / np.sqrt(2 * np.pi)
        width = found['x'][1] - found['x'][0]
        self.assertAlmostEqual(found['reweighted_density'].sum() * width, 1.0, delta=0.01)
        table = np.loadtxt('histogram.txt')
        seen = table[:, 4] > 0  # columns: x, as backmapped, error, reweighted, error
        chi2 = lambda k: np.mean(((table[:, k] - exact) / table[:, k + 1])[seen]**2)
        self.assertLess(chi2(3), 2.5)
        self.assertGreater(chi2(1), 10.0)  # control: without weights it is another distribution
        self.assertIn('run_2', found)

    def test_histogram_of_an_angle_beside_a_reference(self):
        names = write_tables()
        self.drawn('histogram', *names, '--x', 'angle', '--periodic')
        found = numbers('histogram.txt')
        self.assertAlmostEqual(found['c_angle' if 'c_angle' in found else 'angle'][0], -176.4, places=6)
        # the mean is 170 degrees: half of 68 % lies across 180, a quarter of all
        across = found['reweighted_density'][found['angle'] < 0].sum() * 7.2
        self.assertAlmostEqual(across, 0.2525, delta=0.02)
        at = np.linspace(-3, 3, 21)
        np.savetxt('reference.dat', np.column_stack([at, np.exp(-0.5 * at**2) / np.sqrt(2 * np.pi)]))
        self.drawn('histogram', *names, '--x', 'x', '--reference', 'reference.dat')
        np.testing.assert_allclose(numbers('histogram.txt')['x'], at, atol=1e-9)

    def test_surface(self):
        names = write_tables()
        at = np.linspace(-2.5, 2.5, 11)
        x, y = np.meshgrid(at, at, indexing='ij')
        np.savetxt('reference.dat', np.column_stack([x.ravel(), y.ravel(), 0.5 * (x**2 + y**2).ravel()]))
        text = self.drawn('surface', *names, '--x', 'x', '--y', 'v_y', '--reference', 'reference.dat')
        rms = float(text.split('reweighted minus reference: ')[1].split()[0])
        plain = float(text.split('as backmapped minus reference: ')[1].split()[0])
        self.assertLess(rms, 0.2)
        self.assertGreater(plain, 0.4)
        found = numbers('surface.txt')
        difference = found['difference/kT'][found['shown'] > 0]
        np.testing.assert_allclose(difference.mean(), 0.0, atol=0.1)
        z = (difference / found['error/kT'][found['shown'] > 0])
        self.assertLess(np.mean(z**2), 3.0)
        # bins with few samples are not shown
        self.assertTrue((found['effective_samples'][found['shown'] > 0] >= 10).all())
        self.assertTrue((found['shown'][found['effective_samples'] < 10] == 0).all())
        self.drawn('surface', *names, '--x', 'x', '--y', 'angle', '--periodic', 'y', '--bins', '12')

    def test_weights(self):
        self.drawn('weights', *write_tables())
        tail = numbers('weights.txt', 1)
        self.assertTrue((np.diff(tail['w/mean']) <= 0).all())
        self.assertAlmostEqual(tail['share_of_sum'][-1], 1.0, places=3)
        # closer than the few largest weights, whose ranks are noise
        both = np.isfinite(tail['pareto_fit']) & (tail['rank'] > 100)
        np.testing.assert_allclose(tail['pareto_fit'][both], tail['share_above'][both], rtol=0.3)

    def test_pareto_tail_of_a_known_shape(self):
        rng = np.random.default_rng(9)
        w = rng.random(100000)**-0.5  # shape 0.5
        self.assertAlmostEqual(estimates.ParetoTail(np.log(w)).khat, 0.5, delta=0.07)

    def test_rounds(self):
        summary = {'joint_ess': 0.1, 'marginal_ess': 0.2, 'marginal_ess_corrected': None, 'conditional_ess_cg': 0.5,
                   'conditional_ess_cg_q10': 0.3, 'khat': 0.9, 'khat_marginal': 0.5, 'khat_threshold': 0.7}
        for k in (1, 2, 10):
            write('round.%d.json' % k, json.dumps({**summary, 'joint_ess': 0.05 * k}))
        write('heldout.json', json.dumps({'flow': 'x', 'forward_ess_fg': 0.6, 'conditional_ess_fg_m500': 0.7}))
        text = self.drawn('rounds', 'round.1.json', 'round.10.json', 'round.2.json', 'heldout.json')
        self.assertEqual([line.split(':')[0] for line in text.split('\n')[:3]], ['round.%d.json' % k for k in (1, 2, 10)])
        found = numbers('rounds.txt')
        np.testing.assert_allclose(found['joint_ess'], [0.05, 0.1, 0.5])
        np.testing.assert_allclose(found['khat'], 0.9)

    def test_training(self):
        with open('log.train', 'w') as out:
            out.write('LAMMPS\nrun 0\n' + '    epoch   train (nats)   validation         best   moved     ess   (epoch)       '
                      'rate    seconds       left\n')
            for k in range(1, 30):
                out.write('%9d %14.4f %12.4f %12.4f %7.3f %7.3f %9d %10.2e %10.0f %10.0f\n'
                          % (k, -1 - 1 / k, -1.1 + 1 / k, -1.1 + 1 / k, 0.5, 0.6, k, 1e-3, k, 30 - k))
            out.write('WARNING: something (file.cpp:1)\n  best epoch 29, 30 seconds of training\n'
                      'train_cgnet: 1 threads\n    epoch  train force   validation  train free e  validation         best'
                      '   (epoch)       rate    seconds       left\n')
            for k in range(1, 5):
                out.write('%9d %12.4f %12.4f  %12.5f %11.5f %12.6f %9d %10.2e %10.0f %10.0f\n'
                          % (k, 0, 0, 2 / k, 3 / k, 6 / k, k, 1e-3, k, 5 - k))
        text = self.drawn('training', 'log.train')
        self.assertIn('29 epochs, best validation -1.0655 (-log density (nats)), ESS 0.600', text)
        self.assertIn('4 epochs, best validation 0.75 (free energy)', text)
        np.testing.assert_allclose(numbers('training.txt', 1)['best'], [6.0, 3.0, 2.0, 1.5])

    def test_a_table_that_is_being_written(self):
        write_table('a.txt', np.arange(1, 200), np.random.default_rng(1))
        whole = text_of('a.txt').split('# seconds')[0]
        write('a.txt', whole[:-20])  # cut off in the last row: its frame is left out
        self.assertEqual(len(tables.read_tables(['a.txt']).rows), 198 * M)
        self.drawn('weights', 'a.txt')


class Refusals(Folder):
    def setUp(self):
        super().setUp()
        write_table('a.txt', np.arange(1, 100), np.random.default_rng(1))

    def test_names(self):
        self.refused(['column z', 'v_x', 'a.txt'], 'histogram', 'a.txt', '--x', 'z')
        self.refused(['v_never', 'different values'], 'histogram', 'a.txt', '--x', 'v_never')
        self.refused(['LOW below HIGH'], 'histogram', 'a.txt', '--x', 'x', '--xrange', '2', '1')
        code, text = plot('histogram', 'a.txt')
        self.assertEqual(code, 2)
        self.assertIn('--x', text)
        code, text = plot('weights', 'a.txt', '--out', 'a.gif')
        self.assertIn('ends in .png', text)
        self.refused(['a file that was read'], 'weights', 'a.txt', '--out', 'a.png')

    def test_files(self):
        self.refused(['missing.txt', 'No such file'], 'weights', 'missing.txt')
        write('empty.txt', '')
        self.refused(['empty.txt', 'line 1', 'backmap sample table 1'], 'weights', 'empty.txt')
        write('header.txt', HEADER)
        self.refused(['header.txt', '0 rows'], 'weights', 'header.txt')
        write('other.json', json.dumps({}))
        self.refused(['other.json', 'got "{}"'], 'weights', 'other.json')
        self.refused(['other.json', 'joint_ess'], 'rounds', 'other.json')
        self.refused(['a.txt', 'expected JSON'], 'rounds', 'a.txt')
        self.refused(['a.txt', 'train_flow'], 'training', 'a.txt')
        self.refused(['a.txt', 'centres of a grid'], 'surface', 'a.txt', '--x', 'x', '--y', 'y', '--reference', 'a.txt')
        with open('binary', 'wb') as out:
            out.write(b'\xff\xfe\x00')
        self.refused(['binary', 'no text'], 'weights', 'binary')

    def test_rows(self):
        lines = text_of('a.txt').split('\n')
        for words, row in ((['line 14', 'expected 12 numbers, got 11'], lines[13].rsplit(' ', 1)[0]),
                           (['line 14', 'expected a number, got bad'], lines[13].rsplit(' ', 1)[0] + ' bad')):
            write('b.txt', '\n'.join(lines[:13] + [row] + lines[14:]))
            self.refused(['b.txt'] + words, 'weights', 'b.txt')
        write('b.txt', '\n'.join(lines[:12] + lines[13:]))
        self.refused(['b.txt', 'samples 0 to 3'], 'weights', 'b.txt')

    def test_what_does_not_belong_together(self):
        self.refused(['twice'], 'weights', 'a.txt', 'a.txt')
        rng = np.random.default_rng(2)
        write_table('b.txt', np.arange(1, 50), rng, header=HEADER.replace('temperature 300', 'temperature 310'))
        self.refused(['b.txt', 'temperature', '300', '310'], 'weights', 'a.txt', 'b.txt')
        write_table('b.txt', np.arange(1, 50), rng, header=HEADER.replace('v_y', 'v_other'))
        self.refused(['b.txt', 'columns'], 'weights', 'a.txt', 'b.txt')

    def test_without_matplotlib(self):
        os.mkdir('hidden')
        for module in ('matplotlib', 'numpy'):
            name = os.path.join('hidden', module + '.py')
            write(name, 'raise ImportError("hidden", name="%s")\n' % module)
            code, text = plot_alone('weights', 'a.txt', PYTHONPATH='hidden')
            os.remove(name)
            self.assertEqual(code, 1)
            self.assertIn('python3-' + module, text)
            self.assertNotIn('Traceback', text)

    def test_help(self):
        self.assertIn('surface', plot_alone('--help')[1])
        for command in ('surface', 'histogram', 'weights', 'rounds', 'training'):
            code, text = plot(command, '--help')
            self.assertEqual(code, 0)
            self.assertIn('--out', text)


class Parts(unittest.TestCase):
    def test_bins(self):
        edges = np.linspace(0.0, 1.0, 5)
        np.testing.assert_array_equal(figures.bin_of(np.array([-0.1, 0.0, 0.3, 0.99, 1.0, np.nan]), edges),
                                      [-1, 0, 1, 3, -1, -1])
        np.testing.assert_allclose(figures.wrapped(np.array([-180.0, 180.0, 190.0, -190.0])), [-180, -180, -170, 170])

    def test_order_of_rounds(self):
        self.assertEqual(tables.by_number(['r.10.json', 'r.2.json']), ['r.2.json', 'r.10.json'])

    def test_fisher(self):
        # F(1, d) is the square of Student's t: 12.706 and 2.228 are its 97.5 % quantiles for 1 and 10 degrees of freedom
        for t, dof in ((12.7062, 1), (2.22814, 10)):
            self.assertAlmostEqual(estimates.fisher_tail(t * t, 1, dof), 0.05, delta=1e-5)


if __name__ == '__main__':
    unittest.main()

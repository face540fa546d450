"""Programs of Google Benchmark and runs of LAMMPS: how they are started, and what is read from what they print."""
import glob
import json
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.realpath(__file__))
SECONDS = {'ns': 1e-9, 'us': 1e-6, 'ms': 1e-3, 's': 1.0}
SECTIONS = ('Pair', 'Bond', 'Neigh', 'Comm', 'Output', 'Modify', 'Other')


class Trouble(Exception):
    """A figure that cannot be had, and why."""


def say(text):
    print('[speed %4.0fs] %s' % (time.monotonic() - START, text), file=sys.stderr, flush=True)


START = time.monotonic()


def idle_cores(seconds=1.0):
    """Cores that nobody uses, over a while; not a number where the system does not tell."""
    def read():
        with open('/proc/stat') as file:
            ticks = [int(v) for v in file.readline().split()[1:9]]
        return ticks[3] + ticks[4], sum(ticks)
    try:
        first = read()
        time.sleep(seconds)
        last = read()
    except OSError:
        return float('nan')
    return (os.cpu_count() or 1) * (last[0] - first[0]) / max(1, last[1] - first[1])


# --- Google Benchmark ---------------------------------------------------------


def best_of(report):
    """{name: {seconds, rate, macs, ...}} of the fastest repetition of each benchmark, in processor time of a call."""
    found = {}
    for b in report['benchmarks']:
        if b.get('run_type') == 'aggregate':
            continue
        name = re.sub('/(real_time|process_time|repeats:[0-9]+)', '', b['run_name'])
        if b.get('error_occurred'):
            found.setdefault(name, {'error': b.get('error_message', 'failed')})
            continue
        seconds = b['cpu_time'] * SECONDS[b['time_unit']]
        if name in found and found[name].get('seconds', float('inf')) <= seconds:
            continue
        found[name] = {'seconds': seconds}
        for key, to in (('items_per_second', 'rate'), ('macs', 'macs'), ('bytes_per_second', 'bytes')):
            if key in b:
                found[name][to] = b[key]
    return found


def kernels(program, arguments, out, quick, only=''):
    """Runs a program; its best figures and its context. Repetitions of all benchmarks alternate: others on the machine hit all."""
    name = os.path.basename(program)
    if not os.path.exists(program):
        raise Trouble('%s is not part of this build' % name)
    result = os.path.join(out, name + ('.' + arguments[0] if name == 'bench_energies' else '') + '.json')
    command = [program, *arguments, '--benchmark_out=' + result, '--benchmark_out_format=json',
               '--benchmark_enable_random_interleaving=true', '--benchmark_min_time=' + ('0.01' if quick else '0.3'),
               '--benchmark_repetitions=' + ('1' if quick else '5')]
    if only:
        command.append('--benchmark_filter=' + only)
    say(name + ' ' + ' '.join(os.path.basename(a) for a in arguments))
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise Trouble('%s failed: %s' % (name, done.stdout.strip().splitlines()[-1:] or 'no output'))
    with open(result) as file:
        report = json.load(file)
    return best_of(report), report['context']


# --- LAMMPS ---------------------------------------------------------------------


def read_log(text):
    """The best of the longest runs of a log: steps, wall and processor seconds a rank, seconds of each section by the clock.

    The best is the one that others disturbed least: that with the least wall time.
    """
    found = []
    for block in re.split('(?m)^(?=Loop time of )', text)[1:]:
        loop = re.match(r'Loop time of ([-+.e0-9]+) on (\d+) procs for (\d+) steps with (\d+) atoms', block)
        use = re.search(r'(?m)^([.0-9]+)% CPU use', block)
        if not loop or not use or int(loop[3]) == 0:
            continue
        wall = float(loop[1])
        sections = {s: float(m[1]) for s in SECTIONS
                    for m in [re.search(r'(?m)^%s +\|[^|]*\| +([-+.e0-9]+)' % s, block)] if m}
        found.append({'steps': int(loop[3]), 'wall': wall, 'use': float(use[1]) / 100,
                      'processor': wall * float(use[1]) / 100, 'sections': sections})
    if not found:
        raise Trouble('LAMMPS printed no run: ' + ' '.join(text.strip().splitlines()[-2:]))
    longest = max(f['steps'] for f in found)
    return min((f for f in found if f['steps'] == longest), key=lambda f: f['wall'])


def lammps(lmp, script, variables, ranks=1, partitions=0, cwd=HERE, log='none'):
    """Output of a run on ranks, or on partitions of one rank each."""
    command = [lmp, '-in', script, '-log', log]
    n = partitions or ranks
    if n > 1:
        command = os.environ.get('MPIEXEC', 'mpirun --oversubscribe').split() + ['-np', str(n)] + command
    if partitions:
        command += ['-partition', '%dx1' % partitions, '-pscreen', 'none']
    for key, value in variables.items():
        command += ['-var', key, str(value)]
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        lines = done.stdout.strip().splitlines()
        for name in glob.glob(os.path.join(cwd, log + '.*')) if partitions else []:
            with open(name) as file:
                lines += file.read().splitlines()
        raise Trouble('%s: %s' % (script, ' '.join([v for v in lines if v.startswith('ERROR')][:1] or lines[-2:])))
    return done.stdout

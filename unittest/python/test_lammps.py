#!/usr/bin/env python3
"""LAMMPS with our styles as a library of Python programs: numbers come out, errors are exceptions, instances are independent.

Needs PYTHONPATH with the module lammps, LD_LIBRARY_PATH with its library, and BACKMAP_EXAMPLES."""
import os
import unittest

from lammps import LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR, lammps

EXAMPLE = os.path.join(os.environ['BACKMAP_EXAMPLES'], 'alanine-dipeptide')
QUIET = ['-screen', 'none', '-log', 'none', '-nocite']


def start(seed, table):
    """Beads of the example, 50 steps."""
    lmp = lammps(cmdargs=list(QUIET))  # it changes its argument
    script = '''
        units real
        atom_style molecular
        read_data ala2.coarse.minus.data
        pair_style cgnet
        pair_coeff * * ala2.cgnet.safetensors C N CA CB C N
        velocity all create 300.0 4711 mom yes rot yes loop geom
        fix integrate all nve
        fix thermostat all langevin 300.0 300.0 200.0 99
        timestep 1.25
        fix bm all backmap 10 ala2.flow.safetensors in.fine samples 4 thermostat thermostat seed %d table %s
        compute rw all reweight bm v_rg
        thermo_style custom step pe c_rw[1][1]
        run 50''' % (seed, table)
    for line in script.splitlines():  # commands_string() of 2021 passes half a pointer
        lmp.command(line)
    return lmp


def rows(table):
    with open(table, encoding='utf-8') as file:
        return [line for line in file if not line.startswith('#')]


class Library(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        for name in os.listdir(EXAMPLE):
            if os.path.isfile(os.path.join(EXAMPLE, name)) and not os.path.exists(name):
                os.symlink(os.path.join(EXAMPLE, name), name)

    def test_numbers(self):
        lmp = start(5, 'a.txt')
        self.assertEqual(lmp.extract_fix('bm', LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR, 0), 5.0)
        self.assertEqual(lmp.extract_fix('bm', LMP_STYLE_GLOBAL, LMP_TYPE_VECTOR, 1), 20.0)
        self.assertEqual(len(rows('a.txt')), 20)
        lmp.command('variable mean equal c_rw[1][1]')
        weights = [float(r.split()[3]) for r in rows('a.txt')]
        self.assertLess(min(weights), max(weights))
        mean = lmp.extract_variable('mean')
        values = [float(r.split()[7]) for r in rows('a.txt')]
        self.assertLessEqual(min(values), mean)
        self.assertLessEqual(mean, max(values))
        lmp.close()

    def test_two_instances(self):
        first = start(5, 'b.txt')
        second = start(6, 'c.txt')
        first.command('run 50')
        second.command('run 50')
        first.close()
        second.command('run 50')
        second.close()
        self.assertEqual(len(rows('b.txt')), 40)
        self.assertEqual(len(rows('c.txt')), 60)
        self.assertNotEqual(rows('b.txt'), rows('c.txt')[:40])
        alone = start(5, 'd.txt')
        alone.command('run 50')
        alone.close()
        self.assertEqual(rows('b.txt'), rows('d.txt'))

    def test_errors_are_exceptions(self):
        lmp = start(5, 'e.txt')
        for command, text in (('fix x all backmap 10 none.safetensors NONE', 'cannot read none.safetensors'),
                              ('fix x all backmap 10 ala2.flow.safetensors none.in temp 300', 'none.in'),
                              ('pair_coeff * * ala2.flow.safetensors C N CA CB C N', 'backmap.cgnet')):
            with self.assertRaises(Exception) as caught:
                lmp.command(command)
            self.assertIn(text, str(caught.exception))
        lmp.command('clear')
        lmp.close()
        start(5, 'f.txt').close()


if __name__ == '__main__':
    unittest.main()

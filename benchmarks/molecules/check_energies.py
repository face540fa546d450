#!/usr/bin/env python3
"""Energies and forces of LAMMPS against OpenMM on perturbed structures of each molecule.

usage: check_energies.py LMP [NAME ...]      in the folder of the molecules
"""
import subprocess
import sys
import tempfile

import numpy as np

from make_molecules import SEQUENCES, Peptide, write_dump

SCRIPT = """include in.forcefield
thermo_style custom step pe
thermo_modify format float %%.15g
thermo 1
dump forces all custom 1 %(folder)s/forces.dump id fx fy fz
dump_modify forces sort id format float %%.15g
rerun %(folder)s/frames.dump dump x y z box no
"""


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for name in sys.argv[2:] or SEQUENCES:
        peptide = Peptide(SEQUENCES[name])
        start = np.array([line.split()[1:] for line in open(name + '.starts.dump') if len(line.split()) == 4 and
                          line[0].isdigit()], float).reshape(2, -1, 3)
        random = np.random.RandomState(1)
        frames = np.round([x + 0.1 * random.normal(size=x.shape) for x in np.repeat(start, 5, axis=0)], 6)
        with tempfile.TemporaryDirectory() as folder:
            write_dump(folder + '/frames.dump', frames)
            open(folder + '/in.check', 'w').write(SCRIPT % {'folder': folder})
            text = subprocess.run([sys.argv[1], '-in', folder + '/in.check', '-var', 'name', name, '-log', 'none'],
                                  check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
            rows = [line.split() for line in text.split('PotEng')[1].split('Loop time')[0].split('\n')[1:] if line.strip()]
            forces = np.loadtxt([line for line in open(folder + '/forces.dump') if len(line.split()) == 4 and
                                 line[0].isdigit()])[:, 1:].reshape(frames.shape)
        expected = [peptide.energy(x) for x in frames]
        energy = max(abs(float(row[1]) - e) / abs(e) for row, (e, _) in zip(rows, expected))
        force = max(np.abs(f - g).max() / np.abs(g).max() for f, (_, g) in zip(forces, expected))
        print('%s: %d structures, largest relative error of energies %.1e, of forces %.1e' % (
            name, len(rows), energy, force), flush=True)
        if len(rows) != len(frames) or energy > 1e-6 or force > 1e-6:
            sys.exit('more than 1e-6')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""The energies of a dump, computed from the OPLS-AA files of GROMACS, beside those of LAMMPS.

usage: check_energies.py LMP OPLSAA_FF N DUMP      OPLSAA_FF: the folder oplsaa.ff of GROMACS; N: number of monomers

Bonds and atom types come from the distances of the first frame, not from the data file. So the check sees errors of the
data files (make_oligomer.py) and of the coefficients (in.forcefield). It takes five frames of the dump.
"""
import itertools
import os
import subprocess
import sys

import numpy as np

from observables import frames, torsion

KCAL, COULOMB = 4.184, 332.06371


def read_files(folder):
    """Bonded parameters by classes of atoms, as the files have them; class, charge, sigma and epsilon of the atom types."""
    tables = {'bondtypes': (2, {}), 'angletypes': (3, {}), 'dihedraltypes': (4, {})}
    section = None
    for line in open(os.path.join(folder, 'ffbonded.itp')):
        words = line.split(';')[0].split()
        if words and words[0] == '[':
            section = words[1]
        elif words and section in tables and not words[0].startswith('#'):
            n, table = tables[section]
            if n < 4 or len(words) == 11:    # Ryckaert-Bellemans
                table[tuple(words[:n])] = [float(w) for w in words[n + 1:]]
    types = {}
    for line in open(os.path.join(folder, 'ffnonbonded.itp')):
        words = line.split(';')[0].split()
        if words and words[0].startswith('opls_18'):
            types[words[0]] = (words[1], float(words[4]), 10.0 * float(words[6]), float(words[7]) / KCAL)
    return [table for _, table in tables.values()], types


def topology(x):
    """Neighbors by distance: 1.25 Angstrom with a hydrogen atom, which has one neighbor, and 1.75 between heavy atoms."""
    d = np.linalg.norm(x[:, None] - x, axis=2) + 9.0 * np.eye(len(x))
    hydrogen = (d < 1.25).sum(axis=1) == 1
    limit = np.where(hydrogen[:, None] | hydrogen, 1.25, 1.75)
    return [list(np.flatnonzero(row)) for row in d < limit]


def atom_types(near):
    h = [sum(len(near[j]) == 1 for j in row) for row in near]
    carbon = {3: 'opls_181', 2: 'opls_182'}
    return [{1: 'opls_185', 2: 'opls_180'}.get(len(row)) or carbon[h[i]] for i, row in enumerate(near)]


def energies(every, tables, types):
    """Bonds, angles, dihedrals, Lennard-Jones, Coulomb (kcal/mol) of each frame."""
    near = topology(every[0])
    names = atom_types(near)
    classes, q, sigma, epsilon = zip(*(types[name] for name in names))

    def parameters(table, atoms):
        key = tuple(classes[a] for a in atoms)
        return table.get(key) or table[key[::-1]]

    atoms = range(len(near))
    bonds = [(i, j) for i in atoms for j in near[i] if i < j]
    angles = [(i, j, k) for j in atoms for i, k in itertools.combinations(near[j], 2)]
    dihedrals = [(i, j, k, m) for j, k in bonds for i in near[j] for m in near[k] if i != k and m != j]
    excluded = {frozenset(b) for b in bonds} | {frozenset((i, k)) for i, _, k in angles}
    scaled = {frozenset((i, m)) for i, _, _, m in dihedrals}
    for x in every:
        d = np.linalg.norm(x[:, None] - x, axis=2)
        e = np.zeros(5)
        for bond in bonds:
            length, k = parameters(tables[0], bond)
            e[0] += 0.5 * k * (0.1 * d[bond] - length)**2 / KCAL
        for angle in angles:
            i, j, m = angle
            equilibrium, k = parameters(tables[1], angle)
            cosine = (x[i] - x[j]) @ (x[m] - x[j]) / (d[i, j] * d[j, m])
            e[1] += 0.5 * k * (np.arccos(cosine) - np.radians(equilibrium))**2 / KCAL
        for dihedral in dihedrals:
            psi = np.radians(torsion(x[None], *dihedral)[0]) - np.pi
            e[2] += sum(c * np.cos(psi)**power for power, c in enumerate(parameters(tables[2], dihedral))) / KCAL
        for i, j in itertools.combinations(atoms, 2):
            pair = frozenset((i, j))
            if pair not in excluded:
                weight = 0.5 if pair in scaled else 1.0
                ratio = (sigma[i] * sigma[j])**3 / d[i, j]**6
                e[3] += weight * 4.0 * np.sqrt(epsilon[i] * epsilon[j]) * (ratio**2 - ratio)
                e[4] += weight * COULOMB * q[i] * q[j] / d[i, j]
        yield e


def lammps(lmp, n, dump, steps):
    script = ['include in.forcefield', 'thermo_style custom step ebond eangle edihed evdwl ecoul', 'thermo_modify format float %.8f',
              'variable step index %s' % ' '.join(steps), 'label next', 'read_dump %s ${step} x y z box no' % dump, 'run 0',
              'next step', 'jump SELF next']
    with open('in.check', 'w') as file:
        file.write('\n'.join(script) + '\n')
    out = subprocess.run([lmp, '-in', 'in.check', '-log', 'none', '-var', 'n', str(n)], capture_output=True, text=True, check=True)
    rows = out.stdout.split('\n')
    return [np.array(rows[i + 1].split()[1:], float) for i, row in enumerate(rows) if row.startswith('Step E_bond')]


def main():
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    lmp, folder, n, dump = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
    tables, types = read_files(folder)
    rows = [row for row in open(dump).read(10000000).split('ITEM: TIMESTEP\n')[1:-1]]
    steps = [row.split('\n', 1)[0] for row in rows]
    chosen = [i * (len(steps) - 1) // 4 for i in range(5)]
    every = np.array(list(itertools.islice(frames(dump, 7 * n + 9), len(steps))), float)[chosen]
    worst = 0.0
    print('LAMMPS minus the files: bonds, angles, dihedrals, Lennard-Jones, Coulomb (kcal/mol)')
    for ours, theirs in zip(lammps(lmp, n, dump, [steps[i] for i in chosen]), energies(every, tables, types)):
        print('  '.join('%10.6f (%8.4f)' % pair for pair in zip(ours - theirs, ours)))
        worst = max(worst, np.abs(ours - theirs).max())
    print('largest difference %.1e kcal/mol' % worst)
    if worst > 1e-3:
        sys.exit('the energies differ')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Data files of CH3-O-(CH2-CH2-O)N-CH3: topology, charges, and two structures to start from.

usage: make_oligomer.py N...

For each N it writes peoN.trans.data, a stretched chain, and peoN.gauche.data, a helix with all torsions O-C-C-O gauche (as in
the crystal). Bonds and angles have the equilibrium values of the force field, whose coefficients are in in.forcefield.
peoN.coarse.trans.data and peoN.coarse.gauche.data hold the beads of the same structures: all carbon and oxygen atoms, with
their atom IDs and with the masses of their hydrogen atoms added.

Atoms follow the chain: each carbon or oxygen atom, then its hydrogen atoms. Atom types: 1 C, 2 O, 3 H. The two hydrogen atoms of
all CH2 have the same handedness, so that their order is that of the chain.
"""
import sys

import numpy as np

LENGTH = {'CC': 1.529, 'CO': 1.410, 'CH': 1.090}
MASS = {'C': 12.011, 'O': 15.9994, 'H': 1.008}
CHARGE = {'O': -0.40, 'H': 0.03}    # and C 0.11 in CH3, 0.14 in CH2
TYPE = {'C': 1, 'O': 2, 'H': 3}
BACKBONE_ANGLE, H_ANGLE = 109.5, 109.5
BONDS = ['CO', 'CC', 'CH']
ANGLES = ['COC', 'CCO', 'HCO', 'HCC', 'HCH']
DIHEDRALS = ['CCOC', 'OCCO', 'HCOC', 'HCCO', 'HCCH']


def sorted_name(elements, known):
    """The name of a bond, angle or dihedral, and whether its atoms have to be turned around for it."""
    name = ''.join(elements)
    return (known.index(name), False) if name in known else (known.index(name[::-1]), True)


def place(a, b, c, length, angle, torsion):
    """The point at this distance from c, with this angle to b and this torsion to a (degrees)."""
    angle, torsion = np.radians(angle), np.radians(torsion)
    bc = (c - b) / np.linalg.norm(c - b)
    normal = np.cross(b - a, bc)
    normal /= np.linalg.norm(normal)
    local = [-np.cos(angle), np.sin(angle) * np.cos(torsion), np.sin(angle) * np.sin(torsion)]
    return c + length * (local[0] * bc + local[1] * np.cross(normal, bc) + local[2] * normal)


def heavy_chain(n, start):
    """Elements and positions of the heavy atoms."""
    elements = 'CO' + 'CCO' * n + 'C'
    x = [np.array([0.0, 1.0, 0.0]), np.zeros(3)]    # a point that gives the first torsion its meaning
    x.append(x[1] + LENGTH['CO'] * np.array([1.0, 0.0, 0.0]))
    for i in range(2, len(elements)):
        bond = ''.join(sorted(elements[i - 1:i + 1]))
        gauche = start == 'gauche' and elements[i - 3:i + 1] == 'OCCO'
        x.append(place(*x[-3:], LENGTH[bond], BACKBONE_ANGLE, 65.0 if gauche else 180.0))
    return elements, x[1:]


def oligomer(n, start):
    """Elements, positions, and pairs of bonded atoms."""
    chain, heavy = heavy_chain(n, start)
    elements, x, bonds, last = [], [], [], None
    for i, element in enumerate(chain):
        here = len(elements)
        elements.append(element)
        x.append(heavy[i])
        if last is not None:
            bonds.append((last, here))
        last = here
        if element == 'O':
            continue
        if 0 < i < len(chain) - 1:    # CH2: on both sides of the plane of the heavy atoms
            hydrogens = [place(heavy[i - 1], heavy[i + 1], heavy[i], LENGTH['CH'], H_ANGLE, t) for t in (120.0, -120.0)]
        else:
            inner = 1 if i == 0 else -1
            hydrogens = [place(heavy[i + 2 * inner], heavy[i + inner], heavy[i], LENGTH['CH'], H_ANGLE, t)
                         for t in (180.0, 60.0, -60.0)]
        for position in hydrogens:
            bonds.append((here, len(elements)))
            elements.append('H')
            x.append(position)
    return elements, np.array(x), bonds


def terms(elements, bonds):
    """(type, atoms) of all bonds, angles and dihedrals."""
    neighbors = [[] for _ in elements]
    for i, j in bonds:
        neighbors[i].append(j)
        neighbors[j].append(i)
    paths = [bonds,
             [(i, j, k) for j in range(len(elements)) for i in neighbors[j] for k in neighbors[j] if i < k],
             [(i, j, k, m) for j, k in bonds for i in neighbors[j] if i != k for m in neighbors[k] if m != j]]
    out = []
    for known, atoms in zip((BONDS, ANGLES, DIHEDRALS), paths):
        rows = []
        for path in atoms:
            kind, turned = sorted_name([elements[i] for i in path], known)
            rows.append((kind + 1, path[::-1] if turned else path))
        out.append(rows)
    return out


def write_box(out, half):
    for axis in 'xyz':
        out.write('%g %g %slo %shi\n' % (-half, half, axis, axis))


def write(n, start):
    elements, x, bonds = oligomer(n, start)
    neighbors_h = [sum(elements[i] + elements[j] in ('CH', 'HC') and a in (i, j) for i, j in bonds) for a in range(len(elements))]
    charges = [CHARGE.get(e, 0.11 if h == 3 else 0.14) for e, h in zip(elements, neighbors_h)]
    assert abs(sum(charges)) < 1e-9
    x = np.round(x - x.mean(axis=0), 4) + 0.0    # no -0
    box = np.ceil(np.abs(x).max() + 10.0)
    sections = terms(elements, bonds)
    names = ['Bonds', 'Angles', 'Dihedrals']
    beads = [i for i, e in enumerate(elements) if e != 'H']
    with open('peo%d.coarse.%s.data' % (n, start), 'w') as out:
        out.write('Beads of CH3-O-(CH2-CH2-O)%d-CH3, %s, by make_oligomer.py\n\n%d atoms\n2 atom types\n\n' % (n, start, len(beads)))
        write_box(out, box)
        out.write('\nMasses\n\n1 14.027    # C\n2 15.9994    # O\n\nAtoms # molecular\n\n')
        for i in beads:
            out.write('%d 1 %d %.4f %.4f %.4f\n' % (i + 1, TYPE[elements[i]], *x[i]))
    with open('peo%d.%s.data' % (n, start), 'w') as out:
        out.write('CH3-O-(CH2-CH2-O)%d-CH3, %s, by make_oligomer.py\n\n%d atoms\n' % (n, start, len(elements)))
        for name, rows in zip(names, sections):
            out.write('%d %s\n' % (len(rows), name.lower()))
        out.write('3 atom types\n%d bond types\n%d angle types\n%d dihedral types\n\n' % (len(BONDS), len(ANGLES), len(DIHEDRALS)))
        write_box(out, box)
        out.write('\nMasses\n\n' + ''.join('%d %g    # %s\n' % (TYPE[e], MASS[e], e) for e in 'COH'))
        out.write('\nAtoms # full\n\n')
        for i, (e, q, r) in enumerate(zip(elements, charges, x)):
            out.write('%d 1 %d %.2f %.4f %.4f %.4f\n' % (i + 1, TYPE[e], q, *r))
        for name, rows in zip(names, sections):
            out.write('\n%s\n\n' % name)
            for i, (kind, path) in enumerate(rows):
                out.write('%d %d %s\n' % (i + 1, kind, ' '.join(str(a + 1) for a in path)))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    for n in sys.argv[1:]:
        for start in ('trans', 'gauche'):
            write(int(n), start)


if __name__ == '__main__':
    main()

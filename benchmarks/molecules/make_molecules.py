#!/usr/bin/env python3
"""Capped peptides with ff14SB as LAMMPS data files, with their maps. Needs Debian's python3-simtk (OpenMM 7.7) and python3-rdkit.

usage: make_molecules.py [NAME ...]      writes into the working directory, for each molecule of SEQUENCES:

NAME.data        force field and a structure, a minimum with phi < 0 at all residues
NAME.starts.dump two minima, phi < 0 and phi > 0 (at proline, whose ring holds phi: the two puckers of the ring)
NAME.isomer      LAMMPS commands that keep the peptide bonds trans, and that tell when the isomer has changed
NAME.map.json    the beads
"""
import sys

import numpy as np
import openmm as mm
import openmm.app as app
import openmm.unit as unit
from rdkit import Chem
from rdkit.Chem import AllChem
from rdkit.Chem.rdMolTransforms import SetDihedralDeg

from frames import torsion

SEQUENCES = {name.lower(): [name] for name in 'GLY VAL LEU THR PHE LYS PRO MET'.split()}
SEQUENCES.update(penta='LEU GLY THR PHE VAL'.split(), lgt='LEU GLY THR'.split(), gtf='GLY THR PHE'.split(),
                 tfv='THR PHE VAL'.split(), a15=['ALA'] * 15)     # examples/peptide
ODD_FIRST = ['gtf']     # threonine is drawn after glycine and phenylalanine, as in penta

KCAL = unit.kilocalorie_per_mole
FF14SB = app.ForceField('amber14/protein.ff14SB.xml')


class Peptide:
    """ACE, residues, NME: topology, force field and energies; positions in Angstrom."""

    def __init__(self, sequence):
        self.sequence = sequence
        self.topology = app.Topology()
        chain, last = self.topology.addChain(), {}
        self.index = []     # of each residue: name of an atom -> its number from 0
        self.order = {}     # bond (i, j) -> 1 or 2, of one Lewis structure
        for number, name in enumerate(['ACE'] + sequence + ['NME']):
            template = FF14SB._templates[name]
            residue = self.topology.addResidue(name, chain)
            atoms = [self.topology.addAtom(a.name, a.element, residue) for a in template.atoms]
            named = {a.name: a for a in atoms}
            bonds = [(atoms[i], atoms[j]) for i, j in template.bonds]
            self.index.append({a.name: a.index for a in atoms})
            if number:
                bonds.append((last['C'], named['N']))
            for a, b in bonds:
                self.topology.addBond(a, b)
                double = {a.name, b.name} in ({'C', 'O'}, {'CG', 'CD1'}, {'CE1', 'CZ'}, {'CE2', 'CD2'})
                ring = name == 'PHE' or {a.name, b.name} == {'C', 'O'}
                self.order[a.index, b.index] = 2 if double and ring else 1
            last = named
        self.atoms = list(self.topology.atoms())
        self.system = FF14SB.createSystem(self.topology, nonbondedMethod=app.NoCutoff, constraints=None,
                                          rigidWater=False, removeCMMotion=False)
        self.context = mm.Context(self.system, mm.VerletIntegrator(0.001), mm.Platform.getPlatformByName('Reference'))

    def residues(self):
        return self.index[1:-1]

    def omegas(self):
        return [(a['CH3' if 'CH3' in a else 'CA'], a['C'], b['N'], b['CA' if 'CA' in b else 'CH3'])
                for a, b in zip(self.index, self.index[1:])]

    def hands(self):
        """Torsions over each atom with four neighbors, all negative: first over chiral centres; then over those where the order
        of equal atoms is a matter of names (CG1 and CG2, HB2 and HB3). A flow learns one order, the same in each molecule."""
        chiral = [(r['N'], r['C'], r['CB'], r['CA']) for r in self.residues() if 'CB' in r]
        chiral += [(r['CA'], r['OG1'], r['CG2'], r['CB']) for r in self.residues() if 'OG1' in r]
        named = [(r['CA'], r['CG2'], r['CG1'], r['CB']) for r in self.residues() if 'CG1' in r]    # as IUPAC names them
        named += [(r['CB'], r['CD2'], r['CD1'], r['CG']) for r in self.residues() if 'CD2' in r and 'CZ' not in r]
        near = [sorted(i + j - a.index for i, j in self.order if a.index in (i, j)) for a in self.atoms]
        done = {t[3] for t in chiral + named}
        return chiral, named + [(*n[:3], i) for i, n in enumerate(near) if len(n) == 4 and i not in done]

    def sides(self):
        """The torsions that tell the two starts apart, negative in the first: phi, at proline the pucker."""
        return [(r['N'], r['CA'], r['CB'], r['CG']) if name == 'PRO' else (before['C'], r['N'], r['CA'], r['C'])
                for before, r, name in zip(self.index, self.residues(), self.sequence)]

    def energy(self, x):
        self.context.setPositions(0.1 * x)
        state = self.context.getState(getEnergy=True, getForces=True)
        forces = np.array(state.getForces(asNumpy=True).value_in_unit(KCAL / unit.angstrom))
        return state.getPotentialEnergy().value_in_unit(KCAL), forces

    def minimum(self, x):
        self.context.setPositions(0.1 * x)
        for _ in range(3):
            mm.LocalEnergyMinimizer.minimize(self.context, 1e-4)
        x = self.context.getState(getPositions=True).getPositions(asNumpy=True).value_in_unit(unit.angstrom)
        return np.round(x - 0.5 * (x.max(axis=0) + x.min(axis=0)), 6)

    def embedding(self):
        """The molecule for RDKit's distance geometry."""
        m = Chem.RWMol()
        for a in self.atoms:
            atom = Chem.Atom(a.element.atomic_number)
            atom.SetNoImplicit(True)
            m.AddAtom(atom)
        for (i, j), order in self.order.items():
            m.AddBond(i, j, Chem.BondType.DOUBLE if order == 2 else Chem.BondType.SINGLE)
        for atom in m.GetAtoms():
            atom.SetFormalCharge(1 if atom.GetSymbol() == 'N' and atom.GetDegree() == 4 else 0)
        Chem.SanitizeMol(m)
        return m.GetMol()

    def starts(self):
        """The lowest of ten minima on each side."""
        m = self.embedding()
        AllChem.EmbedMolecule(m, randomSeed=1)
        x = m.GetConformer().GetPositions()
        Chem.AssignAtomChiralTagsFromStructure(m)
        hands = sum(self.hands(), [])
        for t in hands:
            if torsion(x, t) > 0:
                m.GetAtomWithIdx(t[3]).InvertChirality()
        found = [[], []]
        for seed in range(1, 500):
            side = int(len(found[0]) == 10)
            if len(found[side]) == 10:
                return [min(minima, key=lambda e: e[0])[1] for minima in found]
            if AllChem.EmbedMolecule(m, randomSeed=seed) < 0:
                continue
            for t in self.omegas():
                SetDihedralDeg(m.GetConformer(), *t, 180.0)
            for t, residue in zip(self.sides(), self.sequence):
                if residue != 'PRO':
                    SetDihedralDeg(m.GetConformer(), *t, 60.0 if side else -75.0)
            x = self.minimum(m.GetConformer().GetPositions())
            if (all(torsion(x, t) < 0 for t in hands) and all(abs(torsion(x, t)) > 150 for t in self.omegas()) and
                    all((torsion(x, t) > 0) == side for t in self.sides())):
                found[side].append((self.energy(x)[0], x))
        sys.exit('%s: no structure found on one of the sides' % self.sequence)

    def beads(self):
        """C of ACE, N, CA, CB, C, ..., N of NME, and one atom of each longer side chain (see README.md). Of more than one
        residue also the end carbons, so that a cap looks like the backbone of one residue more."""
        ends = [[('CH3', cap['CH3'])] if len(self.sequence) > 1 else [] for cap in (self.index[0], self.index[-1])]
        out = ends[0] + [('C', self.index[0]['C'])]
        for r in self.residues():
            out += [(name, r[name]) for name in ('N', 'CA', 'CB') if name in r]
            gammas = sorted((-self.chain(r, i), -self.atoms[i].element.atomic_number, i) for i in self.heavy('CB', r))
            out += [(self.atoms[i].name, i) for _, _, i in gammas[:1]]
            out += [('C', r['C'])]
        return out + [('N', self.index[-1]['N'])] + ends[1]

    def heavy(self, name, residue):
        """Heavy atoms bonded to that atom, away from the backbone."""
        if name not in residue:
            return []
        near = [i + j - residue[name] for i, j in self.order if residue[name] in (i, j)]
        return [i for i in near if self.atoms[i].element.symbol != 'H' and i in residue.values() and
                self.atoms[i].name not in ('N', 'CA', 'C')]

    def chain(self, residue, i, passed=()):
        """Number of heavy atoms of the longest chain of the side chain from atom i on."""
        ahead = [j for j in self.heavy(self.atoms[i].name, residue) if j not in passed and self.atoms[j].name != 'CB']
        return 1 + max([self.chain(residue, j, passed + (i,)) for j in ahead], default=0)


def terms(peptide):
    """Atoms (mass, charge, epsilon, sigma, class), bonds, angles and torsions in LAMMPS's units and conventions."""
    force = {type(f).__name__: f for f in peptide.system.getForces()}
    bond, angle, proper, pairs = (force[n] for n in ('HarmonicBondForce', 'HarmonicAngleForce', 'PeriodicTorsionForce',
                                                     'NonbondedForce'))
    atoms = []
    for residue, template in zip(peptide.topology.residues(), FF14SB.getMatchingTemplates(peptide.topology)):
        named = {a.name: FF14SB._atomTypes[a.type].atomClass.replace('protein-', '') for a in template.atoms}
        for a in residue.atoms():
            charge, sigma, epsilon = pairs.getParticleParameters(a.index)
            atoms.append((peptide.system.getParticleMass(a.index).value_in_unit(unit.dalton),
                          charge.value_in_unit(unit.elementary_charge), epsilon.value_in_unit(KCAL),
                          sigma.value_in_unit(unit.angstrom), named[a.name]))
    bonds, angles, torsions = [], [], []
    for k in range(bond.getNumBonds()):
        i, j, r, K = bond.getBondParameters(k)
        bonds.append(((i, j), (0.5 * K.value_in_unit(KCAL / unit.angstrom**2), r.value_in_unit(unit.angstrom))))
    for k in range(angle.getNumAngles()):
        i, j, l, t, K = angle.getAngleParameters(k)
        angles.append(((i, j, l), (0.5 * K.value_in_unit(KCAL / unit.radian**2), t.value_in_unit(unit.degree))))
    for k in range(proper.getNumTorsions()):
        i, j, l, m, n, phase, K = proper.getTorsionParameters(k)
        if K.value_in_unit(KCAL) != 0:
            torsions.append(((i, j, l, m), (K.value_in_unit(KCAL), n, round(phase.value_in_unit(unit.degree)), 0.0)))
    return atoms, bonds, angles, torsions


def write_data(name, peptide, x):
    atoms, *lists = terms(peptide)
    types = {}      # a type is a class with its mass and its Lennard-Jones parameters
    for a in atoms:
        types.setdefault((a[4], a[0]) + a[2:4], len(types) + 1)
    kinds = []      # of bonds, angles, torsions: parameters -> type
    for entries in lists:
        kinds.append({})
        for _, parameters in entries:
            kinds[-1].setdefault(tuple(round(p, 9) for p in parameters), len(kinds[-1]) + 1)
    half = 5.0 * np.ceil(np.abs(x).max() / 5.0) + 10.0
    with open(name + '.data', 'w') as f:
        def section(title, rows):
            print('\n%s\n' % title, *rows, sep='\n', file=f)

        print('LAMMPS data file: ACE-%s-NME, ff14SB, one molecule; units real, atom_style full, special_bonds amber, '
              'dihedral_style charmm (1-4 weights 0)\n' % '-'.join(peptide.sequence), file=f)
        for number, what in zip([len(atoms)] + list(map(len, lists)), ('atoms', 'bonds', 'angles', 'dihedrals')):
            print(number, what, file=f)
        print(file=f)
        for number, what in zip([len(types)] + list(map(len, kinds)), ('atom', 'bond', 'angle', 'dihedral')):
            print(number, what, 'types', file=f)
        print(file=f)
        for c in 'xyz':
            print(-half, half, c + 'lo', c + 'hi', file=f)
        section('Masses', ['%d %.9g # %s' % (t, k[1], k[0]) for k, t in types.items()])
        section('Pair Coeffs # lj/cut/coul/cut', ['%d %.9g %.16g # %s' % (t, k[2], k[3], k[0]) for k, t in types.items()])
        for title, kind in zip(('Bond Coeffs # harmonic', 'Angle Coeffs # harmonic', 'Dihedral Coeffs # charmm'), kinds):
            section(title, ['%d %s' % (t, ' '.join('%.12g' % p for p in k)) for k, t in kind.items()])
        section('Atoms # full', ['%d 1 %d %.12g %.6f %.6f %.6f # %s %s %d' % (
            i + 1, types[(a[4], a[0]) + a[2:4]], a[1], *x[i], t.name, t.residue.name, t.residue.index + 1)
            for i, (a, t) in enumerate(zip(atoms, peptide.atoms))])
        for title, entries, kind in zip(('Bonds', 'Angles', 'Dihedrals'), lists, kinds):
            section(title, ['%d %d %s' % (i + 1, kind[tuple(round(p, 9) for p in parameters)],
                                          ' '.join(str(a + 1) for a in ids))
                            for i, (ids, parameters) in enumerate(entries)])


def write_dump(name, frames):
    with open(name, 'w') as f:
        for step, x in enumerate(frames):
            f.write('ITEM: TIMESTEP\n%d\nITEM: NUMBER OF ATOMS\n%d\nITEM: BOX BOUNDS ss ss ss\n' % (step, len(x)))
            f.write('-20 20\n' * 3 + 'ITEM: ATOMS id x y z\n')
            f.writelines('%d %.6f %.6f %.6f\n' % (i + 1, *r) for i, r in enumerate(x))


def write_isomer(name, peptide):
    """LAMMPS commands. The wall of a peptide bond, W [(1 - cos x) / 2]^4 at the angle x from trans with W = 200 kcal/mol, is
    a sum of four cosines. It adds 0.0002 kcal/mol at 20 degrees, 0.004 at 30, and 12 on the top of the barrier."""
    wall = [(200.0 * 7 / 16, 1), (200.0 * 7 / 32, 2), (200.0 / 16, 3), (200.0 / 128, 4)]
    walls = ['dihedral %d %d %d %d %g %g 0.0 mult %d' % (*(a + 1 for a in o), k, k, n)
             for o in peptide.omegas() for k, n in wall]
    ids = peptide.omegas() + peptide.hands()[0]
    tests = ['abs(c_isomer[%d]) < 60.0' % (i + 1) for i in range(len(peptide.omegas()))]
    tests += ['c_isomer[%d] > 15.0' % (i + 1) for i in range(len(tests), len(ids))]
    with open(name + '.isomer', 'w') as f:
        print('# a wall that keeps peptide bonds from becoming cis at high temperature', file=f)
        print('fix trans all restrain ' + ' &\n  '.join(walls), file=f)
        print('fix_modify trans energy yes', file=f)
        print('# a peptide bond is near to cis, or a chiral centre is on the other side of its neighbors', file=f)
        print('compute isomer all backmap/internal &', file=f)
        print('  ' + ' &\n  '.join('dihedral %d %d %d %d' % tuple(a + 1 for a in t) for t in ids), file=f)
        print('variable changed equal "%s"' % ' || '.join(tests), file=f)


def write_map(name, peptide):
    rows = ',\n'.join('    {"name": "%s", "atoms": [%d]}' % (n, i + 1) for n, i in peptide.beads())
    order = '  "drawn_first": "odd",\n' if name in ODD_FIRST else ''
    with open(name + '.map.json', 'w') as f:
        f.write('{\n  "molecule": "ACE-%s-NME",\n%s  "beads": [\n%s\n  ]\n}\n' % ('-'.join(peptide.sequence), order, rows))


def main():
    for name in sys.argv[1:] or SEQUENCES:
        if name not in SEQUENCES:
            sys.exit(__doc__)
        peptide = Peptide(SEQUENCES[name])
        starts = peptide.starts()
        write_data(name, peptide, starts[0])
        write_dump(name + '.starts.dump', starts)
        write_isomer(name, peptide)
        write_map(name, peptide)
        print(name, len(peptide.atoms), 'atoms', ' '.join('%s:%d' % (n, i + 1) for n, i in peptide.beads()),
              ['%.3f kcal/mol' % peptide.energy(x)[0] for x in starts],
              [['%.0f' % torsion(x, t) for t in peptide.sides()] for x in starts])


if __name__ == '__main__':
    main()

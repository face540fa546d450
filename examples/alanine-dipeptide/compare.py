#!/usr/bin/env python3
"""What the weights change: means without and with weights, of two coarse-grained models, beside the all-atom ones.

usage: compare.py SUMMARY.json [SUMMARY.json ...]        (of backmap_report; run it where ala2.*.txt are)

Differences from the all-atom means (ala2.observables.txt, ala2.reference.txt) are given in standard errors, z, of both together;
p is the probability of a larger |z| by chance (Student, degrees of freedom after Welch and Satterthwaite). Means without
weights get the errors of those with weights. The population of phi > 0 is compared in log-odds.
"""
import json
import re
import sys

import numpy as np

REFERENCE_DOF = 7  # eight runs


def all_atom():
    """{observable: (value, error)}; phi_positive as its free energy in kT."""
    found = {}
    for line in open('ala2.observables.txt'):
        words = line.split()
        if words[:2] == ['#', 'mean']:
            found[words[2]] = (float(words[3]), float(words[4]))
    header = open('ala2.reference.txt').read(2000)
    found['phi_positive'] = tuple(float(v) for v in re.search(r'kT: (\S+) \+- (\S+)', header).groups())
    return found


def tail(z, dof):
    """P(|t| > z) of Student's distribution, by integration of its density in an angle."""
    edge = np.arctan(abs(z) / np.sqrt(dof))
    whole, part = (np.trapz(np.cos(a)**(dof - 1), a)
                   for a in (np.linspace(0, np.pi / 2, 20001), np.linspace(edge, np.pi / 2, 20001)))
    return part / whole


def difference(value, error, dof, reference):
    both = np.hypot(error, reference[1])
    dof = both**4 / (error**4 / dof + reference[1]**4 / REFERENCE_DOF)
    z = (value - reference[0]) / both
    return z, tail(z, dof)


def compare(summary, reference):
    """Rows (name, reference, unweighted, z, p, reweighted, error, z, p); without error where none is known."""
    rows = []
    for name, ref in reference.items():
        reweighted, error, unweighted = summary['observables'][name]
        dof = max(1, summary['estimates'][name]['blocks'] - 1)
        if name == 'phi_positive':
            state = summary['estimates'][name]['delta_f_kT']
            reweighted, error = state
            unweighted = -np.log(unweighted / (1 - unweighted)) if 0 < unweighted < 1 else np.nan
        if error is None or reweighted is None:
            rows.append((name, ref, unweighted, None, None, reweighted, None, None, None))
        else:
            rows.append((name, ref, unweighted, *difference(unweighted, error, dof, ref),
                         reweighted, error, *difference(reweighted, error, dof, ref)))
    return rows


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    reference = all_atom()
    print('beside the all-atom means; z: difference in standard errors, p: chance of a larger one')
    for name in sys.argv[1:]:
        print('%s\n  %-28s %20s %12s %7s %20s %7s %8s'
              % (name, 'observable', 'all-atom', 'unweighted', 'z', 'reweighted', 'z', 'p'))
        for what, ref, plain, z0, _, value, error, z1, p1 in compare(json.load(open(name)), reference):
            label = 'Delta F of phi > 0 (kT)' if what == 'phi_positive' else what
            start = '  %-28s %9.4f +- %7.4f %12.4f' % (label, *ref, plain)
            print(start + (' too few entries for an error' if error is None else
                           ' %7.1f %9.4f +- %7.4f %7.1f %8.2g' % (z0, value, error, z1, p1)))


if __name__ == '__main__':
    main()

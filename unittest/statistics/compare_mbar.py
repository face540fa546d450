#!/usr/bin/env python3
"""backmap_report against MBAR (pymbar 3 or 4) on the same samples.

With one sampled state, MBAR (Shirts and Chodera, J. Chem. Phys. 129, 124105 (2008)) is the self-normalised
importance-sampling estimate, so means and free energies must agree to 1e-6: a check of the code. Errors are computed in
different ways (MBAR: asymptotic covariance of independent samples; here: jackknife over 1000 blocks of 4) and agree on
independent data within 15 %; the jackknife's own standard error is 1 / sqrt(2 * 999) = 2.2 %, some more for the tails
of the weights, so a false alarm has a probability below 1e-4 for a random seed. The seed is fixed.

Environment: BACKMAP_LMP. Exits 1 when pymbar is not installed, and says so.
"""

import json
import os
import subprocess
import sys

import numpy as np

try:
    import pymbar
except ImportError:
    sys.exit("compare_mbar.py: pymbar is not installed (Debian package python3-pymbar)")

N, KT, A, S = 4000, 0.5961620, 0.5, 1.15
random = np.random.default_rng(8)
z = S * random.standard_normal(N)
x = z + 0.3 + 1.1 * random.standard_normal(N)
u_cg = 0.5 * (z / S)**2                                                         # in kT
log_q = -0.5 * ((x - z - 0.3) / 1.1)**2 - np.log(1.1 * np.sqrt(2.0 * np.pi))
u = 0.5 * (z - A)**2 + 0.5 * (x - z)**2
observables = {"x": x, "energy": 100.0 + KT * u, "state": (x > 1.0).astype(float)}


def report(log_w):
    """Write a sample table with these log-weights and read what backmap_report makes of it."""
    with open("samples.txt", "w") as out:
        out.write("# backmap sample table 1\n# units real\n# temperature 300\n# kT %.15g\n# samples 1\n# molecule chain\n"
                  "# step molecule sample logweight U U_CG logq %s\n" % (KT, " ".join("v_" + o for o in observables)))
        for i in range(N):
            row = [log_w[i], KT * u[i], KT * u_cg[i], log_q[i]] + [o[i] for o in observables.values()]
            out.write("%d 1 0 %s\n" % (i, " ".join("%.17g" % v for v in row)))
    with open("in.report", "w") as script:
        script.write("backmap_report samples.txt blocks 1000 json report.json\n")
    subprocess.run([os.environ["BACKMAP_LMP"], "-in", "in.report", "-log", "none", "-screen", "none"], check=True)
    with open("report.json") as summary:
        return json.load(summary)


def mbar():
    """Means in the all-atom state with their errors, and the free energy between the sampled state and it, from pymbar."""
    m = pymbar.MBAR(np.array([u_cg - log_q, u]), np.array([N, 0]))
    four = hasattr(m, "compute_expectations")
    means = {}
    for name, values in observables.items():
        values = values.copy()    # pymbar 3 shifts it in place
        e = m.compute_expectations(values) if four else m.computeExpectations(values, return_dict=True)
        means[name] = (e["mu"][1], e["sigma"][1])
    f = m.compute_free_energy_differences() if four else m.getFreeEnergyDifferences(return_dict=True)
    return means, (f["Delta_f"][0, 1], f["dDelta_f"][0, 1])


failures = 0


def check(what, got, expected, tolerance, must_agree=True):
    global failures
    difference = abs(got / expected - 1.0)
    good = (difference <= tolerance) == must_agree
    failures += not good
    print("%-34s %18.12g %18.12g  %8.1e  %s" % (what, got, expected, difference, "ok" if good else "WRONG"))


means, free_energy = mbar()
ours = report(u_cg - log_q - u)
for name, (mean, error) in means.items():
    check("mean of " + name, ours["observables"][name][0], mean, 1e-6)
    check("error of " + name, ours["observables"][name][1], error, 0.15)
log_mean = ours["log_mean_weight_estimate"]
check("free energy", -ours["log_mean_weight"], free_energy[0], 1e-6)
check("error of it", log_mean["error"], free_energy[1], 0.15)
p, error = means["state"]
check("Delta F of the state", ours["estimates"]["state"]["delta_f_kT"][0], -np.log(p / (1.0 - p)), 5e-3)    # jackknife: less its bias
check("error of it", ours["estimates"]["state"]["delta_f_kT"][1], error / (p * (1.0 - p)), 0.15)
# control: without the CG energy in the weights nothing agrees
wrong = report(-log_q - u)
check("control: mean of x", wrong["observables"]["x"][0], means["x"][0], 1e-2, must_agree=False)
sys.exit(failures > 0)

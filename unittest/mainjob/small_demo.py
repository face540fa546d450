"""The demo's own script with few steps: every file is there, the summary holds finite figures that fit together, and the
reweighted means are the all-atom ones.

Each comparison has a p-value (Student); below 1e-4 it fails. Six at most are made (three observables of two models, the free
energy of phi > 0 only where it has an error), so that chance fails fewer than 6 of 10,000 runs. The control that must fail
with p < 1e-6 is the same job with the weights of another Hamiltonian, the dielectric constant 80."""

import json
import math
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

KEYS = ("conditional_ess_fg_m500 conditional_ess_fg_m500_q10 forward_ess_fg forward_ess_minus forward_ess_plus "
        "conditional_ess_cg samples_per_frame joint_ess marginal_ess khat frames samples weighted_samples_per_s "
        "zero_weights nan_energies temperature").split()

out = Path("out").resolve()
shutil.rmtree(out, ignore_errors=True)
script = Path(os.environ["BACKMAP_EXAMPLES"]) / "alanine-dipeptide" / "run_demo.sh"
environment = dict(os.environ, STEPS="12000", PYTHON=os.environ["BACKMAP_PYTHON"])
done = subprocess.run([str(script), os.environ["BACKMAP_LMP"], str(out)], env=environment, text=True,
                      stdin=subprocess.DEVNULL, capture_output=True)
print(done.stdout[-4000:], done.stderr[-4000:])
if done.returncode:
    sys.exit(f"run_demo.sh: exit status {done.returncode}")

problems = []


def require(what, true):
    print("ok:" if true else "FAILED:", what)
    if not true:
        problems.append(what)


printed = re.findall(r"^BACKMAP validation(.*): (\d+) all-atom frames", done.stdout, re.M)
require("the figures of the flow are printed, of all frames and of each side",
        printed == [("", "200"), (" of minus", "100"), (" of plus", "100")])
for name in ("summary.json", "ramachandran.png"):
    require(f"{name} is there", (out / name).is_file())
require("the plot is a PNG", (out / "ramachandran.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n")
require("weighted structures are there", any(p.stat().st_size > 1000 for p in out.glob("structures*.dump")))
tables = list(out.glob("samples*.txt"))
rows = [line for p in tables for line in p.read_text().splitlines() if line and not line.startswith("#")]

summary = json.loads((out / "summary.json").read_text())
for key in KEYS:
    require(f"summary has a finite {key}", isinstance(summary.get(key), (int, float)) and math.isfinite(summary[key]))
if not problems:
    require("samples = frames * samples_per_frame",
            summary["samples"] == summary["frames"] * summary["samples_per_frame"])
    require("the tables hold every sample", len(rows) >= summary["samples"] > 0)
    for key in ("joint_ess", "marginal_ess", "conditional_ess_cg", "conditional_ess_fg_m500"):
        require(f"0 < {key} <= 1", 0 < summary[key] <= 1)
    require("temperature is 300", abs(summary["temperature"] - 300.0) < 1e-9)
    require("no energy was NaN", summary["nan_energies"] == 0)
    # what the shipped flow must reach, with a margin for nothing: these frames and samples are always the same
    require("conditional ESS of the shipped flow on held-out frames >= 0.75", summary["conditional_ess_fg_m500"] >= 0.75)
    require("its 10 % quantile >= 0.62", summary["conditional_ess_fg_m500_q10"] >= 0.62)
observables = summary.get("observables", {})
require("phi_positive is an observable", any("phi_positive" in name for name in observables))
for name, value in observables.items():
    require(f"{name}: [reweighted mean, standard error, unweighted mean]",
            len(value) == 3 and all(isinstance(v, (int, float)) and math.isfinite(v) for v in (value[0], value[2]))
            and (value[1] is None or value[1] >= 0))
for name, value in observables.items():
    if "phi_positive" in name:
        require("populations lie in [0, 1]", 0 <= value[0] <= 1 and 0 <= value[2] <= 1)

# the beads have the ensemble that the weights believe in, and the reweighted means are the all-atom ones
kelvin = summary["configurational_temperature"]
require(f"configurational temperature {kelvin}", abs(kelvin[0] - 300.0) < 4.0 * kelvin[1] + 3.0)
require("no warning about the ensemble", not any("beads" in w for w in summary["warnings"]))
os.chdir(out)
sys.path.insert(0, str(script.parent))
from compare import all_atom, compare  # noqa: E402

reference = all_atom()
for model in ("summary.json", "uncorrected/summary.json"):
    for name, ref, plain, _, _, value, error, z, p in compare(json.loads(Path(model).read_text()), reference):
        print(f"{model} {name}: all-atom {ref}, unweighted {plain}, reweighted {value} +- {error}, z {z}, p {p}")
        require(f"{model}: reweighted {name} is the all-atom one", p is None and name == "phi_positive" or p > 1e-4)

os.environ["LAMMPS_POTENTIALS"] = os.environ["BACKMAP_POTENTIALS"]
os.chdir("uncorrected")
for side in ("minus", "plus"):
    subprocess.run([os.environ["BACKMAP_LMP"], "-in", "in.walkers", "-var", "side", side, "-var", "steps", "4000", "-var", "diel", "80.0",
                    "-log", "log", "-screen", "none"], check=True, stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL)
Path("in.wrong").write_text("shell rm -f wrong.json\nbackmap_report "
                            + " ".join(f"samples.{s}.walkers.txt" for s in ("minus", "plus")) + " json wrong.json\n")
subprocess.run([os.environ["BACKMAP_LMP"], "-in", "in.wrong", "-log", "none", "-screen", "none"], check=True)
os.chdir("..")
rows = {row[0]: row for row in compare(json.loads(Path("uncorrected/wrong.json").read_text()), reference)}
print("control:", rows["energy"])
require("the control, weights of another Hamiltonian, is found", rows["energy"][8] < 1e-6)
# a validation and tables of one energy do not go with a report of another
other = subprocess.run([os.environ["BACKMAP_LMP"], "-in", "../in.report", "-log", "none"], cwd="uncorrected", text=True,
                       capture_output=True)
require("a validation of another Hamiltonian is not included",
        other.returncode != 0 and "all-atom energy of the fine script" in other.stdout + other.stderr)
sys.exit(1 if problems else 0)

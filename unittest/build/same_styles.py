"""The plugin registers exactly the styles that the built-in LAMMPS has more than the one without them."""

import os
import re
import subprocess
import sys

KINDS = {"Pair": "pair", "Fix": "fix", "Compute": "compute", "Command": "command"}


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def styles_of(lmp):
    """{(kind, name)} as `lmp -h` lists them."""
    out, kind = set(), None
    for line in run(lmp, "-h").splitlines():
        head = re.match(r"\* (\w+) styles", line)
        if head:
            kind = KINDS.get(head.group(1))
        elif re.match(r"\* ", line):
            kind = None
        elif kind:
            out |= {(kind, name) for name in line.split()}
    return out


builtin, plain = styles_of(os.environ["BACKMAP_LMP"]), styles_of(os.environ["BACKMAP_LMP_PLAIN"])
added = builtin - plain
with open("in.plugin", "w") as script:
    script.write(f"plugin load {os.environ['BACKMAP_PLUGIN']}\nplugin list\n")
listing = run(os.environ["BACKMAP_LMP_PLAIN"], "-in", "in.plugin", "-log", "none")
loaded = set(re.findall(r"(?m)^\s*\d+: (\w+) style plugin (\S+)", listing))
print("built in:", sorted(added))
print("plugin:  ", sorted(loaded))
if not added or added != loaded or plain - builtin:
    print("differ:", sorted(added ^ loaded), "lost:", sorted(plain - builtin))
    print(listing)
    sys.exit(1)

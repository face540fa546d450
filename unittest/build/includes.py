"""scripts/check_includes.py finds what it is there to find: each fault is planted in a copy of the sources."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(sys.argv[1])
COPY = Path("copy")
PAGE = "doc/src/Developer_backmap.rst"


def check():
    done = subprocess.run([sys.executable, SOURCE / "scripts/check_includes.py", COPY], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def fresh():
    shutil.rmtree(COPY, ignore_errors=True)
    for part in ("src/BACKMAP", "doc/src"):
        shutil.copytree(SOURCE / part, COPY / part)


def plant(name, text, first=True):
    path = COPY / name
    old = path.read_text() if path.exists() else ""
    path.write_text(text + old if first else old + text)


FAULTS = [
    ("an include against the direction", lambda: plant("src/BACKMAP/core/rng.h", '#include "flow/flow.h"\n'), "core must not include flow"),
    ("LAMMPS in a lower layer", lambda: plant("src/BACKMAP/flow/flow.cpp", '#include "update.h"\n'), "must not know LAMMPS"),
    ("Torch through a header", lambda: plant("src/BACKMAP/libtorch/trainer.h", "#include <torch/torch.h>\n"), "train_flow.h must not know Torch"),
    ("JSON in the mathematics", lambda: plant("src/BACKMAP/statistics/weights.h", "#include <nlohmann/json.hpp>\n"), "statistics/weights.h must not know JSON"),
    ("a file opened below LAMMPS", lambda: plant("src/BACKMAP/core/sha256.cpp", 'static FILE *f = fopen("x", "r");\n', False), "must not know files"),
    ("a launch inside of a layer", lambda: plant("src/BACKMAP/flow/layers.h", "void f() { parallel_for(1); }\n", False), "must not know launches"),
    ("a folder without a row", lambda: (COPY / "src/BACKMAP/extra").mkdir(), "extra: a folder and a row"),
    ("a folder without a page", lambda: (COPY / "src/BACKMAP/core/README.md").unlink(), "core/README.md: expected 1 to 5 lines"),
    ("a table that points down", lambda: (COPY / PAGE).write_text(re.sub(r'("core", "[^"]*", )""', r'\1"flow"', (COPY / PAGE).read_text())), "core may include flow, which does not stand above it"),
]

failed = 0
fresh()
code, text = check()
print("the sources as they are:", text.strip().splitlines()[-1])
failed += code != 0
for what, fault, expected in FAULTS:
    fresh()
    fault()
    code, text = check()
    good = code == 1 and expected in text
    print("found" if good else f"NOT FOUND, expected '{expected}', got {code}:\n{text}", "-", what)
    failed += not good
sys.exit(1 if failed else 0)

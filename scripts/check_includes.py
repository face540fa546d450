#!/usr/bin/env python3
"""Which file may know what: checks the includes of src/BACKMAP against the rooms of the design.

Usage: check_includes.py [REPOSITORY]     exits 1 and names every breach

A file breaks a rule when it, or a header of ours that it includes (however indirectly), includes what it must not know.
"""

import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
SRC = ROOT / "src" / "BACKMAP"

# what an include line belongs to; quoted names that are no file of ours are LAMMPS's
KINDS = [
    ("Torch", re.compile(r"^<(torch|ATen|c10|caffe2)/")),
    ("Kokkos", re.compile(r"^<Kokkos_")),
    ("MPI", re.compile(r"^<mpi\.h>|^\"mpi\.h\"")),
    ("JSON", re.compile(r"^<nlohmann/")),
    ("Random123", re.compile(r"^<Random123/")),
    ("files", re.compile(r"^<(fstream|filesystem|cstdio|unistd\.h)>")),
    ("threads", re.compile(r"^<(thread|mutex|atomic|future|omp\.h|condition_variable)>")),
]

# stem pattern -> (what it must not know, our files that it must not include). The first pattern that fits counts,
# then the general rule of its layer.
ROOMS = [
    (r"backmap_model_file$", {"LAMMPS", "Torch", "MPI", "Kokkos", "files"}, r"backmap_(flow|torch|cgnet)"),
    (r"backmap_flow_spec$", {"LAMMPS", "Torch", "MPI", "Kokkos"}, r"backmap_torch"),
    (r"backmap_flow_layers$", {"LAMMPS", "Torch", "MPI", "JSON"}, r"backmap_(torch|model_file)"),
    (r"backmap_internal_coords$", {"LAMMPS", "Torch", "MPI"}, r"backmap_(torch|flow_layers|flow\.|cgnet)"),
    (r"backmap_mapping$", {"LAMMPS", "Torch", "MPI", "Kokkos"}, r"backmap_torch"),
    (r"backmap_weights$", {"LAMMPS", "Torch", "MPI", "Kokkos", "JSON", "Random123", "files", "threads"}, r"backmap_(?!series)"),
    (r"backmap_series$", {"LAMMPS", "Torch", "MPI", "Kokkos", "JSON", "Random123", "files", "threads"}, r"backmap_"),
    (r"backmap_rng$", {"LAMMPS", "Torch", "MPI", "JSON", "files", "threads"}, r"backmap_torch"),
    (r"backmap_fine_engine$", {"Torch", "JSON"}, r"backmap_weights"),
    (r"backmap_torch_", {"LAMMPS", "MPI"}, None),
]
CORE = {"LAMMPS", "Torch", "MPI"}
STYLES = {"Torch", "JSON"}

# patterns that a room must not contain in its own text
TEXT = [
    (r"backmap_flow_layers$", re.compile(r"\bparallel_(for|reduce|scan)\b|\bmalloc\b|\bnew [A-Za-z]"), "allocates or launches"),
    (r"(?!backmap_torch_)", re.compile(r"^\s*using namespace (torch|at|c10)\b"), "opens a namespace of Torch for everybody"),
]


def lammps_layer():
    """The rule that the build uses for the LAMMPS layer, from the build itself."""
    text = (ROOT / "cmake" / "BackmapTargets.cmake").read_text()
    return re.compile(re.search(r'set\(backmap_lammps_layer\s+"([^"]+)"', text).group(1))


def includes(path):
    out = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if m:
            out.append((number, m.group(1)))
    return out


def closure(path, seen=None, via=()):
    """Every include of a file and of our headers below it: (the way there, include as written)."""
    seen = set() if seen is None else seen
    for number, name in includes(path):
        inner = SRC / name[1:-1]
        yield via + (f"{path.name}:{number}",), name
        if inner.exists() and inner not in seen:
            seen.add(inner)
            yield from closure(inner, seen, via + (f"{path.name}:{number}",))


def kind(name):
    for what, pattern in KINDS:
        if pattern.search(name):
            return what
    if name.startswith('"') and not (SRC / name[1:-1]).exists() and name != '"backmap_style_headers.h"':
        return "LAMMPS"
    return None


def main():
    is_lammps = lammps_layer()
    breaches = []
    files = sorted(p for p in SRC.iterdir() if p.suffix in (".h", ".cpp"))
    for path in files:
        if path.name in ("backmapplugin.cpp", "backmap_compat.h"):
            continue
        stem = path.stem
        forbidden, not_ours = None, None
        for pattern, what, ours in ROOMS:
            if re.match(pattern, stem):
                forbidden, not_ours = set(what), ours
                break
        if forbidden is None:
            forbidden = STYLES if is_lammps.search(path.name) else CORE
        if stem.startswith("backmap_torch_") and path.suffix == ".h":
            # a header that shows Torch is seen by no other room: their own check finds that
            forbidden = forbidden | {"Kokkos", "JSON"}
        elif not stem.startswith("backmap_torch_"):
            forbidden = forbidden | {"Torch"}
        for way, name in closure(path):
            what = kind(name)
            if what in forbidden:
                breaches.append(f"{' -> '.join(way)}: {stem} must not know {what}, but {name} is included")
            own = name[1:-1]
            if not_ours and re.match(not_ours, own) and Path(own).stem != stem and (SRC / own).exists():
                breaches.append(f"{' -> '.join(way)}: {stem} must not include {own}")
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("//")[0]
            for pattern, text, why in TEXT:
                if re.match(pattern, stem) and text.search(code):
                    breaches.append(f"{path.name}:{number}: {why}: {line.strip()}")
    for breach in breaches:
        print(breach)
    print(f"{len(files)} files checked, {len(breaches)} breaches")
    return 1 if breaches or not files else 0


if __name__ == "__main__":
    sys.exit(main())

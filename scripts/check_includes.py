#!/usr/bin/env python3
"""Which folder may know what: checks the includes of src/BACKMAP against the tables in the manual.

Usage: check_includes.py [REPOSITORY]     exits 1 and names every breach

The rules stand in doc/src/Developer_backmap.rst and nowhere else: one table of folders, in the order in which they stand
on each other, and one of single files. A file breaks a rule when it, or a header of ours that it includes (however
indirectly), includes what its folder must not know.
"""

import csv
import re
import sys
from pathlib import Path

ROOT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
SRC = ROOT / "src" / "BACKMAP"
PAGE = ROOT / "doc" / "src" / "Developer_backmap.rst"
STYLES = "(styles)"

# what an include belongs to; quoted names that are no file of ours are LAMMPS's
KINDS = {
    "Torch": re.compile(r"^<(torch|ATen|c10|caffe2)/"),
    "Kokkos": re.compile(r"^<Kokkos_"),
    "MPI": re.compile(r"^[<\"]mpi\.h"),
    "JSON": re.compile(r"^<nlohmann/"),
    "Random123": re.compile(r"^<Random123/"),
    "files": re.compile(r"^<(fstream|filesystem|unistd\.h)>"),
    "threads": re.compile(r"^<(thread|mutex|atomic|future|omp\.h|condition_variable)>"),
}
# what a file does without any include that tells
TEXT = {
    "files": re.compile(r"\b(fopen|freopen|popen)\s*\("),
    "launches": re.compile(r"\bparallel_(for|reduce|scan)\b"),
    "allocation": re.compile(r"\b(malloc|calloc|make_unique|make_shared)\b|\bnew [A-Za-z]|\.(resize|push_back)\("),
    "Torch": re.compile(r"^\s*using namespace (torch|at|c10)\b"),
}
GENERATED = '"backmap_style_headers.h"'


def tables():
    """The two csv-tables of the page: rows of folders and rows of single files."""
    found = []
    lines = PAGE.read_text().splitlines()
    for number, line in enumerate(lines):
        if line.startswith(".. csv-table::"):
            rows = []
            for row in lines[number + 1 :]:
                if row and not row.startswith(" "):
                    break
                if row.strip().startswith('"'):
                    rows.append(row.strip())
            found.append(list(csv.reader(rows, skipinitialspace=True)))
    if len(found) != 2:
        sys.exit(f"{PAGE}: expected two csv-tables (folders, single files), got {len(found)}")
    return found


def words(cell):
    return [w.strip("` ") for w in cell.split(",") if w.strip("` -")]


def includes(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*([<"][^>"]+[>"])', line)
        if m:
            yield number, m.group(1)


def closure(path, seen, via=()):
    """Every include of a file and of our headers below it: (the way there, include as written)."""
    for number, name in includes(path):
        way = via + (f"{path.relative_to(SRC)}:{number}",)
        yield way, name
        inner = SRC / name[1:-1]
        if name[0] == '"' and inner.exists() and inner not in seen:
            seen.add(inner)
            yield from closure(inner, seen, way)


def kind(name):
    for what, pattern in KINDS.items():
        if pattern.search(name):
            return what
    if name[0] == '"' and name != GENERATED and not (SRC / name[1:-1]).exists():
        return "LAMMPS"
    return None


def code_lines(path):
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield number, re.sub(r"//.*|^ *\*.*|/\*.*", "", line)


def check_table(folders, breaches):
    """The table itself: every folder has a row and a page of at most five lines, includes point up the table."""
    names = [row[0] for row in folders]
    there = sorted(p.name for p in SRC.iterdir() if p.is_dir())
    for folder in set(there) ^ set(names) - {STYLES}:
        if folder != STYLES:
            breaches.append(f"{folder}: a folder and a row of {PAGE.name}, expected both, got one of them")
    for place, row in enumerate(folders):
        for other in words(row[2]):
            if other not in names[:place]:
                breaches.append(f"{PAGE.name}: {row[0]} may include {other}, which does not stand above it")
    for folder in there:
        page = SRC / folder / "README.md"
        lines = page.read_text().splitlines() if page.exists() else []
        if not 1 <= len(lines) <= 5:
            breaches.append(f"{folder}/README.md: expected 1 to 5 lines, got {len(lines)}")


def main():
    folders, files = tables()
    breaches = []
    check_table(folders, breaches)
    may_include = {row[0]: set(words(row[2])) | {row[0]} for row in folders}
    may_know = {row[0]: set(words(row[3])) for row in folders}
    must_not = {row[0].strip("`"): set(words(row[1])) for row in files}
    for name in must_not:
        if not list(SRC.glob(name + ".*")):
            breaches.append(f"{PAGE.name}: no file {name}")

    checked = 0
    for path in sorted(p for p in SRC.rglob("*") if p.suffix in (".h", ".cpp")):
        checked += 1
        where = path.relative_to(SRC)
        folder = where.parts[0] if len(where.parts) > 1 else STYLES
        if folder not in may_know:
            continue
        known = may_know[folder]
        forbidden = must_not.get(str(where.with_suffix("")), set())
        for _, name in includes(path):
            inner = SRC / name[1:-1]
            if name[0] == '"' and inner.exists():
                other = Path(name[1:-1]).parts[0] if "/" in name else STYLES
                if other not in may_include[folder]:
                    breaches.append(f"{where}: {folder} must not include {other}, but {name} is included")
        for way, name in closure(path, {path}):
            what = kind(name)
            # LAMMPS's own headers include MPI; who knows LAMMPS knows it
            if what and (what not in known or what in forbidden):
                breaches.append(f"{' -> '.join(way)}: {where} must not know {what}, but {name} is included")
        for number, line in code_lines(path):
            for what, pattern in TEXT.items():
                if pattern.search(line) and (what in forbidden or what in KINDS and what not in known):
                    breaches.append(f"{where}:{number}: must not know {what}: {line.strip()}")
    for breach in breaches:
        print(breach)
    print(f"{checked} files checked, {len(breaches)} breaches")
    return 1 if breaches or not checked else 0


if __name__ == "__main__":
    sys.exit(main())

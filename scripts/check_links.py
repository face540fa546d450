#!/usr/bin/env python3
"""Links and names of files in README files (.md) and the manual (.rst) lead to something that exists.

Usage: check_links.py FILE...       exits 1 and names every dead link

Checked are relative links and images, :doc: references, entries of a toctree, and paths in backquotes that begin with
one of the top folders of the repository. Addresses on the web are not.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

MD_LINK = re.compile(r"\]\(([^)\s]+)\)")
RST_LINK = re.compile(r"`[^`<]*<([^>`]+)>`_|^\s*\.\. (?:image|figure|literalinclude|include):: (\S+)")
RST_DOC = re.compile(r":doc:`(?:[^`<]*<)?([^`>]+)>?`")
TOC_ENTRY = re.compile(r"^\s+([A-Za-z_]\w*)\s*$")
PATH = re.compile(r"`+((?:\.ci|benchmarks|cmake|doc|examples|potentials|scripts|src|unittest)/[\w./-]+)`+")


def is_page(folder, name):
    return (ROOT / "doc" / "src" if name.startswith("/") else folder).joinpath(name.lstrip("/") + ".rst").exists()


def dead_links(path):
    """(line, target) of everything in one file that leads nowhere, and how many links there are."""
    dead, count, in_toctree = [], 0, False
    for number, line in enumerate(path.read_text().splitlines(), 1):
        targets = [(name, ROOT / name) for name in PATH.findall(line)]
        pages = []
        if path.suffix == ".md":
            targets += [(name, path.parent / name.split("#")[0]) for name in MD_LINK.findall(line)]
        else:
            links = [a or b for a, b in RST_LINK.findall(line)]
            targets += [(name, path.parent / name) for name in links]
            pages = RST_DOC.findall(line)
            if line.strip():
                in_toctree = ".. toctree::" in line or (in_toctree and line.startswith(" "))
            if in_toctree and TOC_ENTRY.match(line):
                pages.append(line.strip())
        targets = [(name, to) for name, to in targets if not re.match(r"\w+:|#", name)]
        count += len(targets) + len(pages)
        dead += [(number, name) for name, to in targets if not to.exists()]
        dead += [(number, name) for name in pages if not is_page(path.parent, name)]
    return dead, count


def main(names):
    links = wrong = 0
    for name in names:
        dead, count = dead_links(Path(name).resolve())
        links += count
        wrong += len(dead)
        for line, target in dead:
            print(f"{name}:{line}: {target} does not exist")
    if not links:
        print("no link found: nothing was checked")
    return 1 if wrong or not links else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

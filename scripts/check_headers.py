#!/usr/bin/env python3
"""Every C++ file of ours begins with the same header.

Usage: check_headers.py [--fix] FILE...     exits 1 and names every file without it; --fix writes it
"""

import re
import sys
from pathlib import Path

TEXT = """\
   BACKMAP: all-atom structures and observables from coarse-grained runs

   This software is distributed under the GNU General Public License.
------------------------------------------------------------------------- */

"""
RULE = "-" * 74
# the first line of a .h tells editors that it is C++
FIRST = {".cpp": f"/* {RULE[4:]}\n", ".h": f"/* -*- c++ -*- {RULE[16:]}\n"}
# what --fix takes the place of: a box at the top that names a project
BOX = re.compile(r"\A/\*[^\n]*---\n   (BACKMAP|LAMMPS)\b.*?\*/\n\n?", re.DOTALL)


def main(arguments):
    fix = "--fix" in arguments
    files = [Path(name) for name in arguments if name != "--fix"]
    wrong = 0
    for path in files:
        header = FIRST[path.suffix] + TEXT
        text = path.read_text()
        if text.startswith(header):
            continue
        if fix:
            path.write_text(header + BOX.sub("", text, count=1).lstrip("\n"))
        else:
            wrong += 1
            print(f"{path}:1: header differs from that of scripts/check_headers.py (--fix writes it)")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

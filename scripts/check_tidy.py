#!/usr/bin/env python3
"""clang-tidy over our files of one build, several at a time; what it said is kept, file by file.

Usage: check_tidy.py [--jobs N] [--kept FOLDER] [--all] compile_commands.json
       exits 1 and prints the findings

Files that show the headers of LibTorch are left out: each takes half a minute (--all takes them in). A file is looked
at again when it, a header of ours that it includes, its compile command, .clang-tidy or clang-tidy has changed.
"""

import argparse
import hashlib
import json
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = [ROOT / name for name in ("src/BACKMAP", "unittest", "benchmarks", "python", "examples")]
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)
# flags that clang does not know, or that only make it slower
DROP = re.compile(r"-Werror|-Wshadow=local|-march=native|-O[0-9]|-DNDEBUG")


def texts(path, seen):
    """A file's text and that of every header of ours below it."""
    if path in seen:
        return
    text = path.read_text()
    seen[path] = text
    for _, name in INCLUDE.findall(text):
        for folder in [path.parent, *OURS]:
            if (folder / name).exists():
                texts((folder / name).resolve(), seen)
                break


def command_of(entry):
    """The compile command for clang: without the flags that it does not know, and without a launcher such as ccache."""
    words = [word for word in shlex.split(entry["command"]) if not DROP.fullmatch(word)]
    start = next(i for i, word in enumerate(words) if word.startswith("-"))
    return words[start:] + ["-std=c++17"]    # GCC's default, not clang's


def tidy(entry, texts_of, kept, version):
    path = Path(entry["file"])
    config = (ROOT / ".clang-tidy").read_text()
    key = "\0".join([version, config, str(path), *command_of(entry), *texts_of.values()])
    answer = kept / hashlib.sha256(key.encode()).hexdigest()[:24]
    if answer.exists():
        return answer.read_text()
    done = subprocess.run(
        ["clang-tidy", "--quiet", f"--config-file={ROOT / '.clang-tidy'}", str(path), "--", *command_of(entry)],
        cwd=entry["directory"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    # the summary line on standard error ("12 warnings generated") counts what the filters then drop
    said = done.stdout.replace(f"{ROOT}/", "")
    if done.returncode and not said:
        said = f"{path}: clang-tidy failed: {done.stderr.strip()}\n"
    answer.write_text(said)
    return said


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--kept", type=Path, default=ROOT / "build" / "check" / "tidy")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("commands", type=Path)
    options = parser.parse_args()
    options.kept.mkdir(parents=True, exist_ok=True)
    version = subprocess.run(["clang-tidy", "--version"], capture_output=True, text=True).stdout

    work, left_out = {}, 0
    for entry in json.loads(options.commands.read_text()):
        path = Path(entry["file"])
        if not any(folder in path.parents for folder in OURS):
            continue
        seen = {}
        texts(path, seen)
        if not options.all and any(re.search(r"^#include <torch/", text, re.MULTILINE) for text in seen.values()):
            left_out += 1
            continue
        work[path] = (entry, seen)
    with ThreadPoolExecutor(options.jobs) as pool:
        said = list(pool.map(lambda item: tidy(*item, options.kept, version), work.values()))
    # a finding in a header comes once for each file that includes it
    findings = sorted({block.rstrip() for text in said for block in re.split(r"\n(?=\S+:\d+:\d+: (?:warning|error))", text)
                       if block.strip()})
    print("\n".join(findings), end="\n" if findings else "")
    print(f"{len(work)} files checked, {left_out} with LibTorch's headers left out, {len(findings)} findings")
    return 1 if findings or not work else 0


if __name__ == "__main__":
    sys.exit(main())

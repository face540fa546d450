#!/usr/bin/env python3
"""The messages that the page "What can go wrong" quotes are those of the sources.

usage: quoted_messages.py SOURCE
"""
import glob
import re
import sys

source = sys.argv[1]
with open(source + '/doc/src/Howto_backmap_problems.rst') as f:
    page = f.read()
code = ''
for name in glob.glob(source + '/src/BACKMAP/**/*.cpp', recursive=True):
    with open(name) as f:
        code += f.read() + '\n'
code = re.sub(r'"\s*\n\s*"', '', code)                          # one literal over several lines
code = re.sub(r'%[-+.0-9]*(?:l{0,2})[dfgsu]|\{\}|%z+u', '<>', code)     # what is filled in
code = code.replace('%%', '%')

quoted = re.findall(r'code-block:: none\n\n((?:[ ]{3,}.*\n)+)', page)
parts = [part.strip() for q in quoted for part in re.split(r'<[.]{3}>', ' '.join(q.split()))]
parts = [p for p in parts if len(p) > 12]
missing = [p for p in parts if p not in code]
if len(quoted) != 10 or len(parts) < 15:
    sys.exit('FAILED: expected ten messages with their parts, got %d with %d' % (len(quoted), len(parts)))
for p in missing:
    print('FAILED: no source has: %s' % p)
sys.exit(bool(missing))

"""draw.py MODEL BEADS SAMPLES: the same as draw.cpp, and the same numbers, with the Python module."""

import sys

import backmap
import numpy as np

model, beads, samples = sys.argv[1:]
flow = backmap.Flow(model, precision="double")
z = np.loadtxt(beads)[None]
x, drawn = flow.sample(z, int(samples), seed=4711)
for a, b in zip(drawn[0], flow.log_prob(x)[0]):
    print("%.17g %.17g" % (a, b))

#!/usr/bin/env bash
# jaxlib 0.10.2, XLA on CPU: a quotient by a broadcast number is a product with its reciprocal.
#
# Expected: x / y is the rounded quotient, as IEEE 754 and NumPy have it: x / x is 1.
# Instead: where y is broadcast (a scalar, or an axis of size 1), XLA computes 1 / y once and
#   multiplies, with jit and without. Of the whole numbers up to 1,000, 135 have x / x below 1, and
#   above 2^126 the reciprocal is subnormal and taken for 0, so that x / x is 0. The quotient of two
#   arrays of one shape is right, so the same line gives another result where the broadcast stands
#   outside of jit.
# Seen on 2026-11-29:
#   jaxlib 0.10.2
#   [41, 82, 123] / 41 = [0.99999994 1.9999999  3.        ]  NumPy: [1. 2. 3.]
#   floor of it = [0. 1. 3.]  NumPy: [1. 2. 3.]
#   whole numbers n up to 1,000 with [n, n] / n < 1: 135
#   [1e38, 1e38, 1e38] / 1e38 = [0. 0. 0.]  NumPy: [1. 1. 1.]
#   the broadcast apart from the quotient: [1. 1. 1.]
#   both in one jit:                       [0. 0. 0.]
# Why it matters: a maximum divided by itself is not 1, shares do not add up; floor(x / width) puts
#   numbers into the bin below; huge gradients divided by their norm become 0. A reference in NumPy
#   disagrees in the last digit without a reason to be found in the code.
# Remedy: `jnp.floor_divide` for bins; compare with a tolerance; divide numbers that may be huge by
#   a power of two first.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu venv/bin/python - <<'PYTHON'
import sys

import jax
import jax.numpy as jnp
import numpy as np


def divide(x, y):
    return x / jnp.broadcast_to(y, x.shape)


x = np.array([41, 82, 123], np.float32)
huge = np.full(3, 1e38, np.float32)
shares = jnp.asarray(x) / 41
bins = jnp.floor(shares)
vanished = jnp.asarray(huge) / huge[0]
below = sum(float((jnp.full(2, n, float) / n)[0]) < 1 for n in range(1, 1001))
print("jaxlib", jax.lib.__version__)
print("[41, 82, 123] / 41 =", shares, " NumPy:", x / np.float32(41))
print("floor of it =", bins, " NumPy:", np.floor(x / np.float32(41)))
print("whole numbers n up to 1,000 with [n, n] / n < 1:", below)
print("[1e38, 1e38, 1e38] / 1e38 =", vanished, " NumPy:", huge / huge[0])
print("the broadcast apart from the quotient:", divide(jnp.asarray(huge), huge[0]))
print("both in one jit:                      ", jax.jit(divide)(jnp.asarray(huge), huge[0]))
if shares[0] == 1 or vanished[0] == 1:
    sys.exit("no longer so")
PYTHON

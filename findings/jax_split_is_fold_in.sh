#!/usr/bin/env bash
# jax 0.10.2: `split(key, n)[i]` is `fold_in(key, i)`.
#
# Expected: the keys that `split` makes and those that `fold_in` makes from one key differ.
# Instead: with the default generator (threefry, partitionable) they are the same keys. The checker
#   of keys used twice, `jax_debug_key_reuse`, refuses a second split, but not a fold_in after one.
# Seen on 2026-11-29:
#   jax 0.10.2 with threefry2x32
#   normal(split(key, 5)[3])   = -0.6219436
#   normal(fold_in(key, 3))    = -0.6219436
#   and all keys of split(key, n) for n = 1, 2, 16
# Why it matters: a train loop folds the step into the state's key, and something else (evaluation,
#   an ensemble, the order of data) splits that key: member i then draws the noise of step i. Draws
#   that a statistic takes to be independent are the same draws.
# Remedy: per key either split or fold_in, never both; for another purpose fold in a number that no
#   count reaches, such as a hash of its name.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
JAX_PLATFORMS=cpu venv/bin/python - <<'PYTHON'
import sys

import jax

jax.config.update("jax_debug_key_reuse", True)
key = jax.random.key(0)
member = jax.random.normal(jax.random.split(key, 5)[3])
step = jax.random.normal(jax.random.fold_in(key, 3))
print("jax", jax.__version__, "with", jax.random.key_impl(key))
print("normal(split(key, 5)[3])   =", member)
print("normal(fold_in(key, 3))    =", step)
jax.config.update("jax_debug_key_reuse", False)
for count in (1, 2, 16):
    keys = jax.random.split(key, count)
    for i in range(count):
        if (keys[i] != jax.random.fold_in(key, i)).any():
            sys.exit("no longer so")
if member != step:
    sys.exit("no longer so")
print("and all keys of split(key, n) for n = 1, 2, 16")
PYTHON

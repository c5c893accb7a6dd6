#!/usr/bin/env bash
# jax 0.10.2, CPU: cost_analysis of a program with a loop has the operations of one turn.
#
# Expected: the operations of a call, or None where the number of turns is not known. That of a scan
#   is a constant of the program; XLA itself notes it beside the loop (known_trip_count).
# Instead: "flops" is that of the body once, before and after compilation alike, without a word. What
#   is derived from it (utilization, energy) is too low by the number of turns: of a recurrent
#   network by its steps in time, of a stack of layers under scan by its depth.
# Seen on 2026-12-01:
#   turns  of the lowered  of the compiled  multiplied and added
#       1          524290           524290                524288
#      10          524290           524290               5242880
#     100          524290           524290              52428800
#   known_trip_count of the loop of 100 turns: 100
# Remedy: count the products of the jaxpr, times the length of each scan around them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
cat > program.py <<'PYTHON'
import re
import sys

import jax
import jax.numpy as jnp

N = 64
x = jnp.ones((N, N))
found = []
print("turns  of the lowered  of the compiled  multiplied and added")
for turns in (1, 10, 100):
    lowered = jax.jit(
        lambda x, w, turns=turns: jax.lax.scan(lambda x, _: (x @ w, None), x, length=turns)[0]
    ).lower(x, x)
    compiled = lowered.compile()
    before, after = (int(each.cost_analysis()["flops"]) for each in (lowered, compiled))
    print(f"{turns:5} {before:15} {after:16} {turns * 2 * N**3:21}")
    found.append((before, after))
noted = re.search(r'known_trip_count":\{"n":"(\d+)"', compiled.as_text())
print("known_trip_count of the loop of 100 turns:", noted and noted.group(1))
# A few operations of the loop's counter are no products.
once = all(abs(each - 2 * N**3) < 0.01 * 2 * N**3 for pair in found for each in pair)
sys.exit(not (once and noted and noted.group(1) == "100"))
PYTHON
JAX_PLATFORMS=cpu venv/bin/python program.py

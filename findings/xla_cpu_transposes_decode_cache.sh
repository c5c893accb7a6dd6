#!/usr/bin/env bash
# jaxlib 0.10.2, CPU: decoding with a cache of keys and values [B, L, H, D], the layout of
# jax.nn.dot_product_attention, transposes the whole cache at every token.
#
# Expected: the cache of a compiled loop has whatever layout its products read fastest, or is read
#   as it lies; a token costs one reading of the cache.
# Instead: the loop keeps the order of axes that the program names, and its body copies keys and
#   values of every sequence into [B, H, D, L] before each product. Told as [B, H, L, D] the same
#   numbers are read as they lie, and a token of eight sequences of 1,024 places costs a tenth.
#   (Of a single sequence both orders are copied.)
# Seen on 2026-11-30 (the microseconds are those of one machine of two cores):
#   [B, L, H, D]: 2 transposes of a whole cache at every token, 2405 us a token
#   [B, H, L, D]: 0 transposes of a whole cache at every token, 250 us a token
#   largest difference of the results 5.3e-06
# Remedy: keep what a head reads together, heads before places.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
cat > program.py <<'PYTHON'
import re
import sys
import time

import jax
import jax.numpy as jnp
import numpy as np

B, L, H, D, TOKENS = 8, 1024, 4, 64, 64


def decode(heads_first, keys, values, x):
    axis = 1 if heads_first else 0
    order = "bhsd" if heads_first else "bshd"

    def put(cache, new, at):
        return jax.lax.dynamic_update_slice_in_dim(cache, jnp.expand_dims(new, axis), at, axis)

    def token(carry, _):
        keys, values, x, at = carry
        keys, values = (jax.vmap(put)(cache, x, at) for cache in (keys, values))
        scores = jnp.einsum(f"bhd,{order}->bhs", x, keys) / D**0.5
        seen = jnp.arange(L)[None, None] <= at[:, None, None]
        weights = jax.nn.softmax(jnp.where(seen, scores, -1e30), axis=-1)
        return (keys, values, jnp.einsum(f"bhs,{order}->bhd", weights, values), at + 1), None

    start = keys, values, x, jnp.full(B, 64)
    return jax.lax.scan(token, start, length=TOKENS)[0][2]


k, v = (np.random.default_rng(seed).normal(size=(B, L, H, D)).astype(np.float32) for seed in (0, 1))
x = np.random.default_rng(2).normal(size=(B, H, D)).astype(np.float32)
whole = sorted((B, L, H, D))
results, copies = [], []
for heads_first in (False, True):
    caches = [c.transpose(0, 2, 1, 3) if heads_first else c for c in (k, v)]
    program = jax.jit(decode, static_argnums=0).lower(heads_first, *caches, x).compile()
    fusions = re.findall(r"%\w*transpose[\w.]* = f32\[([\d,]+)\]\S* fusion\(", program.as_text())
    copies.append(sum(sorted(map(int, shape.split(","))) == whole for shape in fusions))
    caches = [jnp.asarray(c) for c in caches]
    results.append(np.asarray(program(*caches, x)))
    times = []
    for _ in range(5):
        began = time.perf_counter()
        jax.block_until_ready(program(*caches, x))
        times.append(1e6 * (time.perf_counter() - began) / TOKENS)
    name = "[B, H, L, D]" if heads_first else "[B, L, H, D]"
    print(f"{name}: {copies[-1]} transposes of a whole cache at every token,", end=" ")
    print(f"{sorted(times)[2]:.0f} us a token")
print(f"largest difference of the results {abs(results[0] - results[1]).max():.1e}")
sys.exit(copies != [2, 0])
PYTHON
JAX_PLATFORMS=cpu venv/bin/python program.py

#!/usr/bin/env bash
# jax 0.10.2: random draws in bfloat16 come from 128 numbers, and their tails are missing.
#
# Expected: `jax.random.normal(key, shape, jnp.bfloat16)` is a normal draw rounded to bfloat16,
#   whose exponent reaches as far as float32's; `bernoulli(key, p)` and `categorical(key, logits)`
#   in bfloat16 are right but for the rounding of `p` and `logits` (0.4 %).
# Instead: the uniform number underneath has the 7 mantissa bits of the dtype, so it is one of 128
#   multiples of 1/128. A normal draw ends at −2.89 and 2.52, Bernoulli rounds p up to the next
#   128th, and `categorical` ties among many classes, where the first one wins.
# Seen on 2026-11-29, a million draws each (categorical over 50,000: 400):
#   jax 0.10.2
#   float32: normal from -4.65 to 4.52, mean 0.0002, 942524 values
#     bernoulli(0.001): share 0.00099
#     categorical of 0.9, 0.09, 0.009, 0.001: 0.899571, 0.090341, 0.009132, 0.000956
#     categorical of 50,000 equal words: highest 49524, mean 23676
#   bfloat16: normal from -2.89 to 2.52, mean -0.0121, 128 values
#     bernoulli(0.001): share 0.00771
#     categorical of 0.9, 0.09, 0.009, 0.001: 0.902476, 0.091444, 0.006021, 0.000059
#     categorical of 50,000 equal words: highest 917, mean 143
# Why it matters: noise (VAE, diffusion, GAN), weights initialized in bfloat16, masks drawn with a
#   bfloat16 probability and tokens sampled from bfloat16 logits are of another distribution: what
#   has probability 0.001 happens with 0.008, and a sampled text has no rare words.
# Remedy: draw in float32 and cast; `logits.astype(jnp.float32)` before `categorical`. `mode="high"`
#   mends Bernoulli and rare classes, but not ties among many.
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

DRAWS, WORDS = 1_000_000, 50_000
key = jax.random.key(0)
print("jax", jax.__version__)
for dtype in (jnp.float32, jnp.bfloat16):
    normal = np.asarray(jax.random.normal(key, (DRAWS,), dtype), np.float64)
    rare = float(jax.random.bernoulli(key, dtype(0.001), (DRAWS,)).mean(dtype=jnp.float32))
    logits = jnp.log(jnp.array([0.9, 0.09, 0.009, 0.001])).astype(dtype)
    classes = np.bincount(jax.random.categorical(key, logits, shape=(DRAWS,)), minlength=4) / DRAWS
    words = np.asarray(jax.random.categorical(key, jnp.zeros(WORDS, dtype), shape=(400,)))
    print(
        f"{dtype.__name__}: normal from {normal.min():.2f} to {normal.max():.2f}, mean "
        f"{normal.mean():.4f}, {len(np.unique(normal))} values"
    )
    print(f"  bernoulli(0.001): share {rare:.5f}")
    print(f"  categorical of 0.9, 0.09, 0.009, 0.001: {', '.join(f'{s:.6f}' for s in classes)}")
    print(f"  categorical of 50,000 equal words: highest {words.max()}, mean {words.mean():.0f}")
# What is left is bfloat16's.
so = np.abs(normal).max() < 3 and rare > 0.005 and classes[3] < 0.0002 and words.max() < WORDS / 2
if not so:
    sys.exit("no longer so")
PYTHON

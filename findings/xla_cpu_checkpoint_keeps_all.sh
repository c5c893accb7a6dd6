#!/usr/bin/env bash
# jaxlib 0.10.2 on CPU: `jax.checkpoint` saves no memory outside of loops.
#
# Expected: the gradient through 16 layers, of which groups of four are computed anew, needs less
#   memory than where all activations are kept.
# Instead: it needs as much. The lowered program has the barriers, the compiled one has none, so that
#   what is computed anew is computed early, beside what was to be dropped.
# Seen on 2026-11-29:
#   kept: 50.0 MiB, groups of four: 51.0 MiB, with 0 barriers
#   without cse_barrier_expander: 16.0 MiB, with 4 barriers
# Why it matters: on CPU recomputation costs its time for nothing, and a test of its memory there says
#   nothing of what a GPU needs.
# Remedy: `jax.jit(f, compiler_options={"xla_disable_hlo_passes": "cse_barrier_expander"})`, on CPU
#   only, or layers in a `lax.scan`.
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


def group(x, matrices):
    for matrix in matrices:
        h = jnp.tanh(x @ matrix)
        x = x + jnp.tanh(jnp.sin(h) * h) @ matrix
    return x


def gradient(group):
    def loss(matrices, x):
        for first in range(0, 16, 4):
            x = group(x, matrices[first : first + 4])
        return (x**2).sum()

    return jax.jit(jax.grad(loss)).lower([0.1 * jnp.eye(64)] * 16, jnp.ones((4096, 64)))


def needs(lowered, **options):
    compiled = lowered.compile(options)
    mib = compiled.memory_analysis().temp_size_in_bytes / 2**20
    return mib, compiled.as_text().count("opt-barrier(")


kept, _ = needs(gradient(group))
anew, barriers = needs(gradient(jax.checkpoint(group)))
print(f"kept: {kept:.1f} MiB, groups of four: {anew:.1f} MiB, with {barriers} barriers")
told, barriers = needs(
    gradient(jax.checkpoint(group)), xla_disable_hlo_passes="cse_barrier_expander"
)
print(f"without cse_barrier_expander: {told:.1f} MiB, with {barriers} barriers")
if not (anew > 0.95 * kept and told < 0.5 * kept):
    sys.exit("no longer so")
PYTHON

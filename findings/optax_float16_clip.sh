#!/usr/bin/env bash
# optax 0.2.8: clipping by the global norm sets float16 gradients to 0.
#
# Expected: `clip_by_global_norm(1.0)` of four gradients of 300 in float16 gives a norm of 1 (four
#   times 0.5); the norm itself, 600, is well within float16.
# Instead: the squares are taken and summed in float16, where 300 squared is infinite. The norm is
#   infinite, and a gradient over infinity is 0. Small gradients have the norm 0 likewise.
# Seen on 2026-11-29:
#   optax 0.2.8
#   float32: norm of four 300s 600.0, clipped to 1 [0.5 0.5 0.5 0.5], norm of four 0.0001s
#     0.00019999999494757503
#   bfloat16: norm of four 300s 600.0, clipped to 1 [0.5 0.5 0.5 0.5], norm of four 0.0001s
#     0.0002002716064453125
#   float16: norm of four 300s inf, clipped to 1 [0. 0. 0. 0.], norm of four 0.0001s 0.0
# Why it matters: clipping is there for large gradients, and of all steps it is those that are left
#   out, in silence: no NaN, a loss that stands still. With loss scaling gradients are always large.
# Remedy: cast gradients to float32 before any norm, clip after unscaling.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 optax==0.2.8
JAX_PLATFORMS=cpu venv/bin/python - <<'PYTHON'
import sys

import jax.numpy as jnp
import optax

clip = optax.clip_by_global_norm(1.0)
print("optax", optax.__version__)
for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
    grads = jnp.full(4, 300, dtype)
    clipped, _ = clip.update(grads, clip.init(grads))
    small = optax.tree.norm(jnp.full(4, 1e-4, dtype))
    print(
        f"{dtype.__name__}: norm of four 300s {optax.tree.norm(grads)}, clipped to 1 {clipped}, "
        f"norm of four 0.0001s {small}"
    )
# What is left is float16's.
if clipped.any():
    sys.exit("no longer so")
PYTHON

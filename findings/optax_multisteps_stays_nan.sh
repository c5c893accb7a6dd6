#!/usr/bin/env bash
# optax 0.2.8: one infinite gradient ends the training within MultiSteps, whatever is inside of it.
#
# Expected: `MultiSteps(apply_if_finite(sgd(1.0), 100), 2)` leaves out the update of the two gradients
#   of which one is infinite, as `apply_if_finite` does by itself, and goes on with the next two.
# Instead: the sum of gradients is emptied by a product with 0, and infinity times 0 is NaN. It stays
#   in the sum, every later update is left out as not finite, and the loss stands still, in silence.
# Seen on 2026-11-30, gradients 1, inf, then 1s; the parameter after each:
#   optax 0.2.8
#   apply_if_finite inside of MultiSteps: 0 0 0 0 0 0, the sum is nan
#   apply_if_finite alone, every second step: 0 -1 -2
# Why it matters: with loss scaling in float16 such gradients are expected, now and then, and
#   accumulation is used with it for the same reason: little memory.
# Remedy: `MultiSteps(..., should_skip_update_fn=optax.skip_not_finite)`, which looks at each gradient
#   before it is added.
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

print("optax", optax.__version__)


def course(tx, gradients):
    w = jnp.float32(0)
    state, seen = tx.init(w), []
    for gradient in gradients:
        update, state = tx.update(jnp.float32(gradient), state, w)
        w = optax.apply_updates(w, update)
        seen.append(f"{float(w):g}")
    return seen, state


careful = optax.apply_if_finite(optax.sgd(1.0), 100)
seen, state = course(optax.MultiSteps(careful, 2), [1, jnp.inf, 1, 1, 1, 1])
print("apply_if_finite inside of MultiSteps:", *seen, end=f", the sum is {state.acc_grads}\n")
alone, _ = course(careful, [jnp.inf, 1, 1])
print("apply_if_finite alone, every second step:", *alone)
if seen[-1] != "0":
    sys.exit("no longer so")
PYTHON

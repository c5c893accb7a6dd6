#!/usr/bin/env bash
# optax 0.2.8: whether a gradient of None beside an array parameter passes depends on the optimizer.
#
# Expected: None, which is how a frozen or unused parameter has no gradient, is either refused by
#   all transformations or passed on by all of them.
# Instead: some pass it on, most raise, with an error about the structure of trees that names no
#   gradient. `apply_updates` then raises for those that passed it on.
# Seen on 2026-11-29:
#   optax 0.2.8
#   passes it on: sgd, rmsprop, adamax, radam, adabelief, clip_by_global_norm, add_decayed_weights
#   raises: adam, adamw, nadam, amsgrad, adagrad, adadelta, adafactor, lamb, lars, lion, novograd,
#     yogi, sm3, fromage, adaptive_grad_clip, MultiSteps(sgd), apply_updates
# Why it matters: a comparison that applies updates by itself runs with sgd and rmsprop and breaks
#   with adam, and clipping in front does not show it. One cannot build on either behaviour.
# Remedy: None on both sides, parameters and gradients, or zeros for None. `optax.masked` does not
#   help: the None passes, and `apply_updates` raises.
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

NAMES = (
    "sgd rmsprop adamax radam adabelief adam adamw nadam amsgrad adagrad adadelta adafactor "
    "lamb lars lion novograd yogi sm3 fromage"
).split()
transformations = {name: getattr(optax, name)(0.1) for name in NAMES}
transformations["clip_by_global_norm"] = optax.clip_by_global_norm(1.0)
transformations["add_decayed_weights"] = optax.add_decayed_weights(0.1)
transformations["adaptive_grad_clip"] = optax.adaptive_grad_clip(0.1)
transformations["MultiSteps(sgd)"] = optax.MultiSteps(optax.sgd(0.1), 2)
params = {"trained": jnp.ones(3), "frozen": jnp.ones(2)}
grads = {"trained": jnp.ones(3), "frozen": None}

outcome = {"passes it on": [], "raises": []}
for name, transformation in transformations.items():
    try:
        transformation.update(grads, transformation.init(params), params)
    except (TypeError, ValueError):
        outcome["raises"].append(name)
    else:
        outcome["passes it on"].append(name)
try:
    optax.apply_updates(params, grads)
except TypeError:
    outcome["raises"].append("apply_updates")
else:
    outcome["passes it on"].append("apply_updates")
print("optax", optax.__version__)
for what, names in outcome.items():
    print(f"{what}: {', '.join(names)}")
if not all(outcome.values()):
    sys.exit("no longer so")
PYTHON

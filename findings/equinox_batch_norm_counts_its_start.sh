#!/usr/bin/env bash
# equinox 0.13.8: batch norm's running variance starts at 1 and is then corrected as if at 0.
#
# Expected: `BatchNorm(mode="batch")` keeps running statistics as other packages do, as its page
#   says: in inference, after n steps, a channel of standard deviation 0.1 comes out as it does of
#   flax, nearer to 1 the larger n is.
# Instead: the running variance begins at 1, as flax's, and at inference is divided by
#   1 - momentum**n, which is right for averages that begin at 0. After the first step the variance
#   is taken to be a hundred times what the running average holds, 9,900 times the data's; by step
#   300 the two agree. Data of variance 1 show nothing.
# Seen on 2026-11-30, momentum 0.99 (the default), inference's standard deviation, 1 is right:
#   equinox 0.13.8, flax 0.12.8
#   step 1: equinox 0.010, flax 0.101
#   step 100: equinox 0.132, flax 0.165
#   step 300: equinox 0.406, flax 0.416
#   step 1000: equinox 0.997, flax 0.997
# Why it matters: short trainings and evaluations early in a training are of a network that was never
#   trained; whoever compares libraries, or carries weights between them, sees other numbers.
# Remedy: `mode="ema"`, or many steps before the first evaluation.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check \
  jax==0.10.2 jaxlib==0.10.2 equinox==0.13.8 flax==0.12.8
JAX_PLATFORMS=cpu venv/bin/python - <<'PYTHON'
import sys

import equinox as eqx
import flax
import flax.linen as nn
import jax

print(f"equinox {eqx.__version__}, flax {flax.__version__}")
x = 0.1 * jax.random.normal(jax.random.key(0), (4096, 1))
norm, state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(1, "batch", mode="batch")
other = nn.BatchNorm(momentum=0.99)
variables = other.init(jax.random.key(0), x, use_running_average=False)


@eqx.filter_jit
def apply(norm, state):
    return jax.vmap(norm, axis_name="batch", in_axes=(0, None), out_axes=(0, None))(x, state)


train = jax.jit(lambda v: other.apply(v, x, use_running_average=False, mutable=["batch_stats"])[1])
for step in range(1, 1001):
    _, state = apply(norm, state)
    variables = {**variables, **train(variables)}
    if step in (1, 100, 300, 1000):
        ours, _ = apply(eqx.nn.inference_mode(norm), state)
        theirs = other.apply(variables, x, use_running_average=True)
        print(f"step {step}: equinox {ours.std():.3f}, flax {theirs.std():.3f}")
        if step == 1 and ours.std() > 0.05:
            sys.exit("no longer so")
PYTHON

#!/usr/bin/env bash
# jaxlib 0.10.2, CPU: convolutions after a long loop on all devices are wrong.
#
# Expected: a convolution of small whole numbers in float32 is exact, whatever was computed before.
# Instead: with as many CPU devices as XLA's pool has workers (one device per core, as for a sweep or
#   data parallelism on CPU), a compiled loop of some thousand steps on every device leaves thousands
#   of values of the convolution that follows wrong, by as much as their own size. No error, no NaN;
#   the same program is right with one worker more, and in the next call until its loop has run long.
# Seen on 2026-11-29 (each device has 245,760 values; how many are wrong changes from run to run):
#   2 workers: wrong values by device [6116, 0]; largest error 374.0
#   3 workers: wrong values by device [0, 0]; largest error 0.0
# Likely cause (from the values and Eigen's source, not from a trace): each worker is busy with a
#   device's program, so nobody empties the workers' queues of small tasks; a full queue runs a task
#   at once inside another, which then packs over the block that it is about to multiply.
# Why it matters: gradients of convolutional networks trained in one compiled loop per core drift
#   apart between equal runs, and are wrong.
# Remedy: NPROC, from which XLA takes the size of the pool, at one more than the number of devices.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/python -m pip install --quiet --disable-pip-version-check jax==0.10.2 jaxlib==0.10.2
cat > program.py <<'PYTHON'
import os
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import AxisType, PartitionSpec

mesh = jax.make_mesh((2,), ("device",), axis_types=(AxisType.Auto,))
rng = np.random.default_rng(0)
x = rng.integers(-3, 4, (64, 60, 128)).astype(np.float32)
kernel = rng.integers(-3, 4, (5, 128, 64)).astype(np.float32)


def program(one, x, kernel):
    def body(_, z):
        return jnp.tanh(z * one[0]) + jnp.sin(z)

    z = jax.lax.fori_loop(0, 6000, body, jnp.ones((128, 512)))
    one = jnp.where(jnp.isnan(z).any(), 2.0, 1.0)
    convolved = jax.lax.conv_general_dilated(
        x * one, kernel, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC")
    )
    return convolved[None]


split, whole = PartitionSpec("device"), PartitionSpec()
spread = jax.shard_map(
    program, mesh=mesh, in_specs=(split, whole, whole), out_specs=split, check_vma=False
)
found = np.asarray(jax.jit(spread)(jnp.ones(2), x, kernel))
padded = np.pad(x, ((0, 0), (2, 2), (0, 0)))
right = sum(padded[:, a : a + 60] @ kernel[a] for a in range(5))
wrong = [int((each != right).sum()) for each in found]
print(f"{os.environ['NPROC']} workers: wrong values by device {wrong};", end=" ")
print("largest error", float(abs(found - right).max()))
sys.exit(any(wrong) != (os.environ["NPROC"] == "2"))
PYTHON
export JAX_PLATFORMS=cpu JAX_NUM_CPU_DEVICES=2
NPROC=2 venv/bin/python program.py
NPROC=3 venv/bin/python program.py

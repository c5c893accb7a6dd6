"""Seconds of the matrix products of one training step of the digits MLP, and of nothing else.

The limit of any program that trains it: the forward pass, the gradients of kernels, and those of
what goes into all layers but the first; on all cores at once, each for itself, in `lax.scan`.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from benchmarks import digits, harness
from jaxdl import sweep
from jaxdl.types import Array

WIDTHS = (64, *digits.HIDDEN, digits.CLASSES)
SIZES = [before * after for before, after in itertools.pairwise(WIDTHS)]
FLOPS = 2 * digits.BATCH * (3 * sum(SIZES) - SIZES[0])
STEPS = 5000

Kernels = tuple[Array, ...]


def products(kernels: Kernels, x: Array) -> Kernels:
    """The eight products; what would be gradients are the next step's kernels."""
    inputs = [x]
    for kernel in kernels:
        inputs.append(inputs[-1] @ kernel)
    *inputs, flow = inputs
    found = []
    for number in reversed(range(len(kernels))):
        found.append(inputs[number].T @ flow)
        if number:
            flow = flow @ kernels[number].T
    return tuple(reversed(found))


@functools.cache
def _compiled() -> tuple[jax.stages.Wrapped, Kernels, Array]:
    placement = sweep.place()
    cores = placement.mesh.size
    # Zeros stay zeros: anything else would overflow, and subnormal numbers are slow.
    kernels = tuple(jnp.zeros((cores, *shape)) for shape in itertools.pairwise(WIDTHS))
    x = jnp.zeros((cores, digits.BATCH, WIDTHS[0]))

    def steps(kernels: Kernels, x: Array) -> Kernels:
        first = tuple(kernel[0] for kernel in kernels)
        last = jax.lax.scan(lambda k, _: (products(k, x[0]), None), first, None, STEPS)[0]
        return tuple(kernel[None] for kernel in last)

    spec = PartitionSpec("trial")
    spread = jax.shard_map(
        steps, mesh=placement.mesh, in_specs=spec, out_specs=spec, check_vma=False
    )
    jitted = jax.jit(spread)
    jax.block_until_ready(jitted(kernels, x))
    return jitted, kernels, x


def seconds() -> float:
    """Of one step, when all is compiled."""
    jitted, kernels, x = _compiled()
    return harness.seconds(lambda: jax.block_until_ready(jitted(kernels, x))) / STEPS

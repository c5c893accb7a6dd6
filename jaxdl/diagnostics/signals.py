"""Signals and gradients through layers and steps, of functions that are no Flax model.

Pascanu, Mikolov & Bengio 2013, https://arxiv.org/abs/1211.5063 (gradients through time).
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from jaxdl import losses
from jaxdl.numerics import moderate, norm, root, wide
from jaxdl.similarity import unit
from jaxdl.types import Array, Batch, PyTree


def largest_singular_value(matrix: Array, iterations: int) -> Array:
    """σ_max of `[M, N]` by power iteration: v ← AᵀAv / |AᵀAv|, σ = |Av|.

    From below, with a relative error that falls as (σ₂ / σ₁)^(4 · iterations). In float32 at least.
    Its gradient is that of σ_max, u vᵀ of the vectors at hand, and 0 of zeros; v is held fixed, so
    that second derivatives are not those of σ_max.
    """
    (matrix,) = wide(matrix)
    matrix, factor = moderate(matrix, (0, 1))
    product = functools.partial(jnp.matmul, precision="highest")
    start = jax.random.normal(jax.random.key(0), matrix.shape[1:], matrix.dtype)

    def iterate(_: Array, v: Array) -> Array:
        return unit(product(matrix.T, unit(product(matrix, v))))

    v = jax.lax.stop_gradient(jax.lax.fori_loop(0, iterations, iterate, unit(start)))
    return root(jnp.square(product(matrix, v)).sum()) * factor[0, 0]


def gradient_norm_by_step(
    step: Callable[[PyTree, Any], PyTree],
    state: PyTree,
    inputs: PyTree,
    loss: Callable[[PyTree], Array],
) -> Array:
    """‖∂loss(s_T)/∂s_t‖ for t = 0 … T, `[T + 1]`, where s_t = step(s_{t−1}, input_t).

    state: s₀, an array or a tree of arrays (an LSTM's pair), whose norm is taken together.
    inputs: arrays `[T, ...]`. Through s_t = s_{t−1} W the norms are bounded by σ_max(W)^(T−t): they
    vanish if σ_max < 1, and can explode if it is above 1.
    """
    steps = len(jax.tree.leaves(inputs)[0])

    def final(nudges: PyTree) -> Array:
        def nudged(state: PyTree, at: tuple[PyTree, PyTree]) -> tuple[PyTree, None]:
            nudge, one = at
            return step(jax.tree.map(jnp.add, state, nudge), one), None

        before = jax.tree.map(lambda nudge: nudge[:-1], nudges)
        last, _ = jax.lax.scan(nudged, state, (before, inputs))
        return loss(jax.tree.map(lambda s, nudge: s + nudge[-1], last, nudges))

    nudges = jax.tree.map(lambda leaf: jnp.zeros((steps + 1, *leaf.shape), leaf.dtype), state)
    by_step = jax.grad(final)(nudges)
    rows = wide(*(leaf.reshape(steps + 1, -1) for leaf in jax.tree.leaves(by_step)))
    # Squares would overflow, or vanish, before the norm does.
    return norm(jnp.concatenate(rows, axis=1))


def signal_by_layer(
    activation: Callable[[Array], Array], kernels: PyTree, batch: Batch, flat: float = 0.1
) -> dict[str, Array]:
    """How far a signal gets in a deep MLP without biases: of each hidden layer, `[depth]` each.

    kernels: `first` `[D, width]`, `hidden` `[depth − 1, width, width]`, `last` `[width, classes]`.
    batch: `x` `[B, ...]`, `y` `[B]`, for the softmax cross-entropy.
    Returns `moment`, log2 of the second moment of the pre-activations; `gradient`, log2 of the norm
    of the kernel's gradient; `saturated`, the share of units and examples whose derivative is less
    than `flat` of its largest; `dead`, the share of units of which that is so for every example.
    """

    def layer(z: Array, kernel: Array) -> tuple[Array, Array]:
        z = activation(z) @ kernel
        return z, z

    def loss(kernels: PyTree) -> tuple[Array, Array]:
        first = batch["x"].reshape(len(batch["y"]), -1) @ kernels["first"]
        last, others = jax.lax.scan(layer, first, kernels["hidden"])
        logits = activation(last) @ kernels["last"]
        value = losses.softmax_cross_entropy(logits, batch["y"]).mean()
        return value, jnp.concatenate([first[None], others])

    def log2_square(x: Array) -> Array:
        # The sum itself may be too small for float32; nan where all is zero.
        largest = jnp.max(jnp.abs(x))
        scaled = x / jnp.where(largest > 0, largest, 1)
        size = 2 * jnp.log2(largest) + jnp.log2(jnp.sum(scaled**2))
        return jnp.where(largest > 0, size, jnp.nan)

    grads, z = jax.grad(loss, has_aux=True)(kernels)
    steepness = jax.vmap(jax.grad(activation))
    steepest = jnp.max(jnp.abs(steepness(jnp.linspace(-5.0, 5.0, 1001))))
    still = (jnp.abs(steepness(z.reshape(-1))) < flat * steepest).reshape(z.shape)
    first, others = log2_square(grads["first"]), jax.vmap(log2_square)(grads["hidden"])
    return {
        "moment": jax.vmap(log2_square)(z) - jnp.log2(z[0].size),
        "gradient": jnp.concatenate([first[None], others]) / 2,
        "saturated": still.mean(axis=(1, 2)),
        "dead": still.all(axis=1).mean(axis=1),
    }

"""The fused softmax cross-entropy against the logarithm of a softmax: value and gradient.

Each iteration of a `lax.scan` moves the logits against the gradient, so that none can be left out.
The reference is the faster of two ways to pick the label's probability: by index, or by a product
with one-hot targets.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import losses
from jaxdl.types import Array

REPEATS = 15
SHAPES = {(64, 10): 20_000, (128, 1000): 400}
"""Batch size and classes, and the iterations of one measurement."""


def by_index(logits: Array, labels: Array) -> Array:
    """−log softmax(z)_t, the probability picked by its index."""
    probabilities = jax.nn.softmax(logits)
    return -jnp.log(jnp.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0])


def by_one_hot(logits: Array, labels: Array) -> Array:
    """−Σ y·log softmax(z) with one-hot targets y."""
    targets = jax.nn.one_hot(labels, logits.shape[-1])
    return -jnp.sum(targets * jnp.log(jax.nn.softmax(logits)), axis=1)


NAIVE = {"by index": by_index, "by one-hot targets": by_one_hot}


def descent(
    loss: Callable[[Array, Array], Array], shape: tuple[int, int], iterations: int
) -> Callable[[], float]:
    """Measures microseconds of one iteration: the loss's value, its gradient, a step of descent."""
    logits = jax.random.normal(jax.random.key(0), shape)
    labels = jax.random.randint(jax.random.key(1), shape[:1], 0, shape[1])

    def mean(logits: Array, labels: Array) -> Array:
        return loss(logits, labels).mean()

    @jax.jit
    def run(logits: Array, labels: Array) -> tuple[Array, Array]:
        def body(logits: Array, _: None) -> tuple[Array, Array]:
            value, gradient = jax.value_and_grad(mean)(logits, labels)
            return logits - 0.1 * gradient, value

        return jax.lax.scan(body, logits, None, iterations)

    def call() -> tuple[Array, Array]:
        return jax.block_until_ready(run(logits, labels))

    call()
    return lambda: 1e6 * harness.seconds(call) / iterations


def measure(quick: bool) -> list[Row]:
    """One row a shape."""
    rows = []
    for shape, count in SHAPES.items():
        iterations = count // 10 if quick else count
        functions = [losses.softmax_cross_entropy, *NAIVE.values()]
        timers = [descent(function, shape, iterations) for function in functions]
        ours, *others = harness.alternate(3 if quick else REPEATS, *timers)
        name, best = min(zip(NAIVE, others, strict=True), key=lambda pair: pair[1].median)
        spreads = f"ours {harness.spread(ours)} µs, theirs {harness.spread(best)} µs"
        rows.append(
            Row(
                f"softmax cross-entropy [{shape[0]}, {shape[1]}], value and gradient",
                ours.median,
                best.median,
                f"log of softmax, {name}",
                "µs",
                best.median / ours.median,
                0.95,
                f"{iterations} iterations in lax.scan; {spreads}",
            )
        )
    return rows


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)

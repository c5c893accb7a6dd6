"""Examples of random teachers, drawn inside a compiled run and never seen twice."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.types import Array, Batch

FEATURES = ("zipf", "equal", "dense")
"""There or not, with frequencies 1/2j of feature j or all equal; or normal of the same size."""
COMMONEST, TEACHER = 0.5, 1.5


def logistic(size: int) -> Callable[[Array, Array, Array, int], Batch]:
    """`(key of the teacher, key of the batch, features, count) -> {"x": [B, D], "y": [B, 1]}`.

    y is 1 with the probability σ(x·w), w ~ N(0, 1.5²) of D = `size` numbers. features: a place in
    `FEATURES`, which may be traced; the mean square of x is the same in all.
    """
    zipf = COMMONEST / jnp.arange(1, size + 1)
    frequencies = jnp.stack([zipf, jnp.full(size, zipf.mean())])
    scale = jnp.sqrt(zipf.mean())

    def draw(trial: Array, batch: Array, features: Array, count: int) -> Batch:
        teacher = TEACHER * jax.random.normal(trial, (size,))
        x_key, y_key = jax.random.split(batch)
        shape = (count, size)

        def sparse() -> Array:
            there = jax.random.uniform(x_key, shape) < frequencies[None, jnp.minimum(features, 1)]
            return 1.0 * there

        x = jax.lax.cond(
            features == FEATURES.index("dense"),
            lambda: scale * jax.random.normal(x_key, shape),
            sparse,
        )
        y = jax.random.bernoulli(y_key, jax.nn.sigmoid(x @ teacher))
        return {"x": x, "y": y[:, None].astype(jnp.float32)}

    return draw

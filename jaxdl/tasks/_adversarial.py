"""Training on the worst inputs near the given ones (Goodfellow et al. 2015; Madry et al. 2018)."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from jaxdl.numerics import narrowed, wide
from jaxdl.tasks._examples import weights
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

Attack = Callable[[Task, PyTree, PyTree, Batch, Array], Array]
"""`(task, params, model_state, batch, key) -> x` of the shape of `batch["x"]`; `jaxdl.attacks`."""


def attacked(task: Task, attack: Attack) -> Task:
    """The task with its loss and metrics on attacked inputs: min_θ E max_δ L(θ, x + δ, y).

    The attack is made anew for the parameters at hand, as they are used after training; no gradient
    flows through its making.
    """

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        attack_key, key = jax.random.split(key)
        fixed = jax.lax.stop_gradient(params)
        x = jax.lax.stop_gradient(attack(task, fixed, model_state, batch, attack_key))
        return task.loss(params, model_state, {**batch, "x": x}, key, train=train)

    return task._replace(loss=loss)


def adversarial(task: Task, attack: Attack) -> Task:
    """The task trained on attacked inputs and evaluated on the given ones."""
    trained = attacked(task, attack)

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        chosen = trained if train else task
        return chosen.loss(params, model_state, batch, key, train=train)

    return task._replace(loss=loss)


def fgsm(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    batch: Batch,
    key: Array,
    *,
    eps: ArrayLike,
    low: ArrayLike = 0.0,
    high: ArrayLike = 1.0,
) -> Array:
    """x + ε·sign(∇ₓL), clipped: the fast gradient sign method.

    batch: its floats `x: [B, ...]` lie in [low, high], else ValueError, where they are known. An
    example of `mask` 0 is left as it is.
    """
    lowest, highest = _box(batch, eps, low, high)
    gradient = _input_gradient(task, params, model_state, batch, key)
    return jnp.clip(batch["x"] + eps * jnp.sign(gradient), lowest, highest)


def pgd(
    task: Task,
    params: PyTree,
    model_state: PyTree,
    batch: Batch,
    key: Array,
    *,
    eps: ArrayLike,
    steps: int,
    reach: ArrayLike = 2.5,
    low: ArrayLike = 0.0,
    high: ArrayLike = 1.0,
) -> Array:
    """x ← Π(x + α·sign(∇ₓL)), `steps` times from a random start: projected gradient ascent.

    Π clips to the box of what is allowed, in which the start is uniform; α = reach·ε / steps.
    batch: its floats `x: [B, ...]` lie in [low, high]. An example of `mask` 0 is left as it is.
    """
    lowest, highest = _box(batch, eps, low, high)
    start_key, key = jax.random.split(key)
    share = jax.random.uniform(start_key, lowest.shape, wide(lowest)[0].dtype)
    start = narrowed(lowest + share * (highest - lowest), lowest)
    start = jnp.clip(start, lowest, highest)

    def climb(x: Array, _: None) -> tuple[Array, None]:
        gradient = _input_gradient(task, params, model_state, {**batch, "x": x}, key)
        return jnp.clip(x + reach * eps / steps * jnp.sign(gradient), lowest, highest), None

    return jax.lax.scan(climb, start, length=steps)[0]


def _input_gradient(
    task: Task, params: PyTree, model_state: PyTree, batch: Batch, key: Array
) -> Array:
    def loss(x: Array) -> Array:
        return task.loss(params, model_state, {**batch, "x": x}, key, train=False)[0]

    return jax.grad(loss)(batch["x"])


def _box(batch: Batch, eps: ArrayLike, low: ArrayLike, high: ArrayLike) -> tuple[Array, Array]:
    """The smallest and the largest allowed value of each input; padding keeps its own."""
    x = jnp.asarray(batch["x"])
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise ValueError(f"x has dtype {x.dtype}: only floats have a gradient")
    of_examples = weights(batch)
    if not any(isinstance(value, jax.core.Tracer) for value in (x, low, high, of_examples)):
        real = x[of_examples > 0]
        if real.size and (real.min() < np.min(low) or real.max() > np.max(high)):
            raise ValueError(
                f"x lies in {real.min():.3g}..{real.max():.3g}, which is not within {low}..{high}"
            )
    # One float inward of x ± ε, since the sum may have been rounded outward.
    below = jnp.minimum(x, jnp.nextafter(x - eps, jnp.inf))
    above = jnp.maximum(x, jnp.nextafter(x + eps, -jnp.inf))
    lowest, highest = jnp.maximum(below, low), jnp.minimum(above, high)
    if "mask" not in batch:
        return lowest, highest
    real = batch["mask"].reshape(-1, *[1] * (x.ndim - 1)) > 0
    return jnp.where(real, lowest, x), jnp.where(real, highest, x)

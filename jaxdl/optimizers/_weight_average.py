"""Averages of the weights along training (Polyak & Juditsky 1992; Izmailov et al. 2018).

Put last in a chain, a transformation here follows the parameters after each update and leaves the
updates as they are; `average_params` reads the average out of the optimizer's state.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxdl.optimizers._averages import Scalar, accumulators, cast_like, ema
from jaxdl.types import Array, PyTree


class WeightAverageState(NamedTuple):
    """steps: done so far, int32; weight: sum of the weights in `average`, a biased average."""

    steps: Array
    weight: Array
    average: PyTree


def ema_of_weights(decay: Scalar) -> optax.GradientTransformation:
    """Follows θ̂_t = Σ_s β^{t−s} θ_s / Σ_s β^{t−s}, s = 1 … t: the bias-corrected average.

    decay: β in [0, 1), may be traced; 0 gives the parameters themselves. Averages are kept in
    float32 at least. Raises ValueError when `update` is called without `params`.
    """
    return _averaging(lambda steps: decay)


def mean_of_weights(start: Scalar = 0) -> optax.GradientTransformation:
    """Follows the plain mean of the parameters after each of the steps start + 1 … t.

    start: steps to be left out, may be traced; until then the average is the parameters themselves.
    Raises ValueError when `update` is called without `params`.
    """

    def decay(steps: Array) -> Array:
        taken = (steps - start).astype(jnp.float32)
        # A mean of n is 1 − 1/n of that of n − 1; before the start all of nothing is kept.
        return jnp.where(taken > 0, 1 - 1 / jnp.maximum(taken, 1), 1.0)

    return _averaging(decay)


def average_params(opt_state: PyTree, params: PyTree) -> PyTree:
    """The average within an optimizer's state, as `eval_params` of `train` and `sweep` take it.

    params: the present parameters; they give the dtypes, and the values while the average is empty.
    Raises ValueError unless the state holds exactly one average.
    """

    def is_average(node: object) -> bool:
        return isinstance(node, WeightAverageState)

    found = [node for node in jax.tree.leaves(opt_state, is_leaf=is_average) if is_average(node)]
    if len(found) != 1:
        raise ValueError(f"the optimizer's state holds {len(found)} averages of weights, not one")
    _, weight, average = found[0]
    weight = jnp.asarray(weight)

    def leaf(mean: Array, now: Array) -> Array:
        total = weight.astype(mean.dtype)
        return jnp.where(total > 0, mean / jnp.where(total > 0, total, 1), now.astype(mean.dtype))

    return cast_like(jax.tree.map(leaf, average, params), params)


def _averaging(decay: Callable[[Array], Scalar]) -> optax.GradientTransformation:
    """decay: `steps -> β` of the step that makes them so many, from 1."""

    def init(params: PyTree) -> WeightAverageState:
        return WeightAverageState(
            jnp.zeros((), jnp.int32), jnp.zeros((), jnp.float32), accumulators(params)
        )

    def update(
        updates: PyTree, state: WeightAverageState, params: PyTree | None = None
    ) -> tuple[PyTree, WeightAverageState]:
        if params is None:
            raise ValueError("an average of weights needs them: update(grads, state, params)")
        steps, beta = state.steps + 1, decay(state.steps + 1)
        average = ema(optax.apply_updates(params, updates), state.average, beta)
        return updates, WeightAverageState(steps, ema(1.0, state.weight, beta), average)

    return optax.GradientTransformation(init, update)

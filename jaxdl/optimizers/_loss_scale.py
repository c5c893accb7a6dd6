"""Loss scaling for models that compute in float16. Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740

Gradients below 6e-8 are 0 in float16. With the loss times S, and the gradients of the float32
parameters divided by S, they are what they were, and all between came through.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.types import Array, PyTree

LEAST, MOST = 1.0, 2.0**30
ERRORS = 100
"""Steps in a row that are left out for a gradient that is not finite."""


class LossScale(NamedTuple):
    """S, and for how many steps it has been right; what `train.step` looks for in a state."""

    scale: Array
    steps: Array


class LossScaleState(NamedTuple):
    loss_scale: LossScale
    inner: optax.ApplyIfFiniteState


def with_loss_scale(
    tx: optax.GradientTransformation, scale: ArrayLike = 2.0**15, patience: ArrayLike = 2000
) -> optax.GradientTransformationExtraArgs:
    """`tx` for a loss that `train.step` multiplies by S, whose gradients it divides by it again.

    A step whose gradients are not finite is left out, the state of `tx` stays, and S is halved;
    after `patience` steps without such it is doubled. S stays between 1 and 2³⁰; after 100 steps
    that were left out in a row the next one is not, so that what has diverged is seen to have.
    `optax.MultiSteps` belongs into `tx`: around it, it would keep what is not finite.
    scale: the first S, a power of two, so that nothing is rounded; may be traced, and so may
    patience. What is not trained by `train.step` has to be scaled by `tasks.scaled_loss`.
    """
    guarded = optax.apply_if_finite(tx, ERRORS)

    def init(params: PyTree) -> LossScaleState:
        first = LossScale(jnp.asarray(scale, jnp.float32), jnp.zeros((), jnp.int32))
        return LossScaleState(first, guarded.init(params))

    def update(
        updates: PyTree, state: LossScaleState, params: PyTree | None = None, **extra: Any
    ) -> tuple[PyTree, LossScaleState]:
        updates, inner = guarded.update(updates, state.inner, params, **extra)
        steps = jnp.where(inner.last_finite, state.loss_scale.steps + 1, 0)
        long = steps >= patience
        factor = jnp.where(inner.last_finite, jnp.where(long, 2.0, 1.0), 0.5)
        after = jnp.clip(state.loss_scale.scale * factor, LEAST, MOST)
        return updates, LossScaleState(LossScale(after, jnp.where(long, 0, steps)), inner)

    return optax.GradientTransformationExtraArgs(init, update)


def loss_scales(opt_state: PyTree) -> list[Array]:
    """Each S in the state of an optimizer. Raises ValueError for one within `optax.MultiSteps`."""
    for node in jax.tree.leaves(opt_state, is_leaf=_accumulates):
        if _accumulates(node) and loss_scales(node.inner_opt_state):
            raise ValueError(
                "with_loss_scale(optax.MultiSteps(...)), not the other way round: a gradient that "
                "is not finite stays in what MultiSteps adds up"
            )

    def is_one(node: object) -> bool:
        return isinstance(node, LossScale)

    leaves = jax.tree.leaves(opt_state, is_leaf=is_one)
    return [leaf.scale for leaf in leaves if is_one(leaf)]


def _accumulates(node: object) -> bool:
    return isinstance(node, optax.MultiStepsState)

"""The loss times S on the way back, for models that compute in float16. Micikevicius et al. 2018,
https://arxiv.org/abs/1710.03740
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.optimizers import loss_scales
from jaxdl.tasks._still import still
from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def scaled_loss(task: Task, scale: ArrayLike) -> Task:
    """The task with the same values, whose gradients in training pass through the model times S.

    They are divided by it again where they reach the parameters, in the dtype of these: float32.
    scale: S, a power of two, so that nothing is rounded; may be traced. It is constant here;
    `optimizers.with_loss_scale` finds one that is large, but not too large, and leaves out the
    steps where it was.
    """

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if not train:
            return task.loss(params, model_state, batch, key, train=False)
        factor = jnp.asarray(scale, jnp.float32)
        held = jax.tree.map(lambda leaf: _times_on_the_way_back(leaf, 1 / factor), params)
        value, aux = task.loss(held, model_state, batch, key, train=True)
        return _times_on_the_way_back(value, factor), aux

    return task._replace(loss=loss)


def trained(task: Task, opt_state: PyTree) -> Task:
    """The task as it is trained with this optimizer's state: what is frozen in it does not move,
    and its loss is scaled as it says."""
    for scale in loss_scales(opt_state):
        task = scaled_loss(task, scale)
    return still(task, opt_state)


@jax.custom_vjp
def _times_on_the_way_back(x: Array, factor: Array) -> Array:
    """x, whose gradient is multiplied."""
    return x


_times_on_the_way_back.defvjp(
    lambda x, factor: (x, factor),
    lambda factor, change: ((change * factor).astype(change.dtype), jnp.zeros_like(factor)),
)

"""Regression of real numbers, by squared error unless told otherwise."""

from collections.abc import Callable

from jaxdl import losses
from jaxdl.tasks._supervised import supervised
from jaxdl.tasks.networks import Model
from jaxdl.types import Array, PyTree, Task


def regression(
    model: Model,
    *,
    loss: Callable[..., Array] = losses.squared_error,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Task of a model whose outputs have the shape of the targets `y: [B, ...]`; reports `loss`.

    A model may give a pytree, such as `(states, outputs)`, where the loss takes its pick.

    Raises ValueError for outputs `[B, 1]` of targets `[B]`, or the other way round, whatever the
    loss is: their difference would be `[B, B]`.
    """

    def checked(outputs: PyTree, y: Array) -> Array:
        if not hasattr(outputs, "shape"):
            return loss(outputs, y)
        if outputs.shape == (*y.shape, 1):
            remedy = "give the targets as y[:, None], or let the model end with [..., 0]"
        elif y.shape == (*outputs.shape, 1):
            remedy = "give the targets as y[:, 0]"
        else:
            return loss(outputs, y)
        raise ValueError(
            f"the outputs have shape {outputs.shape}, the targets y {y.shape}: {remedy}"
        )

    return supervised(model, checked, None, penalty)

"""Regression of real numbers, by squared error unless told otherwise."""

from collections.abc import Callable

import flax.linen as nn

from jaxdl import losses
from jaxdl.tasks.supervised import supervised
from jaxdl.types import Array, PyTree, Task


def regression(
    model: nn.Module,
    *,
    loss: Callable[[Array, Array], Array] = losses.squared_error,
    penalty: Callable[[PyTree], Array] | None = None,
) -> Task:
    """Task of a model whose outputs have the shape of the targets `y: [B, ...]`; reports `loss`."""
    return supervised(model, loss, None, penalty)

"""Core interfaces: what is learned (`Task`) and what changes while learning."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax

Array = jax.Array
"""An array of JAX, traced or not."""
PyTree = Any
"""Nested dicts, lists and tuples of arrays, as `jax.tree` takes them."""
Batch = Mapping[str, Any]
"""Arrays by name, all with the same leading axis B. The optional `mask: [B]` weighs the examples:
0 is padding, 1 an ordinary example, any other non-negative number a sample weight."""
Metrics = Mapping[str, tuple[Array, Array]]
"""`{name: (sum, weight)}`: added over batches, divided once at the end."""


class Task(NamedTuple):
    """What is learned, as pure functions.

    init: `(key, batch) -> (params, model_state)`
    loss: `(params, model_state, batch, key, *, train) -> (scalar, (model_state, metrics))`; among
        the metrics is `loss`, whose weight is that of the batch
    predict: `(params, model_state, batch) -> outputs` (logits, say), as used after training
    combine: `{name: mean} -> scalar`, where the loss sums means whose weights differ (of several
        heads, say): the linear part of it that is made of the means of its metrics. With None all
        is a mean by the weight of `loss`. `train.accumulated_step` needs to know.
    """

    init: Callable[[Array, Batch], tuple[PyTree, PyTree]]
    loss: Callable[..., tuple[Array, tuple[PyTree, Metrics]]]
    predict: Callable[[PyTree, PyTree, Batch], Any]
    combine: Callable[[Mapping[str, Array]], Array] | None = None


class TrainState(NamedTuple):
    """All that changes during training: arrays only, never functions."""

    step: Array
    key: Array
    params: PyTree
    model_state: PyTree
    opt_state: PyTree

"""Core interfaces: what is learned (`Task`) and what changes while learning."""

import dataclasses
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


@jax.tree_util.register_pytree_node_class
class Sums(tuple[Any, Any]):
    """`(sum, weight)` of a metric that is no quotient of them: `end(sum, weight)` makes it of both.

    They add over batches like any other pair, so that what comes out at the end is exact.
    end: a function of the house or of a module; one that is made anew each time is another program.
    """

    end: Callable[[Array, Array], Array]

    def __new__(cls, total: Any, weight: Any, end: Callable[[Array, Array], Array]) -> "Sums":
        made = super().__new__(cls, (total, weight))
        made.end = end
        return made

    def tree_flatten(self) -> tuple[tuple[Any, Any], Callable[[Array, Array], Array]]:
        return (self[0], self[1]), self.end

    @classmethod
    def tree_unflatten(cls, end: Callable[[Array, Array], Array], pair: tuple[Any, Any]) -> "Sums":
        return cls(*pair, end)


Metrics = Mapping[str, tuple[Array, Array]]
"""`{name: (sum, weight)}`: added over batches, divided once at the end, or ended otherwise where
they are `Sums`."""


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


@dataclasses.dataclass(frozen=True)
class LossOfOutputs:
    """A `Task.loss` that says what of it is the model's, as Gauss–Newton needs to know.

    outputs: `(params, model_state, batch, key, *, train) -> (outputs, model_state)`
    judge: `(outputs, params, batch) -> (scalar, metrics)`; of the parameters it takes penalties

    A task made of another by `_replace(loss=...)` has no such parts unless its new loss does.
    """

    outputs: Callable[..., tuple[PyTree, PyTree]]
    judge: Callable[[PyTree, PyTree, Batch], tuple[Array, Metrics]]

    def __call__(
        self, params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        """The scalar, and the model state after it with the metrics."""
        outputs, model_state = self.outputs(params, model_state, batch, key, train=train)
        value, metrics = self.judge(outputs, params, batch)
        return value, (model_state, metrics)


@dataclasses.dataclass(frozen=True)
class ValueOfOutputs:
    """A `value_fn` that says what it is made of: `loss_fn(outputs_fn(params))`, `params -> []`."""

    outputs_fn: Callable[[PyTree], PyTree]
    loss_fn: Callable[[PyTree], Array]

    def __call__(self, params: PyTree) -> Array:
        """The loss at these parameters."""
        return self.loss_fn(self.outputs_fn(params))


class TrainState(NamedTuple):
    """All that changes during training: arrays only, never functions."""

    step: Array
    key: Array
    params: PyTree
    model_state: PyTree
    opt_state: PyTree

"""What optimizers are compared on: a task, its data, a budget and a target (Dahl et al. 2023).

https://arxiv.org/abs/2306.07179, section 4: time to a target is comparable, loss curves are not.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from jaxdl import losses
from jaxdl.data import batches
from jaxdl.initializers import Initializer
from jaxdl.stats import Kind, kind
from jaxdl.types import Array, Task

Values = TypeVar("Values", float, np.ndarray)
Loss = Callable[[Array, Array], Array]
"""`(outputs, labels [B]) -> [B]`, of each example."""
CROSS_ENTROPY: Loss = losses.softmax_cross_entropy
"""The own loss of the workloads that are measured by accuracy."""
NOT_MEASURED = None
"""The target of a workload that nobody has run yet."""
RULE = "what the median seed of tuned Adam has on validation after 3/4 of the budget"
"""How targets are set where no optimum is known; `python -m benchmarks.targets NAME` finds it."""


class Workload(NamedTuple):
    """Data, model, loss, metric, budget and target, under one name; nothing is loaded yet.

    task: `(kernel_init=None) -> Task`, whose weights the initializer draws; None: the workload's
        own initialization. ValueError for an initializer where there are no weights to draw. Where
        the metric is the accuracy, `(kernel_init=None, loss=...)`: what is minimized, too.
    data: `() -> {"train": [N, ...], "validation", "test": [num_batches, B, ...] with masks}`, as
        runs take it; DataError where it has not been prepared.
    steps: the budget, each of `batch_size` examples.
    metric: which of the task's metrics is chosen by and, on validation, is to reach the target; on
        test it is reported. `stats.kind` knows which way is better.
    target: its value, in the metric's unit; `NOT_MEASURED`: a run has to set it.
    source: where the target comes from.
    order: of the examples, as `sweep.make_run` takes it.
    """

    name: str
    task: Callable[..., Task]
    data: Callable[[], dict[str, Any]]
    batch_size: int
    steps: int
    metric: str
    target: float | None
    source: str
    order: Callable[[Array, int, int, Array | int, int], Array] = batches.shuffled_indices

    @property
    def kind(self) -> Kind:
        """Direction, unit and scale of the metric."""
        return kind(self.metric)

    def made(self, kernel_init: Initializer | None = None, loss: Loss | None = None) -> Task:
        """The task with this initializer and loss, or its own where they are None.

        ValueError where there are no weights to draw, and for a loss where it would change what
        the workload is measured by.
        """
        if loss is None:
            return self.task() if kernel_init is None else self.task(kernel_init)
        if self.metric != "accuracy":
            raise ValueError(
                f"the workload {self.name} takes no loss: it is measured by its {self.metric}, not "
                "by the accuracy"
            )
        return self.task(kernel_init, loss)

    def reached(self, values: Values) -> Values:
        """Whether values of the metric, of any shape, are at the target or better; NaN is not.

        ValueError where there is no target yet.
        """
        if self.target is None:
            raise ValueError(f"the workload {self.name} has no target yet: it would be {RULE}")
        return values >= self.target if self.kind.mode == "max" else values <= self.target

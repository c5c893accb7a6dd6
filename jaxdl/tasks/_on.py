"""A task on what is made of each batch: one of several targets, a part of the inputs."""

from collections.abc import Callable
from typing import Any

from jaxdl.types import Array, Batch, Metrics, PyTree, Task


def on(chosen: Callable[[Batch], Batch], task: Task) -> Task:
    """The task on `chosen(batch)`, whose choice may hang on traced hyperparameters."""

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        return task.loss(params, model_state, chosen(batch), key, train=train)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Any:
        return task.predict(params, model_state, chosen(batch))

    return task._replace(
        init=lambda key, batch: task.init(key, chosen(batch)), loss=loss, predict=predict
    )

"""Training on the worst inputs near the given ones (Goodfellow et al. 2015; Madry et al. 2018)."""

from collections.abc import Callable

import jax

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

"""A second network makes the perturbations; a gradient turned round moves both in one step.

Lee, Han & Lee 2017, https://arxiv.org/abs/1705.03387 (the network); Ganin & Lempitsky 2015,
https://arxiv.org/abs/1409.7495 (the reversal).
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from jaxdl.tasks.networks import Model, network
from jaxdl.types import Array, Batch, Metrics, PyTree, Task

MODEL, ADVERSARY = "model", "adversary"


@jax.custom_vjp
def turned(x: Array) -> Array:
    """x; whoever descends through it ascends."""
    return x


turned.defvjp(lambda x: (x, None), lambda _, change: (-change,))


def perturbed(
    adversary: Model, params: PyTree, x: Array, eps: ArrayLike, low: ArrayLike, high: ArrayLike
) -> Array:
    """x + ε·tanh(g(x)) of the adversary g, clipped to [low, high]: `[B, ...]`."""
    outputs, _ = network(adversary).apply(params, {}, x, train=False)
    if outputs.shape != x.shape:
        raise ValueError(f"the adversary gives {outputs.shape} for x {x.shape}: the same is needed")
    return jnp.clip(x + eps * jnp.tanh(turned(outputs)), low, high)


def with_adversary(
    task: Task, adversary: Model, eps: ArrayLike, *, low: ArrayLike = 0.0, high: ArrayLike = 1.0
) -> Task:
    """The task against a network that raises its loss: min_θ max_φ L(θ, x + ε·tanh g_φ(x)).

    adversary: a module without model state, `x [B, ...] -> [B, ...]`. eps: radius, may be traced;
    inputs stay in [low, high]. One gradient serves both players: that of φ is turned round, so any
    optimizer descends for the one and ascends for the other. It is evaluated, and predicts, on the
    given inputs. Parameters are `{"model": θ, "adversary": φ}`. ValueError for another shape of g.
    """

    def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
        own, other = jax.random.split(key)
        params, model_state = task.init(own, batch)
        against, state = network(adversary).init(other, batch["x"])
        if jax.tree.leaves(state):
            raise ValueError(f"the adversary {network(adversary).name} has a state of its own")
        return {MODEL: params, ADVERSARY: against}, model_state

    def loss(
        params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
    ) -> tuple[Array, tuple[PyTree, Metrics]]:
        if train:
            x = perturbed(adversary, params[ADVERSARY], batch["x"], eps, low, high)
            batch = {**batch, "x": x}
        return task.loss(params[MODEL], model_state, batch, key, train=train)

    def predict(params: PyTree, model_state: PyTree, batch: Batch) -> Array:
        return task.predict(params[MODEL], model_state, batch)

    return task._replace(init=init, loss=loss, predict=predict)

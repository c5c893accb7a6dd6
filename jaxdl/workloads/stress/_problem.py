"""Problems that each hold one trouble for an optimizer (Schaul, Antonoglou & Silver 2014).

https://arxiv.org/abs/1312.6055: a collection of such unit tests tells what an optimizer can stand,
where a benchmark only tells that it did not do well.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import ArrayLike

from jaxdl.types import Array, Batch, Metrics, PyTree, Task


class Now(NamedTuple):
    """The difficulty, a key of this step alone, and how many steps came before."""

    difficulty: Array
    key: Array
    step: Array


class Problem(NamedTuple):
    """Pure functions of parameters and of a difficulty, which may be traced.

    about: the trouble, as what comes after "it withstands" or "it is broken by".
    unit: what the difficulty counts.
    levels: four difficulties, the easiest first.
    start: `(difficulty, key) -> params`
    loss: `(params, memory, now) -> (value, memory)`, of which the optimizer sees value and gradient
    error: `(params, memory, difficulty) -> scalar`, what is really wanted; 0 is best.
    goal: the error at or below which the problem is solved.
    steps: the budget.
    memory: `params -> memory` before the first step; `{}` where nothing is remembered.
    """

    name: str
    about: str
    unit: str
    levels: tuple[float, float, float, float]
    start: Callable[[Array, Array], PyTree]
    loss: Callable[[PyTree, PyTree, Now], tuple[Array, PyTree]]
    error: Callable[[PyTree, PyTree, Array], Array]
    goal: float
    steps: int = 1000
    memory: Callable[[PyTree], PyTree] = lambda params: {}

    def task(self, difficulty: Array) -> Task:
        """As a task, whose batch is not looked at; it reports `loss` and `error`.

        Its model state is `{"step": int32, "memory": ...}`; `predict` gives the parameters.
        """

        def init(key: Array, batch: Batch) -> tuple[PyTree, PyTree]:
            params = self.start(difficulty, key)
            return params, {"step": jnp.zeros((), jnp.int32), "memory": self.memory(params)}

        def loss(
            params: PyTree, model_state: PyTree, batch: Batch, key: Array, *, train: bool
        ) -> tuple[Array, tuple[PyTree, Metrics]]:
            step, memory = model_state["step"], model_state["memory"]
            value, memory = self.loss(params, memory, Now(difficulty, key, step))
            error = self.error(params, model_state["memory"], difficulty)
            one = jnp.ones(())
            metrics = {"loss": (value, one), "error": (error, one)}
            after = {"step": step + 1, "memory": memory}
            return value, jax.lax.stop_gradient((after, metrics))

        return Task(init, loss, lambda params, model_state, batch: params)


def surface(
    value: Callable[[PyTree, Array], Array],
) -> Callable[[PyTree, PyTree, Now], tuple[Array, PyTree]]:
    """The `loss` of a problem that is a function `(params, difficulty) -> value` and no more."""
    return lambda params, memory, now: (value(params, now.difficulty), memory)


def shown(value: Array, params: PyTree, gradient: PyTree) -> Array:
    """`value`, with this gradient by `params` in place of its own."""
    still, gradient = jax.lax.stop_gradient((params, gradient))
    return jax.lax.stop_gradient(value) + optax.tree.vdot(optax.tree.sub(params, still), gradient)


def rms(array: Array) -> Array:
    """The root of the mean square."""
    return jnp.sqrt(jnp.mean(array**2))


def product(left: ArrayLike, right: ArrayLike) -> Array:
    """`left @ right` of small matrices by sums, which XLA fuses over lanes; its products it does
    one by one."""
    return (jnp.asarray(left)[:, :, None] * jnp.asarray(right)[None]).sum(axis=1)


def ladder(difficulty: Array, count: int) -> Array:
    """`count` numbers of equal ratio, from 1 to `difficulty`."""
    return difficulty ** (jnp.arange(count) / (count - 1))

"""A round bowl whose gradient arrives spoilt: noisy, late, rare, rounded, of another size."""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxdl.types import Array, PyTree
from jaxdl.workloads.stress._conditioning import SIZE, TARGET, beside_target, distance
from jaxdl.workloads.stress._problem import Now, Problem, ladder, shown, surface

LATEST = 32
"""Steps that a gradient is late at most."""
PERIOD = 100
"""Steps after which the changing scale is what it was."""
TAILS = 0.3
"""Size of the heavy-tailed noise."""
SPIKES = 0.02
"""How often a gradient is a spike."""


def bowl(params: PyTree) -> Array:
    """½‖x − target‖²: the gradient is what is missing."""
    return jnp.sum((params["x"] - TARGET) ** 2) / 2


Spoil = Callable[[Array, Now], Array]
"""`(gradient [SIZE], now) -> gradient`"""


def through(spoil: Spoil) -> Callable[[PyTree, PyTree, Now], tuple[Array, PyTree]]:
    """The `loss` of the bowl, whose gradient is seen through `spoil`."""

    def loss(params: PyTree, memory: PyTree, now: Now) -> tuple[Array, PyTree]:
        gradient = {"x": spoil(params["x"] - TARGET, now)}
        return shown(bowl(params), params, gradient), memory

    return loss


def sparse(gradient: Array, now: Now) -> Array:
    """Coordinates seen with probabilities from 1 to the difficulty; seen, they are noisy."""
    seen, drawn = jax.random.split(now.key)
    there = jax.random.uniform(seen, (SIZE,)) < ladder(now.difficulty, SIZE)
    return jnp.where(there, gradient + jax.random.normal(drawn, (SIZE,)), 0)


def noisy(gradient: Array, now: Now) -> Array:
    """Normal noise of this standard deviation is added."""
    return gradient + now.difficulty * jax.random.normal(now.key, (SIZE,))


def heavy_tailed(gradient: Array, now: Now) -> Array:
    """Noise ±0.3 (u^(−1/α) − 1), u uniform, of the tail index α: no variance for α ≤ 2, no mean for
    α ≤ 1."""
    sign, size = jax.random.split(now.key)
    u = jax.random.uniform(size, (SIZE,), minval=1e-7)
    tail = TAILS * (u ** (-1 / now.difficulty) - 1)
    return gradient + tail * jax.random.rademacher(sign, (SIZE,), gradient.dtype)


def quantized(gradient: Array, now: Now) -> Array:
    """Rounded to multiples of the largest entry over the difficulty."""
    largest = jnp.abs(gradient).max()
    step = jnp.where(largest > 0, largest, 1) / now.difficulty
    return jnp.round(gradient / step) * step


def spiked(gradient: Array, now: Now) -> Array:
    """Now and then this many times the gradient, the wrong way."""
    spike = jax.random.uniform(now.key) < SPIKES
    return jnp.where(spike, -now.difficulty, 1) * gradient


def rescaled(gradient: Array, now: Now) -> Array:
    """From this many times as large to this many times as small and back, in `PERIOD` steps."""
    return gradient * now.difficulty ** jnp.sin(2 * jnp.pi * now.step / PERIOD)


def _late(params: PyTree, memory: PyTree, now: Now) -> tuple[Array, PyTree]:
    """The gradient where the parameters were `difficulty` steps ago; before that, at the start."""
    past = memory["past"].at[now.step % (LATEST + 1)].set(jax.lax.stop_gradient(params["x"]))
    then = jnp.maximum(now.step - now.difficulty.astype(jnp.int32), 0)
    gradient = {"x": past[then % (LATEST + 1)] - TARGET}
    return shown(bowl(params), params, gradient), {"past": past}


def _kinked(params: PyTree, slope: Array) -> Array:
    apart = params["x"] - TARGET
    return jnp.sum(jnp.maximum(slope * apart, -apart))


def _spoilt(
    name: str,
    about: str,
    unit: str,
    levels: tuple[float, float, float, float],
    spoil: Spoil,
    goal: float = 0.1,
) -> Problem:
    return Problem(name, about, unit, levels, beside_target, through(spoil), distance, goal)


PROBLEMS = (
    _spoilt("sparse", "gradients of which most entries are 0", "how often the rarest is seen",
            (0.5, 0.2, 0.05, 0.02), sparse, 0.25),
    _spoilt("noisy", "noise", "its deviation over the distance of the start",
            (0.3, 1.0, 2.0, 2.5), noisy),
    _spoilt("heavy_tails", "noise with heavy tails", "tail index", (3.0, 1.5, 1.0, 0.5),
            heavy_tailed),
    Problem("delayed", "gradients that are late", "steps", (1.0, 4.0, 12.0, 32.0), beside_target,
            _late, distance, 0.1,
            memory=lambda params: {"past": jnp.tile(params["x"], (LATEST + 1, 1))}),
    _spoilt("quantized", "gradients that are rounded", "values between 0 and the largest",
            (16.0, 4.0, 2.0, 1.0), quantized),
    Problem("kinks", "gradients that jump", "slope on one side over the other",
            (1.0, 10.0, 100.0, 1000.0), beside_target, surface(_kinked), distance, 0.05),
    _spoilt("spikes", "rare and huge gradients that point the wrong way", "their size",
            (1.0, 10.0, 100.0, 1000.0), spiked),
    _spoilt("changing_scale", "a loss whose scale changes", "largest over usual",
            (3.0, 10.0, 100.0, 1000.0), rescaled),
)  # fmt: skip

"""What does not stand still: a target, a push, the size of batches, an opponent."""

import jax
import jax.numpy as jnp

from jaxdl.types import Array, PyTree
from jaxdl.workloads.stress._conditioning import SIZE, TARGET, beside_target, distance
from jaxdl.workloads.stress._gradients import through
from jaxdl.workloads.stress._problem import Now, Problem, rms, shown

MEMORY = 0.99
"""Decay of the average that the error of following is."""
PUSH = 20
"""Steps after which a push comes again."""
TURN = 8
"""Steps after which the size of batches changes."""
QUIET = 0.1
"""Deviation of the noise of large batches."""


def _following(params: PyTree, memory: PyTree, now: Now) -> tuple[Array, PyTree]:
    """A bowl whose lowest point moves by `difficulty` a step; noise of deviation 1."""
    apart = params["x"] - TARGET * (1 + now.difficulty * now.step)
    gradient = {"x": apart + jax.random.normal(now.key, (SIZE,))}
    mean = MEMORY * memory["distance"] + (1 - MEMORY) * jax.lax.stop_gradient(rms(apart))
    return shown(jnp.sum(apart**2) / 2, params, gradient), {"distance": mean}


def pushed(gradient: Array, now: Now) -> Array:
    """A wave of this height beside the gradient, in each coordinate at another phase."""
    phase = now.step / PUSH + jnp.arange(SIZE) / SIZE
    return gradient + now.difficulty * jnp.cos(2 * jnp.pi * phase)


def in_turns(gradient: Array, now: Now) -> Array:
    """The noise of large batches and that of small ones, of this deviation, in turns."""
    small = now.step // TURN % 2 == 1
    deviation = jnp.where(small, now.difficulty, QUIET)
    return gradient + deviation * jax.random.normal(now.key, (SIZE,))


def _game(params: PyTree, memory: PyTree, now: Now) -> tuple[Array, PyTree]:
    """x wants x·y + ½μ(‖x‖² − ‖y‖²) low, y wants it high; μ is 1 over the difficulty."""
    x, y = jnp.split(params["x"] - TARGET, 2)
    damping = 1 / now.difficulty
    payoff = jnp.dot(x, y) + damping * (jnp.dot(x, x) - jnp.dot(y, y)) / 2
    gradient = {"x": jnp.concatenate([y + damping * x, damping * y - x])}
    return shown(payoff, params, gradient), memory


PROBLEMS = (
    Problem(
        name="moving_target", about="a target that moves", unit="distance a step",
        levels=(0.001, 0.01, 0.03, 0.1), start=beside_target, loss=_following,
        error=lambda params, memory, difficulty: memory["distance"], goal=0.5,
        memory=lambda params: {"distance": jnp.ones(())},
    ),
    Problem("push", "a push to and fro", "its size over the distance of the start",
            (1.0, 5.0, 20.0, 80.0), beside_target, through(pushed), distance, 0.1),
    Problem("changing_batch", "batches that are large and small in turns",
            "deviation of the noise of small ones", (0.3, 1.0, 3.0, 10.0), beside_target,
            through(in_turns), distance, 0.1),
    Problem("minimax", "an opponent", "turning over damping", (1.0, 3.0, 10.0, 100.0),
            beside_target, _game, distance, 0.1),
)  # fmt: skip

"""L-BFGS against SciPy's: seconds of an evaluation with what belongs to it, as many of each.

optax's, which stands beside our optimizers, in one compiled scan; SciPy's `fmin_l_bfgs_b` around
the same compiled function, in float64 outside it. Rosenbrock's function of many pairs: it costs
less than the updates that its evaluations lead to.
"""

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.optimize import fmin_l_bfgs_b

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl.types import Array

MEMORY, STEPS, REPEATS = 10, 15, 5
AS_FAST = 1.0


def rosenbrock(x: Array) -> Array:
    """The mean over pairs of 100 (x₂ − x₁²)² + (1 − x₁)²."""
    first, second = x.reshape(2, -1)
    return jnp.mean(100 * (second - first**2) ** 2 + (1 - first) ** 2)


def start(size: int) -> np.ndarray:
    """(−1.2, 1) and its neighbourhood: float32 `[size]`."""
    rng = np.random.default_rng(0)
    point = np.repeat([-1.2, 1.0], size // 2) + 0.1 * rng.standard_normal(size)
    return point.astype(np.float32)


def ours(size: int) -> tuple[Callable[[], float], int, float]:
    """Measures seconds of `STEPS` steps; evaluations in them, and the value that they reach."""
    tx = optax.lbfgs(memory_size=MEMORY)
    value_and_grad = optax.value_and_grad_from_state(rosenbrock)

    @jax.jit
    def minimize(x: Array) -> tuple[Array, Array]:
        def body(carry: tuple[Array, optax.OptState], _: None) -> tuple[tuple, Array]:
            x, state = carry
            value, grad = value_and_grad(x, state=state)
            updates, state = tx.update(grad, state, x, value=value, grad=grad, value_fn=rosenbrock)
            info = optax.tree.get(state, "info")
            return (optax.apply_updates(x, updates), state), info.num_linesearch_steps

        (x, _), searched = jax.lax.scan(body, (x, tx.init(x)), None, STEPS)
        # The first value is no search's, the others are kept from the search before.
        return rosenbrock(x), 1 + searched.sum()

    x = jnp.array(start(size))
    value, evaluations = minimize(x)
    return (
        lambda: harness.seconds(lambda: jax.block_until_ready(minimize(x))),
        int(evaluations),
        float(value),
    )


def theirs(size: int, evaluations: int) -> Callable[[], tuple[float, float]]:
    """What SciPy reaches in so many evaluations, and how many they really are."""
    compiled = jax.jit(jax.value_and_grad(rosenbrock))

    def function(x: np.ndarray) -> tuple[float, np.ndarray]:
        value, grad = compiled(x.astype(np.float32))
        return float(value), np.asarray(grad, np.float64)

    def minimize() -> tuple[float, float]:
        options = {"m": MEMORY, "maxfun": evaluations, "factr": 0.0, "pgtol": 0.0}
        _, value, told = fmin_l_bfgs_b(function, start(size).astype(np.float64), **options)
        return value, told["funcalls"]

    minimize()
    return minimize


def rows(quick: bool) -> Iterator[Row]:
    """By the number of parameters."""
    for size in (1000,) if quick else (1000, 1_000_000):
        measure, evaluations, value = ours(size)
        minimize = theirs(size, evaluations)
        their_value, their_evaluations = minimize()
        mine, other = harness.alternate(
            REPEATS, measure, functools.partial(harness.seconds, minimize)
        )
        each, their_each = mine.median / evaluations, other.median / their_evaluations
        yield Row(
            f"L-BFGS with {MEMORY} pairs, {size:,} parameters, an evaluation",
            1e3 * each,
            1e3 * their_each,
            "scipy.optimize.fmin_l_bfgs_b around the same compiled function",
            "ms",
            their_each / each,
            AS_FAST,
            f"{evaluations} evaluations to {value:.3g}, theirs {their_evaluations:g} to "
            f"{their_value:.3g}; {harness.spread_ms(mine)}, theirs {harness.spread_ms(other)}",
        )


if __name__ == "__main__":
    harness.main(__doc__ or "", rows)

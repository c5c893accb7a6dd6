"""Attempts a second on diagnostic problems: sweep programs against LightBench 0.1.1 (PyTorch).

Eight of its cases are defined here alike: the same function, size, kind of start and condition of
success; the same points of Adam's hyperparameters. An attempt is one configuration trained to
success or to its last step. Ours are lanes of one compiled program a case, compiled before, with
ledger and results, on all cores; theirs run one after another, on one thread (extra `parity`).
And the whole card of `benchmarks.stress`, as its command draws it, imports and report included.
"""

import functools
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import harness, stress
from benchmarks.harness import Row
from jaxdl import _cpu, comparison, sweep
from jaxdl.comparison.exam import DIFFICULTY, run
from jaxdl.sweep.distributions import LogUniform
from jaxdl.sweep.space import Point, Trial
from jaxdl.types import Array, PyTree
from jaxdl.workloads import landscapes
from jaxdl.workloads.stress import PROBLEMS, Now, Problem

STEPS, ATTEMPTS, TARGET = 1024, 100, 100.0
CARD, PUBLISHED = 100.0, 10_000.0
"""Seconds an optimizer: asked for of the whole card; of LightBench's 148 cases, as it says."""
SPACE = {
    "learning_rate": LogUniform(1e-7, 1e2),
    "one_minus_b1": LogUniform(1e-5, 1.0),
    "one_minus_b2": LogUniform(1e-7, 1.0),
}
"""What LightBench searches."""
Value = Callable[[Array, Array], Array]
"""`(point [D], step) -> value`"""


def beale(x: Array, step: Array) -> Array:
    """Beale's function with its lowest point moved to 0."""
    x, y = x[0] + 3, x[1] + 0.5
    return landscapes.beale(x, y)


def rosenbrock(x: Array, step: Array) -> Array:
    """Of a valley that is not steep: 1 in place of 100."""
    return landscapes.rosenbrock(x[0], x[1], 1.0)


def plateau(x: Array, step: Array) -> Array:
    """σ(4(‖x‖² − 1)) above its lowest."""
    return jax.nn.sigmoid(4 * (jnp.sum(x**2) - 1)) - 1 / (1 + math.exp(4))


def weighted(x: Array, step: Array) -> Array:
    """Squares weighed 1, 2, 3 … over their sum."""
    weights = jnp.arange(1.0, x.size + 1)
    return jnp.dot(x**2, weights / weights.sum())


def quantized(x: Array, step: Array) -> Array:
    """Squares, seen by half their gradient, on 65 values from minus the largest entry to it."""
    largest = jnp.abs(x).max()
    seen = jax.lax.stop_gradient(jnp.round(x / largest * 32) / 32 * largest)
    return jax.lax.stop_gradient(jnp.mean(x**2)) + jnp.mean((x - jax.lax.stop_gradient(x)) * seen)


def ill_conditioned(x: Array, step: Array) -> Array:
    """Squares weighed 0.1 … 10."""
    return jnp.mean(x**2 * jnp.logspace(-1, 1, x.size))


def kinked(x: Array, step: Array) -> Array:
    """Squares below 0, a slope of 2 above."""
    return jnp.mean(jnp.where(x < 0, x**2, 2 * x))


def pushed(x: Array, step: Array) -> Array:
    """Squares with a push to and fro of 1,818 steps."""
    return jnp.mean(x**2) + jnp.sin((step + 1) * jnp.pi * 1.1e-3) * jnp.mean(x)


def _case(value: Value, start: int | tuple[float, float], of_loss: bool, goal: float) -> Problem:
    """start: a point, or the size of a normal one. of_loss: solved by the loss, else by the rms."""

    def begin(difficulty: Array, key: Array) -> PyTree:
        if isinstance(start, tuple):
            return {"x": jnp.array(start)}
        return {"x": jax.random.normal(key, (start,))}

    def loss(params: PyTree, memory: PyTree, now: Now) -> tuple[Array, PyTree]:
        return value(params["x"], now.step), memory

    def error(params: PyTree, memory: PyTree, difficulty: Array) -> Array:
        x = params["x"]
        return value(x, jnp.zeros(())) if of_loss else jnp.sqrt(jnp.mean(x**2))

    return Problem("", "", "", (1.0, 2.0, 3.0, 4.0), begin, loss, error, goal, STEPS)


CASES: dict[tuple[str, str], Problem] = {
    ("beale", "trivial"): _case(beale, (-7.0, -4.0), True, 1e-8),
    ("rosenbrock", "trivial"): _case(rosenbrock, (-7.0, -4.0), True, 1e-9),
    ("plateau_navigation", "easy"): _case(plateau, (1.5, 1.5), True, 1e-4),
    ("quadratic_varying_scale", "easy"): _case(weighted, 16, False, 1e-7),
    ("quadratic_quantized_gradient", "trivial"): _case(quantized, 128, False, 1e-7),
    ("ill_conditioned", "trivial"): _case(ill_conditioned, 512, True, 1e-3),
    ("discontinuous_gradient", "trivial"): _case(kinked, 1024, False, 1e-4),
    ("adversarial_gradient", "trivial"): _case(pushed, 1024, False, 1e-3),
}
"""By the name and level that they have there."""


def ours(problem: Problem, points: list[Point]) -> tuple[float, np.ndarray]:
    """Seconds of all attempts, compiled before; which were solved."""
    one = comparison.ENTRANTS["adam"]
    trials = [Trial("", {**point, DIFFICULTY: 1.0}, seed) for seed, point in enumerate(points)]
    plan = sweep.Plan(
        {"": run(problem, one)}, trials, sweep.NO_DATA, keep_curves=False, batched=True
    )

    def executed() -> sweep.Results:
        with tempfile.TemporaryDirectory() as folder:
            return plan.execute(Path(folder), progress=sweep.Progress())

    executed()
    began = time.perf_counter()
    frame = executed().frame()
    return time.perf_counter() - began, frame["solved"].eq(1).to_numpy()


def theirs(case: str, level: str, points: list[Point]) -> tuple[float, list[bool]]:
    """Seconds of attempts one after another, and which were won."""
    from benchmarks.peers import lightbench_attempts

    attempt = lightbench_attempts.attempts(case, level, STEPS, threads=1)
    attempt((1e-2, 0.1, 1e-3))
    began = time.perf_counter()
    won = [attempt([float(point[name]) for name in SPACE]) for point in points]
    return time.perf_counter() - began, won


def card(attempts: int) -> Iterator[Row]:
    """Rows of the whole card: with nothing in the compilation cache, and again with all of it."""
    optimizers = len({stress.Config().candidate, *stress.BASELINES})
    with tempfile.TemporaryDirectory() as folder:
        for how in ("nothing compiled before", "all in the compilation cache"):
            command = [
                *(sys.executable, "-m", "benchmarks.stress", f"--config.attempts={attempts}"),
                f"--workdir={folder}/{how}",
            ]
            environment = {**os.environ, "XDG_CACHE_HOME": folder}
            run = functools.partial(
                subprocess.run, command, check=True, env=environment, stdout=subprocess.DEVNULL
            )
            spent = harness.seconds(run) / optimizers
            note = f"{optimizers} optimizers in one process of {_cpu.count()} cores"
            yield Row(
                f"the card of an optimizer, {len(PROBLEMS)} problems × 4 × {attempts}, {how}",
                spent, PUBLISHED, "LightBench, published, 148 cases", "s", PUBLISHED / spent,
                PUBLISHED / CARD, note,
            )  # fmt: skip


def measure(quick: bool) -> Iterator[Row]:
    """A row a case, one of all, and two of the card."""
    yield from card(5 if quick else ATTEMPTS)
    try:
        import lightbench.utils  # noqa: F401
    except ImportError as error:
        print(f"LightBench is missing ({error}): its rows are left out", flush=True)
        return
    points = sweep.halton(ATTEMPTS, 0, **SPACE)
    some = points[: 3 if quick else 10]
    spent = np.zeros(2)
    for (case, level), problem in CASES.items():
        mine, solved = ours(problem, points)
        other, won = theirs(case, level, some)
        alike = int(np.sum(solved[: len(some)] == won))
        rates = ATTEMPTS / mine, len(some) / other
        note = f"{ATTEMPTS} attempts of ours, {len(some)} of theirs; {alike} of these end alike"
        spent += 1 / np.array(rates)
        yield _row(f"{case}, {level}", rates, None, note)
    mine, other = (len(CASES) / spent).tolist()
    yield _row("all eight, as many attempts of each", (mine, other), TARGET, "")


def _row(case: str, rates: tuple[float, float], target: float | None, note: str) -> Row:
    against = "LightBench 0.1.1, torch.optim.AdamW, 1 thread, without its search"
    note = f"{note or f'up to {STEPS} steps each'}; ours on {_cpu.count()} cores"
    return Row(case, *rates, against, "attempts/s", rates[0] / rates[1], target, note)


if __name__ == "__main__":
    sweep.use_all_cores()
    harness.main(__doc__ or "", measure)

"""What checkpoints and logging cost streaming training: seconds of a step with and without them.

A run of minutes would hardly show a cost of 1 %, so that each is done much oftener than in use: a
checkpoint every two seconds and a row every fifth step, on the same batch over and over. Its cost
is what the steps have taken longer, divided by how many there were; the rows tell what that makes
of a step at one checkpoint a minute and at a row every 100 steps, the defaults.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import numpy as np
import optax

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import streaming, tasks, train
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.types import Batch, Task, TrainState

BATCH, PER_MINUTE, ROW_STEPS = 256, 60.0, 100
MODELS = {"MLP of 26 k parameters": (128, 128), "MLP of 2 M parameters": (1024, 1024, 768)}
NEVER, OFTEN = 10**9, 2.0
REPEATS = 5


class Same:
    """One batch without end."""

    def __init__(self, batch: Batch):
        self._batch = batch

    def __iter__(self) -> "Same":
        return self

    def __next__(self) -> Batch:
        return self._batch

    def get_state(self) -> int:
        """There is but one place."""
        return 0

    def set_state(self, state: int) -> None:
        """And it is there already."""


class Case(NamedTuple):
    """A model before its first step; tx is made once, so that it is compiled once."""

    task: Task
    tx: optax.GradientTransformation
    state: TrainState
    batch: Batch
    steps: int

    def plain(self) -> float:
        """Seconds a step of `train.fit`, whose metrics nobody reads."""
        times: list[float] = []
        for (_, metrics), _ in zip(
            train.fit(self.task, self.tx, self.state, Same(self.batch)),
            range(self.steps),
            strict=False,
        ):
            if not times:
                jax.block_until_ready(metrics)
            times.append(time.perf_counter())
        jax.block_until_ready(metrics)
        return (time.perf_counter() - times[0]) / (self.steps - 1)

    def streamed(self, **options: Any) -> float:
        """Seconds a step of `streaming.fit`, from the end of its first to that of its last."""
        times: list[float] = []

        def note() -> bool:
            times.append(time.perf_counter())
            return False

        options = {"log_steps": NEVER, "save_seconds": None, **options}
        with tempfile.TemporaryDirectory() as workdir:
            streaming.fit(
                self.task,
                self.tx,
                self.state,
                Same(self.batch),
                workdir,
                steps=self.steps,
                stop=note,
                **options,
            )
        return (times[-1] - times[0]) / (self.steps - 1)


def case(widths: tuple[int, ...], steps: int) -> Case:
    """A perceptron on noise."""
    rng = np.random.default_rng(0)
    batch = {
        "x": rng.normal(size=(BATCH, 8, 8)).astype(np.float32),
        "y": rng.integers(10, size=BATCH).astype(np.int32),
    }
    task, tx = tasks.classification(MLP(widths, 10)), adam(1e-3)
    state = jax.jit(train.init, static_argnums=(0, 1))(task, tx, jax.random.key(0), batch)
    return Case(task, tx, state, batch, steps)


def row(
    name: str,
    what: str,
    target: float,
    without: harness.Timing,
    cost: float,
    share: float,
    note: str,
) -> Row:
    """A cost of so many seconds that every step bears a `share` of."""
    plain = without.median
    ours = plain + max(cost, 0.0) * share
    note = f"{1e3 * cost:.3g} ms each; without: {harness.spread_ms(without)}; {note}"
    return Row(
        f"{name}: {what}",
        1e3 * ours,
        1e3 * plain,
        "steps without",
        "ms",
        plain / ours,
        target,
        note,
    )


def measure(quick: bool) -> Iterator[Row]:
    """Checkpoints, logging, and both by default, of a small and a larger model."""
    for name, widths in MODELS.items():
        probe = case(widths, 50).plain()
        seconds = 3.0 if quick else 6.0
        one = case(widths, max(100, int(seconds / probe)))
        oftener: list[Callable[[], float]] = [
            one.plain,
            one.streamed,
            lambda: one.streamed(log_steps=5),  # noqa: B023
            lambda: one.streamed(save_seconds=OFTEN),  # noqa: B023
            lambda: one.streamed(log_steps=ROW_STEPS, save_seconds=PER_MINUTE),  # noqa: B023
        ]
        plain, without, logged, saved, default = harness.alternate(
            1 if quick else REPEATS, *oftener
        )
        of_row = 5 * (logged.median - without.median)
        yield row(
            name,
            "a row every 100 steps",
            0.99,
            without,
            of_row,
            1 / ROW_STEPS,
            "a row every 5 steps",
        )
        of_save = OFTEN * (saved.median - without.median) / saved.median
        yield row(
            name,
            "a checkpoint a minute",
            0.98,
            without,
            of_save,
            without.median / PER_MINUTE,
            "one every two seconds",
        )
        yield harness.timed(
            f"{name}: streaming.fit by default", default, plain, "train.fit, nothing read or kept"
        )


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)

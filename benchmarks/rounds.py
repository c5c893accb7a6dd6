"""How long a round of ask-and-tell takes: 20 trials more of the seven optimizers of the flagship.

A search asks for trials, looks at their results and asks for more, with programs built anew each
time. Against the same rounds where nothing that was compiled is kept, which is what each round cost
before.
"""

import tempfile
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from benchmarks import digits, harness
from benchmarks.harness import Row

if TYPE_CHECKING:
    import optax

    from jaxdl.types import PyTree, Task

ROUNDS, EACH, SEGMENTS = 4, 20, 3
OPTIMIZERS = ("sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adam", "adamw")
INITIALIZERS = ("small_normal", "lecun_normal", "xavier_uniform", "he_normal", "orthogonal")


def asked(number: int, steps: int) -> dict[str, Any]:
    """Programs and trials of one round, built anew; the rates are those that a search might ask."""
    from jaxdl import initializers, optimizers, sweep, tasks
    from jaxdl.models import MLP

    def build(factory: "Callable[..., optax.GradientTransformation]") -> sweep.Run:
        def built(hparams: "PyTree") -> "tuple[Task, optax.GradientTransformation]":
            kernel_init = initializers.switch(hparams["initializer"], INITIALIZERS)
            task = tasks.classification(MLP(digits.HIDDEN, digits.CLASSES, kernel_init=kernel_init))
            return task, factory(hparams["learning_rate"])

        return sweep.make_run(built, steps=steps, batch_size=digits.BATCH)

    programs = {name: build(optimizers.OPTIMIZERS[name]) for name in OPTIMIZERS}
    trials = [
        sweep.Trial(
            OPTIMIZERS[i % len(OPTIMIZERS)],
            {"initializer": INITIALIZERS[i % 5], "learning_rate": digits.rate(number * EACH + i)},
            number,
        )
        for i in range(EACH)
    ]
    return {"programs": programs, "trials": trials, "categories": {"initializer": INITIALIZERS}}


def seconds(steps: int, keep: bool) -> list[float]:
    """Seconds of each round, in one workdir."""
    from jaxdl import sweep
    from jaxdl.data.batches import padded_batches
    from jaxdl.sweep import programs

    splits = digits.arrays()
    data = {"train": splits["train"], "test": padded_batches(splits["test"], 360)}
    programs.forget()
    found = []
    with tempfile.TemporaryDirectory() as workdir:
        for number in range(ROUNDS):
            if not keep:
                programs.forget()
            options = {**asked(number, steps), "progress": sweep.Progress()}
            began = time.perf_counter()
            sweep.execute(**options, data=data, workdir=workdir, segments=SEGMENTS)
            found.append(time.perf_counter() - began)
    return found


def measure(quick: bool) -> list[Row]:
    """The first round, and the median of the later ones, both against compiling anew."""
    steps = 10 if quick else 100
    repeats = 1 if quick else 3
    kept: list[list[float]] = []
    anew: list[list[float]] = []
    for _ in range(repeats):
        kept.append(seconds(steps, keep=True))
        anew.append(seconds(steps, keep=False))
    against = "every round compiled anew"
    note = f"{repeats} × {ROUNDS} rounds of {EACH} trials of {SEGMENTS * steps} steps"
    rows = []
    for case, rounds, target in (
        ("the first round", slice(0, 1), None),
        ("a later round", slice(1, None), 5.0),
    ):
        ours, theirs = (
            harness.timing([value for values in found for value in values[rounds]])
            for found in (kept, anew)
        )
        rows.append(harness.timed(case, ours, theirs, against, "s", target, note))
    return rows


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)

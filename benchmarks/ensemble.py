"""Seconds of training an ensemble as one compiled program, against its members one by one."""

import functools
import itertools

import jax
import numpy as np

from benchmarks import harness
from benchmarks.harness import Row
from jaxdl import ensembles, tasks, train
from jaxdl.data import batches
from jaxdl.models import MLP
from jaxdl.optimizers import adam
from jaxdl.types import Array, Batch, TrainState

RATE = 1e-3


def measure(quick: bool) -> list[Row]:
    """Small networks, as one program and one after another."""
    members, steps, batch_size = (4 if quick else 16), 300, 32
    rng = np.random.default_rng(0)
    x = rng.standard_normal((1024, 30)).astype(np.float32)
    arrays = {"x": x, "y": (x[:, 0] * x[:, 1] > 0).astype(np.int32)}
    task, tx = tasks.classification(MLP((32,), 2)), adam(RATE)
    keys = jax.random.split(jax.random.key(0), members)
    fit = functools.partial(train.fit_scan, task, tx, steps=steps, batch_size=batch_size)

    @jax.jit
    def one_program(keys: Array, arrays: Batch) -> TrainState:
        return ensembles.over_members(lambda key: fit(key, arrays), keys)

    jax.block_until_ready(one_program(keys, arrays))

    compiled = jax.jit(fit)

    def one_after_another() -> None:
        for key in keys:
            jax.block_until_ready(compiled(key, arrays))

    def by_fit() -> None:
        for number, key in enumerate(keys):
            state = train.init(task, tx, key, arrays)
            stream = itertools.islice(batches.epochs(arrays, batch_size, seed=number), steps)
            (*_, (state, _)) = train.fit(task, tx, state, stream)
            jax.block_until_ready(state)

    references = {
        f"{members} runs of train.fit, one after another": (by_fit, 2.0),
        f"{members} calls of the same run compiled whole, one after another": (
            one_after_another,
            None,
        ),
    }
    for function, _ in references.values():
        function()
    mine, *theirs = harness.alternate(
        3,
        lambda: harness.seconds(lambda: jax.block_until_ready(one_program(keys, arrays))),
        *(functools.partial(harness.seconds, function) for function, _ in references.values()),
    )
    return [
        Row(
            f"ensemble of {members} small networks, {steps} steps, as one program",
            1e3 * mine.median,
            1e3 * timing.median,
            name,
            "ms",
            timing.median / mine.median,
            target,
            f"compiled before; ours {harness.spread_ms(mine)}, theirs {harness.spread_ms(timing)}",
        )
        for (name, (_, target)), timing in zip(references.items(), theirs, strict=True)
    ]


if __name__ == "__main__":
    harness.main(__doc__ or "", measure)

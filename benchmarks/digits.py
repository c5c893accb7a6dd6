"""The problem that the sweep benchmarks share: a 64-128-128-10 MLP on the digits, Adam, batch 64.

Plain scikit-learn arrays, so that a bare accelerator machine can run it.
"""

import functools
from typing import Any

import numpy as np

HIDDEN, CLASSES, BATCH, STEPS = (128, 128), 10, 64, 500


@functools.cache
def arrays() -> dict[str, dict[str, np.ndarray]]:
    """1,437 training and 360 test examples, inputs in 0..1; read once in a process."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    x, y = (x[order] / 16).astype(np.float32), y[order].astype(np.int32)
    return {"train": {"x": x[:1437], "y": y[:1437]}, "test": {"x": x[1437:], "y": y[1437:]}}


def rate(trial: int) -> float:
    """Learning rate of a trial: all of them differ."""
    return float(10 ** -(2.0 + (trial % 997) / 997))


def sweep_of(count: int, steps: int = STEPS) -> dict[str, Any]:
    """Programs, trials and data of a sweep of so many trials, as `sweep.execute` takes them."""
    from jaxdl import sweep, tasks
    from jaxdl.data.batches import padded_batches
    from jaxdl.models import MLP
    from jaxdl.optimizers import adam

    splits = arrays()
    data = {"train": splits["train"], "test": padded_batches(splits["test"], 360)}
    task = tasks.classification(MLP(HIDDEN, CLASSES))
    run = sweep.make_run(
        lambda hparams: (task, adam(hparams["learning_rate"])), steps=steps, batch_size=BATCH
    )
    trials = [sweep.Trial("adam", {"learning_rate": rate(i)}, i) for i in range(count)]
    return {"programs": {"adam": run}, "trials": trials, "data": data}

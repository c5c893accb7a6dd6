"""The problem that sweeps of transformers share: 2 layers of 64 on random text, Adam, T = 32."""

from typing import Any

import numpy as np

VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH = 64, 64, 2, 4, 32
EXAMPLES, BATCH, STEPS = 1024, 8, 200


def arrays() -> dict[str, np.ndarray]:
    """Ids `[N, T]` and those that follow them."""
    ids = np.random.default_rng(0).integers(0, VOCABULARY, (EXAMPLES, LENGTH + 1)).astype(np.int32)
    return {"x": ids[:, :-1].copy(), "y": ids[:, 1:].copy()}


def rate(trial: int) -> float:
    """Learning rate of a trial: all of them differ."""
    return float(10 ** -(2.5 + (trial % 997) / 997))


def sweep_of(count: int, steps: int = STEPS) -> dict[str, Any]:
    """Programs, trials and data of a sweep of so many trials, as `sweep.execute` takes them."""
    from jaxdl import sweep, tasks
    from jaxdl.data.batches import padded_batches
    from jaxdl.models import GPT
    from jaxdl.optimizers import adam

    split = arrays()
    few = {name: array[:BATCH] for name, array in split.items()}
    data = {"train": split, "test": padded_batches(few, BATCH)}
    task = tasks.language_model(GPT(VOCABULARY, WIDTH, DEPTH, HEADS, LENGTH))
    run = sweep.make_run(
        lambda hparams: (task, adam(hparams["learning_rate"])), steps=steps, batch_size=BATCH
    )
    trials = [sweep.Trial("adam", {"learning_rate": rate(i)}, i) for i in range(count)]
    return {"programs": {"adam": run}, "trials": trials, "data": data}

"""Comparisons with scores that are made up."""

import numpy as np
import pandas as pd

from jaxdl import comparison, workloads
from jaxdl.comparison import Comparison, Study


def made_up(metric="accuracy", on=("digits_mlp",), times=None, **scores):
    """A comparison with these values of the metric on test, a list a method, on each workload.

    times: steps to the target, a list a method, of the workloads.
    """
    chosen = [workloads.named(name) for name in on]
    assert all(each.metric == metric for each in chosen)
    rows = [
        {
            "workload": workload.name,
            "optimizer": name,
            "seed": seed,
            "status": "ok" if np.isfinite(value) else "diverged",
            f"test_{metric}": value,
        }
        for workload in chosen
        for name, values in scores.items()
        for seed, value in enumerate(values)
    ]
    others = len(scores) - 1
    selection = [
        pd.DataFrame(
            {
                "workload": workload.name,
                "optimizer": list(scores),
                "validation": [np.mean(values) for values in scores.values()],
                "on_border": [True] + [False] * others,
                "borders": [("learning_rate",)] + [()] * others,
            }
        )
        for workload in chosen
    ]
    study = Study(dict.fromkeys(scores, comparison.ENTRANTS["sgd"]), chosen)
    frame = pd.DataFrame(rows)
    taken = [
        {"workload": workload.name, "optimizer": name, "seed": 0, "steps": steps, "seconds": np.nan}
        for name, every in (times or {}).items()
        for workload, steps in zip(chosen, every, strict=True)
    ]
    columns = ["workload", "optimizer", "seed", "steps", "seconds"]
    return Comparison(
        next(iter(scores)),
        study,
        frame,
        frame,
        pd.concat(selection, ignore_index=True),
        pd.DataFrame(taken, columns=columns),
    )

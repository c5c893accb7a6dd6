"""Batch norm and the learning rate: a deep MLP on the digits, with it and without it.

Four hidden layers, plain SGD, weights of He's initialization times a scale. The largest usable
rate of a seed is the largest one at which its test accuracy is at most five points below that at
the rate that other seeds chose on validation. A seed moves initialization and order of the data,
and is shared.

Claims: at He's own scale, the largest usable rate is three times as large or more with batch norm;
over the scales, test accuracy at rates that other seeds chose differs less with batch norm, by five
points or more.

Command: python -m experiments.batch_norm --workdir=runs/batch_norm
Minutes: 0.5 on 2 cores
Last result: 2026-11-21, 2-core Xeon (30 s), jax 0.10.2, 8 seeds. Largest usable rate at
He's scale 3.8 with and 0.42 without batch norm; log10 of their ratio 0.96 (0.78 … 1.14): holds.
Accuracy over the scales 0.25, 1, 4: 97.9, 97.5, 96.6 % with, 76.5, 96.9, 81.4 % without; the
spread is 24 points (6 … 42) smaller with: holds.
"""

import math
from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(300, "Training steps of each trial.", low=1),
    "seeds": Field(8, "Seeds of each setting.", low=2),
    "batch_size": Field(64, "Examples in a step.", low=2, high=1077),
    "width": Field(64, "Units of each hidden layer.", low=1),
    "depth": Field(4, "Hidden layers.", low=1),
    "scales": Field((0.25, 1.0, 4.0), "Factors on He's initialization; 1 among them.", low=1e-12),
    "lowest_rate": Field(1e-5, "The smallest of the learning rates.", low=1e-12),
    "rates": Field(22, "Learning rates to try, three a decade.", low=1),
}
FACTOR, POINTS, TOLERATED, CHANCE = math.log10(3), 0.05, 0.05, 0.1
WITH, WITHOUT = "batch norm", "no norm"


def plan(config: Any) -> launch.Plan:
    """Two programs; rate, scale of the initialization and seed are numbers inside them."""
    from jaxdl import initializers, sweep, tasks
    from jaxdl.data import catalog, scaling, splits
    from jaxdl.layers.norms import BatchNorm
    from jaxdl.optimizers import sgd

    if 1.0 not in config.scales:
        raise launch.UserError("config.scales: 1, the scale that He chose, is not among them")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)
    norms = {
        WITHOUT: lambda x, train: x,
        WITH: lambda x, train: BatchNorm()(x, train=train),
    }

    def run(norm: Any) -> sweep.Run:
        def build(hparams: dict[str, Any]) -> Any:
            def kernel_init(key: Any, shape: Any, dtype: Any) -> Any:
                return hparams["scale"] * initializers.he_normal(key, shape, dtype)

            model = network(config.depth * (config.width,), norm, kernel_init)
            return tasks.classification(model), sgd(hparams["learning_rate"])

        return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size)

    programs = {name: run(norm) for name, norm in norms.items()}
    rates = [config.lowest_rate * 10 ** (n / 3) for n in range(config.rates)]
    settings = sweep.grid(scale=config.scales, learning_rate=rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    labels = {name: {"norm": name} for name in programs}
    return launch.Plan(programs, trials, data, segments=1, labels=labels)


def network(features: Any, norm: Any, kernel_init: Any) -> Any:
    """A ReLU MLP with ten outputs and `norm(x, train)` before each activation."""
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any, *, train: bool) -> Any:
            x = x.reshape(len(x), -1)
            for width in features:
                x = nn.relu(norm(nn.Dense(width, kernel_init=kernel_init)(x), train))
            return nn.Dense(10, kernel_init=kernel_init)(x)

    return Network()


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Largest usable rate at He's scale, and spread of accuracy over the scales."""
    from jaxdl import report

    frame, by = results.to_pandas(), ["norm", "scale"]
    # A trial that diverged knows no more than guessing.
    frame["accuracy"] = frame["test_accuracy"].astype(float).fillna(CHANCE)
    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    chosen = report.chosen_trials(frame, summary, by)
    largest = largest_usable(frame, chosen)
    claims = judged(largest, chosen)
    accuracies = report.summary_table(summary, by)
    limits = rates_table(largest)
    report.show(accuracies)
    report.show(limits)
    figure = report.sensitivity(
        frame.assign(scale="He × " + frame["scale"].map("{:g}".format)),
        y="test_accuracy", panel="scale", line="norm", y_label="test accuracy (1)",
        title="Test accuracy against the rate, by scale of the initialization",
    )  # fmt: skip
    alt = "Test accuracy against the learning rate, with and without batch norm."
    sections = [
        report.Section("By learning rate", (report.Picture("rates", report.to_png(figure), alt),)),
        report.Section("At the rates that other seeds chose", (accuracies,)),
        report.Section("Largest usable rate", (limits,)),
    ]
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    return launch.Conclusion(claims, sections, headline)


def largest_usable(frame: Any, chosen: Any) -> Any:
    """The rate of each norm, scale and seed in log10, as the column `rate`."""
    import numpy as np

    keys = ["norm", "scale", "seed"]
    best = chosen[[*keys, "accuracy"]].rename(columns={"accuracy": "best"})
    merged = frame.merge(best, on=keys, validate="many_to_one")
    usable = merged[merged["accuracy"] >= merged["best"] - TOLERATED]
    rates = usable.groupby(keys, sort=False)["learning_rate"].max()
    return np.log10(rates).rename("rate").reset_index()


def judged(largest: Any, chosen: Any) -> list[Any]:
    """Both claims, paired over seeds."""
    from jaxdl import report, stats

    rates = largest[largest["scale"] == 1].pivot(index="seed", columns="norm", values="rate")
    accuracy = chosen.groupby(["seed", "norm"])["accuracy"]
    spread = (accuracy.max() - accuracy.min()).unstack("norm")
    return [
        report.judge(
            "R2",
            "batch norm allows three times the learning rate or more",
            "log10 of the ratio of the largest usable rates, with over without",
            "1",
            FACTOR,
            stats.paired_interval(rates[WITH], rates[WITHOUT]),
            "above",
        ),
        report.judge(
            "R2",
            "with batch norm, accuracy depends less on the scale of the initialization",
            "largest minus smallest test accuracy over the scales, without minus with",
            "1",
            POINTS,
            stats.paired_interval(spread[WITHOUT], spread[WITH]),
            "above",
        ),
    ]


def rates_table(largest: Any) -> Any:
    """Largest usable rate by norm and scale: geometric mean and range over seeds."""
    from jaxdl import report

    rows = []
    for (norm, scale), rates in largest.groupby(["norm", "scale"], sort=False)["rate"]:
        cells = (10**rate for rate in (rates.mean(), rates.min(), rates.max()))
        rows.append((norm, f"{scale:g}", *map(report.number, cells)))
    header = ("norm", "scale", "largest usable rate", "lowest seed", "highest seed")
    return report.Table(header, tuple(rows), frozenset(range(1, 5)))


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")

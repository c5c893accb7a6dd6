"""Multi-task learning on the digits: does a second head help the first?

The main task is the digit, with 50 or 500 labels; the second one is known of all 1,077 training
images: whether the digit is 5 or more, whether it is odd, whether there is much ink (which anyone
can tell without labels), or a fair coin for each image. Its head is on top of the trunk or, as an
easier task, on its lower layer. Alone: the same network and the same batches, its second loss at
weight 0. A seed moves the labelled images, the initialization and the batches.

Claims: at the rates and weights that other seeds chose on validation, with few labels, 5-or-more
and odd each add two points of test accuracy or more, on top and on the lower layer; the coin does
not add even one point; with many labels, 5-or-more and odd do not add a point.

Command: python -m experiments.multitask --workdir=runs/multitask
Minutes: 1.5 on 2 cores
Last result: 2026-11-21, 2-core Xeon (shared, 494 s; 2.8 minutes of one core), jax 0.10.2, in points
of gain: 50 labels, on top, 5-or-more +5.5 [2.7, 8.3] and odd +4.8 [3.2, 6.4], hold; on the lower
layer +3.2 [1.0, 5.5] and +3.1 [0.6, 5.5], inconclusive; the coin +0.7 [−0.4, 1.9], inconclusive;
500 labels, 5-or-more 0.0 [−0.5, 0.4] and odd +0.6 [0.2, 0.9], hold. Second tasks have a weight to
choose beside the rate, and 5-or-more chose the highest of both. With grids up to 0.003 and 3, of
which those chosen lay at the ends too, odd on top was +2.4 [1.0, 3.8], inconclusive; the other
verdicts were the same.
"""

from pathlib import Path
from typing import Any

from jaxdl import launch
from jaxdl.launch import Field

FIELDS = {
    "steps": Field(400, "Training steps of each trial.", low=1),
    "seeds": Field(8, "Seeds of each setting.", low=1),
    "few": Field(50, "Labels of the digit where they are scarce.", low=1, high=500),
    "batch_size": Field(50, "Labelled images in a step, and images with the second label.", low=1),
    "hidden": Field((64, 64), "Widths of the trunk's layers.", low=1, repeats=True),
    "learning_rates": Field((1e-3, 3e-3, 1e-2), "Rates of Adam.", low=1e-12),
    "weights": Field((0.3, 1.0, 3.0, 10.0), "Weights of the second loss.", low=1e-12),
}
MANY = 500
SECOND = ("5 or more", "odd", "much ink", "coin")
TOP, LOWER = "head on top", "head on lower layer"
ALONE = "alone"
POINT, TWO_POINTS = 0.01, 0.02


def plan(config: Any) -> launch.Plan:
    """One program per depth of the second head; its task and weight are numbers inside it."""
    from jaxdl import sweep

    programs = {TOP: run(config, len(config.hidden)), LOWER: run(config, 1)}
    labels, rates = (float(config.few), float(MANY)), config.learning_rates
    settings = sweep.grid(second=SECOND[:1], weight=(0.0,), labels=labels, learning_rate=rates)
    settings += sweep.grid(second=SECOND, weight=config.weights, labels=labels, learning_rate=rates)
    trials = sweep.trials(list(programs), settings, range(config.seeds))
    shown = {name: {"head": name} for name in programs}
    return launch.Plan(programs, trials, datasets(), 1, {"second": SECOND}, shown)


def datasets() -> dict[str, Any]:
    """The digits with the labels of all second tasks, `second: [N, 4]`."""
    import numpy as np

    from jaxdl.data import batches, catalog, scaling

    digits = catalog.load("digits")
    scale = scaling.fit_max(digits.train["x"])
    middle = np.median(digits.train["x"].sum(axis=(1, 2, 3)))
    coins = np.random.default_rng(0)

    def with_second(arrays: dict[str, Any]) -> dict[str, Any]:
        y, ink = arrays["y"], arrays["x"].sum(axis=(1, 2, 3))
        second = [y >= 5, y % 2 == 1, ink > middle, coins.random(len(y)) < 0.5]
        return {
            "x": scaling.apply(scale, arrays["x"]),
            "y_main": y,
            "second": np.stack(second, axis=1).astype(np.int32),
        }

    parts = {name: with_second(getattr(digits, name)) for name in ("train", "validation", "test")}
    return {
        name: arrays if name == "train" else batches.padded_batches(arrays, len(arrays["y_main"]))
        for name, arrays in parts.items()
    }


def run(config: Any, depth: int) -> Any:
    """A trial whose key says which images are labelled."""
    import jax
    import jax.numpy as jnp

    from jaxdl import keys, losses, metrics, sweep
    from jaxdl.data import batches
    from jaxdl.models import Head, SharedTrunk
    from jaxdl.optimizers import adam
    from jaxdl.tasks import Objective, multitask

    heads = {"main": Head(10, len(config.hidden)), "second": Head(2, depth)}
    model = SharedTrunk(config.hidden, heads)

    def accuracy(logits: Any, y: Any, weights: Any) -> dict[str, Any]:
        return {"accuracy": metrics.accuracy(logits, y, weights)}

    def build(hparams: dict[str, Any]) -> Any:
        main = Objective(losses.softmax_cross_entropy, 1.0, accuracy)
        second = Objective(losses.softmax_cross_entropy, hparams["weight"], accuracy)
        task = multitask(model, {"main": main, "second": second})
        return task, adam(hparams["learning_rate"])

    def halves(key: Any, n: int, batch_size: int, first_step: Any, steps: int) -> Any:
        """Batches half of the labelled rows, which come first, and half of all rows."""
        both, size = jax.random.split(key), batch_size // 2
        parts = [
            batches.shuffled_indices(each, n // 2, size, first_step, steps) + start
            for each, start in zip(both, (0, n // 2), strict=True)
        ]
        return jnp.concatenate(parts, axis=1)

    single = sweep.make_run(
        build, steps=config.steps, batch_size=2 * config.batch_size, order=halves
    )

    def prepared(hparams: Any, key: Any, data: Any) -> dict[str, Any]:
        """The labelled rows over and over, then all rows without the label of the main task."""
        n = len(data["train"]["y_main"])
        order = batches.permutation(keys.named(key, "labelled"), n)
        labelled = order[jnp.arange(n) % hparams["labels"].astype(jnp.int32)]
        rows = batches.take(data["train"], jnp.concatenate([labelled, order]))
        has_main, half = jnp.arange(2 * n) < n, jnp.ones(2 * n)
        rows |= {"mask_main": has_main * half, "mask_second": ~has_main * half}
        parts = {**data, "train": rows}
        index = hparams["second"]
        return {
            name: {**part, "y_second": part["second"][..., index]} for name, part in parts.items()
        }

    return sweep.Run(
        lambda hparams, key, data: single.init(hparams, key, prepared(hparams, key, data)),
        lambda hparams, state, data: single.advance(
            hparams, state, prepared(hparams, state.key, data)
        ),
        lambda hparams, state, data: single.evaluate(
            hparams, state, prepared(hparams, state.key, data)
        ),
    )


def conclude(config: Any, plan: launch.Plan, results: Any, workdir: Path) -> launch.Conclusion:
    """Rate and weight by other seeds' validation; second tasks against the main one alone."""
    from jaxdl import report, stats

    frame = results.to_pandas()
    frame["task"] = frame["second"].where(frame["weight"] > 0, ALONE)
    by, over = ["head", "labels", "task"], ["learning_rate", "weight"]
    best = stats.select(frame, by, over, "validation_main_accuracy")
    chosen = stats.chosen_trials(frame, best, [*by, *over])
    seeds = chosen.assign(test=chosen["test_main_accuracy"].astype(float))
    seeds = seeds.pivot(index="seed", columns=by, values="test")

    def gain(head: str, labels: float, task: str) -> Any:
        return stats.paired_interval(seeds[head, labels, task], seeds[head, labels, ALONE])

    few, many = float(config.few), float(MANY)
    asked = [(head, few, task, TWO_POINTS, "above") for head in (TOP, LOWER) for task in SECOND[:2]]
    asked += [(TOP, few, "coin", POINT, "below")]
    asked += [(TOP, many, task, POINT, "below") for task in SECOND[:2]]
    words = {"above": "helps", "below": "does not help"}
    claims = [
        report.judge(
            "R6",
            f"{task!r} {words[direction]} with {labels:g} labels ({head})",
            "gain in test accuracy over the main task alone, paired",
            "1",
            threshold,
            gain(head, labels, task),
            "above" if direction == "above" else "below",
        )
        for head, labels, task, threshold, direction in asked
    ]
    names = [f"{task}, {labels:g} labels, {_place(head)}" for head, labels, task, *_ in asked]
    figure = report.intervals(claims, names, title="What a second task adds to the digits")
    alt = "Gain in test accuracy by second task"
    pictures = [report.Picture("gains", report.to_png(figure), alt), heat_map(seeds, gain)]
    table = rows(chosen, seeds, gain)
    report.show(table)
    headline = "; ".join(f"{claim.claim}: {claim.verdict}" for claim in claims)
    section = report.Section("What second tasks add", (*pictures, table))
    return launch.Conclusion(claims, [section], headline)


def heat_map(seeds: Any, gain: Any) -> Any:
    """Gain by second task, labels and place of the head."""
    import pandas as pd

    from jaxdl import report

    columns = list(dict.fromkeys((head, labels) for head, labels, _ in seeds.columns))
    cells = {
        f"{labels:g} labels, {_place(head)}": {task: gain(head, labels, task) for task in SECOND}
        for head, labels in columns
    }
    means, low, high = (
        pd.DataFrame({key: {t: 100 * i[part] for t, i in c.items()} for key, c in cells.items()})
        for part in range(3)
    )
    figure = report.heat_map(
        means.rename_axis(index="second task"),
        bounds=(low, high),
        title="Gain of the main task from a second one",
        label="gain in test accuracy (points)",
    )
    caption = "Mean over seeds and its 95 % interval, paired."
    return report.Picture("map", report.to_png(figure), "Heat map of the gains", caption)


def _place(head: str) -> str:
    """Where the second head is, short enough for a label."""
    return "top" if head == TOP else "lower"


def rows(chosen: Any, seeds: Any, gain: Any) -> Any:
    """Accuracy, choice and gain of every condition."""
    from jaxdl import report

    cells = []
    for (head, labels, task), mine in chosen.groupby(["head", "labels", "task"], sort=False):
        difference = gain(head, labels, task)
        cells.append((
            str(head), f"{labels:g}", str(task),
            *(report.distinct(mine[name]) for name in ("learning_rate", "weight")),
            report.percent(seeds[head, labels, task].mean(skipna=False)),
            "–" if task == ALONE
            else report.estimate(difference, report.percent),
        ))  # fmt: skip
    header = (
        "head",
        "labels",
        "second task",
        "rate",
        "weight",
        "test accuracy (%)",
        "gain (points)",
    )
    caption = (
        "Each seed at the rate and weight that other seeds chose on validation. "
        "Gain over the main task alone: the mean and its 95 % interval of Student's t, paired over "
        "seeds."
    )
    return report.Table(header, tuple(cells), frozenset({1, 3, 4, 5, 6}), caption)


if __name__ == "__main__":
    launch.main(launch.Experiment(FIELDS, plan, conclude), __file__, __doc__ or "")

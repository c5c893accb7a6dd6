"""Multi-task learning on the digits: does a second head help the first?

The main task is the digit, with 50 or 500 labels; the second one is known of all 1,077 training
images: whether the digit is 5 or more, whether it is odd, whether there is much ink (which anyone
can tell without labels), or a fair coin for each image. Its head is on top of the trunk or, as an
easier task, on its lower layer. Alone: the same network and the same batches, its second loss at
weight 0. A seed moves the labelled images, the initialization and the batches; it is at the rate
and weight that other seeds chose on validation. Second tasks have a weight to choose beside the
rate.

    python -m experiments.multitask --workdir=runs/multitask  # 1.5 minutes on 2 cores
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxdl import keys, launch, losses, metrics, report, stats, sweep
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import Head, SharedTrunk
from jaxdl.optimizers import adam
from jaxdl.report import Claim, Picture, Section
from jaxdl.tasks import Objective, multitask
from jaxdl.types import Array, Metrics, PyTree, Task

MANY = 500
SECOND = ("5 or more", "odd", "much ink", "coin")
TOP, LOWER, ALONE = "head on top", "head on lower layer", "alone"
GAIN = "gain in test accuracy over the main task alone, paired"
CLAIMS = HELPS, COIN, NEEDLESS = (
    Claim("R6", "a related second task helps with few labels", GAIN, above=0.02, unit="points"),
    Claim("R6", "a coin as second task does not help with few labels",
          GAIN, below=0.01, unit="points"),
    Claim("R6", "a related second task does not help with many labels",
          GAIN, below=0.01, unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """How scarce labels are, which rates and weights are tried."""

    steps: int = setting(400, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=1)
    few: int = setting(50, "Labels of the digit where they are scarce.", low=1, high=500)
    batch_size: int = setting(50, "Images in a step, of each of the two tasks.", low=1)
    hidden: tuple[int, ...] = launch.widths(64, 64, help="Widths of the trunk's layers.")
    learning_rates: tuple[float, ...] = launch.rates(1e-3, 3e-3, 1e-2)
    weights: tuple[float, ...] = setting(
        (0.3, 1.0, 3.0, 10.0), "Weights of the second loss.", low=1e-12
    )


def plan(config: Config) -> sweep.Plan:
    """One program per depth of the second head; its task and weight are numbers inside it."""
    axes = {"labels": (float(config.few), float(MANY)), "learning_rate": config.learning_rates}
    points = sweep.grid(second=SECOND[:1], weight=(0.0,), **axes)
    points += sweep.grid(second=SECOND, weight=config.weights, **axes)
    return sweep.plan(
        {TOP: (run(config, len(config.hidden)), points), LOWER: (run(config, 1), points)},
        datasets(),
        seeds=config.seeds,
        column="head",
        categories={"second": SECOND},
    )


def datasets() -> sweep.Data:
    """The digits with the labels of all second tasks, `second: [N, 4]`."""
    digits = catalog.load("digits")
    scale = scaling.fit_max(digits.train["x"])
    middle = np.median(digits.train["x"].sum(axis=(1, 2, 3)))
    coins = np.random.default_rng(0)

    def with_second(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        y, ink = arrays["y"], arrays["x"].sum(axis=(1, 2, 3))
        second = [y >= 5, y % 2 == 1, ink > middle, coins.random(len(y)) < 0.5]
        return {
            "x": scaling.apply(scale, arrays["x"]),
            "y_main": y,
            "second": np.stack(second, axis=1).astype(np.int32),
        }

    names = ("train", "validation", "test")
    return splits.in_batches({name: with_second(getattr(digits, name)) for name in names})


def run(config: Config, depth: int) -> sweep.Run:
    """A trial whose key says which images are labelled."""
    heads = {"main": Head(10, len(config.hidden)), "second": Head(2, depth)}
    model = SharedTrunk(config.hidden, heads)

    def accuracy(logits: Array, y: Array, weights: Array) -> Metrics:
        return {"accuracy": metrics.accuracy(logits, y, weights)}

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
        main = Objective(losses.softmax_cross_entropy, 1.0, accuracy)
        second = Objective(losses.softmax_cross_entropy, hparams["weight"], accuracy)
        task = multitask(model, {"main": main, "second": second})
        return task, adam(hparams["learning_rate"])

    def halves(key: Array, n: int, batch_size: int, first_step: Array, steps: int) -> Array:
        """Batches half of the labelled rows, which come first, and half of all rows."""
        both, size = jax.random.split(key), batch_size // 2
        parts = [
            batches.shuffled_indices(each, n // 2, size, first_step, steps) + start
            for each, start in zip(both, (0, n // 2), strict=True)
        ]
        return jnp.concatenate(parts, axis=1)

    def prepared(hparams: PyTree, key: Array, data: sweep.Data) -> sweep.Data:
        """The labelled rows over and over, then all rows without the label of the main task."""
        n = len(data["train"]["y_main"])
        order = batches.permutation(keys.named(key, "labelled"), n)
        labelled = order[jnp.arange(n) % hparams["labels"].astype(jnp.int32)]
        rows = batches.take(data["train"], jnp.concatenate([labelled, order]))
        has_main, half = jnp.arange(2 * n) < n, jnp.ones(2 * n)
        rows |= {"mask_main": has_main * half, "mask_second": ~has_main * half}
        return {
            name: {**part, "y_second": part["second"][..., hparams["second"]]}
            for name, part in {**data, "train": rows}.items()
        }

    size = 2 * config.batch_size
    single = sweep.make_run(build, steps=config.steps, batch_size=size, order=halves)
    return sweep.on(prepared, single)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rate and weight by other seeds' validation; second tasks against the main one alone."""
    frame = results.frame()
    frame["task"] = frame["second"].where(frame["weight"] > 0, ALONE)
    by, over = ("head", "labels", "task"), ("learning_rate", "weight")
    tuned = stats.tune(frame, by, over, "validation_main_accuracy")
    few, many, related = float(config.few), float(MANY), SECOND[:2]

    def gain(head: str, labels: float, task: str) -> stats.Interval:
        return tuned.gain("test_main_accuracy", (head, labels, task), (head, labels, ALONE))

    def where(head: str, labels: float) -> str:
        return f"{labels:g} labels, {head.removeprefix('head on ').removesuffix(' layer')}"

    asked = [
        *((HELPS, (head, few, task)) for head in (TOP, LOWER) for task in related),
        (COIN, (TOP, few, "coin")),
        *((NEEDLESS, (TOP, many, task)) for task in related),
    ]
    names = [f"{task}, {where(head, labels)}" for _, (head, labels, task) in asked]
    pairs = zip(asked, names, strict=True)
    judged = [claim.judge(gain(*each), name) for (claim, each), name in pairs]
    bars = report.intervals(judged, names, title="What a second task adds to the digits")
    gains = {
        where(head, labels): {task: gain(head, labels, task) for task in SECOND}
        for head, labels in frame[["head", "labels"]].drop_duplicates().itertuples(index=False)
    }
    blocks = (
        Picture("gains", bars, "Gain in test accuracy by second task"),
        report.interval_map(
            gains, down="second task", title="Gain of the main task from a second one",
            label="gain in test accuracy (points)",
            caption="Mean over seeds and its 95 % interval, paired.",
        ),
        report.tuned_table(tuned, "test_main_accuracy", against=ALONE),
    )  # fmt: skip
    return launch.Conclusion(judged, [Section("What second tasks add", blocks)])


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))

"""Sorted training data, and what more data cures: an MLP on the digits.

The training set sorted by class and gone through in that order, against a new order in every
epoch; the same steps, batches of the same size, both at the rate that validation chose for them:
shuffled data bear a far higher one, and a grid that ends too early hides a part of the difference.
Then learning curves: training and dev error by the number of examples (drawn by the seed), each
number with a diagnosis of bias and variance against a target error.

    python -m experiments.shuffling --workdir=runs/shuffling  # 0.5 minutes on 2 cores
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import keys, launch, report, stats, sweep, tasks
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, TrainState

CLAIMS = AHEAD, SHRINKS = (
    Claim("F16", "shuffled data trains better than data sorted by class",
          "paired difference in test accuracy, shuffled minus sorted", above=0.1, unit="points"),
    Claim("F16", "from the fewest to the most examples the variance shrinks",
          "paired difference of the gaps between dev and training error", above=0.05,
          unit="points"),
)  # fmt: skip


class Config(launch.Config):
    """At which rates the orders are compared, and how many examples there are."""

    steps: int = setting(600, "Training steps of each trial.", low=1)
    seeds: int = setting(48, "Seeds of each setting.", low=1)
    batch_size: int = setting(32, "Examples in a step.", low=1, high=1077)
    hidden: tuple[int, ...] = launch.widths(64)
    learning_rates: tuple[float, ...] = launch.rates(0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
    examples: tuple[int, ...] = setting(
        (20, 50, 100, 200, 500, 1077), "Numbers of examples.", low=1, high=1077
    )
    target_error: float = setting(0.01, "Error that is asked for.", low=0, high=1)
    tolerance: float = setting(0.02, "Distance that counts as high.", low=0, high=1)


def plan(config: Config) -> sweep.Plan:
    """Two orders of all examples, and shuffled parts of them, whose size is a number."""
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    by_class = np.argsort(data["train"]["y"], kind="stable")
    data["train"] = {name: array[by_class] for name, array in data["train"].items()}
    whole = sweep.grid(learning_rate=config.learning_rates)
    parts = sweep.grid(examples=config.examples, learning_rate=config.learning_rates)
    return sweep.plan(
        {
            "shuffled": (program(config, batches.shuffled_indices), whole),
            "sorted": (program(config, batches.ordered_indices), whole),
            "part": (program_on_part(config), parts),
        },
        data,
        seeds=config.seeds,
        column="order",
    )


def program(config: Config, order: Callable[..., Array]) -> sweep.Run:
    """Training by SGD on the batches of an order."""
    build = sweep.by_rate(tasks.classification(MLP(config.hidden, 10)), sgd)
    return sweep.make_run(build, steps=config.steps, batch_size=config.batch_size, order=order)


def program_on_part(config: Config) -> sweep.Run:
    """The run on the first `examples` of an order that the trial's key draws."""

    def drawn(key: Array, n: int) -> Array:
        return batches.permutation(keys.named(key, "examples"), n)

    def run(hparams: PyTree) -> sweep.Run:
        def order(key: Array, n: int, batch_size: int, first_step: Array, steps: int) -> Array:
            steps_key = jax.random.fold_in(key, first_step)
            count = jnp.asarray(hparams["examples"], jnp.int32)
            ranks = jax.random.randint(steps_key, (steps, batch_size), 0, count)
            return drawn(key, n)[ranks]

        return program(config, order)

    trained = sweep.of_hparams(run)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        rows = drawn(batches.order_key(state.key), len(data["train"]["y"]))
        seen = jnp.arange(len(rows)) < hparams["examples"]
        part = {**batches.take(data["train"], rows), "mask": seen.astype(jnp.float32)}
        data = {**data, "seen": {name: array[None] for name, array in part.items()}}
        return trained.evaluate(hparams, state, data)

    return trained._replace(evaluate=evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """The two orders paired by seed; errors by the number of examples."""
    frame = results.frame()
    whole, parts = (frame[frame["order"].eq("part").eq(part)] for part in (False, True))
    orders = stats.tune(whole, "order", "learning_rate")
    curve = stats.tune(parts, "examples", "learning_rate").trials
    curve = curve.assign(training=1 - curve["seen_accuracy"], dev=1 - curve["validation_accuracy"])
    gap = curve.assign(gap=curve["dev"] - curve["training"])
    gap = gap.pivot(index="seed", columns="examples", values="gap")
    few, many = min(config.examples), max(config.examples)
    claims = [
        AHEAD.judge(orders.gain("test_accuracy", "shuffled", "sorted")),
        SHRINKS.judge(stats.paired_interval(gap[few], gap[many]), f"{few} and {many}"),
    ]
    means = curve.groupby("examples")[["training", "dev"]].mean()
    found = report.diagnoses(means, config.target_error, config.tolerance)
    summary = report.summary(whole, ["order"], examples=int(plan.data["test"]["mask"].sum()))
    losses = report.course(
        results, orders.trials.assign(data="digits"), panel="data", line="order",
        title="Training loss by the order of the data, at the chosen rates",
    )  # fmt: skip
    errors = curve.melt(["examples", "seed"], ["training", "dev"], "set", "error")
    by_number = report.profile(
        errors, "examples", "error", line="set", x_scale="log",
        title="Learning curve of the MLP on the digits",
        x_label="training examples (log scale)", y_label="error (%)",
        references={"target error": lambda examples: 100 * config.target_error},
    )  # fmt: skip
    in_sorted = (
        "In sorted order each batch is of one class, or two: its loss is not that of the set."
    )
    by_order = (report.summary_table(summary, ["order"]), losses, in_sorted)
    return launch.Conclusion(
        claims,
        [
            Section("Order of the data", by_order),
            Section(
                "By number of examples",
                (found, by_number),
            ),
        ],
    )


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))

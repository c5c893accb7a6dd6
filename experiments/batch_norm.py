"""Does batch norm allow larger rates, forgive a bad initialization, hasten and regularize training?

An MLP of four hidden layers on the digits, with batch norm and without it: plain SGD, weights of
He's initialization times a scale. The largest usable rate of a seed is the largest one at which its
test accuracy is at most five points below that at the rate that other seeds chose on validation. A
trial that diverged counts as guessing. Steps to the target are those after which the training loss,
a mean over ten steps, is below 0.1 nats first; a trial that never comes there has taken all. A seed
moves initialization and order of the data, and is shared.

    python -m experiments.batch_norm --workdir=runs/batch_norm  # 0.5 minutes on 2 cores
"""

import math
from collections.abc import Callable, Sequence

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import launch, report, stats, sweep, tasks
from jaxdl.data import catalog, scaling, splits
from jaxdl.initializers import Initializer, he_normal
from jaxdl.launch import setting
from jaxdl.layers.norms import BatchNorm
from jaxdl.optimizers import sgd
from jaxdl.report import Claim, Section
from jaxdl.types import Array, PyTree, Task

CLAIMS = LARGER_RATE, LESS_SPREAD, FASTER, NARROWER = (
    Claim("R2", "batch norm allows three times the learning rate or more",
          "log10 of the ratio of the largest usable rates, with over without, at He's scale",
          above=math.log10(3)),
    Claim("R2", "with batch norm, accuracy depends less on the scale of the initialization",
          "largest minus smallest test accuracy over the scales, without minus with",
          above=0.05, unit="points"),
    Claim("R2", "with batch norm training needs fewer steps",
          "log2 of the ratio of the steps to the target, with over without, at He's scale",
          below=-0.5),
    Claim("R2", "batch norm regularizes",
          "paired difference of the gap in accuracy between training and test, at He's scale",
          below=0.0, unit="points"),
)  # fmt: skip
WITH, WITHOUT = "batch norm", "no norm"
TOLERATED, CHANCE, TARGET, WINDOW = 0.05, 0.1, 0.1, 10
Norm = Callable[[Array, bool], Array]


class Config(launch.Config):
    """Which networks are trained, from which scales, at which rates."""

    steps: int = setting(300, "Training steps of each trial.", low=1)
    seeds: int = setting(8, "Seeds of each setting.", low=2)
    batch_size: int = setting(64, "Examples in a step.", low=2, high=1077)
    width: int = setting(64, "Units of each hidden layer.", low=1)
    depth: int = setting(4, "Hidden layers.", low=1)
    scales: tuple[float, ...] = setting(
        (0.25, 1.0, 4.0), "Factors on He's initialization; 1 among them.", low=1e-12
    )
    lowest_rate: float = setting(1e-5, "The smallest of the learning rates.", low=1e-12)
    rates: int = setting(22, "Learning rates to try, three a decade.", low=1)


def plan(config: Config) -> sweep.Plan:
    """Two programs; rate, scale of the initialization and seed are numbers inside them."""
    if 1.0 not in config.scales:
        raise launch.UserError("config.scales: 1, the scale that He chose, is not among them")
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_whole)

    def program(norm: Norm) -> sweep.Run:
        def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation]:
            def kernel_init(key: Array, shape: Sequence[int], dtype: jnp.dtype) -> Array:
                return hparams["scale"] * he_normal(key, shape, dtype)

            model = network(config.depth * (config.width,), norm, kernel_init)
            return tasks.classification(model), sgd(hparams["learning_rate"])

        return sweep.make_run(
            build, steps=config.steps, batch_size=config.batch_size, evaluate_train=512
        )

    rates = [config.lowest_rate * 10 ** (n / 3) for n in range(config.rates)]
    points = sweep.grid(scale=config.scales, learning_rate=rates)
    programs = {
        WITHOUT: (program(lambda x, train: x), points),
        WITH: (program(lambda x, train: BatchNorm()(x, train=train)), points),
    }
    return sweep.plan(programs, data, seeds=config.seeds, column="norm")


def network(features: Sequence[int], norm: Norm, kernel_init: Initializer) -> nn.Module:
    """A ReLU MLP with ten outputs and `norm(x, train)` before each activation."""

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Array, *, train: bool) -> Array:
            x = x.reshape(len(x), -1)
            for width in features:
                x = nn.relu(norm(nn.Dense(width, kernel_init=kernel_init)(x), train))
            return nn.Dense(10, kernel_init=kernel_init)(x)

    return Network()


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Largest usable rate at He's scale, and spread of accuracy over the scales."""
    frame, by = results.frame(), ("norm", "scale")
    frame["accuracy"] = frame["test_accuracy"].fillna(CHANCE)
    tuned = stats.tune(frame, by, "learning_rate")
    largest = largest_usable(frame, tuned)
    at_he = np.log10(largest.xs(1.0, level="scale").unstack("norm"))
    accuracy = tuned.trials.groupby(["seed", "norm"])["accuracy"]
    spread = (accuracy.max() - accuracy.min()).unstack("norm")
    summary = report.summary(frame, by, examples=int(plan.data["test"]["mask"].sum()))
    rates = [
        {"norm": norm, "scale": f"{scale:g}", "largest usable rate": 10 ** np.log10(mine).mean()}
        | {"lowest seed": mine.min(), "highest seed": mine.max()}
        for (norm, scale), mine in largest.groupby(list(by), sort=False)
    ]
    caption = "Largest usable rate: geometric mean over the seeds, and its range."
    tables = report.summary_table(summary, by), report.table(rates, caption)
    pictures = report.along(
        frame.assign(scale="He × " + frame["scale"].map("{:g}".format)),
        "learning_rate", "test_accuracy", panel="scale", line="norm",
        title="Test accuracy against the rate, by scale of the initialization",
        y_label="test accuracy (%)",
    )  # fmt: skip
    mine = tuned.trials[tuned.trials["scale"].eq(1.0)]
    needed = steps_needed(results, mine).pivot(index="seed", columns="norm", values="log2")
    gap = mine.assign(gap=mine["train_accuracy"].astype(float) - mine["test_accuracy"])
    gap = gap.pivot(index="seed", columns="norm", values="gap")
    claims = [
        LARGER_RATE.judge(stats.paired_interval(at_he[WITH], at_he[WITHOUT])),
        LESS_SPREAD.judge(stats.paired_interval(spread[WITHOUT], spread[WITH])),
        FASTER.judge(stats.paired_interval(needed[WITH], needed[WITHOUT])),
        NARROWER.judge(stats.paired_interval(gap[WITH], gap[WITHOUT])),
    ]
    course = report.profile(
        results.curve_frame("loss", mine), "step", "loss", line="norm", y_scale="log",
        title="Training at He's scale, each at its own rate",
        x_label="training step", y_label="training loss (nats, log scale)",
    )  # fmt: skip
    sections = [
        Section("By norm and scale", tables),
        Section("By learning rate", pictures),
        Section("Speed", (course,)),
    ]
    return launch.Conclusion(claims, sections)


def steps_needed(results: sweep.Results, trials: pd.DataFrame) -> pd.DataFrame:
    """The trials with `log2` of the steps to the target."""
    curves = results.curve_frame("loss", trials)
    curves = curves.pivot(index="trial", columns="step", values="loss").loc[trials["trial"]]
    means = curves.T.rolling(WINDOW, min_periods=1).mean().T.to_numpy(float)
    steps = np.arange(1, means.shape[1] + 1)
    reached = stats.time_to_target(steps, means, TARGET, stats.kind("loss"))
    return trials.assign(log2=np.log2(np.minimum(reached, steps[-1])))


def largest_usable(frame: pd.DataFrame, tuned: stats.Tuned) -> pd.Series:
    """The rate of each norm, scale and seed."""
    keys = [*tuned.by, "seed"]
    best = tuned.trials[[*keys, "accuracy"]].rename(columns={"accuracy": "best"})
    merged = frame.merge(best, on=keys, validate="many_to_one")
    usable = merged[merged["accuracy"] >= merged["best"] - TOLERATED]
    return usable.groupby(keys, sort=False)["learning_rate"].max()


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))

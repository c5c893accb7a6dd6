"""Adagrad on sparse and on dense features, and what becomes of its effective rate.

Logistic regression on fresh examples of a random teacher, never seen twice: features that are there
or not, with frequencies 1/2j (Zipf's law) or all equal, and dense normal ones of the same mean
square. Each optimizer tries the same rates, first only constant ones, then these and such as fall
linearly to zero; they are chosen on validation examples of the same teachers. The effective rate
η/√G, at the mean G over parameters (of RMSProp, which is to repair its decay, at the mean n), is
followed there and in an MLP that comes to fit the digits, at a constant η; its slope is that over
the last nine tenths of the steps. Most of what Adagrad gains over SGD at constant rates is the
falling rate.

    python -m experiments.sparse_features --workdir=runs/sparse_features  # 1.6 minutes on 2 cores
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pandas as pd

from jaxdl import keys, launch, losses, report, stats, sweep, tasks, train
from jaxdl.data import batches, catalog, scaling, splits
from jaxdl.data.sources import teachers
from jaxdl.data.sources.teachers import FEATURES
from jaxdl.launch import setting
from jaxdl.models import MLP
from jaxdl.optimizers import OPTIMIZERS, AdagradState, RmspropState
from jaxdl.report import Claim, Judged, Picture, Section
from jaxdl.types import Array, Batch, PyTree, Task, TrainState

DIGITS, EVALUATED, SLOPE = "digits MLP", 2048, -0.5
FOLLOWED = ("adagrad", "rmsprop")
CLAIMS = AS_ROOT, TO_LITTLE, REPAIRED, BEATS = (
    Claim("O3", "Adagrad's effective rate falls as 1/√t",
          f"distance of the slope of log rate over log step from {SLOPE:g}", below=0.1),
    Claim("O3", "Adagrad's effective rate decays to little",
          "effective rate after the last step, of that after step 1", below=0.1),
    Claim("O3", "RMSProp's effective rate does not decay",
          "slope of log rate over log step", above=-0.1),
    Claim("O3", "Adagrad beats its rival", "difference in test loss from the rival",
          below=-0.01, unit="nats"),
)  # fmt: skip
Factory = Callable[..., optax.GradientTransformation]
Draw = Callable[[PyTree, Array, Array | int, sweep.Data], Batch]
Measure = Callable[[PyTree, TrainState, sweep.Data], dict[str, Array]]


class Config(launch.Config):
    """Which optimizers are compared, on how many features, at which rates."""

    steps: int = setting(500, "Training steps of each trial.", low=2)
    seeds: int = setting(10, "Seeds; each has its own teacher, examples and initialization.", low=1)
    size: int = setting(256, "Number of features.", low=2)
    batch_size: int = setting(16, "Examples in a step.", low=1, high=1077)
    learning_rates: tuple[float, ...] = launch.rates(
        3e-3, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, help="Rates to try."
    )
    optimizers: tuple[str, ...] = setting(
        ("adagrad", "sgd", "momentum", "rmsprop", "adam"), "Adagrad and its rivals."
    )


def plan(config: Config) -> sweep.Plan:
    """One program per optimizer, features, rate and its end inside; digits for those followed."""
    if "adagrad" not in config.optimizers or len(config.optimizers) < 2:
        raise launch.UserError("config.optimizers: name adagrad, and at least one rival")
    chosen = launch.choose_all("optimizers", config.optimizers, OPTIMIZERS)
    data, _ = splits.for_run(catalog.load("digits"), scaling.fit_max)
    rates = config.learning_rates
    points = sweep.grid(features=FEATURES, end=[1.0, 0.0], learning_rate=rates)
    digits = sweep.grid(features=[DIGITS], end=[1.0], learning_rate=rates)
    programs = {name: (logistic(config, factory), points) for name, factory in chosen.items()}
    labels = {name: {"optimizer": name} for name in chosen}
    for name in (name for name in FOLLOWED if name in chosen):
        programs[f"{DIGITS}, {name}"] = on_digits(config, OPTIMIZERS[name]), digits
        labels[f"{DIGITS}, {name}"] = {"optimizer": name}
    return sweep.plan(
        programs,
        data,
        seeds=config.seeds,
        labels=labels,
        categories={"features": (*FEATURES, DIGITS)},
    )


def followed(
    config: Config, task: Task, factory: Factory, batch: Draw, evaluate: Measure
) -> sweep.Run:
    """Training on `batch(hparams, key, step, data)`, the rate constant or falling, followed."""

    def build(hparams: PyTree) -> tuple[Task, optax.GradientTransformation, sweep.Record]:
        change = (hparams["end"] - 1) / config.steps

        def rate(step: Array) -> Array:
            return hparams["learning_rate"] * (1 + change * step)

        return task, factory(rate), functools.partial(effective, rate)

    return sweep.online(build, batch, evaluate, config.steps)


def effective(rate: Callable[[Array], Array], state: TrainState) -> dict[str, Array]:
    """The η / √G of Adagrad's last step, at the mean G over parameters; RMSProp's η / √n alike."""
    match state.opt_state[0]:
        case AdagradState(sum_of_squares=squares) | RmspropState(mean_of_squares=squares):
            leaves = jax.tree.leaves(squares)
        case _:
            return {}
    mean = sum(leaf.sum() for leaf in leaves) / sum(leaf.size for leaf in leaves)
    return {"effective": rate(state.step - 1) / jnp.sqrt(mean)}


def logistic(config: Config, factory: Factory) -> sweep.Run:
    """Online logistic regression: fresh examples in each step, others for validation and test."""
    model = MLP((), 1, kernel_init=nn.initializers.zeros)
    task = tasks.supervised(model, losses.binary_cross_entropy)
    draw = teachers.logistic(config.size)

    def numbered(hparams: PyTree, key: Array, number: Array | int, count: int) -> Batch:
        # One stream of keys a trial: the teacher's, those of two evaluations, then the batches'.
        stream = keys.named(key, "examples")
        teacher, fresh = (jax.random.fold_in(stream, n) for n in (0, number + 1))
        return draw(teacher, fresh, hparams["features"], count)

    def batch(hparams: PyTree, key: Array, step: Array | int, data: sweep.Data) -> Batch:
        return numbered(hparams, key, step + 2, config.batch_size)

    def evaluate(hparams: PyTree, state: TrainState, data: sweep.Data) -> dict[str, Array]:
        measured = {
            split: train.measure(task, state, numbered(hparams, state.key, number, EVALUATED))
            for number, split in enumerate(("validation", "test"))
        }
        return {f"{split}_loss": train.mean(sums)["loss"] for split, sums in measured.items()}

    return followed(config, task, factory, batch, evaluate)


def on_digits(config: Config, factory: Factory) -> sweep.Run:
    """An MLP on the digits, which it comes to fit."""
    task, size = tasks.classification(MLP((64, 64), 10)), config.batch_size
    other = sweep.make_run(lambda hparams: (task, factory(1.0)), steps=1, batch_size=size)

    def batch(hparams: PyTree, key: Array, step: Array | int, data: sweep.Data) -> Batch:
        examples = len(data["train"]["y"])
        order = batches.shuffled_indices(batches.order_key(key), examples, size, step, 1)
        return batches.take(data["train"], order[0])

    return followed(config, task, factory, batch, other.evaluate)


def conclude(config: Config, plan: sweep.Plan, results: sweep.Results) -> launch.Conclusion:
    """Rates by validation loss, differences of test loss, and slopes of the effective rate."""
    frame = results.frame()
    frame["course"] = np.where(frame["end"].eq(1.0), "held constant", "falling")
    courses = {
        "constant rates": frame[frame["end"].eq(1.0)].reset_index(drop=True),
        "constant or falling rates": frame,
    }
    by, over = ("features", "optimizer"), ("learning_rate", "course")
    tuned = {
        course: stats.tune(trials, by, over, "validation_loss")
        for course, trials in courses.items()
    }
    constant, free = tuned.values()
    by_optimizer = constant.trials.groupby("optimizer", sort=False)
    rates = {
        name: results.curve_frame("effective", by_optimizer.get_group(name))
        for name in FOLLOWED
        if name in config.optimizers
    }
    claims = rate_claims(config, rates)
    for rival in (name for name in config.optimizers if name != "adagrad"):
        quantity = f"difference in test loss from {rival}"
        beats = dataclasses.replace(BEATS, text=f"Adagrad beats {rival}", quantity=quantity)
        gaps = {
            f"{name} features, {course}": found.gain("test_loss", (name, "adagrad"), (name, rival))
            for course, found in tuned.items()
            for name in FEATURES
        }
        claims += beats.judge_each(gaps)
    shown = frame[frame["features"].isin(FEATURES)].merge(free.selection[[*by, "course"]])
    sensitivity = report.along(
        shown, "learning_rate", "validation_loss", panel="features", line="optimizer",
        title="Validation loss against the learning rate, constant or falling as was chosen",
        x_label="learning rate (log scale)", y_label="validation loss (nats, log scale)",
        y_scale="log",
    )  # fmt: skip
    tables = [report.tuned_table(found, "test_loss", against="adagrad") for found in tuned.values()]
    sections = [
        Section("Test loss", (*tables, *sensitivity)),
        Section("Effective rates", tuple(picture(name, each) for name, each in rates.items())),
    ]
    return launch.Conclusion(claims, sections)


def rate_claims(config: Config, rates: Mapping[str, pd.DataFrame]) -> list[Judged]:
    """How Adagrad's effective rate falls, and how far; whether RMSProp's does."""
    adagrad = _pivoted(rates["adagrad"])
    near = {
        name: stats.magnitude(stats.mean_interval(slopes(config, curves) - SLOPE))
        for name, curves in adagrad.items()
    }
    left = {
        name: stats.mean_interval(curves[:, -1] / curves[:, 0], "positive")
        for name, curves in adagrad.items()
    }
    claims = AS_ROOT.judge_each(near) + TO_LITTLE.judge_each(left)
    if "rmsprop" in rates:
        of_rmsprop = _pivoted(rates["rmsprop"]).items()
        claims += REPAIRED.judge_each(
            {name: stats.mean_interval(slopes(config, curves)) for name, curves in of_rmsprop}
        )
    return claims


def _pivoted(rates: pd.DataFrame) -> dict[str, np.ndarray]:
    """Effective rates by features, `[seeds, steps]`."""
    return {
        str(name): mine.pivot(index="seed", columns="step", values="effective").to_numpy(float)
        for name, mine in rates.groupby("features", sort=False)
    }


def slopes(config: Config, curves: np.ndarray) -> np.ndarray:
    """Of log rate over log step, `[seeds]`, in the last nine tenths of the steps."""
    late = np.arange(config.steps) >= config.steps // 10
    time = np.log(np.arange(1, config.steps + 1)[late])
    time -= time.mean()
    return (time * np.log(curves[:, late])).sum(axis=1) / (time**2).sum()


def picture(name: str, rates: pd.DataFrame) -> Picture:
    """The effective rate of what it was after step 1."""
    first = rates.groupby(["features", "seed"])["effective"].transform("first")
    drawn = report.profile(
        rates.assign(relative=rates["effective"] / first), "step", "relative", line="features",
        title=f"Effective rate of {name} at a constant η", x_scale="log", y_scale="log",
        x_label="training step (log scale)",
        y_label="effective rate, of that after step 1 (log scale)",
        references={"1/√t": lambda step: step**-0.5},
    )  # fmt: skip
    return drawn._replace(name=f"effective_rate_of_{name}")


if __name__ == "__main__":
    launch.main(launch.Experiment(Config, plan, conclude, CLAIMS))
